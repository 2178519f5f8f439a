//! The element commands: the order of their checks, rights, freezing, and the resolved map.

mod common;

use common::*;
use skep_abi::flags::{elem, map as flag};
use skep_abi::*;
use skep_engine::Engine;

const TYPES: [MapType; 4] = [
    MapType::HASH,
    MapType::PERCPU_HASH,
    MapType::ARRAY,
    MapType::PERCPU_ARRAY,
];

/// A lookup with everything to choose, null pointers included.
fn lookup_raw(engine: &Engine, map: Fd, key: Option<&[u8]>, room: usize, flags: u64) -> Result<()> {
    let mut value = vec![0; room];
    engine.map_lookup_elem(&mut MapLookupElem {
        map,
        key: UserIn::from(key),
        value: UserOut::new(&mut value),
        flags,
    })
}

#[test]
fn a_lookup_checks_flags_descriptor_rights_lock_key_element_value() {
    let engine = Engine::new();
    let absent = Fd(99);
    let key = [1, 0, 0, 0];
    for map_type in [MapType::HASH, MapType::ARRAY] {
        let fd = with_flags(&engine, map_type, flag::WRONLY);
        let look = |map, key, room, flags| lookup_raw(&engine, map, key, room, flags).err();
        assert_eq!(look(absent, None, 0, elem::EXIST), Some(Errno::EINVAL));
        assert_eq!(look(absent, None, 0, elem::LOCK), Some(Errno::EBADF));
        assert_eq!(look(fd, None, 0, elem::LOCK), Some(Errno::EPERM));
        let fd = new_map(&engine, map_type);
        assert_eq!(look(fd, None, 0, elem::LOCK), Some(Errno::EINVAL));
        assert_eq!(look(fd, None, 0, 0), Some(Errno::EFAULT));
        assert_eq!(look(fd, Some(&key[..3]), 8, 0), Some(Errno::EFAULT));
        assert_eq!(look(fd, Some(&[9, 0, 0, 0]), 0, 0), Some(Errno::ENOENT));
        update(&engine, fd, 1, 5).unwrap();
        assert_eq!(look(fd, Some(&key), 7, 0), Some(Errno::EFAULT));
        assert_eq!(look(fd, Some(&key), 8, 0), None);
        assert_eq!(look(fd, Some(&[1, 0, 0, 0, 9]), 100, 0), None);
    }
}

#[test]
fn an_update_checks_descriptor_rights_lock_key_value_flags() {
    let engine = Engine::new();
    let update = |map, key: Option<&[u8]>, value: Option<&[u8]>, flags| {
        let mut cmd = MapUpdateElem {
            map,
            key: UserIn::from(key),
            value: UserIn::from(value),
            flags,
        };
        engine.map_update_elem(&mut cmd).err()
    };
    let (key, value) = ([1, 0, 0, 0], [7; 8]);
    for map_type in [MapType::HASH, MapType::ARRAY] {
        let reader = with_flags(&engine, map_type, flag::RDONLY);
        assert_eq!(update(Fd(99), None, None, 77), Some(Errno::EBADF));
        assert_eq!(update(reader, None, None, 77), Some(Errno::EPERM));
        let fd = new_map(&engine, map_type);
        assert_eq!(update(fd, None, None, elem::LOCK), Some(Errno::EINVAL));
        assert_eq!(update(fd, None, Some(&value), 3), Some(Errno::EFAULT));
        assert_eq!(update(fd, Some(&key), None, 3), Some(Errno::EFAULT));
        assert_eq!(
            update(fd, Some(&key), Some(&value[..7]), 3),
            Some(Errno::EFAULT)
        );
        assert_eq!(update(fd, Some(&key), Some(&value), 3), Some(Errno::EINVAL));
        assert_eq!(update(fd, Some(&key), Some(&value), 0), None);
    }
}

#[test]
fn a_value_that_cannot_be_copied_out_is_deleted_all_the_same() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::HASH);
    update(&engine, fd, 1, 5).unwrap();
    let mut cmd = MapLookupAndDeleteElem {
        map: fd,
        key: UserIn::new(&[1, 0, 0, 0]),
        value: UserOut::null(),
        flags: 0,
    };
    assert_eq!(
        engine.map_lookup_and_delete_elem(&mut cmd),
        Err(Errno::EFAULT)
    );
    assert_eq!(lookup(&engine, fd, 1), Err(Errno::ENOENT));
    cmd.flags = elem::NOEXIST;
    cmd.map = Fd(99);
    assert_eq!(
        engine.map_lookup_and_delete_elem(&mut cmd),
        Err(Errno::EINVAL)
    );
    cmd.flags = elem::LOCK;
    assert_eq!(
        engine.map_lookup_and_delete_elem(&mut cmd),
        Err(Errno::EBADF)
    );
}

#[test]
fn the_next_key_needs_room_only_if_there_is_one() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::HASH);
    let mut cmd = MapGetNextKey {
        map: fd,
        ..MapGetNextKey::default()
    };
    assert_eq!(engine.map_get_next_key(&mut cmd), Err(Errno::ENOENT));
    update(&engine, fd, 1, 5).unwrap();
    assert_eq!(engine.map_get_next_key(&mut cmd), Err(Errno::EFAULT));
    cmd.key = UserIn::new(&[1, 0]);
    assert_eq!(engine.map_get_next_key(&mut cmd), Err(Errno::EFAULT));
    assert_eq!(next_key(&engine, fd, None), Ok(1));
    assert_eq!(next_key(&engine, fd, Some(1)), Err(Errno::ENOENT));
}

