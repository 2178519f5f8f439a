//! Views of one type: kind, name, entries, without allocation.
//!
//! A [`Type`] borrows its record's words from the [`Btf`]. Its accessors are
//! total: whatever the words say, they answer, and never look outside them.
//!
//! Answers to: Documentation/bpf/btf.rst (type encoding)

use crate::Btf;
use crate::kind::{Kind, RECORD_WORDS, TypeId};
use std::fmt;

/// One type of a [`Btf`].
#[derive(Clone, Copy)]
pub struct Type<'a> {
    btf: &'a Btf,
    id: TypeId,
    words: &'a [u32],
}

/// What a type is, with what only its kind has.
#[derive(Clone, Copy, Debug)]
pub enum Def<'a> {
    /// `void`.
    Void,
    /// Integer, bool or char.
    Int(Int),
    /// Pointer to.
    Ptr(TypeId),
    /// Array.
    Array(Array),
    /// Struct.
    Struct(Composite<'a>),
    /// Union.
    Union(Composite<'a>),
    /// Enumeration, of 32 or 64 bits.
    Enum(Enum<'a>),
    /// A struct or union defined elsewhere.
    Fwd {
        /// A union, not a struct.
        is_union: bool,
    },
    /// Typedef of.
    Typedef(TypeId),
    /// `volatile` of.
    Volatile(TypeId),
    /// `const` of.
    Const(TypeId),
    /// `restrict` of.
    Restrict(TypeId),
    /// A function.
    Func {
        /// Its FUNC_PROTO.
        proto: TypeId,
        /// Who sees it.
        linkage: Linkage,
    },
    /// What a function takes and returns.
    FuncProto(FuncProto<'a>),
    /// A variable.
    Var {
        /// Its type.
        ty: TypeId,
        /// Who sees it.
        linkage: Linkage,
    },
    /// A section of variables.
    DataSec(DataSec<'a>),
    /// Floating-point number of so many bytes.
    Float(u32),
    /// Attribute of a declaration; the name is its text.
    DeclTag {
        /// What it is put on.
        ty: TypeId,
        /// Which member or argument of it, or all of it.
        component: Option<u32>,
    },
    /// Attribute of a type; the name is its text.
    TypeTag(TypeId),
}

/// Who sees a function or variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linkage {
    /// This object only.
    #[doc(alias = "BTF_FUNC_STATIC")]
    #[doc(alias = "BTF_VAR_STATIC")]
    Static,
    /// Everyone; it is defined here.
    #[doc(alias = "BTF_FUNC_GLOBAL")]
    #[doc(alias = "BTF_VAR_GLOBAL_ALLOCATED")]
    Global,
    /// It is defined elsewhere.
    #[doc(alias = "BTF_FUNC_EXTERN")]
    #[doc(alias = "BTF_VAR_GLOBAL_EXTERN")]
    Extern,
    /// A number nobody has defined.
    Unknown(u32),
}

impl Linkage {
    pub(crate) fn from_number(number: u32) -> Linkage {
        match number {
            0 => Linkage::Static,
            1 => Linkage::Global,
            2 => Linkage::Extern,
            other => Linkage::Unknown(other),
        }
    }

    /// The number the format writes for it.
    pub fn number(self) -> u32 {
        match self {
            Linkage::Static => 0,
            Linkage::Global => 1,
            Linkage::Extern => 2,
            Linkage::Unknown(number) => number,
        }
    }
}

/// An integer type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Int {
    /// Bytes it takes.
    pub size: u32,
    /// Bits of those that count.
    pub bits: u32,
    /// Bit it starts at (not 0 only in BTF of old compilers).
    pub bit_offset: u32,
    /// Signed.
    pub signed: bool,
    /// A character.
    pub is_char: bool,
    /// A bool.
    pub is_bool: bool,
}

impl Int {
    pub(crate) fn from_words(size: u32, data: u32) -> Int {
        Int {
            size,
            bits: data & 0xff,
            bit_offset: (data >> 16) & 0xff,
            signed: data & 0x0100_0000 != 0,
            is_char: data & 0x0200_0000 != 0,
            is_bool: data & 0x0400_0000 != 0,
        }
    }

    /// Whether what counts starts at bit 0 and is 1, 2, 4, 8 or 16 bytes.
    #[doc(alias = "btf_type_int_is_regular")]
    pub fn is_regular(&self) -> bool {
        self.bit_offset == 0 && matches!(self.bits, 8 | 16 | 32 | 64 | 128)
    }
}

/// An array type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Array {
    /// Type of an element.
    pub element: TypeId,
    /// Type of an index.
    pub index: TypeId,
    /// Number of elements.
    pub nelems: u32,
}

/// A struct or union.
#[derive(Clone, Copy)]
pub struct Composite<'a>(Type<'a>);

