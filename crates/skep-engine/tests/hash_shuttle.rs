//! Whole small hashes with several threads, under many random schedules.
//!
//! The hash itself runs, on shuttle's atomics in the place of memory, which are sequentially
//! consistent: what the memory model reorders is loom's to find. Few groups and few slots, so that
//! chains grow and shrink and slots and groups change hands all the time.

use std::sync::atomic::Ordering;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicU32, AtomicU64};
use shuttle::thread;
use skep_abi::Errno;
use skep_engine::map::hash::{Hash, HashAttr};
use skep_engine::region::{Mem, PlainWindow};

struct ShuttleMem {
    len: usize,
    words: Vec<(AtomicU64, [AtomicU32; 2])>,
}

impl ShuttleMem {
    fn whole(&self, offset: usize) -> &AtomicU64 {
        &self.words[offset / 8].0
    }

    fn half(&self, offset: usize) -> &AtomicU32 {
        &self.words[offset / 8].1[offset / 4 % 2]
    }
}

const SEQ: Ordering = Ordering::SeqCst;

impl Mem for ShuttleMem {
    type Window<'a> = PlainWindow<'a, Self>;

    fn window(&self, offset: usize) -> PlainWindow<'_, Self> {
        PlainWindow::new(self, offset)
    }
    fn zeroed(len: usize) -> Result<Self, Errno> {
        let word = || (AtomicU64::new(0), [AtomicU32::new(0), AtomicU32::new(0)]);
        Ok(Self {
            len,
            words: (0..len.div_ceil(8)).map(|_| word()).collect(),
        })
    }
    fn len(&self) -> usize {
        self.len
    }
    fn load_u32(&self, offset: usize, _: Ordering) -> u32 {
        self.half(offset).load(SEQ)
    }
    fn store_u32(&self, offset: usize, value: u32, _: Ordering) {
        self.half(offset).store(value, SEQ);
    }
    fn load_u64(&self, offset: usize, _: Ordering) -> u64 {
        self.whole(offset).load(SEQ)
    }
    fn store_u64(&self, offset: usize, value: u64, _: Ordering) {
        self.whole(offset).store(value, SEQ);
    }
    fn compare_exchange_u32(
        &self,
        offset: usize,
        current: u32,
        new: u32,
        _: Ordering,
        _: Ordering,
    ) -> Result<u32, u32> {
        self.half(offset).compare_exchange(current, new, SEQ, SEQ)
    }
    fn compare_exchange_u64(
        &self,
        offset: usize,
        current: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        self.whole(offset).compare_exchange(current, new, SEQ, SEQ)
    }
    fn fetch_add_u32(&self, offset: usize, value: u32, _: Ordering) -> u32 {
        self.half(offset).fetch_add(value, SEQ)
    }
    fn fetch_add_u64(&self, offset: usize, value: u64, _: Ordering) -> u64 {
        self.whole(offset).fetch_add(value, SEQ)
    }
    fn fence(_: Ordering) {}
    fn wait(_: u32) {
        thread::yield_now();
    }
    fn owner() -> u32 {
        // By thread, so that threads have different free lists.
        usize::from(thread::current().id()) as u32 + 1
    }
}

type Map = Arc<Hash<ShuttleMem>>;

/// Keys and values of several words: a value is its key's number and who wrote it, all over.
const KEY_SIZE: usize = 12;
const VALUE_SIZE: usize = 24;

fn map(max_entries: u32, load: u32) -> Map {
    let attr = HashAttr {
        key_size: KEY_SIZE as u32,
        value_size: VALUE_SIZE as u32,
        max_entries,
        cpus: 4,
        seed: 3,
        load,
        ..Default::default()
    };
    Arc::new(Hash::create_in(&attr).expect("memory"))
}

fn key(number: u8) -> [u8; KEY_SIZE] {
    [number; KEY_SIZE]
}

/// Version in the high bytes, key in the low one, in each word.
fn value(number: u8, version: u64) -> [u8; VALUE_SIZE] {
    let mut value = [0; VALUE_SIZE];
    for word in value.as_chunks_mut::<8>().0 {
        *word = (version << 8 | u64::from(number)).to_ne_bytes();
    }
    value
}

/// The version of a key's value, which must be whole and the key's own.
fn version(number: u8, value: &[u8; VALUE_SIZE]) -> u64 {
    let words = value.as_chunks::<8>().0;
    let word = u64::from_ne_bytes(words[0]);
    assert!(
        words.iter().all(|other| *other == words[0]),
        "a torn value: {value:?}"
    );
    assert_eq!(word & 0xff, u64::from(number), "another key's value");
    word >> 8
}

fn get(map: &Map, number: u8) -> Option<u64> {
    let mut out = [0; VALUE_SIZE];
    match map.lookup(&key(number), &mut out) {
        Ok(()) => Some(version(number, &out)),
        Err(errno) => {
            assert_eq!(errno, Errno::ENOENT);
            None
        }
    }
}

fn walk(map: &Map) -> usize {
    let (mut keys, mut current) = (Vec::new(), [0; KEY_SIZE]);
    let mut previous = None;
    while map
        .next_key(
            previous.as_ref().map(|key: &[u8; KEY_SIZE]| &key[..]),
            &mut current,
        )
        .is_ok()
    {
        keys.push(current);
        previous = Some(current);
    }
    keys.len()
}

