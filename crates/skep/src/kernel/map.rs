//! A map of the kernel, resolved from its descriptor.
//!
//! Answers to: bpf_map_copy_value and its like in kernel/bpf/syscall.c.

use super::sys::Elements;
use skep_abi::{Errno, Fd, MapOps, MapShape, MapType, Result};

/// A map and the measures its operations rely on.
pub(super) struct KernelMap(Elements);

impl KernelMap {
    /// The map behind `fd`. EBADF if that is not open, EINVAL if it is no map.
    pub(super) fn open(fd: Fd, cpus: u32) -> Result<KernelMap> {
        Elements::open(fd, cpus).map(KernelMap)
    }
}

impl MapOps for KernelMap {
    fn shape(&self) -> &MapShape {
        self.0.shape()
    }

    #[inline]
    fn lookup(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        self.0.lookup(key, value, flags)
    }

    #[inline]
    fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        self.0.update(key, value, flags)
    }

    #[inline]
    fn delete(&self, key: &[u8]) -> Result<()> {
        self.0.delete(key)
    }

    #[inline]
    fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<()> {
        self.0.next_key(key, next)
    }

    #[inline]
    fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: u64) -> Result<()> {
        self.0.lookup_and_delete(key, value, flags)
    }
}

/// Bytes of a value as the system call moves it.
#[doc(alias = "bpf_map_value_size")]
pub(super) fn user_value_size(map_type: MapType, value_size: u32, cpus: u32) -> Result<usize> {
    let size = value_size as usize;
    match map_type {
        MapType::PERCPU_HASH
        | MapType::PERCPU_ARRAY
        | MapType::LRU_PERCPU_HASH
        | MapType::PERCPU_CGROUP_STORAGE => size
            .checked_next_multiple_of(8)
            .and_then(|size| size.checked_mul(cpus as usize))
            .ok_or(Errno::E2BIG),
        // A descriptor or an id, whatever else.
        MapType::PROG_ARRAY
        | MapType::PERF_EVENT_ARRAY
        | MapType::CGROUP_ARRAY
        | MapType::ARRAY_OF_MAPS
        | MapType::HASH_OF_MAPS => Ok(size.max(4)),
        _ => Ok(size),
    }
}
