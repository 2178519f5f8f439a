//! The registry and the rows of the families.

use skep_abi::flags::elem;
use skep_abi::{Errno, MapType};

use super::testing::made;
use super::*;

#[test]
fn each_family_is_found_by_its_type_alone() {
    let found: Vec<MapType> = families().map(|family| family.map_type).collect();
    let expected = [
        MapType::HASH,
        MapType::ARRAY,
        MapType::PERCPU_HASH,
        MapType::PERCPU_ARRAY,
    ];
    assert_eq!(found, expected);
    for family in families() {
        let again = family_of(family.map_type).map(|family| family.map_type);
        assert_eq!(again, Some(family.map_type));
    }
    assert!(family_of(MapType::UNSPEC).is_none());
    assert!(family_of(MapType(u32::MAX)).is_none());
}

/// What the operation answers on an element that is there.
fn answer(map: &dyn Map, op: Op) -> Option<Result<()>> {
    let key = 0_u32.to_ne_bytes();
    let mut value = vec![0; map.desc().user_value_size()];
    Some(match op {
        Op::Lookup => map.lookup(&key, &mut value, elem::ANY),
        Op::Update => map.update(&key, &value, elem::ANY),
        Op::Delete => map.delete(&key),
        Op::NextKey => map.next_key(None, &mut [0; 4]),
        Op::LookupAndDelete => map.lookup_and_delete(&key, &mut value, elem::ANY),
        Op::DirectValue => map.direct_value(0).map(|_| ()),
        _ => return None,
    })
}

#[test]
fn maps_do_what_their_rows_say() {
    for family in families() {
        for &op in Op::ALL {
            let map = made(family.map_type, |cmd| cmd.max_entries = 1).expect("memory");
            let value = vec![0; map.desc().user_value_size()];
            let there = map.update(&0_u32.to_ne_bytes(), &value, elem::ANY);
            assert_eq!(there, Ok(()));
            let Some(found) = answer(&*map, op) else {
                continue;
            };
            let expected = match family.operations.support(op) {
                Support::Yes => Ok(()),
                Support::Refused(errno) | Support::Missing(errno) => Err(errno),
            };
            assert_eq!(found, expected, "{} {}", family.map_type, op.name());
        }
    }
}

#[test]
fn what_linux_lacks_is_refused_as_there() {
    let row = |map_type| family_of(map_type).map(|family| family.operations);
    for map_type in [MapType::ARRAY, MapType::PERCPU_ARRAY] {
        let row = row(map_type).expect("there");
        for op in [
            Op::LookupAndDelete,
            Op::LookupAndDeleteBatch,
            Op::DeleteBatch,
        ] {
            assert_eq!(row.support(op), Support::Refused(Errno::ENOTSUPP));
        }
        assert_eq!(row.support(Op::Delete), Support::Refused(Errno::EINVAL));
    }
}

#[test]
fn flags_are_judged_before_descriptor_and_key() {
    for flags in [0, elem::LOCK] {
        assert_eq!(Desc::check_read_flags(flags), Ok(()));
    }
    for flags in [1, 2, 3, 5, 8, 1 << 63] {
        assert_eq!(Desc::check_read_flags(flags), Err(Errno::EINVAL));
    }
    let map = made(MapType::ARRAY, |_| ()).expect("memory");
    for flags in [0, 1, 2, 3, 8] {
        assert_eq!(map.desc().check_lock(flags), Ok(()));
    }
    for flags in [elem::LOCK, elem::LOCK | elem::EXIST] {
        assert_eq!(map.desc().check_lock(flags), Err(Errno::EINVAL));
    }
}
