//! Helpers at their edges: what Linux 6.18 was seen to answer.

mod programs;

use programs::*;
use skep_abi::insn::op;
use skep_abi::*;
use skep_engine::Engine;

/// What a traffic-control program returns over `data`, and the packet after.
fn tc_run(code: Code, data: &[u8]) -> (i32, Vec<u8>) {
    let engine = Engine::new();
    let fd = tc(&engine, &code);
    let answer = run(&engine, fd, data);
    assert_eq!(answer.result, Ok(()), "{:?}", engine.last_violation(fd));
    let mut out = answer.out;
    out.truncate(answer.size as usize);
    (answer.retval as i32, out)
}

/// `r6 = ctx`, the stack filled, `r1 = ctx`.
fn prepared(offset: i16, bytes: &[u8]) -> Code {
    [copy(6, 1), put(offset, bytes), copy(1, 6)].concat()
}

#[test]
fn checksums_differ_as_on_linux() {
    let diff = |from: &[u8], to: &[u8], seed: i32| {
        let buffer = |register, offset, bytes: &[u8]| match bytes.len() {
            0 => set(register, 0),
            _ => stack(register, offset),
        };
        let code = [
            put(-64, from),
            put(-32, to),
            buffer(1, -64, from),
            set(2, from.len() as i32),
            buffer(3, -32, to),
            set(4, to.len() as i32),
            vec![Insn::new(op::ALU | op::MOV, 5, 0, 0, seed)],
            call_helper(28),
            exit(),
        ];
        tc_run(code.concat(), &count()).0
    };
    let eight = [5, 6, 7, 8, 9, 10, 11, 12];
    for (from, to, seed, expected) in [
        (&[][..], &[][..], 0, 0),
        (&[], &[], -1, 0xffff),
        (&[1, 2, 3, 4], &[], 0, 63995),
        (&[], &[1, 2, 3, 4], 0, 1540),
        (&[1, 2, 3, 4], &[5, 6, 7, 8], -1, 2056),
        (&[1, 2, 3, 4], &eight, 77, 7785),
        (&[0xff; 16], &[], 0, 0),
        (&[], &[0xff; 16], 0, 0xffff),
        (&[], &[0xff; 16], 1, 1),
        (&[0; 8], &[0; 8], i32::MAX, 32767),
        (&[0; 3], &[0; 4], 0, 0xffff),
        (&[], &eight, 0x1234, 13908),
        (&eight[..4], &[], 0, 61939),
    ] {
        assert_eq!(diff(from, to, seed), expected, "{from:?} {to:?} {seed}");
    }
}

#[test]
fn checksum_fields_are_mended_as_on_linux() {
    let replace = |helper, at: i32, from: u64, to: u64, flags: i32, data: &[u8]| {
        let code = [
            vec![Insn::new(op::ALU | op::MOV, 2, 0, 0, at)],
            set64(3, from),
            set64(4, to),
            set(5, flags),
            call_helper(helper),
            exit(),
        ];
        let (answer, out) = tc_run(code.concat(), data);
        let at = at.clamp(0, 62) as usize;
        (answer, [out[at], out[at + 1]])
    };
    let data: Vec<u8> = (1..65).collect();
    let same = [25, 26];
    let (l3, l4) = (10, 11);
    for (helper, at, from, to, flags, expected) in [
        (l3, 24, 0x0102, 0x0304, 2, (0, [23, 24])),
        (l3, 24, 0x0102_0304, 0x0506_0708, 4, (0, [17, 18])),
        (l3, 24, 0, 0x1234, 0, (0, [229, 7])),
        (l3, 24, 5, 0x1234, 0, (-22, same)),
        (l3, 24, 1, 2, 1, (-22, same)),
        (l3, 24, 1, 2, 0x10, (-22, same)),
        (l3, 25, 1, 2, 2, (-14, [26, 27])),
        (l3, 62, 1, 2, 2, (0, [62, 64])),
        (l3, 64, 1, 2, 2, (-14, [63, 64])),
        (l3, -2, 1, 2, 2, (-14, [1, 2])),
        (l3, 24, 0x1_ffff_0001, 2, 2, (0, [24, 26])),
        (l4, 24, 0x0102, 0x0304, 2, (0, [23, 24])),
        (l4, 24, 0, 0x1234, 0x10, (0, [229, 7])),
        (l4, 24, 1, 2, 0xe2, (0, [24, 26])),
        (l4, 24, 1, 2, 0x102, (-22, same)),
    ] {
        let seen = replace(helper, at, from, to, flags, &data);
        assert_eq!(seen, expected, "{helper} {at} {from} {to} {flags}");
    }
    let mut none = data.clone();
    none[24..26].fill(0);
    assert_eq!(replace(l4, 24, 1, 2, 0x22, &none), (0, [0, 0]));
    assert_eq!(replace(l4, 24, 1, 2, 0x62, &none), (0, [254, 255]));
    assert_eq!(replace(l4, 24, 0, 0, 0x60, &none), (0, [255, 255]));
    none[24..26].copy_from_slice(&[0xfe, 0xff]);
    assert_eq!(replace(l4, 24, 2, 1, 0x22, &none), (0, [255, 255]));
    assert_eq!(replace(l4, 24, 2, 1, 2, &none), (0, [0, 0]));
}

