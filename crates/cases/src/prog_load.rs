//! PROG_LOAD: structure, licences, helpers, references to maps, logs.
//!
//! Answers to: bpf_prog_load in kernel/bpf/syscall.c, bpf_check in
//! kernel/bpf/verifier.c.

use crate::asm::*;
use crate::system::*;
use skep::abi::insn::{op, pseudo};
use skep::abi::*;

cases![
    instruction_counts,
    instructions_that_are_not_there,
    unknown_program_types,
    flags,
    names,
    licenses,
    licenses_that_are_not_there,
    helpers_reserved_to_gpl,
    helpers_that_do_not_exist,
    helpers_of_other_types,
    references_to_maps,
    one_map_many_times,
    references_by_index,
    logs,
    logs_that_are_too_small,
    log_arguments,
    expected_attach_types,
];

const BOTH: [ProgType; 2] = [ProgType::XDP, ProgType::SCHED_CLS];

fn command<'a>(prog_type: ProgType, insns: &'a [u8]) -> ProgLoad<'a> {
    ProgLoad {
        prog_type,
        insn_cnt: (insns.len() / Insn::SIZE) as u32,
        insns: UserIn::new(insns),
        license: UserIn::new(b"GPL\0"),
        ..Default::default()
    }
}

fn load_command(s: &System, mut cmd: ProgLoad<'_>) -> Result<()> {
    s.bpf.prog_load(&mut cmd).map(|fd| drop(s.own(fd)))
}

fn attempt(s: &System, prog_type: ProgType, insns: &[Insn]) -> Result<()> {
    s.try_prog(prog_type, insns).map(drop)
}

fn pass() -> Vec<u8> {
    Insn::encode_all(&[mov_imm(R0, 2), exit()])
}

fn instruction_counts(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        let with = |insn_cnt| {
            load_command(
                s,
                ProgLoad {
                    insn_cnt,
                    ..command(prog_type, &bytes)
                },
            )
        };
        assert_eq!(with(0), Err(Errno::E2BIG), "{prog_type}");
        assert_eq!(with(2), Ok(()), "{prog_type}");
        assert_eq!(with(1), Err(Errno::EINVAL), "{prog_type}");
        for many in [1_000_001, 1 << 31, u32::MAX] {
            assert_eq!(with(many), Err(Errno::E2BIG), "{prog_type} {many}");
        }
    }
}

fn instructions_that_are_not_there(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        let cmd = ProgLoad {
            insn_cnt: 3,
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), Err(Errno::EFAULT), "{prog_type}");
        let cmd = ProgLoad {
            insns: UserIn::NULL,
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), Err(Errno::EFAULT), "{prog_type}");
        let cmd = ProgLoad {
            insns: UserIn::new(&bytes[..15]),
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), Err(Errno::EFAULT), "{prog_type}");
    }
}

fn unknown_program_types(s: &System) {
    for number in [0, 33, 34, 100, 1 << 31, u32::MAX] {
        let bytes = pass();
        let answer = load_command(s, command(ProgType(number), &bytes));
        assert_eq!(answer, Err(Errno::EINVAL), "{number}");
    }
}

fn flags(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        for bit in 0..32 {
            let cmd = ProgLoad {
                prog_flags: 1 << bit,
                ..command(prog_type, &bytes)
            };
            let cmd = ProgLoad {
                prog_token_fd: Fd(-1),
                ..cmd
            };
            let expected = match bit {
                // STRICT and ANY_ALIGNMENT, TEST_RND_HI32, TEST_STATE_FREQ,
                // TEST_REG_INVARIANTS
                0..=3 | 7 => Ok(()),
                // XDP_HAS_FRAGS, XDP_DEV_BOUND_ONLY: of no device, and of any type
                5 | 6 => Ok(()),
                // TOKEN_FD, of a descriptor that is not open
                16 => Err(Errno::EBADF),
                _ => Err(Errno::EINVAL),
            };
            assert_eq!(load_command(s, cmd), expected, "{prog_type} bit {bit}");
        }
    }
}

