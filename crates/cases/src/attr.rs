//! The attribute as bytes: its length, its tail, the numbers of commands.
//!
//! Answers to: __sys_bpf and bpf_check_uarg_tail_zero in kernel/bpf/syscall.c.

use crate::raw::{DATA_AT, LEN, NOWHERE, Raw, bytes, from, to};
use crate::system::*;
use skep::abi::*;

cases![
    longer_than_a_page,
    a_tail_of_zeros,
    a_tail_that_is_not_zero,
    a_tail_that_is_not_there,
    bytes_past_the_last_field,
    a_field_cut_short_is_zero_extended,
    short_attributes,
    no_attribute,
    unknown_commands,
    an_attribute_that_is_not_there,
    padding_is_not_looked_at,
    the_tail_comes_before_the_command,
    a_fault_comes_before_the_number,
    addresses_of_keys_and_values,
    outputs_past_a_short_attribute,
    a_value_at_the_end_of_memory,
];

/// Every command whose bytes past the last field must be zero, and where that ends.
const ENDS: &[(Cmd, usize)] = &[
    (Cmd::MAP_CREATE, 92),
    (Cmd::MAP_LOOKUP_ELEM, 32),
    (Cmd::MAP_UPDATE_ELEM, 32),
    (Cmd::MAP_DELETE_ELEM, 16),
    (Cmd::MAP_GET_NEXT_KEY, 24),
    (Cmd::OBJ_PIN, 20),
    (Cmd::OBJ_GET, 20),
    (Cmd::PROG_ATTACH, 32),
    (Cmd::PROG_DETACH, 32),
    (Cmd::PROG_TEST_RUN, 76),
    (Cmd::PROG_GET_NEXT_ID, 8),
    (Cmd::MAP_GET_NEXT_ID, 8),
    (Cmd::PROG_GET_FD_BY_ID, 4),
    (Cmd::MAP_GET_FD_BY_ID, 12),
    (Cmd::OBJ_GET_INFO_BY_FD, 16),
    (Cmd::PROG_QUERY, 64),
    (Cmd::RAW_TRACEPOINT_OPEN, 24),
    (Cmd::BTF_LOAD, 40),
    (Cmd::BTF_GET_FD_BY_ID, 16),
    (Cmd::TASK_FD_QUERY, 48),
    (Cmd::MAP_LOOKUP_AND_DELETE_ELEM, 32),
    (Cmd::MAP_FREEZE, 4),
    (Cmd::BTF_GET_NEXT_ID, 8),
    (Cmd::MAP_LOOKUP_BATCH, 56),
    (Cmd::MAP_LOOKUP_AND_DELETE_BATCH, 56),
    (Cmd::MAP_UPDATE_BATCH, 56),
    (Cmd::MAP_DELETE_BATCH, 56),
    (Cmd::LINK_CREATE, 60),
    (Cmd::LINK_UPDATE, 16),
    (Cmd::LINK_GET_FD_BY_ID, 4),
    (Cmd::LINK_GET_NEXT_ID, 8),
    (Cmd::ENABLE_STATS, 4),
    (Cmd::ITER_CREATE, 8),
    (Cmd::LINK_DETACH, 4),
    (Cmd::PROG_BIND_MAP, 12),
    (Cmd::TOKEN_CREATE, 8),
    (Cmd::PROG_STREAM_READ_BY_FD, 20),
];

/// The commands on elements and ids that the engine has, with harmless fields.
fn small_create() -> AttrBytes {
    bytes(&mut crate::create::command(ARRAY))
}

fn all_commands() -> impl Iterator<Item = Cmd> {
    (0..38).map(Cmd)
}

fn longer_than_a_page(s: &System) {
    let mut raw = s.raw();
    for cmd in all_commands() {
        for size in [4097, 8192, 1 << 20, 1 << 31, u32::MAX] {
            assert_eq!(raw.call(cmd, &[], size), Err(Errno::E2BIG), "{cmd} {size}");
        }
    }
}

/// A later and longer attribute is taken if what is not known is zero.
fn a_tail_of_zeros(s: &System) {
    let mut raw = s.raw();
    for size in [92, 100, 168, 169, 172, 176, 1000, 4095, 4096] {
        let fd = raw.call(Cmd::MAP_CREATE, &small_create(), size);
        raw.close(fd.unwrap_or_else(|errno| panic!("{size}: {errno}")));
    }
}

