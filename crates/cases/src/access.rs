//! Who may read and write a map: descriptors' rights, and frozen maps.
//!
//! Answers to: map_get_sys_perms and map_freeze in kernel/bpf/syscall.c.

use crate::elements::take;
use crate::system::*;
use skep::abi::flags::map as flag;
use skep::abi::*;

cases![
    a_read_only_descriptor_does_not_write,
    a_write_only_descriptor_does_not_read,
    a_frozen_map_is_not_written,
    a_map_is_frozen_once,
    freezing_needs_a_descriptor_that_writes,
    rights_come_before_pointers_and_flags,
    another_descriptor_has_rights_of_its_own,
    rights_of_programs_do_not_bind_user_space,
    a_descriptor_opened_read_only,
    a_frozen_map_is_frozen_for_all_its_descriptors,
];

fn with_flags(s: &System, attr: MapAttr, map_flags: u32) -> OwnedFd {
    s.map(MapAttr { map_flags, ..attr })
}

pub fn freeze(s: &System, map: &OwnedFd) -> Result<()> {
    s.bpf.map_freeze(&mut MapFreeze { map: map.fd() })
}

/// Another descriptor of the map, with these rights.
pub fn reopen(s: &System, map: &OwnedFd, open_flags: u32) -> Result<OwnedFd> {
    let id = MapInfo::get(&*s.bpf, map.fd())?.id;
    let fd = s
        .bpf
        .map_get_fd_by_id(&mut MapGetFdById { id, open_flags })?;
    Ok(s.own(fd))
}

