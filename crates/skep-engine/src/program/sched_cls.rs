//! SCHED_CLS: programs of traffic control.
//!
//! A packet of a run is linear: 14 to 3712 bytes. What the link-layer header says
//! decides `protocol` and `pkt_type`; an IPv4 or IPv6 packet has its whole fixed
//! header. The native layout is that of `struct __sk_buff`, save that fields which
//! Linux keeps in 16 bits are 16 bits here.
//!
//! Answers to: bpf_prog_test_run_skb and convert___skb_to_skb in
//! net/bpf/test_run.c; eth_type_trans in net/ethernet/eth.c; tc_cls_act_func_proto
//! and tc_cls_act_is_valid_access in net/core/filter.c.

use skep_abi::{AttachType, Errno, ProgType, Result};
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use super::native::{get, set};
use super::{Kind, ReadPacket, ReturnCode};
use crate::helper;
use crate::run::PacketBuf;
use crate::world::World;

/// Bytes of the link-layer header.
#[doc(alias = "ETH_HLEN")]
pub(crate) const LINK_HEADER: usize = 14;
/// Room before the packet.
#[doc(alias = "NET_SKB_PAD")]
const HEADROOM: usize = 64;
/// Bytes of the longest packet: a page less what Linux keeps around it.
const MAX_LEN: usize = 4096 - HEADROOM - 320;
/// Bytes of `struct __sk_buff`.
const SKB_SIZE: usize = 192;

/// `ETH_P_IP` and `ETH_P_IPV6`, and the bytes of their fixed headers.
const IP: (u16, usize) = (0x0800, 20);
const IPV6: (u16, usize) = (0x86dd, 40);
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

macro_rules! fields {
    ($( $variant:ident $name:ident $offset:literal $width:literal $native:literal $access:ident; )*) => {
        /// A number of the native layout.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum NativeField { $( $variant = $offset ),* }

        impl NativeField {
            /// Where it lies, in the native layout and in `struct __sk_buff`.
            const fn offset(self) -> usize {
                self as usize
            }

            const fn row(self) -> ContextField {
                match self {
                    $( NativeField::$variant => ContextField {
                        name: stringify!($name),
                        offset: $offset,
                        size: $width,
                        width: $width,
                        narrow: $width == 4,
                        kind: FieldKind::Scalar,
                        access: Access::$access,
                        native_offset: $offset,
                        native_width: $native,
                    } ),*
                }
            }
        }
    };
}

fields! {
    Len len 0 4 4 Read;
    PktType pkt_type 4 4 4 Read;
    Mark mark 8 4 4 ReadWrite;
    QueueMapping queue_mapping 12 4 2 ReadWrite;
    Protocol protocol 16 4 2 Read;
    VlanPresent vlan_present 20 4 4 Read;
    VlanTci vlan_tci 24 4 2 Read;
    VlanProto vlan_proto 28 4 2 Read;
    Priority priority 32 4 4 ReadWrite;
    IngressIfindex ingress_ifindex 36 4 4 Read;
    Ifindex ifindex 40 4 4 Read;
    TcIndex tc_index 44 4 2 ReadWrite;
    Hash hash 68 4 4 Read;
    TcClassid tc_classid 72 4 2 ReadWrite;
    NapiId napi_id 84 4 4 Read;
    Tstamp tstamp 152 8 8 ReadWrite;
    WireLen wire_len 160 4 4 Read;
    GsoSegs gso_segs 164 4 4 Read;
    GsoSize gso_size 176 4 4 Read;
    TstampType tstamp_type 180 1 1 Read;
    Hwtstamp hwtstamp 184 8 8 Read;
}

impl NativeField {
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
}

/// The control block: bytes at the same place in both layouts.
const CB: std::ops::Range<usize> = 48..68;

const CONTROL_BLOCK: ContextField = ContextField {
    name: "cb",
    offset: 48,
    size: 20,
    width: 4,
    narrow: true,
    kind: FieldKind::Bytes,
    access: Access::ReadWrite,
    native_offset: 48,
    native_width: 4,
};

const fn pointer(name: &'static str, offset: u16, kind: FieldKind) -> ContextField {
    ContextField {
        name,
        offset,
        size: 4,
        width: 4,
        narrow: false,
        kind,
        access: Access::Read,
        native_offset: offset,
        native_width: 8,
    }
}

