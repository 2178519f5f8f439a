//! Helpers on packets, at the edges of what they take.
//!
//! Answers to: net/core/filter.c, net/bpf/test_run.c.

use crate::asm::*;
use crate::helpers::code;
use crate::program;
use crate::system::*;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    the_head_moves,
    the_tail_moves,
    room_for_metadata,
    packet_length,
    bytes_loaded_from_xdp,
    bytes_stored_to_xdp,
    bytes_loaded_from_skb,
    bytes_stored_to_skb,
    legacy_loads,
    a_legacy_load_outside_ends_the_program,
    checksums_of_differences,
    checksums_of_odd_lengths,
    bytes_loaded_relative_to_headers,
    checksums_replaced_in_a_packet,
    pulling_data,
    writing_the_packet,
    fields_of_the_skb,
];

const ADJUST_HEAD: i32 = 44;
const ADJUST_META: i32 = 54;
const ADJUST_TAIL: i32 = 65;
const BUFF_LEN: i32 = 188;
const XDP_LOAD: i32 = 189;
const XDP_STORE: i32 = 190;
const SKB_STORE: i32 = 9;
const L3_CSUM: i32 = 10;
const L4_CSUM: i32 = 11;
const SKB_LOAD: i32 = 26;
const CSUM_DIFF: i32 = 28;
const PULL: i32 = 39;

fn packet() -> Vec<u8> {
    (0..64).collect()
}

/// What `helper(ctx, delta)` returns, and the packet after it.
fn adjust(s: &System, number: i32, delta: i32) -> (i32, Vec<u8>) {
    let insns = program![mov_imm(R2, delta), helper(number), exit()];
    let prog = s.prog(ProgType::XDP, &insns);
    let (answer, out) = s.run_out(&prog, &packet()).expect("a run");
    (answer as i32, out)
}

fn the_head_moves(s: &System) {
    let given = packet();
    for delta in [0, 1, 4, 8, 14, 49, 50] {
        let expected = (0, given[delta as usize..].to_vec());
        assert_eq!(adjust(s, ADJUST_HEAD, delta), expected, "{delta}");
    }
    for delta in [-1, -4, -8, -31, -32, -33, -64, -215, -216] {
        let (answer, out) = adjust(s, ADJUST_HEAD, delta);
        assert_eq!((answer, out.len()), (0, 64 + -delta as usize), "{delta}");
        assert_eq!(out[-delta as usize..], given, "{delta}");
    }
    for delta in [
        51,
        63,
        64,
        65,
        100,
        3000,
        4000,
        i32::MAX,
        -217,
        -256,
        -300,
        i32::MIN,
    ] {
        let expected = (code(Errno::EINVAL), given.clone());
        assert_eq!(adjust(s, ADJUST_HEAD, delta), expected, "{delta}");
    }
}

fn the_tail_moves(s: &System) {
    let given = packet();
    for delta in [0, -1, -4, -36, -50] {
        let expected = (0, given[..(64 + delta) as usize].to_vec());
        assert_eq!(adjust(s, ADJUST_TAIL, delta), expected, "{delta}");
    }
    for delta in [1, 4, 64, 100, 1000, 3000] {
        let (answer, out) = adjust(s, ADJUST_TAIL, delta);
        assert_eq!((answer, out.len()), (0, 64 + delta as usize), "{delta}");
        assert_eq!(out[..64], given, "{delta}");
        assert!(out[64..].iter().all(|&byte| byte == 0), "{delta}");
    }
    for delta in [-51, -63, -64, -65, -100, i32::MIN, 3500, 4000, i32::MAX] {
        let expected = (code(Errno::EINVAL), given.clone());
        assert_eq!(adjust(s, ADJUST_TAIL, delta), expected, "{delta}");
    }
}

/// Metadata before the packet is given out with it; its length is a multiple of four.
fn room_for_metadata(s: &System) {
    let given = packet();
    let rows = [
        (0, 0),
        (-4, 0),
        (-8, 0),
        (-32, 0),
        (-36, 0),
        (-216, 0),
        (-1, code(Errno::EACCES)),
        (-31, code(Errno::EACCES)),
        (-33, code(Errno::EACCES)),
        (-217, code(Errno::EINVAL)),
        (-220, code(Errno::EINVAL)),
        (-256, code(Errno::EINVAL)),
        (1, code(Errno::EINVAL)),
        (4, code(Errno::EINVAL)),
        (64, code(Errno::EINVAL)),
    ];
    for (delta, expected) in rows {
        let (answer, out) = adjust(s, ADJUST_META, delta);
        assert_eq!(answer, expected, "{delta}");
        let room = if expected == 0 { -delta as usize } else { 0 };
        assert_eq!(out[room..], given, "{delta}");
        assert!(out[..room].iter().all(|&byte| byte == 0), "{delta}");
    }
}

