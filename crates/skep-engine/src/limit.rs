//! The memory limit: every object is charged with its bytes while it lives.
//!
//! Invariant: `used` is the sum of the charges alive and never above `limit`.
//!
//! Answers to: bpf_map_charge_memcg and its like in kernel/bpf/syscall.c; an
//! engine's limit is what a memory control group's is on Linux.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use skep_abi::{Errno, Result};

/// How much memory an engine's objects may take, and take.
#[derive(Debug)]
pub struct MemoryLimit {
    limit: u64,
    used: AtomicU64,
}

impl MemoryLimit {
    /// A limit of `limit` bytes, none of them used.
    pub fn new(limit: u64) -> Arc<MemoryLimit> {
        Arc::new(MemoryLimit {
            limit,
            used: AtomicU64::new(0),
        })
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` until the charge is dropped. ENOMEM if so many are not left.
    pub fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge> {
        let more = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| Errno::ENOMEM)?;
        Ok(Charge {
            limit: Arc::clone(self),
            bytes,
        })
    }
}

/// Bytes taken from a limit; they go back when this is dropped.
#[derive(Debug)]
pub struct Charge {
    limit: Arc<MemoryLimit>,
    bytes: u64,
}

impl Charge {
    /// How many.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.limit.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_add_up_to_the_limit_and_go_back() {
        let memory = MemoryLimit::new(100);
        let first = memory.charge(60).unwrap();
        assert_eq!(memory.charge(41).err(), Some(Errno::ENOMEM));
        assert_eq!(memory.charge(u64::MAX).err(), Some(Errno::ENOMEM));
        let second = memory.charge(40).unwrap();
        assert_eq!(memory.used(), 100);
        drop(first);
        assert_eq!((memory.used(), second.bytes()), (40, 40));
    }
}
