//! Helpers of XDP programs on their packet.
//!
//! The packet's linear part is the machine's; what does not fit a page lies in
//! fragments, of which all but the last are full. The limits are those of the
//! page that Linux puts a packet in: [`crate::program::xdp`].
//!
//! Answers to: bpf_xdp_adjust_head, bpf_xdp_adjust_meta, bpf_xdp_adjust_tail,
//! bpf_xdp_load_bytes, bpf_xdp_store_bytes in net/core/filter.c.

use skep_abi::Errno;
use skep_vm::{Args, HelperOut, Packet, RunMemory};

use super::{Called, Helper, answer, bytes, helpers, number, room};
use crate::program::xdp::{FRAGMENT, MAX_META, MIN_LEN};
use crate::run::RunEnv;

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    44 xdp_adjust_head(Context, Anything) -> Integer [moves] = adjust_head;
    54 xdp_adjust_meta(Context, Anything) -> Integer [moves] = adjust_meta;
    65 xdp_adjust_tail(Context, Anything) -> Integer [moves] = adjust_tail;
    188 xdp_get_buff_len(Context) -> Integer = buff_len;
    189 xdp_load_bytes(Context, Anything, MemOut, Size) -> Integer = load_bytes;
    190 xdp_store_bytes(Context, Anything, Mem, Size) -> Integer = store_bytes;
};

/// The second argument: how far to move.
fn delta(args: &Args<'_>) -> isize {
    number(args, 1) as i32 as isize
}

fn adjust_head(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let delta = delta(args);
    let left = memory.packet.len().checked_add_signed(delta.wrapping_neg());
    let moved = match left {
        Some(left) if left >= MIN_LEN => memory.packet.adjust_head(delta),
        _ => None,
    };
    answer(moved.ok_or(Errno::EINVAL))
}

fn adjust_meta(_: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let delta = delta(args);
    let packet = &mut *memory.packet;
    let len = packet.meta_len().checked_add_signed(delta.wrapping_neg());
    answer(match len {
        Some(len) if delta >= 0 || packet.headroom() >= delta.unsigned_abs() => {
            if len > MAX_META || !len.is_multiple_of(4) {
                Err(Errno::EACCES)
            } else {
                packet.adjust_meta(delta).ok_or(Errno::EINVAL)
            }
        }
        _ => Err(Errno::EINVAL),
    })
}

fn adjust_tail(env: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let delta = delta(args);
    let packet = &mut *memory.packet;
    let fragments = &mut *env.fragments;
    let whole = packet.len() + fragments.len();
    let moved = if fragments.is_empty() {
        match whole.checked_add_signed(delta) {
            Some(len) if len >= MIN_LEN => packet.adjust_tail(delta),
            _ => None,
        }
    } else if delta < 0 {
        shrink(packet, fragments, delta.unsigned_abs())
    } else {
        grow(fragments, delta.unsigned_abs())
    };
    packet.new_generation();
    answer(moved.ok_or(Errno::EINVAL))
}

/// Takes bytes off the fragments, and off the linear part when there are none left.
#[doc(alias = "bpf_xdp_frags_shrink_tail")]
fn shrink(packet: &mut Packet, fragments: &mut Vec<u8>, less: usize) -> Option<()> {
    let whole = packet.len() + fragments.len();
    if less > whole.checked_sub(MIN_LEN)? {
        return None;
    }
    let from_linear = less.saturating_sub(fragments.len());
    fragments.truncate(fragments.len().saturating_sub(less));
    packet.adjust_tail(-isize::try_from(from_linear).ok()?)
}

/// Adds zeroed bytes to the last fragment, which stays one.
#[doc(alias = "bpf_xdp_frags_increase_tail")]
fn grow(fragments: &mut Vec<u8>, more: usize) -> Option<()> {
    let left = fragments.len().next_multiple_of(FRAGMENT) - fragments.len();
    if more > left {
        return None;
    }
    fragments.resize(fragments.len() + more, 0);
    Some(())
}

fn buff_len(env: &mut RunEnv<'_>, _: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let len = memory.packet.len() + env.fragments.len();
    Ok(HelperOut::Number(len as u64))
}

/// Where `len` bytes at an offset lie: so many of the linear part's from there,
/// and the rest from so far into the fragments.
#[doc(alias = "bpf_xdp_pointer")]
fn span(
    packet: &Packet,
    fragments: &[u8],
    offset: u64,
    len: usize,
) -> Result<(usize, usize, usize), Errno> {
    if offset as u32 > 0xffff || len > 0xffff {
        return Err(Errno::EFAULT);
    }
    let offset = offset as u32 as usize;
    if offset + len > packet.len() + fragments.len() {
        return Err(Errno::EINVAL);
    }
    let linear = packet.len().saturating_sub(offset).min(len);
    Ok((offset, linear, offset.saturating_sub(packet.len())))
}

fn load_bytes(env: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let offset = number(args, 1);
    let to = room(args, 2);
    let packet = &*memory.packet;
    let found = span(packet, env.fragments, offset, to.len());
    answer(found.map(|(start, linear, rest)| {
        let parts = [
            packet.data().get(start..).unwrap_or_default(),
            env.fragments.get(rest..).unwrap_or_default(),
        ];
        let (head, tail) = to.split_at_mut(linear);
        for (to, from) in [head, tail].into_iter().zip(parts) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }))
}

fn store_bytes(env: &mut RunEnv<'_>, args: &mut Args<'_>, memory: &mut RunMemory<'_>) -> Called {
    let offset = number(args, 1);
    let from = bytes(args, 2);
    let packet = &mut *memory.packet;
    let found = span(packet, env.fragments, offset, from.len());
    answer(found.map(|(start, linear, rest)| {
        let parts = [
            packet.data_mut().get_mut(start..).unwrap_or_default(),
            env.fragments.get_mut(rest..).unwrap_or_default(),
        ];
        let (head, tail) = from.split_at(linear);
        for (from, to) in [head, tail].into_iter().zip(parts) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }))
}
