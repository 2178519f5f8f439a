//! Program types run by hand: where their packet begins, what of the context they
//! see, which helpers they have, what PROG_TEST_RUN makes of each.
//!
//! Answers to: net/bpf/test_run.c; the is_valid_access and func_proto functions of
//! net/core/filter.c and kernel/trace/bpf_trace.c.

use crate::asm::*;
use crate::system::*;
use crate::test_run::{Ask, run};
use skep::abi::insn::op;
use skep::abi::*;

cases![
    packets_begin,
    lengths,
    contexts_of_packets,
    fields_of_packets,
    fields_of_other_contexts,
    helpers_of_types,
    legacy_loads,
    verdicts,
    addresses_of_a_socket,
    raw_tracepoints,
    syscall_programs,
    lookups,
    types_without_a_test_run,
];

/// Types that see a packet from the network header on.
const NETWORK: [ProgType; 5] = [
    ProgType::SOCKET_FILTER,
    ProgType::CGROUP_SKB,
    ProgType::LWT_IN,
    ProgType::LWT_OUT,
    ProgType::LWT_XMIT,
];

/// Flag of PROG_LOAD.
const SLEEPABLE: u32 = 1 << 4;

fn frame(protocol: u16, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0xa0..0xac).collect();
    bytes.extend(protocol.to_be_bytes());
    bytes.extend(
        (0x45..)
            .take(len.saturating_sub(14))
            .map(|byte: u32| byte as u8),
    );
    bytes.truncate(len);
    bytes
}

/// Loads a program for the hook that its type has first.
fn load_as(s: &System, prog_type: ProgType, insns: &[Insn]) -> Result<OwnedFd> {
    let hook = match prog_type {
        ProgType::SK_LOOKUP => AttachType::SK_LOOKUP,
        _ => AttachType::CGROUP_INET_INGRESS,
    };
    load_for(s, prog_type, hook, insns)
}

fn load_for(s: &System, prog_type: ProgType, hook: AttachType, insns: &[Insn]) -> Result<OwnedFd> {
    let bytes = Insn::encode_all(insns);
    let sleepable = prog_type == ProgType::SYSCALL;
    let fd = s.bpf.prog_load(&mut ProgLoad {
        prog_type,
        expected_attach_type: hook,
        prog_flags: if sleepable { SLEEPABLE } else { 0 },
        insn_cnt: insns.len() as u32,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        ..Default::default()
    })?;
    Ok(s.own(fd))
}

/// Whether the system lets a program be: Linux tells when it is loaded, the engine
/// when it runs.
fn lets(s: &System, prog_type: ProgType, insns: &[Insn]) -> bool {
    let Ok(prog) = load_as(s, prog_type, insns) else {
        return false;
    };
    let Host::Engine(engine) = &s.host else {
        return true;
    };
    let runner = engine.program(prog.fd()).unwrap();
    let mut packet = skep::engine::run::PacketBuf::new();
    let packets = runner.kind().takes_packets;
    let filled = match prog_type {
        _ if packets => runner.fill(&mut packet, &frame(0x0800, 64), None),
        ProgType::SK_LOOKUP => runner.fill(&mut packet, &[], Some(&[0, 0, 0, 0, 0, 0, 0, 0, 2])),
        ProgType::RAW_TRACEPOINT => runner.fill(&mut packet, &[], Some(&[0; 96])),
        ProgType::KPROBE => runner.fill(&mut packet, &[], Some(&[0; 168])),
        ProgType::PERF_EVENT => runner.fill(&mut packet, &[], Some(&[0; 184])),
        _ => runner.fill(&mut packet, &[], Some(&[0; 8192])),
    };
    filled.unwrap();
    runner.run(0, &mut packet).is_ok()
}

fn reads(s: &System, prog_type: ProgType, size: u8, offset: i16) -> bool {
    lets(
        s,
        prog_type,
        &[load(size, R2, R1, offset), mov_imm(R0, 0), exit()],
    )
}

