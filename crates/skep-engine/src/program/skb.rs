//! `struct __sk_buff`: what the types of programs share that see a socket buffer.
//!
//! A packet of a run is linear: 14 to 3712 bytes. What its link-layer header says
//! decides `protocol` and `pkt_type`; an IPv4 or IPv6 packet has its whole fixed
//! header. Most types see it from the network header on ([`Start::Network`]); what
//! is given out of it then has zeros in the place of the link-layer header.
//!
//! There is one row for a field, whoever sees it; a type's table names the rows
//! that its programs may read and those they may write ([`fields`]). The native
//! layout is that of `struct __sk_buff`, save that fields which Linux keeps in 8
//! or 16 bits are as wide here.
//!
//! Answers to: bpf_prog_test_run_skb and convert___skb_to_skb in
//! net/bpf/test_run.c; eth_type_trans in net/ethernet/eth.c; bpf_skb_is_valid_access
//! and its like in net/core/filter.c.

use skep_abi::{Errno, Result};
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use super::native::{get, set};
use super::{ReadPacket, TestRun};
use crate::run::PacketBuf;
use crate::world::World;

/// Bytes of the link-layer header.
#[doc(alias = "ETH_HLEN")]
const LINK_HEADER: usize = 14;
/// Room before the packet.
#[doc(alias = "NET_SKB_PAD")]
const HEADROOM: usize = 64;
/// Bytes of the longest packet: a page less what Linux keeps around it.
const MAX_LEN: usize = 4096 - HEADROOM - 320;
/// Bytes of `struct __sk_buff`.
const SKB_SIZE: usize = 192;

/// How PROG_TEST_RUN runs programs over a socket buffer.
pub(super) const TEST_RUN: TestRun = TestRun::Packet {
    min_len: LINK_HEADER,
    context_size: SKB_SIZE,
    any_cpu: false,
};

/// What Linux has of it and is not here.
pub(super) const MISSING: &str = "BPF_F_TEST_SKB_CHECKSUM_COMPLETE; the field sk";

#[doc(alias = "ETH_P_IP")]
pub(super) const IP_PROTOCOL: u16 = 0x0800;
#[doc(alias = "ETH_P_IPV6")]
pub(super) const IPV6_PROTOCOL: u16 = 0x86dd;
/// The two, and the bytes of their fixed headers.
const IP: (u16, usize) = (IP_PROTOCOL, 20);
const IPV6: (u16, usize) = (IPV6_PROTOCOL, 40);
/// Below this the field is a length, not a protocol.
#[doc(alias = "ETH_P_802_3_MIN")]
const PROTOCOL_MIN: u16 = 0x0600;
#[doc(alias = "ETH_P_802_3")]
const RAW_802_3: u16 = 1;
#[doc(alias = "ETH_P_802_2")]
const LLC_802_2: u16 = 4;

/// Segments of a packet at the most.
#[doc(alias = "GSO_MAX_SEGS")]
const MAX_SEGMENTS: u64 = 65535;
/// Bytes of a packet on the wire at the most.
#[doc(alias = "GSO_LEGACY_MAX_SIZE")]
const MAX_WIRE_LEN: u64 = 65536;

macro_rules! rows {
    ($( $variant:ident $name:ident $offset:literal $size:literal $width:literal $native:literal
        $kind:ident $narrow:literal; )*) => {
        /// A field: it lies at the same place in `struct __sk_buff` and in the native layout.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Field { $( $variant = $offset ),* }

        impl Field {
            /// All of them, as they lie.
            const ALL: &'static [Field] = &[$( Field::$variant ),*];

            /// As programs see it that may only read it.
            const fn row(self) -> ContextField {
                match self {
                    $( Field::$variant => ContextField {
                        name: stringify!($name),
                        offset: $offset,
                        size: $size,
                        width: $width,
                        narrow: $narrow,
                        kind: FieldKind::$kind,
                        access: Access::Read,
                        native_offset: $offset,
                        native_width: $native,
                    } ),*
                }
            }
        }
    };
}

