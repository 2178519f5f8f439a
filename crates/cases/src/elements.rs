//! Elements from user space: every operation on the four types, with every flag.
//!
//! Answers to: map_lookup_elem and its like in kernel/bpf/syscall.c, hashtab.c,
//! arraymap.c.

use crate::system::*;
use skep::abi::flags::elem;
use skep::abi::*;

cases![
    a_hash_starts_empty,
    an_array_starts_full_of_zeros,
    what_is_written_is_read,
    update_any_creates_and_replaces,
    update_noexist_only_creates,
    update_exist_only_replaces,
    update_flags_that_do_not_exist,
    lookup_flags_that_do_not_exist,
    a_hash_holds_exactly_its_entries,
    a_full_hash_still_replaces,
    a_full_hash_refuses_in_order,
    a_deleted_element_makes_room,
    an_array_index_past_the_end,
    an_array_cannot_delete,
    a_hash_deletes_once,
    lookup_and_delete_takes_from_a_hash,
    lookup_and_delete_of_an_array,
    keys_are_compared_as_bytes,
    values_of_odd_sizes,
    large_keys_and_values,
    many_elements_come_and_go,
    values_of_a_deleted_element_do_not_come_back,
    an_update_reads_the_value_before_its_flags,
];

/// Keys that are in range for an array.
const KEYS: [u32; 4] = [0, 1, 2, 3];

pub fn is_hash(attr: MapAttr) -> bool {
    matches!(attr.map_type, MapType::HASH | MapType::PERCPU_HASH)
}

fn hashes() -> impl Iterator<Item = MapAttr> {
    FOUR.into_iter().filter(|attr| is_hash(*attr))
}

fn arrays() -> impl Iterator<Item = MapAttr> {
    FOUR.into_iter().filter(|attr| !is_hash(*attr))
}

fn a_hash_starts_empty(s: &System) {
    for attr in hashes() {
        let map = s.map(attr);
        let len = s.user_value(attr, 0).len();
        for key in KEYS {
            assert_eq!(s.lookup(&map, key, len), Err(Errno::ENOENT), "{attr:?}");
            assert_eq!(s.delete(&map, key), Err(Errno::ENOENT), "{attr:?}");
        }
        assert_eq!(s.next_key(&map, None), Err(Errno::ENOENT), "{attr:?}");
    }
}

fn an_array_starts_full_of_zeros(s: &System) {
    for attr in arrays() {
        let map = s.map(attr);
        let zero = s.user_value(attr, 0);
        for key in KEYS {
            assert_eq!(
                s.lookup(&map, key, zero.len()),
                Ok(zero.clone()),
                "{attr:?}"
            );
        }
    }
}

fn what_is_written_is_read(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        for key in KEYS {
            let value = s.user_value(attr, 0x0102_0304_0506_0708 * u64::from(key + 1));
            assert_eq!(s.update(&map, key, &value, elem::ANY), Ok(()), "{attr:?}");
        }
        for key in KEYS {
            let value = s.user_value(attr, 0x0102_0304_0506_0708 * u64::from(key + 1));
            assert_eq!(s.lookup(&map, key, value.len()), Ok(value), "{attr:?}");
        }
    }
}

fn update_any_creates_and_replaces(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        for value in [7, 8, 8, 0] {
            let value = s.user_value(attr, value);
            assert_eq!(s.update(&map, 2, &value, elem::ANY), Ok(()), "{attr:?}");
            assert_eq!(s.lookup(&map, 2, value.len()), Ok(value), "{attr:?}");
        }
    }
}

fn update_noexist_only_creates(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let (one, two) = (s.user_value(attr, 1), s.user_value(attr, 2));
        let first = s.update(&map, 2, &one, elem::NOEXIST);
        if is_hash(attr) {
            assert_eq!(first, Ok(()), "{attr:?}");
        } else {
            assert_eq!(first, Err(Errno::EEXIST), "{attr:?}");
            assert_eq!(s.update(&map, 2, &one, elem::ANY), Ok(()), "{attr:?}");
        }
        assert_eq!(
            s.update(&map, 2, &two, elem::NOEXIST),
            Err(Errno::EEXIST),
            "{attr:?}"
        );
        assert_eq!(s.lookup(&map, 2, one.len()), Ok(one), "{attr:?}");
    }
}

