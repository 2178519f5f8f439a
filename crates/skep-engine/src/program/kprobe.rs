//! KPROBE: programs at a function of the kernel's or of a process's. They see the
//! registers, as `struct pt_regs` of x86-64 has them.
//!
//! Answers to: kprobe_prog_is_valid_access and kprobe_prog_func_proto in
//! kernel/trace/bpf_trace.c.

use skep_abi::ProgType;
use skep_verifier::{Access, ContextField, ContextTable};

use super::{Kind, Sleep, TestRun, bare};

/// Bytes of the registers.
#[doc(alias = "bpf_user_pt_regs_t")]
pub(super) const REGISTERS: u16 = 21 * 8;

static FIELDS: [ContextField; 1] = [bare::bytes("regs", 0, REGISTERS, Access::Read)];
static CONTEXT: ContextTable = bare::context("pt_regs", REGISTERS, &FIELDS);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::KPROBE,
    hooks: &[],
    context: |_| &CONTEXT,
    legacy_loads: false,
    helpers: &bare::HELPERS,
    families: bare::FAMILIES,
    returns: &[],
    may_return: |_| None,
    sleep: Sleep::May,
    missing: bare::MISSING,
    takes_packets: false,
    can_run: |_| true,
    test_run: TestRun::None,
    fill: |packet, len, _, context, _| bare::fill(&CONTEXT, packet, len, context),
    context_out: bare::context_out,
};
