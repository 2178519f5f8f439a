//! Program types run by hand, over packets: what Linux 6.18 was seen to answer.

mod programs;

use programs::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;
use skep_engine::run::PacketBuf;

/// Types that see a packet from the network header on, and run by PROG_TEST_RUN.
const NETWORK: [ProgType; 5] = [
    ProgType::SOCKET_FILTER,
    ProgType::CGROUP_SKB,
    ProgType::LWT_IN,
    ProgType::LWT_OUT,
    ProgType::LWT_XMIT,
];

/// An Ethernet frame of this type; the bytes behind its header count up from 0x45.
fn frame(protocol: u16, rest: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0xa0..0xac).collect();
    bytes.extend(protocol.to_be_bytes());
    bytes.extend(0x45..0x45 + rest);
    bytes
}

/// Loads a program that has to load.
fn prog(engine: &Engine, prog_type: ProgType, code: &[Insn]) -> Fd {
    load_prog(engine, prog_type, code).unwrap()
}

/// `code` with the context in register 6, then what it left in register 0 goes
/// into the control block, from where it comes out.
fn told(engine: &Engine, prog_type: ProgType, code: &[Code], data: &[u8]) -> Result<u32> {
    let all = [copy(6, 1), code.concat(), store(op::W, 6, 48, 0), ret(0)].concat();
    let fd = prog(engine, prog_type, &all);
    let run = run_with(engine, fd, data, Some(&[0; 192]), |_| {});
    run.result
        .map(|()| u32::from_le_bytes(run.ctx[48..52].try_into().unwrap()))
}

/// Whether an access to the context is let through.
fn access(engine: &Engine, prog_type: ProgType, code: Code) -> Result<()> {
    let fd = prog(engine, prog_type, &[code, ret(0)].concat());
    run(engine, fd, &frame(0x0800, 50)).result
}

#[test]
fn packets_begin_where_linux_begins_them() {
    let engine = Engine::new();
    for prog_type in [ProgType::SCHED_CLS, ProgType::SCHED_ACT] {
        let fd = prog(&engine, prog_type, &[load(op::W, 0, 1, 0), exit()].concat());
        let data = frame(0x0800, 50);
        let run = run(&engine, fd, &data);
        assert_eq!((run.result, run.retval, run.size), (Ok(()), 64, 64));
        assert_eq!(run.out[..64], data);
    }
    for prog_type in NETWORK {
        let data = frame(0x0800, 50);
        let len = told(&engine, prog_type, &[load(op::W, 0, 6, 0)], &data);
        assert_eq!(len, Ok(50), "{prog_type:?}");
        // The link-layer header comes out as zeros.
        let run = run(&engine, prog(&engine, prog_type, &ret(0)), &data);
        assert_eq!((run.result, run.size), (Ok(()), 64));
        assert_eq!(run.out[..14], [0; 14]);
        assert_eq!(run.out[14..64], data[14..]);
    }
}

