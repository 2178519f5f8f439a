//! What the machine asks of its host.
//!
//! [`Env`] is the host's side of a run: memory behind handles, maps, helpers. A
//! helper sees its arguments as [`Value`]s, resolved by its prototype, so that
//! one function serves runs of every kind.
//!
//! Answers to: struct bpf_verifier_ops (get_func_proto), struct bpf_func_proto.

use crate::memory::RunMemory;
use core::ops::Range;
use skep_verifier::{HelperProto, MapDesc};

/// The bytes that one access moves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Width {
    /// One byte.
    One = 1,
    /// Two bytes.
    Two = 2,
    /// Four bytes.
    Four = 4,
    /// Eight bytes.
    Eight = 8,
}

impl Width {
    /// How many bytes.
    pub const fn bytes(self) -> usize {
        self as usize
    }

    /// The part of `value` that fits.
    pub const fn truncate(self, value: u64) -> u64 {
        match self {
            Width::One => value as u8 as u64,
            Width::Two => value as u16 as u64,
            Width::Four => value as u32 as u64,
            Width::Eight => value,
        }
    }
}

/// A place in memory of the host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The handle, 12 bits.
    pub handle: u16,
    /// The offset, 48 bits, in the host's own encoding.
    pub offset: u64,
}

/// What an atomic instruction does to a word in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomicOp {
    /// Adds the operand, wrapping.
    Add,
    /// Sets the operand's bits.
    Or,
    /// Keeps only the operand's bits.
    And,
    /// Flips the operand's bits.
    Xor,
    /// Writes the operand.
    #[doc(alias = "BPF_XCHG")]
    Exchange,
    /// Writes the operand if the word equals `expected`.
    #[doc(alias = "BPF_CMPXCHG")]
    CompareExchange {
        /// What the word has to be.
        expected: u64,
    },
    /// Reads the word with acquire order; there is no operand.
    #[doc(alias = "BPF_LOAD_ACQ")]
    LoadAcquire,
    /// Writes the operand with release order.
    #[doc(alias = "BPF_STORE_REL")]
    StoreRelease,
}

/// Why the host refuses an access to its memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FaultKind {
    /// The access leaves the object.
    OutOfBounds,
    /// The object may not be written.
    ReadOnly,
    /// The object may not be read.
    WriteOnly,
    /// No such object, or none any more.
    NoObject,
}

/// An access to the host's memory that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Why.
    pub kind: FaultKind,
    /// What the memory is, as the object of a sentence: `the value of map "counts"`.
    pub what: String,
    /// Where the access begins, from the start of the object.
    pub offset: i64,
    /// What would have been allowed, from the start of the object.
    pub allowed: Range<i64>,
}

/// An argument as a helper's function sees it.
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// The helper takes nothing here, or a null pointer where that is allowed.
    None,
    /// A number, or whatever was given where anything is taken.
    Number(u64),
    /// Whatever was given, and of a pointer the bytes from there on: up to a NUL,
    /// but at least 16 if there are as many.
    Text(u64, &'a [u8]),
    /// Bytes to read, and what is behind each word of 8 of them, as for a text.
    Texts(&'a [u8], &'a [Vec<u8>]),
    /// A map, by its handle.
    Map(u32),
    /// Bytes to read.
    In(&'a [u8]),
    /// Bytes to write; they hold what the memory holds now.
    Out(&'a mut [u8]),
    /// The program's context, which is in [`RunMemory`].
    Context,
    /// A subprogram, by its first instruction.
    Func(usize),
}

/// The arguments of a call, resolved.
pub type Args<'a> = [Value<'a>; 5];

/// What a helper gives back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HelperOut {
    /// A number; a negative one for an error.
    Number(u64),
    /// A pointer into the host's memory.
    Object(Place),
    /// The null pointer.
    Null,
}

/// A call the host refuses: not an error a helper returns, but a call Linux
/// would not have let through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallError {
    /// The argument at fault, 1 to 5, if it is one.
    pub argument: Option<u8>,
    /// What is wrong and what was expected, without a full stop.
    pub message: String,
}

/// The host of a run.
///
/// A [`Place`] comes from an address that a program computed: it is hostile, and
/// every method checks it. The host encodes offsets so that whatever lies at a
/// multiple of 8 in an object has an offset that is a multiple of 8.
pub trait Env {
    /// Reads a word, little-endian, zero-extended.
    fn load(&mut self, place: Place, width: Width) -> Result<u64, Fault>;

    /// Writes the low bytes of `value`.
    fn store(&mut self, place: Place, width: Width, value: u64) -> Result<(), Fault>;

    /// Changes a word and gives what it was before, zero-extended. The place is
    /// aligned to the width. The width is 4 or 8, for the acquiring load and
    /// releasing store any.
    fn atomic(
        &mut self,
        place: Place,
        width: Width,
        op: AtomicOp,
        operand: u64,
    ) -> Result<u64, Fault>;

    /// Checks that `len` bytes may be read, and written too if `write`.
    fn check(&mut self, place: Place, len: u64, write: bool) -> Result<(), Fault>;

    /// Copies bytes out of an object, for a helper.
    fn read(&mut self, place: Place, to: &mut [u8]) -> Result<(), Fault>;

    /// Copies bytes into an object, for a helper.
    fn write(&mut self, place: Place, from: &[u8]) -> Result<(), Fault>;

    /// The prototype of a helper that this program may call.
    fn proto(&self, helper: u32) -> Option<&'static HelperProto>;

    /// The map behind a handle.
    fn map(&self, handle: u32) -> Option<MapDesc>;

    /// Calls a helper. Its prototype is the one [`Env::proto`] gave, and the
    /// arguments are resolved by it.
    fn call(
        &mut self,
        helper: u32,
        args: &mut Args<'_>,
        memory: &mut RunMemory<'_>,
    ) -> Result<HelperOut, CallError>;
}
