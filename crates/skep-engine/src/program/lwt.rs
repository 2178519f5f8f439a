//! LWT_IN, LWT_OUT, LWT_XMIT, LWT_SEG6LOCAL: programs of a route's tunnel, on its
//! way in, out, and onto the wire. One file, for they differ in little: only those
//! of LWT_XMIT may change the packet, and those of LWT_SEG6LOCAL are not run by
//! PROG_TEST_RUN. All see it from the network header on.
//!
//! Answers to: lwt_in_func_proto, lwt_out_func_proto, lwt_xmit_func_proto,
//! lwt_seg6local_func_proto and lwt_is_valid_access in net/core/filter.c.

use skep_abi::ProgType;
use skep_verifier::{ContextField, ContextTable};

use super::skb::{self, Field, Start};
use super::{Fill, Kind, ReturnCode, Sleep, TestRun};
use crate::helper;

static FIELDS: [ContextField; 19] = skb::fields(
    &[Field::Data, Field::DataEnd],
    &[Field::Mark, Field::Priority],
);
static CONTEXT: ContextTable = skb::context(&FIELDS);

const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::checksum::HELPERS,
    helper::skb::LOAD,
    helper::skb::PULL,
];

const XMIT_FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::checksum::HELPERS,
    helper::skb::LOAD,
    helper::skb::PULL,
    helper::skb::EDIT,
];

static HELPERS: helper::Table = helper::table(FAMILIES);
static XMIT_HELPERS: helper::Table = helper::table(XMIT_FAMILIES);

/// What becomes of a packet.
#[doc(alias = "bpf_ret_code")]
const RETURNS: &[ReturnCode] = &[
    ReturnCode {
        value: 0,
        name: "BPF_OK",
    },
    ReturnCode {
        value: 2,
        name: "BPF_DROP",
    },
    ReturnCode {
        value: 7,
        name: "BPF_REDIRECT",
    },
    ReturnCode {
        value: 128,
        name: "BPF_LWT_REROUTE",
    },
];

const fn kind(prog_type: ProgType, test_run: TestRun, fill: Fill) -> Kind {
    Kind {
        prog_type,
        hooks: &[],
        context: |_| &CONTEXT,
        legacy_loads: false,
        helpers: &HELPERS,
        families: FAMILIES,
        returns: RETURNS,
        may_return: |_| None,
        sleep: Sleep::Never,
        missing: skb::MISSING,
        takes_packets: true,
        can_run: |_| true,
        test_run,
        fill,
        context_out: skb::context_out,
    }
}

/// Makes a packet that programs may only read.
const READ_ONLY: Fill = |packet, len, read, skb, world| {
    packet.packet.set_read_only(true);
    skb::fill(Start::Network, packet, len, read, skb, world)
};

/// The program type on the way in.
pub(super) static IN: Kind = kind(ProgType::LWT_IN, skb::TEST_RUN, READ_ONLY);

/// The program type on the way out.
pub(super) static OUT: Kind = kind(ProgType::LWT_OUT, skb::TEST_RUN, READ_ONLY);

/// The program type of a segment routing endpoint.
pub(super) static SEG6LOCAL: Kind = Kind {
    missing: "the field sk; helpers on segment routing headers",
    ..kind(ProgType::LWT_SEG6LOCAL, TestRun::None, READ_ONLY)
};

/// The program type on the way onto the wire.
pub(super) static XMIT: Kind = Kind {
    helpers: &XMIT_HELPERS,
    families: XMIT_FAMILIES,
    ..kind(
        ProgType::LWT_XMIT,
        skb::TEST_RUN,
        |packet, len, read, skb, world| skb::fill(Start::Network, packet, len, read, skb, world),
    )
};
