//! Creation: flags, sizes, names and types, each as Linux was seen to answer.

use skep_abi::flags::map as flag;
use skep_abi::{Errno, Fd, MapType, Name, UserIn};
use skep_btf::{BtfBuilder, Linkage, MemberSpec, TypeId, VarSecInfo};

use super::super::testing::{cmd, errno, host, made};
use super::*;

const TYPES: [MapType; 4] = [
    MapType::HASH,
    MapType::PERCPU_HASH,
    MapType::ARRAY,
    MapType::PERCPU_ARRAY,
];

/// The bits that each of [`TYPES`] takes alone, with node 0 where a node is asked for.
const TAKEN: [&[u32]; 4] = [
    &[0, 2, 3, 4, 6, 7, 8],
    &[0, 3, 4, 6, 7, 8],
    &[2, 3, 4, 7, 8, 10, 12],
    &[3, 4, 7, 8],
];

#[test]
fn each_type_takes_its_flags_and_no_other() {
    for (map_type, taken) in TYPES.into_iter().zip(TAKEN) {
        for bit in (0..32).filter(|bit| 1 << bit != flag::TOKEN_FD) {
            let expected = (!taken.contains(&bit)).then_some(Errno::EINVAL);
            let found = errno(map_type, |cmd| cmd.map_flags = 1 << bit);
            assert_eq!(found, expected, "{map_type} bit {bit}");
        }
    }
}

#[test]
fn flags_of_the_descriptor_are_not_the_maps() {
    for map_type in TYPES {
        for own in [flag::RDONLY, flag::WRONLY] {
            let map = made(map_type, |cmd| cmd.map_flags = own | flag::RDONLY_PROG);
            let flags = map.map(|map| map.desc().shape().map_flags);
            assert_eq!(flags, Ok(flag::RDONLY_PROG), "{map_type}");
        }
        for both in [
            flag::RDONLY | flag::WRONLY,
            flag::RDONLY_PROG | flag::WRONLY_PROG,
        ] {
            let found = errno(map_type, |cmd| cmd.map_flags = both);
            assert_eq!(found, Some(Errno::EINVAL), "{map_type} {both:#x}");
        }
    }
}

#[test]
fn array_flags_go_together() {
    for flags in [
        flag::NUMA_NODE | flag::MMAPABLE,
        flag::MMAPABLE | flag::INNER_MAP,
        flag::MMAPABLE | flag::RDONLY_PROG,
    ] {
        let map = made(MapType::ARRAY, |cmd| cmd.map_flags = flags);
        assert_eq!(map.map(|map| map.desc().shape().map_flags), Ok(flags));
    }
    for map_type in [MapType::HASH, MapType::PERCPU_HASH] {
        let both = flag::NO_PREALLOC | flag::ZERO_SEED;
        assert_eq!(errno(map_type, |cmd| cmd.map_flags = both), None);
    }
}

#[test]
fn a_node_is_the_one_there_is_or_none() {
    for map_type in TYPES {
        for node in [0, 1, 63, 1023, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff] {
            let per_cpu = matches!(map_type, MapType::PERCPU_HASH | MapType::PERCPU_ARRAY);
            let fine = node == u32::MAX || node == 0 && !per_cpu;
            let found = errno(map_type, |cmd| {
                cmd.map_flags = flag::NUMA_NODE;
                cmd.numa_node = node;
            });
            let expected = (!fine).then_some(Errno::EINVAL);
            assert_eq!(found, expected, "{map_type} node {node:#x}");
            assert_eq!(errno(map_type, |cmd| cmd.numa_node = node), None);
        }
    }
}

