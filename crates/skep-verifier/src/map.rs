//! What a map looks like to a program.
//!
//! Answers to: struct bpf_map in include/linux/bpf.h.

use skep_abi::MapType;

/// The measures of a map that decide how a program may use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapDesc {
    /// What the map is.
    pub map_type: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value, as a program sees it: one cpu's.
    pub value_size: u32,
    /// How many elements it holds at the most.
    pub max_entries: u32,
    /// Its creation flags.
    pub map_flags: u32,
}
