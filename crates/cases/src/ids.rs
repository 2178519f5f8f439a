//! Ids: walking them, opening by them.
//!
//! Other cases make objects meanwhile, so these look only for their own.
//!
//! Answers to: bpf_obj_get_next_id and its like in kernel/bpf/syscall.c.

use crate::asm::*;
use crate::system::*;
use skep::abi::*;

cases![
    a_map_is_found_by_walking,
    a_program_is_found_by_walking,
    a_btf_is_found_by_walking,
    a_map_opens_by_its_id,
    ids_nobody_has,
    an_id_goes_with_its_object,
    start_ids_past_the_last,
    ids_are_of_their_kind,
    information_of_any_length,
    information_needs_zeros_past_its_end,
    information_with_bad_pointers,
    information_of_a_program,
];

fn map_id(s: &System, map: &OwnedFd) -> u32 {
    MapInfo::get(&*s.bpf, map.fd()).expect("information").id
}

fn prog_id(s: &System, prog: &OwnedFd) -> u32 {
    ProgInfo::get(&*s.bpf, prog.fd()).expect("information").id
}

fn pass(s: &System) -> OwnedFd {
    s.prog(ProgType::XDP, &[mov_imm(R0, 2), exit()])
}

/// Every id from the start on, in the order they are given.
fn walk(next: impl Fn(u32) -> Result<u32>) -> Vec<u32> {
    let mut ids = Vec::new();
    let mut at = 0;
    loop {
        match next(at) {
            Ok(id) => {
                assert!(id > at, "{id} after {at}");
                ids.push(id);
                at = id;
            }
            Err(errno) => {
                assert_eq!(errno, Errno::ENOENT);
                return ids;
            }
        }
    }
}

fn next_map(s: &System, start_id: u32) -> Result<u32> {
    let mut cmd = MapGetNextId {
        start_id,
        next_id: 0,
    };
    s.bpf.map_get_next_id(&mut cmd).map(|()| cmd.next_id)
}

fn next_prog(s: &System, start_id: u32) -> Result<u32> {
    let mut cmd = ProgGetNextId {
        start_id,
        next_id: 0,
    };
    s.bpf.prog_get_next_id(&mut cmd).map(|()| cmd.next_id)
}

fn next_btf(s: &System, start_id: u32) -> Result<u32> {
    let mut cmd = BtfGetNextId {
        start_id,
        next_id: 0,
    };
    s.bpf.btf_get_next_id(&mut cmd).map(|()| cmd.next_id)
}

fn a_map_is_found_by_walking(s: &System) {
    let (one, two) = (s.map(HASH), s.map(PERCPU_ARRAY));
    let ids = walk(|id| next_map(s, id));
    for map in [&one, &two] {
        assert!(ids.contains(&map_id(s, map)));
    }
    assert_eq!(next_map(s, map_id(s, &one) - 1), Ok(map_id(s, &one)));
}

fn a_program_is_found_by_walking(s: &System) {
    let (one, two) = (pass(s), pass(s));
    let ids = walk(|id| next_prog(s, id));
    for prog in [&one, &two] {
        assert!(ids.contains(&prog_id(s, prog)));
    }
}

fn a_btf_is_found_by_walking(s: &System) {
    let btf = crate::descriptors::tiny_btf(s);
    let id = BtfInfo::get(&*s.bpf, btf.fd()).expect("information").id;
    assert!(walk(|id| next_btf(s, id)).contains(&id));
}

fn a_map_opens_by_its_id(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let other = crate::access::reopen(s, &map, 0).expect("another descriptor");
        let value = s.user_value(attr, 3);
        assert_eq!(s.update(&other, 1, &value, 0), Ok(()), "{attr:?}");
        assert_eq!(s.lookup(&map, 1, value.len()), Ok(value), "{attr:?}");
        assert_eq!(map_id(s, &other), map_id(s, &map), "{attr:?}");
    }
    let prog = pass(s);
    let fd = s.bpf.prog_get_fd_by_id(&mut ProgGetFdById {
        id: prog_id(s, &prog),
    });
    let other = s.own(fd.expect("another descriptor"));
    assert_eq!(s.run(&other, &[0; 64]), Ok(2));
}