#[test]
fn a_packet_has_its_headers_and_fits_a_page() {
    let engine = Engine::new();
    let types = [ProgType::SCHED_ACT].into_iter().chain(NETWORK);
    for prog_type in types {
        let fd = prog(&engine, prog_type, &ret(0));
        let einval = Err(Errno::EINVAL);
        for (protocol, len, expected) in [
            (0x1234, 13, einval),
            (0x1234, 14, Ok(())),
            (0x1234, 3712, Ok(())),
            (0x1234, 3713, einval),
            (0x0800, 33, einval),
            (0x0800, 34, Ok(())),
            (0x86dd, 53, einval),
            (0x86dd, 54, Ok(())),
        ] {
            let mut data = frame(protocol, 0);
            data.resize(len, 0);
            let result = run(&engine, fd, &data).result;
            assert_eq!(result, expected, "{prog_type:?} {len}");
        }
        let data = frame(0x0800, 50);
        for change in [
            (|cmd| cmd.cpu = 1) as fn(&mut ProgTestRun<'_>),
            |cmd| cmd.batch_size = 1,
            |cmd| cmd.flags = 1,
        ] {
            let run = run_with(&engine, fd, &data, None, change);
            assert_eq!(run.result, einval, "{prog_type:?}");
        }
        let short = run_with(&engine, fd, &data, None, |cmd| cmd.data_size_out = 20);
        assert_eq!((short.result, short.size), (Err(Errno::ENOSPC), 64));
        assert_eq!(
            run_with(&engine, fd, &data, None, |cmd| cmd.repeat = 3).result,
            Ok(())
        );
    }
}

#[test]
fn legacy_loads_count_from_where_the_packet_begins() {
    let engine = Engine::new();
    let data = frame(0x1234, 50);
    let loads = |prog_type, offset| {
        let load = vec![Insn::new(op::LD | op::ABS | op::W, 0, 0, 0, offset)];
        let fd = prog(&engine, prog_type, &[copy(6, 1), load, exit()].concat());
        run(&engine, fd, &data).retval
    };
    let (net, link) = (-0x10_0000, -0x20_0000);
    for (offset, filter, action) in [
        (0, 0x4546_4748, 0xa0a1_a2a3),
        (46, 0x7374_7576, 0x6566_6768),
        (47, 0, 0x6667_6869),
        (60, 0, 0x7374_7576),
        (61, 0, 0),
        (-1, 0, 0),
        (net, 0x4546_4748, 0x4546_4748),
        (net + 46, 0x7374_7576, 0x7374_7576),
        (net + 47, 0, 0),
        (link, 0xa0a1_a2a3, 0xa0a1_a2a3),
        (link + 60, 0x7374_7576, 0x7374_7576),
        (link + 61, 0, 0),
    ] {
        assert_eq!(loads(ProgType::SOCKET_FILTER, offset), filter, "{offset}");
        assert_eq!(loads(ProgType::SCHED_ACT, offset), action, "{offset}");
    }
    let load = vec![Insn::new(op::LD | op::ABS | op::B, 0, 0, 0, 0)];
    let code = [copy(6, 1), load, ret(0)].concat();
    for prog_type in [ProgType::XDP, ProgType::CGROUP_SKB, ProgType::LWT_XMIT] {
        let refused = load_prog(&engine, prog_type, &code);
        assert_eq!(refused, Err(Errno::EINVAL), "{prog_type:?}");
    }
}

#[test]
fn helpers_load_from_where_the_packet_begins() {
    let engine = Engine::new();
    let data = frame(0x0800, 50);
    let load_bytes = |prog_type, offset, base: Option<i32>| {
        let code = [
            set(0, 0),
            store(op::DW, 10, -8, 0),
            copy(1, 6),
            set(2, offset),
            stack(3, -8),
            set(4, 4),
            set(5, base.unwrap_or(0)),
            call_helper(if base.is_some() { 68 } else { 26 }),
            vec![Insn::new(op::JMP | op::JNE, 0, 0, 1, 0)],
            load(op::W, 0, 10, -8),
        ];
        told(&engine, prog_type, &code, &data)
    };
    let efault = Ok(-14i32 as u32);
    for prog_type in NETWORK {
        assert_eq!(load_bytes(prog_type, 0, None), Ok(0x4847_4645));
        assert_eq!(load_bytes(prog_type, 46, None), Ok(0x7675_7473));
        assert_eq!(load_bytes(prog_type, 47, None), efault);
    }
    for prog_type in [
        ProgType::SOCKET_FILTER,
        ProgType::CGROUP_SKB,
        ProgType::SCHED_ACT,
    ] {
        for (offset, base, expected) in [
            (0, 0, Ok(0xa3a2_a1a0)),
            (0, 1, Ok(0x4847_4645)),
            (0, 2, efault),
            (60, 0, Ok(0x7675_7473)),
            (61, 0, efault),
            (46, 1, Ok(0x7675_7473)),
            (47, 1, efault),
        ] {
            let found = load_bytes(prog_type, offset, Some(base));
            assert_eq!(found, expected, "{prog_type:?} {offset} {base}");
        }
    }
    let relative = load_prog(
        &engine,
        ProgType::LWT_IN,
        &[call_helper(68), exit()].concat(),
    );
    assert_eq!(relative, Err(Errno::EINVAL));
}

#[test]
fn types_have_the_helpers_that_linux_gives_them() {
    let engine = Engine::new();
    let has = |prog_type, helper| {
        let code = [call_helper(helper), ret(0)].concat();
        let load = load_with(&engine, prog_type, &code, |cmd| {
            if prog_type == ProgType::SYSCALL {
                cmd.prog_flags = 0x10;
            }
        });
        load.is_ok()
    };
    let skb = [9, 10, 11, 26, 28, 39, 40, 41, 68, 160];
    for (prog_type, there) in [
        (ProgType::SOCKET_FILTER, &[26, 68, 160][..]),
        (ProgType::SCHED_ACT, &skb),
        (ProgType::CGROUP_SKB, &[26, 68, 160]),
        (ProgType::LWT_IN, &[26, 28, 39, 160]),
        (ProgType::LWT_OUT, &[26, 28, 39, 160]),
        (ProgType::LWT_SEG6LOCAL, &[26, 28, 39, 160]),
        (ProgType::LWT_XMIT, &[9, 10, 11, 26, 28, 39, 40, 41, 160]),
        (ProgType::SYSCALL, &[]),
        (ProgType::RAW_TRACEPOINT, &[]),
        (ProgType::KPROBE, &[]),
        (ProgType::TRACEPOINT, &[]),
        (ProgType::PERF_EVENT, &[]),
    ] {
        for helper in skb {
            let expected = there.contains(&helper);
            assert_eq!(has(prog_type, helper), expected, "{prog_type:?} {helper}");
        }
        for helper in [1, 2, 3, 5, 6, 7, 8, 42, 118, 125, 177, 195, 208] {
            assert!(has(prog_type, helper), "{prog_type:?} {helper}");
        }
    }
}

#[test]
fn fields_are_those_that_linux_shows_each_type() {
    let engine = Engine::new();
    let (denied, fine) = (Err(Errno::EACCES), Ok(()));
    // Read and write, by type: SOCKET_FILTER, CGROUP_SKB, LWT_IN, SCHED_ACT.
    let types = [
        ProgType::SOCKET_FILTER,
        ProgType::CGROUP_SKB,
        ProgType::LWT_IN,
        ProgType::SCHED_ACT,
    ];
    for (size, offset, read, write) in [
        (op::W, 0, [1, 1, 1, 1], [0, 0, 0, 0]),
        (op::W, 8, [1, 1, 1, 1], [0, 1, 1, 1]),
        (op::H, 8, [1, 1, 1, 1], [0, 0, 0, 0]),
        (op::W, 12, [1, 1, 1, 1], [0, 0, 0, 1]),
        (op::W, 32, [1, 1, 1, 1], [0, 1, 1, 1]),
        (op::W, 44, [1, 1, 1, 1], [0, 0, 0, 1]),
        (op::DW, 48, [1, 1, 1, 1], [1, 1, 1, 1]),
        (op::W, 72, [0, 0, 0, 1], [0, 0, 0, 1]),
        (op::W, 76, [0, 1, 1, 1], [0, 0, 0, 0]),
        (op::W, 80, [0, 1, 1, 1], [0, 0, 0, 0]),
        (op::B, 89, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::W, 92, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::H, 92, [0, 0, 0, 0], [0, 0, 0, 0]),
        (op::W, 112, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::W, 128, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::H, 132, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::W, 136, [0, 1, 0, 0], [0, 0, 0, 0]),
        (op::W, 140, [0, 0, 0, 1], [0, 0, 0, 0]),
        (op::DW, 152, [0, 1, 0, 1], [0, 1, 0, 1]),
        (op::W, 160, [0, 0, 0, 1], [0, 0, 0, 0]),
        (op::W, 164, [1, 1, 1, 1], [0, 0, 0, 0]),
        (op::W, 176, [1, 1, 1, 1], [0, 0, 0, 0]),
        (op::B, 180, [0, 0, 0, 1], [0, 0, 0, 0]),
        (op::DW, 184, [0, 1, 0, 1], [0, 0, 0, 0]),
    ] {
        for (index, prog_type) in types.into_iter().enumerate() {
            let answer = |yes: [u8; 4]| if yes[index] == 1 { fine } else { denied };
            let reads = access(&engine, prog_type, load(size, 0, 1, offset));
            assert_eq!(reads, answer(read), "{prog_type:?} reads {offset}");
            let code = [set(2, 7), store(size, 1, offset, 2)].concat();
            let writes = access(&engine, prog_type, code);
            assert_eq!(writes, answer(write), "{prog_type:?} writes {offset}");
        }
    }
}

#[test]
fn the_context_counts_what_the_program_sees() {
    let engine = Engine::new();
    for prog_type in NETWORK {
        let fd = prog(&engine, prog_type, &ret(0));
        let with = |at: usize, value: u32| {
            let mut ctx = vec![0; 192];
            ctx[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let run = run_with(&engine, fd, &frame(0x0800, 50), Some(&ctx), |_| {});
            let word = |at: usize| u32::from_le_bytes(run.ctx[at..at + 4].try_into().unwrap());
            run.result.map(|()| (word(at), word(160)))
        };
        let einval = Err(Errno::EINVAL);
        for (at, value, expected) in [
            (8, 7, Ok((7, 50))),
            (64, 9, Ok((9, 50))),
            (152, 3, Ok((3, 50))),
            (160, 49, einval),
            (160, 50, Ok((50, 50))),
            (184, 5, Ok((5, 50))),
            (40, 99, Err(Errno::ENODEV)),
            (0, 1, einval),
            (88, 1, einval),
            (92, 1, einval),
        ] {
            assert_eq!(with(at, value), expected, "{prog_type:?} {at}");
        }
    }
}

#[test]
fn a_control_group_sees_the_packets_addresses() {
    let engine = Engine::new();
    let sees = |protocol, offset| {
        let data = frame(protocol, 60);
        told(
            &engine,
            ProgType::CGROUP_SKB,
            &[load(op::W, 0, 6, offset)],
            &data,
        )
    };
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
        assert_eq!(sees(0x0800, offset), Ok(ip), "{offset}");
        assert_eq!(sees(0x86dd, offset), Ok(ipv6), "{offset}");
        assert_eq!(sees(0x1234, offset), Ok(other), "{offset}");
    }
}

#[test]
fn a_control_groups_verdict_is_one_of_few() {
    let engine = Engine::new();
    for (attach_type, most) in [
        (AttachType::CGROUP_INET_INGRESS, 1),
        (AttachType::CGROUP_INET_EGRESS, 3),
    ] {
        for value in -1..5 {
            // Set in a way that only the run finds out.
            let code = [load(op::W, 0, 1, 8), set(2, value)];
            let add = vec![Insn::new(op::ALU64 | op::ADD | op::X, 0, 2, 0, 0)];
            let code = [code.concat(), add, exit()].concat();
            let fd = load_with(&engine, ProgType::CGROUP_SKB, &code, |cmd| {
                cmd.expected_attach_type = attach_type;
            });
            let fd = fd.unwrap();
            let run = run(&engine, fd, &frame(0x0800, 50));
            if (0..=most).contains(&value) {
                assert_eq!((run.result, run.retval), (Ok(()), value as u32));
            } else {
                assert_eq!((run.result, run.retval), (Err(Errno::EINVAL), UNTOUCHED));
                let report = engine.last_violation(fd).unwrap().unwrap();
                assert_eq!(report.violation.insn, code.len() - 1);
                assert!(report.to_string().contains(&format!("returns {value}")));
            }
        }
    }
    for attach_type in [2, 33, 99] {
        let other = load_with(&engine, ProgType::CGROUP_SKB, &ret(0), |cmd| {
            cmd.expected_attach_type = AttachType(attach_type);
        });
        assert_eq!(other, Err(Errno::EINVAL));
    }
}

#[test]
fn only_some_types_write_the_packet() {
    let engine = Engine::new();
    let mut code = [load(op::W, 2, 1, 76), load(op::W, 3, 1, 80)].concat();
    code.extend([copy(4, 2), set(0, 0)].concat());
    code.push(Insn::new(op::ALU64 | op::ADD, 4, 0, 0, 4));
    code.push(Insn::new(op::JMP | op::JGT | op::X, 4, 3, 1, 0));
    code.push(Insn::new(op::ST | op::MEM | op::W, 2, 0, 0, 7));
    code.extend(exit());
    for (prog_type, expected) in [
        (ProgType::LWT_IN, Err(Errno::EACCES)),
        (ProgType::LWT_OUT, Err(Errno::EACCES)),
        (ProgType::CGROUP_SKB, Err(Errno::EACCES)),
        (ProgType::LWT_XMIT, Ok(14)),
        (ProgType::SCHED_ACT, Ok(0)),
    ] {
        let run = run(&engine, prog(&engine, prog_type, &code), &frame(0x0800, 50));
        let at = run
            .result
            .map(|()| run.out.windows(4).position(|w| w == [7, 0, 0, 0]));
        assert_eq!(at, expected.map(Some), "{prog_type:?}");
    }
}

#[test]
fn a_buffer_may_go_from_type_to_type() {
    let engine = Engine::new();
    let data = frame(0x0800, 50);
    let mut packet = PacketBuf::new();
    for (prog_type, given_out) in [
        (ProgType::LWT_IN, [0; 2]),
        (ProgType::SCHED_ACT, [0xa0, 0xa1]),
        (ProgType::LWT_SEG6LOCAL, [0; 2]),
        (ProgType::XDP, [0xa0, 0xa1]),
    ] {
        let runner = engine.program(prog(&engine, prog_type, &ret(0))).unwrap();
        assert!(runner.kind().takes_packets);
        runner.fill(&mut packet, &data, None).unwrap();
        assert_eq!(runner.run(0, &mut packet).unwrap().value, 0);
        assert_eq!((packet.len(), &packet.to_vec()[..2]), (64, &given_out[..]));
    }
    // Linux runs these by no test run.
    let fd = prog(&engine, ProgType::LWT_SEG6LOCAL, &ret(0));
    assert_eq!(run(&engine, fd, &data).result, Err(Errno::ENOTSUPP));
}
