//! Program types by the names of sections.
//!
//! One row a name, as libbpf has them; the more special name stands before the
//! one it begins with. A name written `name+` takes a target behind a slash
//! (`kprobe/do_exit`); one written `name*` may go on in any way, as libbpf let
//! it before version 1.0 (`xdp_drop`, `socket1`).
//!
//! Answers to: libbpf's section_defs.

use skep_abi::flags::prog::{SLEEPABLE, XDP_HAS_FRAGS};
use skep_abi::{AttachType, ProgType};

/// What a section's name says of the programs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionDef {
    /// The name or what it begins with, and how it may go on: nothing, `+`
    /// for a slash and a target, `*` for anything.
    pub pattern: &'static str,
    /// What the programs are.
    pub prog_type: ProgType,
    /// Where they will be attached.
    pub attach_type: AttachType,
    /// Flags of loading.
    pub flags: u32,
}

impl SectionDef {
    /// Whether the name goes on with what to attach to.
    pub fn takes_target(&self) -> bool {
        self.pattern.ends_with('+')
    }

    fn matches(&self, section: &str) -> bool {
        if let Some(prefix) = self.pattern.strip_suffix('+') {
            let rest = section.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        } else if let Some(prefix) = self.pattern.strip_suffix('*') {
            section.starts_with(prefix)
        } else {
            section == self.pattern
        }
    }
}

/// What is known of the programs in a section of this name.
pub fn section_def(section: &str) -> Option<&'static SectionDef> {
    section_defs().find(|def| def.matches(section))
}

/// Every name that is known; of two that fit, the first counts.
pub fn section_defs() -> impl Iterator<Item = &'static SectionDef> {
    SECTIONS.iter()
}

macro_rules! sections {
    ($($pattern:literal $type:ident $attach:ident $flags:expr;)*) => {
        const SECTIONS: &[SectionDef] = &[$(SectionDef {
            pattern: $pattern,
            prog_type: ProgType::$type,
            attach_type: AttachType::$attach,
            flags: $flags,
        }),*];
    };
}

