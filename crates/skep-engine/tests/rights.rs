//! EPERM and ENOMEM: who may do what, and how much memory there is.

mod common;

use common::*;
use skep_abi::flags::map as flag;
use skep_abi::*;
use skep_engine::{Capabilities, Credential, Engine, Unprivileged};

/// The same engine for somebody with these capabilities.
fn with(engine: &Engine, capabilities: Capabilities, unprivileged: Unprivileged) -> Engine {
    engine.with_credential(Credential {
        capabilities,
        uid: 1000,
        unprivileged,
    })
}

const TYPES: [MapType; 4] = [
    MapType::HASH,
    MapType::PERCPU_HASH,
    MapType::ARRAY,
    MapType::PERCPU_ARRAY,
];

#[test]
fn maps_need_cap_bpf_unless_they_are_open_to_all() {
    let engine = Engine::new();
    let answer = |engine: &Engine, map_type| engine.map_create(&mut spec(map_type)).map(drop);
    let others = Capabilities::NET_ADMIN | Capabilities::PERFMON;
    for map_type in TYPES {
        for closed in [Unprivileged::Forbidden, Unprivileged::Disabled] {
            let nobody = with(&engine, others, closed);
            assert_eq!(answer(&nobody, map_type), Err(Errno::EPERM));
            for capability in [Capabilities::BPF, Capabilities::SYS_ADMIN] {
                let user = with(&engine, capability, closed);
                assert_eq!(answer(&user, map_type), Ok(()));
            }
        }
        let anybody = with(&engine, Capabilities::NONE, Unprivileged::Allowed);
        assert_eq!(answer(&anybody, map_type), Ok(()));
    }
}

#[test]
fn attributes_are_judged_before_rights_and_names_after() {
    let engine = Engine::new();
    let nobody = with(&engine, Capabilities::NONE, Unprivileged::Disabled);
    let answer = |edit: fn(&mut MapCreate<'_>)| {
        let mut cmd = spec(MapType::HASH);
        edit(&mut cmd);
        nobody.map_create(&mut cmd).err()
    };
    assert_eq!(answer(|cmd| cmd.key_size = 0), Some(Errno::EINVAL));
    assert_eq!(
        answer(|cmd| cmd.map_type = MapType(99)),
        Some(Errno::EINVAL)
    );
    assert_eq!(answer(|cmd| cmd.value_size = 5 << 20), Some(Errno::E2BIG));
    assert_eq!(answer(|cmd| cmd.map_ifindex = 1), Some(Errno::EPERM));
    assert_eq!(
        answer(|cmd| cmd.map_name = Name::from_bytes([1; 16])),
        Some(Errno::EPERM)
    );
    let token = |cmd: &mut MapCreate<'_>| {
        cmd.map_flags = flag::TOKEN_FD;
        cmd.map_token_fd = Fd(99);
    };
    assert_eq!(answer(token), Some(Errno::EBADF));
    let bpf = with(&engine, Capabilities::BPF, Unprivileged::Disabled);
    let mut zero_seed = MapCreate {
        map_flags: flag::ZERO_SEED,
        ..spec(MapType::HASH)
    };
    assert_eq!(bpf.map_create(&mut zero_seed), Err(Errno::EPERM));
    assert!(engine.map_create(&mut zero_seed).is_ok());
}

#[test]
fn types_need_cap_bpf_always() {
    let engine = Engine::new();
    for unprivileged in [Unprivileged::Allowed, Unprivileged::Disabled] {
        let nobody = with(&engine, Capabilities::NONE, unprivileged);
        assert_eq!(load_btf(&nobody, &int_btf()), Err(Errno::EPERM));
        assert_eq!(load_btf(&nobody, &[]), Err(Errno::EPERM));
        let mut flags = BtfLoad {
            btf_flags: 1,
            ..BtfLoad::default()
        };
        assert_eq!(nobody.btf_load(&mut flags), Err(Errno::EINVAL));
        let bpf = with(&engine, Capabilities::BPF, unprivileged);
        assert!(load_btf(&bpf, &int_btf()).is_ok());
    }
}

#[test]
fn whoever_has_a_descriptor_may_use_it() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::HASH);
    let nobody = with(&engine, Capabilities::NONE, Unprivileged::Forbidden);
    assert_eq!(update(&nobody, fd, 1, 2), Ok(()));
    assert_eq!(lookup(&nobody, fd, 1), Ok(2));
    assert_eq!(next_key(&nobody, fd, None), Ok(1));
    assert!(MapInfo::get(&nobody, fd).is_ok());
    assert_eq!(take(&nobody, fd, 1), Ok(2));
    assert_eq!(freeze(&nobody, fd), Ok(()));
}

#[test]
fn memory_is_limited_and_comes_back() {
    let engine = Engine::builder().memory_limit(1 << 20).build();
    let mut large = MapCreate {
        max_entries: 200_000,
        ..spec(MapType::ARRAY)
    };
    assert_eq!(engine.map_create(&mut large), Err(Errno::ENOMEM));
    assert_eq!(
        (engine.memory_used(), next_map_id(&engine, 0)),
        (0, Err(Errno::ENOENT))
    );
    large.max_entries = 100_000;
    let first = engine.map_create(&mut large).unwrap();
    let used = engine.memory_used();
    assert!((800_000..1 << 20).contains(&used), "{used}");
    assert_eq!(engine.map_create(&mut large), Err(Errno::ENOMEM));
    // A map that is refused late takes nothing.
    let mut bad = MapCreate {
        map_name: Name::from_bytes([b'-'; 16]),
        ..spec(MapType::HASH)
    };
    assert_eq!(engine.map_create(&mut bad), Err(Errno::EINVAL));
    assert_eq!(engine.memory_used(), used);
    update(&engine, first, 1, 1).unwrap();
    engine.close(first).unwrap();
    assert_eq!(engine.memory_used(), 0);
    assert!(engine.map_create(&mut large).is_ok());
}

#[test]
fn every_type_is_charged() {
    let engine = Engine::new();
    for map_type in TYPES {
        let before = engine.memory_used();
        let fd = new_map(&engine, map_type);
        assert!(engine.memory_used() >= before + 4 * 8);
        engine.close(fd).unwrap();
        assert_eq!(engine.memory_used(), before);
    }
    let btf = load_btf(&engine, &int_btf()).unwrap();
    assert_eq!(engine.memory_used(), int_btf().len() as u64);
    engine.close(btf).unwrap();
    assert_eq!(engine.memory_used(), 0);
}
