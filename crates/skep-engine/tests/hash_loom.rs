//! One group of a hash under every interleaving, and every reordering the memory model allows.
//!
//! The hash itself runs, on loom's atomics in the place of memory. Each model is a few operations on
//! two or three threads, with a bound on the preemptions, so that all take seconds.

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64};
use loom::thread;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};
use skep_abi::Errno;
use skep_engine::map::hash::{Hash, HashAttr};
use skep_engine::region::{HEADER_SIZE, Mem, PlainWindow};

/// Where the groups start; before them are the counters and the heads of the free lists.
const GROUPS: usize = HEADER_SIZE + 18 * 64;

/// Eight bytes of memory: they have one width, from their first use on.
struct Word {
    whole: AtomicU64,
    halves: [AtomicU32; 2],
    /// 0 before the first use, then the width.
    width: AtomicUsize,
}

struct LoomMem {
    len: usize,
    words: Vec<Option<Word>>,
    /// Stored to, and never loaded, at each access: loom considers another order of two accesses to a
    /// word only if no access of the same thread lies between, so that a load before each store of a
    /// writer would hide all its stores from the readers. Stores to one word are in every order; a
    /// relaxed one that nobody loads orders nothing else.
    turn: AtomicU32,
}

impl LoomMem {
    fn word(&self, offset: usize, width: usize) -> Option<&Word> {
        assert!(offset.is_multiple_of(width));
        let word = self.words[offset / 8].as_ref()?;
        self.turn.store(0, Ordering::Relaxed);
        let before = word.width.swap(width, Ordering::Relaxed);
        assert!(
            before == 0 || before == width,
            "u{} and u{} at {offset}",
            before * 8,
            width * 8
        );
        Some(word)
    }

    fn whole(&self, offset: usize) -> &AtomicU64 {
        &self.word(offset, 8).expect("not the header").whole
    }

    fn half(&self, offset: usize) -> &AtomicU32 {
        &self.word(offset, 4).expect("not the header").halves[offset / 4 % 2]
    }
}

impl Mem for LoomMem {
    type Window<'a> = PlainWindow<'a, Self>;

    fn window(&self, offset: usize) -> PlainWindow<'_, Self> {
        PlainWindow::new(self, offset)
    }
    fn zeroed(len: usize) -> Result<Self, Errno> {
        let word = || Word {
            whole: AtomicU64::new(0),
            halves: [AtomicU32::new(0), AtomicU32::new(0)],
            width: AtomicUsize::new(0),
        };
        // The header, and what only keeps lines apart, is nothing for loom to think of.
        let used = |at| at >= GROUPS || (HEADER_SIZE..GROUPS).contains(&at) && at % 64 < 16;
        let words = (0..len.div_ceil(8))
            .map(|index| used(index * 8).then(word))
            .collect();
        let turn = AtomicU32::new(0);
        Ok(Self { len, words, turn })
    }
    fn len(&self) -> usize {
        self.len
    }
    fn load_u32(&self, offset: usize, order: Ordering) -> u32 {
        self.half(offset).load(order)
    }
    fn store_u32(&self, offset: usize, value: u32, order: Ordering) {
        if offset < HEADER_SIZE {
            return;
        }
        self.half(offset).store(value, order);
    }
    fn load_u64(&self, offset: usize, order: Ordering) -> u64 {
        self.whole(offset).load(order)
    }
    fn store_u64(&self, offset: usize, value: u64, order: Ordering) {
        if offset < HEADER_SIZE {
            return;
        }
        self.whole(offset).store(value, order);
    }
    fn compare_exchange_u32(
        &self,
        offset: usize,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.half(offset)
            .compare_exchange(current, new, success, failure)
    }
    fn compare_exchange_u64(
        &self,
        offset: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.whole(offset)
            .compare_exchange(current, new, success, failure)
    }
    fn fetch_add_u32(&self, offset: usize, value: u32, order: Ordering) -> u32 {
        self.half(offset).fetch_add(value, order)
    }
    fn fetch_add_u64(&self, offset: usize, value: u64, order: Ordering) -> u64 {
        self.whole(offset).fetch_add(value, order)
    }
    fn fence(order: Ordering) {
        loom::sync::atomic::fence(order);
    }
    fn wait(_attempt: u32) {
        thread::yield_now();
    }
    fn owner() -> u32 {
        1
    }
}

