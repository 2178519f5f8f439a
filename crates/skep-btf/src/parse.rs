//! From bytes to [`Btf`] and back.
//!
//! [`Btf::parse`] takes what can be walked safely, as compilers write it
//! (sections of size 0, say); [`Btf::load`] takes what Linux takes at BTF_LOAD.
//! Both go over the types once, without recursion.
//!
//! Answers to: kernel/bpf/btf.c (btf_parse_hdr, btf_parse_str_sec,
//! btf_check_all_metas)

use crate::btf::{Btf, Strings};
use crate::check;
use crate::error::{BtfError, Part, Problem};
use crate::kind::{INFO_MASK, Kind, MAX_NAME_OFFSET, MAX_SIZE, MAX_TYPE, RECORD_WORDS, TypeId};
use std::sync::Arc;

/// The first two bytes, little-endian.
pub(crate) const MAGIC: u16 = 0xeb9f;
/// Bytes of the header as known.
pub(crate) const HEADER_LEN: u32 = 24;

/// How much is asked of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// All that walking it needs.
    Walkable,
    /// All that Linux asks at BTF_LOAD.
    Kernel,
}

/// Where the two sections lie.
struct Sections<'a> {
    types: &'a [u8],
    strings: &'a [u8],
}

/// A little-endian u32 at `offset`, `None` past the end.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

/// The header's first eight bytes, checked; gives the header's length.
pub(crate) fn check_preamble(
    bytes: &[u8],
    what: &'static str,
    least: u32,
) -> Result<u32, BtfError> {
    let (Some(&[m0, m1, version, flags]), Some(len)) = (bytes.first_chunk::<4>(), u32_at(bytes, 4))
    else {
        return Err(BtfError::Short {
            what,
            offset: 0,
            need: 8,
            have: bytes.len(),
        });
    };
    check_identity([m0, m1], version, flags)?;
    if len < least {
        return Err(BtfError::HeaderLength { found: len, least });
    }
    if bytes.len() < len as usize {
        return Err(BtfError::Short {
            what,
            offset: 0,
            need: len as usize,
            have: bytes.len(),
        });
    }
    Ok(len)
}

/// The header's first four bytes are those of BTF.
fn check_identity(magic: [u8; 2], version: u8, flags: u8) -> Result<(), BtfError> {
    if magic == MAGIC.to_be_bytes() {
        return Err(BtfError::BigEndian);
    }
    let found = u16::from_le_bytes(magic);
    if found != MAGIC {
        return Err(BtfError::Magic { found });
    }
    if version != 1 {
        return Err(BtfError::Version { found: version });
    }
    if flags != 0 {
        return Err(BtfError::Flags { found: flags });
    }
    Ok(())
}

impl Btf {
    /// Reads a `.BTF` section as compilers write it: everything that makes it
    /// safe to walk is checked, the rest of Linux's rules by [`Btf::check`].
    pub fn parse(bytes: &[u8]) -> Result<Btf, BtfError> {
        Btf::read(bytes, None, Rules::Walkable)
    }

    /// Reads BTF that continues the types and strings of `base`.
    pub fn parse_split(base: Arc<Btf>, bytes: &[u8]) -> Result<Btf, BtfError> {
        Btf::read(bytes, Some(base), Rules::Walkable)
    }

    /// Reads BTF as Linux does at BTF_LOAD and refuses what Linux refuses.
    #[doc(alias = "BPF_BTF_LOAD")]
    pub fn load(bytes: &[u8]) -> Result<Btf, BtfError> {
        Btf::read(bytes, None, Rules::Kernel)
    }

    fn read(bytes: &[u8], base: Option<Arc<Btf>>, rules: Rules) -> Result<Btf, BtfError> {
        if bytes.len() > MAX_SIZE {
            return Err(BtfError::TooLarge { size: bytes.len() });
        }
        let sections = match rules {
            Rules::Kernel => check_kernel_layout(bytes).and_then(|()| sections(bytes))?,
            Rules::Walkable => sections(bytes)?,
        };
        check_strings(sections.strings, bytes, base.is_some())?;
        let words = to_words(sections.types);
        let mut btf = Btf::empty(words, Strings::new(sections.strings), base);
        scan(&mut btf, sections.types.len(), rules)?;
        if rules == Rules::Kernel {
            if btf.is_empty() {
                let [offset, len, ..] = section_words(bytes);
                return Err(type_section(offset, len, "holds no type"));
            }
            check::resolve_all(&btf)?;
        }
        check_references(&btf)?;
        Ok(btf)
    }

    /// Whether Linux would take these types at BTF_LOAD, and if not, why.
    ///
    /// A BTF straight from the compiler fails this until its sections have
    /// sizes ([`Btf::set_datasec`]).
    pub fn check(&self) -> Result<(), BtfError> {
        for ty in self.types() {
            check::meta(ty).map_err(|problem| self.problem(ty.id(), problem))?;
        }
        check::resolve_all(self)
    }

