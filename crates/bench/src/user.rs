//! From user space, against Linux's system call: the same call on both systems.
//!
//! The typed side holds a resolved map, as Linux's does (a descriptor and nothing
//! but the system call); the C-shaped side passes raw `bpf_attr` bytes with a
//! descriptor number, on skep through the same entry that any C caller has.

use crate::measure::{compare, contender, shuffled};
use crate::report::Report;
use skep::abi::*;
use skep::loader::typed::{Array, HashMap, PerCpuArray, PerCpuHash, TypedError};
use std::sync::Arc;

/// Two systems with the same map.
struct Pair {
    engine: Fd,
    linux: Fd,
}

struct Systems {
    engine: Arc<dyn Bpf>,
    linux: Arc<dyn Bpf>,
    /// Elements of each map.
    entries: u32,
    threads: usize,
}

impl Systems {
    fn maps(&self, map_type: MapType) -> Result<Pair> {
        Ok(Pair {
            engine: create(&*self.engine, map_type, self.entries)?,
            linux: create(&*self.linux, map_type, self.entries)?,
        })
    }
}

/// Creates a map of u32 to u64 and gives every key a value.
fn create(bpf: &dyn Bpf, map_type: MapType, entries: u32) -> Result<Fd> {
    let map = bpf.map_create(&mut MapCreate {
        map_type,
        key_size: 4,
        value_size: 8,
        max_entries: entries,
        ..Default::default()
    })?;
    let shape = *bpf.resolve(map)?.shape();
    let value = vec![1; shape.user_value_size];
    for key in 0..entries {
        bpf.map_update_elem(&mut MapUpdateElem {
            map,
            key: UserIn::new(&key.to_ne_bytes()),
            value: UserIn::new(&value),
            flags: 0,
        })?;
    }
    Ok(map)
}

/// Prints the section, or why it cannot be measured here.
pub fn run(report: &mut Report, entries: u32, threads: usize, rounds: usize) {
    let linux = match skep::Kernel::new() {
        Ok(linux) => linux,
        Err(why) => return println!("not measured: {why}"),
    };
    let systems = Systems {
        engine: Arc::new(skep::Engine::new()),
        linux: Arc::new(linux),
        entries,
        threads,
    };
    if let Err(errno) = typed(report, &systems, rounds).and_then(|()| raw(report, &systems, rounds))
    {
        println!("not measured: {errno}");
    }
}

/// A map of both systems, and what a typed operation on it is called and does.
struct Typed<'a, T> {
    name: &'a str,
    pair: &'a Pair,
    open: fn(MapRef) -> core::result::Result<T, TypedError>,
}

impl<T: Sync> Typed<'_, T> {
    /// Measures the operation on both systems.
    fn run(
        &self,
        report: &mut Report,
        systems: &Systems,
        rounds: usize,
        operation: impl Fn(&T, u32) -> u64 + Sync,
    ) -> Result<()> {
        let (keys, threads) = (shuffled(systems.entries, 5), systems.threads);
        let each = keys.len() / threads;
        let open =
            |bpf: &Arc<dyn Bpf>, fd| (self.open)(bpf.resolve(fd)?).map_err(|_| Errno::EINVAL);
        let engine = open(&systems.engine, self.pair.engine)?;
        let linux = open(&systems.linux, self.pair.linux)?;
        let work = |map: &T, thread: usize| {
            let part = &keys[thread * each..(thread + 1) * each];
            let operations = part.iter().map(|&key| operation(map, key));
            operations.fold(0, u64::wrapping_add)
        };
        let contenders = [
            contender("skep", |thread| work(&engine, thread)),
            contender("linux", |thread| work(&linux, thread)),
        ];
        let figures = compare(rounds, threads, each, &contenders);
        report.linux(self.name, systems.entries, threads, &figures);
        Ok(())
    }
}

