//! Creation: flags, sizes, limits, names, and which refusal comes first.
//!
//! Answers to: map_create in kernel/bpf/syscall.c, htab_map_alloc_check,
//! array_map_alloc_check.

use crate::system::*;
use skep::abi::flags::map as flag;
use skep::abi::*;

cases![
    every_flag_bit_alone,
    pairs_of_flags,
    numa_nodes,
    key_sizes,
    value_sizes,
    entries,
    sums_of_key_and_value,
    too_much_memory,
    unknown_types,
    names_that_are_taken,
    names_that_are_refused,
    fields_that_must_be_zero,
    fields_nobody_looks_at,
    tokens,
    exclusive_programs,
    devices,
    order_of_refusals,
    information_tells_what_was_asked,
    a_name_ends_at_its_nul,
];

/// The command that makes this map.
pub fn command(attr: MapAttr) -> MapCreate<'static> {
    MapCreate {
        map_type: attr.map_type,
        key_size: attr.key_size,
        value_size: attr.value_size,
        max_entries: attr.max_entries,
        map_flags: attr.map_flags,
        ..Default::default()
    }
}

/// What the command answers; a map that it makes is closed again.
pub fn create(s: &System, mut cmd: MapCreate<'_>) -> Result<()> {
    s.bpf.map_create(&mut cmd).map(|fd| drop(s.own(fd)))
}

fn is_percpu(attr: MapAttr) -> bool {
    matches!(attr.map_type, MapType::PERCPU_HASH | MapType::PERCPU_ARRAY)
}

/// The bits that are taken alone, by type. A per-CPU map has no NUMA node to name,
/// and TOKEN_FD asks for descriptor 0 to be a token.
fn accepted(attr: MapAttr) -> &'static [u32] {
    match attr.map_type {
        MapType::HASH => &[
            flag::NO_PREALLOC,
            flag::NUMA_NODE,
            flag::RDONLY,
            flag::WRONLY,
            flag::ZERO_SEED,
            flag::RDONLY_PROG,
            flag::WRONLY_PROG,
        ],
        MapType::PERCPU_HASH => &[
            flag::NO_PREALLOC,
            flag::RDONLY,
            flag::WRONLY,
            flag::ZERO_SEED,
            flag::RDONLY_PROG,
            flag::WRONLY_PROG,
        ],
        MapType::ARRAY => &[
            flag::NUMA_NODE,
            flag::RDONLY,
            flag::WRONLY,
            flag::RDONLY_PROG,
            flag::WRONLY_PROG,
            flag::MMAPABLE,
            flag::INNER_MAP,
        ],
        _ => &[
            flag::RDONLY,
            flag::WRONLY,
            flag::RDONLY_PROG,
            flag::WRONLY_PROG,
        ],
    }
}

fn every_flag_bit_alone(s: &System) {
    for attr in FOUR {
        for bit in 0..32 {
            let map_flags = 1 << bit;
            let expected = if accepted(attr).contains(&map_flags) {
                Ok(())
            } else {
                Err(Errno::EINVAL)
            };
            let cmd = command(MapAttr { map_flags, ..attr });
            // Descriptor -1: with TOKEN_FD the errno is that of the descriptor.
            let expected = if map_flags == flag::TOKEN_FD {
                Err(Errno::EBADF)
            } else {
                expected
            };
            let cmd = MapCreate {
                map_token_fd: Fd(-1),
                ..cmd
            };
            assert_eq!(create(s, cmd), expected, "{attr:?} flags {map_flags:#x}");
        }
    }
}

fn pairs_of_flags(s: &System) {
    for attr in FOUR {
        let bits = accepted(attr);
        for &one in bits {
            for &other in bits {
                let both = one | other;
                let clash = both == flag::RDONLY | flag::WRONLY
                    || both == flag::RDONLY_PROG | flag::WRONLY_PROG;
                let expected = if clash { Err(Errno::EINVAL) } else { Ok(()) };
                let cmd = command(MapAttr {
                    map_flags: both,
                    ..attr
                });
                assert_eq!(create(s, cmd), expected, "{attr:?} flags {both:#x}");
            }
            let cmd = command(MapAttr {
                map_flags: one | 1 << 30,
                ..attr
            });
            assert_eq!(
                create(s, cmd),
                Err(Errno::EINVAL),
                "{attr:?} flags {one:#x}"
            );
        }
    }
}