fn packet_length(s: &System) {
    let prog = s.prog(ProgType::XDP, &program![helper(BUFF_LEN), exit()]);
    for len in [14, 15, 64, 1500, 3000] {
        assert_eq!(s.run(&prog, &vec![1; len]), Ok(len as u32), "{len}");
    }
}

/// r0 = helper(ctx, offset, stack, length); then the stack's first word in r0 if
/// that was 0, else the answer.
fn load_bytes(s: &System, prog_type: ProgType, number: i32, off: i32, len: i32) -> i32 {
    let insns = program![
        store_imm(op::DW, R10, -8, 0),
        mov_imm(R2, off),
        mov(R3, R10),
        alu_imm(op::ADD, R3, -8),
        mov_imm(R4, len),
        helper(number),
        jump_imm(op::JNE, R0, 0, 1),
        load(op::W, R0, R10, -8),
        exit(),
    ];
    let prog = s.prog(prog_type, &insns);
    s.run(&prog, &packet()).expect("a run") as i32
}

fn bytes_loaded_from_xdp(s: &System) {
    let load = |off, len| load_bytes(s, ProgType::XDP, XDP_LOAD, off, len);
    for (off, len, expected) in [
        (0, 1, 0),
        (1, 1, 1),
        (0, 4, 0x0302_0100),
        (60, 4, 0x3f3e_3d3c),
        (63, 1, 0x3f),
        (63, 2, code(Errno::EINVAL)),
        (64, 1, code(Errno::EINVAL)),
        (61, 4, code(Errno::EINVAL)),
        (70, 1, code(Errno::EINVAL)),
        (0xffff, 1, code(Errno::EINVAL)),
        (0x10000, 1, code(Errno::EFAULT)),
        (-1, 1, code(Errno::EFAULT)),
        (i32::MIN, 1, code(Errno::EFAULT)),
    ] {
        assert_eq!(load(off, len), expected, "{len} at {off}");
    }
}

fn bytes_loaded_from_skb(s: &System) {
    let load = |off, len| load_bytes(s, ProgType::SCHED_CLS, SKB_LOAD, off, len);
    for (off, len, expected) in [
        (0, 1, 0),
        (0, 4, 0x0302_0100),
        (12, 2, 0x0d0c),
        (60, 4, 0x3f3e_3d3c),
        (63, 1, 0x3f),
        (63, 2, code(Errno::EFAULT)),
        (64, 1, code(Errno::EFAULT)),
        (70, 1, code(Errno::EFAULT)),
        (0xffff, 1, code(Errno::EFAULT)),
        (-1, 1, code(Errno::EFAULT)),
        (i32::MAX, 1, code(Errno::EFAULT)),
        (i32::MIN, 1, code(Errno::EFAULT)),
    ] {
        assert_eq!(load(off, len), expected, "{len} at {off}");
    }
}

/// helper(ctx, offset, {aa bb cc dd}, length, flags): the answer and the packet.
fn store_bytes(s: &System, prog_type: ProgType, off: i32, len: i32, flags: i32) -> (i32, Vec<u8>) {
    let number = if prog_type == ProgType::XDP {
        XDP_STORE
    } else {
        SKB_STORE
    };
    let insns = program![
        store_imm(op::W, R10, -4, 0xddcc_bbaa_u32 as i32),
        mov_imm(R2, off),
        mov(R3, R10),
        alu_imm(op::ADD, R3, -4),
        mov_imm(R4, len),
        mov_imm(R5, flags),
        helper(number),
        exit(),
    ];
    let prog = s.prog(prog_type, &insns);
    let (answer, out) = s.run_out(&prog, &packet()).expect("a run");
    (answer as i32, out)
}

fn stored(off: usize, len: usize) -> (i32, Vec<u8>) {
    let mut expected = packet();
    expected[off..off + len].copy_from_slice(&[0xaa, 0xbb, 0xcc, 0xdd][..len]);
    (0, expected)
}

