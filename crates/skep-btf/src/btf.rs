//! One BTF: its bytes taken apart once, then only looked at.
//!
//! Invariants: `words` is the type section, whole records only; `offsets` says
//! where in it each type starts; every name offset and type id that a record
//! holds is in range; `text` has the length of the string section and starts
//! and ends with NUL. Memory is the input plus 4 bytes a type (a type takes at
//! least 12), plus 4 bytes a type once names have been looked up.
//!
//! A split BTF continues the ids and strings of its `base`.
//!
//! Answers to: kernel/bpf/btf.c (btf_parse_base, btf_parse_module)

use crate::error::{BtfError, Problem};
use crate::kind::{Kind, RECORD_WORDS, TypeId};
use crate::types::{DataSec, Def, Linkage, Type, VarSecInfo};
use std::sync::{Arc, OnceLock};

/// A set of types with their names.
#[derive(Clone)]
pub struct Btf {
    pub(crate) words: Vec<u32>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) strings: Strings,
    base: Option<Arc<Btf>>,
    names: OnceLock<Box<[u32]>>,
}

/// The string section, readable as text whatever bytes it holds.
#[derive(Clone)]
pub(crate) struct Strings {
    /// The section, bytes that are not UTF-8 replaced one for one.
    text: Box<str>,
    /// The section as it came, when `text` differs.
    raw: Option<Box<[u8]>>,
}

impl Strings {
    pub(crate) fn new(bytes: &[u8]) -> Strings {
        match std::str::from_utf8(bytes) {
            Ok(text) => Strings {
                text: text.into(),
                raw: None,
            },
            Err(_) => {
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    text.extend(chunk.invalid().iter().map(|_| '?'));
                }
                Strings {
                    text: text.into(),
                    raw: Some(bytes.into()),
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// Longest name of a type, without its end.
#[doc(alias = "KSYM_NAME_LEN")]
pub(crate) const MAX_NAME: usize = 512;

/// The record of `void`, which no section holds.
const VOID: [u32; RECORD_WORDS] = [0; RECORD_WORDS];

impl Btf {
    /// A BTF without types yet, to be filled by the parser.
    pub(crate) fn empty(words: Vec<u32>, strings: Strings, base: Option<Arc<Btf>>) -> Btf {
        Btf {
            words,
            offsets: Vec::new(),
            strings,
            base,
            names: OnceLock::new(),
        }
    }

    /// The BTF that this one continues.
    pub fn base(&self) -> Option<&Arc<Btf>> {
        self.base.as_ref()
    }

    /// The first id of this BTF's own types (1 without a base).
    pub fn first_id(&self) -> TypeId {
        TypeId(self.base.as_ref().map_or(1, |base| base.end_id()))
    }

    /// One past the highest id.
    pub(crate) fn end_id(&self) -> u32 {
        self.first_id()
            .0
            .saturating_add(u32::try_from(self.offsets.len()).unwrap_or(u32::MAX))
    }

    /// The highest id; 0 when there are no types.
    pub fn last_id(&self) -> TypeId {
        TypeId(self.end_id().saturating_sub(1))
    }

    /// How many types there are, `void` and those of the base not counted.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are no types but `void` and those of the base.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Length of the strings, those of the base counted.
    pub(crate) fn strings_end(&self) -> u32 {
        let own = u32::try_from(self.strings.bytes().len()).unwrap_or(u32::MAX);
        self.first_string().saturating_add(own)
    }

    /// The offset at which this BTF's own strings begin.
    pub(crate) fn first_string(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.strings_end())
    }

    /// The BTF, itself or below, that holds the string, and where in it.
    fn string_home(&self, offset: u32) -> Option<(&Btf, usize)> {
        let mut home = self;
        loop {
            let first = home.first_string();
            match (offset.checked_sub(first), home.base.as_deref()) {
                (Some(own), _) => {
                    let own = usize::try_from(own).ok()?;
                    return (own < home.strings.text.len()).then_some((home, own));
                }
                (None, Some(base)) => home = base,
                (None, None) => return None,
            }
        }
    }

    /// The string at an offset of the string section; `None` when it is out of
    /// range. Bytes that are not UTF-8 read as `?`.
    #[doc(alias = "btf_name_by_offset")]
    pub fn str_at(&self, offset: u32) -> Option<&str> {
        let (home, own) = self.string_home(offset)?;
        let tail = home.strings.text.get(own..).unwrap_or("?");
        tail.split('\0').next()
    }

    /// The name at an offset: at most [`MAX_NAME`] bytes of it; empty when out of range.
    pub(crate) fn name_at(&self, offset: u32) -> &str {
        self.cut_at(offset, MAX_NAME)
    }

    /// At most `most` bytes of the string at an offset, so that strings without end
    /// cannot make many look-ups slow; empty when out of range.
    pub(crate) fn cut_at(&self, offset: u32, most: usize) -> &str {
        let Some((home, own)) = self.string_home(offset) else {
            return "";
        };
        let tail = home.strings.bytes().get(own..).unwrap_or(b"");
        let end = tail.iter().take(most).position(|&b| b == 0);
        let mut end = own + end.unwrap_or(tail.len().min(most));
        loop {
            match home.strings.text.get(own..end) {
                Some(name) => return name,
                None if end > own => end -= 1,
                None => return "?",
            }
        }
    }

    /// Whether an offset lies within the strings.
    pub(crate) fn holds_string(&self, offset: u32) -> bool {
        self.string_home(offset).is_some()
    }

    /// The string at an offset as the bytes it is.
    pub fn bytes_at(&self, offset: u32) -> Option<&[u8]> {
        let (home, own) = self.string_home(offset)?;
        home.strings.bytes().get(own..)?.split(|&b| b == 0).next()
    }

    /// The type of this id.
    #[doc(alias = "btf_type_by_id")]
    pub fn type_by_id(&self, id: TypeId) -> Option<Type<'_>> {
        if id == TypeId::VOID {
            return Some(Type::new(self, id, &VOID));
        }
        let mut home = self;
        while id < home.first_id() {
            home = home.base.as_deref()?;
        }
        let index = usize::try_from(id.0 - home.first_id().0).ok()?;
        let start = usize::try_from(*home.offsets.get(index)?).ok()?;
        let record = home.words.get(start..)?;
        let info = *record.get(1)?;
        let kind = Kind::from_number((info >> 24) & 0x1f)?;
        let len = RECORD_WORDS + kind.extra_words((info & 0xffff) as u16);
        Some(Type::new(home, id, record.get(..len)?))
    }

    /// The type of this id, or an error that says which ids there are.
    pub fn expect_type(&self, id: TypeId) -> Result<Type<'_>, BtfError> {
        self.type_by_id(id).ok_or_else(|| BtfError::NoType {
            id,
            last: self.last_id(),
        })
    }

    /// All types but `void` and those of the base, in order of id.
    pub fn types(&self) -> impl Iterator<Item = Type<'_>> {
        (self.first_id().0..self.end_id()).filter_map(|id| self.type_by_id(TypeId(id)))
    }

