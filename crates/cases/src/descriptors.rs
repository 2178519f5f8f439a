//! Descriptors that are closed, were never opened, or are of another kind.
//!
//! Answers to: __bpf_map_get, bpf_prog_get in kernel/bpf/syscall.c; close(2).

use crate::asm::*;
use crate::system::*;
use skep::abi::*;

cases_alone![
    numbers_that_were_never_opened,
    a_closed_descriptor,
    a_descriptor_of_another_kind,
    closing_twice,
    closing_what_is_not_open,
    a_map_outlives_its_descriptor_in_a_program,
    the_lowest_number_is_taken,
    two_descriptors_of_one_map,
];

/// What every command that takes a map answers to this descriptor.
fn as_map(s: &System, fd: Fd) -> Vec<(&'static str, Errno)> {
    let key = [0; 4];
    let mut value = vec![0; 8 * s.cpus()];
    let mut answers: Vec<(&'static str, Result<()>)> = Vec::new();
    answers.push((
        "lookup",
        s.bpf.map_lookup_elem(&mut MapLookupElem {
            map: fd,
            key: UserIn::new(&key),
            value: UserOut::new(&mut value),
            flags: 0,
        }),
    ));
    answers.push((
        "update",
        s.bpf.map_update_elem(&mut MapUpdateElem {
            map: fd,
            key: UserIn::new(&key),
            value: UserIn::new(&value),
            flags: 0,
        }),
    ));
    answers.push((
        "delete",
        s.bpf.map_delete_elem(&mut MapDeleteElem {
            map: fd,
            key: UserIn::new(&key),
        }),
    ));
    let mut next = [0; 4];
    answers.push((
        "next_key",
        s.bpf.map_get_next_key(&mut MapGetNextKey {
            map: fd,
            key: UserIn::NULL,
            next_key: UserOut::new(&mut next),
        }),
    ));
    answers.push((
        "lookup_and_delete",
        s.bpf
            .map_lookup_and_delete_elem(&mut MapLookupAndDeleteElem {
                map: fd,
                key: UserIn::new(&key),
                value: UserOut::new(&mut value),
                flags: 0,
            }),
    ));
    answers.push(("freeze", s.bpf.map_freeze(&mut MapFreeze { map: fd })));
    answers.push(("resolve", s.bpf.resolve(fd).map(|_| ())));
    answers
        .into_iter()
        .map(|(name, answer)| (name, answer.expect_err(name)))
        .collect()
}

fn as_prog(s: &System, fd: Fd) -> Result<()> {
    let packet = [0; 64];
    s.bpf.prog_test_run(&mut ProgTestRun {
        prog: fd,
        data_size_in: 64,
        data_in: UserIn::new(&packet),
        ..Default::default()
    })
}

fn info(s: &System, fd: Fd) -> Result<()> {
    let mut room = [0; 256];
    s.bpf.obj_get_info_by_fd(&mut ObjGetInfoByFd {
        bpf_fd: fd,
        info_len: 256,
        info: UserOut::new(&mut room),
    })
}

/// A program's load with this descriptor as its map.
fn map_of_program(s: &System, fd: Fd) -> Result<()> {
    let insns = [
        Insn::new(0x18, R1, 1, 0, fd.0),
        Insn::default(),
        mov_imm(R0, 0),
        exit(),
    ];
    s.try_prog(ProgType::XDP, &insns).map(drop)
}

fn all_say(s: &System, fd: Fd, errno: Errno) {
    for (name, answer) in as_map(s, fd) {
        assert_eq!(answer, errno, "{name} of {fd}");
    }
}

/// Numbers no descriptor has here.
fn numbers_that_were_never_opened(s: &System) {
    for fd in [Fd(-1), Fd(-100), Fd(i32::MIN), Fd(i32::MAX), Fd(900_000)] {
        all_say(s, fd, Errno::EBADF);
        assert_eq!(as_prog(s, fd), Err(Errno::EBADF), "{fd}");
        assert_eq!(info(s, fd), Err(Errno::EBADFD), "{fd}");
        assert_eq!(map_of_program(s, fd), Err(Errno::EBADF), "{fd}");
    }
}

fn a_closed_descriptor(s: &System) {
    let map = s.map(HASH);
    let fd = map.fd();
    drop(map);
    all_say(s, fd, Errno::EBADF);
    let prog = s.prog(ProgType::XDP, &[mov_imm(R0, 2), exit()]);
    let fd = prog.fd();
    drop(prog);
    assert_eq!(as_prog(s, fd), Err(Errno::EBADF));
    all_say(s, fd, Errno::EBADF);
    assert_eq!(info(s, fd), Err(Errno::EBADFD));
}

/// A BTF of nothing but one int.
pub fn tiny_btf(s: &System) -> OwnedFd {
    let bytes = crate::btf::of_types(&[crate::btf::int(b"u32\0", 4, 32)]);
    crate::btf::load(s, &bytes).expect("a BTF")
}

fn a_descriptor_of_another_kind(s: &System) {
    let map = s.map(HASH);
    let prog = s.prog(ProgType::XDP, &[mov_imm(R0, 2), exit()]);
    let btf = tiny_btf(s);
    all_say(s, prog.fd(), Errno::EINVAL);
    all_say(s, btf.fd(), Errno::EINVAL);
    assert_eq!(as_prog(s, map.fd()), Err(Errno::EINVAL));
    assert_eq!(as_prog(s, btf.fd()), Err(Errno::EINVAL));
    assert_eq!(map_of_program(s, prog.fd()), Err(Errno::EINVAL));
    assert_eq!(map_of_program(s, btf.fd()), Err(Errno::EINVAL));
    assert_eq!(map_of_program(s, map.fd()), Ok(()));
    let with_btf = |fd| {
        crate::create::create(
            s,
            MapCreate {
                btf_fd: fd,
                btf_key_type_id: 1,
                btf_value_type_id: 1,
                ..crate::create::command(MapAttr {
                    value_size: 4,
                    ..HASH
                })
            },
        )
    };
    assert_eq!(with_btf(map.fd()), Err(Errno::EINVAL));
    assert_eq!(with_btf(prog.fd()), Err(Errno::EINVAL));
    assert_eq!(with_btf(Fd(-1)), Err(Errno::EBADF));
    assert_eq!(with_btf(btf.fd()), Ok(()));
}

fn closing_twice(s: &System) {
    let fd = s
        .bpf
        .map_create(&mut crate::create::command(ARRAY))
        .expect("a map");
    assert_eq!(s.bpf.close(fd), Ok(()));
    assert_eq!(s.bpf.close(fd), Err(Errno::EBADF));
    assert_eq!(s.bpf.close(fd), Err(Errno::EBADF));
}

fn closing_what_is_not_open(s: &System) {
    for fd in [Fd(-1), Fd(i32::MIN), Fd(i32::MAX), Fd(900_000)] {
        assert_eq!(s.bpf.close(fd), Err(Errno::EBADF), "{fd}");
    }
}

fn a_map_outlives_its_descriptor_in_a_program(s: &System) {
    let map = s.map(ARRAY);
    let id = MapInfo::get(&*s.bpf, map.fd()).expect("information").id;
    let prog = s.prog(
        ProgType::XDP,
        &crate::program![ld_map(R1, &map), mov_imm(R0, 2), exit()],
    );
    drop(map);
    let open = || {
        s.bpf
            .map_get_fd_by_id(&mut MapGetFdById { id, open_flags: 0 })
    };
    let again = s.own(open().expect("the program's map"));
    assert_eq!(s.update(&again, 1, &s.user_value(ARRAY, 1), 0), Ok(()));
    drop(again);
    drop(prog);
    // Linux lets go of the map a moment later.
    for _ in 0..200 {
        match open() {
            Err(errno) => return assert_eq!(errno, Errno::ENOENT),
            Ok(fd) => drop(s.own(fd)),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the map lives on without its program");
}

fn the_lowest_number_is_taken(s: &System) {
    let (one, two, three) = (s.map(ARRAY), s.map(HASH), s.map(HASH));
    let free = two.fd();
    drop(two);
    let prog = s.prog(ProgType::XDP, &[mov_imm(R0, 2), exit()]);
    assert_eq!(prog.fd(), free);
    drop((one, three));
}

fn two_descriptors_of_one_map(s: &System) {
    let one = s.map(HASH);
    let two = crate::access::reopen(s, &one, 0).expect("another descriptor");
    assert_ne!(one.fd(), two.fd());
    assert_eq!(s.update(&one, 1, &[7; 8], 0), Ok(()));
    drop(one);
    assert_eq!(s.lookup(&two, 1, 8), Ok(vec![7; 8]));
}