fn writes(s: &System, prog_type: ProgType, size: u8, offset: i16) -> bool {
    let store = store(size, R1, offset, R2);
    lets(
        s,
        prog_type,
        &[mov_imm(R2, 1), store, mov_imm(R0, 0), exit()],
    )
}

const SIZES: [u8; 4] = [op::B, op::H, op::W, op::DW];

/// Runs a program that leaves a number in register 0, with the context in register
/// 6: what it leaves comes out in the control block.
fn told(s: &System, prog_type: ProgType, insns: &[Insn], data: &[u8]) -> u32 {
    let mut all = vec![mov(R6, R1)];
    all.extend_from_slice(insns);
    all.extend([store(op::W, R6, 48, R0), mov_imm(R0, 0), exit()]);
    let prog = load_as(s, prog_type, &all).unwrap();
    let ask = Ask {
        ctx: Some(&[0; 192]),
        ctx_room: 192,
        ..Default::default()
    };
    let back = run(s, &prog, data, ask);
    assert_eq!(back.answer, Ok(()), "{prog_type:?}");
    u32::from_ne_bytes(back.ctx[48..52].try_into().unwrap())
}

fn packets_begin(s: &System) {
    let data = frame(0x0800, 64);
    let ask = Ask {
        room: 64,
        ..Default::default()
    };
    for prog_type in NETWORK {
        assert_eq!(told(s, prog_type, &[load(op::W, R0, R6, 0)], &data), 50);
        let prog = load_as(s, prog_type, &[mov_imm(R0, 0), exit()]).unwrap();
        let back = run(s, &prog, &data, ask);
        assert_eq!((back.answer, back.size), (Ok(()), 64), "{prog_type:?}");
        let zeros_then_packet = [&[0; 14], &data[14..]].concat();
        assert_eq!(back.data, zeros_then_packet, "{prog_type:?}");
    }
    let prog = load_as(s, ProgType::SCHED_ACT, &[load(op::W, R0, R1, 0), exit()]).unwrap();
    let back = run(s, &prog, &data, ask);
    assert_eq!((back.answer, back.retval, back.data), (Ok(()), 64, data));
}

fn lengths(s: &System) {
    for prog_type in NETWORK.into_iter().chain([ProgType::SCHED_ACT]) {
        let prog = load_as(s, prog_type, &[mov_imm(R0, 0), exit()]).unwrap();
        for (protocol, len, fine) in [
            (0x1234, 13, false),
            (0x1234, 14, true),
            (0x1234, 3712, true),
            (0x1234, 3713, false),
            (0x0800, 33, false),
            (0x0800, 34, true),
            (0x86dd, 53, false),
            (0x86dd, 54, true),
        ] {
            let answer = run(s, &prog, &frame(protocol, len), Ask::default()).answer;
            assert_eq!(answer.is_ok(), fine, "{prog_type:?} {protocol:#x} {len}");
        }
    }
}

fn contexts_of_packets(s: &System) {
    for prog_type in NETWORK {
        let prog = load_as(s, prog_type, &[mov_imm(R0, 0), exit()]).unwrap();
        for (at, value, expected) in [
            (8, 7, Ok(50)),
            (160, 49, Err(Errno::EINVAL)),
            (160, 63, Ok(63)),
            (164, 65535, Ok(50)),
            (164, 65536, Err(Errno::EINVAL)),
            (0, 50, Err(Errno::EINVAL)),
            (88, 2, Err(Errno::EINVAL)),
            (92, 1, Err(Errno::EINVAL)),
        ] {
            let mut ctx = [0; 192];
            ctx[at..at + 4].copy_from_slice(&u32::to_ne_bytes(value));
            let ask = Ask {
                ctx: Some(&ctx),
                ctx_room: 192,
                ..Default::default()
            };
            let back = run(s, &prog, &frame(0x0800, 64), ask);
            let wire_len = u32::from_ne_bytes(back.ctx[160..164].try_into().unwrap());
            assert_eq!(
                back.answer.map(|()| wire_len),
                expected,
                "{prog_type:?} {at}"
            );
        }
    }
}

