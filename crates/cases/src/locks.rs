//! Values that hold a `struct bpf_spin_lock`, and BPF_F_LOCK.
//!
//! Answers to: map_check_btf and copy_map_value_locked in kernel/bpf/syscall.c,
//! btf_find_spin_lock in kernel/bpf/btf.c.

use crate::btf::{Type, int, load, of_types, structure_of};
use crate::create::command;
use crate::system::*;
use skep::abi::flags::{elem, map as flag};
use skep::abi::*;

cases![
    types_that_hold_a_lock,
    maps_of_programs_rights_hold_none,
    the_lock_s_bytes_read_as_zero,
    updates_under_the_lock,
    lookups_under_the_lock,
    unknown_flags_beside_the_lock,
    taking_under_the_lock,
];

/// u32; bpf_spin_lock { u32 val }; value { u32 a; bpf_spin_lock lock; u32 b; u32 c }
fn types() -> Vec<Type> {
    vec![
        int(b"u32\0", 4, 32),
        structure_of(b"bpf_spin_lock\0", 4, &[(1, 0)]),
        structure_of(b"value\0", 16, &[(1, 0), (2, 32), (1, 64), (1, 96)]),
    ]
}

/// A map of such values.
fn locked(s: &System, attr: MapAttr) -> Result<OwnedFd> {
    let btf = load(s, &of_types(&types())).expect("a BTF");
    let attr = MapAttr {
        value_size: 16,
        ..attr
    };
    let fd = s.bpf.map_create(&mut MapCreate {
        btf_fd: btf.fd(),
        btf_key_type_id: 1,
        btf_value_type_id: 3,
        ..command(attr)
    })?;
    Ok(s.own(fd))
}

const VALUE: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/// The same without the lock's bytes.
const SHOWN: [u8; 16] = [1, 2, 3, 4, 0, 0, 0, 0, 9, 10, 11, 12, 13, 14, 15, 16];

fn lookup(s: &System, map: &OwnedFd, key: u32, flags: u64) -> Result<Vec<u8>> {
    let mut value = vec![0xdd; 16];
    s.bpf.map_lookup_elem(&mut MapLookupElem {
        map: map.fd(),
        key: UserIn::new(&key.to_ne_bytes()),
        value: UserOut::new(&mut value),
        flags,
    })?;
    Ok(value)
}

fn types_that_hold_a_lock(s: &System) {
    for attr in [HASH, ARRAY] {
        assert!(locked(s, attr).is_ok(), "{attr:?}");
    }
    for attr in [PERCPU_HASH, PERCPU_ARRAY] {
        assert_eq!(
            locked(s, attr).map(drop),
            Err(Errno::EOPNOTSUPP),
            "{attr:?}"
        );
    }
}

fn maps_of_programs_rights_hold_none(s: &System) {
    for attr in [HASH, ARRAY] {
        for map_flags in [flag::RDONLY_PROG, flag::WRONLY_PROG] {
            let answer = locked(s, MapAttr { map_flags, ..attr }).map(drop);
            assert_eq!(answer, Err(Errno::EACCES), "{attr:?} {map_flags:#x}");
        }
    }
}

fn the_lock_s_bytes_read_as_zero(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = locked(s, attr).expect("a map");
        assert_eq!(s.update(&map, 1, &VALUE, elem::ANY), Ok(()), "{attr:?}");
        assert_eq!(lookup(s, &map, 1, 0), Ok(SHOWN.to_vec()), "{attr:?}");
        assert_eq!(
            lookup(s, &map, 1, elem::LOCK),
            Ok(SHOWN.to_vec()),
            "{attr:?}"
        );
    }
}

fn updates_under_the_lock(s: &System) {
    for attr in [HASH, ARRAY] {
        let hash = attr.map_type == MapType::HASH;
        let map = locked(s, attr).expect("a map");
        for (key, flags, expected) in [
            (
                1,
                elem::LOCK | elem::EXIST,
                if hash { Err(Errno::ENOENT) } else { Ok(()) },
            ),
            (
                1,
                elem::LOCK | elem::NOEXIST,
                if hash { Ok(()) } else { Err(Errno::EEXIST) },
            ),
            (1, elem::LOCK | elem::NOEXIST, Err(Errno::EEXIST)),
            (1, elem::LOCK | elem::EXIST, Ok(())),
            (1, elem::LOCK, Ok(())),
            (2, elem::LOCK, Ok(())),
            (9, elem::LOCK, if hash { Ok(()) } else { Err(Errno::E2BIG) }),
        ] {
            let answer = s.update(&map, key, &VALUE, flags);
            assert_eq!(answer, expected, "{attr:?} key {key} flags {flags:#x}");
        }
        for key in [1, 2] {
            assert_eq!(
                lookup(s, &map, key, elem::LOCK),
                Ok(SHOWN.to_vec()),
                "{attr:?}"
            );
        }
    }
}

fn lookups_under_the_lock(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = locked(s, attr).expect("a map");
        let absent = if attr.map_type == MapType::HASH { 1 } else { 4 };
        assert_eq!(
            lookup(s, &map, absent, elem::LOCK),
            Err(Errno::ENOENT),
            "{attr:?}"
        );
        let answer = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::NULL,
            value: UserOut::default(),
            flags: elem::LOCK,
        });
        assert_eq!(answer, Err(Errno::EFAULT), "{attr:?}");
    }
}

fn unknown_flags_beside_the_lock(s: &System) {
    for attr in [HASH, ARRAY] {
        let map = locked(s, attr).expect("a map");
        for flags in [elem::LOCK | 3, elem::LOCK | 8, elem::LOCK | 1 << 40] {
            let answer = s.update(&map, 1, &VALUE, flags);
            assert_eq!(answer, Err(Errno::EINVAL), "{attr:?} {flags:#x}");
        }
        for flags in [1, 2, 3, 8, elem::LOCK | 1, elem::LOCK | 8] {
            let answer = lookup(s, &map, 1, flags);
            assert_eq!(answer, Err(Errno::EINVAL), "{attr:?} {flags:#x}");
        }
    }
}

fn taking_under_the_lock(s: &System) {
    let map = locked(s, HASH).expect("a map");
    assert_eq!(s.update(&map, 1, &VALUE, elem::LOCK), Ok(()));
    let take = || {
        let mut value = vec![0xdd; 16];
        s.bpf
            .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                map: map.fd(),
                key: UserIn::new(&1u32.to_ne_bytes()),
                value: UserOut::new(&mut value),
                flags: elem::LOCK,
            })?;
        Ok(value)
    };
    assert_eq!(take(), Ok(SHOWN.to_vec()));
    assert_eq!(take(), Err(Errno::ENOENT));
}