fn typed(report: &mut Report, systems: &Systems, rounds: usize) -> Result<()> {
    let pair = &systems.maps(MapType::HASH)?;
    let open = HashMap::<u32, u64>::new;
    let name = "typed hash lookup";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.get(&key).ok().flatten().unwrap_or(0)
    })?;
    let name = "typed hash update";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.insert(&key, &u64::from(key), 0).is_ok().into()
    })?;
    let pair = &systems.maps(MapType::ARRAY)?;
    let open = Array::<u64>::new;
    let name = "typed array lookup";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.get(key).ok().flatten().unwrap_or(0)
    })?;
    let name = "typed array update";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.set(key, &u64::from(key)).is_ok().into()
    })?;
    let pair = &systems.maps(MapType::PERCPU_HASH)?;
    let open = PerCpuHash::<u32, u64>::new;
    let name = "typed per-CPU hash lookup";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.fold(&key, 0, |sum, value| sum + value)
            .ok()
            .flatten()
            .unwrap_or(0)
    })?;
    let pair = &systems.maps(MapType::PERCPU_ARRAY)?;
    let open = PerCpuArray::<u64>::new;
    let name = "typed per-CPU array lookup";
    Typed { name, pair, open }.run(report, systems, rounds, |map, key| {
        map.fold(key, 0, |sum, value| sum + value)
            .ok()
            .flatten()
            .unwrap_or(0)
    })
}

/// The attribute of an element command, as C lays it out.
#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// An operation on a key; whether it was done.
type Operation<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// The C-shaped call on skep against the bare system call.
fn raw(report: &mut Report, systems: &Systems, rounds: usize) -> Result<()> {
    let (keys, threads) = (shuffled(systems.entries, 5), systems.threads);
    let each = keys.len() / threads;
    let part = |thread: usize| keys[thread * each..(thread + 1) * each].iter();
    let engine = skep::Engine::new();
    for (name, map_type) in [("hash", MapType::HASH), ("array", MapType::ARRAY)] {
        let ours = create(&engine, map_type, systems.entries)?;
        let theirs = systems
            .linux
            .resolve(create(&*systems.linux, map_type, systems.entries)?)?;
        let lookup = |key: &[u8]| {
            let mut value = [0; 8];
            theirs.lookup(key, &mut value, 0).is_ok()
        };
        let update = |key: &[u8]| theirs.update(key, &[1; 8], 0).is_ok();
        let operations: [(_, _, Operation<'_>); 2] = [
            ("lookup", Cmd::MAP_LOOKUP_ELEM, &lookup),
            ("update", Cmd::MAP_UPDATE_ELEM, &update),
        ];
        for (op, cmd, linux) in operations {
            let contenders = [
                contender("skep", |thread| {
                    part(thread)
                        .map(|key| element(&engine, cmd, ours, key))
                        .sum()
                }),
                contender("linux", |thread| {
                    part(thread)
                        .map(|key| u64::from(linux(&key.to_ne_bytes())))
                        .sum()
                }),
            ];
            let figures = compare(rounds, threads, each, &contenders);
            let name = format!("C-shaped {name} {op}");
            report.linux(&name, systems.entries, threads, &figures);
        }
    }
    Ok(())
}

/// One element command as a C program makes it.
#[inline(always)]
fn element(engine: &skep::Engine, cmd: Cmd, map: Fd, key: &u32) -> u64 {
    let mut value = 1u64;
    let attr = ElementAttr {
        map_fd: map.0 as u32,
        padding: 0,
        key: std::ptr::from_ref(key).expose_provenance() as u64,
        value: std::ptr::from_mut(&mut value).expose_provenance() as u64,
        flags: 0,
    };
    let addr = std::ptr::from_ref(&attr).expose_provenance() as u64;
    // SAFETY: the attribute, the key and the value are locals or borrowed for the whole call, as
    // long as the command reads or writes them: a key of 4 bytes, a value of 8.
    let mem = unsafe { TrustedMem::new() };
    let done = call(engine, &mem, cmd.0, addr, size_of::<ElementAttr>() as u32);
    u64::from(done.is_ok()) + value
}