fn bytes_stored_to_xdp(s: &System) {
    for (off, len) in [(0, 1), (0, 4), (13, 3), (60, 4), (63, 1)] {
        let got = store_bytes(s, ProgType::XDP, off, len, 0);
        assert_eq!(got, stored(off as usize, len as usize), "{len} at {off}");
    }
    for (off, len, errno) in [
        (63, 2, Errno::EINVAL),
        (64, 1, Errno::EINVAL),
        (0xffff, 1, Errno::EINVAL),
        (0x10000, 1, Errno::EFAULT),
        (-1, 1, Errno::EFAULT),
    ] {
        let got = store_bytes(s, ProgType::XDP, off, len, 0);
        assert_eq!(got, (code(errno), packet()), "{len} at {off}");
    }
}

fn bytes_stored_to_skb(s: &System) {
    for (off, len, flags) in [(0, 1, 0), (0, 4, 1), (13, 3, 2), (60, 4, 3), (63, 1, 0)] {
        let got = store_bytes(s, ProgType::SCHED_CLS, off, len, flags);
        assert_eq!(
            got,
            stored(off as usize, len as usize),
            "{len} at {off} flags {flags}"
        );
    }
    for (off, len, flags, errno) in [
        (63, 2, 0, Errno::EFAULT),
        (64, 1, 0, Errno::EFAULT),
        (-1, 1, 0, Errno::EFAULT),
        (i32::MAX, 1, 0, Errno::EFAULT),
        (0, 1, 4, Errno::EINVAL),
        (0, 1, 8, Errno::EINVAL),
        (0, 1, -1, Errno::EINVAL),
    ] {
        let got = store_bytes(s, ProgType::SCHED_CLS, off, len, flags);
        assert_eq!(got, (code(errno), packet()), "{len} at {off} flags {flags}");
    }
}

/// LD_ABS and LD_IND: what the packet holds in network order.
fn legacy(size: u8, index: Option<i32>, off: i32) -> Vec<Insn> {
    let mode = if index.is_some() { op::IND } else { op::ABS };
    program![
        mov(R6, R1),
        mov_imm(R7, index.unwrap_or(0)),
        Insn::new(
            op::LD | mode | size,
            0,
            if index.is_some() { R7 } else { 0 },
            0,
            off
        ),
        exit(),
    ]
}

fn legacy_loads(s: &System) {
    for (size, index, off, expected) in [
        (op::B, None, 0, 0),
        (op::B, None, 63, 63),
        (op::H, None, 12, 0x0c0d),
        (op::H, None, 1, 0x0102),
        (op::W, None, 0, 0x0001_0203),
        (op::W, None, 60, 0x3c3d_3e3f),
        (op::B, Some(5), 5, 10),
        (op::H, Some(10), -4, 0x0607),
        (op::W, Some(60), 0, 0x3c3d_3e3f),
        (op::W, Some(-4), 8, 0x0405_0607),
    ] {
        let prog = s.prog(ProgType::SCHED_CLS, &legacy(size, index, off));
        assert_eq!(
            s.run(&prog, &packet()),
            Ok(expected),
            "{size:#x} {index:?} {off}"
        );
    }
}

/// The program returns 0 there and then.
fn a_legacy_load_outside_ends_the_program(s: &System) {
    for (size, index, off) in [
        (op::B, None, 64),
        (op::H, None, 63),
        (op::W, None, 61),
        (op::B, Some(64), 0),
        (op::W, Some(i32::MAX), 1),
        (op::B, Some(-1), 0),
    ] {
        let insns = program![
            mov(R6, R1),
            mov_imm(R7, index.unwrap_or(0)),
            mov_imm(R0, 9),
            legacy(size, index, off)[2],
            mov_imm(R0, 7),
            exit(),
        ];
        let prog = s.prog(ProgType::SCHED_CLS, &insns);
        assert_eq!(s.run(&prog, &packet()), Ok(0), "{size:#x} {index:?} {off}");
    }
}

