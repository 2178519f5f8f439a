//! Buffers that are shorter or longer than a key or a value, from Rust.
//!
//! Answers to: copy_from_user and copy_to_user at the end of memory.

use crate::system::*;
use skep::abi::*;

cases![
    a_short_key_is_efault,
    a_short_value_is_efault,
    a_short_next_key_is_efault,
    null_is_efault_where_something_is_needed,
    longer_buffers_are_not_touched_past_the_end,
    faults_come_after_the_descriptor_and_before_the_answer,
    a_short_value_still_removes,
    a_short_array_key_is_efault_before_the_type_is_asked,
    resolved_maps_answer_alike,
    short_slices_of_a_resolved_map_are_noticed_in_order,
];

fn key() -> [u8; 4] {
    1u32.to_ne_bytes()
}

fn with_element(s: &System, attr: MapAttr) -> OwnedFd {
    let map = s.map(attr);
    assert_eq!(s.update(&map, 1, &s.user_value(attr, 5), 0), Ok(()));
    map
}

fn a_short_key_is_efault(s: &System) {
    for attr in FOUR {
        let map = with_element(s, attr);
        let mut value = s.user_value(attr, 0);
        for len in 0..4 {
            let short = &key()[..len];
            let what = format!("{attr:?} key of {len}");
            let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
                map: map.fd(),
                key: UserIn::new(short),
                value: UserOut::new(&mut value),
                flags: 0,
            });
            assert_eq!(lookup, Err(Errno::EFAULT), "{what}");
            let update = s.bpf.map_update_elem(&mut MapUpdateElem {
                map: map.fd(),
                key: UserIn::new(short),
                value: UserIn::new(&value),
                flags: 0,
            });
            assert_eq!(update, Err(Errno::EFAULT), "{what}");
            let delete = s.bpf.map_delete_elem(&mut MapDeleteElem {
                map: map.fd(),
                key: UserIn::new(short),
            });
            assert_eq!(delete, Err(Errno::EFAULT), "{what}");
            let mut next = [0; 4];
            let next = s.bpf.map_get_next_key(&mut MapGetNextKey {
                map: map.fd(),
                key: UserIn::new(short),
                next_key: UserOut::new(&mut next),
            });
            assert_eq!(next, Err(Errno::EFAULT), "{what}");
            let take = s
                .bpf
                .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                    map: map.fd(),
                    key: UserIn::new(short),
                    value: UserOut::new(&mut value),
                    flags: 0,
                });
            assert_eq!(take, Err(Errno::EFAULT), "{what}");
        }
    }
}

fn a_short_value_is_efault(s: &System) {
    for attr in FOUR {
        let map = with_element(s, attr);
        let whole = s.user_value(attr, 5);
        for len in [0, 1, 7, whole.len() - 1] {
            let what = format!("{attr:?} value of {len}");
            assert_eq!(s.lookup(&map, 1, len), Err(Errno::EFAULT), "{what}");
            assert_eq!(
                s.update(&map, 1, &whole[..len], 0),
                Err(Errno::EFAULT),
                "{what}"
            );
        }
        assert_eq!(s.lookup(&map, 1, whole.len()), Ok(whole), "{attr:?}");
    }
}

fn a_short_next_key_is_efault(s: &System) {
    for attr in FOUR {
        let map = with_element(s, attr);
        for len in 0..4 {
            let mut short = vec![0; len];
            let answer = s.bpf.map_get_next_key(&mut MapGetNextKey {
                map: map.fd(),
                key: UserIn::NULL,
                next_key: UserOut::new(&mut short),
            });
            assert_eq!(answer, Err(Errno::EFAULT), "{attr:?} next key of {len}");
        }
    }
}