/// Every access to the context that there can be, by type: widths to read and to
/// write, in bytes added up, of each offset that is a multiple of 4.
fn fields_of_packets(s: &System) {
    const ALL: u8 = 7;
    let common: Vec<i16> = (0..48).step_by(4).chain([68, 84, 164, 176]).collect();
    let control = [48, 52, 56, 60, 64];
    for (prog_type, more, written) in [
        (ProgType::SOCKET_FILTER, &[][..], &[][..]),
        (
            ProgType::CGROUP_SKB,
            &[(88, ALL), (132, ALL), (136, ALL), (152, 8), (184, 8)][..],
            &[(8, 4), (32, 4), (152, 8)][..],
        ),
        (ProgType::LWT_IN, &[(76, 4), (80, 4)], &[(8, 4), (32, 4)]),
        (ProgType::LWT_XMIT, &[(76, 4), (80, 4)], &[(8, 4), (32, 4)]),
        (
            ProgType::SCHED_ACT,
            &[
                (72, ALL),
                (76, 4),
                (80, 4),
                (140, 4),
                (152, 8),
                (160, ALL),
                (180, 1),
                (184, 8),
            ],
            &[(8, 4), (12, 4), (32, 4), (44, 4), (72, 4), (152, 8)],
        ),
    ] {
        let addresses = |at: i16| {
            prog_type == ProgType::CGROUP_SKB && (matches!(at, 76 | 80) || (92..=128).contains(&at))
        };
        for at in (0..196).step_by(4).filter(|&at| at != 168) {
            let named = |list: &[(i16, u8)]| list.iter().find(|row| row.0 == at).map(|row| row.1);
            let doubled = if at % 8 == 0 && at != 64 { 8 } else { 0 };
            let (read, write) = match control.contains(&at) {
                true => (ALL | doubled, ALL | doubled),
                false if common.contains(&at) => (ALL, named(written).unwrap_or(0)),
                false if addresses(at) => (4, 0),
                false => (named(more).unwrap_or(0), named(written).unwrap_or(0)),
            };
            for (size, bytes) in SIZES.into_iter().zip([1, 2, 4, 8]) {
                let what = format!("{prog_type:?}: {bytes} bytes at {at}");
                let aligned = at % i16::from(bytes) == 0;
                assert_eq!(
                    reads(s, prog_type, size, at),
                    aligned && read & bytes != 0,
                    "{what}"
                );
                assert_eq!(
                    writes(s, prog_type, size, at),
                    aligned && write & bytes != 0,
                    "{what}"
                );
            }
        }
    }
}

fn fields_of_other_contexts(s: &System) {
    let (raw, syscall) = (ProgType::RAW_TRACEPOINT, ProgType::SYSCALL);
    let (kprobe, tracepoint) = (ProgType::KPROBE, ProgType::TRACEPOINT);
    let (perf, lookup) = (ProgType::PERF_EVENT, ProgType::SK_LOOKUP);
    for (prog_type, offset, read, write) in [
        (raw, 0, 15, 0),
        (raw, 92, 7, 0),
        (raw, 96, 0, 0),
        (syscall, 0, 15, 15),
        (syscall, 8188, 7, 7),
        (kprobe, 0, 15, 0),
        (kprobe, 164, 7, 0),
        (kprobe, 168, 0, 0),
        (tracepoint, 0, 0, 0),
        (tracepoint, 4, 0, 0),
        (tracepoint, 8, 15, 0),
        (tracepoint, 8188, 7, 0),
        (tracepoint, 8192, 0, 0),
        (perf, 0, 8, 0),
        (perf, 4, 0, 0),
        (perf, 160, 8, 0),
        (perf, 168, 15, 0),
        (perf, 172, 7, 0),
        (perf, 180, 7, 0),
        (perf, 184, 0, 0),
        (lookup, 0, 8, 0),
        (lookup, 4, 0, 0),
        (lookup, 8, 7, 0),
        (lookup, 36, 7, 0),
        (lookup, 64, 7, 0),
        (lookup, 68, 0, 0),
    ] {
        for (size, bytes) in SIZES.into_iter().zip([1, 2, 4, 8]) {
            let what = format!("{prog_type:?}: {bytes} bytes at {offset}");
            assert_eq!(
                reads(s, prog_type, size, offset),
                read & bytes != 0,
                "{what}"
            );
            assert_eq!(
                writes(s, prog_type, size, offset),
                write & bytes != 0,
                "{what}"
            );
        }
    }
}

