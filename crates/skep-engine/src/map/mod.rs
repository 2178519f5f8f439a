//! Maps: one trait that every map is, one family a module, one registry.
//!
//! ```text
//!   MapCreate ─► create::check_attr ─► family_of(map type) ─► Family ─► make ─► Arc<dyn Map>
//!                                      the registry           a row of data      │
//!   user space: lookup, update, delete, next_key, lookup_and_delete  ◄───────────┤
//!   programs:   program_lookup ─► ValueRef ─► values().load / store / atomic ◄───╯
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`mod@create`] | the checks of a creation that all types share |
//! | [`family`] | a type's row: flags it takes, operations it has or the errno it lacks them with |
//! | [`values`] | places of values, and every access to them |
//! | [`mod@array`] | ARRAY, PERCPU_ARRAY |
//! | [`hash`], `hash_map` | HASH, PERCPU_HASH: the table, and what makes maps of it |
//!
//! A new map type is one file that implements [`Map`] and exports a [`Family`], and one line of
//! [`family_of`]. What only some maps do is a capability behind an `Option` method, like
//! [`Map::pages`], not a method that most would refuse.
//!
//! Invariants: a map's operations take `&self` from any thread and never block for long; they know
//! nothing of descriptors, freezing or who asks, which is the engine's to judge before.
//!
//! Takes no locks itself; each family says which it has.
//!
//! Answers to: struct bpf_map_ops in include/linux/bpf.h; kernel/bpf/syscall.c.

pub mod array;
pub mod create;
mod desc;
pub mod family;
pub mod hash;
mod hash_map;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod values;

use skep_abi::{MapType, Result};

pub use create::{BtfTypes, Host, create};
pub use desc::Desc;
pub use family::{Family, Op, Operations, Support};
pub use values::{Pages, ValueFault, ValueLayout, ValueRef, Values};

/// What a program or a command asks of every map.
///
/// A key is `key_size` bytes, a value `user_value_size` bytes from user space and `value_size` from
/// a program ([`Desc`]). A slice that is shorter is EFAULT; the rest of a longer one is not touched.
#[doc(alias = "bpf_map_ops")]
pub trait Map: Send + Sync {
    /// What the map is.
    fn desc(&self) -> &Desc;

    /// Copies an element's value out, as user space sees it. ENOENT if there is no such element;
    /// EINVAL for a flag (no value has a lock yet).
    #[doc(alias = "map_lookup_elem")]
    fn lookup(&self, key: &[u8], out: &mut [u8], flags: u64) -> Result<()>;

    /// Sets an element's value, as user space sees it. EINVAL for unknown flags, EEXIST and ENOENT
    /// as NOEXIST and EXIST ask, E2BIG if there is no room.
    #[doc(alias = "map_update_elem")]
    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()>;

    /// Removes an element.
    #[doc(alias = "map_delete_elem")]
    fn delete(&self, key: &[u8]) -> Result<()> {
        let _ = key;
        Err(self.desc().family().errno(Op::Delete))
    }

    /// The key after `key`; the first if it is `None` or not there. ENOENT after the last.
    #[doc(alias = "map_get_next_key")]
    fn next_key(&self, key: Option<&[u8]>, out: &mut [u8]) -> Result<()>;

    /// Copies an element's value out and removes the element, as one step.
    #[doc(alias = "map_lookup_and_delete_elem")]
    fn lookup_and_delete(&self, key: &[u8], out: &mut [u8], flags: u64) -> Result<()> {
        let _ = (key, out, flags);
        Err(self.desc().family().errno(Op::LookupAndDelete))
    }

    /// A program's lookup on a cpu: where its value is, to be reached through [`Map::values`].
    /// `None` also for a cpu that does not exist.
    #[doc(alias = "bpf_map_lookup_elem")]
    #[doc(alias = "bpf_map_lookup_percpu_elem")]
    fn program_lookup(&self, cpu: u32, key: &[u8]) -> Option<ValueRef>;

    /// A program's update on a cpu: of a per-CPU map, that cpu's value.
    #[doc(alias = "bpf_map_update_elem")]
    fn program_update(&self, cpu: u32, key: &[u8], value: &[u8], flags: u64) -> Result<()>;

    /// A program's removal of an element.
    #[doc(alias = "bpf_map_delete_elem")]
    fn program_delete(&self, key: &[u8]) -> Result<()> {
        self.delete(key)
    }

    /// The values, for accesses to places that lookups gave.
    fn values(&self) -> Values<'_>;

    /// The place that a program's instruction may name directly (`BPF_PSEUDO_MAP_VALUE`): the value
    /// of the only element, if `offset` is inside it.
    #[doc(alias = "map_direct_value_addr")]
    fn direct_value(&self, offset: u32) -> Result<ValueRef> {
        let _ = offset;
        Err(self.desc().family().errno(Op::DirectValue))
    }

    /// Bytes the map takes, for info and the memory limit.
    #[doc(alias = "map_mem_usage")]
    fn memory(&self) -> u64;

    /// What user space may map into its memory, if anything.
    fn pages(&self) -> Option<Pages<'_>> {
        None
    }
}

/// The registry: the family of a map type. What is not here is EINVAL, as for Linux's own
/// configuration without a type.
#[doc(alias = "bpf_map_types")]
pub fn family_of(map_type: MapType) -> Option<&'static Family> {
    match map_type {
        MapType::HASH => Some(&hash_map::HASH),
        MapType::PERCPU_HASH => Some(&hash_map::PERCPU_HASH),
        MapType::ARRAY => Some(&array::ARRAY),
        MapType::PERCPU_ARRAY => Some(&array::PERCPU_ARRAY),
        _ => None,
    }
}

/// The families there are, in the order of their types: the rows of `SUPPORT.md`.
pub fn families() -> impl Iterator<Item = &'static Family> {
    MapType::ALL
        .iter()
        .filter_map(|&map_type| family_of(map_type))
}