    /// The bytes of this BTF: header, types, strings.
    pub fn to_bytes(&self) -> Vec<u8> {
        let strings = self.strings.bytes();
        let types_len = self.words.len() * 4;
        let mut bytes = Vec::with_capacity(HEADER_LEN as usize + types_len + strings.len());
        let len32 = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend([1, 0]);
        bytes.extend(HEADER_LEN.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(len32(types_len));
        bytes.extend(len32(types_len));
        bytes.extend(len32(strings.len()));
        for word in &self.words {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(strings);
        bytes
    }
}

/// Bytes as little-endian words; a rest that is no word is dropped (and has
/// been refused before).
fn to_words(bytes: &[u8]) -> Vec<u32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks
        .iter()
        .map(|&word| u32::from_le_bytes(word))
        .collect()
}

/// The header's four section words: types offset and length, strings the same.
fn section_words(bytes: &[u8]) -> [u32; 4] {
    [8, 12, 16, 20].map(|at| u32_at(bytes, at).unwrap_or(0))
}

/// Cuts the two sections out, wherever the header says they are.
fn sections(bytes: &[u8]) -> Result<Sections<'_>, BtfError> {
    let header_len = check_preamble(bytes, "BTF header", HEADER_LEN)?;
    let body = bytes.get(header_len as usize..).unwrap_or(&[]);
    let [type_off, type_len, str_off, str_len] = section_words(bytes);
    let cut = |section, offset: u32, len: u32| {
        let start = offset as usize;
        let range = start..start.saturating_add(len as usize);
        body.get(range).ok_or(BtfError::Section {
            section,
            offset,
            len,
            expected: "must lie within the data",
        })
    };
    if type_off % 4 != 0 {
        return Err(type_section(
            type_off,
            type_len,
            "must start at a multiple of 4",
        ));
    }
    Ok(Sections {
        types: cut("type", type_off, type_len)?,
        strings: cut("string", str_off, str_len)?,
    })
}

fn type_section(offset: u32, len: u32, expected: &'static str) -> BtfError {
    BtfError::Section {
        section: "type",
        offset,
        len,
        expected,
    }
}

/// What Linux asks of the header and the places of the sections beyond what
/// reading them takes: nothing unknown, no gaps, nothing left over.
fn check_kernel_layout(bytes: &[u8]) -> Result<(), BtfError> {
    let header_len = check_header_tail(bytes)?;
    check_preamble(bytes, "BTF header", HEADER_LEN)?;
    let [type_off, type_len, str_off, str_len] = section_words(bytes);
    let body = (bytes.len() - header_len) as u64;
    if body == 0 {
        return Err(type_section(type_off, type_len, "no data after the header"));
    }
    let mut places = [("type", type_off, type_len), ("string", str_off, str_len)];
    places.sort_by_key(|&(_, offset, _)| offset);
    let mut expected_at = 0u64;
    for (section, offset, len) in places {
        let wrong = |expected| BtfError::Section {
            section,
            offset,
            len,
            expected,
        };
        match u64::from(offset).cmp(&expected_at) {
            std::cmp::Ordering::Less => return Err(wrong("overlaps the other section")),
            std::cmp::Ordering::Greater => return Err(wrong("leaves unused bytes before it")),
            std::cmp::Ordering::Equal => expected_at += u64::from(len),
        }
        if expected_at > body {
            return Err(wrong("must lie within the data"));
        }
    }
    if expected_at != body {
        return Err(type_section(
            type_off,
            type_len,
            "unused bytes follow the sections",
        ));
    }
    Ok(())
}

/// A header longer than known must be zero past what is known.
fn check_header_tail(bytes: &[u8]) -> Result<usize, BtfError> {
    let short = |need| BtfError::Short {
        what: "BTF header",
        offset: 0,
        need,
        have: bytes.len(),
    };
    let len = u32_at(bytes, 4).ok_or(short(8))? as usize;
    let header = bytes.get(..len).ok_or(short(len))?;
    // Of a header that is too short Linux reads the rest as zero.
    let read = |at: usize| header.get(at).copied().unwrap_or(0);
    if len < HEADER_LEN as usize {
        check_identity([read(0), read(1)], read(2), read(3))?;
    }
    let tail = header.get(HEADER_LEN as usize..).unwrap_or(&[]);
    match tail.iter().position(|&byte| byte != 0) {
        Some(at) => Err(BtfError::HeaderTail {
            offset: HEADER_LEN as usize + at,
        }),
        None => Ok(len),
    }
}