/// A call without arguments says by its errno whether the helper is there.
fn helpers_of_types(s: &System) {
    for (prog_type, has) in [
        (ProgType::SOCKET_FILTER, [1, 0, 0, 1]),
        (ProgType::SCHED_ACT, [1, 1, 1, 1]),
        (ProgType::CGROUP_SKB, [1, 0, 0, 1]),
        (ProgType::LWT_IN, [1, 1, 0, 0]),
        (ProgType::LWT_OUT, [1, 1, 0, 0]),
        (ProgType::LWT_SEG6LOCAL, [1, 1, 0, 0]),
        (ProgType::LWT_XMIT, [1, 1, 1, 0]),
        (ProgType::SK_LOOKUP, [0, 0, 0, 0]),
        (ProgType::SYSCALL, [0, 0, 0, 0]),
        (ProgType::RAW_TRACEPOINT, [0, 0, 0, 0]),
        (ProgType::KPROBE, [0, 0, 0, 0]),
        (ProgType::TRACEPOINT, [0, 0, 0, 0]),
        (ProgType::PERF_EVENT, [0, 0, 0, 0]),
    ] {
        // skb_load_bytes; those that see the packet by pointer; those that change it;
        // those that know its headers.
        let groups = [&[26][..], &[28, 39], &[9, 10, 11, 40, 41], &[68]];
        for (group, has) in groups.into_iter().zip(has) {
            for &number in group {
                let insns = [mov_imm(R0, 0), helper(number), mov_imm(R0, 0), exit()];
                let answer = load_as(s, prog_type, &insns).map(drop);
                let there = answer != Err(Errno::EINVAL);
                assert_eq!(there, has == 1, "{prog_type:?} {number}: {answer:?}");
            }
        }
        for number in [5, 7, 8, 42, 118, 125, 208] {
            assert!(lets(
                s,
                prog_type,
                &[helper(number), mov_imm(R0, 0), exit()]
            ));
        }
    }
}

fn legacy_loads(s: &System) {
    let data = frame(0x1234, 64);
    let word = |offset| Insn::new(op::LD | op::ABS | op::W, 0, 0, 0, offset);
    for (offset, filter, action) in [
        (0, 0x4546_4748, 0xa0a1_a2a3),
        (46, 0x7374_7576, 0x6566_6768),
        (47, 0, 0x6667_6869),
        (61, 0, 0),
        (-0x10_0000, 0x4546_4748, 0x4546_4748),
        (-0x20_0000, 0xa0a1_a2a3, 0xa0a1_a2a3),
        (-0x20_0000 + 60, 0x7374_7576, 0x7374_7576),
        (-0x20_0000 + 61, 0, 0),
    ] {
        let insns = [mov(R6, R1), word(offset), exit()];
        for (prog_type, expected) in [
            (ProgType::SOCKET_FILTER, filter),
            (ProgType::SCHED_ACT, action),
        ] {
            let prog = load_as(s, prog_type, &insns).unwrap();
            assert_eq!(s.run(&prog, &data), Ok(expected), "{prog_type:?} {offset}");
        }
    }
    let insns = [mov(R6, R1), word(0), mov_imm(R0, 0), exit()];
    for prog_type in [
        ProgType::XDP,
        ProgType::CGROUP_SKB,
        ProgType::LWT_IN,
        ProgType::LWT_XMIT,
        ProgType::SYSCALL,
        ProgType::KPROBE,
    ] {
        let answer = load_as(s, prog_type, &insns).map(drop);
        assert_eq!(answer, Err(Errno::EINVAL), "{prog_type:?}");
    }
}