// Name, offset, bytes, unit, unit in the native layout, what it holds, whether a
// load may take a part of the unit.
rows! {
    Len len 0 4 4 4 Scalar true;
    PktType pkt_type 4 4 4 1 Scalar true;
    Mark mark 8 4 4 4 Scalar true;
    QueueMapping queue_mapping 12 4 4 2 Scalar true;
    Protocol protocol 16 4 4 2 Scalar true;
    VlanPresent vlan_present 20 4 4 1 Scalar true;
    VlanTci vlan_tci 24 4 4 2 Scalar true;
    VlanProto vlan_proto 28 4 4 2 Scalar true;
    Priority priority 32 4 4 4 Scalar true;
    IngressIfindex ingress_ifindex 36 4 4 4 Scalar true;
    Ifindex ifindex 40 4 4 4 Scalar true;
    TcIndex tc_index 44 4 4 2 Scalar true;
    Cb cb 48 20 4 4 Bytes true;
    Hash hash 68 4 4 4 Scalar true;
    TcClassid tc_classid 72 4 4 2 Scalar true;
    Data data 76 4 4 8 Packet false;
    DataEnd data_end 80 4 4 8 PacketEnd false;
    NapiId napi_id 84 4 4 4 Scalar true;
    Family family 88 4 4 4 Scalar true;
    RemoteIp4 remote_ip4 92 4 4 4 Scalar false;
    LocalIp4 local_ip4 96 4 4 4 Scalar false;
    RemoteIp6 remote_ip6 100 16 4 4 Scalar false;
    LocalIp6 local_ip6 116 16 4 4 Scalar false;
    RemotePort remote_port 132 4 4 4 Scalar true;
    LocalPort local_port 136 4 4 4 Scalar true;
    DataMeta data_meta 140 4 4 8 PacketMeta false;
    Tstamp tstamp 152 8 8 8 Scalar false;
    WireLen wire_len 160 4 4 4 Scalar true;
    GsoSegs gso_segs 164 4 4 2 Scalar true;
    GsoSize gso_size 176 4 4 2 Scalar true;
    TstampType tstamp_type 180 1 1 1 Scalar false;
    Hwtstamp hwtstamp 184 8 8 8 Scalar false;
}

/// What every type's programs may read; the control block they may write too.
pub(super) const COMMON: &[Field] = &[
    Field::Len,
    Field::PktType,
    Field::Mark,
    Field::QueueMapping,
    Field::Protocol,
    Field::VlanPresent,
    Field::VlanTci,
    Field::VlanProto,
    Field::Priority,
    Field::IngressIfindex,
    Field::Ifindex,
    Field::TcIndex,
    Field::Cb,
    Field::Hash,
    Field::NapiId,
    Field::GsoSegs,
    Field::GsoSize,
];

/// Whether a row is among those that are named.
const fn among(field: Field, named: &[Field]) -> bool {
    let mut at = 0;
    while at < named.len() {
        if named[at] as u16 == field as u16 {
            return true;
        }
        at += 1;
    }
    false
}

/// The rows of a type whose programs see `more` than what is [`COMMON`], and may
/// write `written` of all that.
pub(super) const fn fields<const N: usize>(more: &[Field], written: &[Field]) -> [ContextField; N] {
    let mut rows = [Field::Len.row(); N];
    let (mut at, mut taken) = (0, 0);
    while at < Field::ALL.len() {
        let field = Field::ALL[at];
        if among(field, COMMON) || among(field, more) {
            rows[taken] = field.row();
            if among(field, written) || among(field, &[Field::Cb]) {
                rows[taken].access = match field {
                    Field::QueueMapping => Access::ReadWriteBelowMax,
                    _ => Access::ReadWrite,
                };
            }
            taken += 1;
        }
        at += 1;
    }
    assert!(taken == N, "a type has as many rows as it names");
    rows
}