fn null_is_efault_where_something_is_needed(s: &System) {
    for attr in FOUR {
        let map = with_element(s, attr);
        let mut value = s.user_value(attr, 0);
        let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            value: UserOut::new(&mut value),
            ..Default::default()
        });
        assert_eq!(lookup, Err(Errno::EFAULT), "{attr:?}");
        let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&key()),
            ..Default::default()
        });
        assert_eq!(lookup, Err(Errno::EFAULT), "{attr:?}");
        let update = s.bpf.map_update_elem(&mut MapUpdateElem {
            map: map.fd(),
            key: UserIn::new(&key()),
            ..Default::default()
        });
        assert_eq!(update, Err(Errno::EFAULT), "{attr:?}");
        let delete = s.bpf.map_delete_elem(&mut MapDeleteElem {
            map: map.fd(),
            ..Default::default()
        });
        assert_eq!(delete, Err(Errno::EFAULT), "{attr:?}");
        let next = s.bpf.map_get_next_key(&mut MapGetNextKey {
            map: map.fd(),
            ..Default::default()
        });
        assert_eq!(next, Err(Errno::EFAULT), "{attr:?}");
    }
}

fn longer_buffers_are_not_touched_past_the_end(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let long_key = [1, 0, 0, 0, 9, 9, 9, 9];
        let mut long = s.user_value(attr, 5);
        let len = long.len();
        long.extend([0xee; 24]);
        let update = s.bpf.map_update_elem(&mut MapUpdateElem {
            map: map.fd(),
            key: UserIn::new(&long_key),
            value: UserIn::new(&long),
            flags: 0,
        });
        assert_eq!(update, Ok(()), "{attr:?}");
        let mut seen = vec![0xdd; len + 24];
        let lookup = s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: map.fd(),
            key: UserIn::new(&long_key),
            value: UserOut::new(&mut seen),
            flags: 0,
        });
        assert_eq!(lookup, Ok(()), "{attr:?}");
        assert_eq!(seen[..len], long[..len], "{attr:?}");
        assert!(
            seen[len..].iter().all(|&byte| byte == 0xdd),
            "{attr:?}: {seen:x?}"
        );
        let mut next = [0xdd; 9];
        let answer = s.bpf.map_get_next_key(&mut MapGetNextKey {
            map: map.fd(),
            key: UserIn::NULL,
            next_key: UserOut::new(&mut next),
        });
        assert_eq!(answer, Ok(()), "{attr:?}");
        assert_eq!(next[4..], [0xdd; 5], "{attr:?}");
    }
}

fn faults_come_after_the_descriptor_and_before_the_answer(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let none: [u8; 0] = [];
        let lookup = |fd, flags| {
            s.bpf.map_lookup_elem(&mut MapLookupElem {
                map: fd,
                key: UserIn::new(&none),
                value: UserOut::new(&mut []),
                flags,
            })
        };
        assert_eq!(lookup(Fd(-1), 0), Err(Errno::EBADF), "{attr:?}");
        assert_eq!(lookup(Fd(-1), 8), Err(Errno::EINVAL), "{attr:?}");
        assert_eq!(lookup(map.fd(), 0), Err(Errno::EFAULT), "{attr:?}");
        // An absent element is noticed before the value's buffer is.
        assert_eq!(s.lookup(&map, 77, 0), Err(Errno::ENOENT), "{attr:?}");
    }
}

/// The element is gone before the value is copied out.
fn a_short_value_still_removes(s: &System) {
    for attr in [HASH, PERCPU_HASH] {
        let map = with_element(s, attr);
        let len = s.user_value(attr, 0).len();
        assert_eq!(
            crate::elements::take(s, &map, 1, 3),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        assert_eq!(s.lookup(&map, 1, len), Err(Errno::ENOENT), "{attr:?}");
    }
}

fn a_short_array_key_is_efault_before_the_type_is_asked(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        let map = s.map(attr);
        let delete = s.bpf.map_delete_elem(&mut MapDeleteElem {
            map: map.fd(),
            key: UserIn::new(&[0; 3]),
        });
        assert_eq!(delete, Err(Errno::EFAULT), "{attr:?}");
        let take = s
            .bpf
            .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                map: map.fd(),
                key: UserIn::new(&[0; 3]),
                value: UserOut::new(&mut []),
                flags: 0,
            });
        assert_eq!(take, Err(Errno::EFAULT), "{attr:?}");
    }
}

