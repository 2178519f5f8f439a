//! XDP: programs that see a packet before anything else does.
//!
//! A packet of a run lies in one page, as a driver's would: headroom of 256
//! bytes (of which Linux keeps 40), the packet, and 320 bytes that Linux keeps
//! at the end. What does not fit lies in up to 17 fragments of a page each, which
//! `data_end` does not cover.
//!
//! Answers to: bpf_prog_test_run_xdp in net/bpf/test_run.c; xdp_is_valid_access
//! and xdp_func_proto in net/core/filter.c.

use skep_abi::{AttachType, Errno, ProgType, Result};
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use super::native::{get, set};
use super::{Kind, ReadPacket, ReturnCode, Sleep, TestRun};
use crate::helper;
use crate::run::PacketBuf;
use crate::world::World;

/// Bytes of the shortest packet: an Ethernet header.
#[doc(alias = "ETH_HLEN")]
pub(crate) const MIN_LEN: usize = 14;
/// Room before the packet.
#[doc(alias = "XDP_PACKET_HEADROOM")]
const HEADROOM: usize = 256;
/// Of which Linux keeps so much for itself.
#[doc(alias = "xdp_frame")]
const KEPT: usize = 40;
/// Bytes of the page before what Linux keeps at its end.
const PAGE_END: usize = 4096 - 320;
/// Bytes of a fragment.
pub(crate) const FRAGMENT: usize = 4096;
/// How many fragments there may be.
#[doc(alias = "MAX_SKB_FRAGS")]
const MAX_FRAGMENTS: usize = 17;
/// Bytes of metadata at the most.
#[doc(alias = "xdp_metalen_invalid")]
pub(crate) const MAX_META: usize = 252;

/// Bytes of `struct xdp_md`.
const MD_SIZE: usize = 24;
/// Where the numbers of `struct xdp_md` lie, in it and in the native layout.
const INGRESS_IFINDEX: usize = 12;
const RX_QUEUE_INDEX: usize = 16;
const EGRESS_IFINDEX: usize = 20;

const fn pointer(name: &'static str, offset: u16, kind: FieldKind) -> ContextField {
    ContextField {
        name,
        offset,
        size: 4,
        width: 4,
        narrow: false,
        kind,
        access: Access::Read,
        native_offset: 0,
        native_width: 8,
    }
}

const fn number(name: &'static str, offset: u16) -> ContextField {
    ContextField {
        name,
        offset,
        size: 4,
        width: 4,
        narrow: false,
        kind: FieldKind::Scalar,
        access: Access::Read,
        native_offset: offset,
        native_width: 4,
    }
}

/// The fields every XDP program sees, and behind them the one that only those see
/// that run when a packet is redirected to a device.
static FIELDS: [ContextField; 6] = [
    pointer("data", 0, FieldKind::Packet),
    pointer("data_end", 4, FieldKind::PacketEnd),
    pointer("data_meta", 8, FieldKind::PacketMeta),
    number("ingress_ifindex", INGRESS_IFINDEX as u16),
    number("rx_queue_index", RX_QUEUE_INDEX as u16),
    number("egress_ifindex", EGRESS_IFINDEX as u16),
];

const fn context(fields: &'static [ContextField]) -> ContextTable {
    ContextTable {
        name: "xdp_md",
        size: MD_SIZE as u16,
        native_size: MD_SIZE as u16,
        fields,
    }
}

static CONTEXT: ContextTable = context(FIELDS.split_at(5).0);
static DEVMAP_CONTEXT: ContextTable = context(&FIELDS);

fn context_of(attach_type: AttachType) -> &'static ContextTable {
    match attach_type {
        AttachType::XDP_DEVMAP => &DEVMAP_CONTEXT,
        _ => &CONTEXT,
    }
}

const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
    helper::checksum::HELPERS,
    helper::xdp::HELPERS,
];

