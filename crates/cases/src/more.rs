//! What programs and maps keep of each other: bindings, tags, masks of indices;
//! and runs over packets of several buffers.
//!
//! Answers to: bpf_prog_bind_map in kernel/bpf/syscall.c, kernel/bpf/core.c,
//! kernel/bpf/arraymap.c, net/bpf/test_run.c.

use crate::asm::*;
use crate::helpers::{answer, code, with_key};
use crate::program;
use crate::raw::{DATA_AT, bytes, from, to};
use crate::system::*;
use crate::test_run::{Ask, run};
use skep::abi::insn::op;
use skep::abi::*;

cases![
    a_bound_map_lives_with_its_program,
    bindings_that_are_refused,
    a_program_s_tag,
    indices_of_odd_arrays,
    a_short_load_attribute,
    the_log_s_true_size,
    repeated_moves_of_the_head,
    metadata_that_a_program_makes,
    pointers_after_a_move,
    packets_of_several_buffers,
    the_same_program_from_two_threads,
];

const PASS: [Insn; 2] = [
    Insn::new(op::ALU64 | op::MOV | op::K, R0, 0, 0, 2),
    Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0),
];

fn bind(s: &System, prog: Fd, map: Fd, flags: u32) -> Result<()> {
    s.bpf.prog_bind_map(&mut ProgBindMap { prog, map, flags })
}

fn a_bound_map_lives_with_its_program(s: &System) {
    for attr in FOUR {
        let (prog, map) = (s.prog(ProgType::XDP, &PASS), s.map(attr));
        let count = || ProgInfo::get(&*s.bpf, prog.fd()).map(|info| info.nr_map_ids);
        assert_eq!(count(), Ok(0));
        assert_eq!(bind(s, prog.fd(), map.fd(), 0), Ok(()));
        assert_eq!(bind(s, prog.fd(), map.fd(), 0), Ok(()));
        assert_eq!(count(), Ok(1));
        let id = MapInfo::get(&*s.bpf, map.fd()).expect("information").id;
        drop(map);
        let again = s
            .bpf
            .map_get_fd_by_id(&mut MapGetFdById { id, open_flags: 0 });
        drop(s.own(again.expect("the program's map")));
    }
}

fn bindings_that_are_refused(s: &System) {
    let (prog, map) = (s.prog(ProgType::XDP, &PASS), s.map(HASH));
    let absent = Fd(i32::MAX);
    assert_eq!(bind(s, prog.fd(), map.fd(), 1), Err(Errno::EINVAL));
    assert_eq!(bind(s, absent, absent, 1), Err(Errno::EINVAL));
    assert_eq!(bind(s, absent, map.fd(), 0), Err(Errno::EBADF));
    assert_eq!(bind(s, prog.fd(), absent, 0), Err(Errno::EBADF));
    assert_eq!(bind(s, map.fd(), map.fd(), 0), Err(Errno::EINVAL));
    assert_eq!(bind(s, prog.fd(), prog.fd(), 0), Err(Errno::EINVAL));
}

/// A tag is made of the instructions, whatever the program is called; of a map's
/// descriptor nothing is in it.
fn a_program_s_tag(s: &System) {
    let tag = |insns: &[Insn]| {
        let prog = s.prog(ProgType::XDP, insns);
        ProgInfo::get(&*s.bpf, prog.fd()).expect("information").tag
    };
    assert_eq!(tag(&PASS), tag(&PASS));
    assert_eq!(
        tag(&[mov_imm(R0, 0), exit()]),
        [89, 244, 169, 49, 116, 77, 205, 198]
    );
    let (one, two) = (s.map(HASH), s.map(ARRAY));
    let using = |map: &OwnedFd| program![ld_map(R1, map), mov_imm(R0, 2), exit()];
    assert_eq!(tag(&using(&one)), tag(&using(&two)));
    assert_ne!(tag(&using(&one)), tag(&PASS));
}