#[test]
fn rights_are_the_descriptors() {
    let engine = Engine::new();
    let eperm = Some(Errno::EPERM);
    for map_type in [MapType::HASH, MapType::ARRAY] {
        let reader = with_flags(&engine, map_type, flag::RDONLY);
        assert_eq!(update(&engine, reader, 0, 1).err(), eperm);
        assert_eq!(delete(&engine, reader, 0).err(), eperm);
        assert_eq!(take(&engine, reader, 0).err(), eperm);
        assert_eq!(freeze(&engine, reader).err(), eperm);
        assert_ne!(lookup(&engine, reader, 0).err(), eperm);
        assert_ne!(next_key(&engine, reader, None).err(), eperm);
        let writer = with_flags(&engine, map_type, flag::WRONLY);
        assert_eq!(lookup(&engine, writer, 0).err(), eperm);
        assert_eq!(next_key(&engine, writer, None).err(), eperm);
        assert_eq!(take(&engine, writer, 0).err(), eperm);
        assert_eq!(update(&engine, writer, 0, 1), Ok(()));
        assert_eq!(freeze(&engine, writer), Ok(()));
        assert_eq!(update(&engine, writer, 0, 1).err(), eperm);
    }
}

#[test]
fn a_frozen_map_is_read_and_not_written() {
    let engine = Engine::new();
    for map_type in [MapType::HASH, MapType::ARRAY] {
        for flags in [0, flag::RDONLY_PROG] {
            let fd = with_flags(&engine, map_type, flags);
            update(&engine, fd, 1, 5).unwrap();
            freeze(&engine, fd).unwrap();
            assert_eq!(freeze(&engine, fd), Err(Errno::EPERM));
            assert_eq!(update(&engine, fd, 1, 6), Err(Errno::EPERM));
            assert_eq!(delete(&engine, fd, 1), Err(Errno::EPERM));
            assert_eq!(take(&engine, fd, 1), Err(Errno::EPERM));
            assert_eq!(lookup(&engine, fd, 1), Ok(5));
            assert!(next_key(&engine, fd, None).is_ok());
            let again = map_by_id(&engine, map_id(&engine, fd), 0).unwrap();
            assert_eq!(update(&engine, again, 1, 6), Err(Errno::EPERM));
        }
    }
}

#[test]
fn a_resolved_map_answers_as_its_commands_do() {
    let engine = Engine::builder().cpus(3).build();
    for map_type in TYPES {
        let fd = new_map(&engine, map_type);
        let map = engine.resolve(fd).unwrap();
        let size = map.shape().user_value_size;
        let per_cpu = matches!(map_type, MapType::PERCPU_HASH | MapType::PERCPU_ARRAY);
        assert_eq!(size, if per_cpu { 24 } else { 8 });
        let (key, value) = ([1, 0, 0, 0], vec![3; size]);
        let mut room = vec![0; size];
        assert_eq!(map.update(&key[..3], &value, 0), Err(Errno::EFAULT));
        assert_eq!(map.update(&key, &value[1..], 0), Err(Errno::EFAULT));
        assert_eq!(map.update(&key, &value, elem::LOCK), Err(Errno::EINVAL));
        assert_eq!(map.update(&key, &value, 0), Ok(()));
        assert_eq!(map.lookup(&key, &mut room, 0), Ok(()));
        assert_eq!(room, value);
        assert_eq!(map.lookup(&key, &mut room[1..], 0), Err(Errno::EFAULT));
        assert_eq!(map.lookup(&[9, 0, 0, 0], &mut [], 0), Err(Errno::ENOENT));
        assert_eq!(map.lookup(&key, &mut room, elem::EXIST), Err(Errno::EINVAL));
        let mut next = [0; 4];
        assert_eq!(map.next_key(None, &mut next[..3]), Err(Errno::EFAULT));
        assert_eq!(map.next_key(Some(&key[..1]), &mut next), Err(Errno::EFAULT));
        assert_eq!(map.next_key(None, &mut next), Ok(()));
        assert_eq!(next_key(&engine, fd, None), Ok(u32::from_ne_bytes(next)));
        let hash = matches!(map_type, MapType::HASH | MapType::PERCPU_HASH);
        let gone = map.lookup_and_delete(&key, &mut room, 0);
        let deleted = map.delete(&key);
        if hash {
            assert_eq!((gone, deleted), (Ok(()), Err(Errno::ENOENT)));
        } else {
            assert_eq!((gone, deleted), (Err(Errno::ENOTSUPP), Err(Errno::EINVAL)));
        }
        freeze(&engine, fd).unwrap();
        assert_eq!(map.update(&key, &value, 0), Err(Errno::EPERM));
        assert_eq!(map.delete(&key), Err(Errno::EPERM));
    }
    let writer = with_flags(&engine, MapType::ARRAY, flag::WRONLY);
    let map = engine.resolve(writer).unwrap();
    assert_eq!(map.lookup(&[0; 4], &mut [0; 8], 0), Err(Errno::EPERM));
    assert_eq!(map.update(&[0; 4], &[0; 8], 0), Ok(()));
}
