//! Telling what of a refused program the target does not have.
//!
//! An instruction whose field is missing is a call of a helper that does not
//! exist. A verifier that reaches it says so in its log, which helps nobody;
//! here it is said which field that was.
//!
//! Answers to: libbpf's fixup_log_failed_core_relo

use crate::spec::{InvalidAccess, LinkedProgram};
use skep_btf::Btf;
use skep_btf::core::{INVALID_HELPER, Patched, describe};

/// Most that are told when the log does not say which it was.
const MAX_TOLD: usize = 8;

/// What the instructions that were made invalid access: that at which the log
/// ends, if it tells, else the first ones.
pub(crate) fn missing(linked: &LinkedProgram, btf: Option<&Btf>, log: &str) -> Vec<String> {
    let Some(btf) = btf else {
        return Vec::new();
    };
    let reached = reached(log).and_then(|insn| {
        let found = linked.invalid.iter().find(|access| access.insn == insn);
        found.map(|access| vec![line(access, linked, btf)])
    });
    reached.unwrap_or_else(|| {
        let first = linked.invalid.iter().take(MAX_TOLD);
        first.map(|access| line(access, linked, btf)).collect()
    })
}

/// The instruction that the log says calls the helper that does not exist.
fn reached(log: &str) -> Option<usize> {
    let call = format!("call unknown#{INVALID_HELPER}");
    let line = log.lines().rev().find(|line| line.contains(&call))?;
    line.split(':').next()?.trim().parse().ok()
}

fn line(access: &InvalidAccess, linked: &LinkedProgram, btf: &Btf) -> String {
    let what = describe(btf, &access.relo);
    let mut functions = linked.functions.iter();
    let function = functions.find(|function| function.insns.contains(&access.insn));
    let function = function.map_or("", |function| &function.name);
    let why = match access.why {
        Patched::Unsafe { from, to } => format!(
            "the field has {from} bytes in the object and {to} in the target; only pointers and unsigned integers may differ in size"
        ),
        _ => "the target does not have it".to_owned(),
    };
    format!(
        "instruction {} (in {function}) is not valid on this system: {what}: {why}",
        access.insn
    )
}
