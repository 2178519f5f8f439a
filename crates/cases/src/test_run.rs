//! PROG_TEST_RUN: what is taken, what is given back.
//!
//! Answers to: bpf_prog_test_run in kernel/bpf/syscall.c, net/bpf/test_run.c.

use crate::asm::*;
use crate::program;
use crate::raw::{DATA_AT, NOWHERE, from, to};
use crate::system::*;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    packet_sizes_of_xdp,
    packet_sizes_of_sched_cls,
    packets_longer_than_a_buffer,
    headers_of_ip,
    any_return_value,
    data_comes_back,
    room_that_is_too_small,
    no_room,
    repeats,
    repeats_of_a_program_that_changes_the_packet,
    flags_of_xdp,
    flags_of_sched_cls,
    a_complete_checksum_is_asked_for,
    cpus_and_batches,
    bad_addresses,
    contexts_without_length,
    packet_types,
    outputs_of_a_raw_call,
    types_that_cannot_be_run,
];

const BOTH: [ProgType; 2] = [ProgType::XDP, ProgType::SCHED_CLS];

pub fn pass(s: &System, prog_type: ProgType) -> OwnedFd {
    s.prog(prog_type, &[mov_imm(R0, 2), exit()])
}

/// What is asked besides the packet.
#[derive(Clone, Copy, Default)]
pub struct Ask<'a> {
    pub ctx: Option<&'a [u8]>,
    pub ctx_room: usize,
    pub room: usize,
    pub repeat: u32,
    pub flags: u32,
    pub cpu: u32,
    pub batch: u32,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub struct Back {
    pub answer: Result<()>,
    pub retval: u32,
    pub size: u32,
    pub data: Vec<u8>,
    pub ctx_size: u32,
    pub ctx: Vec<u8>,
}

pub fn run(s: &System, prog: &OwnedFd, data: &[u8], ask: Ask<'_>) -> Back {
    let (mut room, mut ctx_room) = (vec![0xdd; ask.room], vec![0xdd; ask.ctx_room]);
    let mut cmd = ProgTestRun {
        prog: prog.fd(),
        data_size_in: data.len() as u32,
        data_in: UserIn::new(data),
        repeat: ask.repeat,
        flags: ask.flags,
        cpu: ask.cpu,
        batch_size: ask.batch,
        ..Default::default()
    };
    if let Some(ctx) = ask.ctx {
        cmd.ctx_in = UserIn::new(ctx);
        cmd.ctx_size_in = ctx.len() as u32;
    }
    if ask.room > 0 {
        cmd.data_size_out = ask.room as u32;
        cmd.data_out = UserOut::new(&mut room);
    }
    if ask.ctx_room > 0 {
        cmd.ctx_size_out = ask.ctx_room as u32;
        cmd.ctx_out = UserOut::new(&mut ctx_room);
    }
    let answer = s.bpf.prog_test_run(&mut cmd);
    let (retval, size, ctx_size) = (cmd.retval, cmd.data_size_out, cmd.ctx_size_out);
    Back {
        answer,
        retval,
        size,
        data: room,
        ctx_size,
        ctx: ctx_room,
    }
}

fn answers(s: &System, prog: &OwnedFd, len: usize) -> Result<()> {
    run(s, prog, &vec![0xaa; len], Ask::default()).answer
}

fn packet_sizes_of_xdp(s: &System) {
    let prog = pass(s, ProgType::XDP);
    for len in [0, 1, 13] {
        assert_eq!(answers(s, &prog, len), Err(Errno::EINVAL), "{len}");
    }
    for len in [14, 15, 60, 1514, 3519, 3520, 3521, 5000, 9000, 65535, 65536] {
        assert_eq!(answers(s, &prog, len), Ok(()), "{len}");
    }
}

fn packet_sizes_of_sched_cls(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    for len in [0, 1, 13, 3713, 4096, 5000, 65536] {
        assert_eq!(answers(s, &prog, len), Err(Errno::EINVAL), "{len}");
    }
    for len in [14, 15, 60, 1514, 3712] {
        assert_eq!(answers(s, &prog, len), Ok(()), "{len}");
    }
}

