//! Arithmetic and comparison: pure functions of two numbers.
//!
//! Division by zero gives 0 and a remainder by zero the dividend; shifts take
//! the low bits of their amount; the smallest number divided by -1 is itself.
//!
//! Answers to: RFC 9669, sections 4.1 to 4.3.

use crate::decode::{Alu, Cond};
use crate::env::Width;

/// Reverses the low bytes of `value` and cuts off the others.
fn swap(width: Width, value: u64) -> u64 {
    match width {
        Width::One => u64::from(value as u8),
        Width::Two => u64::from((value as u16).swap_bytes()),
        Width::Four => u64::from((value as u32).swap_bytes()),
        Width::Eight => value.swap_bytes(),
    }
}

/// The low bytes of `value`, their sign extended.
#[inline]
pub(crate) fn sign_extend(width: Width, value: u64) -> u64 {
    match width {
        Width::One => value as i8 as u64,
        Width::Two => value as i16 as u64,
        Width::Four => value as i32 as u64,
        Width::Eight => value,
    }
}

/// An operation on 64 bits.
#[inline]
pub(crate) fn alu64(op: Alu, a: u64, b: u64) -> u64 {
    let (sa, sb) = (a as i64, b as i64);
    match op {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        Alu::Mul => a.wrapping_mul(b),
        Alu::Div => a.checked_div(b).unwrap_or(0),
        Alu::SDiv if b == 0 => 0,
        Alu::SDiv => sa.wrapping_div(sb) as u64,
        Alu::Mod => a.checked_rem(b).unwrap_or(a),
        Alu::SMod if b == 0 => a,
        Alu::SMod => sa.wrapping_rem(sb) as u64,
        Alu::Or => a | b,
        Alu::And => a & b,
        Alu::Xor => a ^ b,
        Alu::Lsh => a.wrapping_shl(b as u32),
        Alu::Rsh => a.wrapping_shr(b as u32),
        Alu::Arsh => sa.wrapping_shr(b as u32) as u64,
        Alu::Neg => a.wrapping_neg(),
        Alu::Mov => b,
        Alu::Movsx8 => sign_extend(Width::One, b),
        Alu::Movsx16 => sign_extend(Width::Two, b),
        Alu::Movsx32 => sign_extend(Width::Four, b),
        Alu::Cut(width) => width.truncate(a),
        Alu::Swap(width) => swap(width, a),
    }
}

/// An operation on the low 32 bits; the upper ones of the result are zero, but
/// for a change of byte order, which has its own width.
#[inline]
pub(crate) fn alu32(op: Alu, a: u64, b: u64) -> u64 {
    let (a32, b32) = (a as u32, b as u32);
    let (sa, sb) = (a32 as i32, b32 as i32);
    u64::from(match op {
        Alu::Add => a32.wrapping_add(b32),
        Alu::Sub => a32.wrapping_sub(b32),
        Alu::Mul => a32.wrapping_mul(b32),
        Alu::Div => a32.checked_div(b32).unwrap_or(0),
        Alu::SDiv if b32 == 0 => 0,
        Alu::SDiv => sa.wrapping_div(sb) as u32,
        Alu::Mod => a32.checked_rem(b32).unwrap_or(a32),
        Alu::SMod if b32 == 0 => a32,
        Alu::SMod => sa.wrapping_rem(sb) as u32,
        Alu::Or => a32 | b32,
        Alu::And => a32 & b32,
        Alu::Xor => a32 ^ b32,
        Alu::Lsh => a32.wrapping_shl(b32),
        Alu::Rsh => a32.wrapping_shr(b32),
        Alu::Arsh => sa.wrapping_shr(b32) as u32,
        Alu::Neg => a32.wrapping_neg(),
        Alu::Mov | Alu::Movsx32 => b32,
        Alu::Movsx8 => b32 as i8 as u32,
        Alu::Movsx16 => b32 as i16 as u32,
        Alu::Cut(width) => return width.truncate(a),
        Alu::Swap(width) => return swap(width, a),
    })
}

/// Whether a condition holds between 64-bit numbers.
#[inline]
pub(crate) fn holds64(cond: Cond, a: u64, b: u64) -> bool {
    let (sa, sb) = (a as i64, b as i64);
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::Gt => a > b,
        Cond::Ge => a >= b,
        Cond::Lt => a < b,
        Cond::Le => a <= b,
        Cond::SGt => sa > sb,
        Cond::SGe => sa >= sb,
        Cond::SLt => sa < sb,
        Cond::SLe => sa <= sb,
        Cond::Set => a & b != 0,
    }
}

/// Whether a condition holds between the low halves.
#[inline]
pub(crate) fn holds32(cond: Cond, a: u64, b: u64) -> bool {
    match cond {
        Cond::SGt | Cond::SGe | Cond::SLt | Cond::SLe => holds64(
            cond,
            sign_extend(Width::Four, a),
            sign_extend(Width::Four, b),
        ),
        _ => holds64(cond, u64::from(a as u32), u64::from(b as u32)),
    }
}
