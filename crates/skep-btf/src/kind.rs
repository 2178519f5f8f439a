//! The kinds of BTF type and how each lies in the type section.
//!
//! Invariant: every record is three words (name, info, size or type) followed
//! by `extra_words` words, so a type section is always whole 32-bit words.
//!
//! Answers to: include/uapi/linux/btf.h

use std::fmt;

/// The number of a type within one BTF; 0 is `void`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type every BTF has without writing it down.
    pub const VOID: TypeId = TypeId(0);
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a type is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Type 0, which no record describes.
    #[doc(alias = "BTF_KIND_UNKN")]
    Void = 0,
    /// Integer, bool or char.
    #[doc(alias = "BTF_KIND_INT")]
    Int = 1,
    /// Pointer.
    #[doc(alias = "BTF_KIND_PTR")]
    Ptr = 2,
    /// Array of a fixed number of elements.
    #[doc(alias = "BTF_KIND_ARRAY")]
    Array = 3,
    /// Struct.
    #[doc(alias = "BTF_KIND_STRUCT")]
    Struct = 4,
    /// Union.
    #[doc(alias = "BTF_KIND_UNION")]
    Union = 5,
    /// Enumeration of 32-bit values.
    #[doc(alias = "BTF_KIND_ENUM")]
    Enum = 6,
    /// Declaration of a struct or union that is defined elsewhere.
    #[doc(alias = "BTF_KIND_FWD")]
    Fwd = 7,
    /// Typedef.
    #[doc(alias = "BTF_KIND_TYPEDEF")]
    Typedef = 8,
    /// `volatile`.
    #[doc(alias = "BTF_KIND_VOLATILE")]
    Volatile = 9,
    /// `const`.
    #[doc(alias = "BTF_KIND_CONST")]
    Const = 10,
    /// `restrict`.
    #[doc(alias = "BTF_KIND_RESTRICT")]
    Restrict = 11,
    /// A function that has a name.
    #[doc(alias = "BTF_KIND_FUNC")]
    Func = 12,
    /// What a function takes and returns.
    #[doc(alias = "BTF_KIND_FUNC_PROTO")]
    FuncProto = 13,
    /// Global variable.
    #[doc(alias = "BTF_KIND_VAR")]
    Var = 14,
    /// ELF section of variables.
    #[doc(alias = "BTF_KIND_DATASEC")]
    DataSec = 15,
    /// Floating-point number.
    #[doc(alias = "BTF_KIND_FLOAT")]
    Float = 16,
    /// Attribute of a declaration.
    #[doc(alias = "BTF_KIND_DECL_TAG")]
    DeclTag = 17,
    /// Attribute of a type.
    #[doc(alias = "BTF_KIND_TYPE_TAG")]
    TypeTag = 18,
    /// Enumeration of 64-bit values.
    #[doc(alias = "BTF_KIND_ENUM64")]
    Enum64 = 19,
}

/// Every kind, by number.
const KINDS: [Kind; 20] = [
    Kind::Void,
    Kind::Int,
    Kind::Ptr,
    Kind::Array,
    Kind::Struct,
    Kind::Union,
    Kind::Enum,
    Kind::Fwd,
    Kind::Typedef,
    Kind::Volatile,
    Kind::Const,
    Kind::Restrict,
    Kind::Func,
    Kind::FuncProto,
    Kind::Var,
    Kind::DataSec,
    Kind::Float,
    Kind::DeclTag,
    Kind::TypeTag,
    Kind::Enum64,
];

impl Kind {
    /// The kind a record's number names; `None` for 0 and for unknown ones.
    pub fn from_number(number: u32) -> Option<Kind> {
        let kind = KINDS.get(usize::try_from(number).ok()?).copied()?;
        (kind != Kind::Void).then_some(kind)
    }

    /// The kernel's name without its prefix, as `STRUCT`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Void => "VOID",
            Kind::Int => "INT",
            Kind::Ptr => "PTR",
            Kind::Array => "ARRAY",
            Kind::Struct => "STRUCT",
            Kind::Union => "UNION",
            Kind::Enum => "ENUM",
            Kind::Fwd => "FWD",
            Kind::Typedef => "TYPEDEF",
            Kind::Volatile => "VOLATILE",
            Kind::Const => "CONST",
            Kind::Restrict => "RESTRICT",
            Kind::Func => "FUNC",
            Kind::FuncProto => "FUNC_PROTO",
            Kind::Var => "VAR",
            Kind::DataSec => "DATASEC",
            Kind::Float => "FLOAT",
            Kind::DeclTag => "DECL_TAG",
            Kind::TypeTag => "TYPE_TAG",
            Kind::Enum64 => "ENUM64",
        }
    }

    /// Whether this kind only qualifies or renames another type.
    pub fn is_modifier(self) -> bool {
        matches!(
            self,
            Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag
        )
    }

    /// Whether the third word of the record is a size, not a type.
    pub fn has_size(self) -> bool {
        matches!(
            self,
            Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::DataSec
                | Kind::Float
        )
    }

    /// Whether the third word of the record is a type.
    pub fn has_target(self) -> bool {
        self.is_modifier()
            || matches!(
                self,
                Kind::Ptr | Kind::Func | Kind::FuncProto | Kind::Var | Kind::DeclTag
            )
    }

    /// How many words each of the `vlen` entries after the record takes.
    pub(crate) fn entry_words(self) -> usize {
        match self {
            Kind::Struct | Kind::Union | Kind::DataSec | Kind::Enum64 => 3,
            Kind::Enum | Kind::FuncProto => 2,
            _ => 0,
        }
    }

    /// How many words follow the three every record has.
    pub(crate) fn extra_words(self, vlen: u16) -> usize {
        match self {
            Kind::Int | Kind::Var | Kind::DeclTag => 1,
            Kind::Array => 3,
            _ => self.entry_words() * usize::from(vlen),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Words that every record starts with.
pub(crate) const RECORD_WORDS: usize = 3;
/// Bits of the info word that have a meaning.
pub(crate) const INFO_MASK: u32 = 0x9f00_ffff;
/// Largest BTF that Linux takes, in bytes.
#[doc(alias = "BTF_MAX_SIZE")]
pub const MAX_SIZE: usize = 16 << 20;
/// Largest type id.
#[doc(alias = "BTF_MAX_TYPE")]
pub const MAX_TYPE: u32 = 0x000f_ffff;
/// Largest offset into the string section.
#[doc(alias = "BTF_MAX_NAME_OFFSET")]
pub const MAX_NAME_OFFSET: u32 = 0x00ff_ffff;
/// Bytes in a pointer of a BPF program.
pub const POINTER_SIZE: u32 = 8;

/// The info word of a record.
pub(crate) fn info(kind: Kind, vlen: u16, kind_flag: bool) -> u32 {
    (u32::from(kind_flag) << 31) | ((kind as u32) << 24) | u32::from(vlen)
}
