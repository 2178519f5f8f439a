//! The structural judgement: what Linux checks of a program before and beside
//! following registers.
//!
//! Every instruction is one that exists, with nothing in the fields it does not
//! use; every jump lands on an instruction of its own subprogram; every
//! subprogram is left only by an exit or a jump; no instruction is unreachable.
//! The checks run in Linux's order, so that of several faults the same one is
//! reported. Linux does not look at the fields of instructions that a branch
//! decided beforehand never reaches; here they are checked too.
//!
//! Answers to: add_subprog_and_kfunc, check_subprogs, resolve_pseudo_ldimm64,
//! check_cfg and the reserved-field checks of do_check in kernel/bpf/verifier.c.

mod cfg;
mod fields;
mod opcode;
mod subprogram;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::Range;
use skep_abi::insn::{op, pseudo};
use skep_abi::{Errno, Insn};

/// How many instructions a program may have.
#[doc(alias = "BPF_COMPLEXITY_LIMIT_INSNS")]
pub const MAX_INSNS: usize = 1_000_000;
/// How many instructions an unprivileged program may have.
#[doc(alias = "BPF_MAXINSNS")]
pub const MAX_INSNS_UNPRIVILEGED: usize = 4096;
/// How many subprograms a program may have, itself included.
#[doc(alias = "BPF_MAX_SUBPROGS")]
pub const MAX_SUBPROGRAMS: usize = 256;
/// How many calls deep a program may go, itself included.
pub const MAX_CALL_FRAMES: usize = 8;

/// A call of a helper or of a kernel function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// The instruction.
    pub insn: usize,
    /// The helper's number, or the kernel function's BTF id.
    pub id: i32,
}

/// What the judgement found out on its way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    /// The instructions of each subprogram, in order; the first is the program itself.
    pub subprograms: Vec<Range<usize>>,
    /// The calls of helpers, in order.
    pub helper_calls: Vec<Call>,
    /// The calls of kernel functions, in order.
    pub kfunc_calls: Vec<Call>,
    /// The first legacy packet load. Linux takes them only of some program types.
    pub legacy_load: Option<usize>,
}

/// Why a program is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Reject {
    /// The error Linux gives.
    pub errno: Errno,
    /// The instruction at fault, if it is one.
    pub insn: Option<usize>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Reject {
    #[cold]
    fn at(insn: usize, errno: Errno, message: impl Into<String>) -> Reject {
        Reject {
            errno,
            insn: Some(insn),
            message: message.into(),
        }
    }

    #[cold]
    fn invalid(insn: usize, message: impl Into<String>) -> Reject {
        Reject::at(insn, Errno::EINVAL, message)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.insn {
            Some(insn) => write!(f, "instruction {insn}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Judges the structure of a program: [`outline`], [`operation`] by operation, and
/// then what comes [`after_operations`]. A host whose immediates stand for
/// something resolves each right after its operation, as Linux does.
pub fn check(insns: &[Insn]) -> Result<Structure, Reject> {
    let subprograms = outline(insns)?;
    let mut index = 0;
    while index < insns.len() {
        index += operation(insns, index)?;
    }
    after_operations(insns, subprograms)
}

/// The instructions of each subprogram, if there are not too many of them and
/// every jump stays in its own.
pub fn outline(insns: &[Insn]) -> Result<Vec<Range<usize>>, Reject> {
    if insns.is_empty() || insns.len() > MAX_INSNS {
        return Err(Reject {
            errno: Errno::E2BIG,
            insn: None,
            message: format!(
                "the program has {} instructions, but 1 to {MAX_INSNS} are allowed",
                insns.len()
            ),
        });
    }
    let starts = subprogram::find(insns)?;
    subprogram::check_jumps(insns, &starts)
}

/// Judges the operation at `index` alone. Returns how many slots it takes.
#[doc(alias = "resolve_pseudo_ldimm64")]
pub fn operation(insns: &[Insn], index: usize) -> Result<usize, Reject> {
    opcode::check(insns, index)
}

/// Judges what is left when every operation exists.
pub fn after_operations(
    insns: &[Insn],
    subprograms: Vec<Range<usize>>,
) -> Result<Structure, Reject> {
    cfg::check(insns)?;
    let mut structure = Structure {
        subprograms,
        ..Structure::default()
    };
    for (index, insn) in slots(insns) {
        fields::check(index, insn)?;
        structure.note(index, insn);
    }
    subprogram::check_depth(insns, &structure.subprograms)?;
    Ok(structure)
}

impl Structure {
    /// Notes what an instruction asks of the host.
    fn note(&mut self, index: usize, insn: Insn) {
        let call = Call {
            insn: index,
            id: insn.imm,
        };
        if is_call(insn) && insn.src == pseudo::CALL_HELPER {
            self.helper_calls.push(call);
        } else if is_call(insn) && insn.src == pseudo::CALL_KFUNC {
            self.kfunc_calls.push(call);
        } else if is_legacy_load(insn) {
            self.legacy_load = self.legacy_load.or(Some(index));
        }
    }
}

/// The instructions with their indices; the second slots of 64-bit immediates
/// are left out.
fn slots(insns: &[Insn]) -> impl Iterator<Item = (usize, Insn)> {
    let mut second = false;
    insns.iter().copied().enumerate().filter(move |(_, insn)| {
        let skip = core::mem::take(&mut second);
        second = !skip && insn.is_ld_imm64();
        !skip
    })
}

fn is_call(insn: Insn) -> bool {
    insn.code == op::JMP | op::CALL
}

/// Whether it calls a subprogram.
fn is_subprogram_call(insn: Insn) -> bool {
    is_call(insn) && insn.src == pseudo::CALL_SUBPROG
}

/// Whether it takes a subprogram's address.
fn is_subprogram_address(insn: Insn) -> bool {
    insn.is_ld_imm64() && insn.src == pseudo::FUNC
}

fn is_legacy_load(insn: Insn) -> bool {
    insn.class() == op::LD && matches!(insn.mode(), op::ABS | op::IND)
}

/// Whether it is an unconditional jump.
fn is_goto(insn: Insn) -> bool {
    insn.code == op::JMP | op::JA || insn.code == op::JMP32 | op::JA
}

fn is_exit(insn: Insn) -> bool {
    insn.code == op::JMP | op::EXIT
}

/// Where a jump goes, relative to the instruction after it.
fn jump_offset(insn: Insn) -> i64 {
    if insn.code == op::JMP32 | op::JA {
        i64::from(insn.imm)
    } else {
        i64::from(insn.off)
    }
}

/// The instruction that lies `delta` after the next, if it can be one of `len`.
fn after(index: usize, delta: i64, len: usize) -> Option<usize> {
    let target = usize::try_from(index as i64 + 1 + delta).ok()?;
    (target < len).then_some(target)
}
