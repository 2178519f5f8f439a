//! The hash from Rust, against hash tables of Rust: u32 keys, u64 values.
//!
//! skep's side is what a program's access comes to: the slot is found, the value
//! read or written in the region. The peers are given hashbrown's default hash
//! function, so that tables are compared and not hash functions. `hashbrown`
//! runs under a lock taken once a round, not once an operation, and so on one
//! thread only.

use crate::measure::{Contender, compare, contender, shuffled};
use crate::report::Report;
use hashbrown::DefaultHashBuilder as State;
use skep::engine::map::hash::{Hash, HashAttr};
use skep::engine::region::Mem;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Hit,
    Miss,
    Update,
    InsertDelete,
}

impl Op {
    const ALL: [(Op, &'static str); 4] = [
        (Op::Hit, "hit"),
        (Op::Miss, "miss"),
        (Op::Update, "update"),
        (Op::InsertDelete, "insert+delete"),
    ];
}

/// A table with the operations that are measured.
trait Table: Sync {
    fn name(&self) -> &'static str;
    fn get(&self, key: u32) -> Option<u64>;
    fn put(&self, key: u32, value: u64);
    fn remove(&self, key: u32);
}

struct Skep {
    name: &'static str,
    hash: Hash,
}

impl Skep {
    fn new(entries: u32, per_cpu: bool) -> Skep {
        let hash = Hash::create(&HashAttr {
            key_size: 4,
            value_size: 8,
            // Room for what insert+delete adds beyond the entries that stay.
            max_entries: entries + 2,
            // As many free lists as threads.
            cpus: 2,
            per_cpu,
            seed: 0x5eed,
            ..Default::default()
        });
        let name = if per_cpu { "skep per-CPU" } else { "skep" };
        match hash {
            Ok(hash) => Skep { name, hash },
            Err(errno) => panic!("a hash of {entries} entries cannot be made: {errno}"),
        }
    }
}

impl Table for Skep {
    fn name(&self) -> &'static str {
        self.name
    }
    #[inline(always)]
    fn get(&self, key: u32) -> Option<u64> {
        let at = self.hash.lookup_value(&key.to_ne_bytes(), 0)?;
        Some(self.hash.region().control().load_u64(at, Relaxed))
    }
    #[inline(always)]
    fn put(&self, key: u32, value: u64) {
        let (key, value) = (key.to_ne_bytes(), value.to_ne_bytes());
        let result = self.hash.update_from_program(0, &key, &value, 0);
        debug_assert_eq!(result, Ok(()));
    }
    #[inline(always)]
    fn remove(&self, key: u32) {
        let result = self.hash.delete(&key.to_ne_bytes());
        debug_assert_eq!(result, Ok(()));
    }
}

struct Dashmap(dashmap::DashMap<u32, u64, State>);

impl Table for Dashmap {
    fn name(&self) -> &'static str {
        "dashmap"
    }
    #[inline(always)]
    fn get(&self, key: u32) -> Option<u64> {
        self.0.get(&key).map(|value| *value)
    }
    #[inline(always)]
    fn put(&self, key: u32, value: u64) {
        self.0.insert(key, value);
    }
    #[inline(always)]
    fn remove(&self, key: u32) {
        self.0.remove(&key);
    }
}

struct Papaya(papaya::HashMap<u32, u64, State>);

impl Table for Papaya {
    fn name(&self) -> &'static str {
        "papaya"
    }
    #[inline(always)]
    fn get(&self, key: u32) -> Option<u64> {
        self.0.pin().get(&key).copied()
    }
    #[inline(always)]
    fn put(&self, key: u32, value: u64) {
        self.0.pin().insert(key, value);
    }
    #[inline(always)]
    fn remove(&self, key: u32) {
        self.0.pin().remove(&key);
    }
}

struct Scc(scc::HashMap<u32, u64, State>);

impl Table for Scc {
    fn name(&self) -> &'static str {
        "scc"
    }
    #[inline(always)]
    fn get(&self, key: u32) -> Option<u64> {
        self.0.read_sync(&key, |_, value| *value)
    }
    #[inline(always)]
    fn put(&self, key: u32, value: u64) {
        self.0.upsert_sync(key, value);
    }
    #[inline(always)]
    fn remove(&self, key: u32) {
        self.0.remove_sync(&key);
    }
}