fn update_exist_only_replaces(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let (one, two) = (s.user_value(attr, 1), s.user_value(attr, 2));
        if is_hash(attr) {
            assert_eq!(
                s.update(&map, 2, &one, elem::EXIST),
                Err(Errno::ENOENT),
                "{attr:?}"
            );
            assert_eq!(s.lookup(&map, 2, one.len()), Err(Errno::ENOENT), "{attr:?}");
            assert_eq!(s.update(&map, 2, &one, elem::ANY), Ok(()), "{attr:?}");
        }
        assert_eq!(s.update(&map, 2, &two, elem::EXIST), Ok(()), "{attr:?}");
        assert_eq!(s.lookup(&map, 2, two.len()), Ok(two), "{attr:?}");
    }
}

/// Every flag an update does not know, alone and with those it does.
fn update_flags_that_do_not_exist(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let value = s.user_value(attr, 1);
        for key in [1, 4] {
            for known in [elem::ANY, elem::NOEXIST, elem::EXIST] {
                for bit in 2..64 {
                    let flags = known | 1 << bit;
                    let answer = s.update(&map, key, &value, flags);
                    assert_eq!(
                        answer,
                        Err(Errno::EINVAL),
                        "{attr:?} key {key} flags {flags:#x}"
                    );
                }
            }
            let both = elem::NOEXIST | elem::EXIST;
            assert_eq!(
                s.update(&map, key, &value, both),
                Err(Errno::EINVAL),
                "{attr:?}"
            );
        }
    }
}

fn lookup_flags_that_do_not_exist(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let mut value = s.user_value(attr, 1);
        assert_eq!(s.update(&map, 1, &value, elem::ANY), Ok(()));
        for bit in 0..64 {
            let flags = 1 << bit;
            let key = 1u32.to_ne_bytes();
            let answer = s.bpf.map_lookup_elem(&mut MapLookupElem {
                map: map.fd(),
                key: UserIn::new(&key),
                value: UserOut::new(&mut value),
                flags,
            });
            assert_eq!(
                answer,
                Err(Errno::EINVAL),
                "{attr:?} lookup flags {flags:#x}"
            );
            let answer = s
                .bpf
                .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                    map: map.fd(),
                    key: UserIn::new(&key),
                    value: UserOut::new(&mut value),
                    flags,
                });
            assert_eq!(
                answer,
                Err(Errno::EINVAL),
                "{attr:?} lookup_and_delete {flags:#x}"
            );
        }
        assert!(s.lookup(&map, 1, value.len()).is_ok(), "{attr:?}");
    }
}

fn a_hash_holds_exactly_its_entries(s: &System) {
    for attr in hashes() {
        for max_entries in [1, 2, 3, 7, 8, 9, 16, 31, 100] {
            let map = s.map(MapAttr {
                max_entries,
                ..attr
            });
            let value = s.user_value(attr, 1);
            for key in 0..max_entries {
                assert_eq!(
                    s.update(&map, key, &value, elem::ANY),
                    Ok(()),
                    "{key} of {max_entries}"
                );
            }
            for key in max_entries..max_entries + 3 {
                let answer = s.update(&map, key, &value, elem::ANY);
                assert_eq!(answer, Err(Errno::E2BIG), "{attr:?} {key} of {max_entries}");
            }
        }
    }
}

fn a_full_hash_still_replaces(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        for (key, flags) in [(0, elem::ANY), (3, elem::EXIST)] {
            let value = s.user_value(attr, 9);
            assert_eq!(s.update(&map, key, &value, flags), Ok(()), "{attr:?}");
            assert_eq!(s.lookup(&map, key, value.len()), Ok(value), "{attr:?}");
        }
    }
}

fn full(s: &System, attr: MapAttr) -> OwnedFd {
    let map = s.map(attr);
    for key in KEYS {
        let value = s.user_value(attr, u64::from(key));
        assert_eq!(s.update(&map, key, &value, elem::ANY), Ok(()), "{attr:?}");
    }
    map
}

fn a_full_hash_refuses_in_order(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        let value = s.user_value(attr, 9);
        assert_eq!(
            s.update(&map, 4, &value, elem::ANY),
            Err(Errno::E2BIG),
            "{attr:?}"
        );
        assert_eq!(
            s.update(&map, 4, &value, elem::NOEXIST),
            Err(Errno::E2BIG),
            "{attr:?}"
        );
        assert_eq!(
            s.update(&map, 4, &value, elem::EXIST),
            Err(Errno::ENOENT),
            "{attr:?}"
        );
        assert_eq!(
            s.update(&map, 0, &value, elem::NOEXIST),
            Err(Errno::EEXIST),
            "{attr:?}"
        );
        for key in KEYS {
            let there = s.user_value(attr, u64::from(key));
            assert_eq!(s.lookup(&map, key, value.len()), Ok(there), "{attr:?}");
        }
    }
}