type Map = Arc<Hash<LoomMem>>;

const SEED: u64 = 7;

fn map(attr: HashAttr) -> Map {
    let attr = HashAttr {
        cpus: 1,
        seed: SEED,
        ..attr
    };
    Arc::new(Hash::create_in(&attr).expect("memory"))
}

/// A map of `u32` to `u64` with one home group.
fn one_group(max_entries: u32) -> Map {
    map(HashAttr {
        key_size: 4,
        value_size: 8,
        max_entries,
        load: u32::MAX,
        ..Default::default()
    })
}

fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.max_duration = Some(std::time::Duration::from_secs(5));
    builder.check(run);
}

/// The hash of a key, as the map computes it.
fn hash_of(key: u32) -> u64 {
    rapidhash_v3_inline::<false, false, false>(&key.to_ne_bytes(), &RapidSecrets::seed(SEED))
}

/// Two keys with the same tag.
fn twins() -> (u32, u32) {
    let tag = |key| (hash_of(key) & 0xff).max(1);
    let twin = (1..).find(|key| tag(*key) == tag(0)).expect("one in 255");
    (0, twin)
}

fn put(map: &Map, key: u32, value: u64) -> Result<(), Errno> {
    map.update(&key.to_ne_bytes(), &value.to_ne_bytes(), 0)
}

fn delete(map: &Map, key: u32) -> Result<(), Errno> {
    map.delete(&key.to_ne_bytes())
}

/// What a program reads through the pointer that its lookup gave.
fn program_get(map: &Map, key: u32) -> Option<u64> {
    let value = map.lookup_value(&key.to_ne_bytes(), 0)?;
    Some(map.region().control().load_u64(value, Ordering::Relaxed))
}

fn user_get(map: &Map, key: u32) -> Result<u64, Errno> {
    let mut value = [0; 8];
    map.lookup(&key.to_ne_bytes(), &mut value)?;
    Ok(u64::from_ne_bytes(value))
}

#[test]
fn an_updated_key_is_never_missed() {
    model(1, || {
        let map = one_group(2);
        put(&map, 1, 10).expect("room");
        let writer = map.clone();
        let writer = thread::spawn(move || {
            put(&writer, 1, 11).expect("there");
            put(&writer, 1, 12).expect("there");
        });
        let seen = program_get(&map, 1).expect("there all the time");
        assert!((10..=12).contains(&seen), "{seen}");
        writer.join().expect("no panic");
        assert_eq!(program_get(&map, 1), Some(12));
    });
}

/// The slot of a deleted key goes to a new one with the same tag, which fills the same cell: the
/// reader that stands in the old one must not take the new one for published before it is, nor with
/// the old one's value.
#[test]
fn a_slot_used_again_by_a_twin_does_not_deceive() {
    model(1, || {
        let (old, new) = twins();
        let map = one_group(2);
        put(&map, old, 10).expect("room");
        let writer = map.clone();
        let writer = thread::spawn(move || {
            delete(&writer, old).expect("there");
            put(&writer, new, 20).expect("room");
        });
        let seen = program_get(&map, new);
        assert!(matches!(seen, None | Some(20)), "{seen:?}");
        writer.join().expect("no panic");
    });
}

/// As above with updates, which change the slots of two twins in turn.
#[test]
fn a_spare_slot_used_by_a_twin_does_not_deceive() {
    model(1, || {
        let (one, two) = twins();
        let map = one_group(2);
        put(&map, one, 10).expect("room");
        put(&map, two, 20).expect("room");
        let writer = map.clone();
        let writer = thread::spawn(move || {
            put(&writer, one, 11).expect("there");
            put(&writer, two, 21).expect("there");
        });
        assert!(
            map.lookup_slot(&two.to_ne_bytes()).is_some(),
            "there all the time"
        );
        writer.join().expect("no panic");
    });
}