fn numa_nodes(s: &System) {
    for attr in FOUR {
        let node = |map_flags, numa_node| {
            create(
                s,
                MapCreate {
                    numa_node,
                    ..command(MapAttr { map_flags, ..attr })
                },
            )
        };
        let none = u32::MAX;
        assert_eq!(node(flag::NUMA_NODE, none), Ok(()), "{attr:?}");
        let zero = if is_percpu(attr) {
            Err(Errno::EINVAL)
        } else {
            Ok(())
        };
        assert_eq!(node(flag::NUMA_NODE, 0), zero, "{attr:?}");
        for wrong in [1 << 20, i32::MAX as u32, 1 << 31, none - 1] {
            assert_eq!(
                node(flag::NUMA_NODE, wrong),
                Err(Errno::EINVAL),
                "{attr:?} {wrong}"
            );
            assert_eq!(node(0, wrong), Ok(()), "{attr:?} {wrong}");
        }
    }
}

fn key_sizes(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        for key_size in [0, 1, 2, 3, 5, 8, u32::MAX] {
            let cmd = command(MapAttr { key_size, ..attr });
            assert_eq!(create(s, cmd), Err(Errno::EINVAL), "{attr:?} {key_size}");
        }
    }
    for attr in [HASH, PERCPU_HASH] {
        let answer = create(
            s,
            command(MapAttr {
                key_size: 0,
                ..attr
            }),
        );
        assert_eq!(answer, Err(Errno::EINVAL), "{attr:?}");
        for key_size in [1, 3, 4, 8, 511, 512, 513, 4096, 100_000] {
            let cmd = command(MapAttr { key_size, ..attr });
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {key_size}");
        }
        for key_size in [1 << 22, 1 << 31, u32::MAX] {
            let cmd = command(MapAttr { key_size, ..attr });
            assert_eq!(create(s, cmd), Err(Errno::E2BIG), "{attr:?} {key_size}");
        }
    }
}

fn value_sizes(s: &System) {
    for attr in FOUR {
        let answer = create(
            s,
            command(MapAttr {
                value_size: 0,
                ..attr
            }),
        );
        assert_eq!(answer, Err(Errno::EINVAL), "{attr:?}");
        let limit = if is_percpu(attr) { 32768 } else { 1 << 20 };
        for value_size in [1, 2, 7, 8, 9, 4096, 32768, limit] {
            let cmd = command(MapAttr { value_size, ..attr });
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {value_size}");
        }
        if is_percpu(attr) {
            for value_size in [32769, 1 << 20, u32::MAX] {
                let cmd = command(MapAttr { value_size, ..attr });
                assert_eq!(create(s, cmd), Err(Errno::E2BIG), "{attr:?} {value_size}");
            }
        }
        for value_size in [1 << 31, u32::MAX] {
            let cmd = command(MapAttr { value_size, ..attr });
            assert_eq!(create(s, cmd), Err(Errno::E2BIG), "{attr:?} {value_size}");
        }
    }
}

fn entries(s: &System) {
    for attr in FOUR {
        let answer = create(
            s,
            command(MapAttr {
                max_entries: 0,
                ..attr
            }),
        );
        assert_eq!(answer, Err(Errno::EINVAL), "{attr:?}");
        for max_entries in [1, 2, 3, 1000, 65537] {
            let cmd = command(MapAttr {
                max_entries,
                ..attr
            });
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {max_entries}");
        }
    }
    for attr in [HASH, PERCPU_HASH] {
        for max_entries in [(1 << 27) + 1, 1 << 30, 1 << 31, u32::MAX] {
            for map_flags in [0, flag::NO_PREALLOC] {
                let cmd = command(MapAttr {
                    max_entries,
                    map_flags,
                    ..attr
                });
                assert_eq!(create(s, cmd), Err(Errno::E2BIG), "{attr:?} {max_entries}");
            }
        }
    }
}

/// A hash's key and value together stay below four megabytes less a few words.
fn sums_of_key_and_value(s: &System) {
    const LIMIT: u32 = (4 << 20) - 48;
    for key_size in [1, 4, 1000, LIMIT - 9] {
        for (value_size, expected) in [
            (LIMIT - key_size - 1, Ok(())),
            (LIMIT - key_size, Err(Errno::E2BIG)),
            (LIMIT, Err(Errno::E2BIG)),
        ] {
            let map_flags = flag::NO_PREALLOC;
            let cmd = command(MapAttr {
                key_size,
                value_size,
                map_flags,
                ..HASH
            });
            assert_eq!(
                create(s, cmd),
                expected,
                "key {key_size} value {value_size}"
            );
        }
    }
    // What would overflow is refused too.
    let cmd = command(MapAttr {
        key_size: u32::MAX,
        value_size: u32::MAX,
        ..HASH
    });
    assert_eq!(create(s, cmd), Err(Errno::E2BIG));
}