fn a_deleted_element_makes_room(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        let value = s.user_value(attr, 9);
        for round in 0..20 {
            assert_eq!(s.delete(&map, round), Ok(()), "{attr:?} {round}");
            assert_eq!(
                s.update(&map, round + 4, &value, elem::NOEXIST),
                Ok(()),
                "{attr:?} {round}"
            );
            assert_eq!(
                s.update(&map, 99, &value, elem::ANY),
                Err(Errno::E2BIG),
                "{attr:?}"
            );
        }
    }
}

fn an_array_index_past_the_end(s: &System) {
    for attr in arrays() {
        let map = s.map(attr);
        let value = s.user_value(attr, 1);
        for key in [4, 5, 7, 8, 1 << 31, u32::MAX] {
            assert_eq!(
                s.lookup(&map, key, value.len()),
                Err(Errno::ENOENT),
                "{attr:?} {key}"
            );
            for flags in [elem::ANY, elem::NOEXIST, elem::EXIST] {
                let answer = s.update(&map, key, &value, flags);
                assert_eq!(answer, Err(Errno::E2BIG), "{attr:?} {key} {flags}");
            }
        }
    }
}

fn an_array_cannot_delete(s: &System) {
    for attr in arrays() {
        let map = s.map(attr);
        let value = s.user_value(attr, 1);
        assert_eq!(s.update(&map, 1, &value, elem::ANY), Ok(()));
        for key in [0, 1, 3, 4, u32::MAX] {
            assert_eq!(s.delete(&map, key), Err(Errno::EINVAL), "{attr:?} {key}");
        }
        assert_eq!(s.lookup(&map, 1, value.len()), Ok(value), "{attr:?}");
    }
}

fn a_hash_deletes_once(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        let len = s.user_value(attr, 0).len();
        assert_eq!(s.delete(&map, 2), Ok(()), "{attr:?}");
        assert_eq!(s.delete(&map, 2), Err(Errno::ENOENT), "{attr:?}");
        assert_eq!(s.lookup(&map, 2, len), Err(Errno::ENOENT), "{attr:?}");
        assert!(s.lookup(&map, 1, len).is_ok(), "{attr:?}");
    }
}

/// Takes the value of a key out, `len` bytes.
pub fn take(s: &System, map: &OwnedFd, key: u32, len: usize) -> Result<Vec<u8>> {
    let mut value = vec![0; len];
    s.bpf
        .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
            map: map.fd(),
            key: UserIn::new(&key.to_ne_bytes()),
            value: UserOut::new(&mut value),
            flags: 0,
        })?;
    Ok(value)
}

fn lookup_and_delete_takes_from_a_hash(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        for key in KEYS {
            let value = s.user_value(attr, u64::from(key));
            assert_eq!(
                take(s, &map, key, value.len()),
                Ok(value.clone()),
                "{attr:?}"
            );
            assert_eq!(
                take(s, &map, key, value.len()),
                Err(Errno::ENOENT),
                "{attr:?}"
            );
        }
        assert_eq!(s.next_key(&map, None), Err(Errno::ENOENT), "{attr:?}");
    }
}

fn lookup_and_delete_of_an_array(s: &System) {
    for attr in arrays() {
        let map = s.map(attr);
        let len = s.user_value(attr, 0).len();
        for key in [0, 3, 4, u32::MAX] {
            assert_eq!(
                take(s, &map, key, len),
                Err(Errno::ENOTSUPP),
                "{attr:?} {key}"
            );
        }
    }
}

fn keys_are_compared_as_bytes(s: &System) {
    for attr in hashes() {
        for key_size in [1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 33, 40, 64, 100] {
            let map = s.map(MapAttr {
                key_size,
                max_entries: 64,
                ..attr
            });
            let mut key = vec![0xa5; key_size as usize];
            let set = |key: &[u8], value: u64| {
                s.bpf.map_update_elem(&mut MapUpdateElem {
                    map: map.fd(),
                    key: UserIn::new(key),
                    value: UserIn::new(&s.user_value(attr, value)),
                    flags: elem::NOEXIST,
                })
            };
            assert_eq!(set(&key, 0), Ok(()), "{attr:?} {key_size}");
            // Keys that differ in the first, a middle, the last byte.
            let places = std::collections::BTreeSet::from([0, key.len() / 2, key.len() - 1]);
            for at in places {
                key[at] ^= 0x40;
                assert_eq!(set(&key, 1), Ok(()), "{attr:?} {key_size} {at}");
                assert_eq!(set(&key, 1), Err(Errno::EEXIST), "{attr:?} {key_size} {at}");
                key[at] ^= 0x40;
            }
            assert_eq!(set(&key, 2), Err(Errno::EEXIST), "{attr:?} {key_size}");
        }
    }
}

