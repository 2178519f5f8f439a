//! BTF made from Rust: type by type, or continuing one that was read.
//!
//! Invariant: strings are stored once each. What is built is not checked until
//! [`BtfBuilder::build`] or the reader of [`BtfBuilder::to_bytes`] does; so that
//! wrong BTF can be built as well, nothing here looks at ids or sizes.
//!
//! Answers to: Documentation/bpf/btf.rst (type encoding)

use crate::Btf;
use crate::btf::Strings;
use crate::error::BtfError;
use crate::kind::{self, Kind, MAX_SIZE, MAX_TYPE, TypeId};
use crate::types::{Linkage, VarSecInfo};
use std::collections::HashMap;
use std::sync::Arc;

/// Writes BTF.
#[derive(Clone, Debug)]
pub struct BtfBuilder {
    words: Vec<u32>,
    strings: Vec<u8>,
    offsets: HashMap<String, u32>,
    next: u32,
    first_string: u32,
    most_entries: usize,
}

/// A member to be written.
#[derive(Clone, Copy, Debug)]
pub struct MemberSpec<'a> {
    /// Its name, empty for none.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
    /// Where it starts, in bits.
    pub bit_offset: u32,
    /// Bits of a bit-field, else 0.
    pub bitfield_size: u32,
}

impl<'a> MemberSpec<'a> {
    /// An ordinary member at a byte offset.
    pub fn at(name: &'a str, ty: TypeId, byte_offset: u32) -> MemberSpec<'a> {
        MemberSpec {
            name,
            ty,
            bit_offset: byte_offset.saturating_mul(8),
            bitfield_size: 0,
        }
    }

    /// A bit-field.
    pub fn bits(name: &'a str, ty: TypeId, bit_offset: u32, size: u32) -> MemberSpec<'a> {
        MemberSpec {
            name,
            ty,
            bit_offset,
            bitfield_size: size,
        }
    }
}

impl Default for BtfBuilder {
    fn default() -> BtfBuilder {
        BtfBuilder::new()
    }
}

impl From<&Btf> for BtfBuilder {
    /// Continues the types of a BTF that has no base.
    fn from(btf: &Btf) -> BtfBuilder {
        BtfBuilder {
            words: btf.words.clone(),
            strings: btf.strings.bytes().to_vec(),
            offsets: HashMap::new(),
            next: btf.end_id(),
            first_string: btf.first_string(),
            most_entries: 0,
        }
    }
}

impl BtfBuilder {
    /// Starts with no types.
    pub fn new() -> BtfBuilder {
        BtfBuilder {
            words: Vec::new(),
            strings: vec![0],
            offsets: HashMap::new(),
            next: 1,
            first_string: 0,
            most_entries: 0,
        }
    }

    /// Starts a split BTF that continues `base`. Its first string is stored
    /// after the base's, so names the base has are stored again.
    pub fn split(base: &Btf) -> BtfBuilder {
        BtfBuilder {
            words: Vec::new(),
            strings: Vec::new(),
            offsets: HashMap::new(),
            next: base.end_id(),
            first_string: base.strings_end(),
            most_entries: 0,
        }
    }

    /// The id the next type will have.
    pub fn next_id(&self) -> TypeId {
        TypeId(self.next)
    }

    /// The offset of a string, stored if it is new. What follows a NUL in it
    /// is lost to readers.
    pub fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(&offset) = self.offsets.get(text) {
            return offset;
        }
        let own = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        let offset = self.first_string.saturating_add(own);
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        self.offsets.insert(text.to_owned(), offset);
        offset
    }

    /// Writes a record as given; the place for BTF that is wrong on purpose.
    pub fn raw(&mut self, name_off: u32, info: u32, size_or_type: u32, extra: &[u32]) -> TypeId {
        self.words.extend([name_off, info, size_or_type]);
        self.words.extend(extra);
        let id = TypeId(self.next);
        self.next = self.next.saturating_add(1);
        id
    }

    fn plain(&mut self, kind: Kind, name: &str, word: u32, extra: &[u32]) -> TypeId {
        let name = self.string(name);
        self.raw(name, kind::info(kind, 0, false), word, extra)
    }

    /// A record with as many entries as `extra` holds; entries past what the
    /// format can count are found out by [`BtfBuilder::build`].
    fn listed(&mut self, kind: Kind, name: &str, flag: bool, word: u32, extra: &[u32]) -> TypeId {
        let count = extra.len() / kind.entry_words().max(1);
        self.most_entries = self.most_entries.max(count);
        let vlen = u16::try_from(count).unwrap_or(u16::MAX);
        let kept = usize::from(vlen) * kind.entry_words();
        let name = self.string(name);
        let extra = extra.get(..kept).unwrap_or(extra);
        self.raw(name, kind::info(kind, vlen, flag), word, extra)
    }

    /// An integer of whole bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        self.plain(
            Kind::Int,
            name,
            size,
            &[(u32::from(signed) << 24) | (size.saturating_mul(8) & 0xff)],
        )
    }

    /// A bool of one byte.
    pub fn bool(&mut self, name: &str) -> TypeId {
        self.plain(Kind::Int, name, 1, &[0x0400_0008])
    }

    /// A floating-point number.
    pub fn float(&mut self, name: &str, size: u32) -> TypeId {
        self.plain(Kind::Float, name, size, &[])
    }

    /// A pointer.
    pub fn ptr(&mut self, to: TypeId) -> TypeId {
        self.plain(Kind::Ptr, "", to.0, &[])
    }

    /// A typedef.
    pub fn typedef(&mut self, name: &str, of: TypeId) -> TypeId {
        self.plain(Kind::Typedef, name, of.0, &[])
    }

    /// `const`.
    pub fn constant(&mut self, of: TypeId) -> TypeId {
        self.plain(Kind::Const, "", of.0, &[])
    }

    /// `volatile`.
    pub fn volatile(&mut self, of: TypeId) -> TypeId {
        self.plain(Kind::Volatile, "", of.0, &[])
    }

    /// `restrict`.
    pub fn restrict(&mut self, of: TypeId) -> TypeId {
        self.plain(Kind::Restrict, "", of.0, &[])
    }

    /// An attribute of a type.
    pub fn type_tag(&mut self, text: &str, of: TypeId) -> TypeId {
        self.plain(Kind::TypeTag, text, of.0, &[])
    }

    /// An attribute of a declaration, or of one component of it.
    pub fn decl_tag(&mut self, text: &str, of: TypeId, component: Option<u32>) -> TypeId {
        self.plain(Kind::DeclTag, text, of.0, &[component.unwrap_or(u32::MAX)])
    }

    /// An array.
    pub fn array(&mut self, element: TypeId, index: TypeId, nelems: u32) -> TypeId {
        self.plain(Kind::Array, "", 0, &[element.0, index.0, nelems])
    }

    /// A struct.
    pub fn structure(&mut self, name: &str, size: u32, members: &[MemberSpec<'_>]) -> TypeId {
        self.composite(Kind::Struct, name, size, members)
    }

    /// A union.
    pub fn union(&mut self, name: &str, size: u32, members: &[MemberSpec<'_>]) -> TypeId {
        self.composite(Kind::Union, name, size, members)
    }

    fn composite(
        &mut self,
        kind: Kind,
        name: &str,
        size: u32,
        members: &[MemberSpec<'_>],
    ) -> TypeId {
        let flag = members.iter().any(|member| member.bitfield_size != 0);
        let mut extra = Vec::with_capacity(members.len() * 3);
        for member in members {
            let place = match flag {
                true => (member.bitfield_size << 24) | (member.bit_offset & 0xff_ffff),
                false => member.bit_offset,
            };
            extra.extend([self.string(member.name), member.ty.0, place]);
        }
        self.listed(kind, name, flag, size, &extra)
    }

    /// A forward declaration.
    pub fn fwd(&mut self, name: &str, is_union: bool) -> TypeId {
        let name = self.string(name);
        self.raw(name, kind::info(Kind::Fwd, 0, is_union), 0, &[])
    }

    /// An enumeration of 32-bit values.
    pub fn enumeration(&mut self, name: &str, signed: bool, values: &[(&str, i32)]) -> TypeId {
        let extra: Vec<u32> = values
            .iter()
            .flat_map(|&(name, value)| [self.string(name), value.cast_unsigned()])
            .collect();
        self.listed(Kind::Enum, name, signed, 4, &extra)
    }

    /// An enumeration of 64-bit values.
    pub fn enumeration64(&mut self, name: &str, signed: bool, values: &[(&str, u64)]) -> TypeId {
        let extra: Vec<u32> = values
            .iter()
            .flat_map(|&(name, value)| [self.string(name), value as u32, (value >> 32) as u32])
            .collect();
        self.listed(Kind::Enum64, name, signed, 8, &extra)
    }

    /// A function's type.
    pub fn func_proto(&mut self, returns: TypeId, params: &[(&str, TypeId)]) -> TypeId {
        let extra: Vec<u32> = params
            .iter()
            .flat_map(|&(name, ty)| [self.string(name), ty.0])
            .collect();
        self.listed(Kind::FuncProto, "", false, returns.0, &extra)
    }

    /// A function.
    pub fn func(&mut self, name: &str, proto: TypeId, linkage: Linkage) -> TypeId {
        let name = self.string(name);
        let info = kind::info(Kind::Func, 0, false) | (linkage.number() & 0xffff);
        self.raw(name, info, proto.0, &[])
    }

    /// A variable.
    pub fn var(&mut self, name: &str, ty: TypeId, linkage: Linkage) -> TypeId {
        self.plain(Kind::Var, name, ty.0, &[linkage.number()])
    }

    /// A section of variables.
    pub fn datasec(&mut self, name: &str, size: u32, vars: &[VarSecInfo]) -> TypeId {
        let extra: Vec<u32> = vars
            .iter()
            .flat_map(|var| [var.ty.0, var.offset, var.size])
            .collect();
        self.listed(Kind::DataSec, name, false, size, &extra)
    }

    /// The bytes of what was built.
    pub fn to_bytes(&self) -> Vec<u8> {
        Btf::empty(self.words.clone(), Strings::new(&self.strings), None).to_bytes()
    }

    /// What was built, read back, so that it is sure to be walkable.
    pub fn build(&self) -> Result<Btf, BtfError> {
        self.check_limits()?;
        Btf::parse(&self.to_bytes())
    }

    /// What was built after [`BtfBuilder::split`], read back.
    pub fn build_split(&self, base: Arc<Btf>) -> Result<Btf, BtfError> {
        self.check_limits()?;
        Btf::parse_split(base, &self.to_bytes())
    }

    fn check_limits(&self) -> Result<(), BtfError> {
        let size = self.words.len() * 4 + self.strings.len();
        let limits = [
            (
                "the number of types",
                self.next as usize,
                MAX_TYPE as usize + 1,
            ),
            ("the size", size, MAX_SIZE - 24),
            (
                "the number of entries",
                self.most_entries,
                usize::from(u16::MAX),
            ),
        ];
        for (what, found, most) in limits {
            if found > most {
                return Err(BtfError::Build { what, found, most });
            }
        }
        Ok(())
    }
}