/// The table of these rows.
pub(super) const fn context(fields: &'static [ContextField]) -> ContextTable {
    ContextTable {
        name: "__sk_buff",
        size: SKB_SIZE as u16,
        native_size: SKB_SIZE as u16,
        fields,
    }
}

impl Field {
    /// Where it lies.
    const fn offset(self) -> usize {
        self as usize
    }

    /// The bytes it takes.
    fn range(self) -> std::ops::Range<usize> {
        self.offset()..self.offset() + usize::from(self.row().size)
    }

    /// The number in a native context, or in a `struct __sk_buff`.
    pub(crate) fn get(self, bytes: &[u8]) -> u64 {
        match self.row().width {
            8 => get::<8>(bytes, self.offset()),
            1 => get::<1>(bytes, self.offset()),
            _ => get::<4>(bytes, self.offset()),
        }
    }

    /// Sets the number there.
    pub(crate) fn set(self, bytes: &mut [u8], value: u64) {
        match self.row().width {
            8 => set::<8>(bytes, self.offset(), value),
            1 => set::<1>(bytes, self.offset(), value),
            _ => set::<4>(bytes, self.offset(), value),
        }
    }

    /// Sets its bytes.
    pub(super) fn put(self, context: &mut [u8], bytes: &[u8]) {
        let to = context.get_mut(self.range()).unwrap_or_default();
        to.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    }

    /// Takes its bytes from another context.
    fn copy(self, from: &[u8], to: &mut [u8]) {
        self.put(to, from.get(self.range()).unwrap_or_default());
    }
}

/// Where a type's programs see the packet begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// At its link-layer header.
    Link,
    /// Behind that.
    Network,
}

/// Makes `packet` one of `len` bytes, which `read` gives from an offset on.
pub(super) fn fill(
    start: Start,
    packet: &mut PacketBuf,
    len: usize,
    read: &mut ReadPacket<'_>,
    skb: Option<&[u8]>,
    world: &dyn World,
) -> Result<()> {
    if !(LINK_HEADER..=MAX_LEN).contains(&len) {
        return Err(Errno::EINVAL);
    }
    packet.fragments.clear();
    packet.buffer.resize(len, 0);
    read(0, &mut packet.buffer)?;
    packet.packet.fill(HEADROOM, &packet.buffer, MAX_LEN - len);
    packet.packet.set_headers(0, LINK_HEADER as isize);
    let mut seen = len;
    if start == Start::Network {
        // Cannot fail: there are so many bytes.
        packet.packet.adjust_head(LINK_HEADER as isize);
        packet.pushed = LINK_HEADER;
        seen -= LINK_HEADER;
    }

    let ifindex = skb.map_or(0, |skb| Field::Ifindex.get(skb) as u32);
    let device = world.device(ifindex.max(1)).ok_or(Errno::ENODEV)?;
    let protocol = protocol(&packet.buffer);
    let network = len - LINK_HEADER;
    for (number, header) in [IP, IPV6] {
        if protocol == number && network < header {
            return Err(Errno::EINVAL);
        }
    }
    let context = &mut packet.context;
    context.clear();
    context.resize(SKB_SIZE, 0);
    let pkt_type = pkt_type(&packet.buffer, &device.address);
    for (field, value) in [
        (Field::Len, seen as u64),
        (Field::PktType, pkt_type),
        (Field::Protocol, u64::from(protocol.to_be())),
        (Field::Ifindex, u64::from(device.ifindex)),
    ] {
        field.set(context, value);
    }
    match skb {
        Some(skb) => context_in(skb, context, seen),
        None => Ok(()),
    }
}

