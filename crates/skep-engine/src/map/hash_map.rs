//! HASH and PERCPU_HASH as maps: the rows of their families, and [`Map`] for the table.
//!
//! The table itself, its layout and why it is right under concurrency is [`super::hash`].
//!
//! Takes no locks of its own. Answers to: htab_map_ops and htab_percpu_map_ops in
//! kernel/bpf/hashtab.c.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use skep_abi::flags::map as flag;
use skep_abi::{Errno, MapCreate, MapType, Result};

use super::create::{self, BtfTypes, Host};
use super::family::{Family, Operations, Support};
use super::hash::{Hash, HashAttr};
use super::values::{ValueLayout, ValueRef, Values};
use super::{Desc, Map};
use crate::credential::Capabilities;

/// Key and value together stay below this: the largest allocation less an element's header.
#[doc(alias = "KMALLOC_MAX_SIZE")]
const ELEMENT_LIMIT: u64 = (4 << 20) - 48;

const OPERATIONS: Operations = Operations {
    lookup: Support::Yes,
    update: Support::Yes,
    delete: Support::Yes,
    next_key: Support::Yes,
    lookup_and_delete: Support::Yes,
    lookup_batch: Support::Missing(Errno::ENOTSUPP),
    lookup_and_delete_batch: Support::Missing(Errno::ENOTSUPP),
    update_batch: Support::Missing(Errno::ENOTSUPP),
    delete_batch: Support::Missing(Errno::ENOTSUPP),
    direct_value: Support::Refused(Errno::EINVAL),
    mmap: Support::Refused(Errno::EINVAL),
};

const MAP_FLAGS: u32 = flag::NO_PREALLOC
    | flag::NUMA_NODE
    | flag::RDONLY
    | flag::WRONLY
    | flag::ZERO_SEED
    | flag::RDONLY_PROG
    | flag::WRONLY_PROG;

/// One value of an element for all cpus.
pub(super) static HASH: Family = Family {
    map_type: MapType::HASH,
    per_cpu: false,
    map_flags: MAP_FLAGS,
    operations: OPERATIONS,
    check: |cmd, host| check(&HASH, cmd, host),
    note: create::NO_SPECIAL_FIELDS,
    check_btf,
    make,
};

/// A value of an element for each cpu.
pub(super) static PERCPU_HASH: Family = Family {
    map_type: MapType::PERCPU_HASH,
    per_cpu: true,
    map_flags: MAP_FLAGS,
    operations: OPERATIONS,
    check: |cmd, host| check(&PERCPU_HASH, cmd, host),
    note: create::NO_SPECIAL_FIELDS,
    check_btf,
    make,
};

#[doc(alias = "htab_map_alloc_check")]
fn check(family: &Family, cmd: &MapCreate<'_>, host: &Host) -> Result<()> {
    if cmd.map_flags & flag::ZERO_SEED != 0 {
        host.credential.require(Capabilities::SYS_ADMIN)?;
    }
    create::check_flags(family, cmd)?;
    if cmd.max_entries == 0 || cmd.key_size == 0 || cmd.value_size == 0 {
        return Err(Errno::EINVAL);
    }
    if u64::from(cmd.key_size) + u64::from(cmd.value_size) >= ELEMENT_LIMIT {
        return Err(Errno::E2BIG);
    }
    if family.per_cpu && cmd.value_size > create::PER_CPU_VALUE_LIMIT {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

/// Any key will do, but there must be one.
fn check_btf(_: &Desc, types: &BtfTypes<'_>) -> Result<()> {
    match types.key.0 {
        0 => Err(Errno::EINVAL),
        _ => Ok(()),
    }
}

#[doc(alias = "htab_map_alloc")]
fn make(desc: Desc, host: &Host) -> Result<Arc<dyn Map>> {
    let shape = desc.shape();
    let table = Hash::create(&HashAttr {
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        map_flags: shape.map_flags,
        cpus: host.cpus,
        per_cpu: desc.family().per_cpu,
        seed: match desc.has_flags(flag::ZERO_SEED) {
            true => 0,
            false => host.seed,
        },
        load: 0,
    })?;
    let (lies, step) = (table.value_layout(), table.slot_step());
    let layout = ValueLayout {
        base: lies.base,
        stride: lies.stride.saturating_mul(step as usize),
        cpu_stride: lies.cpu_stride,
        value_size: desc.value_size(),
        slots: lies.slots / step,
        cpus: match desc.family().per_cpu {
            true => host.cpus,
            false => 1,
        },
    };
    Ok(Arc::new(HashMap {
        table,
        step,
        layout,
        desc,
    }))
}

/// A hash table as a map.
///
/// The table's slots have numbers that are multiples of `step`; a [`ValueRef`]'s slots are counted
/// one by one, so that each number below their count is an element's place and none is inside one.
struct HashMap {
    table: Hash,
    step: u32,
    layout: ValueLayout,
    desc: Desc,
}

impl HashMap {
    #[inline(always)]
    fn key<'a>(&self, key: &'a [u8]) -> Result<&'a [u8]> {
        key.get(..self.desc.key_size()).ok_or(Errno::EFAULT)
    }

    #[inline(always)]
    fn room(out: &mut [u8], size: usize) -> Result<&mut [u8]> {
        out.get_mut(..size).ok_or(Errno::EFAULT)
    }

    #[inline(always)]
    fn check_read(&self, flags: u64) -> Result<()> {
        match flags {
            0 => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl Map for HashMap {
    #[inline]
    fn desc(&self) -> &Desc {
        &self.desc
    }

    #[inline]
    fn lookup(&self, key: &[u8], out: &mut [u8], flags: u64) -> Result<()> {
        let key = self.key(key)?;
        self.check_read(flags)?;
        self.table
            .lookup(key, Self::room(out, self.desc.user_value_size())?)
    }

    #[inline]
    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let key = self.key(key)?;
        let value = value
            .get(..self.desc.user_value_size())
            .ok_or(Errno::EFAULT)?;
        self.table.update(key, value, flags)
    }

    #[inline]
    fn delete(&self, key: &[u8]) -> Result<()> {
        self.table.delete(self.key(key)?)
    }

    fn next_key(&self, key: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        let key = key.map(|key| self.key(key)).transpose()?;
        self.table
            .next_key(key, Self::room(out, self.desc.key_size())?)
    }

    fn lookup_and_delete(&self, key: &[u8], out: &mut [u8], flags: u64) -> Result<()> {
        let key = self.key(key)?;
        self.check_read(flags)?;
        self.table
            .lookup_and_delete(key, Self::room(out, self.desc.user_value_size())?)
    }

    #[inline]
    fn program_lookup(&self, cpu: u32, key: &[u8]) -> Option<ValueRef> {
        let cpu = if self.layout.cpu_stride == 0 { 0 } else { cpu };
        let slot = self.table.lookup_slot(self.key(key).ok()?)? / self.step;
        (cpu < self.layout.cpus).then_some(ValueRef { slot, cpu })
    }

    #[inline]
    fn program_update(&self, cpu: u32, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let key = self.key(key)?;
        let value = value.get(..self.desc.value_size()).ok_or(Errno::EFAULT)?;
        self.table.update_from_program(cpu, key, value, flags)
    }

    #[inline]
    fn values(&self) -> Values<'_> {
        Values::new(self.table.region().control(), self.layout)
    }

    fn memory(&self) -> u64 {
        self.table.memory()
    }
}
