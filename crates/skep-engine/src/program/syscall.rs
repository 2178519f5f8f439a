//! SYSCALL: programs that PROG_TEST_RUN is made for: they are run by hand only.
//!
//! The context is any bytes of the caller's, up to 64 KiB less one, and what the
//! program makes of them is written over them.
//!
//! Answers to: bpf_prog_test_run_syscall in net/bpf/test_run.c;
//! syscall_prog_is_valid_access and syscall_prog_func_proto in kernel/bpf/syscall.c.

use skep_abi::{AttachType, ProgType};
use skep_verifier::{Access, ContextField, ContextTable};

use super::{Cpu, Kind, Sleep, TestRun, bare};

/// Bytes of the longest context.
#[doc(alias = "U16_MAX")]
const MAX: u16 = u16::MAX;

static FIELDS: [ContextField; 1] = [bare::bytes("args", 0, MAX, Access::ReadWrite)];
static CONTEXT: ContextTable = bare::context("syscall_args", MAX, &FIELDS);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SYSCALL,
    // None, which is the hook of number 0.
    hooks: &[AttachType(0)],
    context: |_| &CONTEXT,
    legacy_loads: false,
    helpers: &bare::HELPERS,
    families: bare::FAMILIES,
    returns: &[],
    may_return: |_| None,
    sleep: Sleep::Must,
    missing: "bpf_sys_bpf, bpf_btf_find_by_name_kind, bpf_sys_close",
    takes_packets: false,
    can_run: |_| true,
    test_run: TestRun::Context {
        max: MAX as u32,
        written_back: true,
        cpu: Cpu::Ignored,
    },
    fill: |packet, len, _, context, _| bare::fill(&CONTEXT, packet, len, context),
    context_out: bare::context_out,
};
