//! Helpers that look up, set and remove elements.
//!
//! Answers to: bpf_map_lookup_elem and its like in kernel/bpf/helpers.c;
//! record_func_map and check_map_func_compatibility in kernel/bpf/verifier.c.

use skep_abi::flags::map as flag;
use skep_vm::{Args, CallError, HelperOut, RunMemory, Value};

use super::{Called, Helper, answer, bytes, helpers, number, refuse};
use crate::run::{RunEnv, UsedMap};

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    1 map_lookup_elem(Map, MapKey) -> MapValueOrNull = lookup;
    2 map_update_elem(Map, MapKey, MapValue, Anything) -> Integer = update;
    3 map_delete_elem(Map, MapKey) -> Integer = delete;
    195 map_lookup_percpu_elem(Map, MapKey, Anything) -> MapValueOrNull = lookup_percpu;
};

/// The map in the first argument and its handle.
fn map<'a>(env: &RunEnv<'a>, args: &Args<'_>) -> Result<(u32, &'a UsedMap), CallError> {
    if let Value::Map(handle) = args[0]
        && let Some(map) = env.used_map(handle)
    {
        return Ok((handle, map));
    }
    refuse(1, "the program uses no such map")
}

/// Linux does not load a program that writes a map programs may only read.
fn writable(map: &UsedMap) -> Result<(), CallError> {
    if map.map().desc().has_flags(flag::RDONLY_PROG) {
        return refuse(1, format!("{} may not be written by programs", map.what()));
    }
    Ok(())
}

fn found(handle: u32, map: &UsedMap, cpu: u32, key: &[u8]) -> HelperOut {
    match map.map().program_lookup(cpu, key) {
        Some(value) => HelperOut::Object(map.place(handle, value, 0)),
        None => HelperOut::Null,
    }
}

fn lookup(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (handle, map) = map(env, args)?;
    Ok(found(handle, map, env.cpu(), bytes(args, 1)))
}

fn lookup_percpu(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (handle, map) = map(env, args)?;
    if !map.map().desc().family().per_cpu {
        return refuse(1, format!("{} has no value for each cpu", map.what()));
    }
    let cpu = number(args, 2) as u32;
    if cpu >= env.cpus() {
        return Ok(HelperOut::Null);
    }
    Ok(found(handle, map, cpu, bytes(args, 1)))
}

fn update(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (_, map) = map(env, args)?;
    writable(map)?;
    let (key, value) = (bytes(args, 1), bytes(args, 2));
    answer(
        map.map()
            .program_update(env.cpu(), key, value, number(args, 3)),
    )
}

fn delete(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (_, map) = map(env, args)?;
    writable(map)?;
    answer(map.map().program_delete(bytes(args, 1)))
}
