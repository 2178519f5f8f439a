//! An engine's cpus: each runs one program at a time.
//!
//! A thread that wants a cpu on which another runs waits; one that runs on it
//! already gets EBUSY, for waiting would never end. Invariant: `owner` is the
//! thread that holds the machine's lock, or 0. Locks: the machine's, held for a
//! whole run; whatever a helper locks comes after it.
//!
//! Answers to: migrate_disable and bpf_prog_active in kernel/bpf/core.c.

use core::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skep_abi::{Errno, Result};
use skep_vm::Machine;

#[derive(Default)]
struct Cpu {
    owner: AtomicU64,
    machine: Mutex<Machine>,
}

/// The cpus of an engine.
pub struct Cpus(Box<[Cpu]>);

/// This thread's number, which no other of the process has or had.
fn thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

impl Cpus {
    /// So many cpus, all idle.
    pub fn new(count: u32) -> Cpus {
        Cpus((0..count).map(|_| Cpu::default()).collect())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// Runs on a cpu until the answer is dropped. EINVAL if there is no such cpu,
    /// EBUSY if this thread is on it already.
    pub(super) fn enter(&self, cpu: u32) -> Result<OnCpu<'_>> {
        let cpu = self.0.get(cpu as usize).ok_or(Errno::EINVAL)?;
        let thread = thread();
        // Only this thread writes its own number there, so no order is needed.
        if cpu.owner.load(Ordering::Relaxed) == thread {
            return Err(Errno::EBUSY);
        }
        // A run that panicked left registers and stack, which the next one resets.
        let machine = cpu.machine.lock().unwrap_or_else(PoisonError::into_inner);
        cpu.owner.store(thread, Ordering::Relaxed);
        Ok(OnCpu { cpu, machine })
    }
}

/// A cpu being run on.
pub(super) struct OnCpu<'a> {
    cpu: &'a Cpu,
    machine: MutexGuard<'a, Machine>,
}

impl Drop for OnCpu<'_> {
    fn drop(&mut self) {
        self.cpu.owner.store(0, Ordering::Relaxed);
    }
}

impl Deref for OnCpu<'_> {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl DerefMut for OnCpu<'_> {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let cpus = Cpus::new(2);
        let first = cpus.enter(0).unwrap();
        assert_eq!(cpus.enter(0).err(), Some(Errno::EBUSY));
        assert!(cpus.enter(1).is_ok());
        assert_eq!(cpus.enter(2).err(), Some(Errno::EINVAL));
        drop(first);
        assert!(cpus.enter(0).is_ok());
    }

    #[test]
    fn another_thread_waits() {
        let cpus = Cpus::new(1);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let first = cpus.enter(0).unwrap();
            let other = scope.spawn(|| {
                let on_cpu = cpus.enter(0);
                assert!(done.load(Ordering::SeqCst));
                on_cpu.is_ok()
            });
            std::thread::yield_now();
            done.store(true, Ordering::SeqCst);
            drop(first);
            assert!(other.join().unwrap());
        });
    }
}
