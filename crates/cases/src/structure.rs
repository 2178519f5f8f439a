//! Programs that are refused for what their instructions are, or do.
//!
//! Answers to: check_subprogs, check_cfg and do_check in kernel/bpf/verifier.c.

use crate::asm::*;
use crate::helpers::{LOOKUP, with_key};
use crate::program;
use crate::system::*;
use skep::abi::insn::{op, pseudo};
use skep::abi::*;

cases![
    opcodes_that_do_not_exist,
    reserved_fields,
    registers_that_do_not_exist,
    the_frame_pointer_is_not_written,
    jumps_out_of_the_program,
    programs_that_fall_off_their_end,
    instructions_nobody_reaches,
    wide_immediates_cut_in_half,
    immediates_that_are_refused,
    uninitialized_registers,
    memory_that_is_not_the_program_s,
];

fn attempt(s: &System, prog_type: ProgType, insns: &[Insn]) -> Result<()> {
    s.try_prog(prog_type, insns).map(drop)
}

fn opcodes_that_do_not_exist(s: &System) {
    for prog_type in [ProgType::XDP, ProgType::SCHED_CLS] {
        for code in [
            0xe7,
            0xf7,
            0xe4,
            0xf4,
            0xe6,
            0xf6,
            0xf5,
            0x96,
            0x86,
            0x60,
            0x68,
            0x80,
            0xa0,
            0x41 | 0x20 | 0xc0,
            0xff,
        ] {
            let insns = [
                mov_imm(R0, 0),
                mov_imm(R1, 0),
                Insn::new(code, 0, 0, 0, 0),
                exit(),
            ];
            assert_eq!(
                attempt(s, prog_type, &insns),
                Err(Errno::EINVAL),
                "{prog_type} {code:#x}"
            );
        }
    }
}

/// Fields an instruction does not use must be zero.
fn reserved_fields(s: &System) {
    for insn in [
        Insn::new(op::ALU64 | op::ADD | op::K, R0, R1, 0, 1),
        Insn::new(op::ALU64 | op::ADD | op::K, R0, 0, 1, 1),
        Insn::new(op::ALU64 | op::ADD | op::X, R0, R1, 0, 1),
        Insn::new(op::ALU64 | op::ADD | op::X, R0, R1, 1, 0),
        Insn::new(op::ALU64 | op::MOV | op::K, R0, R1, 0, 1),
        Insn::new(op::ALU64 | op::MOV | op::X, R0, R1, 0, 7),
        Insn::new(op::ALU64 | op::NEG, R0, 0, 0, 1),
        Insn::new(op::ALU64 | op::NEG | op::X, R0, R1, 0, 0),
        Insn::new(op::ALU64 | op::DIV | op::K, R0, 0, 2, 1),
        Insn::new(op::JMP | op::JA, 0, 0, 0, 1),
        Insn::new(op::JMP | op::JA, R1, 0, 0, 0),
        Insn::new(op::JMP | op::EXIT, R1, 0, 0, 0),
        Insn::new(op::JMP | op::EXIT, 0, 0, 1, 0),
        Insn::new(op::JMP | op::EXIT, 0, 0, 0, 1),
        Insn::new(op::JMP | op::JEQ | op::K, R0, R1, 0, 0),
        Insn::new(op::JMP | op::JEQ | op::X, R0, R1, 0, 5),
        Insn::new(op::LDX | op::MEM | op::W, R0, R10, -4, 1),
        Insn::new(op::STX | op::MEM | op::W, R10, R0, -4, 1),
        Insn::new(op::ST | op::MEM | op::W, R10, R1, -4, 1),
        Insn::new(op::STX | op::ATOMIC | op::DW, R10, R0, -8, 0x77),
        Insn::new(op::STX | op::ATOMIC | op::B, R10, R0, -8, 0),
        Insn::new(op::JMP | op::CALL, R1, 0, 0, 7),
        Insn::new(op::JMP | op::CALL, 0, 0, 1, 7),
        Insn::new(op::JMP | op::CALL, 0, 3, 0, 7),
    ] {
        let insns = [
            store_imm(op::DW, R10, -8, 0),
            mov_imm(R0, 1),
            mov_imm(R1, 1),
            insn,
            mov_imm(R0, 0),
            exit(),
        ];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{insn:?}"
        );
    }
}

fn registers_that_do_not_exist(s: &System) {
    for register in 11..16 {
        for insn in [
            mov_imm(register, 0),
            mov(R0, register),
            alu_imm(op::ADD, register, 0),
            load(op::W, register, R10, -4),
            load(op::W, R0, register, 0),
            store(op::W, R10, -4, register),
            jump_imm(op::JEQ, register, 0, 0),
        ] {
            let insns = [store_imm(op::DW, R10, -8, 0), insn, mov_imm(R0, 0), exit()];
            assert_eq!(
                attempt(s, ProgType::XDP, &insns),
                Err(Errno::EINVAL),
                "{insn:?}"
            );
        }
    }
}

