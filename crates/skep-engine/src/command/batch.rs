//! The commands on many elements at once: which map types have them, and who may.
//!
//! Answers to: bpf_map_do_batch in kernel/bpf/syscall.c.

use skep_abi::{
    Errno, Fd, MapDeleteBatch, MapLookupAndDeleteBatch, MapLookupBatch, MapUpdateBatch, Result,
};

use crate::Engine;
use crate::map::Op;

/// The errno of a batch of a map type that lacks it, after everything that Linux
/// checks before.
fn refuse(engine: &Engine, map: Fd, op: Op, reads: bool, writes: bool) -> Result<()> {
    engine.files().with_map(map, |map, access| {
        if reads {
            access.require_read()?;
        }
        if writes {
            map.require_write(access)?;
        }
        let errno: Errno = map.desc().family().errno(op);
        Err(errno)
    })
}

/// `BPF_MAP_LOOKUP_BATCH`
pub(crate) fn lookup(engine: &Engine, cmd: &mut MapLookupBatch<'_>) -> Result<()> {
    refuse(engine, cmd.map, Op::LookupBatch, true, false)
}

/// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`
pub(crate) fn lookup_and_delete(
    engine: &Engine,
    cmd: &mut MapLookupAndDeleteBatch<'_>,
) -> Result<()> {
    refuse(engine, cmd.map, Op::LookupAndDeleteBatch, true, true)
}

/// `BPF_MAP_UPDATE_BATCH`
pub(crate) fn update(engine: &Engine, cmd: &mut MapUpdateBatch<'_>) -> Result<()> {
    refuse(engine, cmd.map, Op::UpdateBatch, false, true)
}

/// `BPF_MAP_DELETE_BATCH`
pub(crate) fn delete(engine: &Engine, cmd: &mut MapDeleteBatch<'_>) -> Result<()> {
    refuse(engine, cmd.map, Op::DeleteBatch, false, true)
}
