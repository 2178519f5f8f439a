//! Reachability: every instruction is reached, and none jumps into an immediate.
//!
//! Answers to: check_cfg in kernel/bpf/verifier.c.

use super::{
    Reject, after, is_call, is_exit, is_goto, is_subprogram_address, is_subprogram_call,
    jump_offset,
};
use skep_abi::Insn;
use skep_abi::insn::op;

/// Checks that all instructions can be reached. Jumps are known to be in range.
pub(super) fn check(insns: &[Insn]) -> Result<(), Reject> {
    let mut reached = vec![false; insns.len()];
    let mut pending = vec![0];
    while let Some(index) = pending.pop() {
        let (Some(seen), Some(&insn)) = (reached.get_mut(index), insns.get(index)) else {
            return Err(Reject::invalid(
                index.saturating_sub(1),
                "the program runs past its end",
            ));
        };
        if core::mem::replace(seen, true) {
            continue;
        }
        if !is_exit(insn) && !is_goto(insn) {
            pending.push(index + if insn.is_ld_imm64() { 2 } else { 1 });
        }
        let delta = if is_subprogram_call(insn) || is_subprogram_address(insn) {
            i64::from(insn.imm)
        } else if matches!(insn.class(), op::JMP | op::JMP32) && !is_exit(insn) && !is_call(insn) {
            jump_offset(insn)
        } else {
            continue;
        };
        pending.extend(after(index, delta, insns.len()));
    }
    let mut index = 0;
    while let (Some(&seen), Some(&insn)) = (reached.get(index), insns.get(index)) {
        if !seen {
            return Err(Reject::invalid(index, format!("unreachable insn {index}")));
        }
        if insn.is_ld_imm64() {
            if reached.get(index + 1) == Some(&true) {
                return Err(Reject::invalid(
                    index,
                    "something jumps into the middle of this 64-bit immediate",
                ));
            }
            index += 1;
        }
        index += 1;
    }
    Ok(())
}