/// A member of a struct or union.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Its name, empty when anonymous.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
    /// Where it starts, in bits from the start of the struct.
    pub bit_offset: u32,
    /// Bits of a bit-field, 0 for an ordinary member.
    pub bitfield_size: u32,
}

/// An enumeration.
#[derive(Clone, Copy)]
pub struct Enum<'a>(Type<'a>);

/// A name and value of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enumerator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value, read as the enumeration's signedness says.
    pub value: i128,
}

/// A function's type.
#[derive(Clone, Copy)]
pub struct FuncProto<'a>(Type<'a>);

/// A parameter of a function; a last one of type 0 without name is `...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// Its name, empty when it has none.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
}

/// A section of variables.
#[derive(Clone, Copy)]
pub struct DataSec<'a>(Type<'a>);

/// A variable's place in its section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "btf_var_secinfo")]
pub struct VarSecInfo {
    /// The VAR.
    pub ty: TypeId,
    /// Where it starts, in bytes.
    pub offset: u32,
    /// Bytes it takes.
    pub size: u32,
}

impl<'a> Type<'a> {
    pub(crate) fn new(btf: &'a Btf, id: TypeId, words: &'a [u32]) -> Type<'a> {
        Type { btf, id, words }
    }

    /// The word at `index`, 0 past the end (which a parsed record never asks).
    pub(crate) fn word(&self, index: usize) -> u32 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// The words after the common three.
    pub(crate) fn extra(&self) -> &'a [u32] {
        self.words.get(RECORD_WORDS..).unwrap_or(&[])
    }

    /// Its entries, each of `N` words.
    fn entries<const N: usize>(
        &self,
    ) -> impl ExactSizeIterator<Item = [u32; N]> + DoubleEndedIterator + Clone + use<'a, N> {
        self.extra().as_chunks::<N>().0.iter().copied()
    }

    /// The BTF it was taken from (of a split BTF, the part it is in).
    pub fn btf(&self) -> &'a Btf {
        self.btf
    }

    /// Its id.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        Kind::from_number((self.word(1) >> 24) & 0x1f).unwrap_or(Kind::Void)
    }

    /// Its name, empty when it has none; the text of a tag. Names longer than
    /// Linux allows (512 bytes) are cut off there, as are those of members,
    /// enumerators and parameters.
    pub fn name(&self) -> &'a str {
        match self.kind() {
            Kind::DeclTag | Kind::TypeTag => self.btf.str_at(self.name_off()).unwrap_or(""),
            _ => self.btf.name_at(self.name_off()),
        }
    }

    /// Its name as bytes, which need not be UTF-8.
    pub fn name_bytes(&self) -> &'a [u8] {
        self.btf.bytes_at(self.name_off()).unwrap_or(b"")
    }

    /// Where its name lies in the string section.
    pub fn name_off(&self) -> u32 {
        self.word(0)
    }

    /// How many entries it has.
    pub fn vlen(&self) -> u16 {
        (self.word(1) & 0xffff) as u16
    }

    /// The flag whose meaning depends on the kind.
    pub fn kind_flag(&self) -> bool {
        self.word(1) >> 31 != 0
    }

    /// The size its own record gives; see [`Btf::size_of`] for all kinds.
    pub fn size(&self) -> Option<u32> {
        self.kind().has_size().then(|| self.word(2))
    }

    /// The type its record refers to (pointer, modifier, FUNC, VAR, tag; what
    /// a FUNC_PROTO returns).
    pub fn target(&self) -> Option<TypeId> {
        self.kind().has_target().then(|| TypeId(self.word(2)))
    }

    /// What it is, with what only its kind has.
    pub fn def(&self) -> Def<'a> {
        let to = TypeId(self.word(2));
        match self.kind() {
            Kind::Void => Def::Void,
            Kind::Int => Def::Int(Int::from_words(self.word(2), self.word(3))),
            Kind::Ptr => Def::Ptr(to),
            Kind::Array => Def::Array(Array {
                element: TypeId(self.word(3)),
                index: TypeId(self.word(4)),
                nelems: self.word(5),
            }),
            Kind::Struct => Def::Struct(Composite(*self)),
            Kind::Union => Def::Union(Composite(*self)),
            Kind::Enum | Kind::Enum64 => Def::Enum(Enum(*self)),
            Kind::Fwd => Def::Fwd {
                is_union: self.kind_flag(),
            },
            Kind::Typedef => Def::Typedef(to),
            Kind::Volatile => Def::Volatile(to),
            Kind::Const => Def::Const(to),
            Kind::Restrict => Def::Restrict(to),
            Kind::Func => Def::Func {
                proto: to,
                linkage: Linkage::from_number(u32::from(self.vlen())),
            },
            Kind::FuncProto => Def::FuncProto(FuncProto(*self)),
            Kind::Var => Def::Var {
                ty: to,
                linkage: Linkage::from_number(self.word(3)),
            },
            Kind::DataSec => Def::DataSec(DataSec(*self)),
            Kind::Float => Def::Float(self.word(2)),
            Kind::DeclTag => Def::DeclTag {
                ty: to,
                component: u32::try_from(self.component()).ok(),
            },
            Kind::TypeTag => Def::TypeTag(to),
        }
    }

    /// The component a DECL_TAG is put on, as written.
    pub(crate) fn component(&self) -> i32 {
        self.word(3).cast_signed()
    }

    /// Members of a struct or union; nothing for other kinds.
    pub fn members(&self) -> Option<Composite<'a>> {
        match self.def() {
            Def::Struct(composite) | Def::Union(composite) => Some(composite),
            _ => None,
        }
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} {:?}", self.id, self.kind(), self.name())
    }
}

