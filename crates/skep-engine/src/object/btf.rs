//! BTF as an object: what BTF_LOAD makes.
//!
//! Answers to: struct btf in kernel/bpf/btf.c.

use skep_btf::Btf;

/// Loaded type information.
pub struct BtfObject {
    /// The types.
    pub btf: Btf,
    /// The bytes they were loaded from, which information about it gives back.
    pub bytes: Box<[u8]>,
}