static HELPERS: helper::Table = helper::table(FAMILIES);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::XDP,
    context: context_of,
    helpers: &HELPERS,
    families: FAMILIES,
    returns: &[
        ReturnCode {
            value: 0,
            name: "XDP_ABORTED",
        },
        ReturnCode {
            value: 1,
            name: "XDP_DROP",
        },
        ReturnCode {
            value: 2,
            name: "XDP_PASS",
        },
        ReturnCode {
            value: 3,
            name: "XDP_TX",
        },
        ReturnCode {
            value: 4,
            name: "XDP_REDIRECT",
        },
    ],
    missing: "BPF_F_TEST_XDP_LIVE_FRAMES; devices' own metadata",
    hooks: &[],
    legacy_loads: false,
    may_return: |_| None,
    sleep: Sleep::Never,
    takes_packets: true,
    can_run,
    // What is too short is found out with the metadata.
    test_run: TestRun::Packet {
        min_len: 0,
        context_size: MD_SIZE,
        any_cpu: true,
    },
    fill,
    context_out,
};

/// A program for devices' or cpus' maps is not run by test runs.
fn can_run(attach_type: AttachType) -> bool {
    !matches!(attach_type, AttachType::XDP_DEVMAP | AttachType::XDP_CPUMAP)
}

/// Makes `packet` one of `len` bytes, which `read` gives from an offset on.
fn fill(
    packet: &mut PacketBuf,
    len: usize,
    read: &mut ReadPacket<'_>,
    md: Option<&[u8]>,
    world: &dyn World,
) -> Result<()> {
    let field = |offset| md.map(|md| get::<4>(md, offset) as usize);
    let meta = field(0).unwrap_or(0);
    let end = field(4).unwrap_or(len);
    let given_meta = field(8).unwrap_or(0);
    let bad_meta = meta > HEADROOM - KEPT || !meta.is_multiple_of(4) || meta > end;
    let too_short = len < meta.saturating_add(MIN_LEN);
    if given_meta != 0 || end > len || bad_meta || too_short {
        return Err(Errno::EINVAL);
    }
    let headroom = HEADROOM - meta;
    let linear = end.min(PAGE_END - headroom);
    let buffer = &mut packet.buffer;
    buffer.resize(linear, 0);
    read(0, buffer)?;
    packet
        .packet
        .fill(headroom - KEPT, buffer, PAGE_END - headroom - linear);
    // Cannot fail: there are so many bytes.
    packet.packet.adjust_head(meta as isize);
    packet.packet.adjust_meta(-(meta as isize));

    let ingress = field(INGRESS_IFINDEX).unwrap_or(0) as u32;
    let queue = field(RX_QUEUE_INDEX).unwrap_or(0) as u32;
    if field(EGRESS_IFINDEX).unwrap_or(0) != 0 || (ingress == 0 && queue != 0) {
        return Err(Errno::EINVAL);
    }
    if ingress != 0 {
        let device = world.device(ingress).ok_or(Errno::ENODEV)?;
        if queue >= device.rx_queues {
            return Err(Errno::EINVAL);
        }
    }
    fill_fragments(packet, linear, len, read)?;
    packet.context.clear();
    packet.context.resize(MD_SIZE, 0);
    // Without a device of the caller's choice, a packet comes from the loopback device.
    let ingress_seen = if ingress == 0 { 1 } else { ingress };
    set::<4>(
        &mut packet.context,
        INGRESS_IFINDEX,
        u64::from(ingress_seen),
    );
    set::<4>(&mut packet.context, RX_QUEUE_INDEX, u64::from(queue));
    Ok(())
}

/// Puts what comes after the linear part into fragments.
fn fill_fragments(
    packet: &mut PacketBuf,
    linear: usize,
    len: usize,
    read: &mut ReadPacket<'_>,
) -> Result<()> {
    let rest = len - linear;
    packet.fragments.clear();
    // A page more than there may be is found out only when all before it are read.
    let taken = rest.min(MAX_FRAGMENTS * FRAGMENT);
    packet.fragments.resize(taken, 0);
    if taken > 0 {
        read(linear, &mut packet.fragments)?;
    }
    if rest > taken {
        return Err(Errno::ENOMEM);
    }
    Ok(())
}

/// Writes the context as it is after a run over the one that was given.
#[doc(alias = "xdp_convert_buff_to_md")]
fn context_out(packet: &PacketBuf, md: &mut [u8]) {
    let meta = packet.packet.meta_len();
    set::<4>(md, 0, meta as u64);
    set::<4>(md, 4, (meta + packet.packet.len()) as u64);
}
