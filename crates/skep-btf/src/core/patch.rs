//! Putting what a relocation came to into its instruction.
//!
//! An instruction whose field is missing becomes a call of a helper that does
//! not exist: a verifier refuses it where a program can reach it, and does not
//! look at it where it cannot.
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_patch_insn,
//! bpf_core_poison_insn)

use super::error::CoreProblem;
use super::{Resize, Resolution};
use skep_abi::insn::{Insn, op};

/// The helper that does not exist, "bad relo" in digits.
pub const INVALID_HELPER: i32 = 0x0bad_2310;

/// What became of a relocated instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patched {
    /// It holds the new value.
    Value,
    /// It was made invalid: the target does not have what it accesses.
    Missing,
    /// It was made invalid: it loads or stores a field whose size differs in the
    /// target, and the bytes do not have the same meaning.
    Unsafe {
        /// Bytes of the field by the local types.
        from: u32,
        /// Bytes of it in the target.
        to: u32,
    },
}

/// Makes the first instruction, both slots of it, invalid.
fn invalidate(insns: &mut [Insn]) {
    let slots = match insns.first() {
        Some(insn) if insn.is_ld_imm64() => 2,
        _ => 1,
    };
    for insn in insns.iter_mut().take(slots) {
        *insn = Insn::new(op::JMP | op::CALL, 0, 0, 0, INVALID_HELPER);
    }
}

impl Resolution {
    /// Patches the first of `insns`; a 64-bit load takes two. Nothing is changed
    /// when the instruction is not what the local types make of it.
    pub fn patch(&self, insns: &mut [Insn]) -> Result<Patched, CoreProblem> {
        let Some(&insn) = insns.first() else {
            return Err(CoreProblem::Insn(0));
        };
        let (original, new, resize) = match *self {
            Resolution::Missing => {
                invalidate(insns);
                return Ok(Patched::Missing);
            }
            Resolution::Value {
                original,
                new,
                resize,
            } => (original, new, resize),
        };
        let expect = |found: i64| match original {
            Some(expected) if expected != found.cast_unsigned() => Err(CoreProblem::Unexpected {
                found,
                expected,
                new,
            }),
            _ => Ok(()),
        };
        // The low half; a 64-bit load has room for the other as well.
        let imm = (new as u32).cast_signed();
        match (insn.class(), insns) {
            (op::ALU | op::ALU64, [first, ..]) if !insn.is_reg_src() => {
                expect(insn.imm.into())?;
                first.imm = imm;
            }
            (op::LDX | op::ST | op::STX, insns) => {
                expect(insn.off.into())?;
                let offset = i16::try_from(new).map_err(|_| CoreProblem::TooFar(new))?;
                if let Resize::Unsafe { from, to } = resize {
                    invalidate(insns);
                    return Ok(Patched::Unsafe { from, to });
                }
                let code = resized(insn, resize)?;
                if let Some(first) = insns.first_mut() {
                    (first.off, first.code) = (offset, code);
                }
            }
            (op::LD, [first, second, ..]) if is_plain(*first, *second) => {
                let low = u64::from(insn.imm.cast_unsigned());
                let value = u64::from(second.imm.cast_unsigned()) << 32 | low;
                expect(value.cast_signed())?;
                first.imm = imm;
                second.imm = ((new >> 32) as u32).cast_signed();
            }
            _ => return Err(CoreProblem::Insn(insn.code)),
        }
        Ok(Patched::Value)
    }
}

/// Whether this is a 64-bit load of a number.
fn is_plain(first: Insn, second: Insn) -> bool {
    let upper_half = Insn::new(0, 0, 0, 0, second.imm);
    first.is_ld_imm64() && first.src == 0 && first.off == 0 && second == upper_half
}

/// The opcode with the size of access that the target asks for.
fn resized(insn: Insn, resize: Resize) -> Result<u8, CoreProblem> {
    let Resize::To { from, to } = resize else {
        return Ok(insn.code);
    };
    let found = u32::try_from(insn.width()).unwrap_or(0);
    if found != from {
        return Err(CoreProblem::AccessSize {
            found,
            expected: from,
        });
    }
    let width = match to {
        1 => op::B,
        2 => op::H,
        4 => op::W,
        8 => op::DW,
        _ => return Err(CoreProblem::NoAccess(to)),
    };
    Ok(insn.mode() | width | insn.class())
}
