//! SCHED_CLS: classifiers of traffic control. They see a packet whole, and may
//! change it.
//!
//! Answers to: tc_cls_act_func_proto and tc_cls_act_is_valid_access in
//! net/core/filter.c.

use skep_abi::{AttachType, ProgType};
use skep_verifier::{ContextField, ContextTable};

use super::skb::{self, Field, Start};
use super::{Kind, ReturnCode, Sleep};
use crate::helper;

static FIELDS: [ContextField; 25] = skb::fields(
    &[
        Field::TcClassid,
        Field::Data,
        Field::DataEnd,
        Field::DataMeta,
        Field::Tstamp,
        Field::WireLen,
        Field::TstampType,
        Field::Hwtstamp,
    ],
    &[
        Field::Mark,
        Field::QueueMapping,
        Field::Priority,
        Field::TcIndex,
        Field::TcClassid,
        Field::Tstamp,
    ],
);

static CONTEXT: ContextTable = skb::context(&FIELDS);

/// The context; actions see the same.
pub(super) fn context(_: AttachType) -> &'static ContextTable {
    &CONTEXT
}

/// The helpers; actions have the same.
pub(super) const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::checksum::HELPERS,
    helper::skb::LOAD,
    helper::skb::LOAD_RELATIVE,
    helper::skb::PULL,
    helper::skb::EDIT,
];

static HELPERS: helper::Table = helper::table(FAMILIES);

/// What becomes of a packet.
pub(super) const RETURNS: &[ReturnCode] = &[
    ReturnCode {
        value: -1,
        name: "TC_ACT_UNSPEC",
    },
    ReturnCode {
        value: 0,
        name: "TC_ACT_OK",
    },
    ReturnCode {
        value: 1,
        name: "TC_ACT_RECLASSIFY",
    },
    ReturnCode {
        value: 2,
        name: "TC_ACT_SHOT",
    },
    ReturnCode {
        value: 3,
        name: "TC_ACT_PIPE",
    },
    ReturnCode {
        value: 4,
        name: "TC_ACT_STOLEN",
    },
    ReturnCode {
        value: 5,
        name: "TC_ACT_QUEUED",
    },
    ReturnCode {
        value: 6,
        name: "TC_ACT_REPEAT",
    },
    ReturnCode {
        value: 7,
        name: "TC_ACT_REDIRECT",
    },
    ReturnCode {
        value: 8,
        name: "TC_ACT_TRAP",
    },
];

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SCHED_CLS,
    hooks: &[],
    context,
    legacy_loads: true,
    helpers: &HELPERS,
    families: FAMILIES,
    returns: RETURNS,
    may_return: |_| None,
    sleep: Sleep::Never,
    missing: skb::MISSING,
    takes_packets: true,
    can_run: |_| true,
    test_run: skb::TEST_RUN,
    fill: |packet, len, read, skb, world| skb::fill(Start::Link, packet, len, read, skb, world),
    context_out: skb::context_out,
};
