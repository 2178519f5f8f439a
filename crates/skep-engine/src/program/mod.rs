//! Programs, and the types of them: one file a type.
//!
//! ```text
//!   ProgLoad ─► load (rights, instructions, maps, BTF) ─► Program ─► run
//!                        │                                    │
//!                        └── Kind: context, helpers, what a   ┘
//!                            packet of a test run is
//! ```
//!
//! A [`Kind`] is a program type's row: the context its programs see, the helpers
//! they may call, the names of what they return, how the packet of a run is made
//! from a caller's bytes. A new program type is one file with such a row and one
//! line of [`kind_of`].
//!
//! A [`Program`] never changes, save for the maps that are bound to it later and
//! the last violation of its runs. Locks: one for each of the two, innermost.
//!
//! Answers to: kernel/bpf/syscall.c, kernel/bpf/core.c (struct bpf_prog,
//! bpf_prog_aux), include/linux/bpf_types.h.

mod bare;
mod cgroup_skb;
mod info;
mod kind;
mod kprobe;
mod lines;
pub(crate) mod load;
mod lwt;
mod native;
mod perf_event;
mod raw_tracepoint;
mod sched_act;
mod sched_cls;
mod sk_lookup;
pub(crate) mod skb;
mod socket_filter;
mod syscall;
mod tag;
mod tracepoint;
pub(crate) mod xdp;

use std::sync::{Arc, Mutex, PoisonError};

use skep_abi::{AttachType, Insn, Name, ProgType};

use crate::limit::Charge;
use crate::object::{Held, MapObject};
use crate::run::{Report, UsedMap};

pub(crate) use kind::{Cpu, Fill, ReadPacket, Sleep, TestRun};
pub use kind::{Kind, ReturnCode};
pub use lines::{Lines, SourceLine};

/// The registry of program types. What is not here is EINVAL, as for Linux's own
/// configuration without a type.
#[doc(alias = "bpf_prog_types")]
pub fn kind_of(prog_type: ProgType) -> Option<&'static Kind> {
    match prog_type {
        ProgType::SOCKET_FILTER => Some(&socket_filter::KIND),
        ProgType::SCHED_CLS => Some(&sched_cls::KIND),
        ProgType::SCHED_ACT => Some(&sched_act::KIND),
        ProgType::KPROBE => Some(&kprobe::KIND),
        ProgType::TRACEPOINT => Some(&tracepoint::KIND),
        ProgType::XDP => Some(&xdp::KIND),
        ProgType::PERF_EVENT => Some(&perf_event::KIND),
        ProgType::CGROUP_SKB => Some(&cgroup_skb::KIND),
        ProgType::LWT_IN => Some(&lwt::IN),
        ProgType::LWT_OUT => Some(&lwt::OUT),
        ProgType::LWT_XMIT => Some(&lwt::XMIT),
        ProgType::RAW_TRACEPOINT => Some(&raw_tracepoint::KIND),
        ProgType::LWT_SEG6LOCAL => Some(&lwt::SEG6LOCAL),
        ProgType::SK_LOOKUP => Some(&sk_lookup::KIND),
        ProgType::SYSCALL => Some(&syscall::KIND),
        _ => None,
    }
}

/// The program types there are, in the order of their numbers: the rows of `SUPPORT.md`.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    ProgType::ALL.iter().filter_map(|&kind| kind_of(kind))
}

/// A loaded program.
#[doc(alias = "bpf_prog")]
pub struct Program {
    pub(crate) kind: &'static Kind,
    pub(crate) attach_type: AttachType,
    pub(crate) name: Name,
    /// The hash of its instructions; the first 8 bytes are its tag.
    pub(crate) digest: [u8; 32],
    pub(crate) gpl_compatible: bool,
    pub(crate) uid: u32,
    /// Nanoseconds since boot.
    pub(crate) load_time: u64,
    /// As they were given, with the maps' ids in the place of their descriptors.
    pub(crate) insns: Box<[Insn]>,
    pub(crate) code: skep_vm::Program,
    /// The maps its instructions name; an index is a handle.
    pub(crate) maps: Box<[UsedMap]>,
    /// The maps it keeps besides.
    pub(crate) bound: Mutex<Vec<Held<MapObject>>>,
    pub(crate) lines: Option<Lines>,
    pub(crate) violation: Mutex<Option<Arc<Report>>>,
    pub(crate) charge: Charge,
}

impl Program {
    /// What it is.
    pub fn prog_type(&self) -> ProgType {
        self.kind.prog_type
    }

    /// Its type's row.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its instructions.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// Bytes of memory it is charged for.
    pub fn memory(&self) -> u64 {
        self.charge.bytes()
    }

    /// Where its instructions come from, if it was loaded with BTF.
    pub fn lines(&self) -> Option<&Lines> {
        self.lines.as_ref()
    }

    /// The violation that the last run ended with that ended with one.
    pub fn last_violation(&self) -> Option<Arc<Report>> {
        let last = self.violation.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ids of all maps it keeps.
    pub(crate) fn map_ids(&self) -> Vec<u32> {
        let used = self.maps.iter().map(UsedMap::id);
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        used.chain(bound.iter().map(Held::id)).collect()
    }
}