fn ids_nobody_has(s: &System) {
    for id in [0, i32::MAX as u32 - 1, i32::MAX as u32, 1 << 31, u32::MAX] {
        let map = s
            .bpf
            .map_get_fd_by_id(&mut MapGetFdById { id, open_flags: 0 });
        assert_eq!(map, Err(Errno::ENOENT), "map {id}");
        let prog = s.bpf.prog_get_fd_by_id(&mut ProgGetFdById { id });
        assert_eq!(prog, Err(Errno::ENOENT), "prog {id}");
        let btf = s.bpf.btf_get_fd_by_id(&mut BtfGetFdById {
            id,
            ..Default::default()
        });
        assert_eq!(btf, Err(Errno::ENOENT), "btf {id}");
    }
}

/// Waits for Linux, which lets go of an object a moment after its last descriptor.
fn gone(open: impl Fn() -> Result<OwnedFd>) {
    for _ in 0..200 {
        match open() {
            Err(errno) => return assert_eq!(errno, Errno::ENOENT),
            Ok(fd) => drop(fd),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the object is still there");
}

fn an_id_goes_with_its_object(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let id = map_id(s, &map);
        drop(map);
        gone(|| {
            let fd = s
                .bpf
                .map_get_fd_by_id(&mut MapGetFdById { id, open_flags: 0 })?;
            Ok(s.own(fd))
        });
    }
    let prog = pass(s);
    let id = prog_id(s, &prog);
    drop(prog);
    gone(|| Ok(s.own(s.bpf.prog_get_fd_by_id(&mut ProgGetFdById { id })?)));
    let btf = crate::descriptors::tiny_btf(s);
    let id = BtfInfo::get(&*s.bpf, btf.fd()).expect("information").id;
    drop(btf);
    gone(|| {
        let fd = s.bpf.btf_get_fd_by_id(&mut BtfGetFdById {
            id,
            ..Default::default()
        })?;
        Ok(s.own(fd))
    });
}

fn start_ids_past_the_last(s: &System) {
    for start in [i32::MAX as u32, 1 << 31, u32::MAX] {
        assert_eq!(next_map(s, start), Err(Errno::EINVAL), "{start}");
        assert_eq!(next_prog(s, start), Err(Errno::EINVAL), "{start}");
        assert_eq!(next_btf(s, start), Err(Errno::EINVAL), "{start}");
    }
    let last = i32::MAX as u32 - 1;
    assert_eq!(next_map(s, last), Err(Errno::ENOENT));
    assert_eq!(next_prog(s, last), Err(Errno::ENOENT));
    assert_eq!(next_btf(s, last), Err(Errno::ENOENT));
}

/// The same number may be a map's and a program's; each is opened as what it is.
fn ids_are_of_their_kind(s: &System) {
    let (map, prog) = (s.map(HASH), pass(s));
    let fd = s.bpf.map_get_fd_by_id(&mut MapGetFdById {
        id: map_id(s, &map),
        open_flags: 0,
    });
    let opened = s.own(fd.expect("the map"));
    assert!(s.bpf.resolve(opened.fd()).is_ok());
    let fd = s.bpf.prog_get_fd_by_id(&mut ProgGetFdById {
        id: prog_id(s, &prog),
    });
    let opened = s.own(fd.expect("the program"));
    assert_eq!(s.bpf.resolve(opened.fd()).err(), Some(Errno::EINVAL));
}

fn ask(s: &System, fd: &OwnedFd, len: u32, room: &mut [u8]) -> (Result<()>, u32) {
    let mut cmd = ObjGetInfoByFd {
        bpf_fd: fd.fd(),
        info_len: len,
        info: UserOut::new(room),
    };
    let answer = s.bpf.obj_get_info_by_fd(&mut cmd);
    (answer, cmd.info_len)
}

fn information_of_any_length(s: &System) {
    let (map, prog) = (s.map(HASH), pass(s));
    let btf = crate::descriptors::tiny_btf(s);
    for (fd, size) in [
        (&map, MapInfo::SIZE as u32),
        (&prog, ProgInfo::SIZE as u32),
        (&btf, BtfInfo::SIZE as u32),
    ] {
        let mut whole = vec![0; 4096];
        assert_eq!(ask(s, fd, size, &mut whole), (Ok(()), size));
        for len in [0, 1, 4, 7, size - 1, size, size + 1, size + 100, 4096] {
            let mut room = vec![0; 4096];
            let (answer, told) = ask(s, fd, len, &mut room);
            assert_eq!((answer, told), (Ok(()), len.min(size)), "{len} of {size}");
            let given = len.min(size) as usize;
            // The length of a program's or BTF's code is told where the field is whole.
            if fd.fd() == map.fd() {
                assert_eq!(room[..given], whole[..given], "{len} of {size}");
            }
            assert!(
                room[given..].iter().all(|&byte| byte == 0),
                "{len} of {size}"
            );
        }
        let mut room = vec![0; 5000];
        assert_eq!(
            ask(s, fd, 4097, &mut room),
            (Err(Errno::E2BIG), 4097),
            "{size}"
        );
    }
}

fn information_needs_zeros_past_its_end(s: &System) {
    let (map, prog) = (s.map(ARRAY), pass(s));
    for (fd, size) in [(&map, MapInfo::SIZE), (&prog, ProgInfo::SIZE)] {
        // Past the longest structure, where no address is looked for.
        let mut room = vec![0; 1024];
        room[ProgInfo::SIZE + 8] = 1;
        let (answer, _) = ask(s, fd, 1024, &mut room);
        assert_eq!(answer, Err(Errno::E2BIG), "{size}");
        let (answer, _) = ask(s, fd, size as u32, &mut room);
        assert_eq!(answer, Ok(()), "{size}");
    }
}

fn information_with_bad_pointers(s: &System) {
    let map = s.map(HASH);
    for len in [1, 4, MapInfo::SIZE as u32] {
        let answer = ask(s, &map, len, &mut []);
        assert_eq!(answer, (Err(Errno::EFAULT), len), "{len}");
    }
    assert_eq!(ask(s, &map, 0, &mut []), (Ok(()), 0));
    let mut short = [0; MapInfo::SIZE - 1];
    let (answer, _) = ask(s, &map, MapInfo::SIZE as u32, &mut short);
    assert_eq!(answer, Err(Errno::EFAULT));
}

fn information_of_a_program(s: &System) {
    let map = s.map(ARRAY);
    let insns = crate::program![ld_map(R1, &map), mov_imm(R0, 2), exit()];
    let bytes = Insn::encode_all(&insns);
    for (prog_type, license, gpl) in [
        (ProgType::XDP, &b"GPL\0"[..], 1),
        (ProgType::SCHED_CLS, b"Dual MIT/GPL\0", 1),
        (ProgType::XDP, b"Proprietary\0", 0),
    ] {
        let fd = s.bpf.prog_load(&mut ProgLoad {
            prog_type,
            insn_cnt: insns.len() as u32,
            insns: UserIn::new(&bytes),
            license: UserIn::new(license),
            prog_name: Name::cut("counter"),
            ..Default::default()
        });
        let prog = s.own(fd.expect("a program"));
        let info = ProgInfo::get(&*s.bpf, prog.fd()).expect("information");
        assert_eq!(info.prog_type, prog_type);
        assert_eq!(info.name.to_text(), "counter");
        assert_eq!((info.gpl_compatible, info.nr_map_ids), (gpl, 1));
        assert_eq!(info.created_by_uid, 0);
        assert_ne!(info.id, 0);
    }
}
