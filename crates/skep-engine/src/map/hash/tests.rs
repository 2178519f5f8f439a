//! Tests of one thread: the semantics of each operation, against a model where it pays.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;

use super::*;
use crate::region::Mem;

const ANY: u64 = 0;
const NOEXIST: u64 = 1;
const EXIST: u64 = 2;

fn attr(key_size: u32, value_size: u32, max_entries: u32) -> HashAttr {
    HashAttr {
        key_size,
        value_size,
        max_entries,
        cpus: 2,
        seed: 7,
        ..Default::default()
    }
}

fn hash(attr: HashAttr) -> Hash {
    Hash::create(&attr).expect("memory")
}

/// One home group, whatever the keys.
fn crowded(attr: HashAttr) -> Hash {
    hash(HashAttr {
        load: u32::MAX,
        ..attr
    })
}

fn key(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

fn get(hash: &Hash, key: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut value = vec![0xee; hash.user_value_size()];
    hash.lookup(key, &mut value).map(|()| value)
}

fn walk(hash: &Hash) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut next = vec![0; hash.attr().key_size as usize];
    while hash
        .next_key(keys.last().map(Vec::as_slice), &mut next)
        .is_ok()
    {
        keys.push(next.clone());
        assert!(
            keys.len() <= hash.attr().max_entries as usize,
            "a walk without an end"
        );
    }
    keys
}

#[test]
fn an_empty_map_has_nothing() {
    let map = hash(attr(4, 8, 3));
    assert_eq!(get(&map, &key(1)), Err(Errno::ENOENT));
    assert_eq!(map.lookup_slot(&key(1)), None);
    assert_eq!(map.delete(&key(1)), Err(Errno::ENOENT));
    assert_eq!(
        map.lookup_and_delete(&key(1), &mut [0; 8]),
        Err(Errno::ENOENT)
    );
    assert_eq!(map.next_key(None, &mut [0; 4]), Err(Errno::ENOENT));
    assert_eq!(map.next_key(Some(&key(1)), &mut [0; 4]), Err(Errno::ENOENT));
    assert_eq!(map.count(), 0);
}