#[test]
fn bytes_of_a_packet_are_copied_or_zeroed() {
    for (helper, prog_type, error, zeroed) in [
        (26, ProgType::SCHED_CLS, -14, true),
        (189, ProgType::XDP, -22, false),
    ] {
        for (offset, len, fine) in [
            (0, 4, true),
            (60, 4, true),
            (61, 4, false),
            (64, 1, false),
            (63, 1, true),
            (0xffff, 1, false),
            (0, 64, true),
            (0, 65, false),
        ] {
            let engine = Engine::new();
            let mut code = prepared(-256, &[0xee; 128]);
            code.extend(
                [
                    set(2, offset),
                    stack(3, -256),
                    set(4, len),
                    call_helper(helper),
                ]
                .concat(),
            );
            code.extend([store(op::DW, 10, -8, 0), load(op::B, 7, 10, -256)].concat());
            // The answer in the upper half, the first byte copied in the lower.
            code.extend([
                Insn::new(op::ALU64 | op::LSH, 0, 0, 0, 8),
                Insn::new(op::ALU64 | op::OR | op::X, 0, 7, 0, 0),
            ]);
            code.extend(exit());
            let fd = load_prog(&engine, prog_type, &code).unwrap();
            let value = returned(&engine, fd) as i32;
            let expected = match (fine, zeroed) {
                (true, _) => (0, offset),
                (false, true) => (error, 0),
                (false, false) => (error, 0xee),
            };
            assert_eq!(
                (value >> 8, value & 0xff),
                expected,
                "{helper} {offset} {len}"
            );
        }
    }
}

#[test]
fn bytes_beyond_what_an_offset_may_be_are_efault_for_xdp() {
    let engine = Engine::new();
    for helper in [189, 190] {
        for offset in [0x10000, -1] {
            let mut code = prepared(-8, &[0; 8]);
            code.extend(
                [
                    set(2, offset),
                    stack(3, -8),
                    set(4, 1),
                    call_helper(helper),
                    exit(),
                ]
                .concat(),
            );
            let fd = xdp(&engine, &code);
            assert_eq!(returned(&engine, fd) as i32, -14);
        }
    }
}

#[test]
fn loads_and_stores_cross_into_fragments() {
    let engine = Engine::new();
    let data: Vec<u8> = (0..9000).map(|at: u32| (at % 251) as u8).collect();
    for (offset, fine) in [
        (3518, true),
        (3520, true),
        (7614, true),
        (8996, true),
        (8997, false),
    ] {
        let mut code = prepared(-8, &[0xee; 8]);
        let access =
            |helper| [set(2, offset), stack(3, -8), set(4, 4), call_helper(helper)].concat();
        code.extend(access(189));
        code.extend([load(op::W, 0, 10, -8), exit()].concat());
        let loaded = run(&engine, xdp(&engine, &code), &data).retval;
        let at = offset as usize;
        let expected = match fine {
            true => u32::from_le_bytes(data[at..at + 4].try_into().unwrap()),
            false => 0xeeee_eeee,
        };
        assert_eq!(loaded, expected, "{offset}");
        let mut code = prepared(-8, &[0xee; 8]);
        code.extend([access(190), exit()].concat());
        let stored = run(&engine, xdp(&engine, &code), &data);
        assert_eq!(stored.retval as i32, if fine { 0 } else { -22 });
        let mut after = data.clone();
        if fine {
            after[at..at + 4].fill(0xee);
        }
        assert_eq!(stored.out[..9000], after);
    }
    let length = xdp(&engine, &[call_helper(188), exit()].concat());
    assert_eq!(run(&engine, length, &data).retval, 9000);
}

#[test]
fn stores_into_a_packet_check_flags_and_bounds() {
    let store_at = |offset: i32, len: i32, flags: i32| {
        let mut code = prepared(-8, &[0xee; 8]);
        code.extend([set(2, offset), stack(3, -8), set(4, len)].concat());
        code.extend([set(5, flags), call_helper(9), exit()].concat());
        tc_run(code, &count()).0
    };
    for flags in 0..4 {
        assert_eq!(store_at(0, 4, flags), 0);
    }
    assert_eq!(store_at(0, 4, 4), -22);
    assert_eq!(store_at(60, 4, 0), 0);
    for (offset, len) in [(61, 4), (64, 1), (-1, 1), (0x10000, 1)] {
        assert_eq!(store_at(offset, len, 0), -14);
    }
    let pull = |len| tc_run([set(2, len), call_helper(39), exit()].concat(), &count()).0;
    assert_eq!([0, 64, 65, -1].map(pull), [0, 0, -12, -12]);
    let update = [set(2, 5), call_helper(40), exit()].concat();
    assert_eq!(tc_run(update, &count()).0, -524);
}