/// Each key has one writer, which knows what the key must be; everyone reads everything.
fn own_keys(max_entries: u32, load: u32) {
    const THREADS: u8 = 3;
    let map = map(max_entries, load);
    let run = |thread: u8, map: Map| {
        let mut mine = [None; 8];
        for version in 1..=12_u64 {
            let slot = thread_rng().gen_range(0..mine.len());
            let number = thread * 8 + slot as u8;
            match thread_rng().gen_range(0..5) {
                0..=2 => match map.update(&key(number), &value(number, version), 0) {
                    Ok(()) => mine[slot] = Some(version),
                    Err(errno) => {
                        assert_eq!(errno, Errno::E2BIG);
                        assert_eq!(mine[slot], None, "a key that is there is updated");
                    }
                },
                3 => {
                    let expected = mine[slot].take().map(|_| ()).ok_or(Errno::ENOENT);
                    assert_eq!(map.delete(&key(number)), expected);
                }
                _ => {
                    let mut out = [0; VALUE_SIZE];
                    let taken = map.lookup_and_delete(&key(number), &mut out);
                    assert_eq!(taken.is_ok(), mine[slot].is_some());
                    if let Some(expected) = mine[slot].take() {
                        assert_eq!(self::version(number, &out), expected);
                    }
                }
            }
            assert_eq!(
                get(&map, number),
                mine[slot],
                "my own key is what I made it"
            );
            assert_eq!(
                map.lookup_slot(&key(number)).is_some(),
                mine[slot].is_some()
            );
            // Somebody else's: whatever it is, it is whole.
            get(&map, thread_rng().gen_range(0..THREADS * 8));
        }
        mine.iter().flatten().count()
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let map = map.clone();
            thread::spawn(move || run(thread, map))
        })
        .collect();
    let there: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .sum();
    assert!(there <= max_entries as usize);
    assert_eq!(map.count(), there as u64);
    assert_eq!(walk(&map), there);
    // No slot is lost: what is free can be filled, and not more.
    for number in 0..=max_entries as u8 - there as u8 {
        let full = number == max_entries as u8 - there as u8;
        let expected = if full { Err(Errno::E2BIG) } else { Ok(()) };
        assert_eq!(
            map.update(&key(100 + number), &value(100 + number, 0), 1),
            expected
        );
    }
}

#[test]
fn a_map_with_room_keeps_what_each_thread_did() {
    shuttle::check_random(|| own_keys(24, 0), 120);
}

#[test]
fn a_crowded_map_keeps_what_each_thread_did() {
    shuttle::check_random(|| own_keys(20, u32::MAX), 120);
    shuttle::check_pct(|| own_keys(14, u32::MAX), 80, 3);
}

/// Versions of one key only grow for every reader: updates by one writer are seen in their order, and
/// the key is never missed while its neighbours come and go.
#[test]
fn one_key_is_seen_as_it_was_written() {
    let model = || {
        let map = map(20, u32::MAX);
        for number in 0..17 {
            map.update(&key(number), &value(number, 0), 0)
                .expect("room");
        }
        let writer = map.clone();
        let writer = thread::spawn(move || {
            for version in 1..=6 {
                writer
                    .update(&key(16), &value(16, version), 2)
                    .expect("there");
            }
        });
        let churn = map.clone();
        let churn = thread::spawn(move || {
            for number in 8..16 {
                churn.delete(&key(number)).expect("there");
                churn
                    .update(&key(number + 100), &value(number + 100, 0), 1)
                    .expect("room");
            }
        });
        let mut last = 0;
        for _ in 0..6 {
            let seen = get(&map, 16).expect("there all the time");
            assert!(seen >= last, "{seen} after {last}");
            last = seen;
            assert!(map.lookup_slot(&key(16)).is_some(), "there all the time");
        }
        writer.join().expect("no panic");
        churn.join().expect("no panic");
        assert_eq!(get(&map, 16), Some(6));
        assert_eq!(map.count(), 17);
    };
    shuttle::check_random(model, 150);
    shuttle::check_pct(model, 80, 3);
}

/// Threads that fight for the same few keys: each creation is taken exactly once.
#[test]
fn what_is_created_is_deleted_once() {
    shuttle::check_random(
        || {
            let map = map(3, 0);
            let run = |map: Map| {
                let mut balance = 0_i32;
                for _ in 0..10 {
                    let number = thread_rng().gen_range(0..4);
                    if thread_rng().gen_bool(0.5) {
                        balance +=
                            i32::from(map.update(&key(number), &value(number, 1), 1).is_ok());
                    } else {
                        balance -= i32::from(map.delete(&key(number)).is_ok());
                    }
                    assert!(map.count() <= 3);
                }
                balance
            };
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let map = map.clone();
                    thread::spawn(move || run(map))
                })
                .collect();
            let balance: i32 = threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .sum();
            assert_eq!(map.count(), balance as u64);
            assert_eq!(walk(&map), balance as usize);
        },
        120,
    );
}