#[test]
fn flags_are_judged_before_room() {
    let map = hash(attr(4, 8, 3));
    for number in 0..3 {
        assert_eq!(map.update(&key(number), &[1; 8], EXIST), Err(Errno::ENOENT));
        assert_eq!(map.update(&key(number), &[1; 8], NOEXIST), Ok(()));
    }
    assert_eq!(map.update(&key(3), &[1; 8], ANY), Err(Errno::E2BIG));
    assert_eq!(map.update(&key(3), &[1; 8], NOEXIST), Err(Errno::E2BIG));
    assert_eq!(map.update(&key(3), &[1; 8], EXIST), Err(Errno::ENOENT));
    assert_eq!(map.update(&key(0), &[2; 8], NOEXIST), Err(Errno::EEXIST));
    assert_eq!(get(&map, &key(0)), Ok(vec![1; 8]));
    assert_eq!(map.update(&key(0), &[2; 8], EXIST), Ok(()));
    assert_eq!(map.update(&key(1), &[3; 8], ANY), Ok(()));
    assert_eq!(get(&map, &key(0)), Ok(vec![2; 8]));
    assert_eq!(get(&map, &key(1)), Ok(vec![3; 8]));
    for flags in [3, 4, 5, 8, 1 << 32, u64::MAX] {
        assert_eq!(
            map.update(&key(0), &[1; 8], flags),
            Err(Errno::EINVAL),
            "{flags:#x}"
        );
        assert_eq!(
            map.update(&key(9), &[1; 8], flags),
            Err(Errno::EINVAL),
            "{flags:#x}"
        );
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let map = hash(attr(4, 8, 3));
    for wrong in [&[][..], &[0; 3], &[0; 5], &[0; 8], &[0; 16]] {
        assert_eq!(map.lookup(wrong, &mut [0; 8]), Err(Errno::EINVAL));
        assert_eq!(map.lookup_slot(wrong), None);
        assert_eq!(map.update(wrong, &[0; 8], ANY), Err(Errno::EINVAL));
        assert_eq!(map.delete(wrong), Err(Errno::EINVAL));
        assert_eq!(
            map.lookup_and_delete(wrong, &mut [0; 8]),
            Err(Errno::EINVAL)
        );
        assert_eq!(map.next_key(Some(wrong), &mut [0; 4]), Err(Errno::EINVAL));
    }
    assert_eq!(map.next_key(None, &mut [0; 5]), Err(Errno::EINVAL));
    assert_eq!(map.update(&key(0), &[0; 7], ANY), Err(Errno::EINVAL));
    assert_eq!(map.lookup(&key(0), &mut [0; 9]), Err(Errno::EINVAL));
    assert_eq!(
        map.update_from_program(2, &key(0), &[0; 8], ANY),
        Err(Errno::EINVAL)
    );
    assert_eq!(map.count(), 0);
}

#[test]
fn creation_answers_as_linux() {
    let refused = |attr: HashAttr| Hash::create(&attr).err();
    for wrong in [attr(0, 8, 1), attr(4, 0, 1), attr(4, 8, 0)] {
        assert_eq!(refused(wrong), Some(Errno::EINVAL));
        assert_eq!(
            refused(HashAttr {
                per_cpu: true,
                ..wrong
            }),
            Some(Errno::EINVAL)
        );
    }
    let big = [
        attr(4, 4_194_252, 1),
        attr(4_194_248, 8, 1),
        attr(4, 8, (1 << 27) + 1),
    ];
    for big in big
        .into_iter()
        .chain([attr(4, u32::MAX, 1), attr(u32::MAX, u32::MAX, u32::MAX)])
    {
        assert_eq!(refused(big), Some(Errno::E2BIG), "{big:?}");
        assert_eq!(
            refused(HashAttr {
                per_cpu: true,
                ..big
            }),
            Some(Errno::E2BIG),
            "{big:?}"
        );
    }
    let per_cpu = |value_size| HashAttr {
        per_cpu: true,
        ..attr(4, value_size, 1)
    };
    assert_eq!(refused(per_cpu(32_769)), Some(Errno::E2BIG));
    assert_eq!(refused(per_cpu(32_768)), None);
    assert_eq!(refused(attr(4, 4_194_251, 1)), None);
    assert_eq!(refused(attr(4_194_247, 8, 1)), None);
}

#[test]
fn an_old_pointer_reads_the_old_element_after_an_update() {
    let map = hash(attr(4, 8, 3));
    map.update(&key(1), &[1; 8], ANY).expect("room");
    let layout = map.value_layout();
    let at = |slot| {
        map.region()
            .control()
            .load_bytes(layout.value_at(slot, 0), 8)
    };
    let old = map.lookup_slot(&key(1)).expect("there");
    map.update_from_program(0, &key(1), &[2; 8], ANY)
        .expect("room");
    let new = map.lookup_slot(&key(1)).expect("there");
    assert_ne!(old, new);
    assert_eq!(at(old), u64::from_ne_bytes([1; 8]));
    assert_eq!(at(new), u64::from_ne_bytes([2; 8]));
    map.delete(&key(1)).expect("there");
    assert_eq!(
        at(new),
        u64::from_ne_bytes([2; 8]),
        "a free slot's link lies beside its value"
    );
}

#[test]
fn per_cpu_values_are_one_for_each_cpu() {
    let map = hash(HashAttr {
        per_cpu: true,
        cpus: 3,
        ..attr(4, 5, 2)
    });
    assert_eq!(map.user_value_size(), 24);
    map.update_from_program(1, &key(1), b"hello", ANY)
        .expect("room");
    let mut expected = [0; 24];
    expected[8..13].copy_from_slice(b"hello");
    assert_eq!(get(&map, &key(1)), Ok(expected.to_vec()));
    let slot = map.lookup_slot(&key(1));
    // In place, and only its own.
    map.update_from_program(2, &key(1), b"world", EXIST)
        .expect("there");
    expected[16..21].copy_from_slice(b"world");
    assert_eq!(get(&map, &key(1)), Ok(expected.to_vec()));
    assert_eq!(map.lookup_slot(&key(1)), slot);
    let all: Vec<u8> = (0..24).collect();
    map.update(&key(1), &all, ANY).expect("there");
    assert_eq!(map.lookup_slot(&key(1)), slot);
    assert_eq!(get(&map, &key(1)), Ok(all.clone()));
    // A slot used before has no rest of its former element.
    let mut out = [0; 24];
    map.lookup_and_delete(&key(1), &mut out).expect("there");
    assert_eq!(out[..], all);
    map.update_from_program(0, &key(2), b"fresh", NOEXIST)
        .expect("room");
    let mut expected = [0; 24];
    expected[..5].copy_from_slice(b"fresh");
    assert_eq!(get(&map, &key(2)), Ok(expected.to_vec()));
}

#[test]
fn as_many_fit_as_were_asked_for_after_any_churn() {
    let sizes = if cfg!(miri) {
        &[1, 9][..]
    } else {
        &[1, 2, 7, 8, 9, 60, 1000]
    };
    for (entries, crowd) in sizes
        .iter()
        .flat_map(|size| [(*size, 0), (*size, u32::MAX)])
    {
        let map = hash(HashAttr {
            load: crowd,
            ..attr(4, 8, entries)
        });
        for round in 0..3 {
            let base = round * 10_000;
            for number in 0..entries {
                assert_eq!(map.update(&key(base + number), &[9; 8], ANY), Ok(()));
                assert_eq!(map.update(&key(base + number), &[8; 8], ANY), Ok(()));
            }
            assert_eq!(map.count(), u64::from(entries));
            assert_eq!(map.update(&key(9999), &[9; 8], ANY), Err(Errno::E2BIG));
            assert_eq!(walk(&map).len(), entries as usize);
            for number in (0..entries).rev() {
                assert_eq!(map.delete(&key(base + number)), Ok(()));
            }
            assert_eq!(map.count(), 0);
        }
    }
}

#[test]
fn a_walk_may_delete_what_it_has_passed() {
    let map = crowded(attr(4, 8, 40));
    for number in 0..40 {
        map.update(&key(number), &[0; 8], ANY).expect("room");
    }
    let order = walk(&map);
    let (mut seen, mut current): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    let mut next = vec![0; 4];
    while map.next_key(current.as_deref(), &mut next).is_ok() {
        if let Some(done) = &current {
            map.delete(done).expect("there");
        }
        seen.push(next.clone());
        current = Some(next.clone());
    }
    assert_eq!(seen, order);
    assert_eq!(map.count(), 1);
}

#[test]
fn a_walk_from_a_key_that_is_gone_starts_again() {
    let map = hash(attr(4, 8, 40));
    for number in 0..40 {
        map.update(&key(number), &[0; 8], ANY).expect("room");
    }
    let order = walk(&map);
    assert_eq!(order, walk(&map), "the order is always the same");
    map.delete(&order[5]).expect("there");
    let mut next = [0; 4];
    assert_eq!(map.next_key(Some(&order[5]), &mut next), Ok(()));
    assert_eq!(next[..], order[0]);
}

#[test]
fn a_map_with_a_secret_of_0_has_the_same_order_in_every_process() {
    let map = hash(HashAttr {
        seed: 0,
        ..attr(4, 8, 100)
    });
    for number in 0..6 {
        map.update(&key(number), &[0; 8], ANY).expect("room");
    }
    let order: Vec<u32> = walk(&map)
        .into_iter()
        .map(|key| u32::from_ne_bytes(key.try_into().expect("four bytes")))
        .collect();
    if cfg!(target_endian = "little") {
        assert_eq!(order, ORDER_OF_SECRET_0);
    }
}

const ORDER_OF_SECRET_0: [u32; 6] = [4, 1, 3, 0, 5, 2];

/// Regular keys fill the groups about as evenly as random ones would, of which with a mean of 6 about
/// 15 in 100 groups of eight overflow.
#[test]
#[cfg_attr(miri, ignore)]
fn regular_keys_spread_like_random_ones() {
    type Pattern = fn(u64) -> u64;
    let patterns: [(&str, Pattern); 7] = [
        ("counted", |number| number),
        ("every 256th", |number| number << 8),
        ("the high half", |number| (number << 16) | (number >> 16)),
        ("addresses of lines", |number| {
            0xffff_8880_0000_0000 | number << 6
        }),
        ("two small halves", |number| {
            ((number % 200) << 32) | (number / 200)
        }),
        ("mirrored", u64::reverse_bits),
        ("negative", |number| !number),
    ];
    let entries = 30_000;
    let groups = f64::from(entries / 6);
    for (name, pattern) in patterns {
        for (key_size, seed) in [4, 8, 12, 16, 20]
            .into_iter()
            .flat_map(|size| [(size, 0), (size, 7)])
        {
            let map = hash(HashAttr {
                seed,
                ..attr(key_size, 8, entries)
            });
            let mut distinct = 0;
            for number in 0..entries {
                let word = pattern(u64::from(number)).to_le_bytes();
                let mut key = [0; 24];
                key[..8].copy_from_slice(&word);
                // The same again at the end, so that words of a key may cancel out.
                key[key_size as usize - 4..key_size as usize].copy_from_slice(&word[..4]);
                let answer = map.update(&key[..key_size as usize], &[0; 8], NOEXIST);
                distinct += u32::from(answer.is_ok());
            }
            if distinct == entries {
                let overflows = map.region.control().load_u64(layout::POOL_BUMP, Relaxed) as f64;
                let share = overflows / groups;
                assert!(
                    (0.05..0.25).contains(&share),
                    "{name}, {key_size}, {seed}: {share}"
                );
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Update(u8, u8, u64),
    Program(u8, u8, u64),
    Delete(u8),
    Take(u8),
    Walk,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = 0..40_u8;
    let op = prop_oneof![
        8 => (key.clone(), any::<u8>(), 0..4_u64).prop_map(|(k, v, f)| Op::Update(k, v, f)),
        4 => (key.clone(), any::<u8>(), 0..4_u64).prop_map(|(k, v, f)| Op::Program(k, v, f)),
        6 => key.clone().prop_map(Op::Delete),
        2 => key.prop_map(Op::Take),
        1 => Just(Op::Walk),
    ];
    prop::collection::vec(op, if cfg!(miri) { 20..21 } else { 0..400 })
}

type Model = HashMap<Vec<u8>, Vec<u8>>;

/// What an update should answer.
fn judge(model: &Model, max_entries: u32, key: &[u8], flags: u64) -> Result<(), Errno> {
    match (flags, model.contains_key(key)) {
        (3.., _) => Err(Errno::EINVAL),
        (NOEXIST, true) => Err(Errno::EEXIST),
        (EXIST, false) => Err(Errno::ENOENT),
        (_, false) if model.len() >= max_entries as usize => Err(Errno::E2BIG),
        _ => Ok(()),
    }
}

fn run(attr: HashAttr, ops: Vec<Op>) {
    let map = hash(attr);
    let mut model = Model::new();
    let wide = |number: u8| {
        let mut key = vec![0x5a; attr.key_size as usize];
        // First and last byte, so that every word of a long key matters.
        *key.last_mut().expect("not empty") = number / 8;
        key[0] = if attr.key_size == 1 {
            number
        } else {
            number % 8
        };
        key
    };
    let each = (attr.value_size as usize).next_multiple_of(8);
    for op in ops {
        match op {
            Op::Update(number, byte, flags) => {
                let (key, value) = (wide(number), vec![byte; map.user_value_size()]);
                let expected = judge(&model, attr.max_entries, &key, flags);
                assert_eq!(map.update(&key, &value, flags), expected);
                if expected.is_ok() {
                    model.insert(key, value);
                }
            }
            Op::Program(number, byte, flags) => {
                let (key, value) = (wide(number), vec![byte; attr.value_size as usize]);
                let expected = judge(&model, attr.max_entries, &key, flags);
                assert_eq!(map.update_from_program(1, &key, &value, flags), expected);
                if expected.is_ok() && attr.per_cpu {
                    let all = model.entry(key).or_insert(vec![0; map.user_value_size()]);
                    all[each..2 * each].fill(0);
                    all[each..][..value.len()].copy_from_slice(&value);
                } else if expected.is_ok() {
                    model.insert(key, value);
                }
            }
            Op::Delete(number) => {
                let expected = model.remove(&wide(number)).map(|_| ()).ok_or(Errno::ENOENT);
                assert_eq!(map.delete(&wide(number)), expected);
            }
            Op::Take(number) => {
                let mut out = vec![0; map.user_value_size()];
                let answer = map.lookup_and_delete(&wide(number), &mut out).map(|()| out);
                assert_eq!(answer, model.remove(&wide(number)).ok_or(Errno::ENOENT));
            }
            Op::Walk => {
                let mut keys = walk(&map);
                keys.sort();
                let mut expected: Vec<_> = model.keys().cloned().collect();
                expected.sort();
                assert_eq!(keys, expected);
            }
        }
        assert_eq!(map.count(), model.len() as u64);
    }
    for number in 0..40 {
        let expected = model.get(&wide(number)).cloned().ok_or(Errno::ENOENT);
        assert_eq!(get(&map, &wide(number)), expected);
        assert_eq!(map.lookup_slot(&wide(number)).is_some(), expected.is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 300 },
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_operations_answer_as_the_model(
        key_size in prop::sample::select(vec![1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 20, 40, 120]),
        value_size in prop::sample::select(vec![1, 4, 8, 11, 24]),
        max_entries in prop::sample::select(vec![1, 7, 8, 9, 17, 32]),
        load in prop::sample::select(vec![0, 6, 12, u32::MAX]),
        per_cpu in any::<bool>(),
        ops in ops(),
    ) {
        run(HashAttr { load, per_cpu, ..attr(key_size, value_size, max_entries) }, ops);
    }
}

mod bits {
    use proptest::prelude::*;

    use super::group::{empties, matches, tag, tag_of, with_tag, without_tag};

    fn list(mut cells: super::group::Cells) -> Vec<usize> {
        let mut list = Vec::new();
        while !cells.is_empty() {
            list.push(cells.first());
            cells = cells.rest();
        }
        list
    }

    #[test]
    fn tags_are_matched_exactly() {
        // A cell that is one more than a matching neighbour is not a match.
        assert_eq!(list(matches(0x0000_0000_0000_0001, 1)), [0]);
        assert_eq!(list(matches(0x0100_0000_0000_0001, 1)), [0, 7]);
        assert_eq!(list(matches(0xff80_7f01_0280_ff00, 0x80)), [2, 6]);
        assert_eq!(list(empties(0xff00_7f01_0280_ff00)), [0, 6]);
        assert_eq!(empties(0xff00_7f01_0280_ff00).count(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn tags_are_matched_as_bytes_one_by_one(tags in prop::array::uniform8(0..4_u8), tag in 0..4_u8) {
            let word = u64::from_le_bytes(tags.map(|tag| tag.wrapping_mul(0x7f)));
            let tag = u64::from(tag.wrapping_mul(0x7f));
            let expected: Vec<_> = (0..8).filter(|cell| tag_of(word, *cell) == tag).collect();
            prop_assert_eq!(list(matches(word, tag)), expected);
        }
    }

    #[test]
    fn a_tag_is_put_and_taken_where_it_belongs() {
        assert_eq!(tag(0xabcd_ef00), 1);
        let tags = with_tag(0x11, 3, 0xab);
        assert_eq!(tags, 0xab00_0011);
        assert_eq!(tag_of(tags, 3), 0xab);
        assert_eq!(without_tag(tags, 0), 0xab00_0000);
    }
}