fn too_much_memory(s: &System) {
    let array = MapAttr {
        max_entries: u32::MAX,
        value_size: 4096,
        ..ARRAY
    };
    assert_eq!(create(s, command(array)), Err(Errno::ENOMEM));
    let array = MapAttr {
        max_entries: u32::MAX,
        value_size: i32::MAX as u32,
        ..ARRAY
    };
    assert_eq!(create(s, command(array)), Err(Errno::ENOMEM));
    let hash = MapAttr {
        max_entries: 1 << 22,
        value_size: 1 << 20,
        ..HASH
    };
    assert_eq!(create(s, command(hash)), Err(Errno::ENOMEM));
}

fn unknown_types(s: &System) {
    for number in [0, 34, 35, 100, 1 << 31, u32::MAX] {
        let cmd = command(MapAttr {
            map_type: MapType(number),
            ..HASH
        });
        assert_eq!(create(s, cmd), Err(Errno::EINVAL), "type {number}");
    }
}

fn named(attr: MapAttr, bytes: &[u8]) -> MapCreate<'static> {
    let mut name = [0; Name::LEN];
    name[..bytes.len()].copy_from_slice(bytes);
    MapCreate {
        map_name: Name::from_bytes(name),
        ..command(attr)
    }
}

fn names_that_are_taken(s: &System) {
    for attr in FOUR {
        for name in [
            &b""[..],
            b"a",
            b"_",
            b".",
            b"0",
            b"Map.with_all_15",
            b".rodata",
            b"a\0b",
            b"\0\xff",
            b"abc\0-*/",
        ] {
            assert_eq!(create(s, named(attr, name)), Ok(()), "{attr:?} {name:?}");
        }
    }
}

fn names_that_are_refused(s: &System) {
    for attr in FOUR {
        for name in [
            &b"sixteen_letters_"[..],
            b"a b",
            b"a-b",
            b"a/b",
            b"\n",
            b"abc*",
        ] {
            assert_eq!(
                create(s, named(attr, name)),
                Err(Errno::EINVAL),
                "{attr:?} {name:?}"
            );
        }
        for byte in 1..=255u8 {
            // Letters are Latin-1's.
            let letter = byte >= 0xc0 && ![0xd7, 0xf7].contains(&byte);
            let fine = byte.is_ascii_alphanumeric() || letter || b"_.".contains(&byte);
            let expected = if fine { Ok(()) } else { Err(Errno::EINVAL) };
            assert_eq!(
                create(s, named(attr, &[b'x', byte])),
                expected,
                "{attr:?} {byte:#x}"
            );
        }
    }
}

fn fields_that_must_be_zero(s: &System) {
    for attr in FOUR {
        for value in [1, 7, u32::MAX] {
            let cmd = MapCreate {
                map_extra: u64::from(value),
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Err(Errno::EINVAL), "{attr:?} {value}");
            let cmd = MapCreate {
                btf_vmlinux_value_type_id: value,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Err(Errno::EINVAL), "{attr:?} {value}");
        }
        let cmd = MapCreate {
            map_extra: 1 << 32,
            ..command(attr)
        };
        assert_eq!(create(s, cmd), Err(Errno::EINVAL), "{attr:?}");
    }
}

