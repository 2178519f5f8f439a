//! HASH and PERCPU_HASH as maps: each operation as Linux was seen to answer. The table's own tests
//! are with the table.

use skep_abi::flags::map as flag;
use skep_abi::{Errno, MapType};
use skep_vm::{AtomicOp, Width};

use super::super::testing::{get, made};
use super::*;

const BOTH: [MapType; 2] = [MapType::HASH, MapType::PERCPU_HASH];

fn key(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

fn map(map_type: MapType) -> Arc<dyn Map> {
    made(map_type, |_| ()).expect("memory")
}

/// A value of the map's size as user space sees it.
fn value(map: &dyn Map, byte: u8) -> Vec<u8> {
    vec![byte; map.desc().user_value_size()]
}

#[test]
fn flags_say_what_an_update_may_do() {
    for map_type in BOTH {
        let map = map(map_type);
        let value = value(&*map, 1);
        let update = |number, flags| map.update(&key(number), &value, flags);
        assert_eq!(update(1, 2), Err(Errno::ENOENT));
        assert_eq!(update(1, 1), Ok(()));
        assert_eq!(update(1, 1), Err(Errno::EEXIST));
        assert_eq!((update(1, 2), update(1, 0)), (Ok(()), Ok(())));
        for flags in [3, 4, 5, 6, 7, 8, 16, 1 << 32, 1 << 63] {
            for number in [1, 2] {
                assert_eq!(update(number, flags), Err(Errno::EINVAL), "{flags:#x}");
            }
            for number in [1, 2] {
                let found = map.lookup(&key(number), &mut [0; 16], flags);
                assert_eq!(found, Err(Errno::EINVAL));
                let found = map.lookup_and_delete(&key(number), &mut [0; 16], flags);
                assert_eq!(found, Err(Errno::EINVAL));
            }
        }
        assert_eq!(get(&*map, &key(1)), Ok(value.clone()));
    }
}

#[test]
fn a_full_map_takes_what_it_has() {
    for map_type in BOTH {
        for flags in [0, flag::NO_PREALLOC, flag::ZERO_SEED] {
            let map = made(map_type, |cmd| cmd.map_flags = flags).expect("memory");
            let value = value(&*map, 1);
            let update = |number, flags| map.update(&key(number), &value, flags);
            assert!((0..4).all(|number| update(number, 0).is_ok()));
            assert_eq!(update(4, 0), Err(Errno::E2BIG));
            assert_eq!(update(4, 1), Err(Errno::E2BIG));
            assert_eq!(update(4, 2), Err(Errno::ENOENT));
            assert_eq!(
                map.program_update(0, &key(4), &[0; 8], 0),
                Err(Errno::E2BIG)
            );
            assert_eq!(update(3, 0), Ok(()));
            assert_eq!(update(3, 1), Err(Errno::EEXIST));
            assert_eq!(map.delete(&key(0)), Ok(()));
            assert_eq!(update(4, 1), Ok(()));
        }
    }
}

#[test]
fn what_is_removed_is_gone() {
    for map_type in BOTH {
        let map = map(map_type);
        let value = value(&*map, 7);
        assert_eq!(map.delete(&key(1)), Err(Errno::ENOENT));
        let mut out = vec![0; value.len()];
        let gone = Err(Errno::ENOENT);
        assert_eq!(map.lookup_and_delete(&key(1), &mut out, 0), gone);
        assert_eq!(map.update(&key(1), &value, 0), Ok(()));
        assert_eq!(map.lookup_and_delete(&key(1), &mut out, 0), Ok(()));
        assert_eq!(out, value);
        assert_eq!(get(&*map, &key(1)), Err(Errno::ENOENT));
        assert_eq!(map.update(&key(1), &value, 0), Ok(()));
        assert_eq!(map.program_delete(&key(1)), Ok(()));
        assert_eq!(map.program_lookup(0, &key(1)), None);
    }
}

#[test]
fn a_walk_starts_anew_from_a_key_that_is_not_there() {
    for map_type in BOTH {
        let map = map(map_type);
        let next = |from: Option<u32>| {
            let mut out = [0xaa; 4];
            let from = from.map(key);
            map.next_key(from.as_ref().map(|key| &key[..]), &mut out)
                .map(|()| u32::from_ne_bytes(out))
        };
        assert_eq!(
            (next(None), next(Some(1))),
            (Err(Errno::ENOENT), Err(Errno::ENOENT))
        );
        assert_eq!(map.update(&key(1), &value(&*map, 1), 0), Ok(()));
        assert_eq!((next(None), next(Some(9))), (Ok(1), Ok(1)));
        assert_eq!(next(Some(1)), Err(Errno::ENOENT));
        assert_eq!(map.next_key(None, &mut [0; 3]), Err(Errno::EFAULT));
    }
}

#[test]
fn short_memory_is_a_fault_and_long_memory_stays() {
    for map_type in BOTH {
        let map = map(map_type);
        let size = map.desc().user_value_size();
        let fault = Err(Errno::EFAULT);
        assert_eq!(map.update(&key(1), &value(&*map, 3), 0), Ok(()));
        assert_eq!(map.lookup(&[0; 3], &mut [0; 16], 0), fault);
        assert_eq!(map.lookup(&key(1), &mut vec![0; size - 1], 0), fault);
        assert_eq!(map.update(&[0; 3], &[0; 16], 0), fault);
        assert_eq!(map.update(&key(1), &vec![0; size - 1], 0), fault);
        assert_eq!(map.delete(&[0; 3]), fault);
        assert_eq!(map.next_key(Some(&[0; 3]), &mut [0; 4]), fault);
        assert_eq!(map.program_update(0, &key(1), &[0; 7], 0), fault);
        assert_eq!(map.program_lookup(0, &[0; 3]), None);
        let mut long = vec![0xaa; size + 3];
        assert_eq!(map.lookup(&[1, 0, 0, 0, 9], &mut long, 0), Ok(()));
        assert_eq!((long[size - 1], &long[size..]), (3, &[0xaa; 3][..]));
        let longer = [key(1), key(2)].concat();
        let value = value(&*map, 4).repeat(2);
        assert_eq!(map.update(&longer, &value, 2), Ok(()));
    }
}

#[test]
fn a_program_writes_values_in_place() {
    let map = map(MapType::HASH);
    assert_eq!(
        map.program_update(1, &key(1), &5_u64.to_ne_bytes(), 0),
        Ok(())
    );
    let place = map.program_lookup(1, &key(1)).expect("there");
    assert_eq!(place.cpu, 0);
    let added = map
        .values()
        .atomic(place, 0, Width::Eight, AtomicOp::Add, 2);
    assert_eq!(added, Ok(5));
    assert!(map.values().load(place, 1, Width::Eight).is_err());
    assert_eq!(get(&*map, &key(1)), Ok(7_u64.to_ne_bytes().to_vec()));
}

#[test]
fn an_old_pointer_keeps_the_old_value() {
    let map = map(MapType::HASH);
    let update = |value: u64| map.update(&key(1), &value.to_ne_bytes(), 0);
    assert_eq!(update(5), Ok(()));
    let old = map.program_lookup(0, &key(1)).expect("there");
    assert_eq!(update(6), Ok(()));
    let new = map.program_lookup(0, &key(1)).expect("there");
    let read = |place| map.values().load(place, 0, Width::Eight);
    assert_eq!((read(old), read(new)), (Ok(5), Ok(6)));
}

#[test]
fn each_cpu_has_its_own_value() {
    let map = map(MapType::PERCPU_HASH);
    assert_eq!(
        map.program_update(1, &key(1), &5_u64.to_ne_bytes(), 0),
        Ok(())
    );
    let both = [0_u64, 5].map(u64::to_ne_bytes).concat();
    assert_eq!(get(&*map, &key(1)), Ok(both));
    let place = |cpu| map.program_lookup(cpu, &key(1));
    assert_eq!((place(2), place(u32::MAX)), (None, None));
    let first = place(0).expect("there");
    assert_eq!(map.values().store(first, 0, Width::Eight, 4), Ok(()));
    let both = [4_u64, 5].map(u64::to_ne_bytes).concat();
    assert_eq!(get(&*map, &key(1)), Ok(both));
    assert!(map.program_update(2, &key(1), &[0; 8], 0).is_err());
}

#[test]
fn one_cpu_has_one_value_and_no_other() {
    let host = Host {
        cpus: 1,
        ..super::super::testing::host()
    };
    let cmd = super::super::testing::cmd(MapType::PERCPU_HASH, |_| ());
    let map = create::create(&cmd, &host).expect("memory");
    assert_eq!(map.update(&key(1), &[1; 8], 0), Ok(()));
    assert!(map.program_lookup(0, &key(1)).is_some());
    assert_eq!(map.program_lookup(1, &key(1)), None);
}

#[test]
fn no_value_has_an_address_or_pages() {
    for map_type in BOTH {
        let map = made(map_type, |cmd| cmd.max_entries = 1).expect("memory");
        assert_eq!(map.direct_value(0), Err(Errno::EINVAL));
        assert!(map.pages().is_none());
        assert!(map.memory() > 0);
    }
}

#[test]
fn keys_and_values_may_have_any_size() {
    for map_type in BOTH {
        for key_size in [1, 3, 4, 5, 8, 13, 16, 100, 513] {
            for value_size in [1, 5, 8, 12, 100] {
                let map = made(map_type, |cmd| {
                    cmd.key_size = key_size;
                    cmd.value_size = value_size;
                });
                let map = map.expect("memory");
                let size = map.desc().user_value_size();
                let key = vec![7; key_size as usize];
                let value: Vec<u8> = (0..size).map(|at| at as u8).collect();
                assert_eq!(map.update(&key, &value, 0), Ok(()));
                assert_eq!(get(&*map, &key), Ok(value), "{key_size} {value_size}");
                let mut first = vec![0; key_size as usize];
                assert_eq!(map.next_key(None, &mut first), Ok(()));
                assert_eq!(first, key);
            }
        }
    }
}

#[test]
fn every_place_is_a_whole_value() {
    for map_type in BOTH {
        for (key_size, value_size) in [(4, 8), (4, 100), (16, 8), (513, 1)] {
            let map = made(map_type, |cmd| {
                cmd.key_size = key_size;
                cmd.value_size = value_size;
            });
            let map = map.expect("memory");
            let layout = *map.values().layout();
            let spares = u32::from(map_type == MapType::HASH);
            assert_eq!(layout.slots, 4 + spares, "{key_size} {value_size}");
            assert!(layout.stride >= value_size as usize);
            for number in 0..4 {
                let key = vec![number as u8; key_size as usize];
                let value = vec![number as u8; value_size as usize];
                assert_eq!(map.program_update(1, &key, &value, 0), Ok(()));
                let place = map.program_lookup(1, &key).expect("there");
                assert!(place.slot < layout.slots);
                let mut read = vec![0; value_size as usize];
                assert_eq!(map.values().read(place, 0, &mut read), Ok(()));
                assert_eq!(read, value);
            }
        }
    }
}
