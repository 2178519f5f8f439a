//! Helpers that read clocks.
//!
//! Answers to: bpf_ktime_get_ns and its like in kernel/bpf/helpers.c.

use skep_vm::{Args, HelperOut, RunMemory};

use super::{Called, Helper, helpers};
use crate::run::RunEnv;
use crate::world::Clock;

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    5 ktime_get_ns() -> Integer = monotonic;
    118 jiffies64() -> Integer = jiffies;
    125 ktime_get_boot_ns() -> Integer = boot;
    208 ktime_get_tai_ns() -> Integer = tai;
};

/// For programs that networking runs.
pub(crate) const COARSE: &[Helper] = helpers! {
    160 ktime_get_coarse_ns() -> Integer = coarse;
};

fn read(env: &RunEnv<'_>, clock: Clock) -> Called {
    Ok(HelperOut::Number(env.world().now(clock)))
}

fn monotonic(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    read(env, Clock::Monotonic)
}

fn boot(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    read(env, Clock::Boot)
}

fn coarse(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    read(env, Clock::Coarse)
}

fn tai(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    read(env, Clock::Tai)
}

fn jiffies(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    Ok(HelperOut::Number(env.world().jiffies()))
}