fn verdicts(s: &System) {
    let (ingress, egress) = (
        AttachType::CGROUP_INET_INGRESS,
        AttachType::CGROUP_INET_EGRESS,
    );
    for (hook, most) in [(ingress, 1), (egress, 3)] {
        for value in -1..5 {
            let insns = [mov_imm(R0, value), exit()];
            let prog = load_for(s, ProgType::CGROUP_SKB, hook, &insns);
            let answer = prog.and_then(|prog| s.run(&prog, &frame(0x0800, 64)));
            let fine = (0..=most).contains(&value);
            let expected = if fine {
                Ok(value as u32)
            } else {
                Err(Errno::EINVAL)
            };
            assert_eq!(answer, expected, "{hook:?} {value}");
        }
    }
    let pass = [mov_imm(R0, 0), exit()];
    let other = load_for(s, ProgType::CGROUP_SKB, AttachType::SK_LOOKUP, &pass);
    assert_eq!(other.map(drop), Err(Errno::EINVAL));
}

fn addresses_of_a_socket(s: &System) {
    for (offset, ip, ipv6, other) in [
        (88, 2, 10, 0),
        (92, 0x5857_5655, 0, 0),
        (96, 0x5453_5251, 0, 0),
        (100, 0, 0x605f_5e5d, 0),
        (112, 0, 0x6c6b_6a69, 0),
        (116, 0, 0x504f_4e4d, 0),
        (128, 0, 0x5c5b_5a59, 0),
        (132, 0, 0, 0),
        (136, 0, 0, 0),
    ] {
        for (protocol, expected) in [(0x0800, ip), (0x86dd, ipv6), (0x1234, other)] {
            let insns = [load(op::W, R0, R6, offset)];
            let seen = told(s, ProgType::CGROUP_SKB, &insns, &frame(protocol, 74));
            assert_eq!(seen, expected, "{offset} {protocol:#x}");
        }
    }
}