/// What of a `struct __sk_buff` a caller may set: the rest is zero.
const GIVEN: [Field; 10] = [
    Field::Mark,
    Field::Priority,
    Field::IngressIfindex,
    Field::Ifindex,
    Field::Cb,
    Field::Tstamp,
    Field::WireLen,
    Field::GsoSegs,
    Field::GsoSize,
    Field::Hwtstamp,
];

/// Takes the caller's `struct __sk_buff`.
#[doc(alias = "convert___skb_to_skb")]
fn context_in(skb: &[u8], context: &mut [u8], len: usize) -> Result<()> {
    let may_be_set = |at: usize| GIVEN.iter().any(|field| field.range().contains(&at));
    let zero = |(at, byte): (usize, &u8)| *byte == 0 || may_be_set(at);
    if !skb.iter().enumerate().all(zero) {
        return Err(Errno::EINVAL);
    }
    let wire_len = match Field::WireLen.get(skb) {
        0 => len as u64,
        given if given < len as u64 || given > MAX_WIRE_LEN => return Err(Errno::EINVAL),
        given => given,
    };
    if Field::GsoSegs.get(skb) > MAX_SEGMENTS {
        return Err(Errno::EINVAL);
    }
    for field in GIVEN.into_iter().filter(|&field| field != Field::Ifindex) {
        field.copy(skb, context);
    }
    Field::WireLen.set(context, wire_len);
    Ok(())
}

/// Writes the context as it is after a run over the one that was given.
#[doc(alias = "convert_skb_to___skb")]
pub(super) fn context_out(packet: &PacketBuf, skb: &mut [u8]) {
    for field in GIVEN.into_iter().filter(|&field| field != Field::GsoSize) {
        field.copy(&packet.context, skb);
    }
}

/// The protocol that a link-layer header announces.
#[doc(alias = "eth_type_trans")]
fn protocol(packet: &[u8]) -> u16 {
    let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    match (word(12).unwrap_or(0), word(LINK_HEADER)) {
        (protocol @ PROTOCOL_MIN.., _) => protocol,
        (_, Some(0xffff)) => RAW_802_3,
        _ => LLC_802_2,
    }
}

/// For whom a packet is: this host, all, many, or another. The loopback device,
/// whose address is zero, has that for its broadcast address too.
#[doc(alias = "eth_skb_pkt_type")]
fn pkt_type(packet: &[u8], own: &[u8; 6]) -> u64 {
    match packet.get(..6) {
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) if *own != [0; 6] => 1,
        Some([first, ..]) if first & 1 != 0 => 2,
        Some(to) if to == own => 0,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_order_and_stay_in_the_structure() {
        let mut end = 0;
        for field in Field::ALL {
            assert!(field.offset() >= end, "{field:?}");
            end = field.range().end;
        }
        assert!(end <= SKB_SIZE);
    }

    #[test]
    fn a_type_sees_what_it_names() {
        let rows = fields::<18>(&[Field::Tstamp], &[Field::Mark]);
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        assert!(names.contains(&"tstamp") && !names.contains(&"data"));
        let written = rows.iter().filter(|row| row.access == Access::ReadWrite);
        assert_eq!(
            written.map(|row| row.name).collect::<Vec<_>>(),
            ["mark", "cb"]
        );
    }

    #[test]
    fn protocols_are_told_from_lengths() {
        let packet = |protocol: [u8; 2], next: [u8; 2]| {
            let mut packet = [0; 16];
            packet[12..14].copy_from_slice(&protocol);
            packet[14..].copy_from_slice(&next);
            packet
        };
        assert_eq!(protocol(&packet([8, 0], [0, 0])), 0x0800);
        assert_eq!(protocol(&packet([6, 0], [0xff, 0xff])), 0x0600);
        assert_eq!(protocol(&packet([5, 0xff], [0xff, 0xff])), RAW_802_3);
        assert_eq!(protocol(&packet([5, 0xff], [0, 0])), LLC_802_2);
        assert_eq!(protocol(&packet([0, 0x40], [0, 0])[..14]), LLC_802_2);
    }
}
