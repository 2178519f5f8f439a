//! What the types share whose programs get a context alone, without a packet.
//!
//! The context is what a caller gives, as long as it is given: an access to a
//! field that it is too short for ends the run.
//!
//! Answers to: bpf_prog_test_run_syscall and bpf_prog_test_run_raw_tp in
//! net/bpf/test_run.c.

use skep_abi::{Errno, Result};
use skep_verifier::{Access, ContextField, ContextTable, FieldKind};

use crate::helper;
use crate::run::PacketBuf;

/// What programs of every such type may call.
pub(super) const FAMILIES: &[&[helper::Helper]] = &[
    helper::map::HELPERS,
    helper::time::HELPERS,
    helper::cpu::HELPERS,
    helper::trace::HELPERS,
];

/// The same by number.
pub(super) static HELPERS: helper::Table = helper::table(FAMILIES);

/// What Linux has for programs that trace, and is not here.
pub(super) const MISSING: &str = "helpers that look at tasks, stacks and memory";

/// Bytes that any aligned access may take.
pub(super) const fn bytes(
    name: &'static str,
    offset: u16,
    size: u16,
    access: Access,
) -> ContextField {
    ContextField {
        name,
        offset,
        size,
        width: 8,
        narrow: true,
        kind: FieldKind::Bytes,
        access,
        native_offset: offset,
        native_width: 8,
    }
}

/// A table whose native layout is what programs see.
pub(super) const fn context(
    name: &'static str,
    size: u16,
    fields: &'static [ContextField],
) -> ContextTable {
    ContextTable {
        name,
        size,
        native_size: size,
        fields,
    }
}

/// Takes the context for a run. EINVAL for one that is longer than there are, and
/// for bytes of a packet.
pub(super) fn fill(
    table: &ContextTable,
    packet: &mut PacketBuf,
    len: usize,
    context: Option<&[u8]>,
) -> Result<()> {
    let context = context.unwrap_or_default();
    if len != 0 || context.len() > usize::from(table.size) {
        return Err(Errno::EINVAL);
    }
    packet.packet.fill(0, &[], 0);
    packet.context.extend_from_slice(context);
    Ok(())
}

/// Writes the context after a run over the one that was given.
pub(super) fn context_out(packet: &PacketBuf, context: &mut [u8]) {
    let after = context.iter_mut().zip(&packet.context);
    after.for_each(|(to, from)| *to = *from);
}
