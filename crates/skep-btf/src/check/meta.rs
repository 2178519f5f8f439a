//! The rules each record keeps by itself.
//!
//! Answers to: kernel/bpf/btf.c (the check_meta functions)

use crate::btf::MAX_NAME;
use crate::error::{Part, Problem};
use crate::kind::{Kind, MAX_TYPE};
use crate::parse::check_name_offset;
use crate::types::{Int, Linkage, Type};

/// Checks one record without looking at other types.
pub(crate) fn meta(ty: Type<'_>) -> Result<(), Problem> {
    match ty.kind() {
        Kind::Void => Ok(()),
        Kind::Int => int(ty),
        Kind::Ptr | Kind::Volatile | Kind::Const | Kind::Restrict => {
            plain(ty)?;
            no_name(ty)?;
            target(ty.word(2), Part::Target)
        }
        Kind::Typedef => {
            plain(ty)?;
            target(ty.word(2), Part::Target)?;
            identifier(ty, ty.name_off(), Part::Itself)
        }
        Kind::TypeTag => {
            no_entries(ty)?;
            target(ty.word(2), Part::Target)?;
            text(ty)
        }
        Kind::Array => array(ty),
        Kind::Struct | Kind::Union => composite(ty),
        Kind::Enum | Kind::Enum64 => enumeration(ty),
        Kind::Fwd => {
            no_entries(ty)?;
            zero("size", ty.word(2))?;
            identifier(ty, ty.name_off(), Part::Itself)
        }
        Kind::Func => func(ty),
        Kind::FuncProto => {
            no_flag(ty)?;
            no_name(ty)
        }
        Kind::Var => var(ty),
        Kind::DataSec => datasec(ty),
        Kind::Float => float(ty),
        Kind::DeclTag => decl_tag(ty),
    }
}

fn zero(what: &'static str, found: u32) -> Result<(), Problem> {
    match found {
        0 => Ok(()),
        _ => Err(Problem::NotZero { what, found }),
    }
}

fn no_entries(ty: Type<'_>) -> Result<(), Problem> {
    match ty.vlen() {
        0 => Ok(()),
        vlen => Err(Problem::Vlen(vlen)),
    }
}

fn no_flag(ty: Type<'_>) -> Result<(), Problem> {
    match ty.kind_flag() {
        false => Ok(()),
        true => Err(Problem::KindFlag),
    }
}

/// Neither entries nor flag.
fn plain(ty: Type<'_>) -> Result<(), Problem> {
    no_entries(ty)?;
    no_flag(ty)
}

fn no_name(ty: Type<'_>) -> Result<(), Problem> {
    zero("name", ty.name_off())
}

/// A type id as far as a record alone can tell.
fn target(id: u32, what: Part) -> Result<(), Problem> {
    match id {
        0..=MAX_TYPE => Ok(()),
        _ => Err(Problem::NoType { what, id }),
    }
}

/// A type id that is not `void` either.
fn real_target(id: u32, what: Part) -> Result<(), Problem> {
    match id {
        1..=MAX_TYPE => Ok(()),
        _ => Err(Problem::NoType { what, id }),
    }
}

/// A letter as Linux's own table has it, which is Latin-1.
fn is_alpha(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

/// A byte that prints, by the same table.
fn is_print(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | 0xa0..=0xff)
}

/// The name has a byte that is not allowed, is empty or too long.
fn check_bytes(
    ty: Type<'_>,
    offset: u32,
    what: Part,
    expected: &'static str,
    allowed: impl Fn(u8, bool) -> bool,
) -> Result<(), Problem> {
    check_name_offset(ty.btf(), offset, what)?;
    let name = ty.btf().bytes_at(offset).unwrap_or(b"");
    let head = name.get(..name.len().min(MAX_NAME + 1)).unwrap_or(name);
    let fits = !head.is_empty() && head.len() <= MAX_NAME;
    let mut bytes = head.iter().enumerate();
    if fits && bytes.all(|(index, &byte)| allowed(byte, index == 0)) {
        return Ok(());
    }
    Err(Problem::Name {
        what,
        name: String::from_utf8_lossy(head).chars().take(64).collect(),
        expected,
    })
}

/// An identifier; Linux lets dots pass.
pub(super) fn identifier(ty: Type<'_>, offset: u32, what: Part) -> Result<(), Problem> {
    check_bytes(ty, offset, what, "identifier", |byte, first| {
        is_alpha(byte) || byte == b'_' || byte == b'.' || (!first && byte.is_ascii_digit())
    })
}

/// An identifier or nothing.
pub(super) fn optional(ty: Type<'_>, offset: u32, what: Part) -> Result<(), Problem> {
    match offset {
        0 => Ok(()),
        _ => identifier(ty, offset, what),
    }
}

/// Any text but none.
fn text(ty: Type<'_>) -> Result<(), Problem> {
    match ty.name_bytes() {
        b"" => Err(Problem::Name {
            what: Part::Itself,
            name: String::new(),
            expected: "text of a tag",
        }),
        _ => Ok(()),
    }
}

