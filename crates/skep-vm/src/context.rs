//! Context access: a row of the table, checked and translated.
//!
//! Answers to: check_ctx_access and convert_ctx_accesses in
//! kernel/bpf/verifier.c; bpf_skb_is_valid_access and __is_valid_xdp_access in
//! net/core/filter.c.

use crate::address::Address;
use crate::denied::{Allowed, Denied};
use crate::env::Width;
use crate::memory::RunMemory;
use crate::stack::{load as word, store as set_word};
use crate::violation::ViolationKind;
use core::ops::Range;
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

/// The native bytes of a unit that an access touches, and how far into the unit
/// it begins.
struct Unit {
    native: Range<usize>,
    skip: u64,
}

/// Why a field cannot be accessed this way.
#[cold]
fn denied<T>(table: &ContextTable, offset: i64, problem: String) -> Allowed<T> {
    let place = format!("offset {offset} of struct {}", table.name);
    Denied::new(ViolationKind::ContextAccess, place, problem)
}

/// The context of this run does not reach that far.
#[cold]
fn ended<T>(table: &ContextTable, memory: &RunMemory<'_>, offset: i64) -> Allowed<T> {
    let place = format!("offset {offset} of struct {}", table.name);
    let problem = format!("the run was given {} bytes of it", memory.context.len());
    Denied::new(ViolationKind::ContextEnd, place, problem)
}

fn field(table: &ContextTable, offset: i64) -> Allowed<&'static ContextField> {
    let found = u64::try_from(offset).ok();
    match found.and_then(|offset| table.field_at(offset)) {
        Some(field) => Ok(field),
        None if offset < 0 || offset >= i64::from(table.size) => denied(
            table,
            offset,
            format!("the context has offsets 0 to {}", table.size.max(1) - 1),
        ),
        None => denied(table, offset, "a program may access no field there".into()),
    }
}

/// Finds the unit of `field` that an access at `offset` means, if the field
/// allows an access of this width.
fn unit(
    table: &ContextTable,
    field: &ContextField,
    offset: i64,
    width: Width,
    write: bool,
) -> Allowed<Unit> {
    let bytes = width.bytes() as u64;
    let into = offset as u64 - u64::from(field.offset);
    let native = usize::from(field.native_offset);
    let aligned = (offset as u64).is_multiple_of(bytes);
    if field.kind == FieldKind::Bytes {
        if !aligned || into + bytes > u64::from(field.size) {
            let problem = format!("an access to {} is aligned and stays in it", field.name);
            return denied(table, offset, problem);
        }
        let start = native + into as usize;
        return Ok(Unit {
            native: start..start + width.bytes(),
            skip: 0,
        });
    }
    let unit = u64::from(field.width.max(1));
    let skip = into % unit;
    let whole = bytes == unit && skip == 0;
    let narrow = field.narrow && !write && aligned && skip + bytes <= unit;
    if !whole && !narrow {
        let parts = if field.narrow && !write {
            " or an aligned part of them"
        } else {
            ""
        };
        let problem = format!("an access to {} takes {unit} bytes{parts}", field.name);
        return denied(table, offset, problem);
    }
    let native_width = usize::from(field.native_width);
    let start = native + (into / unit) as usize * native_width;
    // As on Linux, an access that is no narrower than the native field gets that
    // field, even at an offset which the native field does not reach.
    let skip = if width.bytes() < native_width {
        skip
    } else {
        0
    };
    Ok(Unit {
        native: start..start + native_width,
        skip,
    })
}

/// Loads from the context.
pub(crate) fn load(
    table: &ContextTable,
    memory: &RunMemory<'_>,
    offset: i64,
    width: Width,
    signed: bool,
) -> Allowed<u64> {
    let field = field(table, offset)?;
    let Unit { native, skip } = unit(table, field, offset, width, false)?;
    let packet = &*memory.packet;
    let position = match field.kind {
        FieldKind::Scalar | FieldKind::Bytes => {
            let Some(bytes) = memory.context.get(native) else {
                return ended(table, memory, offset);
            };
            return Ok(width.truncate(word(bytes) >> (8 * skip)));
        }
        FieldKind::Packet => packet.headroom() + packet.meta_len(),
        FieldKind::PacketEnd => packet.headroom() + packet.meta_len() + packet.len(),
        FieldKind::PacketMeta => packet.headroom(),
    };
    if signed {
        let problem = format!("{} is a pointer and has no sign", field.name);
        return denied(table, offset, problem);
    }
    Ok(Address::packet(packet.generation(), position as i64).0)
}

/// Stores to the context.
pub(crate) fn store(
    table: &ContextTable,
    memory: &mut RunMemory<'_>,
    offset: i64,
    width: Width,
    value: u64,
) -> Allowed<()> {
    let field = field(table, offset)?;
    let number = matches!(field.kind, FieldKind::Scalar | FieldKind::Bytes);
    if field.access == Access::Read || !number {
        let problem = format!("a program may only read {}", field.name);
        return denied(table, offset, problem);
    }
    let Unit { native, .. } = unit(table, field, offset, width, true)?;
    let dropped = || value >= !0 >> (64 - 8 * u32::from(field.native_width.clamp(1, 8)));
    if field.access == Access::ReadWriteBelowMax && dropped() {
        return Ok(());
    }
    let Some(bytes) = memory.context.get_mut(native) else {
        return ended(table, memory, offset);
    };
    set_word(bytes, width.truncate(value));
    Ok(())
}