/// csum_diff of any length; of nothing it is the seed.
fn checksums_of_odd_lengths(s: &System) {
    for (len, expected) in [
        (0, 5),
        (1, 8),
        (2, 8),
        (3, 8),
        (4, 8),
        (5, 11),
        (6, 11),
        (8, 11),
        (12, 14),
        (16, 17),
    ] {
        let insns = program![
            store_imm(op::DW, R10, -16, 3),
            store_imm(op::DW, R10, -8, 3),
            store_imm(op::W, R10, -12, 3),
            store_imm(op::W, R10, -4, 3),
            mov_imm(R1, 0),
            mov_imm(R2, 0),
            mov(R3, R10),
            alu_imm(op::ADD, R3, -16),
            mov_imm(R4, len),
            mov_imm(R5, 5),
            helper(CSUM_DIFF),
            exit(),
        ];
        assert_eq!(crate::helpers::answer(s, insns), expected, "{len}");
    }
}

/// csum_diff of words on the stack: from `from` to `to`, each a word or nothing.
fn difference(s: &System, from: Option<u32>, to: Option<u32>, seed: i32) -> i32 {
    let place = |register, word: Option<u32>, off: i32| match word {
        Some(word) => program![
            store_imm(op::W, R10, off as i16, word as i32),
            mov(register, R10),
            alu_imm(op::ADD, register, off),
            mov_imm(register + 1, 4),
        ],
        None => program![mov_imm(register, 0), mov_imm(register + 1, 0)],
    };
    let insns = program![
        place(R1, from, -8),
        place(R3, to, -4),
        mov_imm(R5, seed),
        helper(CSUM_DIFF),
        exit(),
    ];
    crate::helpers::answer(s, insns)
}

fn checksums_of_differences(s: &System) {
    for (from, to, seed, expected) in [
        (None, None, 0, 0),
        (None, Some(0x0000_0001), 0, 1),
        (None, Some(0x0102_0304), 0, 0x0406),
        (None, Some(0xffff_ffff), 0, 0xffff),
        (Some(0x0000_0001), None, 0, 0xfffe),
        (Some(0x0102_0304), Some(0x0102_0304), 0, 0xffff),
        (Some(0x0102_0304), Some(0x0102_0305), 0, 1),
        (None, Some(1), 5, 6),
        (None, None, 7, 7),
    ] {
        let got = difference(s, from, to, seed);
        assert_eq!(got, expected, "{from:x?} {to:x?} {seed}");
    }
}

/// l3_csum_replace and l4_csum_replace on the two bytes at `off`.
fn replace(s: &System, number: i32, off: i32, from: i32, to: i32, flags: i32) -> (i32, [u8; 2]) {
    let insns = program![
        mov_imm(R2, off),
        mov_imm(R3, from),
        mov_imm(R4, to),
        mov_imm(R5, flags),
        helper(number),
        exit(),
    ];
    let prog = s.prog(ProgType::SCHED_CLS, &insns);
    let (answer, out) = s.run_out(&prog, &packet()).expect("a run");
    let at = if (0..62).contains(&off) {
        off as usize
    } else {
        24
    };
    (answer as i32, [out[at], out[at + 1]])
}

fn checksums_replaced_in_a_packet(s: &System) {
    let unchanged = [24, 25];
    for (number, off, from, to, flags, expected) in [
        (L3_CSUM, 24, 1, 2, 2, (0, [23, 25])),
        (L3_CSUM, 24, 2, 1, 2, (0, [25, 25])),
        (L3_CSUM, 24, 0x0102_0304, 0x0102_0305, 4, (0, [23, 25])),
        (L3_CSUM, 24, 0, 1, 0, (0, [23, 25])),
        (L3_CSUM, 24, 1, 1, 0, (code(Errno::EINVAL), unchanged)),
        (L3_CSUM, 24, 1, 2, 1, (code(Errno::EINVAL), unchanged)),
        (L3_CSUM, 24, 1, 2, 3, (code(Errno::EINVAL), unchanged)),
        (L3_CSUM, 24, 1, 2, 0x10, (code(Errno::EINVAL), unchanged)),
        (L3_CSUM, 25, 1, 2, 2, (code(Errno::EFAULT), [25, 26])),
        (L3_CSUM, 0x10000, 1, 2, 2, (code(Errno::EFAULT), unchanged)),
        (L3_CSUM, 64, 1, 2, 2, (code(Errno::EFAULT), unchanged)),
        (L4_CSUM, 24, 1, 2, 2, (0, [23, 25])),
        (L4_CSUM, 24, 1, 2, 0x12, (0, [23, 25])),
        (L4_CSUM, 24, 1, 2, 0x20 | 2, (0, [23, 25])),
        (L4_CSUM, 24, 1, 2, 1, (code(Errno::EINVAL), unchanged)),
        (L4_CSUM, 24, 1, 2, 0x100, (code(Errno::EINVAL), unchanged)),
        (L4_CSUM, 25, 1, 2, 2, (code(Errno::EFAULT), [25, 26])),
    ] {
        let got = replace(s, number, off, from, to, flags);
        assert_eq!(
            got, expected,
            "helper {number} at {off}: {from:#x} {to:#x} {flags:#x}"
        );
    }
}