/// All of thread `thread`'s operations of a kind, over its part of the keys.
#[inline(always)]
fn work<T: Table>(table: &T, op: Op, keys: &[u32], part: Range<usize>, entries: u32) -> u64 {
    // A loop an operation, so that none carries the registers of the others.
    let keys = keys[part].iter();
    let new = entries + 2;
    match op {
        Op::Hit => keys.fold(0, |sum, &key| sum.wrapping_add(table.get(key).unwrap_or(0))),
        Op::Miss => keys.fold(0, |sum, &key| {
            sum + u64::from(table.get(key + new).is_some())
        }),
        Op::Update => keys.fold(0, |sum, &key| {
            table.put(key, u64::from(key));
            sum
        }),
        Op::InsertDelete => keys.fold(0, |sum, &key| {
            table.put(key + new, 1);
            table.remove(key + new);
            sum
        }),
    }
}

fn filled<T: Table>(table: T, keys: &[u32]) -> T {
    for &key in keys {
        table.put(key, u64::from(key));
    }
    table
}

fn of<'a, T: Table + 'a>(table: &'a T, op: Op, keys: &'a [u32], parts: usize) -> Contender<'a> {
    let (entries, each) = (keys.len() as u32, keys.len() / parts);
    contender(table.name(), move |thread| {
        work(table, op, keys, thread * each..(thread + 1) * each, entries)
    })
}

/// Compares at one size.
pub fn run(report: &mut Report, entries: u32, rounds: usize) {
    let keys = shuffled(entries, 7);
    // Not in the order of the lookups: a table that lays entries out as they come would be walked
    // from end to end.
    let order = shuffled(entries, 3);
    let skep = filled(Skep::new(entries, false), &order);
    let per_cpu = filled(Skep::new(entries, true), &order);
    let dashmap = filled(
        Dashmap(dashmap::DashMap::with_capacity_and_hasher(
            entries as usize,
            State::default(),
        )),
        &order,
    );
    let papaya = filled(
        Papaya(papaya::HashMap::with_capacity_and_hasher(
            entries as usize,
            State::default(),
        )),
        &order,
    );
    let scc = filled(
        Scc(scc::HashMap::with_capacity_and_hasher(
            entries as usize,
            State::default(),
        )),
        &order,
    );
    let brown = Mutex::new(order.iter().map(|&key| (key, u64::from(key))).collect());
    for (op, name) in Op::ALL {
        for threads in [1, 2] {
            let mut contenders = vec![
                of(&skep, op, &keys, threads),
                of(&per_cpu, op, &keys, threads),
                of(&dashmap, op, &keys, threads),
                of(&papaya, op, &keys, threads),
                of(&scc, op, &keys, threads),
            ];
            if threads == 1 {
                contenders.push(hashbrown(&brown, op, &keys));
            }
            let operations = keys.len() / threads;
            let figures = compare(rounds, threads, operations, &contenders);
            report.peers(&format!("hash {name}"), entries, threads, &figures);
        }
    }
}

fn hashbrown<'a>(
    table: &'a Mutex<hashbrown::HashMap<u32, u64>>,
    op: Op,
    keys: &'a [u32],
) -> Contender<'a> {
    let entries = keys.len() as u32;
    contender("hashbrown", move |_| {
        let mut table = table.lock().unwrap_or_else(|poison| poison.into_inner());
        let keys = keys.iter();
        let new = entries + 2;
        match op {
            Op::Hit => keys.fold(0, |sum: u64, key| {
                sum.wrapping_add(table.get(key).copied().unwrap_or(0))
            }),
            Op::Miss => keys.fold(0, |sum, &key| {
                sum + u64::from(table.contains_key(&(key + new)))
            }),
            Op::Update => keys.fold(0, |sum, &key| {
                table.insert(key, u64::from(key));
                sum
            }),
            Op::InsertDelete => keys.fold(0, |sum, &key| {
                table.insert(key + new, 1);
                table.remove(&(key + new));
                sum
            }),
        }
    })
}

/// Bytes an entry takes in a full hash: what became resident while it was filled.
pub fn memory(report: &mut Report, entries: u32) {
    let keys = shuffled(entries, 3);
    let before = resident();
    let skep = Skep::new(entries - 2, false);
    for &key in &keys {
        skep.put(key, 1);
    }
    let after = resident();
    let bytes = after.saturating_sub(before) as f64 / f64::from(entries);
    report.memory("hash u32 to u64, full", entries, bytes);
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
