//! The array from Rust, against a slice of atomics behind the same bound check.

use crate::measure::{Contender, compare, contender, shuffled};
use crate::report::Report;
use skep::abi::{MapCreate, MapType, Result};
use skep::engine::Credential;
use skep::engine::map::array::Array;
use skep::engine::map::{Host, Map, ValueLayout, ValueRef};
use skep::engine::region::Mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Compares lookup-and-load and lookup-and-add at one size.
pub fn run(report: &mut Report, entries: u32, rounds: usize) -> Result<()> {
    let host = Host {
        cpus: 2,
        seed: 1,
        credential: Credential::ROOT,
    };
    let command = |map_type| MapCreate {
        map_type,
        key_size: 4,
        value_size: 8,
        max_entries: entries,
        ..Default::default()
    };
    let array = Array::<false>::create(&command(MapType::ARRAY), &host)?;
    let per_cpu = Array::<true>::create(&command(MapType::PERCPU_ARRAY), &host)?;
    let slice: Vec<AtomicU64> = (0..entries).map(|_| AtomicU64::new(0)).collect();
    let keys = shuffled(entries, 7);
    for threads in [1, 2] {
        let each = keys.len() / threads;
        let part = |thread: usize| &keys[thread * each..(thread + 1) * each];
        let lookups: [Contender<'_>; 3] = [
            contender("skep", |thread| {
                part(thread).iter().map(|&key| load(&array, 0, key)).sum()
            }),
            contender("skep per-CPU", |thread| {
                part(thread)
                    .iter()
                    .map(|&key| load(&per_cpu, thread as u32, key))
                    .sum()
            }),
            contender("[AtomicU64]", |thread| {
                let get = |&key: &u32| slice.get(key as usize).map_or(0, |word| word.load(Relaxed));
                part(thread).iter().map(get).sum()
            }),
        ];
        report.peers(
            "array lookup",
            entries,
            threads,
            &compare(rounds, threads, each, &lookups),
        );
        let adds: [Contender<'_>; 2] = [
            contender("skep", |thread| {
                part(thread).iter().map(|&key| add(&array, key)).sum()
            }),
            contender("[AtomicU64]", |thread| {
                let add = |&key: &u32| {
                    slice
                        .get(key as usize)
                        .map_or(0, |word| word.fetch_add(1, Relaxed))
                };
                part(thread).iter().map(add).sum()
            }),
        ];
        report.peers(
            "array atomic add",
            entries,
            threads,
            &compare(rounds, threads, each, &adds),
        );
    }
    Ok(())
}

/// What a program's lookup and load come to.
#[inline(always)]
fn load<const PER_CPU: bool>(array: &Array<PER_CPU>, cpu: u32, index: u32) -> u64 {
    let Some(value) = array.element(cpu, index) else {
        return 0;
    };
    let values = array.values();
    values
        .mem()
        .load_u64(place(values.layout(), value), Relaxed)
}

/// What a program's lookup and atomic add come to.
#[inline(always)]
fn add(array: &Array<false>, index: u32) -> u64 {
    let Some(value) = array.element(0, index) else {
        return 0;
    };
    let values = array.values();
    values
        .mem()
        .fetch_add_u64(place(values.layout(), value), 1, Relaxed)
}

#[inline(always)]
fn place(layout: &ValueLayout, value: ValueRef) -> usize {
    layout.base + value.slot as usize * layout.stride + value.cpu as usize * layout.cpu_stride
}