fn names(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        let with = |name: &[u8]| {
            let mut all = [0; Name::LEN];
            all[..name.len()].copy_from_slice(name);
            let prog_name = Name::from_bytes(all);
            load_command(
                s,
                ProgLoad {
                    prog_name,
                    ..command(prog_type, &bytes)
                },
            )
        };
        for name in [&b""[..], b"a", b"fifteen.letters", b"a\0-"] {
            assert_eq!(with(name), Ok(()), "{prog_type} {name:?}");
        }
        for name in [&b"sixteen_letters_"[..], b"a b", b"-", b"a\xd7"] {
            assert_eq!(with(name), Err(Errno::EINVAL), "{prog_type} {name:?}");
        }
    }
}

fn licenses(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        let long = [b'x'; 200];
        for license in [
            &b"GPL\0"[..],
            b"\0",
            b"Proprietary\0",
            b"Dual BSD/GPL\0",
            &long,
        ] {
            let cmd = ProgLoad {
                license: UserIn::new(license),
                ..command(prog_type, &bytes)
            };
            assert_eq!(load_command(s, cmd), Ok(()), "{prog_type} {license:?}");
        }
    }
}

fn licenses_that_are_not_there(s: &System) {
    let bytes = pass();
    for prog_type in BOTH {
        let cmd = ProgLoad {
            license: UserIn::NULL,
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), Err(Errno::EFAULT), "{prog_type}");
        let cmd = ProgLoad {
            license: UserIn::new(b"GPL"),
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), Err(Errno::EFAULT), "{prog_type}");
    }
}

/// trace_printk of a one-byte format.
fn printing() -> Vec<u8> {
    Insn::encode_all(&[
        store_imm(op::DW, R10, -8, 0),
        mov(R1, R10),
        alu_imm(op::ADD, R1, -8),
        mov_imm(R2, 1),
        helper(6),
        mov_imm(R0, 2),
        exit(),
    ])
}

fn helpers_reserved_to_gpl(s: &System) {
    let bytes = printing();
    for prog_type in BOTH {
        for (license, expected) in [
            (&b"GPL\0"[..], Ok(())),
            (b"GPL v2\0", Ok(())),
            (b"GPL and additional rights\0", Ok(())),
            (b"Dual BSD/GPL\0", Ok(())),
            (b"Dual MIT/GPL\0", Ok(())),
            (b"Dual MPL/GPL\0", Ok(())),
            (b"gpl\0", Err(Errno::EINVAL)),
            (b"GPL \0", Err(Errno::EINVAL)),
            (b"GPLv2\0", Err(Errno::EINVAL)),
            (b"MIT\0", Err(Errno::EINVAL)),
            (b"Proprietary\0", Err(Errno::EINVAL)),
            (b"\0", Err(Errno::EINVAL)),
        ] {
            let cmd = ProgLoad {
                license: UserIn::new(license),
                ..command(prog_type, &bytes)
            };
            assert_eq!(load_command(s, cmd), expected, "{prog_type} {license:?}");
        }
    }
}

fn helpers_that_do_not_exist(s: &System) {
    for prog_type in BOTH {
        for number in [0, 212, 1000, 100_000_000, -1, i32::MIN] {
            let insns = [mov_imm(R0, 0), helper(number), mov_imm(R0, 0), exit()];
            assert_eq!(
                attempt(s, prog_type, &insns),
                Err(Errno::EINVAL),
                "{prog_type} {number}"
            );
        }
        // Such numbers stand where a loader found out that no run comes.
        for number in [0x0bad_2310, i32::MAX] {
            let insns = [mov_imm(R0, 0), helper(number), mov_imm(R0, 0), exit()];
            s.refuse_program(prog_type, &insns, Errno::EINVAL);
        }
    }
}

/// A helper of packets of the other type.
fn helpers_of_other_types(s: &System) {
    for (prog_type, number) in [
        (ProgType::SCHED_CLS, 44),
        (ProgType::SCHED_CLS, 54),
        (ProgType::SCHED_CLS, 65),
        (ProgType::SCHED_CLS, 188),
        (ProgType::XDP, 9),
        (ProgType::XDP, 10),
        (ProgType::XDP, 11),
        (ProgType::XDP, 26),
        (ProgType::XDP, 39),
    ] {
        let insns = [
            mov_imm(R2, 0),
            mov_imm(R3, 0),
            mov_imm(R4, 0),
            mov_imm(R5, 0),
            helper(number),
            mov_imm(R0, 0),
            exit(),
        ];
        assert_eq!(
            attempt(s, prog_type, &insns),
            Err(Errno::EINVAL),
            "{prog_type} {number}"
        );
    }
}