/// An XDP program sees what lies in the first buffer; all of it comes back.
fn packets_longer_than_a_buffer(s: &System) {
    let insns = [
        load(op::W, R2, R1, 0),
        load(op::W, R0, R1, 4),
        alu(op::SUB, R0, R2),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    for (len, seen) in [(14, 14), (3520, 3520), (3521, 3520), (9000, 3520)] {
        let data: Vec<u8> = (0..len).map(|at| (at >> 4) as u8).collect();
        let back = run(
            s,
            &prog,
            &data,
            Ask {
                room: len,
                ..Default::default()
            },
        );
        assert_eq!((back.answer, back.retval), (Ok(()), seen), "{len}");
        assert!(back.data == data && back.size as usize == len, "{len}");
    }
}

/// A packet that says it is IPv4 or IPv6 must have room for that header.
fn headers_of_ip(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    for (ethertype, header) in [([8, 0], 20), ([0x86, 0xdd], 40)] {
        for more in [0, 1, header - 1, header, header + 1] {
            let mut packet = vec![0; 14 + more];
            packet[12..14].copy_from_slice(&ethertype);
            let expected = if more < header {
                Err(Errno::EINVAL)
            } else {
                Ok(())
            };
            let answer = run(s, &prog, &packet, Ask::default()).answer;
            assert_eq!(answer, expected, "{ethertype:x?} {more}");
            let xdp = pass(s, ProgType::XDP);
            assert_eq!(
                run(s, &xdp, &packet, Ask::default()).answer,
                Ok(()),
                "{ethertype:x?}"
            );
        }
    }
}

fn any_return_value(s: &System) {
    for prog_type in BOTH {
        for value in [0, 1, 2, 77, -1, i32::MIN, i32::MAX] {
            let prog = s.prog(prog_type, &[mov_imm(R0, value), exit()]);
            assert_eq!(
                s.run(&prog, &[0; 64]),
                Ok(value as u32),
                "{prog_type} {value}"
            );
        }
    }
}

fn data_comes_back(s: &System) {
    let data: Vec<u8> = (0..100).collect();
    for prog_type in BOTH {
        let prog = pass(s, prog_type);
        let back = run(
            s,
            &prog,
            &data,
            Ask {
                room: 150,
                ..Default::default()
            },
        );
        assert_eq!(
            (back.answer, back.retval, back.size),
            (Ok(()), 2, 100),
            "{prog_type}"
        );
        assert_eq!(back.data[..100], data, "{prog_type}");
        assert!(
            back.data[100..].iter().all(|&byte| byte == 0xdd),
            "{prog_type}"
        );
    }
}

fn room_that_is_too_small(s: &System) {
    let data: Vec<u8> = (0..100).collect();
    for prog_type in BOTH {
        let prog = pass(s, prog_type);
        for room in [1, 50, 99] {
            let back = run(
                s,
                &prog,
                &data,
                Ask {
                    room,
                    ..Default::default()
                },
            );
            assert_eq!(back.answer, Err(Errno::ENOSPC), "{prog_type} {room}");
            assert_eq!((back.retval, back.size), (2, 100), "{prog_type} {room}");
            assert_eq!(back.data, data[..room], "{prog_type} {room}");
        }
    }
}

fn no_room(s: &System) {
    for prog_type in BOTH {
        let prog = pass(s, prog_type);
        let back = run(s, &prog, &[0; 64], Ask::default());
        assert_eq!(
            (back.answer, back.retval, back.size),
            (Ok(()), 2, 64),
            "{prog_type}"
        );
    }
}

/// A map counts the runs.
fn repeats(s: &System) {
    for prog_type in BOTH {
        let map = s.map(MapAttr {
            max_entries: 1,
            ..ARRAY
        });
        let insns = program![
            ld_map_value(R6, &map, 0),
            load(op::DW, R1, R6, 0),
            alu_imm(op::ADD, R1, 1),
            store(op::DW, R6, 0, R1),
            mov_imm(R0, 2),
            exit(),
        ];
        let prog = s.prog(prog_type, &insns);
        let mut total = 0;
        for (repeat, runs) in [(0, 1), (1, 1), (2, 2), (5, 5), (100, 100)] {
            let back = run(
                s,
                &prog,
                &[0; 64],
                Ask {
                    repeat,
                    ..Default::default()
                },
            );
            assert_eq!(back.answer, Ok(()), "{prog_type} {repeat}");
            total += runs;
            assert_eq!(
                s.lookup(&map, 0, 8),
                Ok(s.user_value(ARRAY, total)),
                "{prog_type}"
            );
        }
    }
}

/// Each run goes on with the packet that the last one left.
fn repeats_of_a_program_that_changes_the_packet(s: &System) {
    for (prog_type, data, end) in [(ProgType::XDP, 0, 4), (ProgType::SCHED_CLS, 76, 80)] {
        let insns = program![
            load(op::W, R2, R1, data),
            load(op::W, R3, R1, end),
            mov(R4, R2),
            alu_imm(op::ADD, R4, 14),
            jump(op::JGT, R4, R3, 3),
            load(op::B, R5, R2, 0),
            alu_imm(op::ADD, R5, 1),
            store(op::B, R2, 0, R5),
            mov_imm(R0, 2),
            exit(),
        ];
        let prog = s.prog(prog_type, &insns);
        let back = run(
            s,
            &prog,
            &[0; 64],
            Ask {
                repeat: 7,
                room: 64,
                ..Default::default()
            },
        );
        assert_eq!((back.answer, back.data[0]), (Ok(()), 7), "{prog_type}");
    }
}

fn flags_of_xdp(s: &System) {
    let prog = pass(s, ProgType::XDP);
    for bit in (0..32).filter(|&bit| bit != 1) {
        let answer = run(
            s,
            &prog,
            &[0; 64],
            Ask {
                flags: 1 << bit,
                ..Default::default()
            },
        )
        .answer;
        assert_eq!(answer, Err(Errno::EINVAL), "bit {bit}");
    }
}

fn flags_of_sched_cls(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    for bit in (0..32).filter(|&bit| bit != 2) {
        let answer = run(
            s,
            &prog,
            &[0; 64],
            Ask {
                flags: 1 << bit,
                ..Default::default()
            },
        )
        .answer;
        assert_eq!(answer, Err(Errno::EINVAL), "bit {bit}");
    }
}

/// BPF_F_TEST_SKB_CHECKSUM_COMPLETE
fn a_complete_checksum_is_asked_for(s: &System) {
    let prog = pass(s, ProgType::SCHED_CLS);
    let back = run(
        s,
        &prog,
        &[0; 64],
        Ask {
            flags: 4,
            ..Default::default()
        },
    );
    assert_eq!((back.answer, back.retval), (Ok(()), 2));
}

fn cpus_and_batches(s: &System) {
    let (xdp, cls) = (pass(s, ProgType::XDP), pass(s, ProgType::SCHED_CLS));
    let ask = |cpu, batch| Ask {
        cpu,
        batch,
        ..Default::default()
    };
    assert_eq!(run(s, &cls, &[0; 64], ask(1, 0)).answer, Err(Errno::EINVAL));
    assert_eq!(run(s, &cls, &[0; 64], ask(0, 1)).answer, Err(Errno::EINVAL));
    assert_eq!(run(s, &xdp, &[0; 64], ask(0, 1)).answer, Err(Errno::EINVAL));
    // XDP does not look at the cpu.
    assert_eq!(run(s, &xdp, &[0; 64], ask(1, 0)).answer, Ok(()));
}

fn bad_addresses(s: &System) {
    for prog_type in BOTH {
        let prog = pass(s, prog_type);
        let mut raw = s.raw();
        let good = raw.addr(DATA_AT);
        for bad in [0, NOWHERE, raw.end() - 63] {
            let answer = raw.command(&mut ProgTestRun {
                prog: prog.fd(),
                data_size_in: 64,
                data_in: from(bad),
                ..Default::default()
            });
            assert_eq!(answer, Err(Errno::EFAULT), "{prog_type} from {bad:#x}");
            let answer = raw.command(&mut ProgTestRun {
                prog: prog.fd(),
                data_size_in: 64,
                data_in: from(good),
                data_size_out: 64,
                data_out: to(bad),
                ..Default::default()
            });
            let expected = if bad == 0 { Ok(0) } else { Err(Errno::EFAULT) };
            assert_eq!(answer, expected, "{prog_type} to {bad:#x}");
            let answer = raw.command(&mut ProgTestRun {
                prog: prog.fd(),
                data_size_in: 64,
                data_in: from(good),
                ctx_size_in: 64,
                ctx_in: from(bad),
                ..Default::default()
            });
            let expected = if bad == 0 {
                Errno::EINVAL
            } else {
                Errno::EFAULT
            };
            assert_eq!(answer, Err(expected), "{prog_type} context from {bad:#x}");
        }
    }
}

/// A context's address without its length, or the reverse: EINVAL, before the
/// descriptor is looked at.
fn contexts_without_length(s: &System) {
    let mut raw = s.raw();
    let at = raw.addr(DATA_AT);
    for (ctx_in, ctx_size_in, ctx_out, ctx_size_out) in
        [(at, 0, 0, 0), (0, 8, 0, 0), (0, 0, at, 0), (0, 0, 0, 8)]
    {
        let answer = raw.command(&mut ProgTestRun {
            prog: Fd(-1),
            ctx_in: from(ctx_in),
            ctx_size_in,
            ctx_out: to(ctx_out),
            ctx_size_out,
            ..Default::default()
        });
        assert_eq!(answer, Err(Errno::EINVAL), "{ctx_in:#x} {ctx_size_in}");
    }
    assert_eq!(
        raw.command(&mut ProgTestRun {
            prog: Fd(-1),
            ..Default::default()
        }),
        Err(Errno::EBADF)
    );
}

/// By the packet's destination: ours, a group's, another's. The device it is said to
/// come from has no broadcast address but its own.
fn packet_types(s: &System) {
    let prog = s.prog(ProgType::SCHED_CLS, &[load(op::W, R0, R1, 4), exit()]);
    for (destination, expected) in [
        ([0; 6], 0),
        ([1, 0, 0, 0, 0, 0], 2),
        ([0xff; 6], 2),
        ([0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], 2),
        ([0x02, 1, 2, 3, 4, 5], 3),
    ] {
        let mut packet = [0; 64];
        packet[..6].copy_from_slice(&destination);
        assert_eq!(s.run(&prog, &packet), Ok(expected), "{destination:x?}");
    }
}

/// The words written back to the attribute, even past a short one.
fn outputs_of_a_raw_call(s: &System) {
    let prog = pass(s, ProgType::XDP);
    let mut raw = s.raw();
    let at = raw.addr(DATA_AT);
    for size in [24, 32, 40, 76, 168] {
        let attr = crate::raw::bytes(&mut ProgTestRun {
            prog: prog.fd(),
            data_size_in: 64,
            data_in: from(at),
            ..Default::default()
        });
        assert_eq!(raw.call(Cmd::PROG_TEST_RUN, &attr, size), Ok(0), "{size}");
        assert_eq!((raw.get_u32(4), raw.get_u32(12)), (2, 64), "{size}");
    }
    // A repeated run tells how long one took, in nanoseconds, on average.
    let attr = crate::raw::bytes(&mut ProgTestRun {
        prog: prog.fd(),
        data_size_in: 64,
        data_in: from(at),
        repeat: 1000,
        ..Default::default()
    });
    assert_eq!(raw.call(Cmd::PROG_TEST_RUN, &attr, 76), Ok(0));
    assert!(raw.get_u32(36) < 1_000_000, "{} ns", raw.get_u32(36));
}

fn types_that_cannot_be_run(s: &System) {
    let map = s.map(ARRAY);
    let answer = s.bpf.prog_test_run(&mut ProgTestRun {
        prog: map.fd(),
        ..Default::default()
    });
    assert_eq!(answer, Err(Errno::EINVAL));
    let answer = s.bpf.prog_test_run(&mut ProgTestRun {
        prog: Fd(i32::MAX),
        ..Default::default()
    });
    assert_eq!(answer, Err(Errno::EBADF));
}
