//! ARRAY and PERCPU_ARRAY: all elements are there from the beginning, found by their index.
//!
//! ```text
//!  data piece of the region
//!  ARRAY         | 0 | 1 | 2 | ... | max-1 |                   whole pages with MMAPABLE
//!  PERCPU_ARRAY  | 0 | 1 | ... | max-1 |    | 0 | 1 | ... | max-1 |    ...
//!                ╰─ cpu 0 ─────────────╯pad ╰─ cpu 1 ─────────────╯pad
//! ```
//!
//! An element takes its value size rounded up to 8; cpus' areas start on distinct cache lines, or
//! on distinct pages when they are larger than one. Global data of a program (`.rodata`, `.data`,
//! `.bss`) is an ARRAY of one element.
//!
//! Invariants: nothing is ever allocated, freed or moved. A value is written in place, word by
//! word, so that readers may see a mixture of an old and a new value, as on Linux; a value that is
//! one aligned word is never torn. Takes no locks, in no operation.
//!
//! Answers to: kernel/bpf/arraymap.c.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use skep_abi::flags::{elem, map as flag};
use skep_abi::{Errno, MapCreate, MapType, Result};
use skep_btf::Def;

use super::create::{self, BtfTypes, Host};
use super::family::{Family, Op, Operations, Support};
use super::values::{self, Pages, ValueLayout, ValueRef, Values};
use super::{Desc, Map};
use crate::region::{RawMem, Region, RegionAttr};

/// What a page is to those who map one.
const PAGE: u64 = 4096;
/// What cpus must not share.
const LINE: u64 = 64;

const OPERATIONS: Operations = Operations {
    lookup: Support::Yes,
    update: Support::Yes,
    delete: Support::Refused(Errno::EINVAL),
    next_key: Support::Yes,
    lookup_and_delete: Support::Refused(Errno::ENOTSUPP),
    lookup_batch: Support::Missing(Errno::ENOTSUPP),
    lookup_and_delete_batch: Support::Refused(Errno::ENOTSUPP),
    update_batch: Support::Missing(Errno::ENOTSUPP),
    delete_batch: Support::Refused(Errno::ENOTSUPP),
    direct_value: Support::Yes,
    mmap: Support::Missing(Errno::EINVAL),
};

const COMMON_FLAGS: u32 =
    flag::NUMA_NODE | flag::RDONLY | flag::WRONLY | flag::RDONLY_PROG | flag::WRONLY_PROG;

/// One value of an element for all cpus.
pub static ARRAY: Family = Family {
    map_type: MapType::ARRAY,
    per_cpu: false,
    map_flags: COMMON_FLAGS | flag::MMAPABLE | flag::INNER_MAP,
    operations: OPERATIONS,
    check: |cmd, _| check(&ARRAY, cmd),
    note: create::NO_SPECIAL_FIELDS,
    check_btf,
    make: Array::<false>::make,
};

/// A value of an element for each cpu.
pub static PERCPU_ARRAY: Family = Family {
    map_type: MapType::PERCPU_ARRAY,
    per_cpu: true,
    map_flags: COMMON_FLAGS,
    operations: Operations {
        direct_value: Support::Refused(Errno::EINVAL),
        mmap: Support::Refused(Errno::EINVAL),
        ..OPERATIONS
    },
    check: |cmd, _| check(&PERCPU_ARRAY, cmd),
    note: create::NO_SPECIAL_FIELDS,
    check_btf,
    make: Array::<true>::make,
};

