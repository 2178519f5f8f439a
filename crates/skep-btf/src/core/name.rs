//! Names as relocations compare them: bytes, flavours taken off.
//!
//! `task_struct___old` is a flavour of `task_struct`: a program may know a type
//! by several definitions, of which each carries a suffix of three underscores
//! and more. What stands before the suffix is the essential name.
//!
//! Invariant: no name is looked at past [`MAX_NAME`] bytes, so that a string
//! section without ends costs no more than others.
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_essential_name_len)

use crate::Btf;
use crate::btf::MAX_NAME;

/// The strings from an offset on; empty when out of range.
fn tail(btf: &Btf, offset: u32) -> &[u8] {
    let mut home = btf;
    loop {
        match (offset.checked_sub(home.first_string()), home.base()) {
            (Some(own), _) => {
                let own = usize::try_from(own).unwrap_or(usize::MAX);
                return home.strings.bytes().get(own..).unwrap_or(&[]);
            }
            (None, Some(base)) => home = base,
            (None, None) => return &[],
        }
    }
}

/// The string at an offset, unless it is longer than `most` bytes.
pub(super) fn bytes_within(btf: &Btf, offset: u32, most: usize) -> Option<&[u8]> {
    let tail = tail(btf, offset);
    let end = tail
        .iter()
        .take(most.saturating_add(1))
        .position(|&b| b == 0)?;
    tail.get(..end)
}

/// The name at an offset; empty when it has none or one too long to be one.
pub(super) fn name(btf: &Btf, offset: u32) -> &[u8] {
    bytes_within(btf, offset, MAX_NAME).unwrap_or(&[])
}

/// Whether the string at an offset is this name.
pub(super) fn is_name(btf: &Btf, offset: u32, name: &[u8]) -> bool {
    matches!(tail(btf, offset).strip_prefix(name), Some([0, ..]))
}

/// A name without its flavour.
pub(super) fn essential(name: &[u8]) -> &[u8] {
    // Most names have no suffix: every third byte suffices to see that there
    // are not three underscores in a row.
    if !name.iter().skip(2).step_by(3).any(|&byte| byte == b'_') {
        return name;
    }
    let is_separator = |window: &[u8]| matches!(window, [before, b'_', b'_', b'_', after] if *before != b'_' && *after != b'_');
    match name.windows(5).rposition(is_separator) {
        Some(at) => name.get(..=at).unwrap_or(name),
        None => name,
    }
}

/// A name as text for messages.
pub(super) fn text(name: &[u8]) -> String {
    let short = name.get(..128).unwrap_or(name);
    String::from_utf8_lossy(short).into_owned()
}
