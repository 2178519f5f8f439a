//! Walks over the keys.
//!
//! The order of a hash's walk is undefined, that it visits each key once is not.
//!
//! Answers to: map_get_next_key in kernel/bpf/syscall.c, htab_map_get_next_key,
//! array_map_get_next_key.

use crate::elements::is_hash;
use crate::system::*;
use skep::abi::*;
use std::collections::BTreeSet;

cases![
    an_empty_hash_has_no_first_key,
    a_walk_visits_each_key_once,
    an_absent_key_starts_again,
    the_last_key_has_no_next,
    a_deleted_key_starts_again,
    deleting_while_walking_by_the_first_key,
    an_array_walks_in_order,
    an_array_of_one,
    walks_are_repeatable,
    the_only_key_is_first_and_last,
    keys_of_any_size_are_walked,
];

fn walk(s: &System, map: &OwnedFd) -> Vec<u32> {
    let mut keys = Vec::new();
    let mut key = None;
    loop {
        match s.next_key(map, key) {
            Ok(next) => {
                keys.push(next);
                assert!(keys.len() < 10_000, "the walk does not end");
                key = Some(next);
            }
            Err(errno) => {
                assert_eq!(errno, Errno::ENOENT);
                return keys;
            }
        }
    }
}

fn hashes() -> impl Iterator<Item = MapAttr> {
    FOUR.into_iter().filter(|attr| is_hash(*attr))
}

fn filled(s: &System, attr: MapAttr, keys: impl IntoIterator<Item = u32>) -> OwnedFd {
    let map = s.map(MapAttr {
        max_entries: 1000,
        ..attr
    });
    for key in keys {
        assert_eq!(
            s.update(&map, key, &s.user_value(attr, 1), 0),
            Ok(()),
            "{attr:?} {key}"
        );
    }
    map
}

fn an_empty_hash_has_no_first_key(s: &System) {
    for attr in hashes() {
        let map = s.map(attr);
        for key in [None, Some(0), Some(77)] {
            assert_eq!(
                s.next_key(&map, key),
                Err(Errno::ENOENT),
                "{attr:?} {key:?}"
            );
        }
    }
}

fn a_walk_visits_each_key_once(s: &System) {
    for attr in hashes() {
        for count in [1, 2, 3, 10, 64, 500, 1000] {
            let map = filled(s, attr, (0..count).map(|n| n * 17));
            let keys = walk(s, &map);
            assert_eq!(keys.len(), count as usize, "{attr:?}");
            let unique: BTreeSet<u32> = keys.into_iter().collect();
            assert!(
                unique.into_iter().eq((0..count).map(|n| n * 17)),
                "{attr:?} {count}"
            );
        }
    }
}

fn an_absent_key_starts_again(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, 0..20);
        let first = s.next_key(&map, None);
        assert!(first.is_ok());
        for absent in [20, 1000, u32::MAX] {
            assert_eq!(s.next_key(&map, Some(absent)), first, "{attr:?} {absent}");
        }
    }
}

fn the_last_key_has_no_next(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, 0..20);
        let last = walk(s, &map).pop();
        assert_eq!(s.next_key(&map, last), Err(Errno::ENOENT), "{attr:?}");
    }
}

fn a_deleted_key_starts_again(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, 0..20);
        let keys = walk(s, &map);
        assert_eq!(s.delete(&map, keys[7]), Ok(()));
        assert_eq!(s.next_key(&map, Some(keys[7])), Ok(keys[0]), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(keys[6])), Ok(keys[8]), "{attr:?}");
        assert_eq!(s.delete(&map, keys[0]), Ok(()));
        assert_eq!(s.next_key(&map, Some(keys[0])), Ok(keys[1]), "{attr:?}");
        assert_eq!(s.delete(&map, keys[19]), Ok(()));
        assert_eq!(
            s.next_key(&map, Some(keys[18])),
            Err(Errno::ENOENT),
            "{attr:?}"
        );
    }
}

fn deleting_while_walking_by_the_first_key(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, 0..100);
        let mut deleted = 0;
        while let Ok(key) = s.next_key(&map, None) {
            assert_eq!(s.delete(&map, key), Ok(()), "{attr:?}");
            deleted += 1;
        }
        assert_eq!(deleted, 100, "{attr:?}");
    }
}

fn an_array_walks_in_order(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        let map = s.map(MapAttr {
            max_entries: 9,
            ..attr
        });
        assert_eq!(walk(s, &map), (0..9).collect::<Vec<_>>(), "{attr:?}");
        for past in [9, 10, 1 << 31, u32::MAX] {
            assert_eq!(s.next_key(&map, Some(past)), Ok(0), "{attr:?} {past}");
        }
        assert_eq!(s.next_key(&map, Some(8)), Err(Errno::ENOENT), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(7)), Ok(8), "{attr:?}");
    }
}

fn an_array_of_one(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        let map = s.map(MapAttr {
            max_entries: 1,
            ..attr
        });
        assert_eq!(s.next_key(&map, None), Ok(0), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(0)), Err(Errno::ENOENT), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(1)), Ok(0), "{attr:?}");
    }
}

fn walks_are_repeatable(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, (0..200).map(|n| n * n));
        let keys = walk(s, &map);
        for &key in keys.iter().take(50) {
            // Replacing is not changing the order.
            assert_eq!(s.update(&map, key, &s.user_value(attr, 5), 2), Ok(()));
        }
        let mut again = walk(s, &map);
        let mut sorted = keys;
        sorted.sort_unstable();
        again.sort_unstable();
        assert_eq!(again, sorted, "{attr:?}");
        assert_eq!(walk(s, &map), walk(s, &map), "{attr:?}");
    }
}

fn the_only_key_is_first_and_last(s: &System) {
    for attr in hashes() {
        let map = filled(s, attr, [42]);
        assert_eq!(s.next_key(&map, None), Ok(42), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(41)), Ok(42), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(42)), Err(Errno::ENOENT), "{attr:?}");
    }
}

fn keys_of_any_size_are_walked(s: &System) {
    for attr in hashes() {
        for key_size in [1usize, 3, 6, 13, 20, 47, 129] {
            let map = s.map(MapAttr {
                key_size: key_size as u32,
                max_entries: 10,
                ..attr
            });
            let key = |n: u8| {
                let mut key = vec![0x11; key_size];
                key[key_size - 1] = n;
                key
            };
            for n in 0..10 {
                let set = s.bpf.map_update_elem(&mut MapUpdateElem {
                    map: map.fd(),
                    key: UserIn::new(&key(n)),
                    value: UserIn::new(&s.user_value(attr, 1)),
                    flags: 0,
                });
                assert_eq!(set, Ok(()));
            }
            let mut seen = BTreeSet::new();
            let mut current: Option<Vec<u8>> = None;
            loop {
                let mut next = vec![0; key_size];
                let answer = s.bpf.map_get_next_key(&mut MapGetNextKey {
                    map: map.fd(),
                    key: current.as_deref().into(),
                    next_key: UserOut::new(&mut next),
                });
                if answer == Err(Errno::ENOENT) {
                    break;
                }
                assert_eq!(answer, Ok(()), "{attr:?} {key_size}");
                assert!(
                    seen.insert(next.clone()),
                    "{attr:?} {key_size}: {next:x?} twice"
                );
                current = Some(next);
            }
            assert!(seen.into_iter().eq((0..10).map(key)), "{attr:?} {key_size}");
        }
    }
}
