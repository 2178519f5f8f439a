//! Helpers on a socket buffer.
//!
//! A packet of a test run is all linear: what Linux pulls in is there already.
//! Whatever may have moved it on Linux makes pointers stale here too.
//!
//! Answers to: bpf_skb_load_bytes, bpf_skb_store_bytes, bpf_l3_csum_replace,
//! bpf_l4_csum_replace, bpf_skb_pull_data, bpf_csum_update in net/core/filter.c.

use skep_abi::Errno;
use skep_vm::{Args, Packet, RunMemory};

use super::checksum::{replace_2, replace_4, replace_by_difference};
use super::{Called, Helper, answer, bytes, error, helpers, number, room};
use crate::program::skb::Field;
use crate::run::RunEnv;

/// For all that see a socket buffer.
pub(crate) const LOAD: &[Helper] = helpers! {
    26 skb_load_bytes(Context, Anything, MemOut, Size) -> Integer = load_bytes;
};

/// For those that see it where it has its headers.
pub(crate) const LOAD_RELATIVE: &[Helper] = helpers! {
    68 skb_load_bytes_relative(Context, Anything, MemOut, Size, Anything) -> Integer = load_relative;
};

/// For those that see the packet by pointer too.
pub(crate) const PULL: &[Helper] = helpers! {
    39 skb_pull_data(Context, Anything) -> Integer [moves] = pull_data;
};

/// For those that may change it.
pub(crate) const EDIT: &[Helper] = helpers! {
    9 skb_store_bytes(Context, Anything, Mem, Size, Anything) -> Integer [moves] = store_bytes;
    10 l3_csum_replace(Context, Anything, Anything, Anything, Anything) -> Integer [moves] = l3_csum;
    11 l4_csum_replace(Context, Anything, Anything, Anything, Anything) -> Integer [moves] = l4_csum;
    40 csum_update(Context, Anything) -> Integer = csum_update;
    41 set_hash_invalid(Context) -> Integer = set_hash_invalid;
};

/// Flags of [`store_bytes`].
const RECOMPUTE_CSUM: u64 = 1;
const INVALIDATE_HASH: u64 = 2;

/// Flags of the checksum helpers.
const FIELD_SIZE: u64 = 0xf;
const PSEUDO_HDR: u64 = 0x10;
const MARK_MANGLED_0: u64 = 0x20;
const MARK_ENFORCE: u64 = 0x40;
const IPV6: u64 = 0x80;

/// `len` bytes at an offset that came as a number.
fn span(packet: &Packet, offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset as u32).ok()?;
    let end = start.checked_add(len).filter(|&end| end <= packet.len())?;
    Some(start..end)
}

/// Copies what could be found; zeros otherwise.
fn copy_out(from: Option<&[u8]>, to: &mut [u8]) -> Called {
    match from {
        Some(from) => {
            to.copy_from_slice(from);
            answer(Ok(()))
        }
        None => {
            to.fill(0);
            answer(Err(Errno::EFAULT))
        }
    }
}

fn load_bytes(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let offset = number(args, 1);
    let to = room(args, 2);
    let range = span(memory.packet, offset, to.len());
    copy_out(range.and_then(|range| memory.packet.data().get(range)), to)
}

fn load_relative(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let from = match number(args, 4) as u32 {
        0 => memory.packet.from_mac(),
        1 => memory.packet.from_network(),
        _ => &[],
    };
    let offset = number(args, 1) as u32;
    let to = room(args, 2);
    let start = Some(offset as usize).filter(|_| offset <= 0xffff);
    let found = start.and_then(|start| from.get(start..)?.get(..to.len()));
    copy_out(found, to)
}

fn store_bytes(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let flags = number(args, 4);
    if flags & !(RECOMPUTE_CSUM | INVALIDATE_HASH) != 0 {
        return answer(Err(Errno::EINVAL));
    }
    let from = bytes(args, 2);
    let range = span(memory.packet, number(args, 1), from.len());
    memory.packet.new_generation();
    let Some(to) = range.and_then(|range| memory.packet.data_mut().get_mut(range)) else {
        return answer(Err(Errno::EFAULT));
    };
    to.copy_from_slice(from);
    if flags & INVALIDATE_HASH != 0 {
        Field::Hash.set(memory.context, 0);
    }
    answer(Ok(()))
}

/// The checksum field at an offset.
fn field<'a>(memory: &'a mut RunMemory<'_>, offset: u64) -> Result<&'a mut [u8; 2], Errno> {
    memory.packet.new_generation();
    if offset as u32 > 0xffff || offset & 1 != 0 {
        return Err(Errno::EFAULT);
    }
    let range = span(memory.packet, offset, 2);
    let field = range.and_then(|range| memory.packet.data_mut().get_mut(range));
    let field = field.and_then(|field| field.as_mut_array());
    field.ok_or(Errno::EFAULT)
}

fn l3_csum(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let (from, to, flags) = (number(args, 2), number(args, 3), number(args, 4));
    if flags & !FIELD_SIZE != 0 {
        return answer(Err(Errno::EINVAL));
    }
    answer(field(memory, number(args, 1)).and_then(|field| {
        let old = u16::from_le_bytes(*field);
        let new = match flags {
            0 if from == 0 => replace_by_difference(old, to as u32),
            2 => replace_2(old, from as u16, to as u16),
            4 => replace_4(old, from as u32, to as u32),
            _ => return Err(Errno::EINVAL),
        };
        *field = new.to_le_bytes();
        Ok(())
    }))
}

fn l4_csum(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let (from, to, flags) = (number(args, 2), number(args, 3), number(args, 4));
    if flags & !(FIELD_SIZE | PSEUDO_HDR | MARK_MANGLED_0 | MARK_ENFORCE | IPV6) != 0 {
        return answer(Err(Errno::EINVAL));
    }
    answer(field(memory, number(args, 1)).and_then(|field| {
        let old = u16::from_le_bytes(*field);
        let zero_is_none = flags & MARK_MANGLED_0 != 0;
        if zero_is_none && flags & MARK_ENFORCE == 0 && old == 0 {
            return Ok(());
        }
        let new = match flags & FIELD_SIZE {
            0 if from == 0 => replace_by_difference(old, to as u32),
            2 => replace_4(old, u32::from(from as u16), u32::from(to as u16)),
            4 => replace_4(old, from as u32, to as u32),
            _ => return Err(Errno::EINVAL),
        };
        let new = if zero_is_none && new == 0 {
            0xffff
        } else {
            new
        };
        *field = new.to_le_bytes();
        Ok(())
    }))
}

fn pull_data(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    memory.packet.new_generation();
    answer(if number(args, 1) as u32 as usize > memory.packet.len() {
        Err(Errno::ENOMEM)
    } else {
        Ok(())
    })
}

/// A packet of a test run has no checksum of the device's to update.
fn csum_update(_: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    Ok(error(Errno::ENOTSUPP))
}

fn set_hash_invalid(_: &mut RunEnv<'_>, _: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    Field::Hash.set(memory.context, 0);
    answer(Ok(()))
}