// A type that is verified without regard to its hook has attach type 0, which
// is also the number of CGROUP_INET_INGRESS.
sections! {
    "socket*" SOCKET_FILTER CGROUP_INET_INGRESS 0;
    "sk_reuseport/migrate" SK_REUSEPORT SK_REUSEPORT_SELECT_OR_MIGRATE 0;
    "sk_reuseport*" SK_REUSEPORT SK_REUSEPORT_SELECT 0;
    "kprobe+" KPROBE CGROUP_INET_INGRESS 0;
    "uprobe+" KPROBE CGROUP_INET_INGRESS 0;
    "uprobe.s+" KPROBE CGROUP_INET_INGRESS SLEEPABLE;
    "kretprobe+" KPROBE CGROUP_INET_INGRESS 0;
    "uretprobe+" KPROBE CGROUP_INET_INGRESS 0;
    "uretprobe.s+" KPROBE CGROUP_INET_INGRESS SLEEPABLE;
    "kprobe.multi+" KPROBE TRACE_KPROBE_MULTI 0;
    "kretprobe.multi+" KPROBE TRACE_KPROBE_MULTI 0;
    "kprobe.session+" KPROBE TRACE_KPROBE_SESSION 0;
    "uprobe.multi+" KPROBE TRACE_UPROBE_MULTI 0;
    "uretprobe.multi+" KPROBE TRACE_UPROBE_MULTI 0;
    "uprobe.session+" KPROBE TRACE_UPROBE_SESSION 0;
    "uprobe.multi.s+" KPROBE TRACE_UPROBE_MULTI SLEEPABLE;
    "uretprobe.multi.s+" KPROBE TRACE_UPROBE_MULTI SLEEPABLE;
    "uprobe.session.s+" KPROBE TRACE_UPROBE_SESSION SLEEPABLE;
    "ksyscall+" KPROBE CGROUP_INET_INGRESS 0;
    "kretsyscall+" KPROBE CGROUP_INET_INGRESS 0;
    "usdt+" KPROBE CGROUP_INET_INGRESS 0;
    "usdt.s+" KPROBE CGROUP_INET_INGRESS SLEEPABLE;
    "tc/ingress" SCHED_CLS TCX_INGRESS 0;
    "tc/egress" SCHED_CLS TCX_EGRESS 0;
    "tcx/ingress" SCHED_CLS TCX_INGRESS 0;
    "tcx/egress" SCHED_CLS TCX_EGRESS 0;
    "tc" SCHED_CLS CGROUP_INET_INGRESS 0;
    "classifier*" SCHED_CLS CGROUP_INET_INGRESS 0;
    "action*" SCHED_ACT CGROUP_INET_INGRESS 0;
    "netkit/primary" SCHED_CLS NETKIT_PRIMARY 0;
    "netkit/peer" SCHED_CLS NETKIT_PEER 0;
    "tracepoint+" TRACEPOINT CGROUP_INET_INGRESS 0;
    "tp+" TRACEPOINT CGROUP_INET_INGRESS 0;
    "raw_tracepoint+" RAW_TRACEPOINT CGROUP_INET_INGRESS 0;
    "raw_tp+" RAW_TRACEPOINT CGROUP_INET_INGRESS 0;
    "raw_tracepoint.w+" RAW_TRACEPOINT_WRITABLE CGROUP_INET_INGRESS 0;
    "raw_tp.w+" RAW_TRACEPOINT_WRITABLE CGROUP_INET_INGRESS 0;
    "tp_btf+" TRACING TRACE_RAW_TP 0;
    "fentry+" TRACING TRACE_FENTRY 0;
    "fmod_ret+" TRACING MODIFY_RETURN 0;
    "fexit+" TRACING TRACE_FEXIT 0;
    "fentry.s+" TRACING TRACE_FENTRY SLEEPABLE;
    "fmod_ret.s+" TRACING MODIFY_RETURN SLEEPABLE;
    "fexit.s+" TRACING TRACE_FEXIT SLEEPABLE;
    "freplace+" EXT CGROUP_INET_INGRESS 0;
    "lsm+" LSM LSM_MAC 0;
    "lsm.s+" LSM LSM_MAC SLEEPABLE;
    "lsm_cgroup+" LSM LSM_CGROUP 0;
    "iter+" TRACING TRACE_ITER 0;
    "iter.s+" TRACING TRACE_ITER SLEEPABLE;
    "syscall" SYSCALL CGROUP_INET_INGRESS SLEEPABLE;
    "xdp.frags/devmap" XDP XDP_DEVMAP XDP_HAS_FRAGS;
    "xdp/devmap" XDP XDP_DEVMAP 0;
    "xdp_devmap/*" XDP XDP_DEVMAP 0;
    "xdp.frags/cpumap" XDP XDP_CPUMAP XDP_HAS_FRAGS;
    "xdp/cpumap" XDP XDP_CPUMAP 0;
    "xdp_cpumap/*" XDP XDP_CPUMAP 0;
    "xdp.frags" XDP XDP XDP_HAS_FRAGS;
    "xdp*" XDP XDP 0;
    "perf_event*" PERF_EVENT CGROUP_INET_INGRESS 0;
    "lwt_in*" LWT_IN CGROUP_INET_INGRESS 0;
    "lwt_out*" LWT_OUT CGROUP_INET_INGRESS 0;
    "lwt_xmit*" LWT_XMIT CGROUP_INET_INGRESS 0;
    "lwt_seg6local*" LWT_SEG6LOCAL CGROUP_INET_INGRESS 0;
    "sockops*" SOCK_OPS CGROUP_SOCK_OPS 0;
    "sk_skb/stream_parser*" SK_SKB SK_SKB_STREAM_PARSER 0;
    "sk_skb/stream_verdict*" SK_SKB SK_SKB_STREAM_VERDICT 0;
    "sk_skb/verdict" SK_SKB SK_SKB_VERDICT 0;
    "sk_skb*" SK_SKB CGROUP_INET_INGRESS 0;
    "sk_msg*" SK_MSG SK_MSG_VERDICT 0;
    "lirc_mode2*" LIRC_MODE2 LIRC_MODE2 0;
    "flow_dissector*" FLOW_DISSECTOR FLOW_DISSECTOR 0;
    "cgroup_skb/ingress*" CGROUP_SKB CGROUP_INET_INGRESS 0;
    "cgroup_skb/egress*" CGROUP_SKB CGROUP_INET_EGRESS 0;
    "cgroup/skb*" CGROUP_SKB CGROUP_INET_INGRESS 0;
    "cgroup/sock_create*" CGROUP_SOCK CGROUP_INET_SOCK_CREATE 0;
    "cgroup/sock_release*" CGROUP_SOCK CGROUP_INET_SOCK_RELEASE 0;
    "cgroup/post_bind4*" CGROUP_SOCK CGROUP_INET4_POST_BIND 0;
    "cgroup/post_bind6*" CGROUP_SOCK CGROUP_INET6_POST_BIND 0;
    "cgroup/bind4*" CGROUP_SOCK_ADDR CGROUP_INET4_BIND 0;
    "cgroup/bind6*" CGROUP_SOCK_ADDR CGROUP_INET6_BIND 0;
    "cgroup/connect4*" CGROUP_SOCK_ADDR CGROUP_INET4_CONNECT 0;
    "cgroup/connect6*" CGROUP_SOCK_ADDR CGROUP_INET6_CONNECT 0;
    "cgroup/connect_unix" CGROUP_SOCK_ADDR CGROUP_UNIX_CONNECT 0;
    "cgroup/sendmsg4*" CGROUP_SOCK_ADDR CGROUP_UDP4_SENDMSG 0;
    "cgroup/sendmsg6*" CGROUP_SOCK_ADDR CGROUP_UDP6_SENDMSG 0;
    "cgroup/sendmsg_unix" CGROUP_SOCK_ADDR CGROUP_UNIX_SENDMSG 0;
    "cgroup/recvmsg4*" CGROUP_SOCK_ADDR CGROUP_UDP4_RECVMSG 0;
    "cgroup/recvmsg6*" CGROUP_SOCK_ADDR CGROUP_UDP6_RECVMSG 0;
    "cgroup/recvmsg_unix" CGROUP_SOCK_ADDR CGROUP_UNIX_RECVMSG 0;
    "cgroup/getpeername4*" CGROUP_SOCK_ADDR CGROUP_INET4_GETPEERNAME 0;
    "cgroup/getpeername6*" CGROUP_SOCK_ADDR CGROUP_INET6_GETPEERNAME 0;
    "cgroup/getpeername_unix" CGROUP_SOCK_ADDR CGROUP_UNIX_GETPEERNAME 0;
    "cgroup/getsockname4*" CGROUP_SOCK_ADDR CGROUP_INET4_GETSOCKNAME 0;
    "cgroup/getsockname6*" CGROUP_SOCK_ADDR CGROUP_INET6_GETSOCKNAME 0;
    "cgroup/getsockname_unix" CGROUP_SOCK_ADDR CGROUP_UNIX_GETSOCKNAME 0;
    "cgroup/sysctl*" CGROUP_SYSCTL CGROUP_SYSCTL 0;
    "cgroup/getsockopt*" CGROUP_SOCKOPT CGROUP_GETSOCKOPT 0;
    "cgroup/setsockopt*" CGROUP_SOCKOPT CGROUP_SETSOCKOPT 0;
    "cgroup/sock*" CGROUP_SOCK CGROUP_INET_SOCK_CREATE 0;
    "cgroup/dev*" CGROUP_DEVICE CGROUP_DEVICE 0;
    "struct_ops+" STRUCT_OPS CGROUP_INET_INGRESS 0;
    "struct_ops.s+" STRUCT_OPS CGROUP_INET_INGRESS SLEEPABLE;
    "sk_lookup*" SK_LOOKUP SK_LOOKUP 0;
    "netfilter" NETFILTER NETFILTER 0;
}
