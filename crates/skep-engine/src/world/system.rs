//! The machine's own time and randomness.
//!
//! Devices are the same everywhere, the loopback device alone: what a test sees
//! does not depend on the machine it runs on.
//!
//! Answers to: clock_gettime(2), getrandom(2).

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, DynamicClockId, clock_gettime, clock_gettime_dynamic};

use super::deterministic::mix;
use super::{Clock, Device, TraceLine, TraceLog, World};

/// The machine's world.
#[derive(Debug)]
pub struct System {
    random: AtomicU64,
    devices: [Device; 1],
    log: TraceLog,
}

impl System {
    /// The machine's world, with randomness from the machine.
    pub fn new() -> System {
        use std::hash::{BuildHasher, Hasher, RandomState};
        // The standard library seeds its hash maps from the system's generator;
        // what programs get of it need not be secret.
        let seed = RandomState::new().build_hasher().finish();
        System {
            random: AtomicU64::new(seed),
            devices: [Device::loopback()],
            log: TraceLog::default(),
        }
    }
}

impl Default for System {
    fn default() -> Self {
        System::new()
    }
}

impl World for System {
    fn now(&self, clock: Clock) -> u64 {
        let id = match clock {
            Clock::Monotonic => ClockId::Monotonic,
            Clock::Coarse => ClockId::MonotonicCoarse,
            Clock::Boot => ClockId::Boottime,
            Clock::Real => ClockId::Realtime,
            Clock::Tai => ClockId::Realtime,
        };
        let time = match clock {
            // Where there is no such clock, one without leap seconds has to do.
            Clock::Tai => {
                clock_gettime_dynamic(DynamicClockId::Tai).unwrap_or_else(|_| clock_gettime(id))
            }
            _ => clock_gettime(id),
        };
        (time.tv_sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(time.tv_nsec as u64)
    }

    fn random(&self, _cpu: u32) -> u32 {
        mix(&self.random, Ordering::Relaxed) as u32
    }

    fn device(&self, ifindex: u32) -> Option<&Device> {
        self.devices.iter().find(|device| device.ifindex == ifindex)
    }

    fn trace(&self, cpu: u32, text: &[u8]) {
        self.log.push(TraceLine {
            cpu,
            time: self.now(Clock::Boot),
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

    #[test]
    fn time_goes_on_and_devices_are_the_loopback_device() {
        let world = System::new();
        let before = world.now(Clock::Monotonic);
        assert!(before > 0);
        assert!(world.now(Clock::Monotonic) >= before);
        assert!(world.now(Clock::Boot) >= before);
        assert!(world.now(Clock::Tai) >= 1_700_000_000_000_000_000);
        assert_eq!(world.device(1), Some(&Device::loopback()));
        assert_eq!(world.device(2), None);
    }

    #[test]
    fn jiffies_start_five_minutes_before_they_run_over() {
        let world = System::new();
        let ticks = world
            .jiffies()
            .wrapping_sub(0x1_0000_0000 - 300 * super::super::HZ);
        let expected = world.now(Clock::Coarse) / 4_000_000;
        assert!(expected - ticks <= 1, "{ticks} {expected}");
    }
}