static FIELDS: [ContextField; 25] = [
    NativeField::Len.row(),
    NativeField::PktType.row(),
    NativeField::Mark.row(),
    NativeField::QueueMapping.row(),
    NativeField::Protocol.row(),
    NativeField::VlanPresent.row(),
    NativeField::VlanTci.row(),
    NativeField::VlanProto.row(),
    NativeField::Priority.row(),
    NativeField::IngressIfindex.row(),
    NativeField::Ifindex.row(),
    NativeField::TcIndex.row(),
    CONTROL_BLOCK,
    NativeField::Hash.row(),
    NativeField::TcClassid.row(),
    pointer("data", 76, FieldKind::Packet),
    pointer("data_end", 80, FieldKind::PacketEnd),
    NativeField::NapiId.row(),
    pointer("data_meta", 140, FieldKind::PacketMeta),
    NativeField::Tstamp.row(),
    NativeField::WireLen.row(),
    NativeField::GsoSegs.row(),
    NativeField::GsoSize.row(),
    NativeField::TstampType.row(),
    NativeField::Hwtstamp.row(),
];

static CONTEXT: ContextTable = ContextTable {
    name: "__sk_buff",
    size: SKB_SIZE as u16,
    native_size: SKB_SIZE as u16,
    fields: &FIELDS,
};

fn context_of(_: AttachType) -> &'static ContextTable {
    &CONTEXT
}

const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::checksum::HELPERS,
    helper::skb::HELPERS,
];

static HELPERS: helper::Table = helper::table(FAMILIES);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SCHED_CLS,
    context: context_of,
    helpers: &HELPERS,
    families: FAMILIES,
    returns: &[
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
    ],
    missing: "BPF_F_TEST_SKB_CHECKSUM_COMPLETE; the field sk",
    context_size: SKB_SIZE,
    fill,
    context_out,
    can_run: |_| true,
};

/// Makes `packet` one of `len` bytes, which `read` gives from an offset on.
fn fill(
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

    let ifindex = skb.map_or(0, |skb| NativeField::Ifindex.get(skb) as u32);
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
        (NativeField::Len, len as u64),
        (NativeField::PktType, pkt_type),
        (NativeField::Protocol, u64::from(protocol.to_be())),
        (NativeField::Ifindex, u64::from(device.ifindex)),
    ] {
        field.set(context, value);
    }
    match skb {
        Some(skb) => context_in(skb, context, len),
        None => Ok(()),
    }
}

/// What of a `struct __sk_buff` a caller may set: the rest is zero.
const GIVEN: [NativeField; 9] = [
    NativeField::Mark,
    NativeField::Priority,
    NativeField::IngressIfindex,
    NativeField::Ifindex,
    NativeField::Tstamp,
    NativeField::WireLen,
    NativeField::GsoSegs,
    NativeField::GsoSize,
    NativeField::Hwtstamp,
];

/// Takes the caller's `struct __sk_buff`.
#[doc(alias = "convert___skb_to_skb")]
fn context_in(skb: &[u8], context: &mut [u8], len: usize) -> Result<()> {
    let may_be_set = |at: usize| {
        CB.contains(&at)
            || GIVEN.iter().any(|field| {
                let start = field.offset();
                (start..start + usize::from(field.row().width)).contains(&at)
            })
    };
    let zero = |(at, byte): (usize, &u8)| *byte == 0 || may_be_set(at);
    if !skb.iter().enumerate().all(zero) {
        return Err(Errno::EINVAL);
    }
    let wire_len = match NativeField::WireLen.get(skb) {
        0 => len as u64,
        given if given < len as u64 || given > MAX_WIRE_LEN => return Err(Errno::EINVAL),
        given => given,
    };
    if NativeField::GsoSegs.get(skb) > MAX_SEGMENTS {
        return Err(Errno::EINVAL);
    }
    for field in GIVEN
        .into_iter()
        .filter(|&field| field != NativeField::Ifindex)
    {
        field.set(context, field.get(skb));
    }
    NativeField::WireLen.set(context, wire_len);
    if let (Some(to), Some(from)) = (context.get_mut(CB), skb.get(CB)) {
        to.copy_from_slice(from);
    }
    Ok(())
}

/// Writes the context as it is after a run over the one that was given.
#[doc(alias = "convert_skb_to___skb")]
fn context_out(packet: &PacketBuf, skb: &mut [u8]) {
    for field in GIVEN
        .into_iter()
        .filter(|&field| field != NativeField::GsoSize)
    {
        field.set(skb, field.get(&packet.context));
    }
    if let (Some(to), Some(from)) = (skb.get_mut(CB), packet.context.get(CB)) {
        to.copy_from_slice(from);
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
        for field in CONTEXT.fields {
            assert!(field.offset >= end, "{}", field.name);
            end = field.offset + field.size;
        }
        assert!(end <= CONTEXT.size);
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