#[test]
fn no_size_is_zero() {
    for map_type in TYPES {
        for edit in [
            (|cmd| cmd.key_size = 0) as fn(&mut MapCreate<'_>),
            |cmd| cmd.value_size = 0,
            |cmd| cmd.max_entries = 0,
        ] {
            assert_eq!(errno(map_type, edit), Some(Errno::EINVAL), "{map_type}");
        }
    }
}

/// Judged only: making such maps takes more address space than a test should.
fn judged(map_type: MapType, edit: impl FnOnce(&mut MapCreate<'_>)) -> Option<Errno> {
    check_attr(&cmd(map_type, edit), &host()).err()
}

#[test]
fn values_end_where_linux_ends_them() {
    let (e2big, fine) = (Some(Errno::E2BIG), None);
    for (map_type, key_size, value_size, expected) in [
        (MapType::HASH, 4, 4_194_251, fine),
        (MapType::HASH, 4, 4_194_252, e2big),
        (MapType::HASH, 1, 4_194_254, fine),
        (MapType::HASH, 1, 4_194_255, e2big),
        (MapType::HASH, 4_194_247, 8, fine),
        (MapType::HASH, 4_194_248, 8, e2big),
        (MapType::HASH, u32::MAX, u32::MAX, e2big),
        (MapType::PERCPU_HASH, 4, 32_768, fine),
        (MapType::PERCPU_HASH, 4, 32_769, e2big),
        (MapType::PERCPU_HASH, 4_194_247, 8, fine),
        (MapType::PERCPU_HASH, 4_194_248, 8, e2big),
        (MapType::ARRAY, 4, 0x7fff_ffff, fine),
        (MapType::ARRAY, 4, 0x8000_0000, e2big),
        (MapType::PERCPU_ARRAY, 4, 32_768, fine),
        (MapType::PERCPU_ARRAY, 4, 32_769, e2big),
        (MapType::PERCPU_ARRAY, 4, u32::MAX, e2big),
    ] {
        let found = judged(map_type, |cmd| {
            cmd.key_size = key_size;
            cmd.value_size = value_size;
        });
        assert_eq!(found, expected, "{map_type} {key_size} {value_size}");
    }
    for map_type in [MapType::ARRAY, MapType::PERCPU_ARRAY] {
        for key_size in [1, 2, 3, 5, 8, u32::MAX] {
            let found = judged(map_type, |cmd| cmd.key_size = key_size);
            assert_eq!(found, Some(Errno::EINVAL), "{map_type} {key_size}");
        }
    }
}

#[test]
fn entries_end_with_memory_or_the_buckets() {
    for map_type in [MapType::HASH, MapType::PERCPU_HASH] {
        let found = errno(map_type, |cmd| cmd.max_entries = (1 << 27) + 1);
        assert_eq!(found, Some(Errno::E2BIG));
    }
    let found = errno(MapType::ARRAY, |cmd| {
        cmd.value_size = 0x7fff_ffff;
        cmd.max_entries = u32::MAX;
    });
    assert_eq!(found, Some(Errno::ENOMEM));
}

#[test]
fn fields_of_other_types_are_refused_or_not_looked_at() {
    for map_type in TYPES {
        let invalid = Some(Errno::EINVAL);
        assert_eq!(errno(map_type, |cmd| cmd.map_extra = 1), invalid);
        assert_eq!(
            errno(map_type, |cmd| cmd.btf_vmlinux_value_type_id = 1),
            invalid
        );
        assert_eq!(errno(map_type, |cmd| cmd.btf_key_type_id = 1), invalid);
        for number in [1, 99, -1] {
            assert_eq!(errno(map_type, |cmd| cmd.inner_map_fd = Fd(number)), None);
            assert_eq!(errno(map_type, |cmd| cmd.map_token_fd = Fd(number)), None);
            assert_eq!(
                errno(map_type, |cmd| cmd.value_type_btf_obj_fd = Fd(number)),
                None
            );
        }
    }
    for number in [0, 34, 35, 100, 0x7fff_ffff, u32::MAX] {
        assert_eq!(errno(MapType(number), |_| ()), Some(Errno::EINVAL));
    }
}

#[test]
fn what_is_wrong_first_answers() {
    let hash = |edit: fn(&mut MapCreate<'_>)| {
        errno(MapType::HASH, |cmd| {
            cmd.value_size = 5 << 20;
            edit(cmd);
        })
    };
    assert_eq!(hash(|_| ()), Some(Errno::E2BIG));
    assert_eq!(hash(|cmd| cmd.map_flags = 2), Some(Errno::EINVAL));
    assert_eq!(hash(|cmd| cmd.max_entries = 0), Some(Errno::EINVAL));
    assert_eq!(hash(|cmd| cmd.key_size = 0), Some(Errno::EINVAL));
    assert_eq!(hash(|cmd| cmd.map_ifindex = 999), Some(Errno::E2BIG));
    let both = errno(MapType::PERCPU_ARRAY, |cmd| {
        cmd.value_size = 40_000;
        cmd.map_flags = flag::NUMA_NODE;
    });
    assert_eq!(both, Some(Errno::EINVAL));
}

#[test]
fn who_may_not_is_told_so_before_the_rest() {
    let nobody = Host {
        credential: Credential {
            capabilities: Capabilities::BPF,
            ..Credential::ROOT
        },
        ..host()
    };
    let answer = |cmd: &MapCreate<'_>| create(cmd, &nobody).err();
    for map_type in [MapType::HASH, MapType::PERCPU_HASH] {
        for flags in [flag::ZERO_SEED, flag::ZERO_SEED | 2] {
            let found = answer(&cmd(map_type, |cmd| cmd.map_flags = flags));
            assert_eq!(found, Some(Errno::EPERM), "{map_type} {flags:#x}");
        }
    }
    let array = cmd(MapType::ARRAY, |cmd| cmd.map_flags = flag::ZERO_SEED);
    assert_eq!(answer(&array), Some(Errno::EINVAL));
    let offloaded = cmd(MapType::ARRAY, |cmd| cmd.map_ifindex = 1);
    assert_eq!(answer(&offloaded), Some(Errno::EPERM));
}

#[test]
fn no_device_takes_maps() {
    for (map_type, device, expected) in [
        (MapType::HASH, 1, Errno::EOPNOTSUPP),
        (MapType::ARRAY, 1, Errno::EOPNOTSUPP),
        (MapType::HASH, 999, Errno::EINVAL),
        (MapType::PERCPU_HASH, 1, Errno::EINVAL),
        (MapType::PERCPU_ARRAY, 1, Errno::EINVAL),
    ] {
        let found = errno(map_type, |cmd| cmd.map_ifindex = device);
        assert_eq!(found, Some(expected), "{map_type} {device}");
    }
}

#[test]
fn names_are_cut_at_the_nul() {
    let given = |text: &[u8]| {
        let mut bytes = [0; Name::LEN];
        bytes[..text.len()].copy_from_slice(text);
        name(&Name::from_bytes(bytes)).map(|name| *name.as_bytes())
    };
    let padded = |text: &[u8]| {
        let mut bytes = [0; Name::LEN];
        bytes[..text.len()].copy_from_slice(text);
        Ok(bytes)
    };
    for text in [&b"a"[..], b"abc.d_E9", b"aaaaaaaaaaaaaaa", b".", b"_", b""] {
        assert_eq!(given(text), padded(text));
    }
    assert_eq!(given(b"a\0b"), padded(b"a"));
    assert_eq!(given(b"\0-"), padded(b""));
    for text in [&b"aaaaaaaaaaaaaaaa"[..], b"a b", b"a-b", b"a/", b"\x80"] {
        assert_eq!(given(text), Err(Errno::EINVAL));
    }
}

#[test]
fn a_program_hash_has_its_size() {
    static BYTES: [u8; 64] = [7; 64];
    let hash = |given: UserIn<'static>, size| {
        let mut cmd = cmd(MapType::HASH, |_| ());
        cmd.excl_prog_hash_size = size;
        cmd.excl_prog_hash = given;
        exclusive(&cmd)
    };
    let given = || UserIn::new(&BYTES);
    assert_eq!(hash(UserIn::NULL, 0), Ok(None));
    assert_eq!(hash(UserIn::NULL, 32), Err(Errno::EINVAL));
    for size in [0, 31, 33, 64] {
        assert_eq!(hash(given(), size), Err(Errno::EINVAL));
    }
    assert_eq!(hash(given(), 32), Ok(Some([7; 32])));
    assert_eq!(hash(UserIn::new(&[]), 32), Err(Errno::EFAULT));
}

/// Types to describe keys and values with.
struct Types {
    btf: Btf,
    u32: TypeId,
    u64: TypeId,
    /// Types that count as a u32 index.
    index: Vec<TypeId>,
    /// Other types of four bytes.
    four: Vec<TypeId>,
    section: TypeId,
    /// Values of eight bytes with something of the kernel's in them.
    special: Vec<TypeId>,
}

fn types() -> Types {
    let mut new = BtfBuilder::new();
    let (int, u64) = (new.int("u32", 4, false), new.int("u64", 8, false));
    let signed = new.int("s32", 4, true);
    let (typedef, constant) = (new.typedef("index", int), new.constant(int));
    let tagged = new.type_tag("tag", int);
    let enumeration = new.enumeration("which", false, &[("A", 1)]);
    let float = new.float("float", 4);
    let structure = new.structure("four", 4, &[MemberSpec::at("a", int, 0)]);
    let array = new.array(int, int, 1);
    let lock = new.structure("bpf_spin_lock", 4, &[MemberSpec::at("val", int, 0)]);
    let fields = [MemberSpec::at("lock", lock, 0), MemberSpec::at("x", int, 4)];
    let locked = new.structure("locked", 8, &fields);
    let nested = new.structure("nested", 8, &[MemberSpec::at("in", locked, 0)]);
    let kptr_tag = new.type_tag("kptr", structure);
    let kptr = new.ptr(kptr_tag);
    let held = new.structure("held", 8, &[MemberSpec::at("p", kptr, 0)]);
    let var = new.var("global", u64, Linkage::Global);
    let place = VarSecInfo {
        ty: var,
        offset: 0,
        size: 8,
    };
    let section = new.datasec(".bss", 8, &[place]);
    Types {
        btf: new.build().expect("well-formed"),
        u32: int,
        u64,
        index: vec![int, signed, typedef, constant, tagged],
        four: vec![enumeration, float, structure, array],
        section,
        special: vec![locked, nested, held],
    }
}

fn typed(types: &Types, map: &dyn Map, key: TypeId, value: TypeId) -> Option<Errno> {
    let btf = &types.btf;
    check_btf(map.desc(), &BtfTypes { btf, key, value }).err()
}

#[test]
fn keys_have_types_of_their_size_and_of_arrays_an_integer() {
    let types = types();
    let invalid = Some(Errno::EINVAL);
    for map_type in TYPES {
        let map = made(map_type, |_| ()).expect("memory");
        let array = matches!(map_type, MapType::ARRAY | MapType::PERCPU_ARRAY);
        for &key in &types.index {
            assert_eq!(typed(&types, &*map, key, types.u64), None, "{map_type}");
        }
        for &key in &types.four {
            let expected = if array { invalid } else { None };
            assert_eq!(
                typed(&types, &*map, key, types.u64),
                expected,
                "{map_type} {key}"
            );
        }
        for key in [types.u64, TypeId(0), TypeId(99), TypeId(u32::MAX)] {
            assert_eq!(
                typed(&types, &*map, key, types.u64),
                invalid,
                "{map_type} {key}"
            );
        }
        for value in [types.u32, TypeId(0), TypeId(99)] {
            assert_eq!(
                typed(&types, &*map, types.u32, value),
                invalid,
                "{map_type}"
            );
        }
        assert_eq!(typed(&types, &*map, types.u32, types.section), None);
    }
}

#[test]
fn only_a_section_of_variables_has_no_key() {
    let types = types();
    for map_type in TYPES {
        for entries in [1, 4] {
            let map = made(map_type, |cmd| cmd.max_entries = entries).expect("memory");
            let fine = map_type == MapType::ARRAY && entries == 1;
            let expected = (!fine).then_some(Errno::EINVAL);
            assert_eq!(typed(&types, &*map, TypeId(0), types.section), expected);
            let plain = typed(&types, &*map, TypeId(0), types.u64);
            assert_eq!(plain, Some(Errno::EINVAL));
        }
    }
}

#[test]
fn fields_of_the_kernels_are_refused() {
    let types = types();
    for map_type in TYPES {
        let open = made(map_type, |_| ()).expect("memory");
        let read_only = made(map_type, |cmd| cmd.map_flags = flag::RDONLY_PROG).expect("memory");
        for &value in &types.special {
            let found = typed(&types, &*open, types.u32, value);
            assert_eq!(found, Some(Errno::EOPNOTSUPP));
            let found = typed(&types, &*read_only, types.u32, value);
            assert_eq!(found, Some(Errno::EACCES));
        }
    }
}