/// Runs over a context alone.
fn over(
    s: &System,
    prog: &OwnedFd,
    ctx: &[u8],
    change: impl FnOnce(&mut ProgTestRun<'_>),
) -> Result<u32> {
    let mut cmd = ProgTestRun {
        prog: prog.fd(),
        ctx_size_in: ctx.len() as u32,
        ..Default::default()
    };
    if !ctx.is_empty() {
        cmd.ctx_in = UserIn::new(ctx);
    }
    change(&mut cmd);
    s.bpf.prog_test_run(&mut cmd).map(|()| cmd.retval)
}

/// What every type refuses that gets a context alone and once.
fn refuses_the_rest(s: &System, prog: &OwnedFd) {
    for change in [
        (|cmd| cmd.data_in = UserIn::new(b"x")) as fn(&mut ProgTestRun<'_>),
        |cmd| cmd.repeat = 1,
        |cmd| cmd.duration = 1,
        |cmd| cmd.batch_size = 1,
    ] {
        assert_eq!(over(s, prog, &[0; 16], change), Err(Errno::EINVAL));
    }
}

fn raw_tracepoints(s: &System) {
    let insns = [load(op::DW, R0, R1, 8), exit()];
    let prog = load_as(s, ProgType::RAW_TRACEPOINT, &insns).unwrap();
    let count: Vec<u8> = (0..104).collect();
    for (len, fine) in [
        (0, false),
        (8, false),
        (15, false),
        (16, true),
        (96, true),
        (97, false),
    ] {
        let expected = if fine {
            Ok(0x0b0a_0908)
        } else {
            Err(Errno::EINVAL)
        };
        assert_eq!(over(s, &prog, &count[..len], |_| {}), expected, "{len}");
    }
    refuses_the_rest(s, &prog);
    for (flags, cpu, expected) in [
        (0, 1, Err(Errno::EINVAL)),
        (1, 0, Ok(0)),
        (1, 100_000, Err(Errno::ENXIO)),
        (2, 0, Ok(0)),
    ] {
        let answer = over(s, &prog, &[0; 16], |cmd| {
            (cmd.flags, cmd.cpu) = (flags, cpu)
        });
        assert_eq!(answer, expected, "{flags} {cpu}");
    }
}

fn syscall_programs(s: &System) {
    let insns = [
        mov_imm(R2, 7),
        store(op::DW, R1, 8, R2),
        mov_imm(R0, 5),
        exit(),
    ];
    let prog = load_as(s, ProgType::SYSCALL, &insns).unwrap();
    let zeros = vec![0; 65_536];
    for (len, fine) in [
        (0, false),
        (15, false),
        (16, true),
        (65_535, true),
        (65_536, false),
    ] {
        let expected = if fine { Ok(5) } else { Err(Errno::EINVAL) };
        assert_eq!(over(s, &prog, &zeros[..len], |_| {}), expected, "{len}");
    }
    refuses_the_rest(s, &prog);
    assert_eq!(over(s, &prog, &zeros[..16], |cmd| cmd.cpu = 1), Ok(5));
    assert_eq!(
        over(s, &prog, &zeros[..16], |cmd| cmd.flags = 1),
        Err(Errno::EINVAL)
    );
    let asleep = s.try_prog(ProgType::SYSCALL, &insns);
    assert_eq!(asleep.map(drop), Err(Errno::EINVAL));
}

fn lookups(s: &System) {
    let prog = load_as(s, ProgType::SK_LOOKUP, &[mov_imm(R0, 1), exit()]).unwrap();
    for (at, value, expected) in [
        (8, 2, Ok(1)),
        (8, 10, Ok(1)),
        (8, 0, Err(Errno::EAFNOSUPPORT)),
        (0, 1, Err(Errno::EINVAL)),
        (60, 65_536, Err(Errno::ERANGE)),
        (64, 1, Err(Errno::EINVAL)),
    ] {
        let mut ctx = [0; 72];
        ctx[8] = 2;
        ctx[at..at + 4].copy_from_slice(&u32::to_ne_bytes(value));
        assert_eq!(over(s, &prog, &ctx, |_| {}), expected, "{at} {value}");
    }
    assert_eq!(over(s, &prog, &[], |_| {}), Err(Errno::EINVAL));
    let ctx = [0, 0, 0, 0, 0, 0, 0, 0, 2];
    assert_eq!(over(s, &prog, &ctx, |cmd| cmd.repeat = 3), Ok(1));
    assert_eq!(
        over(s, &prog, &ctx, |cmd| cmd.data_size_in = 1),
        Err(Errno::EINVAL)
    );
}

fn types_without_a_test_run(s: &System) {
    for prog_type in [
        ProgType::KPROBE,
        ProgType::TRACEPOINT,
        ProgType::PERF_EVENT,
        ProgType::LWT_SEG6LOCAL,
    ] {
        let prog = load_as(s, prog_type, &[mov_imm(R0, 0), exit()]).unwrap();
        assert_eq!(
            over(s, &prog, &[0; 8], |_| {}),
            Err(Errno::ENOTSUPP),
            "{prog_type:?}"
        );
        let unpaired = over(s, &prog, &[], |cmd| cmd.ctx_size_in = 8);
        assert_eq!(unpaired, Err(Errno::EINVAL), "{prog_type:?}");
    }
}
