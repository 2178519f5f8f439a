//! What can be wrong with a relocation.

use crate::error::BtfError;
use crate::kind::{Kind, TypeId};

/// A relocation that cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct CoreError {
    /// The relocation in words, as `byte offset of struct task_struct.pid`.
    pub what: String,
    /// What is wrong.
    pub problem: CoreProblem,
}

/// Why a relocation cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreProblem {
    /// A kind nobody knows.
    #[error("relocation kind {0} is not known; the last known is 12")]
    Kind(u32),
    /// A way to a field that cannot be read.
    #[error("access string {0:?} is no list of at most 64 numbers with colons between them")]
    Access(String),
    /// A way that the kind cannot have.
    #[error("access string {access:?}: expected {expected}")]
    AccessFor {
        /// The string.
        access: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A way that leads nowhere.
    #[error(
        "step {step} of the access asks for number {index} of {kind} type {ty}, which has {count}"
    )]
    Step {
        /// Which step, from 0.
        step: usize,
        /// What it asks for.
        index: u32,
        /// The type it asks of.
        ty: TypeId,
        /// That type's kind.
        kind: Kind,
        /// How many members, elements or values there are.
        count: u32,
    },
    /// A way into a type without parts.
    #[error("step {step} of the access goes into type {ty}, a {kind}, which has no parts")]
    NoParts {
        /// Which step, from 0.
        step: usize,
        /// The type.
        ty: TypeId,
        /// Its kind.
        kind: Kind,
    },
    /// Structs nested too deeply.
    #[error("types lie in one another more than {0} deep")]
    Depth(u32),
    /// A type that has no size, or one too large.
    #[error("the size of type {ty} cannot be told, or does not fit 32 bits")]
    Size {
        /// The type.
        ty: TypeId,
    },
    /// A field further from the start of its type than can be written.
    #[error("the field's offset in bits does not fit 32 bits")]
    Offset,
    /// The types are broken.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// Nothing to look for.
    #[error("the type has no name, so it cannot be found in the target")]
    Anonymous,
    /// No target was given.
    #[error("no types of the target system are given to adapt the program to")]
    NoTarget,
    /// More types of a name than are looked at.
    #[error("the target has more types of this name than can be told apart")]
    TooMany,
    /// Types of the target that say different things.
    #[error(
        "it is ambiguous: by the target's type {first} the answer is {first_value}, by type {second} it is {second_value}"
    )]
    Ambiguous {
        /// A type.
        first: TypeId,
        /// What it makes of the relocation.
        first_value: String,
        /// Another.
        second: TypeId,
        /// What that makes of it.
        second_value: String,
    },
    /// A bit-field that no load of 8 bytes covers.
    #[error("{bits} bits at bit {offset} cannot be loaded by one instruction")]
    BitField {
        /// Bits of it.
        bits: u32,
        /// Where in the type it starts.
        offset: u32,
    },
    /// A question an array element has no answer to.
    #[error("an element of an array can be asked for its offset, size and existence only")]
    Element,
    /// Hostile types.
    #[error("the types are too tangled: looking for the answer takes too many steps")]
    Work,
    /// An instruction that cannot be relocated.
    #[error(
        "opcode {0:#04x} is not of an instruction that can be relocated: expected arithmetic with an immediate, a load, a store, or a 64-bit immediate load without relocation"
    )]
    Insn(u8),
    /// An instruction that does not hold what the local types say.
    #[error(
        "the instruction holds {found}, but by the object's types it should hold {expected} (and {new} after the relocation)"
    )]
    Unexpected {
        /// What it holds.
        found: i64,
        /// What it should hold.
        expected: u64,
        /// What it would get.
        new: u64,
    },
    /// An offset that does not fit an instruction.
    #[error("offset {0} does not fit a load or store, which has at most 32767")]
    TooFar(u64),
    /// A load or store of another size than the field.
    #[error("the instruction accesses {found} bytes of a field of {expected}")]
    AccessSize {
        /// What the instruction accesses.
        found: u32,
        /// The field's size by the local types.
        expected: u32,
    },
    /// A field that no load or store has the size of.
    #[error("the field has {0} bytes in the target, which no load or store accesses")]
    NoAccess(u32),
}