#[test]
fn a_copy_of_several_words_is_of_one_moment() {
    model(1, || {
        let map = map(HashAttr {
            key_size: 16,
            value_size: 16,
            max_entries: 2,
            load: u32::MAX,
            ..Default::default()
        });
        let key = [5; 16];
        map.update(&key, &[1; 16], 0).expect("room");
        let writer = map.clone();
        let writer = thread::spawn(move || {
            writer.update(&key, &[2; 16], 0).expect("there");
            writer.update(&key, &[3; 16], 0).expect("there");
        });
        let mut copy = [0; 16];
        map.lookup(&key, &mut copy).expect("there all the time");
        assert!([[1; 16], [2; 16], [3; 16]].contains(&copy), "{copy:?}");
        writer.join().expect("no panic");
    });
}

#[test]
fn one_of_two_creates_a_key_and_one_of_two_takes_it() {
    model(1, || {
        let map = one_group(2);
        let other = map.clone();
        let create = |map: &Map, value: u64| map.update(&[9; 4], &value.to_ne_bytes(), 1);
        let take = |map: &Map| map.lookup_and_delete(&[9; 4], &mut [0; 8]);
        let other = thread::spawn(move || (create(&other, 1), take(&other)));
        let (created, taken) = (create(&map, 2), take(&map));
        let (other_created, other_taken) = other.join().expect("no panic");
        for created in [created, other_created] {
            assert!(
                matches!(created, Ok(()) | Err(Errno::EEXIST)),
                "{created:?}"
            );
        }
        let count =
            |answers: [Result<(), Errno>; 2]| answers.iter().filter(|is| is.is_ok()).count();
        let (creations, takings) = (count([created, other_created]), count([taken, other_taken]));
        assert_eq!(creations, takings, "what is created is taken once");
        assert!(creations >= 1);
        assert_eq!(map.count(), 0);
    });
}

#[test]
fn the_last_room_is_given_once() {
    model(1, || {
        let map = one_group(1);
        let other = map.clone();
        let other = thread::spawn(move || put(&other, 1, 1));
        let mut answers = [put(&map, 2, 2), other.join().expect("no panic")];
        answers.sort_by_key(|answer| answer.is_err());
        assert_eq!(answers, [Ok(()), Err(Errno::E2BIG)]);
        assert_eq!(map.count(), 1);
    });
}

/// Slots pushed and popped by two threads: none is lost and none is given twice.
#[test]
fn free_slots_are_neither_lost_nor_doubled() {
    model(1, || {
        let map = one_group(2);
        put(&map, 1, 1).expect("room");
        put(&map, 2, 2).expect("room");
        let other = map.clone();
        let other = thread::spawn(move || {
            delete(&other, 1).expect("there");
            put(&other, 3, 3)
        });
        delete(&map, 2).expect("there");
        assert_eq!(put(&map, 4, 4), Ok(()));
        assert_eq!(other.join().expect("no panic"), Ok(()));
        assert_eq!(user_get(&map, 3), Ok(3));
        assert_eq!(user_get(&map, 4), Ok(4));
        assert_eq!(put(&map, 5, 5), Err(Errno::E2BIG));
    });
}

/// An overflow group in the middle of a chain is emptied, unlinked and used again by another chain,
/// while a reader is on its way to the key behind it.
#[test]
fn a_key_behind_an_unlinked_group_is_not_missed() {
    let of_home = |home: u64| (0..).filter(move |key| ((hash_of(*key) >> 32) * 2) >> 32 == home);
    let mine: Vec<u32> = of_home(0).take(17).collect();
    let others: Vec<u32> = of_home(1).take(9).collect();
    model(1, move || {
        let attr = HashAttr {
            key_size: 4,
            value_size: 8,
            max_entries: 26,
            ..Default::default()
        };
        let map = map(HashAttr { load: 13, ..attr });
        for key in mine.iter().chain(&others[..8]) {
            put(&map, *key, u64::from(*key)).expect("room");
        }
        // Of the middle group only the first is left.
        for key in &mine[9..16] {
            delete(&map, *key).expect("there");
        }
        let (middle, last, new) = (mine[8], mine[16], others[8]);
        let writer = map.clone();
        let writer = thread::spawn(move || {
            delete(&writer, middle).expect("there");
            put(&writer, new, u64::from(new)).expect("room");
        });
        assert_eq!(
            program_get(&map, last),
            Some(u64::from(last)),
            "there all the time"
        );
        writer.join().expect("no panic");
        assert_eq!(user_get(&map, new), Ok(u64::from(new)));
        assert_eq!(map.count(), 18);
    });
}