fn reference(src: u8, low: i32, high: i32) -> Vec<Insn> {
    vec![
        Insn::new(op::LD | op::IMM | op::DW, R1, src, 0, low),
        Insn::new(0, 0, 0, 0, high),
        mov_imm(R0, 0),
        exit(),
    ]
}

fn references_to_maps(s: &System) {
    for attr in FOUR {
        let map = s.map(attr);
        let fd = map.fd().0;
        for prog_type in BOTH {
            let load = |insns: Vec<Insn>| attempt(s, prog_type, &insns);
            assert_eq!(load(reference(pseudo::MAP_FD, fd, 0)), Ok(()), "{attr:?}");
            assert_eq!(
                load(reference(pseudo::MAP_FD, fd, 1)),
                Err(Errno::EINVAL),
                "{attr:?}"
            );
            assert_eq!(
                load(reference(pseudo::MAP_FD, -1, 0)),
                Err(Errno::EBADF),
                "{attr:?}"
            );
            assert_eq!(
                load(reference(pseudo::MAP_VALUE, -1, 0)),
                Err(Errno::EBADF),
                "{attr:?}"
            );
        }
    }
    let prog = s.prog(ProgType::XDP, &[mov_imm(R0, 0), exit()]);
    let insns = reference(pseudo::MAP_FD, prog.fd().0, 0);
    assert_eq!(attempt(s, ProgType::XDP, &insns), Err(Errno::EINVAL));
}

/// Sixty-four maps are the most a program may use; one counts once.
fn one_map_many_times(s: &System) {
    let maps: Vec<OwnedFd> = (0..65).map(|_| s.map(ARRAY)).collect();
    let using = |maps: &mut dyn Iterator<Item = &OwnedFd>| {
        let mut insns: Vec<Insn> = maps.flat_map(|map| ld_map(R1, map)).collect();
        insns.extend([mov_imm(R0, 0), exit()]);
        s.try_prog(ProgType::XDP, &insns)
    };
    let prog = using(&mut maps.iter().take(64)).expect("64 maps");
    let info = ProgInfo::get(&*s.bpf, prog.fd()).expect("information");
    assert_eq!(info.nr_map_ids, 64);
    assert_eq!(using(&mut maps.iter()).map(drop), Err(Errno::E2BIG));
    let prog = using(&mut maps.iter().take(1).cycle().take(100)).expect("one map");
    let info = ProgInfo::get(&*s.bpf, prog.fd()).expect("information");
    assert_eq!(info.nr_map_ids, 1);
}

/// Descriptors in an array beside the program.
fn references_by_index(s: &System) {
    let (one, two) = (
        s.map(HASH),
        s.map(MapAttr {
            max_entries: 1,
            ..ARRAY
        }),
    );
    assert_eq!(s.update(&two, 0, &[9; 8], 0), Ok(()));
    let fds: Vec<u8> = [one.fd().0, two.fd().0]
        .iter()
        .flat_map(|fd| fd.to_ne_bytes())
        .collect();
    let load = |insns: &[Insn], fds: UserIn<'_>| {
        let bytes = Insn::encode_all(insns);
        let fd = s.bpf.prog_load(&mut ProgLoad {
            fd_array: fds,
            ..command(ProgType::XDP, &bytes)
        })?;
        Ok(s.own(fd))
    };
    let insns = reference(pseudo::MAP_IDX, 0, 0);
    assert_eq!(load(&insns, UserIn::new(&fds)).map(drop), Ok(()));
    assert_eq!(load(&insns, UserIn::NULL).map(drop), Err(Errno::EPROTO));
    let insns = reference(pseudo::MAP_IDX, 2, 0);
    assert_eq!(
        load(&insns, UserIn::new(&fds)).map(drop),
        Err(Errno::EFAULT)
    );
    let insns = vec![
        Insn::new(op::LD | op::IMM | op::DW, R1, pseudo::MAP_IDX_VALUE, 0, 1),
        Insn::new(0, 0, 0, 0, 0),
        crate::asm::load(op::B, R0, R1, 0),
        exit(),
    ];
    let prog = load(&insns, UserIn::new(&fds)).expect("a program");
    assert_eq!(s.run(&prog, &[0; 64]), Ok(9));
}