fn a_read_only_descriptor_does_not_write(s: &System) {
    for attr in FOUR {
        let map = with_flags(s, attr, flag::RDONLY);
        let value = s.user_value(attr, 1);
        assert_eq!(s.update(&map, 1, &value, 0), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(s.delete(&map, 1), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(take(s, &map, 1, value.len()), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(freeze(s, &map), Err(Errno::EPERM), "{attr:?}");
        let there = if crate::elements::is_hash(attr) {
            Err(Errno::ENOENT)
        } else {
            Ok(s.user_value(attr, 0))
        };
        assert_eq!(s.lookup(&map, 1, value.len()), there, "{attr:?}");
        let first = if crate::elements::is_hash(attr) {
            Err(Errno::ENOENT)
        } else {
            Ok(0)
        };
        assert_eq!(s.next_key(&map, None), first, "{attr:?}");
    }
}

fn a_write_only_descriptor_does_not_read(s: &System) {
    for attr in FOUR {
        let map = with_flags(s, attr, flag::WRONLY);
        let value = s.user_value(attr, 1);
        assert_eq!(s.update(&map, 1, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(
            s.lookup(&map, 1, value.len()),
            Err(Errno::EPERM),
            "{attr:?}"
        );
        assert_eq!(s.next_key(&map, None), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(s.next_key(&map, Some(1)), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(take(s, &map, 1, value.len()), Err(Errno::EPERM), "{attr:?}");
        let deleted = if crate::elements::is_hash(attr) {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        };
        assert_eq!(s.delete(&map, 1), deleted, "{attr:?}");
        assert_eq!(freeze(s, &map), Ok(()), "{attr:?}");
    }
}

fn a_frozen_map_is_not_written(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let value = s.user_value(attr, 1);
        assert_eq!(s.update(&map, 1, &value, 0), Ok(()));
        assert_eq!(freeze(s, &map), Ok(()), "{attr:?}");
        assert_eq!(s.update(&map, 1, &value, 0), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(s.update(&map, 2, &value, 1), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(s.delete(&map, 1), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(take(s, &map, 1, value.len()), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(s.lookup(&map, 1, value.len()), Ok(value), "{attr:?}");
        assert!(s.next_key(&map, None).is_ok(), "{attr:?}");
    }
}

fn a_map_is_frozen_once(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(freeze(s, &map), Ok(()), "{attr:?}");
        assert_eq!(freeze(s, &map), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(freeze(s, &map), Err(Errno::EPERM), "{attr:?}");
    }
}

fn freezing_needs_a_descriptor_that_writes(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let reader = reopen(s, &map, flag::RDONLY).expect("a reader");
        assert_eq!(freeze(s, &reader), Err(Errno::EPERM), "{attr:?}");
        assert_eq!(
            s.update(&map, 1, &s.user_value(attr, 1), 0),
            Ok(()),
            "{attr:?}"
        );
        assert_eq!(freeze(s, &map), Ok(()), "{attr:?}");
    }
}

/// A null key, a null value and unknown flags: EPERM all the same.
fn rights_come_before_pointers_and_flags(s: &System) {
    for attr in FOUR {
        let map = with_flags(s, attr, flag::RDONLY);
        let update = s.bpf.map_update_elem(&mut MapUpdateElem {
            map: map.fd(),
            flags: 0xf0,
            ..Default::default()
        });
        assert_eq!(update, Err(Errno::EPERM), "{attr:?}");
        let delete = s.bpf.map_delete_elem(&mut MapDeleteElem {
            map: map.fd(),
            ..Default::default()
        });
        assert_eq!(delete, Err(Errno::EPERM), "{attr:?}");
        let take = s
            .bpf
            .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                map: map.fd(),
                ..Default::default()
            });
        assert_eq!(take, Err(Errno::EPERM), "{attr:?}");
        let map = with_flags(s, attr, flag::WRONLY);
        let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            ..Default::default()
        });
        assert_eq!(lookup, Err(Errno::EPERM), "{attr:?}");
        let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            flags: 4,
            ..Default::default()
        });
        assert_eq!(lookup, Err(Errno::EPERM), "{attr:?}");
        let next = s.bpf.map_get_next_key(&mut MapGetNextKey {
            map: map.fd(),
            ..Default::default()
        });
        assert_eq!(next, Err(Errno::EPERM), "{attr:?}");
    }
}

fn another_descriptor_has_rights_of_its_own(s: &System) {
    for attr in FOUR {
        let reader = with_flags(s, attr, flag::RDONLY);
        let both = reopen(s, &reader, 0).expect("a descriptor");
        let value = s.user_value(attr, 6);
        assert_eq!(s.update(&both, 2, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(
            s.lookup(&reader, 2, value.len()),
            Ok(value.clone()),
            "{attr:?}"
        );
        assert_eq!(
            s.update(&reader, 2, &value, 0),
            Err(Errno::EPERM),
            "{attr:?}"
        );
    }
}

fn rights_of_programs_do_not_bind_user_space(s: &System) {
    for attr in FOUR {
        for map_flags in [flag::RDONLY_PROG, flag::WRONLY_PROG] {
            let map = with_flags(s, attr, map_flags);
            let value = s.user_value(attr, 1);
            assert_eq!(
                s.update(&map, 1, &value, 0),
                Ok(()),
                "{attr:?} {map_flags:#x}"
            );
            assert_eq!(
                s.lookup(&map, 1, value.len()),
                Ok(value),
                "{attr:?} {map_flags:#x}"
            );
        }
    }
}

fn a_descriptor_opened_read_only(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let value = s.user_value(attr, 1);
        let reader = reopen(s, &map, flag::RDONLY).expect("a reader");
        let writer = reopen(s, &map, flag::WRONLY).expect("a writer");
        assert_eq!(
            s.update(&reader, 1, &value, 0),
            Err(Errno::EPERM),
            "{attr:?}"
        );
        assert_eq!(s.update(&writer, 1, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(
            s.lookup(&reader, 1, value.len()),
            Ok(value.clone()),
            "{attr:?}"
        );
        assert_eq!(
            s.lookup(&writer, 1, value.len()),
            Err(Errno::EPERM),
            "{attr:?}"
        );
        let both = reopen(s, &map, flag::RDONLY | flag::WRONLY).map(drop);
        assert_eq!(both, Err(Errno::EINVAL), "{attr:?}");
        for bit in (0..32).filter(|bit| ![3, 4].contains(bit)) {
            let answer = reopen(s, &map, 1 << bit).map(drop);
            assert_eq!(answer, Err(Errno::EINVAL), "{attr:?} bit {bit}");
        }
    }
}

fn a_frozen_map_is_frozen_for_all_its_descriptors(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let other = reopen(s, &map, 0).expect("a descriptor");
        assert_eq!(freeze(s, &map), Ok(()), "{attr:?}");
        let value = s.user_value(attr, 1);
        assert_eq!(
            s.update(&other, 1, &value, 0),
            Err(Errno::EPERM),
            "{attr:?}"
        );
        assert_eq!(freeze(s, &other), Err(Errno::EPERM), "{attr:?}");
    }
}
