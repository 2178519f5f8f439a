//! Helpers that ask where a program runs, and for randomness.
//!
//! Answers to: bpf_get_smp_processor_id, bpf_get_numa_node_id in
//! kernel/bpf/helpers.c; bpf_user_rnd_u32 in kernel/bpf/core.c.

use skep_vm::{Args, HelperOut, RunMemory};

use super::{Called, Helper, helpers};
use crate::run::RunEnv;

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    7 get_prandom_u32() -> Integer = random;
    8 get_smp_processor_id() -> Integer = processor;
    42 get_numa_node_id() -> Integer = numa_node;
};

fn random(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    Ok(HelperOut::Number(u64::from(env.world().random(env.cpu()))))
}

fn processor(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    Ok(HelperOut::Number(u64::from(env.cpu())))
}

fn numa_node(env: &mut RunEnv<'_>, _: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let node = env.world().numa_node(env.cpu());
    Ok(HelperOut::Number(u64::from(node)))
}
