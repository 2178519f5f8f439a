//! Ids: how they are given, walked, opened, and when they go.

mod common;

use common::*;
use skep_abi::flags::map as flag;
use skep_abi::*;
use skep_engine::{Capabilities, Credential, Engine};

#[test]
fn ids_ascend_and_are_walked_in_order() {
    let engine = Engine::new();
    let fds: Vec<Fd> = (0..3).map(|_| new_map(&engine, MapType::ARRAY)).collect();
    let ids: Vec<u32> = fds.iter().map(|&fd| map_id(&engine, fd)).collect();
    assert_eq!(ids, [1, 2, 3]);
    engine.close(fds[1]).unwrap();
    assert_eq!(map_id(&engine, new_map(&engine, MapType::HASH)), 4);
    let walk = |start| next_map_id(&engine, start);
    assert_eq!([walk(0), walk(1), walk(3)], [Ok(1), Ok(3), Ok(4)]);
    assert_eq!(walk(4), Err(Errno::ENOENT));
    assert_eq!(walk(0x7fff_fffe), Err(Errno::ENOENT));
    assert_eq!(walk(0x7fff_ffff), Err(Errno::EINVAL));
    assert_eq!(walk(u32::MAX), Err(Errno::EINVAL));
}

#[test]
fn each_kind_has_ids_of_its_own() {
    let engine = Engine::new();
    new_map(&engine, MapType::ARRAY);
    let btf = load_btf(&engine, &int_btf()).unwrap();
    assert_eq!(BtfInfo::get(&engine, btf).unwrap().id, 1);
    let mut next = BtfGetNextId::default();
    engine.btf_get_next_id(&mut next).unwrap();
    assert_eq!(next.next_id, 1);
    let none = Err(Errno::ENOENT);
    assert_eq!(engine.prog_get_next_id(&mut ProgGetNextId::default()), none);
    assert_eq!(engine.link_get_next_id(&mut LinkGetNextId::default()), none);
    let mut link = LinkGetFdById { id: 1 };
    assert_eq!(engine.link_get_fd_by_id(&mut link), Err(Errno::ENOENT));
    let mut prog = ProgGetFdById { id: 1 };
    assert_eq!(engine.prog_get_fd_by_id(&mut prog), Err(Errno::ENOENT));
}

#[test]
fn an_id_opens_the_same_object_with_the_rights_asked_for() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::ARRAY);
    update(&engine, fd, 0, 5).unwrap();
    let both = map_by_id(&engine, 1, 0).unwrap();
    assert_eq!(lookup(&engine, both, 0), Ok(5));
    let reader = map_by_id(&engine, 1, flag::RDONLY).unwrap();
    assert_eq!(lookup(&engine, reader, 0), Ok(5));
    assert_eq!(update(&engine, reader, 0, 6), Err(Errno::EPERM));
    let writer = map_by_id(&engine, 1, flag::WRONLY).unwrap();
    assert_eq!(lookup(&engine, writer, 0), Err(Errno::EPERM));
    assert_eq!(update(&engine, writer, 0, 6), Ok(()));
    for fd in [fd, reader, writer] {
        engine.close(fd).unwrap();
    }
    assert_eq!(lookup(&engine, both, 0), Ok(6));
    engine.close(both).unwrap();
    assert_eq!(map_by_id(&engine, 1, 0), Err(Errno::ENOENT));
}

#[test]
fn open_flags_are_judged_before_rights_and_rights_before_the_id() {
    let engine = Engine::new();
    let nobody = engine.with_credential(Credential {
        capabilities: Capabilities::BPF | Capabilities::NET_ADMIN | Capabilities::PERFMON,
        ..Credential::ROOT
    });
    new_map(&engine, MapType::ARRAY);
    let both = flag::RDONLY | flag::WRONLY;
    for flags in [both, 1, flag::NO_COMMON_LRU, flag::TOKEN_FD, flag::PATH_FD] {
        assert_eq!(map_by_id(&nobody, 1, flags), Err(Errno::EINVAL));
        assert_eq!(map_by_id(&engine, 1, flags), Err(Errno::EINVAL));
    }
    let btf = |engine: &Engine, open_flags, token_fd| {
        engine.btf_get_fd_by_id(&mut BtfGetFdById {
            id: 9,
            open_flags,
            token_fd,
        })
    };
    assert_eq!(btf(&nobody, 1, Fd(0)), Err(Errno::EINVAL));
    assert_eq!(btf(&engine, flag::TOKEN_FD, Fd(3)), Err(Errno::EINVAL));
    assert_eq!(btf(&engine, flag::TOKEN_FD, Fd(77)), Err(Errno::EBADF));
    assert_eq!(btf(&engine, 0, Fd(77)), Err(Errno::ENOENT));
    assert_eq!(btf(&nobody, 0, Fd(0)), Err(Errno::EPERM));
    for id in [0, 1, 2, u32::MAX] {
        assert_eq!(map_by_id(&nobody, id, 0), Err(Errno::EPERM));
    }
    for id in [0, 2, u32::MAX] {
        assert_eq!(map_by_id(&engine, id, 0), Err(Errno::ENOENT));
    }
    assert_eq!(next_map_id(&nobody, 0), Err(Errno::EPERM));
    assert_eq!(next_map_id(&nobody, u32::MAX), Err(Errno::EINVAL));
}

#[test]
fn a_btf_lives_as_long_as_a_map_uses_it() {
    let engine = Engine::new();
    let btf = load_btf(&engine, &int_btf()).unwrap();
    let mut typed = MapCreate {
        value_size: 4,
        btf_fd: btf,
        btf_key_type_id: 1,
        btf_value_type_id: 1,
        ..spec(MapType::HASH)
    };
    let map = engine.map_create(&mut typed).unwrap();
    engine.close(btf).unwrap();
    let info = MapInfo::get(&engine, map).unwrap();
    let types = (info.btf_key_type_id, info.btf_value_type_id);
    assert_eq!((info.btf_id, types), (1, (1, 1)));
    let mut by_id = BtfGetFdById {
        id: 1,
        ..BtfGetFdById::default()
    };
    let again = engine.btf_get_fd_by_id(&mut by_id).unwrap();
    engine.close(again).unwrap();
    engine.close(map).unwrap();
    assert_eq!(engine.btf_get_fd_by_id(&mut by_id), Err(Errno::ENOENT));
}
