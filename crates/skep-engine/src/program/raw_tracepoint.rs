//! RAW_TRACEPOINT: programs that see the arguments of a tracepoint as the kernel
//! passes them: up to twelve words.
//!
//! Answers to: bpf_prog_test_run_raw_tp in net/bpf/test_run.c;
//! raw_tp_prog_is_valid_access and raw_tp_prog_func_proto in kernel/trace/bpf_trace.c.

use skep_abi::ProgType;
use skep_verifier::{Access, ContextField, ContextTable};

use super::{Cpu, Kind, Sleep, TestRun, bare};

/// Bytes of the arguments.
#[doc(alias = "MAX_BPF_FUNC_ARGS")]
const MAX: u16 = 12 * 8;

static FIELDS: [ContextField; 1] = [bare::bytes("args", 0, MAX, Access::Read)];
static CONTEXT: ContextTable = bare::context("bpf_raw_tracepoint_args", MAX, &FIELDS);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::RAW_TRACEPOINT,
    hooks: &[],
    context: |_| &CONTEXT,
    legacy_loads: false,
    helpers: &bare::HELPERS,
    families: bare::FAMILIES,
    returns: &[],
    may_return: |_| None,
    sleep: Sleep::Never,
    missing: bare::MISSING,
    takes_packets: false,
    can_run: |_| true,
    test_run: TestRun::Context {
        max: MAX as u32,
        written_back: false,
        cpu: Cpu::Chosen,
    },
    fill: |packet, len, _, context, _| bare::fill(&CONTEXT, packet, len, context),
    context_out: bare::context_out,
};