/// `resolve` gives the same map: measures, values, errors.
fn resolved_maps_answer_alike(s: &System) {
    for attr in FOUR {
        let fd = s.map(attr);
        let map = s.bpf.resolve(fd.fd()).expect("the map");
        let value = s.user_value(attr, 5);
        let shape = map.shape();
        assert_eq!(shape.map_type, attr.map_type);
        assert_eq!(
            (shape.key_size, shape.value_size),
            (attr.key_size, attr.value_size)
        );
        assert_eq!(
            (shape.max_entries, shape.map_flags),
            (attr.max_entries, attr.map_flags)
        );
        assert_eq!(shape.user_value_size, value.len());
        assert_eq!(map.update(&key(), &value, 0), Ok(()), "{attr:?}");
        assert_eq!(
            map.update(&key(), &value, 1),
            Err(Errno::EEXIST),
            "{attr:?}"
        );
        assert_eq!(
            map.update(&key(), &value, 8),
            Err(Errno::EINVAL),
            "{attr:?}"
        );
        assert_eq!(
            map.update(&key()[..3], &value, 0),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        assert_eq!(
            map.update(&key(), &value[1..], 0),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        let mut seen = vec![0xdd; value.len() + 1];
        assert_eq!(map.lookup(&key(), &mut seen, 0), Ok(()), "{attr:?}");
        assert_eq!(seen[..value.len()], value, "{attr:?}");
        assert_eq!(seen[value.len()], 0xdd, "{attr:?}");
        assert_eq!(
            map.lookup(&key(), &mut seen, 1),
            Err(Errno::EINVAL),
            "{attr:?}"
        );
        assert_eq!(
            map.lookup(&key(), &mut [], 0),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        let mut next = [0; 4];
        assert_eq!(map.next_key(None, &mut next), Ok(()), "{attr:?}");
        assert_eq!(
            map.next_key(Some(&[0; 2]), &mut next),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        rest_answers_alike(&*map, attr, &mut seen);
        // It lives on without its descriptor.
        drop(fd);
        assert_eq!(map.update(&key(), &value, 0), Ok(()), "{attr:?}");
    }
}

fn rest_answers_alike(map: &dyn MapOps, attr: MapAttr, seen: &mut [u8]) {
    let hash = crate::elements::is_hash(attr);
    let deleted = if hash { Ok(()) } else { Err(Errno::EINVAL) };
    assert_eq!(map.delete(&key()), deleted, "{attr:?}");
    let taken = if hash { Errno::ENOENT } else { Errno::ENOTSUPP };
    assert_eq!(
        map.lookup_and_delete(&key(), seen, 0),
        Err(taken),
        "{attr:?}"
    );
}

/// What a command looks at before a slice answers before the slice does.
fn short_slices_of_a_resolved_map_are_noticed_in_order(s: &System) {
    for attr in [HASH, PERCPU_HASH] {
        let fd = s.map(attr);
        let map = s.bpf.resolve(fd.fd()).expect("the map");
        let value = s.user_value(attr, 5);
        let mut short = value[1..].to_vec();
        let absent = Err(Errno::ENOENT);
        let fault = Err(Errno::EFAULT);
        assert_eq!(map.lookup(&key(), &mut short, 1), Err(Errno::EINVAL));
        assert_eq!(map.lookup(&key(), &mut short, 0), absent);
        assert_eq!(map.lookup_and_delete(&key(), &mut short, 0), absent);
        assert_eq!(map.next_key(None, &mut [0; 3]), absent);
        assert_eq!(map.update(&key(), &value, 0), Ok(()));
        assert_eq!(map.lookup(&key(), &mut short, 0), fault);
        assert_eq!(map.lookup(&key()[1..], &mut value.clone(), 0), fault);
        assert_eq!(map.update(&key(), &short, 0), fault);
        assert_eq!(map.delete(&key()[1..]), fault);
        assert_eq!(map.next_key(None, &mut [0; 3]), fault);
        assert_eq!(map.next_key(Some(&[]), &mut [0; 4]), fault);
        // The element goes even if there is no room for its value.
        assert_eq!(map.lookup_and_delete(&key(), &mut short, 0), fault);
        assert_eq!(map.delete(&key()), absent);
    }
}
