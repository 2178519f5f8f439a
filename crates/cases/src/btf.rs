//! BTF: what is loaded, and what of it may describe a map.
//!
//! Answers to: btf_new_fd in kernel/bpf/btf.c, map_check_btf in
//! kernel/bpf/syscall.c.

use crate::create::{command, create};
use crate::system::*;
use skep::abi::*;

cases![
    a_btf_is_loaded,
    hostile_headers,
    sizes_and_pointers,
    types_of_the_right_size,
    types_of_the_wrong_size,
    ids_that_are_no_types,
    an_array_needs_an_int_for_its_key,
    a_key_without_a_value,
    a_map_shows_its_btf,
    a_map_keeps_its_btf,
    information_of_a_btf,
];

/// One type: its bytes after the name's offset, and its name.
pub type Type = (Vec<u8>, &'static [u8]);

fn typed(name: &'static [u8], info: u32, size: u32, more: &[u32]) -> Type {
    let mut bytes = Vec::new();
    for word in [info, size].iter().chain(more) {
        bytes.extend(word.to_ne_bytes());
    }
    (bytes, name)
}

/// `kind << 24 | vlen`
pub fn int(name: &'static [u8], size: u32, bits: u32) -> Type {
    typed(name, 1 << 24, size, &[bits])
}

fn pointer(to: u32) -> Type {
    typed(b"", 2 << 24, to, &[])
}

fn structure(name: &'static [u8], size: u32) -> Type {
    typed(name, 4 << 24, size, &[])
}

/// A structure of members without names, of these types at these bits.
pub fn structure_of(name: &'static [u8], size: u32, members: &[(u32, u32)]) -> Type {
    let more: Vec<u32> = members.iter().flat_map(|&(of, bit)| [0, of, bit]).collect();
    typed(name, 4 << 24 | members.len() as u32, size, &more)
}

fn enumeration(name: &'static [u8], size: u32) -> Type {
    typed(name, 6 << 24, size, &[])
}

fn forward(name: &'static [u8]) -> Type {
    typed(name, 7 << 24, 0, &[])
}

fn alias(name: &'static [u8], to: u32) -> Type {
    typed(name, 8 << 24, to, &[])
}

/// A BTF of these types, numbered from 1.
pub fn of_types(types: &[Type]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut section = Vec::new();
    for (bytes, name) in types {
        let at = if name.is_empty() {
            0
        } else {
            strings.len() as u32
        };
        section.extend(at.to_ne_bytes());
        section.extend(bytes);
        strings.extend(*name);
    }
    let mut btf = Vec::new();
    btf.extend(0xeb9fu16.to_ne_bytes());
    btf.extend([1, 0]);
    for word in [
        24,
        0,
        section.len() as u32,
        section.len() as u32,
        strings.len() as u32,
    ] {
        btf.extend(word.to_ne_bytes());
    }
    btf.extend(section);
    btf.extend(strings);
    btf
}

/// Loads a BTF.
pub fn load(s: &System, bytes: &[u8]) -> Result<OwnedFd> {
    let fd = s.bpf.btf_load(&mut BtfLoad {
        btf: UserIn::new(bytes),
        btf_size: bytes.len() as u32,
        ..Default::default()
    })?;
    Ok(s.own(fd))
}

/// u32, u64, struct of 8, enum of 4, pointer, forward, typedef of u32, u8.
fn several(s: &System) -> OwnedFd {
    let types = [
        int(b"u32\0", 4, 32),
        int(b"u64\0", 8, 64),
        structure(b"pair\0", 8),
        enumeration(b"color\0", 4),
        pointer(1),
        forward(b"later\0"),
        alias(b"number\0", 1),
        int(b"u8\0", 1, 8),
    ];
    load(s, &of_types(&types)).expect("a BTF")
}

const U32: u32 = 1;
const U64: u32 = 2;
const PAIR: u32 = 3;
const COLOR: u32 = 4;
const POINTER: u32 = 5;
const LATER: u32 = 6;
const NUMBER: u32 = 7;
const U8: u32 = 8;

fn described(s: &System, btf: &OwnedFd, attr: MapAttr, key: u32, value: u32) -> Result<()> {
    create(
        s,
        MapCreate {
            btf_fd: btf.fd(),
            btf_key_type_id: key,
            btf_value_type_id: value,
            ..command(attr)
        },
    )
}

fn a_btf_is_loaded(s: &System) {
    drop(several(s));
    drop(load(s, &of_types(&[int(b"int\0", 4, 32)])).expect("a BTF"));
}

fn hostile_headers(s: &System) {
    let good = of_types(&[int(b"u32\0", 4, 32)]);
    let load = |bytes: &[u8]| load(s, bytes).map(drop);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(load(&good), Ok(()));
    for (what, bytes) in [
        ("magic", with(0, 1)),
        ("header too short", with(4, 20)),
        ("types past the end", with(12, 200)),
        ("types not aligned", with(8, 1)),
        ("strings past the end", with(20, 200)),
        ("strings short", with(20, 1)),
        ("kind", with(24 + 7, 31)),
        ("name outside", with(24, 99)),
        ("int size", with(24 + 8, 3)),
        ("int bits", with(24 + 12, 33)),
    ] {
        assert_eq!(load(&bytes), Err(Errno::EINVAL), "{what}");
    }
    for (what, bytes) in [("version", with(2, 2)), ("flags", with(3, 1))] {
        assert_eq!(load(&bytes), Err(Errno::ENOTSUPP), "{what}");
    }
    for len in [0, 1, 8, 23, 24] {
        assert_eq!(load(&good[..len]), Err(Errno::EINVAL), "{len} bytes");
    }
}

fn sizes_and_pointers(s: &System) {
    let good = of_types(&[int(b"u32\0", 4, 32)]);
    let with = |btf_size| {
        s.bpf
            .btf_load(&mut BtfLoad {
                btf: UserIn::new(&good),
                btf_size,
                ..Default::default()
            })
            .map(|fd| drop(s.own(fd)))
    };
    assert_eq!(with(good.len() as u32), Ok(()));
    assert_eq!(with(good.len() as u32 + 1), Err(Errno::EFAULT));
    assert_eq!(with((16 << 20) + 1), Err(Errno::E2BIG));
    assert_eq!(with(u32::MAX), Err(Errno::E2BIG));
    let null = s.bpf.btf_load(&mut BtfLoad {
        btf_size: 100,
        ..Default::default()
    });
    assert_eq!(null.map(|_| ()), Err(Errno::EFAULT));
}

fn types_of_the_right_size(s: &System) {
    let btf = several(s);
    for attr in FOUR {
        for value in [U64, PAIR, POINTER] {
            assert_eq!(
                described(s, &btf, attr, U32, value),
                Ok(()),
                "{attr:?} {value}"
            );
            assert_eq!(
                described(s, &btf, attr, NUMBER, value),
                Ok(()),
                "{attr:?} {value}"
            );
        }
        let four = MapAttr {
            value_size: 4,
            ..attr
        };
        for value in [U32, COLOR, NUMBER] {
            assert_eq!(
                described(s, &btf, four, U32, value),
                Ok(()),
                "{attr:?} {value}"
            );
        }
    }
    for attr in [HASH, PERCPU_HASH] {
        assert_eq!(described(s, &btf, attr, COLOR, U64), Ok(()), "{attr:?}");
        let eight = MapAttr {
            key_size: 8,
            ..attr
        };
        assert_eq!(described(s, &btf, eight, PAIR, U64), Ok(()), "{attr:?}");
        let one = MapAttr {
            key_size: 1,
            ..attr
        };
        assert_eq!(described(s, &btf, one, U8, U64), Ok(()), "{attr:?}");
    }
}

fn types_of_the_wrong_size(s: &System) {
    let btf = several(s);
    for attr in FOUR {
        for (key, value) in [(U32, U32), (U64, U64), (U8, U64), (U32, U8), (PAIR, PAIR)] {
            let answer = described(s, &btf, attr, key, value);
            assert_eq!(answer, Err(Errno::EINVAL), "{attr:?} {key} {value}");
        }
    }
}

fn ids_that_are_no_types(s: &System) {
    let btf = several(s);
    for attr in FOUR {
        for (key, value) in [
            (U32, 9),
            (9, U64),
            (U32, u32::MAX),
            (u32::MAX, U64),
            (U32, LATER),
            (LATER, U64),
            (0, U64),
        ] {
            let answer = described(s, &btf, attr, key, value);
            assert_eq!(answer, Err(Errno::EINVAL), "{attr:?} {key} {value}");
        }
    }
}

fn an_array_needs_an_int_for_its_key(s: &System) {
    let btf = several(s);
    for attr in [ARRAY, PERCPU_ARRAY] {
        assert_eq!(
            described(s, &btf, attr, COLOR, U64),
            Err(Errno::EINVAL),
            "{attr:?}"
        );
        assert_eq!(described(s, &btf, attr, NUMBER, U64), Ok(()), "{attr:?}");
    }
    let narrow = load(s, &of_types(&[int(b"bits\0", 4, 31), int(b"u64\0", 8, 64)])).expect("a BTF");
    assert_eq!(described(s, &narrow, ARRAY, 1, 2), Err(Errno::EINVAL));
    assert_eq!(described(s, &narrow, HASH, 1, 2), Ok(()));
}

fn a_key_without_a_value(s: &System) {
    let btf = several(s);
    for attr in FOUR {
        assert_eq!(
            described(s, &btf, attr, U32, 0),
            Err(Errno::EINVAL),
            "{attr:?}"
        );
        assert_eq!(described(s, &btf, attr, 0, 0), Ok(()), "{attr:?}");
    }
}

fn a_map_shows_its_btf(s: &System) {
    let btf = several(s);
    let btf_id = BtfInfo::get(&*s.bpf, btf.fd()).expect("information").id;
    for attr in FOUR {
        let fd = s.bpf.map_create(&mut MapCreate {
            btf_fd: btf.fd(),
            btf_key_type_id: NUMBER,
            btf_value_type_id: PAIR,
            ..command(attr)
        });
        let map = s.own(fd.expect("a map"));
        let info = MapInfo::get(&*s.bpf, map.fd()).expect("information");
        let shown = (info.btf_id, info.btf_key_type_id, info.btf_value_type_id);
        assert_eq!(shown, (btf_id, NUMBER, PAIR), "{attr:?}");
        // Without types the descriptor is not looked at.
        let fd = s.bpf.map_create(&mut MapCreate {
            btf_fd: btf.fd(),
            ..command(attr)
        });
        let map = s.own(fd.expect("a map"));
        let info = MapInfo::get(&*s.bpf, map.fd()).expect("information");
        assert_eq!((info.btf_id, info.btf_value_type_id), (0, 0), "{attr:?}");
    }
}

fn a_map_keeps_its_btf(s: &System) {
    let btf = several(s);
    let id = BtfInfo::get(&*s.bpf, btf.fd()).expect("information").id;
    let fd = s.bpf.map_create(&mut MapCreate {
        btf_fd: btf.fd(),
        btf_key_type_id: U32,
        btf_value_type_id: U64,
        ..command(HASH)
    });
    let map = s.own(fd.expect("a map"));
    drop(btf);
    let again = s.bpf.btf_get_fd_by_id(&mut BtfGetFdById {
        id,
        ..Default::default()
    });
    drop(s.own(again.expect("the map's BTF")));
    drop(map);
}

fn information_of_a_btf(s: &System) {
    let bytes = of_types(&[int(b"u32\0", 4, 32)]);
    let btf = load(s, &bytes).expect("a BTF");
    let info = BtfInfo::get(&*s.bpf, btf.fd()).expect("information");
    assert_eq!(info.btf_size as usize, bytes.len());
    assert_eq!((info.name_len, info.kernel_btf), (0, 0));
    assert_ne!(info.id, 0);
    // The bytes themselves, through the address in the structure.
    let mut raw = s.raw();
    use crate::raw::{DATA_AT, to};
    let at = raw.addr(DATA_AT);
    let room = BtfInfo {
        btf: 0,
        ..Default::default()
    }
    .to_bytes();
    raw.put(DATA_AT, &room);
    let answer = raw.command(&mut ObjGetInfoByFd {
        bpf_fd: btf.fd(),
        info_len: BtfInfo::SIZE as u32,
        info: to(at),
    });
    assert_eq!(answer, Ok(0));
    let mut shown = [0; BtfInfo::SIZE];
    shown.copy_from_slice(&raw.get(DATA_AT, BtfInfo::SIZE));
    assert_eq!(BtfInfo::from_bytes(&shown).btf_size as usize, bytes.len());
}