#[doc(alias = "array_map_alloc_check")]
fn check(family: &Family, cmd: &MapCreate<'_>) -> Result<()> {
    if cmd.max_entries == 0 || cmd.key_size != 4 || cmd.value_size == 0 {
        return Err(Errno::EINVAL);
    }
    create::check_flags(family, cmd)?;
    let limit = match family.per_cpu {
        false => i32::MAX as u32,
        true => create::PER_CPU_VALUE_LIMIT,
    };
    if cmd.value_size > limit {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

/// A key is an int of 32 bits. Without a key's type, the map is a section of variables.
#[doc(alias = "array_map_check_btf")]
fn check_btf(desc: &Desc, types: &BtfTypes<'_>) -> Result<()> {
    let right = if types.key.0 == 0 {
        let value = types.btf.resolve(types.value);
        desc.map_type() == MapType::ARRAY
            && desc.shape().max_entries == 1
            && matches!(value.map(|value| value.def()), Ok(Def::DataSec(_)))
    } else {
        let key = types.btf.resolve(types.key);
        matches!(key.map(|key| key.def()), Ok(Def::Int(int))
            if int.size == 4 && int.bits == 32 && int.bit_offset == 0)
    };
    if right { Ok(()) } else { Err(Errno::EINVAL) }
}

/// An array, with a value of each element for every cpu if `PER_CPU`.
pub struct Array<const PER_CPU: bool> {
    layout: ValueLayout,
    region: Region,
    desc: Desc,
}

impl<const PER_CPU: bool> Array<PER_CPU> {
    /// The array itself, for those who want no virtual call: `cmd` asks for the type that this is,
    /// else EINVAL.
    pub fn create(cmd: &MapCreate<'_>, host: &Host) -> Result<Self> {
        let family = create::check_attr(cmd, host)?;
        let this = if PER_CPU { &PERCPU_ARRAY } else { &ARRAY };
        if family.map_type != this.map_type {
            return Err(Errno::EINVAL);
        }
        Array::new(Desc::new(family, cmd, host.cpus), host)
    }

    fn make(desc: Desc, host: &Host) -> Result<Arc<dyn Map>> {
        Ok(Arc::new(Array::<PER_CPU>::new(desc, host)?))
    }

    /// ENOMEM if there is no such memory.
    #[doc(alias = "array_map_alloc")]
    fn new(desc: Desc, host: &Host) -> Result<Self> {
        let shape = *desc.shape();
        let stride = u64::from(shape.value_size).next_multiple_of(8);
        // At most 2^32 elements of 2^31 bytes.
        let area = u64::from(shape.max_entries) * stride;
        let (cpus, area) = match PER_CPU {
            true => (
                host.cpus,
                area.next_multiple_of(if area > PAGE { PAGE } else { LINE }),
            ),
            false if desc.has_flags(flag::MMAPABLE) => (1, area.next_multiple_of(PAGE)),
            false => (1, area),
        };
        let data_len = area.checked_mul(u64::from(cpus)).ok_or(Errno::ENOMEM)?;
        let attr = RegionAttr {
            map_type: shape.map_type.0,
            key_size: shape.key_size,
            value_size: shape.value_size,
            max_entries: shape.max_entries,
            map_flags: shape.map_flags,
            cpus: host.cpus,
            secret: 0,
        };
        let region = Region::create(&attr, data_len, 0)?;
        let in_memory = |len: u64| usize::try_from(len).map_err(|_| Errno::ENOMEM);
        let layout = ValueLayout {
            base: 0,
            stride: in_memory(stride)?,
            cpu_stride: if PER_CPU { in_memory(area)? } else { 0 },
            value_size: desc.value_size(),
            slots: shape.max_entries,
            cpus,
        };
        Ok(Array {
            layout,
            region,
            desc,
        })
    }

    /// A program's lookup by number: where the element's value on its cpu is.
    #[inline(always)]
    pub fn element(&self, cpu: u32, index: u32) -> Option<ValueRef> {
        let cpu = if PER_CPU { cpu } else { 0 };
        let slot = index;
        (slot < self.layout.slots && cpu < self.layout.cpus).then_some(ValueRef { slot, cpu })
    }

    #[inline(always)]
    fn mem(&self) -> &RawMem {
        self.region.data()
    }

    #[inline(always)]
    fn at(&self, index: u32, cpu: u32) -> usize {
        let place = (index as usize).wrapping_mul(self.layout.stride);
        match PER_CPU {
            true => place.wrapping_add((cpu as usize).wrapping_mul(self.layout.cpu_stride)),
            false => place,
        }
    }

    /// What an update by user space is refused for: flags first, then an index past the end, and
    /// as every element is there, NOEXIST.
    #[inline(always)]
    fn check_update(&self, index: u32, flags: u64) -> Result<()> {
        if flags > elem::EXIST {
            Err(Errno::EINVAL)
        } else if index >= self.layout.slots {
            Err(Errno::E2BIG)
        } else if flags == elem::NOEXIST {
            Err(Errno::EEXIST)
        } else {
            Ok(())
        }
    }

    /// The same for a program, whose `BPF_F_LOCK` is looked at last; user space's was refused by
    /// the command already.
    #[inline(always)]
    fn check_program_update(&self, index: u32, flags: u64) -> Result<()> {
        let asked = flags & !elem::LOCK;
        self.check_update(index, asked)?;
        match flags == asked {
            true => Ok(()),
            false => Err(Errno::EINVAL),
        }
    }
}

/// The index that a key is; EFAULT if the key is too short.
#[inline(always)]
fn index_of(key: &[u8]) -> Result<u32> {
    let key = key.first_chunk().ok_or(Errno::EFAULT)?;
    Ok(u32::from_ne_bytes(*key))
}

impl<const PER_CPU: bool> Map for Array<PER_CPU> {
    #[inline]
    fn desc(&self) -> &Desc {
        &self.desc
    }

    #[inline]
    fn lookup(&self, key: &[u8], out: &mut [u8], flags: u64) -> Result<()> {
        let index = index_of(key)?;
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        if index >= self.layout.slots {
            return Err(Errno::ENOENT);
        }
        let out = out
            .get_mut(..self.desc.user_value_size())
            .ok_or(Errno::EFAULT)?;
        if PER_CPU {
            for (cpu, out) in (0..).zip(out.chunks_exact_mut(self.layout.stride)) {
                values::copy_out(self.mem(), self.at(index, cpu), out);
            }
        } else {
            values::copy_out(self.mem(), self.at(index, 0), out);
        }
        Ok(())
    }

    #[inline]
    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let index = index_of(key)?;
        let value = value
            .get(..self.desc.user_value_size())
            .ok_or(Errno::EFAULT)?;
        self.check_update(index, flags)?;
        if PER_CPU {
            // The padding too: user space reads it back.
            for (cpu, value) in (0..).zip(value.chunks_exact(self.layout.stride)) {
                values::copy_in(self.mem(), self.at(index, cpu), value);
            }
        } else {
            values::copy_in(self.mem(), self.at(index, 0), value);
        }
        Ok(())
    }

    #[doc(alias = "bpf_array_get_next_key")]
    fn next_key(&self, key: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        let last = self.layout.slots - 1;
        let next = match key.map(index_of).transpose()? {
            Some(index) if index == last => return Err(Errno::ENOENT),
            Some(index) if index < last => index + 1,
            Some(_) | None => 0,
        };
        *out.first_chunk_mut().ok_or(Errno::EFAULT)? = next.to_ne_bytes();
        Ok(())
    }

    #[inline]
    fn program_lookup(&self, cpu: u32, key: &[u8]) -> Option<ValueRef> {
        self.element(cpu, index_of(key).ok()?)
    }

    #[inline]
    fn program_update(&self, cpu: u32, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        let index = index_of(key)?;
        let value = value.get(..self.layout.value_size).ok_or(Errno::EFAULT)?;
        self.check_program_update(index, flags)?;
        let place = self.element(cpu, index).ok_or(Errno::EINVAL)?;
        values::copy_in(self.mem(), self.at(place.slot, place.cpu), value);
        Ok(())
    }

    #[inline(always)]
    fn values(&self) -> Values<'_> {
        Values::new(self.mem(), self.layout)
    }

    #[doc(alias = "array_map_direct_value_addr")]
    fn direct_value(&self, offset: u32) -> Result<ValueRef> {
        if PER_CPU {
            return Err(self.desc.family().errno(Op::DirectValue));
        }
        if self.layout.slots != 1 {
            return Err(Errno::ENOTSUPP);
        }
        if offset as usize >= self.layout.value_size {
            return Err(Errno::EINVAL);
        }
        Ok(ValueRef { slot: 0, cpu: 0 })
    }

    fn memory(&self) -> u64 {
        self.region.len()
    }

    fn pages(&self) -> Option<Pages<'_>> {
        let mapped = self.desc.has_flags(flag::MMAPABLE);
        mapped.then(|| Pages::new(self.mem(), crate::region::Mem::len(self.mem())))
    }
}
