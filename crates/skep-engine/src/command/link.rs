//! The commands on links and on programs' streams: what they answer while there is
//! nothing at a hook and nothing that prints to a stream.
//!
//! Every descriptor that is open is of something else than a link, and every
//! program's streams are empty.
//!
//! Answers to: link_update, link_detach, bpf_iter_create and prog_stream_read in
//! kernel/bpf/syscall.c.

use skep_abi::flags::link_update as flag;
use skep_abi::{Errno, Fd, IterCreate, LinkDetach, LinkUpdate, ProgStreamRead, Result};

use crate::Engine;

/// A program's streams: output and errors.
#[doc(alias = "BPF_STREAM_STDOUT")]
#[doc(alias = "BPF_STREAM_STDERR")]
const STREAMS: std::ops::RangeInclusive<u32> = 1..=2;

/// Why a descriptor is not a link: EBADF if it is not open, EINVAL if it is
/// something else.
#[doc(alias = "bpf_link_get_from_fd")]
fn not_a_link<T>(engine: &Engine, fd: Fd) -> Result<T> {
    engine.files().get(fd)?;
    Err(Errno::EINVAL)
}

/// `BPF_LINK_UPDATE`
pub(crate) fn update(engine: &Engine, cmd: &mut LinkUpdate) -> Result<()> {
    if cmd.flags & !flag::REPLACE != 0 {
        return Err(Errno::EINVAL);
    }
    not_a_link(engine, cmd.link)
}

/// `BPF_LINK_DETACH`
pub(crate) fn detach(engine: &Engine, cmd: &mut LinkDetach) -> Result<()> {
    not_a_link(engine, cmd.link)
}

/// `BPF_ITER_CREATE`
pub(crate) fn iterate(engine: &Engine, cmd: &mut IterCreate) -> Result<Fd> {
    if cmd.flags != 0 {
        return Err(Errno::EINVAL);
    }
    not_a_link(engine, cmd.link)
}

/// `BPF_PROG_STREAM_READ_BY_FD`
pub(crate) fn read_stream(engine: &Engine, cmd: &mut ProgStreamRead<'_>) -> Result<u32> {
    engine.files().prog(cmd.prog)?;
    if STREAMS.contains(&cmd.stream_id) {
        Ok(0)
    } else {
        Err(Errno::ENOENT)
    }
}
