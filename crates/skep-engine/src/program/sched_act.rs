//! SCHED_ACT: actions of traffic control, which see a packet as classifiers do.
//!
//! Answers to: tc_cls_act_func_proto and tc_cls_act_is_valid_access in
//! net/core/filter.c.

use skep_abi::ProgType;

use super::skb::{self, Start};
use super::{Kind, Sleep, sched_cls};
use crate::helper;

static HELPERS: helper::Table = helper::table(sched_cls::FAMILIES);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SCHED_ACT,
    hooks: &[],
    context: sched_cls::context,
    legacy_loads: true,
    helpers: &HELPERS,
    families: sched_cls::FAMILIES,
    returns: sched_cls::RETURNS,
    may_return: |_| None,
    sleep: Sleep::Never,
    missing: skb::MISSING,
    takes_packets: true,
    can_run: |_| true,
    test_run: skb::TEST_RUN,
    fill: |packet, len, read, skb, world| skb::fill(Start::Link, packet, len, read, skb, world),
    context_out: skb::context_out,
};
