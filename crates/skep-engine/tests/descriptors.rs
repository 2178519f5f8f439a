//! Descriptors: which number, which errno for which wrong one, and what lives how long.

mod common;

use std::sync::{Arc, mpsc};

use common::*;
use skep_abi::*;
use skep_engine::Engine;

#[test]
fn a_new_descriptor_takes_the_lowest_free_number() {
    let engine = Engine::new();
    let fds: Vec<i32> = (0..4).map(|_| new_map(&engine, MapType::ARRAY).0).collect();
    assert_eq!(fds, [3, 4, 5, 6]);
    engine.close(Fd(5)).unwrap();
    engine.close(Fd(4)).unwrap();
    assert_eq!(load_btf(&engine, &int_btf()), Ok(Fd(4)));
    assert_eq!(new_map(&engine, MapType::HASH), Fd(5));
    assert_eq!(new_map(&engine, MapType::HASH), Fd(7));
}

#[test]
fn a_descriptor_that_is_not_open_is_ebadf() {
    let engine = Engine::new();
    let closed = new_map(&engine, MapType::ARRAY);
    engine.close(closed).unwrap();
    for fd in [
        closed,
        Fd(0),
        Fd(2),
        Fd(-1),
        Fd(900),
        Fd(i32::MAX),
        Fd(i32::MIN),
    ] {
        let bad = Some(Errno::EBADF);
        assert_eq!(engine.close(fd).err(), bad, "{fd:?}");
        assert_eq!(engine.resolve(fd).err(), bad);
        assert_eq!(lookup(&engine, fd, 0).err(), bad);
        assert_eq!(update(&engine, fd, 0, 0).err(), bad);
        assert_eq!(delete(&engine, fd, 0).err(), bad);
        assert_eq!(take(&engine, fd, 0).err(), bad);
        assert_eq!(next_key(&engine, fd, None).err(), bad);
        assert_eq!(freeze(&engine, fd).err(), bad);
        let mut batch = MapUpdateBatch {
            map: fd,
            ..MapUpdateBatch::default()
        };
        assert_eq!(engine.map_update_batch(&mut batch).err(), bad);
        let mut typed = MapCreate {
            btf_fd: fd,
            btf_key_type_id: 1,
            btf_value_type_id: 1,
            ..spec(MapType::ARRAY)
        };
        assert_eq!(engine.map_create(&mut typed).err(), bad);
        assert_eq!(MapInfo::get(&engine, fd).err(), Some(Errno::EBADFD));
    }
}

#[test]
fn a_descriptor_of_something_else_is_einval() {
    let engine = Engine::new();
    let btf = load_btf(&engine, &int_btf()).unwrap();
    let map = new_map(&engine, MapType::ARRAY);
    let wrong = Some(Errno::EINVAL);
    assert_eq!(engine.resolve(btf).err(), wrong);
    assert_eq!(lookup(&engine, btf, 0).err(), wrong);
    assert_eq!(update(&engine, btf, 0, 0).err(), wrong);
    assert_eq!(delete(&engine, btf, 0).err(), wrong);
    assert_eq!(take(&engine, btf, 0).err(), wrong);
    assert_eq!(next_key(&engine, btf, None).err(), wrong);
    assert_eq!(freeze(&engine, btf).err(), wrong);
    let mut typed = MapCreate {
        btf_fd: map,
        btf_key_type_id: 1,
        btf_value_type_id: 1,
        ..spec(MapType::ARRAY)
    };
    assert_eq!(engine.map_create(&mut typed).err(), wrong);
}

#[test]
fn there_are_no_more_descriptors_than_allowed() {
    let engine = Engine::builder().descriptors(2).build();
    new_map(&engine, MapType::ARRAY);
    let second = new_map(&engine, MapType::ARRAY);
    let mut third = spec(MapType::ARRAY);
    assert_eq!(engine.map_create(&mut third), Err(Errno::EMFILE));
    assert_eq!(
        next_map_id(&engine, 2),
        Err(Errno::ENOENT),
        "its id is gone"
    );
    engine.close(second).unwrap();
    assert_eq!(engine.map_create(&mut third), Ok(second));
}

#[test]
fn a_closed_number_leads_to_the_next_object_at_once() {
    let engine = Engine::new();
    let first = new_map(&engine, MapType::ARRAY);
    update(&engine, first, 0, 1).unwrap();
    assert_eq!(lookup(&engine, first, 0), Ok(1));
    engine.close(first).unwrap();
    assert_eq!(lookup(&engine, first, 0), Err(Errno::EBADF));
    let second = new_map(&engine, MapType::ARRAY);
    assert_eq!((first, lookup(&engine, second, 0)), (second, Ok(0)));
}