fn a_tail_that_is_not_zero(s: &System) {
    let mut raw = s.raw();
    for cmd in all_commands() {
        for (at, size) in [
            (168, 169),
            (168, 172),
            (200, 4096),
            (4095, 4096),
            (175, 176),
        ] {
            let mut attr = vec![0; size];
            attr[at] = 1;
            let answer = raw.call(cmd, &attr, size as u32);
            assert_eq!(answer, Err(Errno::E2BIG), "{cmd} byte {at} of {size}");
        }
    }
    // Past the length nobody looks.
    let mut attr = small_create().to_vec();
    attr.extend([0xff; 100]);
    let fd = raw.call(Cmd::MAP_CREATE, &attr, 168);
    raw.close(fd.expect("a map"));
}

/// The attribute ends where memory does.
fn a_tail_that_is_not_there(s: &System) {
    let mut raw = s.raw();
    let at = LEN - ATTR_SIZE;
    raw.put(at, &small_create());
    for size in [169, 176, 4096] {
        let answer = raw.call_at(Cmd::MAP_CREATE, raw.addr(at), size);
        assert_eq!(answer, Err(Errno::EFAULT), "{size}");
    }
    let fd = raw.call_at(Cmd::MAP_CREATE, raw.addr(at), 168);
    raw.close(fd.expect("a map"));
    let at = LEN - 92;
    raw.put(at, &small_create()[..92]);
    let fd = raw.call_at(Cmd::MAP_CREATE, raw.addr(at), 92);
    raw.close(fd.expect("a map"));
    let answer = raw.call_at(Cmd::MAP_CREATE, raw.addr(at), 93);
    assert_eq!(answer, Err(Errno::EFAULT));
    // What is there and not zero is told before the end of memory is met.
    let at = LEN - 200;
    raw.put(at, &[0; 200]);
    raw.put(at + 172, &[1]);
    let answer = raw.call_at(Cmd::MAP_CREATE, raw.addr(at), 400);
    assert_eq!(answer, Err(Errno::E2BIG));
}

/// EINVAL for each byte past a command's last field, whatever the field says.
fn bytes_past_the_last_field(s: &System) {
    let mut raw = s.raw();
    for &(cmd, end) in ENDS {
        for at in [end, end + 1, (end + ATTR_SIZE) / 2, ATTR_SIZE - 1] {
            let mut attr = [0; ATTR_SIZE];
            attr[at] = 1;
            let answer = raw.call(cmd, &attr, ATTR_SIZE as u32);
            assert_eq!(answer, Err(Errno::EINVAL), "{cmd} byte {at}");
        }
    }
}

/// Cut within max_entries: its low byte is still read.
fn a_field_cut_short_is_zero_extended(s: &System) {
    let mut raw = s.raw();
    let mut attr = small_create();
    attr[12..16].copy_from_slice(&0x0102_0304u32.to_ne_bytes());
    for (size, entries) in [(13, 0x04u32), (14, 0x0304), (15, 0x02_0304)] {
        let fd = raw.call(Cmd::MAP_CREATE, &attr, size).expect("a map");
        let info = MapInfo::get(&*s.bpf, Fd(fd as i32)).expect("information");
        assert_eq!(info.max_entries, entries, "{size}");
        raw.close(fd);
    }
    // Without max_entries there are none.
    for size in [0, 4, 8, 12] {
        assert_eq!(
            raw.call(Cmd::MAP_CREATE, &attr, size),
            Err(Errno::EINVAL),
            "{size}"
        );
    }
}

fn short_attributes(s: &System) {
    let mut raw = s.raw();
    let fd = raw
        .call(Cmd::MAP_CREATE, &small_create(), 16)
        .expect("a map");
    let map = s.own(Fd(fd as i32));
    raw.put(DATA_AT, &[0; 64]);
    let mut lookup = MapLookupElem {
        map: map.fd(),
        key: from(raw.addr(DATA_AT)),
        value: to(raw.addr(DATA_AT + 16)),
        flags: 0,
    };
    let attr = bytes(&mut lookup);
    assert_eq!(raw.call(Cmd::MAP_LOOKUP_ELEM, &attr, 24), Ok(0));
    assert_eq!(raw.call(Cmd::MAP_LOOKUP_ELEM, &attr, 32), Ok(0));
    // The value's address is cut off: null.
    assert_eq!(
        raw.call(Cmd::MAP_LOOKUP_ELEM, &attr, 16),
        Err(Errno::EFAULT)
    );
    // The key's too.
    assert_eq!(raw.call(Cmd::MAP_LOOKUP_ELEM, &attr, 8), Err(Errno::EFAULT));
    assert_eq!(raw.call(Cmd::MAP_LOOKUP_ELEM, &attr, 4), Err(Errno::EFAULT));
    assert_eq!(raw.call(Cmd::MAP_FREEZE, &attr, 4), Ok(0));
}

