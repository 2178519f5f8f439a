//! What helpers learn of the outside: time, randomness, devices; and where they print.
//!
//! A [`World`] answers for everything that is not the engine's own. [`System`]
//! answers with what the machine has; [`Deterministic`] answers from a seed, so
//! that two engines with equal worlds do exactly the same. Both are made of
//! sources described as data ([`Clock`] readings, a seed), and anybody may make
//! a third.
//!
//! Takes no locks itself; a [`TraceLog`] has one, innermost.
//!
//! Answers to: kernel/time/timekeeping.c, lib/random32.c, kernel/trace/bpf_trace.c.

mod deterministic;
mod system;
mod trace;

use std::sync::Arc;

pub use deterministic::Deterministic;
pub use system::System;
pub use trace::{TraceLine, TraceLog};

/// Ticks of the timer in a second: Linux's usual choice on servers.
#[doc(alias = "CONFIG_HZ")]
pub const HZ: u64 = 250;

/// What a reading of the time counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Clock {
    /// Since boot, without the time asleep.
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// The same, as of the last tick of the timer.
    #[doc(alias = "CLOCK_MONOTONIC_COARSE")]
    Coarse,
    /// Since boot.
    #[doc(alias = "CLOCK_BOOTTIME")]
    Boot,
    /// Since 1970.
    #[doc(alias = "CLOCK_REALTIME")]
    Real,
    /// Since 1970, leap seconds counted.
    #[doc(alias = "CLOCK_TAI")]
    Tai,
}

/// A network device that packets can come from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[doc(alias = "net_device")]
pub struct Device {
    /// Its index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Its link-layer address.
    pub address: [u8; 6],
    /// How many receive queues it has.
    pub rx_queues: u32,
}

impl Device {
    /// The loopback device, which every network namespace has.
    pub fn loopback() -> Device {
        Device {
            ifindex: 1,
            name: "lo".to_owned(),
            address: [0; 6],
            rx_queues: 1,
        }
    }
}

/// The outside, as helpers ask for it.
pub trait World: Send + Sync {
    /// Nanoseconds on a clock.
    fn now(&self, clock: Clock) -> u64;

    /// Ticks of the timer since boot; like Linux's, they begin five minutes
    /// before they run over 32 bits.
    #[doc(alias = "get_jiffies_64")]
    fn jiffies(&self) -> u64 {
        const START: u64 = (-300i32 * HZ as i32) as u32 as u64;
        START.wrapping_add(self.now(Clock::Coarse) / (1_000_000_000 / HZ))
    }

    /// A random number for a program on `cpu`.
    #[doc(alias = "prandom_u32_state")]
    fn random(&self, cpu: u32) -> u32;

    /// The NUMA node that `cpu` is on.
    #[doc(alias = "numa_node_id")]
    fn numa_node(&self, cpu: u32) -> u32 {
        let _ = cpu;
        0
    }

    /// The network device with this index.
    #[doc(alias = "dev_get_by_index")]
    fn device(&self, ifindex: u32) -> Option<&Device>;

    /// Takes a line that a program printed.
    fn trace(&self, cpu: u32, text: &[u8]);

    /// Gives the lines printed since the last call, and forgets them.
    fn take_trace(&self) -> Vec<TraceLine> {
        Vec::new()
    }
}

/// What an engine has unless told otherwise.
pub fn default() -> Arc<dyn World> {
    Arc::new(System::new())
}
