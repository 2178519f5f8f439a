//! Subprograms: where they begin, that jumps stay in them, how deep they call.
//!
//! Answers to: add_subprog_and_kfunc, check_subprogs and
//! check_max_stack_depth_subprog in kernel/bpf/verifier.c.

use super::{
    MAX_CALL_FRAMES, MAX_SUBPROGRAMS, Reject, after, is_exit, is_goto, is_subprogram_address,
    is_subprogram_call, jump_offset, slots,
};
use core::ops::Range;
use skep_abi::insn::op;
use skep_abi::{Errno, Insn};
use std::collections::BTreeSet;

/// Finds where subprograms begin: 0, and all that is called or has its address taken.
pub(super) fn find(insns: &[Insn]) -> Result<BTreeSet<usize>, Reject> {
    let mut starts = BTreeSet::from([0]);
    for (index, &insn) in insns.iter().enumerate() {
        if !is_subprogram_call(insn) && !is_subprogram_address(insn) {
            continue;
        }
        let Some(start) = after(index, i64::from(insn.imm), insns.len()) else {
            let target = index as i64 + 1 + i64::from(insn.imm);
            return Err(Reject::invalid(
                index,
                format!(
                    "calls instruction {target}, but the program has instructions 0 to {}",
                    insns.len() - 1
                ),
            ));
        };
        starts.insert(start);
        if starts.len() > MAX_SUBPROGRAMS {
            return Err(Reject::at(
                index,
                Errno::E2BIG,
                format!("there are more than {MAX_SUBPROGRAMS} subprograms"),
            ));
        }
    }
    Ok(starts)
}

/// Whether it has the form of a jump: any instruction of a jump class but calls and exits.
fn has_jump_offset(insn: Insn) -> bool {
    matches!(insn.class(), op::JMP | op::JMP32) && !matches!(insn.op(), op::CALL | op::EXIT)
}

/// Checks that every jump stays in its subprogram and that none runs into the next.
pub(super) fn check_jumps(
    insns: &[Insn],
    starts: &BTreeSet<usize>,
) -> Result<Vec<Range<usize>>, Reject> {
    let ends = starts.iter().skip(1).copied().chain([insns.len()]);
    let ranges: Vec<Range<usize>> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| start..end)
        .collect();
    for range in &ranges {
        for (index, &insn) in insns.iter().enumerate().take(range.end).skip(range.start) {
            if has_jump_offset(insn) {
                check_target(index, insn, range)?;
            }
            if index + 1 == range.end && !is_exit(insn) && !is_goto(insn) {
                return Err(Reject::invalid(
                    index,
                    "the last instruction of a subprogram has to be an exit or a jump",
                ));
            }
        }
    }
    Ok(ranges)
}

fn check_target(index: usize, insn: Insn, range: &Range<usize>) -> Result<(), Reject> {
    let target = index as i64 + 1 + jump_offset(insn);
    if usize::try_from(target).is_ok_and(|target| range.contains(&target)) {
        return Ok(());
    }
    Err(Reject::invalid(
        index,
        format!(
            "jumps to instruction {target}, out of the range of its subprogram, {} to {}",
            range.start,
            range.end - 1
        ),
    ))
}

/// Checks that no chain of calls has more frames than there are. Recursion has
/// any number.
pub(super) fn check_depth(insns: &[Insn], ranges: &[Range<usize>]) -> Result<(), Reject> {
    if ranges.len() == 1 && !slots(insns).any(|(_, insn)| is_subprogram_call(insn)) {
        return Ok(());
    }
    let of = |insn: usize| ranges.partition_point(|range| range.end <= insn);
    let mut edges = vec![BTreeSet::new(); ranges.len()];
    let mut first_call = vec![0; ranges.len()];
    for (index, insn) in slots(insns).filter(|&(_, insn)| is_subprogram_call(insn)) {
        let callee = after(index, i64::from(insn.imm), insns.len()).map(of);
        if let (Some(callee), Some(calls)) = (callee, edges.get_mut(of(index)))
            && calls.insert(callee)
        {
            first_call[of(index)] = index;
        }
    }
    // What can be `depth` calls deep, for each depth: the frames are few, so this
    // ends however the calls are entangled.
    let mut level: BTreeSet<usize> = (0..ranges.len()).collect();
    for _ in 1..MAX_CALL_FRAMES {
        level = level
            .iter()
            .flat_map(|&caller| edges[caller].iter().copied())
            .collect();
    }
    match level.iter().find(|&&caller| !edges[caller].is_empty()) {
        None => Ok(()),
        Some(&caller) => Err(Reject::at(
            first_call[caller],
            Errno::E2BIG,
            format!("calls nest deeper than {MAX_CALL_FRAMES} frames"),
        )),
    }
}
