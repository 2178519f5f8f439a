//! CGROUP_SKB: programs that let a control group's packets pass, or not.
//!
//! They see the packet from the network header on and may only read it. The socket
//! of a run has the addresses of the packet, the source's as its own, and no ports.
//!
//! Answers to: bpf_prog_test_run_skb in net/bpf/test_run.c; cg_skb_func_proto and
//! cg_skb_is_valid_access in net/core/filter.c.

use std::ops::RangeInclusive;

use skep_abi::{AttachType, ProgType, Result};
use skep_verifier::{ContextField, ContextTable};

use super::skb::{self, Field, Start};
use super::{Kind, ReadPacket, ReturnCode, Sleep};
use crate::helper;
use crate::run::PacketBuf;
use crate::world::World;

static FIELDS: [ContextField; 28] = skb::fields(
    &[
        Field::Data,
        Field::DataEnd,
        Field::Family,
        Field::RemoteIp4,
        Field::LocalIp4,
        Field::RemoteIp6,
        Field::LocalIp6,
        Field::RemotePort,
        Field::LocalPort,
        Field::Tstamp,
        Field::Hwtstamp,
    ],
    &[Field::Mark, Field::Priority, Field::Tstamp],
);
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
    prog_type: ProgType::CGROUP_SKB,
    hooks: &[
        AttachType::CGROUP_INET_INGRESS,
        AttachType::CGROUP_INET_EGRESS,
    ],
    context: |_| &CONTEXT,
    legacy_loads: false,
    helpers: &HELPERS,
    families: FAMILIES,
    returns: &[
        ReturnCode {
            value: 0,
            name: "SK_DROP",
        },
        ReturnCode {
            value: 1,
            name: "SK_PASS",
        },
    ],
    may_return,
    sleep: Sleep::Never,
    missing: skb::MISSING,
    takes_packets: true,
    can_run: |_| true,
    test_run: skb::TEST_RUN,
    fill,
    context_out: skb::context_out,
};

/// On the way out, a program may also say that the network is congested.
fn may_return(attach_type: AttachType) -> Option<RangeInclusive<i64>> {
    Some(match attach_type {
        AttachType::CGROUP_INET_EGRESS => 0..=3,
        _ => 0..=1,
    })
}

/// The families, and where addresses of their headers lie: the source's, the
/// destination's, and how many bytes each.
const FAMILY_IP: u64 = 2;
const FAMILY_IPV6: u64 = 10;
const ADDRESSES_IP: (usize, usize, usize) = (12, 16, 4);
const ADDRESSES_IPV6: (usize, usize, usize) = (8, 24, 16);

fn fill(
    packet: &mut PacketBuf,
    len: usize,
    read: &mut ReadPacket<'_>,
    skb: Option<&[u8]>,
    world: &dyn World,
) -> Result<()> {
    packet.packet.set_read_only(true);
    skb::fill(Start::Network, packet, len, read, skb, world)?;
    let context = &mut packet.context;
    let protocol = (Field::Protocol.get(context) as u16).to_be();
    let (family, (from, to, size), local, remote) = match protocol {
        skb::IP_PROTOCOL => (FAMILY_IP, ADDRESSES_IP, Field::LocalIp4, Field::RemoteIp4),
        skb::IPV6_PROTOCOL => (
            FAMILY_IPV6,
            ADDRESSES_IPV6,
            Field::LocalIp6,
            Field::RemoteIp6,
        ),
        _ => return Ok(()),
    };
    Field::Family.set(context, family);
    // The fixed header is there, or there would be no packet.
    for (field, at) in [(local, from), (remote, to)] {
        let address = packet.packet.from_network().get(at..at + size);
        field.put(context, address.unwrap_or_default());
    }
    Ok(())
}