/// Length 0 is an attribute of zeros, wherever it is.
fn no_attribute(s: &System) {
    let mut raw = s.raw();
    for addr in [0, NOWHERE, raw.addr(0), raw.end()] {
        for (cmd, errno) in [
            (Cmd::MAP_CREATE, Errno::EINVAL),
            (Cmd::PROG_LOAD, Errno::E2BIG),
            (Cmd::BTF_LOAD, Errno::EINVAL),
            (Cmd::PROG_GET_FD_BY_ID, Errno::ENOENT),
            (Cmd::MAP_GET_FD_BY_ID, Errno::ENOENT),
            (Cmd::BTF_GET_FD_BY_ID, Errno::ENOENT),
        ] {
            assert_eq!(raw.call_at(cmd, addr, 0), Err(errno), "{cmd} at {addr:#x}");
        }
    }
}

fn unknown_commands(s: &System) {
    let mut raw = s.raw();
    for number in [38, 39, 100, 1 << 16, 1 << 31, u32::MAX] {
        let cmd = Cmd(number);
        assert_eq!(raw.call(cmd, &[], 0), Err(Errno::EINVAL), "{number}");
        assert_eq!(
            raw.call(cmd, &[0; 168], 168),
            Err(Errno::EINVAL),
            "{number}"
        );
        assert_eq!(
            raw.call(cmd, &[0; 168], 5000),
            Err(Errno::E2BIG),
            "{number}"
        );
        let mut tail = [0; 200];
        tail[199] = 1;
        assert_eq!(raw.call(cmd, &tail, 200), Err(Errno::E2BIG), "{number}");
        assert_eq!(raw.call_at(cmd, NOWHERE, 8), Err(Errno::EFAULT), "{number}");
    }
}

fn an_attribute_that_is_not_there(s: &System) {
    let mut raw = s.raw();
    for cmd in all_commands() {
        for addr in [0, NOWHERE, raw.end()] {
            for size in [1, 4, 16, 168, 169, 4096] {
                let answer = raw.call_at(cmd, addr, size);
                assert_eq!(
                    answer,
                    Err(Errno::EFAULT),
                    "{cmd} {size} bytes at {addr:#x}"
                );
            }
        }
        let answer = raw.call_at(cmd, raw.end() - 4, 8);
        assert_eq!(answer, Err(Errno::EFAULT), "{cmd}");
    }
}

