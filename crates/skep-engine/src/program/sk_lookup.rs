//! SK_LOOKUP: programs that choose the socket a connection or a datagram goes to.
//!
//! A run is over the addresses of a packet, not over the packet. There are no
//! sockets to choose here, so a run says only whether the look-up goes on. The
//! native layout is that of `struct bpf_sk_lookup`.
//!
//! Answers to: bpf_prog_test_run_sk_lookup in net/bpf/test_run.c;
//! sk_lookup_func_proto and sk_lookup_is_valid_access in net/core/filter.c.

use skep_abi::{AttachType, Errno, ProgType, Result};
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use super::native::get;
use super::{Kind, ReturnCode, Sleep, TestRun, bare};
use crate::helper;
use crate::run::PacketBuf;

/// Bytes of `struct bpf_sk_lookup`.
const SIZE: u16 = 72;

/// Where fields lie.
const COOKIE: usize = 0;
const FAMILY: usize = 8;
const PROTOCOL: usize = 12;
const REMOTE_IP4: usize = 16;
const REMOTE_IP6: usize = 20;
const REMOTE_PORT: usize = 36;
const LOCAL_IP4: usize = 40;
const LOCAL_IP6: usize = 44;
const LOCAL_PORT: usize = 60;
const INGRESS_IFINDEX: usize = 64;

/// Bytes of an IPv6 address.
const IP6: usize = 16;

const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;

const fn words(name: &'static str, offset: usize, size: u16) -> ContextField {
    ContextField {
        name,
        offset: offset as u16,
        size,
        width: 4,
        narrow: true,
        kind: FieldKind::Scalar,
        access: Access::Read,
        native_offset: offset as u16,
        native_width: 4,
    }
}

static FIELDS: [ContextField; 10] = [
    // The socket that was chosen: none, ever.
    ContextField {
        width: 8,
        narrow: false,
        native_width: 8,
        ..words("sk", COOKIE, 8)
    },
    words("family", FAMILY, 4),
    words("protocol", PROTOCOL, 4),
    words("remote_ip4", REMOTE_IP4, 4),
    words("remote_ip6", REMOTE_IP6, IP6 as u16),
    words("remote_port", REMOTE_PORT, 4),
    words("local_ip4", LOCAL_IP4, 4),
    words("local_ip6", LOCAL_IP6, IP6 as u16),
    words("local_port", LOCAL_PORT, 4),
    words("ingress_ifindex", INGRESS_IFINDEX, 4),
];
static CONTEXT: ContextTable = bare::context("bpf_sk_lookup", SIZE, &FIELDS);

const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::time::COARSE,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
];

static HELPERS: helper::Table = helper::table(FAMILIES);

/// The program type.
pub(super) static KIND: Kind = Kind {
    prog_type: ProgType::SK_LOOKUP,
    hooks: &[AttachType::SK_LOOKUP],
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
    may_return: |_| Some(0..=1),
    sleep: Sleep::Never,
    missing: "sockets, and so bpf_sk_assign",
    takes_packets: false,
    can_run: |_| true,
    test_run: TestRun::Repeated {
        context_size: SIZE as usize,
    },
    fill: |packet, len, _, context, _| fill(packet, len, context),
    // No socket was chosen, so there is no cookie; what else was given stays.
    context_out: |_, _| {},
};

/// Takes the addresses that are to be looked up.
fn fill(packet: &mut PacketBuf, len: usize, given: Option<&[u8]>) -> Result<()> {
    let given = given.ok_or(Errno::EINVAL)?;
    bare::fill(&CONTEXT, packet, len, Some(&[0; SIZE as usize]))?;
    let rest = given.get(INGRESS_IFINDEX..).unwrap_or_default();
    if get::<8>(given, COOKIE) != 0 || rest.iter().any(|&byte| byte != 0) {
        return Err(Errno::EINVAL);
    }
    if get::<4>(given, LOCAL_PORT) > u64::from(u16::MAX) {
        return Err(Errno::ERANGE);
    }
    let context = &mut packet.context;
    let mut take = |offset, len| {
        let to = context.get_mut(offset..offset + len).unwrap_or_default();
        let from = given.get(offset..).unwrap_or_default();
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    };
    // Of each of these, Linux keeps 16 bits.
    for field in [FAMILY, PROTOCOL, REMOTE_PORT, LOCAL_PORT] {
        take(field, 2);
    }
    let addresses = match get::<2>(given, FAMILY) {
        AF_INET => [(REMOTE_IP4, 4), (LOCAL_IP4, 4)],
        AF_INET6 => [(REMOTE_IP6, IP6), (LOCAL_IP6, IP6)],
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    for (offset, len) in addresses {
        take(offset, len);
    }
    Ok(())
}