fn fields_nobody_looks_at(s: &System) {
    for attr in FOUR {
        for fd in [Fd(-1), Fd(0), Fd(1 << 30)] {
            let cmd = MapCreate {
                inner_map_fd: fd,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {fd}");
            let cmd = MapCreate {
                map_token_fd: fd,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {fd}");
            let cmd = MapCreate {
                value_type_btf_obj_fd: fd,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {fd}");
            let cmd = MapCreate {
                btf_fd: fd,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Ok(()), "{attr:?} {fd}");
        }
    }
}

fn tokens(s: &System) {
    for attr in FOUR {
        let with = |fd| MapCreate {
            map_token_fd: fd,
            ..command(MapAttr {
                map_flags: flag::TOKEN_FD,
                ..attr
            })
        };
        assert_eq!(create(s, with(Fd(-1))), Err(Errno::EBADF), "{attr:?}");
        assert_eq!(create(s, with(Fd(1 << 30))), Err(Errno::EBADF), "{attr:?}");
        let map = s.map(attr);
        assert_eq!(create(s, with(map.fd())), Err(Errno::EINVAL), "{attr:?}");
    }
}

fn exclusive_programs(s: &System) {
    for attr in FOUR {
        let hash = [7; 64];
        for (size, expected) in [
            (0, Err(Errno::EINVAL)),
            (1, Err(Errno::EINVAL)),
            (31, Err(Errno::EINVAL)),
            (32, Ok(())),
            (33, Err(Errno::EINVAL)),
            (64, Err(Errno::EINVAL)),
        ] {
            let cmd = MapCreate {
                excl_prog_hash: UserIn::new(&hash),
                excl_prog_hash_size: size,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), expected, "{attr:?} {size}");
        }
        for size in [1, 32] {
            let cmd = MapCreate {
                excl_prog_hash_size: size,
                ..command(attr)
            };
            assert_eq!(create(s, cmd), Err(Errno::EINVAL), "{attr:?} {size}");
        }
        let cmd = MapCreate {
            excl_prog_hash: UserIn::new(&hash[..31]),
            excl_prog_hash_size: 32,
            ..command(attr)
        };
        assert_eq!(create(s, cmd), Err(Errno::EFAULT), "{attr:?}");
    }
}

fn devices(s: &System) {
    for attr in FOUR {
        for ifindex in [1 << 30, u32::MAX] {
            let cmd = MapCreate {
                map_ifindex: ifindex,
                ..command(attr)
            };
            assert_eq!(
                create(s, cmd),
                Err(Errno::EINVAL),
                "{attr:?} device {ifindex}"
            );
        }
    }
}

/// Two things wrong at once, and the one that is told.
fn order_of_refusals(s: &System) {
    for attr in FOUR {
        // The family's check comes before the name, the descriptor, the hash.
        let bad_name = |attr| MapCreate {
            map_name: Name::from_bytes([b'x'; 16]),
            btf_fd: Fd(-1),
            btf_value_type_id: 1,
            btf_key_type_id: 1,
            ..command(attr)
        };
        let large = MapAttr {
            value_size: u32::MAX,
            ..attr
        };
        assert_eq!(create(s, bad_name(large)), Err(Errno::E2BIG), "{attr:?}");
        // The name before the BTF.
        assert_eq!(create(s, bad_name(attr)), Err(Errno::EINVAL), "{attr:?}");
        let bad_btf = MapCreate {
            btf_fd: Fd(-1),
            btf_key_type_id: 1,
            btf_value_type_id: 1,
            excl_prog_hash_size: 5,
            ..command(attr)
        };
        assert_eq!(create(s, bad_btf), Err(Errno::EBADF), "{attr:?}");
        // A key's type without a value's before all of these.
        let key_only = MapCreate {
            btf_fd: Fd(-1),
            btf_key_type_id: 1,
            ..command(large)
        };
        assert_eq!(create(s, key_only), Err(Errno::EINVAL), "{attr:?}");
        // Zero sizes before large ones.
        let zero = MapAttr {
            max_entries: 0,
            ..large
        };
        assert_eq!(create(s, command(zero)), Err(Errno::EINVAL), "{attr:?}");
        // The token before the name.
        let token = MapCreate {
            map_token_fd: Fd(-1),
            map_name: Name::from_bytes([b'x'; 16]),
            ..command(MapAttr {
                map_flags: flag::TOKEN_FD,
                ..attr
            })
        };
        assert_eq!(create(s, token), Err(Errno::EBADF), "{attr:?}");
        // Memory before the name.
        if attr.map_type == MapType::ARRAY {
            let huge = MapAttr {
                max_entries: u32::MAX,
                value_size: 4096,
                ..attr
            };
            assert_eq!(create(s, bad_name(huge)), Err(Errno::ENOMEM), "{attr:?}");
        }
    }
}

fn information_tells_what_was_asked(s: &System) {
    for attr in FOUR {
        for &bit in accepted(attr) {
            let attr = MapAttr {
                map_flags: bit,
                value_size: 13,
                max_entries: 5,
                ..attr
            };
            let map = s.map(attr);
            let info = MapInfo::get(&*s.bpf, map.fd()).expect("information");
            // The rights are the descriptor's.
            let shown = bit & !(flag::RDONLY | flag::WRONLY);
            let expected = MapInfo {
                map_type: attr.map_type,
                id: info.id,
                key_size: 4,
                value_size: 13,
                max_entries: 5,
                map_flags: shown,
                ..Default::default()
            };
            assert_ne!(info.id, 0, "{attr:?}");
            assert_eq!(info, expected, "{attr:?}");
        }
    }
}

fn a_name_ends_at_its_nul(s: &System) {
    for attr in FOUR {
        for (given, shown) in [
            (&b"counts"[..], "counts"),
            (b"a\0bcd", "a"),
            (b"\0bcd", ""),
            (b"fifteen.letters", "fifteen.letters"),
        ] {
            let fd = s.bpf.map_create(&mut named(attr, given)).expect("a map");
            let map = s.own(fd);
            let info = MapInfo::get(&*s.bpf, map.fd()).expect("information");
            let mut expected = [0; Name::LEN];
            expected[..shown.len()].copy_from_slice(shown.as_bytes());
            assert_eq!(info.name.as_bytes(), &expected, "{attr:?} {given:?}");
        }
    }
}
