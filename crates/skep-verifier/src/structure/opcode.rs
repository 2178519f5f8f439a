//! Which operations there are, and the two slots of a 64-bit immediate.
//!
//! Answers to: resolve_pseudo_ldimm64 in kernel/bpf/verifier.c and
//! bpf_opcode_in_insntable in kernel/bpf/core.c.

use super::Reject;
use skep_abi::Insn;
use skep_abi::insn::{op, pseudo};

/// Checks that the operation at `index` exists and, if it is a 64-bit immediate,
/// is complete. Returns how many slots it takes.
pub(super) fn check(insns: &[Insn], index: usize) -> Result<usize, Reject> {
    let Some(&insn) = insns.get(index) else {
        return Ok(1);
    };
    if insn.class() == op::LDX && (!matches!(insn.mode(), op::MEM | op::MEMSX) || insn.imm != 0) {
        return Err(Reject::invalid(
            index,
            "a load's mode is 3 or 4 and its immediate 0",
        ));
    }
    if insn.is_ld_imm64() {
        check_imm64(index, insn, insns.get(index + 1).copied())?;
        return Ok(2);
    }
    if !exists(insn.code) {
        return Err(Reject::invalid(
            index,
            format!("there is no operation {:#04x}", insn.code),
        ));
    }
    Ok(1)
}

fn check_imm64(index: usize, insn: Insn, second: Option<Insn>) -> Result<(), Reject> {
    let complete = second
        .is_some_and(|second| (second.code, second.dst, second.src, second.off) == (0, 0, 0, 0));
    if !complete {
        return Err(Reject::invalid(
            index,
            "the second slot of a 64-bit immediate has to be zero but for its immediate",
        ));
    }
    let second_imm = second.map_or(0, |second| second.imm);
    match insn.src {
        0 | pseudo::BTF_ID | pseudo::FUNC | pseudo::MAP_VALUE | pseudo::MAP_IDX_VALUE => Ok(()),
        pseudo::MAP_FD | pseudo::MAP_IDX if second_imm == 0 => Ok(()),
        pseudo::MAP_FD | pseudo::MAP_IDX => Err(Reject::invalid(
            index,
            "a map has no second immediate; that is for a map's value",
        )),
        src => Err(Reject::invalid(
            index,
            format!("a 64-bit immediate of kind {src} does not exist"),
        )),
    }
}

/// Whether an operation exists.
fn exists(code: u8) -> bool {
    let (class, operation, reg) = (code & 0x07, code & 0xf0, code & op::X != 0);
    let (mode, double) = (code & 0xe0, code & 0x18 == op::DW);
    match class {
        op::LD => match mode {
            op::IMM => double,
            op::ABS | op::IND => !double,
            _ => false,
        },
        op::LDX => mode == op::MEM || mode == op::MEMSX && !double,
        op::ST => mode == op::MEM,
        op::STX => mode == op::MEM || mode == op::ATOMIC,
        op::ALU => operation <= op::END && !(operation == op::NEG && reg),
        op::ALU64 => operation <= op::END && !(matches!(operation, op::NEG | op::END) && reg),
        op::JMP => match operation {
            op::JA | op::CALL | op::EXIT | op::JCOND => !reg,
            _ => operation < op::JCOND,
        },
        _ => match operation {
            op::JA => !reg,
            op::CALL | op::EXIT => false,
            _ => operation < op::JCOND,
        },
    }
}
