//! TRACEPOINT: programs that see what a tracepoint records, behind a word that is
//! the kernel's own.
//!
//! Answers to: tp_prog_is_valid_access and tp_prog_func_proto in kernel/trace/bpf_trace.c.

use skep_abi::ProgType;
use skep_verifier::{Access, ContextField, ContextTable};

use super::{Kind, Sleep, TestRun, bare};

/// Bytes of the longest record.
#[doc(alias = "PERF_MAX_TRACE_SIZE")]
const MAX: u16 = 8192;
/// Bytes at its beginning that programs do not see.
const HIDDEN: u16 = 8;

static FIELDS: [ContextField; 1] = [bare::bytes("record", HIDDEN, MAX - HIDDEN, Access::Read)];
static CONTEXT: ContextTable = bare::context("trace_entry", MAX, &FIELDS);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::TRACEPOINT,
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
    test_run: TestRun::None,
    fill: |packet, len, _, context, _| bare::fill(&CONTEXT, packet, len, context),
    context_out: bare::context_out,
};
