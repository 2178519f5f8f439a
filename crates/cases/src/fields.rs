//! Fields of the context that a program reads and writes, by offset and width.
//!
//! Answers to: xdp_is_valid_access, tc_cls_act_is_valid_access and
//! bpf_skb_is_valid_access in net/core/filter.c.

use crate::asm::*;
use crate::program;
use crate::system::*;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    xdp_fields_are_words,
    xdp_fields_are_not_written,
    skb_words,
    skb_words_are_read_in_part,
    skb_fields_of_eight_bytes,
    skb_fields_that_are_written,
    skb_fields_that_are_not_written,
    skb_fields_that_are_not_read,
    offsets_between_fields,
    the_control_block_is_memory,
];

/// Reads a field and returns its low word; `size` bytes at `off`.
fn reading(size: u8, off: i16) -> Vec<Insn> {
    program![load(size, R0, R1, off), exit()]
}

/// Writes 7 to a field.
fn writing(size: u8, off: i16) -> Vec<Insn> {
    program![
        mov_imm(R2, 7),
        store(size, R1, off, R2),
        mov_imm(R0, 0),
        exit()
    ]
}

fn refused(s: &System, prog_type: ProgType, insns: &[Insn]) {
    s.refuse_program(prog_type, insns, Errno::EACCES);
}

fn xdp_fields_are_words(s: &System) {
    for off in [0, 4, 8, 12, 16] {
        let prog = s.prog(ProgType::XDP, &reading(op::W, off));
        assert!(s.run(&prog, &[0; 64]).is_ok(), "{off}");
        for size in [op::B, op::H, op::DW] {
            refused(s, ProgType::XDP, &reading(size, off));
        }
    }
    for off in [12, 16] {
        let prog = s.prog(ProgType::XDP, &reading(op::W, off));
        let expected = if off == 12 { 1 } else { 0 };
        assert_eq!(s.run(&prog, &[0; 64]), Ok(expected), "{off}");
    }
    // egress_ifindex is there for programs of a device map.
    refused(s, ProgType::XDP, &reading(op::W, 20));
}

fn xdp_fields_are_not_written(s: &System) {
    for off in [0, 4, 8, 12, 16, 20] {
        refused(s, ProgType::XDP, &writing(op::W, off));
    }
}

/// What PROG_TEST_RUN shows of 64 bytes without a context.
fn skb_words(s: &System) {
    let mut packet = [0; 64];
    packet[12..14].copy_from_slice(&[0x08, 0x06]);
    for (off, expected) in [
        (0, 64),
        (4, 0),
        (8, 0),
        (12, 0),
        (16, 0x0608),
        (20, 0),
        (24, 0),
        (28, 0),
        (32, 0),
        (40, 1),
        (44, 0),
        (48, 0),
        (52, 0),
        (56, 0),
        (60, 0),
        (64, 0),
        (68, 0),
        (72, 0),
        (84, 0),
        (160, 0),
        (164, 0),
        (176, 0),
    ] {
        let prog = s.prog(ProgType::SCHED_CLS, &reading(op::W, off));
        assert_eq!(s.run(&prog, &packet), Ok(expected), "{off}");
    }
}

fn skb_words_are_read_in_part(s: &System) {
    let mut packet = [0; 64];
    packet[12..14].copy_from_slice(&[0x12, 0x34]);
    for (size, off, expected) in [
        (op::B, 0, 64),
        (op::H, 0, 64),
        (op::B, 1, 0),
        (op::H, 2, 0),
        (op::B, 16, 0x12),
        (op::B, 17, 0x34),
        (op::H, 16, 0x3412),
        (op::B, 40, 1),
        (op::H, 42, 0),
    ] {
        let prog = s.prog(ProgType::SCHED_CLS, &reading(size, off));
        assert_eq!(s.run(&prog, &packet), Ok(expected), "{size:#x} at {off}");
    }
}

fn skb_fields_of_eight_bytes(s: &System) {
    for off in [152, 184] {
        let prog = s.prog(ProgType::SCHED_CLS, &reading(op::DW, off));
        assert_eq!(s.run(&prog, &[0; 64]), Ok(0), "{off}");
        for size in [op::B, op::H, op::W] {
            refused(s, ProgType::SCHED_CLS, &reading(size, off));
        }
    }
    // Words are not read two at a time, but for the control block's.
    for off in [0, 8, 16, 32, 40, 72, 80] {
        refused(s, ProgType::SCHED_CLS, &reading(op::DW, off));
    }
    for off in [48, 56] {
        let prog = s.prog(ProgType::SCHED_CLS, &reading(op::DW, off));
        assert_eq!(s.run(&prog, &[0; 64]), Ok(0), "{off}");
    }
    refused(s, ProgType::SCHED_CLS, &reading(op::DW, 64));
}

fn skb_fields_that_are_written(s: &System) {
    for off in [8, 12, 32, 44, 48, 52, 56, 60, 64, 72] {
        let prog = s.prog(ProgType::SCHED_CLS, &writing(op::W, off));
        assert_eq!(s.run(&prog, &[0; 64]), Ok(0), "{off}");
    }
    let prog = s.prog(ProgType::SCHED_CLS, &writing(op::DW, 152));
    assert_eq!(s.run(&prog, &[0; 64]), Ok(0));
}

fn skb_fields_that_are_not_written(s: &System) {
    for off in [
        0, 4, 16, 20, 24, 28, 36, 40, 68, 76, 80, 84, 140, 160, 164, 176,
    ] {
        refused(s, ProgType::SCHED_CLS, &writing(op::W, off));
    }
    // Not in part either.
    for (size, off) in [
        (op::B, 8),
        (op::H, 8),
        (op::B, 32),
        (op::H, 44),
        (op::W, 152),
    ] {
        refused(s, ProgType::SCHED_CLS, &writing(size, off));
    }
}

fn skb_fields_that_are_not_read(s: &System) {
    for off in [88, 92, 96, 100, 116, 132, 136, 144, 156, 180, 188] {
        refused(s, ProgType::SCHED_CLS, &reading(op::W, off));
    }
}

fn offsets_between_fields(s: &System) {
    for off in [
        1,
        2,
        3,
        38,
        46,
        -4,
        -1,
        189,
        192,
        196,
        1000,
        i16::MAX,
        i16::MIN,
    ] {
        refused(s, ProgType::SCHED_CLS, &reading(op::W, off));
    }
    for off in [1, 2, 3, 5, -4, -1, 22, 24, 28, 1000, i16::MAX, i16::MIN] {
        refused(s, ProgType::XDP, &reading(op::W, off));
    }
}

/// Bytes, halves and words of the control block, written and read.
fn the_control_block_is_memory(s: &System) {
    let insns = program![
        ld_imm64(R2, 0x0807_0605_0403_0201),
        store(op::DW, R1, 48, R2),
        store(op::H, R1, 60, R2),
        store(op::B, R1, 67, R2),
        load(op::B, R0, R1, 51),
        load(op::H, R2, R1, 54),
        alu_imm(op::LSH, R2, 8),
        alu(op::ADD, R0, R2),
        load(op::W, R2, R1, 60),
        alu(op::ADD, R0, R2),
        load(op::B, R2, R1, 67),
        alu_imm(op::LSH, R2, 24),
        alu(op::ADD, R0, R2),
        exit(),
    ];
    let prog = s.prog(ProgType::SCHED_CLS, &insns);
    let expected = 0x04 + (0x0807 << 8) + 0x0201 + (0x01 << 24);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(expected));
}