#[test]
fn relative_loads_count_from_a_header() {
    let load_at = |offset: i32, start: i32| {
        let mut code = prepared(-8, &[0xee; 8]);
        code.extend([set(2, offset), stack(3, -8), set(4, 4), set(5, start)].concat());
        code.extend([call_helper(68), load(op::W, 7, 10, -8)].concat());
        code.push(Insn::new(op::JMP | op::JNE, 0, 0, 1, 0));
        code.extend(copy(0, 7));
        code.extend(exit());
        tc_run(code, &count()).0
    };
    assert_eq!(load_at(0, 0), 0x0302_0100);
    assert_eq!(load_at(0, 1), 0x1110_0f0e);
    assert_eq!(load_at(46, 1), 0x3f3e_3d3c);
    for (offset, start) in [(47, 1), (61, 0), (0, 2), (-1, 0), (-4, 1), (0x10000, 0)] {
        assert_eq!(load_at(offset, start), -14, "{offset} {start}");
    }
}

#[test]
fn pointers_into_a_packet_are_void_after_it_moved() {
    let engine = Engine::new();
    for (prog_type, helper, offset, voids) in [
        (ProgType::XDP, 44, 0, true),
        (ProgType::XDP, 54, 0, true),
        (ProgType::XDP, 65, 0, true),
        (ProgType::XDP, 188, 0, false),
        (ProgType::SCHED_CLS, 39, 76, true),
        (ProgType::SCHED_CLS, 40, 76, false),
    ] {
        let code = [
            load(op::W, 7, 1, offset),
            set(2, 0),
            call_helper(helper),
            load(op::B, 0, 7, 0),
            exit(),
        ];
        let fd = load_prog(&engine, prog_type, &code.concat()).unwrap();
        let expected = if voids { Err(Errno::EACCES) } else { Ok(()) };
        assert_eq!(run(&engine, fd, &count()).result, expected, "{helper}");
    }
}

#[test]
fn text_goes_to_the_trace() {
    let engine = Engine::builder().seed(3).build();
    let code = [
        put(-64, b"%s has %d of %x\0"),
        put(-32, b"the hive\0"),
        stack(1, -64),
        set(2, 16),
        stack(3, -32),
        set(4, -5),
        set64(5, 0x1_0000_00ff),
        call_helper(6),
        exit(),
    ];
    let fd = xdp(&engine, &code.concat());
    assert_eq!(returned(&engine, fd), 21);
    let lines = engine.world().take_trace();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "the hive has -5 of ff");
    // What is absent prints as 0, and a format without its NUL prints nothing.
    let print = |format: &[u8]| {
        let code = [
            put(-16, format),
            stack(1, -16),
            set(2, 8),
            call_helper(6),
            exit(),
        ];
        returned(&engine, xdp(&engine, &code.concat())) as i32
    };
    assert_eq!(print(b"%d\0"), 1);
    assert_eq!(print(b"12345678"), -22);
    assert_eq!(print(b"%o\0"), -22);
    assert_eq!(engine.world().take_trace().len(), 1);
}

#[test]
fn the_world_answers_for_time_chance_and_place() {
    let answers = |seed| {
        let engine = Engine::builder().seed(seed).cpus(2).build();
        [5, 7, 8, 42, 118, 125, 160, 208].map(|helper| {
            let fd = xdp(&engine, &[call_helper(helper), exit()].concat());
            returned(&engine, fd)
        })
    };
    assert_eq!(answers(1), answers(1));
    assert_ne!(answers(1)[1], answers(2)[1]);
    assert_eq!(answers(1)[2..4], [0, 0]);
}

#[test]
fn many_arguments_come_in_an_array() {
    let engine = Engine::builder().seed(3).build();
    let print = |format: &[u8], words: u8, len: i32| {
        let mut code = [put(-64, format), put(-32, b"hive\0"), stack(2, -32)].concat();
        code.extend(store(op::DW, 10, -160, 2));
        for word in 1..words {
            code.extend(
                [
                    set(2, i32::from(word)),
                    store(op::DW, 10, -160 + 8 * i16::from(word), 2),
                ]
                .concat(),
            );
        }
        code.extend([stack(1, -64), set(2, format.len() as i32), stack(3, -160)].concat());
        code.extend([set(4, len), call_helper(177), exit()].concat());
        returned(&engine, xdp(&engine, &code)) as i32
    };
    assert_eq!(print(b"%s %d %d %d %d\0", 5, 40), 12);
    assert_eq!(print(b"%s %d %d\0", 2, 16), -22);
    assert_eq!(print(b"%s\0", 2, 12), -22);
    assert_eq!(print(b"%s\0", 2, 4), -22);
    assert_eq!(print(b"none\0", 1, 0), 4);
    assert_eq!(print(b"%s%d%d%d%d%d%d%d%d%d%d%d\0", 12, 96), 17);
    let lines = engine.world().take_trace();
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["hive 1 2 3 4", "none", "hive1234567891011"]);
}