fn padding_is_not_looked_at(s: &System) {
    let mut raw = s.raw();
    let map = s.map(HASH);
    raw.put(DATA_AT, &[0; 64]);
    let mut delete = MapDeleteElem {
        map: map.fd(),
        key: from(raw.addr(DATA_AT)),
    };
    let mut attr = bytes(&mut delete);
    attr[4..8].fill(0xff);
    assert_eq!(
        raw.call(Cmd::MAP_DELETE_ELEM, &attr, 16),
        Err(Errno::ENOENT)
    );
    let mut attr = [0; ATTR_SIZE];
    attr[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
    attr[4..8].fill(0xff);
    assert_eq!(
        raw.call(Cmd::MAP_GET_FD_BY_ID, &attr, 12),
        Err(Errno::ENOENT)
    );
}

/// A byte past the end is told before a bad descriptor or pointer is.
fn the_tail_comes_before_the_command(s: &System) {
    let mut raw = s.raw();
    for (cmd, end) in [
        (Cmd::MAP_LOOKUP_ELEM, 32),
        (Cmd::MAP_UPDATE_ELEM, 32),
        (Cmd::MAP_DELETE_ELEM, 16),
        (Cmd::MAP_GET_NEXT_KEY, 24),
        (Cmd::MAP_LOOKUP_AND_DELETE_ELEM, 32),
        (Cmd::MAP_FREEZE, 4),
    ] {
        let mut attr = [0; ATTR_SIZE];
        attr[..4].copy_from_slice(&(-1i32).to_ne_bytes());
        assert_eq!(raw.call(cmd, &attr, 168), Err(Errno::EBADF), "{cmd}");
        attr[end] = 1;
        assert_eq!(raw.call(cmd, &attr, 168), Err(Errno::EINVAL), "{cmd}");
    }
}

fn a_fault_comes_before_the_number(s: &System) {
    let mut raw = s.raw();
    assert_eq!(raw.call_at(Cmd(1000), 0, 168), Err(Errno::EFAULT));
    assert_eq!(raw.call_at(Cmd(1000), 0, 5000), Err(Errno::E2BIG));
}

/// The element commands with addresses where no memory is.
fn addresses_of_keys_and_values(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        assert_eq!(s.update(&map, 0, &s.user_value(attr, 1), 0), Ok(()));
        let mut raw = s.raw();
        raw.put(DATA_AT, &[0; 4]);
        let good = raw.addr(DATA_AT);
        let value_at = raw.addr(DATA_AT + 64);
        for bad in [0, NOWHERE, raw.end(), raw.end() - 3] {
            let what = format!("{attr:?} at {bad:#x}");
            let key = |raw: &mut Raw, key, value| -> Vec<Result<i64>> {
                let map = map.fd();
                vec![
                    raw.command(&mut MapLookupElem {
                        map,
                        key: from(key),
                        value: to(value),
                        flags: 0,
                    }),
                    raw.command(&mut MapUpdateElem {
                        map,
                        key: from(key),
                        value: from(value),
                        flags: 0,
                    }),
                ]
            };
            assert_eq!(
                key(&mut raw, bad, value_at),
                [Err(Errno::EFAULT); 2],
                "{what}"
            );
            assert_eq!(key(&mut raw, good, bad), [Err(Errno::EFAULT); 2], "{what}");
            let delete = raw.command(&mut MapDeleteElem {
                map: map.fd(),
                key: from(bad),
            });
            assert_eq!(delete, Err(Errno::EFAULT), "{what}");
            let next = raw.command(&mut MapGetNextKey {
                map: map.fd(),
                key: from(bad),
                next_key: to(value_at),
            });
            // Null is no bad address here: it asks for the first key.
            let expected = if bad == 0 { Ok(0) } else { Err(Errno::EFAULT) };
            assert_eq!(next, expected, "{what}");
            let next = raw.command(&mut MapGetNextKey {
                map: map.fd(),
                key: from(0),
                next_key: to(bad),
            });
            assert_eq!(next, Err(Errno::EFAULT), "{what}");
        }
        assert_eq!(
            s.lookup(&map, 0, 8).is_ok(),
            s.user_value(attr, 0).len() == 8
        );
    }
}

/// The id found is written even where the attribute given is too short for it.
fn outputs_past_a_short_attribute(s: &System) {
    let _map = s.map(ARRAY);
    let mut raw = s.raw();
    assert_eq!(raw.call(Cmd::MAP_GET_NEXT_ID, &[0; 4], 4), Ok(0));
    assert_ne!(raw.get_u32(4), 0);
}

/// Values that end where memory does: not a byte more is touched.
fn a_value_at_the_end_of_memory(s: &System) {
    for attr in FOUR {
        let attr = MapAttr {
            value_size: 13,
            ..attr
        };
        let map = s.map(attr);
        let per_cpu = matches!(attr.map_type, MapType::PERCPU_HASH | MapType::PERCPU_ARRAY);
        let len = if per_cpu { 16 * s.cpus() } else { 13 };
        let mut raw = s.raw();
        let value: Vec<u8> = (0..len).map(|at| at as u8 + 1).collect();
        raw.put(LEN - len, &value);
        raw.put(DATA_AT, &[1, 0, 0, 0]);
        let (key, at) = (raw.addr(DATA_AT), raw.end() - len as u64);
        let map = map.fd();
        let update = |value| MapUpdateElem {
            map,
            key: from(key),
            value: from(value),
            flags: 0,
        };
        assert_eq!(raw.command(&mut update(at)), Ok(0), "{attr:?}");
        assert_eq!(
            raw.command(&mut update(at + 1)),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        raw.put(LEN - len, &vec![0; len]);
        let lookup = |value| MapLookupElem {
            map,
            key: from(key),
            value: to(value),
            flags: 0,
        };
        assert_eq!(raw.command(&mut lookup(at)), Ok(0), "{attr:?}");
        let seen = raw.get(LEN - len, len);
        assert_eq!(seen[..13], value[..13], "{attr:?}");
        assert_eq!(
            raw.command(&mut lookup(at + 1)),
            Err(Errno::EFAULT),
            "{attr:?}"
        );
        // A key that ends there.
        raw.put(LEN - 4, &[1, 0, 0, 0]);
        let end = raw.end();
        let value = raw.addr(DATA_AT + 64);
        let mut lookup = MapLookupElem {
            map,
            key: from(end - 4),
            value: to(value),
            flags: 0,
        };
        assert_eq!(raw.command(&mut lookup), Ok(0), "{attr:?}");
    }
}