/// Loads with a log; what it answers, the true size, the text.
fn with_log(s: &System, insns: &[Insn], level: u32, room: usize) -> (Result<()>, u32, String) {
    let bytes = Insn::encode_all(insns);
    let mut log = vec![0xdd; room];
    let mut cmd = ProgLoad {
        log_level: level,
        log_size: room as u32,
        log_buf: UserOut::new(&mut log),
        ..command(ProgType::XDP, &bytes)
    };
    let answer = s.bpf.prog_load(&mut cmd).map(|fd| drop(s.own(fd)));
    let size = cmd.log_true_size;
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(0);
    (
        answer,
        size,
        String::from_utf8_lossy(&log[..end]).into_owned(),
    )
}

/// A refused program's log has a line, a NUL and its true size.
fn logs(s: &System) {
    let bad = [mov_imm(R0, 0), goto(100), exit()];
    let (answer, size, text) = with_log(s, &bad, 1, 4096);
    assert_eq!(answer, Err(Errno::EINVAL));
    assert!(text.ends_with('\n'), "{text:?}");
    assert_eq!(size as usize, text.len() + 1, "{text:?}");
    let (answer, size, _) = with_log(s, &[mov_imm(R0, 2), exit()], 1, 4096);
    assert_eq!(answer, Ok(()));
    assert!(size <= 4096);
}

fn logs_that_are_too_small(s: &System) {
    let bad = [mov_imm(R0, 0), goto(100), exit()];
    let (_, whole, text) = with_log(s, &bad, 1, 4096);
    let (answer, size, cut) = with_log(s, &bad, 1, whole as usize);
    assert_eq!((answer, size), (Err(Errno::EINVAL), whole));
    assert_eq!(cut, text);
    let (answer, size, cut) = with_log(s, &bad, 1, 8);
    assert_eq!((answer, size), (Err(Errno::ENOSPC), whole));
    // The log's end is what is kept, with its NUL.
    assert_eq!(cut.len(), 7);
    assert!(text.ends_with(&cut), "{text:?} {cut:?}");
}

fn log_arguments(s: &System) {
    let bytes = pass();
    let mut room = [0; 4096];
    let mut load = |log_level, log_size, null: bool| {
        let log_buf = if null {
            UserOut::default()
        } else {
            UserOut::new(&mut room)
        };
        load_command(
            s,
            ProgLoad {
                log_level,
                log_size,
                log_buf,
                ..command(ProgType::XDP, &bytes)
            },
        )
    };
    for (level, size, null, expected) in [
        (0, 0, true, Ok(())),
        (0, 4096, false, Err(Errno::EINVAL)),
        (0, 4096, true, Err(Errno::EINVAL)),
        (1, 4096, true, Err(Errno::EINVAL)),
        (1, 0, false, Err(Errno::EINVAL)),
        (1, 0, true, Ok(())),
        (1, 4096, false, Ok(())),
        (2, 4096, false, Ok(())),
        (4, 4096, false, Ok(())),
        (8, 4096, false, Ok(())),
        (16, 4096, false, Err(Errno::EINVAL)),
        (1, u32::MAX, false, Err(Errno::EINVAL)),
    ] {
        assert_eq!(
            load(level, size, null),
            expected,
            "level {level} size {size} null {null}"
        );
    }
}

fn expected_attach_types(s: &System) {
    let bytes = pass();
    for (prog_type, number, expected) in [
        (ProgType::XDP, 0, Ok(())),
        (ProgType::XDP, 37, Ok(())),
        (ProgType::XDP, 33, Ok(())),
        (ProgType::XDP, 35, Ok(())),
        (ProgType::XDP, 1000, Ok(())),
        (ProgType::SCHED_CLS, 0, Ok(())),
        (ProgType::SCHED_CLS, 46, Ok(())),
        (ProgType::SCHED_CLS, 47, Ok(())),
        (ProgType::SCHED_CLS, 37, Ok(())),
    ] {
        let cmd = ProgLoad {
            expected_attach_type: AttachType(number),
            ..command(prog_type, &bytes)
        };
        assert_eq!(load_command(s, cmd), expected, "{prog_type} {number}");
    }
}
