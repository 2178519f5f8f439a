//! What can be wrong with BTF, said with the place and what was expected.
//!
//! Invariant: every error knows the errno Linux gives for the same fault at
//! BTF_LOAD ([`BtfError::errno`]).
//!
//! Answers to: kernel/bpf/btf.c (its verifier log and return values)

use crate::kind::{Kind, TypeId};
use skep_abi::Errno;

/// Why BTF was refused or a question about it has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BtfError {
    /// The data ends before something it must hold.
    #[error("{what} at byte {offset:#x} needs {need} bytes, but only {have} are left")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Where, in bytes from the start of the data.
        offset: usize,
        /// How many bytes it takes.
        need: usize,
        /// How many there are.
        have: usize,
    },
    /// More data than Linux takes.
    #[error(
        "BTF of {size} bytes is larger than the {} that are allowed",
        crate::kind::MAX_SIZE
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The first two bytes are not BTF's.
    #[error("magic number {found:#06x} is not BTF's 0xeb9f")]
    Magic {
        /// What is there.
        found: u16,
    },
    /// BTF of the other byte order.
    #[error("this BTF is big-endian; only little-endian BTF (clang -target bpfel) is supported")]
    BigEndian,
    /// A version nobody has defined.
    #[error("BTF version {found} is unknown: only version 1 exists")]
    Version {
        /// What is there.
        found: u8,
    },
    /// Header flags nobody has defined.
    #[error("BTF header flags {found:#x} are unknown: they must be 0")]
    Flags {
        /// What is there.
        found: u8,
    },
    /// The header is shorter than its fields.
    #[error("BTF header says it is {found} bytes long; it takes at least {least}")]
    HeaderLength {
        /// What the header says.
        found: u32,
        /// What it needs to be.
        least: u32,
    },
    /// The header is longer than known and what is there is not zero.
    #[error("BTF header byte {offset:#x} is past the known fields and is not zero")]
    HeaderTail {
        /// Where.
        offset: usize,
    },
    /// A section of the data is not where it may be.
    #[error("{section} section (offset {offset:#x}, {len} bytes): {expected}")]
    Section {
        /// Which one.
        section: &'static str,
        /// Its offset from the end of the header.
        offset: u32,
        /// Its length in bytes.
        len: u32,
        /// What it must be.
        expected: &'static str,
    },
    /// More types than ids.
    #[error("more than {} types", crate::kind::MAX_TYPE)]
    TooManyTypes,
    /// A type is wrong.
    #[error(
        "type {id} ({kind}{}) at byte {offset:#x} of the type section: {problem}",
        quoted(name)
    )]
    Type {
        /// Its id.
        id: TypeId,
        /// Its kind.
        kind: Kind,
        /// Its name, or nothing.
        name: String,
        /// Where it starts in the type section, in bytes.
        offset: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A type's record cannot even be told apart.
    #[error("type {id} at byte {offset:#x} of the type section: {problem}")]
    Record {
        /// The id it would have.
        id: TypeId,
        /// Where it starts in the type section, in bytes.
        offset: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// No such type.
    #[error("there is no type {id}: the highest id is {last}")]
    NoType {
        /// What was asked for.
        id: TypeId,
        /// The highest there is.
        last: TypeId,
    },
    /// The type is not of the kind the question is about.
    #[error("type {id} is {found}, not {expected}")]
    Kind {
        /// Which type.
        id: TypeId,
        /// What it is.
        found: Kind,
        /// What it should be.
        expected: &'static str,
    },
    /// The type has no size.
    #[error("type {id} ({kind}) has no size")]
    NoSize {
        /// Which type.
        id: TypeId,
        /// What it comes down to.
        kind: Kind,
    },
    /// A size does not fit 32 bits.
    #[error("the size of type {id} does not fit 32 bits")]
    SizeOverflow {
        /// Which type.
        id: TypeId,
    },
    /// A chain of types is too long or a circle.
    #[error("type {id} leads through more than {limit} types: a circle, or nested too deep")]
    Depth {
        /// Where the walk began.
        id: TypeId,
        /// How far it may go.
        limit: u32,
    },
    /// A type written as C is too long.
    #[error("type {id} written as C takes more than {limit} bytes")]
    TooLong {
        /// Which type.
        id: TypeId,
        /// How long it may be.
        limit: usize,
    },
    /// A DATASEC cannot be given this layout.
    #[error("section {name} holds {expected} variables, but places were given for {found}")]
    DataSecVars {
        /// The section's name.
        name: String,
        /// How many variables it holds.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A record of `.BTF.ext` is wrong.
    #[error("{table} at byte {offset:#x} of .BTF.ext: {problem}")]
    Ext {
        /// Which table.
        table: &'static str,
        /// Where, in bytes from the start of the data.
        offset: usize,
        /// What is wrong.
        problem: ExtProblem,
    },
    /// What was being built does not fit the format.
    #[error("{what} does not fit BTF: {found}, at most {most}")]
    Build {
        /// What.
        what: &'static str,
        /// How much or many of it.
        found: usize,
        /// How much or many may be.
        most: usize,
    },
}

/// What is wrong with a table of `.BTF.ext`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExtProblem {
    /// Records too small for their fields.
    #[error("records of {found} bytes; they take at least {least} and whole words")]
    RecordSize {
        /// What the table says.
        found: u32,
        /// What it needs to be.
        least: u32,
    },
    /// The records go past the end of the table.
    #[error("{need} bytes are needed, but the table has {have} left")]
    Short {
        /// How many bytes are needed.
        need: u64,
        /// How many there are.
        have: usize,
    },
    /// A section without records.
    #[error("a section with no records")]
    NoRecords,
    /// A string offset out of range.
    #[error("string offset {0:#x} is outside the string section")]
    String(u32),
    /// Not at an instruction.
    #[error("instruction offset {0:#x} is not a multiple of 8")]
    InsnOffset(u32),
}

/// What is wrong with a type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// Ends before its record does.
    #[error("its record takes {need} bytes, but only {have} are left")]
    Short {
        /// How many bytes it takes.
        need: usize,
        /// How many there are.
        have: usize,
    },
    /// Bits without a meaning in the info word.
    #[error("info {0:#010x} has bits set that have no meaning")]
    Info(u32),
    /// A kind nobody has defined.
    #[error("kind {0} is unknown")]
    UnknownKind(u32),
    /// Entries where there are none.
    #[error("vlen is {0}, but this kind has no entries: it must be 0")]
    Vlen(u16),
    /// `kind_flag` where it has no meaning.
    #[error("kind_flag is set, but has no meaning for this kind")]
    KindFlag,
    /// A word that must be zero.
    #[error("{what} is {found}, but must be 0")]
    NotZero {
        /// Which.
        what: &'static str,
        /// What is there.
        found: u32,
    },
    /// A name that lies outside the strings.
    #[error("{what}: string offset {offset:#x} is outside the string section")]
    NameOffset {
        /// Whose name.
        what: Part,
        /// The offset.
        offset: u32,
    },
    /// A name that is none.
    #[error("{what}: {name:?} is not a valid {expected}")]
    Name {
        /// Whose name.
        what: Part,
        /// What is there.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A reference to a type that does not exist.
    #[error("{what} is type {id}, which does not exist")]
    NoType {
        /// Which reference.
        what: Part,
        /// What it says.
        id: u32,
    },
    /// A reference to a type of a kind that cannot stand there.
    #[error("{what} is type {id} ({found}); expected {expected}")]
    WrongKind {
        /// Which reference.
        what: Part,
        /// What it says.
        id: TypeId,
        /// What that is.
        found: Kind,
        /// What can stand there.
        expected: &'static str,
    },
    /// A reference to a type without a size.
    #[error("{what} is type {id} ({found}), whose size is not known")]
    NoSize {
        /// Which reference.
        what: Part,
        /// What it says.
        id: TypeId,
        /// What that is.
        found: Kind,
    },
    /// A size that this kind cannot have.
    #[error("size {found}; expected {expected}")]
    Size {
        /// What is there.
        found: u32,
        /// What can be.
        expected: &'static str,
    },
    /// An integer's word with bits that have no meaning or do not fit.
    #[error("{bits} bits at bit {offset} do not fit an integer of {size} bytes")]
    IntBits {
        /// The number of bits.
        bits: u32,
        /// Where they start.
        offset: u32,
        /// The bytes of the type.
        size: u32,
    },
    /// An integer's word with bits that have no meaning.
    #[error("integer data {0:#010x} has bits set that have no meaning")]
    IntData(u32),
    /// An encoding nobody has defined.
    #[error("integer encoding {0:#x}; expected 0, 1 (signed), 2 (char) or 4 (bool)")]
    IntEncoding(u32),
    /// A linkage nobody has defined.
    #[error("linkage {found}; expected {expected}")]
    Linkage {
        /// What is there.
        found: u32,
        /// What can be.
        expected: &'static str,
    },
    /// Entries out of order or overlapping.
    #[error("{what} starts at {unit} {offset}, before {after}")]
    Order {
        /// Which entry.
        what: Part,
        /// What the numbers count.
        unit: &'static str,
        /// Where it starts.
        offset: u32,
        /// Where it may start at the earliest.
        after: u64,
    },
    /// An entry that goes past the end.
    #[error("{what} ends at {unit} {end}, past the end of the type at {size}")]
    PastEnd {
        /// Which entry.
        what: Part,
        /// What the numbers count.
        unit: &'static str,
        /// Where it ends.
        end: u64,
        /// Where the type ends.
        size: u64,
    },
    /// A member that cannot start within a byte, or must be aligned.
    #[error("{what} starts at bit {offset}; expected a multiple of {multiple}")]
    Alignment {
        /// Which entry.
        what: Part,
        /// Where it starts.
        offset: u32,
        /// What it must be a multiple of.
        multiple: u32,
    },
    /// A bit-field of a type that cannot have it.
    #[error("{what} is a bit-field of {bits} bits; its type allows {most}")]
    BitField {
        /// Which entry.
        what: Part,
        /// How many bits it has.
        bits: u32,
        /// How many it may have.
        most: u32,
    },
    /// A section's variable smaller than its type.
    #[error("{what} has {found} bytes in the section, but its type takes {need}")]
    VarSize {
        /// Which entry.
        what: Part,
        /// What is there.
        found: u32,
        /// What the type takes.
        need: u32,
    },
    /// An array whose size does not fit.
    #[error("{nelems} elements of {size} bytes do not fit 32 bits")]
    ArraySize {
        /// How many.
        nelems: u32,
        /// Of how many bytes.
        size: u32,
    },
    /// A tag on something that is not there.
    #[error("component {found}; expected -1 or less than {count}")]
    Component {
        /// What is there.
        found: i32,
        /// How many the target has.
        count: u32,
    },
    /// A type tag behind another modifier.
    #[error("type tag {0} comes after another modifier; tags must come first")]
    TagOrder(TypeId),
    /// A type that contains itself.
    #[error("it leads back to type {0}: a circle")]
    Circle(TypeId),
    /// Types nested deeper than Linux follows.
    #[error("it leads through more than {0} types")]
    Depth(u32),
}

/// The part of a type a problem is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The type itself.
    Itself,
    /// What it refers to.
    Target,
    /// The element type of an array.
    Element,
    /// The index type of an array.
    Index,
    /// What a function returns.
    Return,
    /// A member, by number.
    Member(usize),
    /// An enumerator, by number.
    Enumerator(usize),
    /// An argument, by number.
    Argument(usize),
    /// A variable of a section, by number.
    Variable(usize),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Itself => f.write_str("name"),
            Part::Target => f.write_str("target"),
            Part::Element => f.write_str("element type"),
            Part::Index => f.write_str("index type"),
            Part::Return => f.write_str("return type"),
            Part::Member(i) => write!(f, "member {i}"),
            Part::Enumerator(i) => write!(f, "enumerator {i}"),
            Part::Argument(i) => write!(f, "argument {i}"),
            Part::Variable(i) => write!(f, "variable {i}"),
        }
    }
}

impl BtfError {
    /// What Linux answers to BTF_LOAD for this fault.
    pub fn errno(&self) -> Errno {
        match self {
            BtfError::TooLarge { .. } | BtfError::HeaderTail { .. } | BtfError::TooManyTypes => {
                Errno::E2BIG
            }
            BtfError::Version { .. } | BtfError::Flags { .. } => Errno::ENOTSUPP,
            BtfError::Type { problem, .. } | BtfError::Record { problem, .. } => match problem {
                Problem::IntEncoding(_) => Errno::ENOTSUPP,
                Problem::Circle(_) => Errno::EEXIST,
                Problem::Depth(_) => Errno::E2BIG,
                _ => Errno::EINVAL,
            },
            BtfError::NoType { .. } => Errno::ENOENT,
            _ => Errno::EINVAL,
        }
    }
}

/// A name in quotes with a space before it, or nothing.
fn quoted(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!(" {name:?}")
    }
}