fn int(ty: Type<'_>) -> Result<(), Problem> {
    plain(ty)?;
    let data = ty.word(3);
    // Linux leaves bits 8 to 15 alone.
    if data & 0xf000_0000 != 0 {
        return Err(Problem::IntData(data));
    }
    let int = Int::from_words(ty.word(2), data);
    let end = int.bits + int.bit_offset;
    if end > 128 || end.div_ceil(8) > int.size {
        return Err(Problem::IntBits {
            bits: int.bits,
            offset: int.bit_offset,
            size: int.size,
        });
    }
    match data >> 24 {
        0 | 1 | 2 | 4 => Ok(()),
        encoding => Err(Problem::IntEncoding(encoding)),
    }
}

fn array(ty: Type<'_>) -> Result<(), Problem> {
    no_name(ty)?;
    plain(ty)?;
    zero("size", ty.word(2))?;
    real_target(ty.word(3), Part::Element)?;
    real_target(ty.word(4), Part::Index)
}

fn composite(ty: Type<'_>) -> Result<(), Problem> {
    optional(ty, ty.name_off(), Part::Itself)?;
    let size = ty.word(2);
    let mut last = 0;
    for (index, entry) in ty.extra().as_chunks::<3>().0.iter().enumerate() {
        let what = Part::Member(index);
        let &[name, member, place] = entry;
        optional(ty, name, what)?;
        real_target(member, what)?;
        let offset = match ty.kind_flag() {
            true => place & 0xff_ffff,
            false => place,
        };
        if ty.kind() == Kind::Union {
            zero("offset of a union's member", offset)?;
        }
        if offset < last {
            return Err(Problem::Order {
                what,
                unit: "bit",
                offset,
                after: u64::from(last),
            });
        }
        if offset.div_ceil(8) > size {
            return Err(Problem::PastEnd {
                what,
                unit: "bit",
                end: u64::from(offset),
                size: u64::from(size) * 8,
            });
        }
        last = offset;
    }
    Ok(())
}

fn enumeration(ty: Type<'_>) -> Result<(), Problem> {
    if !matches!(ty.word(2), 1 | 2 | 4 | 8) {
        return Err(Problem::Size {
            found: ty.word(2),
            expected: "1, 2, 4 or 8",
        });
    }
    optional(ty, ty.name_off(), Part::Itself)?;
    let entries = ty.extra().chunks_exact(ty.kind().entry_words());
    for (index, name) in entries.filter_map(|entry| entry.first()).enumerate() {
        identifier(ty, *name, Part::Enumerator(index))?;
    }
    Ok(())
}

fn func(ty: Type<'_>) -> Result<(), Problem> {
    identifier(ty, ty.name_off(), Part::Itself)?;
    no_flag(ty)?;
    match Linkage::from_number(u32::from(ty.vlen())) {
        Linkage::Static | Linkage::Global => Ok(()),
        linkage => Err(Problem::Linkage {
            found: linkage.number(),
            expected: "0 (static) or 1 (global)",
        }),
    }
}

fn var(ty: Type<'_>) -> Result<(), Problem> {
    plain(ty)?;
    identifier(ty, ty.name_off(), Part::Itself)?;
    real_target(ty.word(2), Part::Target)?;
    match Linkage::from_number(ty.word(3)) {
        Linkage::Static | Linkage::Global => Ok(()),
        linkage => Err(Problem::Linkage {
            found: linkage.number(),
            expected: "0 (static) or 1 (global)",
        }),
    }
}

fn datasec(ty: Type<'_>) -> Result<(), Problem> {
    let size = ty.word(2);
    if size == 0 {
        return Err(Problem::Size {
            found: 0,
            expected: "the bytes of the section",
        });
    }
    no_flag(ty)?;
    check_bytes(
        ty,
        ty.name_off(),
        Part::Itself,
        "section name",
        |byte, _| is_print(byte),
    )?;
    let mut last_end = 0u64;
    for (index, entry) in ty.extra().as_chunks::<3>().0.iter().enumerate() {
        let what = Part::Variable(index);
        let &[var, offset, var_size] = entry;
        real_target(var, what)?;
        if u64::from(offset) < last_end {
            return Err(Problem::Order {
                what,
                unit: "byte",
                offset,
                after: last_end,
            });
        }
        last_end = u64::from(offset) + u64::from(var_size);
        if offset >= size || last_end > u64::from(size) {
            return Err(Problem::PastEnd {
                what,
                unit: "byte",
                end: last_end,
                size: u64::from(size),
            });
        }
        if var_size == 0 {
            return Err(Problem::VarSize {
                what,
                found: 0,
                need: 1,
            });
        }
    }
    Ok(())
}

fn float(ty: Type<'_>) -> Result<(), Problem> {
    plain(ty)?;
    match ty.word(2) {
        2 | 4 | 8 | 12 | 16 => Ok(()),
        found => Err(Problem::Size {
            found,
            expected: "2, 4, 8, 12 or 16",
        }),
    }
}

fn decl_tag(ty: Type<'_>) -> Result<(), Problem> {
    text(ty)?;
    no_entries(ty)?;
    match ty.component() {
        found @ ..-1 => Err(Problem::Component { found, count: 0 }),
        _ => Ok(()),
    }
}
