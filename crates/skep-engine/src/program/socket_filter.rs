//! SOCKET_FILTER: filters of what a socket receives.
//!
//! They see the packet from the network header on, by legacy loads and helpers
//! only, and return how many of its bytes the socket gets.
//!
//! Answers to: sk_filter_func_proto and sk_filter_is_valid_access in
//! net/core/filter.c.

use skep_abi::ProgType;
use skep_verifier::{ContextField, ContextTable};

use super::skb::{self, Start};
use super::{Kind, Sleep};
use crate::helper;

static FIELDS: [ContextField; 17] = skb::fields(&[], &[]);
static CONTEXT: ContextTable = skb::context(&FIELDS);

const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::skb::LOAD,
    helper::skb::LOAD_RELATIVE,
];

static HELPERS: helper::Table = helper::table(FAMILIES);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SOCKET_FILTER,
    hooks: &[],
    context: |_| &CONTEXT,
    legacy_loads: true,
    helpers: &HELPERS,
    families: FAMILIES,
    returns: &[],
    may_return: |_| None,
    sleep: Sleep::Never,
    missing: skb::MISSING,
    takes_packets: true,
    can_run: |_| true,
    test_run: skb::TEST_RUN,
    fill: |packet, len, read, skb, world| skb::fill(Start::Network, packet, len, read, skb, world),
    context_out: skb::context_out,
};
