//! A world made from a seed: equal seeds, equal answers.
//!
//! Every reading of a clock finds it one step further on, so that a program
//! which measures itself sees time pass. Each cpu has its own sequence of random
//! numbers, so that the answers do not depend on which thread comes first. The
//! clock is one for all cpus.
//!
//! Takes no locks.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Clock, Device, TraceLine, TraceLog, World};

/// Nanoseconds that a reading moves the clock on, unless told otherwise.
const STEP: u64 = 100;
/// Where the clocks begin: an hour after boot.
const START: u64 = 3_600_000_000_000;
/// When the machine booted: the first second of 2026, since 1970.
const BOOT: u64 = 1_767_225_600_000_000_000;
/// How far TAI is ahead, since 2017.
const LEAP: u64 = 37_000_000_000;
/// How many sequences of random numbers there are; cpus share them beyond that.
const SEQUENCES: usize = 64;

/// A world made from a seed.
#[derive(Debug)]
pub struct Deterministic {
    time: AtomicU64,
    step: u64,
    random: Box<[AtomicU64]>,
    devices: Vec<Device>,
    log: TraceLog,
}

impl Deterministic {
    /// The world of this seed.
    pub fn new(seed: u64) -> Deterministic {
        let source = AtomicU64::new(seed);
        let sequence = || AtomicU64::new(mix(&source, Ordering::Relaxed));
        Deterministic {
            time: AtomicU64::new(START),
            step: STEP,
            random: std::iter::repeat_with(sequence).take(SEQUENCES).collect(),
            devices: vec![Device::loopback()],
            log: TraceLog::default(),
        }
    }

    /// With this many nanoseconds from one reading of the clock to the next.
    pub fn step(mut self, nanoseconds: u64) -> Self {
        self.step = nanoseconds;
        self
    }

    /// With one more device, in the place of any with its index.
    pub fn with_device(mut self, device: Device) -> Self {
        self.devices.retain(|other| other.ifindex != device.ifindex);
        self.devices.push(device);
        self
    }

    /// Lets time pass.
    pub fn advance(&self, nanoseconds: u64) {
        self.time.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// The next number of a sequence of which any state is as good as another.
#[doc(alias = "splitmix64")]
pub(super) fn mix(state: &AtomicU64, order: Ordering) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut word = state.fetch_add(STEP, order).wrapping_add(STEP);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl World for Deterministic {
    fn now(&self, clock: Clock) -> u64 {
        let since_boot = self.time.fetch_add(self.step, Ordering::Relaxed);
        match clock {
            Clock::Monotonic | Clock::Boot => since_boot,
            Clock::Coarse => since_boot - since_boot % (1_000_000_000 / super::HZ),
            Clock::Real => BOOT.wrapping_add(since_boot),
            Clock::Tai => BOOT.wrapping_add(LEAP).wrapping_add(since_boot),
        }
    }

    fn random(&self, cpu: u32) -> u32 {
        match self.random.get(cpu as usize % SEQUENCES) {
            Some(sequence) => mix(sequence, Ordering::Relaxed) as u32,
            None => 0,
        }
    }

    fn device(&self, ifindex: u32) -> Option<&Device> {
        self.devices.iter().find(|device| device.ifindex == ifindex)
    }

    fn trace(&self, cpu: u32, text: &[u8]) {
        self.log.push(TraceLine {
            cpu,
            // Not a reading: printing more must not change what programs measure.
            time: self.time.load(Ordering::Relaxed),
            text: String::from_utf8_lossy(text).into_owned(),
        });
    }

    fn take_trace(&self) -> Vec<TraceLine> {
        self.log.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(world: &dyn World) -> (Vec<u64>, Vec<u32>) {
        let times = (0..4).map(|_| world.now(Clock::Monotonic)).collect();
        (times, (0..4).map(|cpu| world.random(cpu)).collect())
    }

    #[test]
    fn equal_seeds_give_equal_worlds() {
        let [a, b, c] = [7, 7, 8].map(|seed| answers(&Deterministic::new(seed)));
        assert_eq!(a, b);
        assert_eq!(a.0, c.0);
        assert_ne!(a.1, c.1);
    }

    #[test]
    fn every_reading_is_a_step_later() {
        let world = Deterministic::new(0).step(5);
        let first = world.now(Clock::Monotonic);
        assert_eq!(world.now(Clock::Boot), first + 5);
        world.advance(1000);
        assert_eq!(world.now(Clock::Monotonic), first + 1010);
        assert_eq!(world.now(Clock::Tai) - first - 1015 - LEAP, BOOT);
    }

    #[test]
    fn a_cpu_has_a_sequence_of_its_own() {
        let world = Deterministic::new(1);
        let alone: Vec<u32> = (0..3).map(|_| world.random(0)).collect();
        let world = Deterministic::new(1);
        let between: Vec<u32> = (0..3)
            .map(|_| {
                world.random(1);
                world.random(0)
            })
            .collect();
        assert_eq!(alone, between);
    }
}