fn pulling_data(s: &System) {
    for (len, expected) in [(0, 0), (1, 0), (64, 0), (65, code(Errno::ENOMEM))] {
        let insns = program![mov_imm(R2, len), helper(PULL), exit()];
        let prog = s.prog(ProgType::SCHED_CLS, &insns);
        assert_eq!(s.run(&prog, &packet()), Ok(expected as u32), "{len}");
    }
}

/// Stores to the packet itself, of both types.
fn writing_the_packet(s: &System) {
    for (prog_type, data, end) in [(ProgType::XDP, 0, 4), (ProgType::SCHED_CLS, 76, 80)] {
        let insns = program![
            load(op::W, R2, R1, data),
            load(op::W, R3, R1, end),
            mov(R4, R2),
            alu_imm(op::ADD, R4, 64),
            jump(op::JGT, R4, R3, 3),
            store_imm(op::B, R2, 0, 0x11),
            store_imm(op::W, R2, 60, -1),
            store_imm(op::H, R2, 31, 0x2222),
            mov_imm(R0, 0),
            exit(),
        ];
        let prog = s.prog(prog_type, &insns);
        let mut expected = packet();
        expected[0] = 0x11;
        expected[60..].fill(0xff);
        expected[31..33].fill(0x22);
        let (answer, out) = s.run_out(&prog, &packet()).expect("a run");
        assert_eq!((answer, out), (0, expected), "{prog_type}");
    }
}

/// `__sk_buff` fields of a packet as PROG_TEST_RUN makes it.
fn fields_of_the_skb(s: &System) {
    for (off, expected) in [
        (0, 64),
        (4, 3),
        (8, 0),
        (16, 0x0d0c),
        (20, 0),
        (32, 0),
        (40, 1),
        (44, 0),
        (48, 0),
        (64, 0),
        (72, 0),
    ] {
        let insns = program![load(op::W, R0, R1, off), exit()];
        let prog = s.prog(ProgType::SCHED_CLS, &insns);
        assert_eq!(s.run(&prog, &packet()), Ok(expected), "offset {off}");
    }
    // What is written to the control block and the mark is read again.
    for off in [8, 48, 52, 64] {
        let insns = program![
            mov_imm(R2, 0x1234),
            store(op::W, R1, off, R2),
            load(op::W, R0, R1, off),
            exit(),
        ];
        let prog = s.prog(ProgType::SCHED_CLS, &insns);
        assert_eq!(s.run(&prog, &packet()), Ok(0x1234), "offset {off}");
    }
}

/// skb_load_bytes_relative: from the link header, or from the network header.
fn bytes_loaded_relative_to_headers(s: &System) {
    for (off, len, start, expected) in [
        (0, 4, 0, 0x0302_0100),
        (0, 4, 1, 0x1110_0f0e),
        (49, 1, 1, 63),
        (50, 1, 1, code(Errno::EFAULT)),
        (63, 1, 0, 63),
        (64, 1, 0, code(Errno::EFAULT)),
        (0, 1, 2, code(Errno::EFAULT)),
        (0, 1, -1, code(Errno::EFAULT)),
        (0x10000, 1, 0, code(Errno::EFAULT)),
        (-1, 1, 0, code(Errno::EFAULT)),
    ] {
        let insns = program![
            store_imm(op::DW, R10, -8, 0),
            mov_imm(R2, off),
            mov(R3, R10),
            alu_imm(op::ADD, R3, -8),
            mov_imm(R4, len),
            mov_imm(R5, start),
            helper(68),
            jump_imm(op::JNE, R0, 0, 1),
            load(op::W, R0, R10, -8),
            exit(),
        ];
        let prog = s.prog(ProgType::SCHED_CLS, &insns);
        assert_eq!(
            s.run(&prog, &packet()),
            Ok(expected as u32),
            "{len} at {off} from {start}"
        );
    }
}
