//! How a run ends.

use crate::address::Address;
use core::fmt;

/// What a run ends with.
pub type Outcome = Result<Returned, Box<Violation>>;

/// A run that came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returned {
    /// What the program returned: register 0.
    pub value: u64,
    /// The instruction that ended it, counted in slots from the program's start.
    pub insn: usize,
    /// How many instructions it took.
    pub instructions: u64,
}

/// What a program did that Linux would have refused to run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum ViolationKind {
    /// An access through zero.
    NullPointer,
    /// An access through a number.
    NotAPointer,
    /// An access outside of the stack.
    StackBounds,
    /// An access outside of the packet.
    PacketBounds,
    /// An access by a pointer from before the packet moved.
    StalePacketPointer,
    /// An access outside of a map's value, or of another object.
    ValueBounds,
    /// An access to no field of the context, or not the way the field allows.
    ContextAccess,
    /// An access to a field that the context given to the run is too short for.
    ContextEnd,
    /// A write to what may only be read.
    ReadOnly,
    /// A read of what may only be written.
    WriteOnly,
    /// An atomic access to memory that allows none.
    AtomicAccess,
    /// An access not aligned to its width where it must be.
    Misaligned,
    /// A register read before it was written.
    UninitialisedRegister,
    /// A call of a helper that there is not, or not for this program.
    UnknownHelper,
    /// A helper called with an argument it does not take.
    HelperArgument,
    /// More instructions than the run was given.
    InstructionBudget,
    /// More nested calls than there are frames.
    CallDepth,
    /// More stack than the nested calls may use together.
    StackSize,
    /// An instruction that does not exist, or a jump to nowhere.
    BadInstruction,
    /// A program that returned what one of its type may not.
    ReturnValue,
}

impl ViolationKind {
    /// A short name that stays the same.
    pub const fn name(self) -> &'static str {
        match self {
            ViolationKind::NullPointer => "null pointer",
            ViolationKind::NotAPointer => "not a pointer",
            ViolationKind::StackBounds => "stack out of bounds",
            ViolationKind::PacketBounds => "packet out of bounds",
            ViolationKind::StalePacketPointer => "stale packet pointer",
            ViolationKind::ValueBounds => "map value out of bounds",
            ViolationKind::ContextAccess => "context access",
            ViolationKind::ContextEnd => "short context",
            ViolationKind::ReadOnly => "read-only memory",
            ViolationKind::WriteOnly => "write-only memory",
            ViolationKind::AtomicAccess => "atomic access",
            ViolationKind::Misaligned => "misaligned access",
            ViolationKind::UninitialisedRegister => "uninitialised register",
            ViolationKind::UnknownHelper => "unknown helper",
            ViolationKind::HelperArgument => "helper argument",
            ViolationKind::InstructionBudget => "instruction budget",
            ViolationKind::CallDepth => "call depth",
            ViolationKind::StackSize => "stack size",
            ViolationKind::BadInstruction => "bad instruction",
            ViolationKind::ReturnValue => "return value",
        }
    }
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The access that a violation is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessInfo {
    /// Where it begins; [`Address::class`] says in what kind of memory.
    pub address: Address,
    /// How many bytes.
    pub bytes: u64,
    /// Whether it writes.
    pub write: bool,
}

/// A run that was stopped, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The instruction at fault, counted in slots from the program's start.
    pub insn: usize,
    /// What it did, to count by.
    pub kind: ViolationKind,
    /// The same as a clause: what was done where, and what was allowed.
    pub what: String,
    /// The access, if it is about one.
    pub access: Option<AccessInfo>,
    /// How many instructions had run.
    pub instructions: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.insn, self.what)
    }
}

impl core::error::Error for Violation {}