#[test]
fn descriptors_of_one_number_in_two_engines_are_two() {
    let (one, two) = (Engine::new(), Engine::new());
    let fd = new_map(&one, MapType::ARRAY);
    assert_eq!(new_map(&two, MapType::ARRAY), fd);
    update(&one, fd, 0, 1).unwrap();
    update(&two, fd, 0, 2).unwrap();
    for _ in 0..3 {
        assert_eq!(lookup(&one, fd, 0), Ok(1));
        assert_eq!(lookup(&two, fd, 0), Ok(2));
    }
    two.close(fd).unwrap();
    assert_eq!(lookup(&one, fd, 0), Ok(1));
    assert_eq!(lookup(&two, fd, 0), Err(Errno::EBADF));
}

#[test]
fn more_descriptors_than_a_thread_caches_are_told_apart() {
    let engine = Engine::new();
    let fds: Vec<Fd> = (0..50).map(|_| new_map(&engine, MapType::ARRAY)).collect();
    for round in 0..3u64 {
        for (index, &fd) in fds.iter().enumerate() {
            let value = round * 100 + index as u64;
            update(&engine, fd, 1, value).unwrap();
        }
        for (index, &fd) in fds.iter().enumerate() {
            assert_eq!(lookup(&engine, fd, 1), Ok(round * 100 + index as u64));
        }
    }
}

#[test]
fn another_threads_close_is_seen() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::ARRAY);
    assert_eq!(lookup(&engine, fd, 0), Ok(0));
    let other = engine.clone();
    std::thread::spawn(move || other.close(fd).unwrap())
        .join()
        .unwrap();
    assert_eq!(lookup(&engine, fd, 0), Err(Errno::EBADF));
}

#[test]
fn a_thread_that_sits_idle_keeps_no_id_and_no_charge() {
    let engine = Engine::new();
    let btf = load_btf(&engine, &int_btf()).unwrap();
    let mut typed = MapCreate {
        value_size: 4,
        btf_fd: btf,
        btf_key_type_id: 1,
        btf_value_type_id: 1,
        ..spec(MapType::ARRAY)
    };
    let fd = engine.map_create(&mut typed).unwrap();
    engine.close(btf).unwrap();
    let (cached, is_cached) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let idle = engine.clone();
        scope.spawn(move || {
            cached.send(next_key(&idle, fd, None)).unwrap();
            // Until the other end is dropped.
            let _ = ends.recv();
        });
        let end = end;
        assert_eq!(is_cached.recv(), Ok(Ok(0)));
        engine.close(fd).unwrap();
        let gone = Err(Errno::ENOENT);
        assert_eq!(next_map_id(&engine, 0), gone);
        let btf = engine.btf_get_next_id(&mut BtfGetNextId::default());
        assert_eq!(btf, gone.map(drop));
        assert_eq!(engine.memory_used(), 0);
        drop(end);
    });
}

#[test]
fn threads_may_use_open_and_close_at_once() {
    let engine = Engine::new();
    let stable = new_map(&engine, MapType::HASH);
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let engine = engine.clone();
            scope.spawn(move || {
                for round in 0..500u64 {
                    let own = new_map(&engine, MapType::ARRAY);
                    update(&engine, own, 0, round + 1).unwrap();
                    update(&engine, stable, thread, round).unwrap();
                    assert_eq!(lookup(&engine, own, 0), Ok(round + 1));
                    assert_eq!(lookup(&engine, stable, thread), Ok(round));
                    engine.close(own).unwrap();
                }
            });
        }
    });
    assert_eq!(next_map_id(&engine, 1), Err(Errno::ENOENT), "all are gone");
}

#[test]
fn a_resolved_map_outlives_its_descriptor() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::HASH);
    let map = engine.resolve(fd).unwrap();
    engine.close(fd).unwrap();
    map.update(&[1, 0, 0, 0], &[7; 8], 0).unwrap();
    let mut value = [0; 8];
    map.lookup(&[1, 0, 0, 0], &mut value, 0).unwrap();
    assert_eq!(value, [7; 8]);
    assert_eq!(next_map_id(&engine, 0), Ok(1), "it is a use of the map");
    drop(map);
    assert_eq!(next_map_id(&engine, 0), Err(Errno::ENOENT));
}

#[test]
fn an_owned_descriptor_closes_itself() {
    let engine = Arc::new(Engine::new());
    let fd = new_map(&engine, MapType::ARRAY);
    let guard = OwnedFd::new(engine.clone(), fd);
    assert_eq!(lookup(&engine, guard.fd(), 0), Ok(0));
    drop(guard);
    assert_eq!(lookup(&engine, fd, 0), Err(Errno::EBADF));
}
