//! The Internet checksum, and the helper that computes differences of it.
//!
//! Sums are of 16-bit words in memory order with the carry put back in, so they
//! fit any width that is a multiple of 16 bits; only all-zero words sum to zero.
//!
//! Answers to: bpf_csum_diff in net/core/filter.c; include/net/checksum.h; RFC 1071.

use skep_vm::{Args, HelperOut, RunMemory};

use super::{Called, Helper, bytes, helpers, number};
use crate::run::RunEnv;

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    28 csum_diff(MemOrNull, SizeOrZero, MemOrNull, SizeOrZero, Anything) -> Integer = diff;
};

/// The sum of two sums.
#[doc(alias = "csum_add")]
pub(super) fn add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(u32::from(carry))
}

/// The sum of `bytes` and `sum`; an odd byte at the end counts as if a zero followed.
#[doc(alias = "csum_partial")]
pub(super) fn partial(bytes: &[u8], sum: u32) -> u32 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut wide = u64::from(sum);
    for word in words {
        wide += u64::from(u32::from_le_bytes(*word));
    }
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    wide += u64::from(u32::from_le_bytes(last));
    // What a helper is given is far from 2^32 words.
    wide = (wide & 0xffff_ffff) + (wide >> 32);
    add(wide as u32, (wide >> 32) as u32)
}

/// A sum in 16 bits.
#[doc(alias = "csum_from32to16")]
pub(super) fn fold(sum: u32) -> u16 {
    (sum.wrapping_add(sum.rotate_right(16)) >> 16) as u16
}

/// A checksum field in which the sum of what it covers grew by `difference`.
#[doc(alias = "csum_replace_by_diff")]
pub(super) fn replace_by_difference(field: u16, difference: u32) -> u16 {
    !fold(add(difference, !u32::from(field)))
}

/// A checksum field in which 16 bits of what it covers changed.
#[doc(alias = "csum_replace2")]
pub(super) fn replace_2(field: u16, from: u16, to: u16) -> u16 {
    let add = |a: u16, b: u16| {
        let (sum, carry) = a.overflowing_add(b);
        sum.wrapping_add(u16::from(carry))
    };
    !add(add(!field, !from), to)
}

/// A checksum field in which 32 bits of what it covers changed.
#[doc(alias = "csum_replace4")]
pub(super) fn replace_4(field: u16, from: u32, to: u32) -> u16 {
    !fold(add(add(!u32::from(field), !from), to))
}

fn diff(_: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (from, to, seed) = (bytes(args, 0), bytes(args, 2), number(args, 4) as u32);
    let sum = match (from.is_empty(), to.is_empty()) {
        (false, false) => add(partial(to, seed), !partial(from, 0)),
        (true, false) => partial(to, seed),
        (false, true) => !partial(from, !seed),
        (true, true) => seed,
    };
    Ok(HelperOut::Number(u64::from(fold(sum))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_put_the_carry_back() {
        assert_eq!(partial(&[0xff; 16], 0), 0xffff_ffff);
        assert_eq!(partial(&[0xff; 16], 1), 1);
        assert_eq!(partial(&[1, 2, 3, 4, 5], 0), 0x0403_0206);
        assert_eq!(fold(0xffff_ffff), 0xffff);
        assert_eq!(fold(0x0001_ffff), 1);
    }

    #[test]
    fn a_replaced_field_equals_one_computed_anew() {
        let mut header: [u8; 20] = core::array::from_fn(|at| at as u8 * 13);
        let checksum = |header: &[u8]| !fold(partial(header, 0));
        header[10] = 0;
        header[11] = 0;
        let field = checksum(&header);
        let old = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
        let new = 0x0102_a8c0u32;
        header[16..].copy_from_slice(&new.to_le_bytes());
        assert_eq!(replace_4(field, old, new), checksum(&header));
        let difference = add(new, !old);
        assert_eq!(replace_by_difference(field, difference), checksum(&header));
        let field = checksum(&header);
        let old = u16::from_le_bytes([header[0], header[1]]);
        header[0] = 0x77;
        let new = u16::from_le_bytes([header[0], header[1]]);
        assert_eq!(replace_2(field, old, new), checksum(&header));
    }
}