impl<'a> Composite<'a> {
    /// The type itself.
    pub fn ty(&self) -> Type<'a> {
        self.0
    }

    /// A union, not a struct.
    pub fn is_union(&self) -> bool {
        self.0.kind() == Kind::Union
    }

    /// Bytes it takes.
    pub fn size(&self) -> u32 {
        self.0.word(2)
    }

    /// Its members in order.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Member<'a>> + DoubleEndedIterator + Clone + use<'a> {
        let (btf, flagged) = (self.0.btf, self.0.kind_flag());
        self.0.entries().map(move |[name, ty, place]| Member {
            name: btf.name_at(name),
            ty: TypeId(ty),
            bit_offset: if flagged { place & 0xff_ffff } else { place },
            bitfield_size: if flagged { place >> 24 } else { 0 },
        })
    }

    /// The member of this name (not looking into anonymous members).
    pub fn find(&self, name: &str) -> Option<Member<'a>> {
        self.iter().find(|member| member.name == name)
    }
}

impl<'a> Enum<'a> {
    /// The type itself.
    pub fn ty(&self) -> Type<'a> {
        self.0
    }

    /// Bytes it takes.
    pub fn size(&self) -> u32 {
        self.0.word(2)
    }

    /// Whether its values are signed.
    pub fn signed(&self) -> bool {
        self.0.kind_flag()
    }

    /// Its names and values in order.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Enumerator<'a>> + DoubleEndedIterator + Clone + use<'a> {
        let btf = self.0.btf;
        self.raw_values().map(move |(name, value)| Enumerator {
            name: btf.name_at(name),
            value,
        })
    }

    /// The first name of a value.
    pub fn name_of(&self, value: i128) -> Option<&'a str> {
        let (name, _) = self.raw_values().find(|&(_, of)| of == value)?;
        Some(self.0.btf.name_at(name))
    }

    /// Name offsets and values.
    fn raw_values(
        &self,
    ) -> impl ExactSizeIterator<Item = (u32, i128)> + DoubleEndedIterator + Clone + use<'a> {
        let (ty, wide, signed) = (self.0, self.0.kind() == Kind::Enum64, self.signed());
        (0..usize::from(ty.vlen())).map(move |index| {
            let at = RECORD_WORDS + index * if wide { 3 } else { 2 };
            let (low, high) = (ty.word(at + 1), ty.word(at + 2));
            let value = match (wide, signed) {
                (true, true) => i128::from((u64::from(high) << 32 | u64::from(low)).cast_signed()),
                (true, false) => i128::from(u64::from(high) << 32 | u64::from(low)),
                (false, true) => i128::from(low.cast_signed()),
                (false, false) => i128::from(low),
            };
            (ty.word(at), value)
        })
    }
}

impl<'a> FuncProto<'a> {
    /// The type itself.
    pub fn ty(&self) -> Type<'a> {
        self.0
    }

    /// What it returns.
    pub fn returns(&self) -> TypeId {
        TypeId(self.0.word(2))
    }

    /// Its parameters in order.
    pub fn params(
        &self,
    ) -> impl ExactSizeIterator<Item = Param<'a>> + DoubleEndedIterator + Clone + use<'a> {
        let btf = self.0.btf;
        self.0.entries().map(move |[name, ty]| Param {
            name: btf.name_at(name),
            ty: TypeId(ty),
        })
    }
}

impl<'a> DataSec<'a> {
    /// The type itself.
    pub fn ty(&self) -> Type<'a> {
        self.0
    }

    /// Bytes it takes; compilers leave it 0 for the loader to fill in.
    pub fn size(&self) -> u32 {
        self.0.word(2)
    }

    /// Its variables in order.
    pub fn vars(
        &self,
    ) -> impl ExactSizeIterator<Item = VarSecInfo> + DoubleEndedIterator + Clone + use<'a> {
        self.0.entries().map(|[ty, offset, size]| VarSecInfo {
            ty: TypeId(ty),
            offset,
            size,
        })
    }
}

macro_rules! debug_as_type {
    ($($view:ident),*) => {$(
        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
debug_as_type!(Composite, Enum, FuncProto, DataSec);