fn the_frame_pointer_is_not_written(s: &System) {
    for insn in [mov_imm(R10, 0), alu_imm(op::ADD, R10, 8), mov(R10, R1)] {
        s.refuse_program(
            ProgType::XDP,
            &[insn, mov_imm(R0, 0), exit()],
            Errno::EACCES,
        );
    }
}

fn jumps_out_of_the_program(s: &System) {
    for off in [-3, -100, 2, 3, 100, i16::MAX, i16::MIN] {
        let insns = [mov_imm(R0, 0), goto(off), exit()];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "goto {off}"
        );
        let insns = [mov_imm(R0, 0), jump_imm(op::JEQ, R0, 0, off), exit()];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "if {off}"
        );
    }
    for off in [-3, 2, 100, i32::MAX, i32::MIN] {
        let call = Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_SUBPROG, 0, off);
        let insns = [mov_imm(R0, 0), call, exit()];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "call {off}"
        );
    }
}

fn programs_that_fall_off_their_end(s: &System) {
    for insns in [
        vec![mov_imm(R0, 0)],
        vec![exit(), mov_imm(R0, 0)],
        vec![
            mov_imm(R0, 0),
            jump_imm(op::JEQ, R0, 0, 1),
            exit(),
            mov_imm(R0, 1),
        ],
    ] {
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{insns:?}"
        );
    }
}

fn instructions_nobody_reaches(s: &System) {
    for insns in [
        vec![mov_imm(R0, 0), exit(), mov_imm(R0, 1), exit()],
        vec![mov_imm(R0, 0), goto(1), mov_imm(R0, 1), exit()],
    ] {
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{insns:?}"
        );
    }
}

fn wide_immediates_cut_in_half(s: &System) {
    let [first, second] = ld_imm64(R0, 5);
    for insns in [
        vec![first],
        vec![first, exit()],
        vec![second, exit()],
        vec![first, Insn { dst: R1, ..second }, exit()],
        vec![first, Insn { off: 1, ..second }, exit()],
        vec![first, Insn { src: R1, ..second }, exit()],
        vec![Insn { off: 1, ..first }, second, exit()],
        vec![Insn { src: 9, ..first }, second, exit()],
        vec![goto(1), first, second, exit()],
    ] {
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{insns:?}"
        );
    }
}

fn immediates_that_are_refused(s: &System) {
    for (operation, imm) in [
        (op::DIV, 0),
        (op::MOD, 0),
        (op::LSH, 64),
        (op::LSH, -1),
        (op::RSH, 64),
        (op::ARSH, 64),
    ] {
        let insns = [mov_imm(R0, 1), alu_imm(operation, R0, imm), exit()];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{operation:#x} {imm}"
        );
    }
    for (operation, imm) in [(op::LSH, 32), (op::RSH, 32), (op::ARSH, 63)] {
        let insn = Insn::new(op::ALU | operation | op::K, R0, 0, 0, imm);
        let insns = [mov_imm(R0, 1), insn, exit()];
        assert_eq!(
            attempt(s, ProgType::XDP, &insns),
            Err(Errno::EINVAL),
            "{operation:#x} {imm}"
        );
    }
}

fn uninitialized_registers(s: &System) {
    for insns in [
        vec![exit()],
        vec![mov(R0, R2), exit()],
        vec![alu(op::ADD, R0, R0), exit()],
        vec![mov_imm(R0, 0), jump_imm(op::JEQ, R7, 0, 0), exit()],
        vec![helper(7), mov(R0, R1), exit()],
    ] {
        s.refuse_program(ProgType::XDP, &insns, Errno::EACCES);
    }
}

fn memory_that_is_not_the_program_s(s: &System) {
    let map = s.map(HASH);
    for insns in [
        program![mov_imm(R1, 0), load(op::W, R0, R1, 0), exit()],
        program![load(op::W, R0, R10, 0), exit()],
        program![store_imm(op::W, R10, -516, 1), mov_imm(R0, 0), exit()],
        program![load(op::DW, R0, R1, 0), exit()],
        program![load(op::W, R0, R1, 24), exit()],
        program![store_imm(op::W, R1, 0, 1), mov_imm(R0, 0), exit()],
        program![load(op::W, R2, R1, 0), load(op::B, R0, R2, 0), exit()],
        program![
            with_key(&map, 1),
            helper(LOOKUP),
            load(op::W, R0, R0, 0),
            exit()
        ],
        program![ld_map(R1, &map), load(op::W, R0, R1, 2000), exit()],
    ]
    .into_iter()
    .enumerate()
    .filter_map(|(at, insns)| {
        // The packet's first byte is there in every run: only Linux asks for a check.
        (at != 6 || matches!(s.host, Host::Linux(_))).then_some(insns)
    }) {
        let answer = s.try_prog(ProgType::XDP, &insns).map(drop);
        if let (Err(errno), Host::Linux(_)) = (answer, &s.host) {
            assert_eq!(errno, Errno::EACCES, "{insns:?}");
        }
        s.refuse_program(ProgType::XDP, &insns, Errno::EACCES);
    }
}
