//! PERF_EVENT: programs at a sample of the performance counters. They see `struct
//! bpf_perf_event_data`: the registers, the period, the address.
//!
//! Answers to: pe_prog_is_valid_access and pe_prog_func_proto in kernel/trace/bpf_trace.c.

use skep_abi::ProgType;
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use super::kprobe::REGISTERS;
use super::{Kind, Sleep, TestRun, bare};

/// Bytes of `struct bpf_perf_event_data`.
const SIZE: u16 = REGISTERS + 16;

const fn words(name: &'static str, offset: u16, size: u16, narrow: bool) -> ContextField {
    ContextField {
        name,
        offset,
        size,
        width: 8,
        narrow,
        kind: FieldKind::Scalar,
        access: Access::Read,
        native_offset: offset,
        native_width: 8,
    }
}

static FIELDS: [ContextField; 3] = [
    words("regs", 0, REGISTERS, false),
    words("sample_period", REGISTERS, 8, true),
    words("addr", REGISTERS + 8, 8, true),
];
static CONTEXT: ContextTable = bare::context("bpf_perf_event_data", SIZE, &FIELDS);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::PERF_EVENT,
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
