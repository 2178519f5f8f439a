//! What a program type is: a row of data, with functions where data does not do.
//!
//! Nothing else of the engine asks which type a program has: what differs from
//! type to type is a field here.
//!
//! Answers to: struct bpf_verifier_ops and struct bpf_prog_ops in
//! include/linux/bpf.h; check_return_code and may_access_skb in
//! kernel/bpf/verifier.c; net/bpf/test_run.c.

use std::ops::RangeInclusive;

use skep_abi::{AttachType, ProgType, Result};
use skep_verifier::ContextTable;

use crate::helper::{Helper, Table};
use crate::run::PacketBuf;
use crate::world::World;

/// A value that a program returns and that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReturnCode {
    /// The value.
    pub value: i32,
    /// Its name in C.
    pub name: &'static str,
}

/// Gives the bytes of a packet from an offset on.
pub(crate) type ReadPacket<'a> = dyn FnMut(usize, &mut [u8]) -> Result<()> + 'a;

/// Makes a packet of so many bytes, which are read as asked for, with the context
/// that was given.
pub(crate) type Fill =
    fn(&mut PacketBuf, usize, &mut ReadPacket<'_>, Option<&[u8]>, &dyn World) -> Result<()>;

/// Whether a type's programs sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    Never,
    May,
    Must,
}

/// How PROG_TEST_RUN runs a type's programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TestRun {
    /// Over a packet, again and again. Packet and context come out again.
    Packet {
        /// Bytes of the shortest packet, if that is found out before all else.
        min_len: usize,
        /// Bytes of the context as a caller gives it.
        context_size: usize,
        /// Whether a cpu may be named, which then means nothing.
        any_cpu: bool,
    },
    /// Once, over a context alone, of which nothing comes out.
    Context {
        /// Bytes of it at the most.
        max: u32,
        /// Whether what the program made of it is written over what was given.
        written_back: bool,
        /// What of a cpu that is named.
        cpu: Cpu,
    },
    /// Again and again, over a context alone, which comes out as it was given.
    Repeated {
        /// Bytes of it as a caller gives it.
        context_size: usize,
    },
    /// Not at all: ENOTSUPP. The [`Runner`](crate::run::Runner) runs them.
    None,
}

/// What PROG_TEST_RUN makes of a cpu and of flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cpu {
    /// Flags there are none; the cpu means nothing.
    Ignored,
    /// With the flag for it, the program runs there; other flags mean nothing.
    #[doc(alias = "BPF_F_TEST_RUN_ON_CPU")]
    Chosen,
}

/// A program type.
pub struct Kind {
    /// Which one.
    pub prog_type: ProgType,
    /// What its programs return.
    pub returns: &'static [ReturnCode],
    /// What Linux has of it and is not here; empty if nothing.
    pub missing: &'static str,
    /// The hooks its programs may be for; any, if none is named.
    pub(crate) hooks: &'static [AttachType],
    pub(crate) helpers: &'static Table,
    pub(crate) families: &'static [&'static [Helper]],
    /// The context its programs see.
    pub(crate) context: fn(AttachType) -> &'static ContextTable,
    /// Whether they may load from the packet the legacy way.
    #[doc(alias = "may_access_skb")]
    pub(crate) legacy_loads: bool,
    /// What programs for this hook may return; `None` if anything.
    #[doc(alias = "check_return_code")]
    pub(crate) may_return: fn(AttachType) -> Option<RangeInclusive<i64>>,
    pub(crate) sleep: Sleep,
    /// Whether its runs are over a packet; if not, over a context alone.
    pub takes_packets: bool,
    /// Whether programs for this hook can be run at all.
    pub(crate) can_run: fn(AttachType) -> bool,
    /// How PROG_TEST_RUN runs them.
    pub(crate) test_run: TestRun,
    /// Makes the packet of a run.
    pub(crate) fill: Fill,
    /// Writes the context after a run over the one that was given.
    pub(crate) context_out: fn(&PacketBuf, &mut [u8]),
}

impl Kind {
    /// The name of a returned value.
    pub fn return_name(&self, value: u32) -> Option<&'static str> {
        let mut codes = self.returns.iter();
        let code = codes.find(|code| code.value as u32 == value);
        code.map(|code| code.name)
    }

    /// The helpers its programs may call.
    pub fn helpers(&self) -> impl Iterator<Item = &'static Helper> {
        self.families.iter().copied().flatten()
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.prog_type, f)
    }
}