/// No index past the last reaches an element, whatever the mask of the size is.
fn indices_of_odd_arrays(s: &System) {
    for attr in [ARRAY, PERCPU_ARRAY] {
        for max_entries in [1u32, 2, 3, 5, 7, 9, 100] {
            let map = s.map(MapAttr {
                max_entries,
                ..attr
            });
            for key in 0..max_entries {
                assert_eq!(s.update(&map, key, &s.user_value(attr, 7), 0), Ok(()));
            }
            let next = max_entries.next_power_of_two();
            for (key, there) in [
                (0, true),
                (max_entries - 1, true),
                (max_entries, false),
                (max_entries + 1, false),
                (next, false),
                (next * 2, false),
                (u32::MAX, false),
            ] {
                let insns = program![
                    with_key(&map, key as i32),
                    helper(1),
                    jump_imm(op::JEQ, R0, 0, 1),
                    load(op::W, R0, R0, 0),
                    exit(),
                ];
                let expected = if there { 7 } else { 0 };
                assert_eq!(
                    answer(s, insns),
                    expected,
                    "{attr:?} {key} of {max_entries}"
                );
            }
        }
    }
}

/// An attribute from before most of its fields.
fn a_short_load_attribute(s: &System) {
    let mut raw = s.raw();
    raw.put(DATA_AT, &Insn::encode_all(&PASS));
    raw.put(DATA_AT + 64, b"GPL\0");
    let attr = bytes(&mut ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 2,
        insns: from(raw.addr(DATA_AT)),
        license: from(raw.addr(DATA_AT + 64)),
        ..Default::default()
    });
    for size in [24, 28, 48, 72, 120, 144, 168, 4096] {
        let fd = raw.call(Cmd::PROG_LOAD, &attr, size);
        raw.close(fd.unwrap_or_else(|errno| panic!("{size}: {errno}")));
    }
    // Without the license, without the instructions, without their count.
    for (size, errno) in [(16, Errno::EFAULT), (8, Errno::EFAULT), (4, Errno::E2BIG)] {
        assert_eq!(raw.call(Cmd::PROG_LOAD, &attr, size), Err(errno), "{size}");
    }
}

/// log_true_size is written where the attribute given holds it.
fn the_log_s_true_size(s: &System) {
    let mut raw = s.raw();
    raw.put(DATA_AT, &Insn::encode_all(&[goto(50), exit()]));
    raw.put(DATA_AT + 64, b"GPL\0");
    let attr = bytes(&mut ProgLoad {
        prog_type: ProgType::XDP,
        insn_cnt: 2,
        insns: from(raw.addr(DATA_AT)),
        license: from(raw.addr(DATA_AT + 64)),
        log_level: 1,
        log_size: 1024,
        log_buf: to(raw.addr(DATA_AT + 128)),
        log_true_size: 0x1234,
        ..Default::default()
    });
    assert_eq!(raw.call(Cmd::PROG_LOAD, &attr, 168), Err(Errno::EINVAL));
    let log = raw.get(DATA_AT + 128, 1024);
    let len = log
        .iter()
        .position(|&byte| byte == 0)
        .expect("a log that ends");
    assert!(len > 0);
    assert_eq!(raw.get_u32(140) as usize, len + 1);
    assert_eq!(raw.call(Cmd::PROG_LOAD, &attr, 140), Err(Errno::EINVAL));
    assert_eq!(raw.get_u32(140), 0x1234);
}

/// Each run of a repeated one goes on with what the last one left.
fn repeated_moves_of_the_head(s: &System) {
    let prog = s.prog(ProgType::XDP, &program![mov_imm(R2, 4), helper(44), exit()]);
    let data: Vec<u8> = (0..64).collect();
    let back = run(
        s,
        &prog,
        &data,
        Ask {
            repeat: 3,
            room: 64,
            ..Default::default()
        },
    );
    assert_eq!((back.answer, back.retval, back.size), (Ok(()), 0, 52));
    assert_eq!(back.data[..52], data[12..]);
    let back = run(
        s,
        &prog,
        &data,
        Ask {
            repeat: 20,
            room: 64,
            ..Default::default()
        },
    );
    // The thirteenth and later ones would leave less than a header.
    assert_eq!(
        (back.answer, back.retval as i32, back.size),
        (Ok(()), code(Errno::EINVAL), 16)
    );
}