    /// The first type of this name and kind, the base's types first.
    #[doc(alias = "btf_find_by_name_kind")]
    pub fn find_by_name(&self, name: &str, kind: Kind) -> Option<Type<'_>> {
        self.all_by_name(name).find(|ty| ty.kind() == kind)
    }

    /// All types of this name, in order of id. Names longer than Linux allows
    /// (512 bytes) are not found.
    pub fn all_by_name<'a>(&'a self, name: &str) -> Box<dyn Iterator<Item = Type<'a>> + 'a> {
        let index = self.name_index();
        let of = |id: u32| self.type_by_id(TypeId(id)).map_or("", |ty| ty.name());
        let start = index.partition_point(|&id| of(id) < name);
        let end = index.partition_point(|&id| of(id) <= name);
        let own = index
            .get(start..end)
            .unwrap_or(&[])
            .iter()
            .filter_map(|&id| self.type_by_id(TypeId(id)));
        match self.base.as_deref() {
            Some(base) => Box::new(base.all_by_name(name).chain(own)),
            None => Box::new(own),
        }
    }

    /// The name at an offset if it has at most [`MAX_NAME`] bytes, so that a
    /// section that is one endless string costs no more than others.
    pub(crate) fn short_str_at(&self, offset: u32) -> Option<&str> {
        let (home, own) = self.string_home(offset)?;
        let tail = home.strings.bytes().get(own..)?;
        let len = tail.iter().take(MAX_NAME + 1).position(|&b| b == 0)?;
        home.strings.text.get(own..own + len)
    }

    /// Ids of named types, sorted by name and then id; made when first needed.
    fn name_index(&self) -> &[u32] {
        self.names.get_or_init(|| {
            let mut named: Vec<(&str, u32)> = self
                .types()
                .filter_map(|ty| Some((self.short_str_at(ty.name_off())?, ty.id().0)))
                .filter(|(name, _)| !name.is_empty())
                .collect();
            named.sort_unstable();
            named.into_iter().map(|(_, id)| id).collect()
        })
    }

    /// The error that type `id` has this problem.
    pub(crate) fn problem(&self, id: TypeId, problem: Problem) -> BtfError {
        let index = id.0.checked_sub(self.first_id().0);
        let offset = index
            .and_then(|index| self.offsets.get(usize::try_from(index).ok()?))
            .map_or(0, |&word| word as usize * 4);
        match self.type_by_id(id) {
            Some(ty) => BtfError::Type {
                id,
                kind: ty.kind(),
                name: ty.name().chars().take(128).collect(),
                offset,
                problem,
            },
            None => BtfError::Record {
                id,
                offset,
                problem,
            },
        }
    }

    /// The DATASEC of this name.
    pub fn find_datasec(&self, name: &str) -> Option<DataSec<'_>> {
        match self.find_by_name(name, Kind::DataSec)?.def() {
            Def::DataSec(section) => Some(section),
            _ => None,
        }
    }

    /// Gives a DATASEC its size and its variables' places, which compilers
    /// leave for the loader to take from the ELF symbols. The variables are
    /// stored in order of offset, as Linux wants them.
    pub fn set_datasec(
        &mut self,
        id: TypeId,
        size: u32,
        vars: &[VarSecInfo],
    ) -> Result<(), BtfError> {
        let ty = self.own_type(id, Kind::DataSec, "DATASEC")?;
        if vars.len() != usize::from(ty.vlen()) {
            return Err(BtfError::DataSecVars {
                name: ty.name().to_owned(),
                expected: usize::from(ty.vlen()),
                found: vars.len(),
            });
        }
        for var in vars {
            self.expect_type(var.ty)?;
        }
        let mut sorted = vars.to_vec();
        sorted.sort_by_key(|var| var.offset);
        let words = sorted.iter().flat_map(|v| [v.ty.0, v.offset, v.size]);
        let record = self.record_mut(id);
        for (slot, word) in record
            .iter_mut()
            .skip(2)
            .zip([size].into_iter().chain(words))
        {
            *slot = word;
        }
        Ok(())
    }

    /// Changes who sees a FUNC.
    pub fn set_func_linkage(&mut self, id: TypeId, linkage: Linkage) -> Result<(), BtfError> {
        self.own_type(id, Kind::Func, "FUNC")?;
        if let Some(info) = self.record_mut(id).get_mut(1) {
            *info = (*info & !0xffff) | (linkage.number() & 0xffff);
        }
        Ok(())
    }

    /// Changes who sees a VAR.
    pub fn set_var_linkage(&mut self, id: TypeId, linkage: Linkage) -> Result<(), BtfError> {
        self.own_type(id, Kind::Var, "VAR")?;
        if let Some(word) = self.record_mut(id).get_mut(RECORD_WORDS) {
            *word = linkage.number();
        }
        Ok(())
    }

    /// A type that may be changed here: of this kind and not of the base.
    fn own_type(
        &self,
        id: TypeId,
        kind: Kind,
        expected: &'static str,
    ) -> Result<Type<'_>, BtfError> {
        let ty = self.expect_type(id)?;
        if ty.kind() != kind || id < self.first_id() {
            return Err(BtfError::Kind {
                id,
                found: ty.kind(),
                expected,
            });
        }
        Ok(ty)
    }

    /// The words from the start of type `id`'s record on; none when not own.
    fn record_mut(&mut self, id: TypeId) -> &mut [u32] {
        let index = id.0.checked_sub(self.first_id().0);
        let start = index.and_then(|index| self.offsets.get(usize::try_from(index).ok()?));
        let start = start.map_or(usize::MAX, |&start| start as usize);
        self.words.get_mut(start..).unwrap_or(&mut [])
    }
}

impl std::fmt::Debug for Btf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Btf")
            .field("first_id", &self.first_id().0)
            .field("types", &self.len())
            .field("strings", &self.strings.bytes().len())
            .finish()
    }
}