fn values_of_odd_sizes(s: &System) {
    for attr in [HASH, ARRAY] {
        for value_size in [1, 2, 3, 5, 7, 9, 12, 15, 17, 31, 63, 65, 4095, 4097] {
            let map = s.map(MapAttr { value_size, ..attr });
            let value: Vec<u8> = (0..value_size).map(|at| (at * 7 + 1) as u8).collect();
            let other: Vec<u8> = value.iter().map(|byte| !byte).collect();
            assert_eq!(
                s.update(&map, 0, &value, 0),
                Ok(()),
                "{attr:?} {value_size}"
            );
            assert_eq!(
                s.update(&map, 1, &other, 0),
                Ok(()),
                "{attr:?} {value_size}"
            );
            assert_eq!(
                s.lookup(&map, 0, value.len()),
                Ok(value),
                "{attr:?} {value_size}"
            );
            assert_eq!(
                s.lookup(&map, 1, other.len()),
                Ok(other),
                "{attr:?} {value_size}"
            );
        }
    }
}

fn large_keys_and_values(s: &System) {
    let map = s.map(MapAttr {
        key_size: 500,
        value_size: 100_000,
        ..HASH
    });
    let key = vec![3; 500];
    let value: Vec<u8> = (0..100_000u32).map(|at| (at >> 3) as u8).collect();
    let set = s.bpf.map_update_elem(&mut MapUpdateElem {
        map: map.fd(),
        key: UserIn::new(&key),
        value: UserIn::new(&value),
        flags: 0,
    });
    assert_eq!(set, Ok(()));
    let mut seen = vec![0; value.len()];
    let got = s.bpf.map_lookup_elem(&mut MapLookupElem {
        map: map.fd(),
        key: UserIn::new(&key),
        value: UserOut::new(&mut seen),
        flags: 0,
    });
    assert_eq!(got, Ok(()));
    assert!(seen == value);
}

/// A thousand elements through a map of fifty, checked against a model.
fn many_elements_come_and_go(s: &System) {
    for attr in hashes() {
        let map = s.map(MapAttr {
            max_entries: 50,
            ..attr
        });
        let len = s.user_value(attr, 0).len();
        let mut model = std::collections::BTreeMap::new();
        let mut random = 1u32;
        for step in 0..1000u64 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (random >> 8) % 80;
            if random >> 30 == 0 {
                let expected = model.remove(&key).map(|_| ()).ok_or(Errno::ENOENT);
                assert_eq!(s.delete(&map, key), expected, "{attr:?} step {step}");
            } else {
                let room = model.len() < 50 || model.contains_key(&key);
                let expected = if room { Ok(()) } else { Err(Errno::E2BIG) };
                let value = s.user_value(attr, step);
                assert_eq!(
                    s.update(&map, key, &value, 0),
                    expected,
                    "{attr:?} step {step}"
                );
                if room {
                    model.insert(key, value);
                }
            }
        }
        for key in 0..80 {
            let expected = model.get(&key).cloned().ok_or(Errno::ENOENT);
            assert_eq!(s.lookup(&map, key, len), expected, "{attr:?} {key}");
        }
    }
}

fn values_of_a_deleted_element_do_not_come_back(s: &System) {
    for attr in hashes() {
        let map = full(s, attr);
        for key in KEYS {
            assert_eq!(s.delete(&map, key), Ok(()));
        }
        for key in KEYS {
            let value = s.user_value(attr, 0);
            assert_eq!(s.update(&map, key + 10, &value, 0), Ok(()));
            assert_eq!(s.lookup(&map, key + 10, value.len()), Ok(value), "{attr:?}");
        }
    }
}

fn an_update_reads_the_value_before_its_flags(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let short = [0; 3];
        assert_eq!(s.update(&map, 0, &short, 8), Err(Errno::EFAULT), "{attr:?}");
        assert_eq!(
            s.update(&map, 99, &short, elem::ANY),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
    }
}