/// Four bytes of metadata, written and read before the packet.
fn metadata_that_a_program_makes(s: &System) {
    let insns = program![
        mov(R6, R1),
        mov_imm(R2, -4),
        helper(54),
        jump_imm(op::JEQ, R0, 0, 1),
        exit(),
        load(op::W, R2, R6, 8),
        load(op::W, R3, R6, 0),
        mov(R4, R2),
        alu_imm(op::ADD, R4, 4),
        jump(op::JGT, R4, R3, 3),
        store_imm(op::W, R2, 0, 0x5566),
        load(op::W, R0, R2, 0),
        exit(),
        mov_imm(R0, 1),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    let data: Vec<u8> = (0..64).collect();
    let (returned, out) = s.run_out(&prog, &data).expect("a run");
    assert_eq!((returned, out.len()), (0x5566, 68));
    assert_eq!(out[..4], 0x5566u32.to_ne_bytes());
    assert_eq!(out[4..], data);
}

/// After the head has moved, pointers are taken anew: the first byte is another.
fn pointers_after_a_move(s: &System) {
    let first = |after: Vec<Insn>| {
        program![
            mov(R6, R1),
            after,
            load(op::W, R2, R6, 0),
            load(op::W, R3, R6, 4),
            mov(R4, R2),
            alu_imm(op::ADD, R4, 1),
            jump(op::JGT, R4, R3, 2),
            load(op::B, R0, R2, 0),
            exit(),
            mov_imm(R0, 1000),
            exit(),
        ]
    };
    let data: Vec<u8> = (10..74).collect();
    for (moved, expected) in [(0, 10), (5, 15), (-3, 0)] {
        let prog = s.prog(
            ProgType::XDP,
            &first(program![mov_imm(R2, moved), helper(44)]),
        );
        assert_eq!(s.run(&prog, &data), Ok(expected), "{moved}");
    }
    // The old pointer is not the program's any more.
    let stale = program![
        mov(R6, R1),
        load(op::W, R7, R6, 0),
        load(op::W, R3, R6, 4),
        mov(R4, R7),
        alu_imm(op::ADD, R4, 1),
        jump(op::JGT, R4, R3, 3),
        mov(R1, R6),
        mov_imm(R2, 4),
        helper(44),
        load(op::B, R0, R7, 0),
        exit(),
    ];
    let mut insns = stale;
    insns[5].off = 5;
    insns.extend([mov_imm(R0, 0), exit()]);
    s.refuse_program(ProgType::XDP, &insns, Errno::EACCES);
}

/// What does not fit the first buffer is reached by helpers.
fn packets_of_several_buffers(s: &System) {
    let data: Vec<u8> = (0..9000u32).map(|at| (at / 7) as u8).collect();
    let length = s.prog(ProgType::XDP, &program![helper(188), exit()]);
    assert_eq!(s.run(&length, &data), Ok(9000));
    for off in [0usize, 3515, 3519, 3520, 5000, 8996] {
        let insns = program![
            mov_imm(R2, off as i32),
            mov(R3, R10),
            alu_imm(op::ADD, R3, -8),
            mov_imm(R4, 4),
            helper(189),
            jump_imm(op::JNE, R0, 0, 1),
            load(op::W, R0, R10, -8),
            exit(),
        ];
        let prog = s.prog(ProgType::XDP, &insns);
        let mut word = [0; 4];
        word.copy_from_slice(&data[off..off + 4]);
        assert_eq!(s.run(&prog, &data), Ok(u32::from_ne_bytes(word)), "{off}");
    }
}

/// Runs at the same time do not disturb each other's stacks and packets.
fn the_same_program_from_two_threads(s: &System) {
    let insns = program![
        load(op::W, R6, R1, 0),
        load(op::W, R3, R1, 4),
        mov(R4, R6),
        alu_imm(op::ADD, R4, 14),
        jump(op::JGT, R4, R3, 8),
        load(op::W, R5, R6, 0),
        store(op::DW, R10, -8, R5),
        mov_imm(R7, 50),
        load(op::DW, R5, R10, -8),
        alu_imm(op::ADD, R5, 1),
        store(op::DW, R10, -8, R5),
        alu_imm(op::SUB, R7, 1),
        jump_imm(op::JNE, R7, 0, -5),
        load(op::DW, R0, R10, -8),
        exit(),
    ];
    let mut insns = insns;
    insns[4].off = 10;
    insns.extend([mov_imm(R0, 0), exit()]);
    let prog = s.prog(ProgType::XDP, &insns);
    std::thread::scope(|scope| {
        for thread in 0..2u32 {
            let prog = &prog;
            scope.spawn(move || {
                for round in 0..100u32 {
                    let start = thread * 1000 + round;
                    let mut packet = [0; 64];
                    packet[..4].copy_from_slice(&start.to_ne_bytes());
                    assert_eq!(s.run(prog, &packet), Ok(start + 50));
                }
            });
        }
    });
}