/// The string section starts (of a base) and ends with NUL.
fn check_strings(strings: &[u8], bytes: &[u8], split: bool) -> Result<(), BtfError> {
    let [_, _, offset, len] = section_words(bytes);
    let wrong = |expected| BtfError::Section {
        section: "string",
        offset,
        len,
        expected,
    };
    if strings.is_empty() && split {
        return Ok(());
    }
    if strings.is_empty() || strings.last() != Some(&0) {
        return Err(wrong("must end with a zero byte"));
    }
    if strings.len() - 1 > MAX_NAME_OFFSET as usize {
        return Err(wrong("is longer than name offsets reach"));
    }
    if !split && strings.first() != Some(&0) {
        return Err(wrong("must start with a zero byte"));
    }
    Ok(())
}

/// Goes over the records, notes where each starts and checks what it can.
fn scan(btf: &mut Btf, section_len: usize, rules: Rules) -> Result<(), BtfError> {
    let mut at = 0usize;
    while at * 4 < section_len {
        let id = TypeId(btf.end_id());
        if id.0 > MAX_TYPE {
            return Err(BtfError::TooManyTypes);
        }
        let words = record_len(btf, at, section_len).map_err(|problem| BtfError::Record {
            id,
            offset: at * 4,
            problem,
        })?;
        btf.offsets.push(u32::try_from(at).unwrap_or(u32::MAX));
        let Some(ty) = btf.type_by_id(id) else {
            return Err(BtfError::TooManyTypes);
        };
        let checked = match rules {
            Rules::Kernel => check::meta(ty),
            Rules::Walkable => check_names(ty),
        };
        checked.map_err(|problem| btf.problem(id, problem))?;
        at += words;
    }
    Ok(())
}

/// Words of the record at word `at`, known to be all there.
fn record_len(btf: &Btf, at: usize, section_len: usize) -> Result<usize, Problem> {
    let have = section_len - at * 4;
    let short = |words: usize| Problem::Short {
        need: words * 4,
        have,
    };
    if have < RECORD_WORDS * 4 {
        return Err(short(RECORD_WORDS));
    }
    let info = btf.words.get(at + 1).copied().unwrap_or(0);
    if info & !INFO_MASK != 0 {
        return Err(Problem::Info(info));
    }
    let number = (info >> 24) & 0x1f;
    let kind = Kind::from_number(number).ok_or(Problem::UnknownKind(number))?;
    let name_off = btf.words.get(at).copied().unwrap_or(0);
    if !btf.holds_string(name_off) {
        return Err(Problem::NameOffset {
            what: Part::Itself,
            offset: name_off,
        });
    }
    let words = RECORD_WORDS + kind.extra_words((info & 0xffff) as u16);
    if have < words * 4 {
        return Err(short(words));
    }
    Ok(words)
}

/// Names of entries lie within the strings.
fn check_names(ty: crate::types::Type<'_>) -> Result<(), Problem> {
    let part: fn(usize) -> Part = match ty.kind() {
        Kind::Struct | Kind::Union => Part::Member,
        Kind::Enum | Kind::Enum64 => Part::Enumerator,
        Kind::FuncProto => Part::Argument,
        _ => return Ok(()),
    };
    let words = ty.extra().chunks_exact(ty.kind().entry_words());
    for (index, offset) in words.filter_map(|entry| entry.first()).enumerate() {
        check_name_offset(ty.btf(), *offset, part(index))?;
    }
    Ok(())
}

/// A name's offset lies within the strings.
pub(crate) fn check_name_offset(btf: &Btf, offset: u32, what: Part) -> Result<(), Problem> {
    if btf.holds_string(offset) {
        Ok(())
    } else {
        Err(Problem::NameOffset { what, offset })
    }
}

/// Every reference leads to a type there is.
fn check_references(btf: &Btf) -> Result<(), BtfError> {
    let end = btf.end_id();
    for ty in btf.types() {
        let check = |id: u32, what: Part| {
            if id < end {
                Ok(())
            } else {
                Err(btf.problem(ty.id(), Problem::NoType { what, id }))
            }
        };
        if let Some(target) = ty.target() {
            check(target.0, Part::Target)?;
        }
        let (part, place): (fn(usize) -> Part, usize) = match ty.kind() {
            Kind::Array => {
                check(ty.word(3), Part::Element)?;
                check(ty.word(4), Part::Index)?;
                continue;
            }
            Kind::Struct | Kind::Union => (Part::Member, 1),
            Kind::FuncProto => (Part::Argument, 1),
            Kind::DataSec => (Part::Variable, 0),
            _ => continue,
        };
        for (index, entry) in ty.extra().chunks_exact(ty.kind().entry_words()).enumerate() {
            check(entry.get(place).copied().unwrap_or(0), part(index))?;
        }
    }
    Ok(())
}
