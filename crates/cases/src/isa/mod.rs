//! Instructions: operands at the edges, run on both systems.
//!
//! Operands come in the packet, so that nothing is known of them before the run,
//! and results go back in it. The tables state every result.
//!
//! Answers to: RFC 9669; kernel/bpf/core.c.

mod arithmetic;
mod atomics;
mod jumps;

use crate::asm::*;
use crate::program;
use crate::system::*;
use arithmetic::Op;
use skep::abi::insn::op;
use skep::abi::*;

cases![
    arithmetic_of_registers,
    arithmetic_of_immediates,
    negation,
    byte_order,
    moves_that_extend_the_sign,
    jumps_by_registers,
    jumps_by_immediates,
    a_jump_by_32_bits_of_offset,
    wide_immediates,
    loads_of_every_width,
    loads_that_extend_the_sign,
    stores_of_every_width,
    atomics_on_the_stack,
    atomics_on_a_map,
    acquire_and_release,
    calls_of_subprograms,
    a_subprogram_keeps_registers_and_has_its_own_stack,
    a_loop,
    the_stack_is_512_bytes,
];

/// Words of the packet: operands first.
const WORDS: usize = 6;

/// A program that loads the packet's words 0, 1, 2 into r7, r8, r0 (its address in
/// r6), does `body`, and stores r7, r8, r0 as words 3, 4, 5.
fn wrap(body: Vec<Insn>) -> Vec<Insn> {
    let length = WORDS as i32 * 8;
    program![
        load(op::W, R6, R1, 0),
        load(op::W, R3, R1, 4),
        mov(R4, R6),
        alu_imm(op::ADD, R4, length),
        jump(op::JLE, R4, R3, 2),
        mov_imm(R0, 0),
        exit(),
        load(op::DW, R7, R6, 0),
        load(op::DW, R8, R6, 8),
        load(op::DW, R0, R6, 16),
        body,
        store(op::DW, R6, 24, R7),
        store(op::DW, R6, 32, R8),
        store(op::DW, R6, 40, R0),
        mov_imm(R0, 2),
        exit(),
    ]
}

/// What words 3, 4, 5 are after a run with these words.
fn run(s: &System, prog: &OwnedFd, words: [u64; 3]) -> [u64; 3] {
    let mut packet: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    packet.resize(WORDS * 8, 0xee);
    let (answer, out) = s.run_out(prog, &packet).expect("a run");
    assert_eq!(answer, 2);
    [24, 32, 40].map(|at| {
        let mut word = [0; 8];
        word.copy_from_slice(&out[at..at + 8]);
        u64::from_ne_bytes(word)
    })
}

fn operate(s: &System, body: Vec<Insn>, words: [u64; 3]) -> [u64; 3] {
    let prog = s.prog(ProgType::XDP, &wrap(body));
    run(s, &prog, words)
}

/// An operation's bits, and the offset that makes a division signed.
fn encoding(operation: Op) -> (u8, i16) {
    match operation {
        Op::Add => (op::ADD, 0),
        Op::Sub => (op::SUB, 0),
        Op::Mul => (op::MUL, 0),
        Op::Div => (op::DIV, 0),
        Op::Mod => (op::MOD, 0),
        Op::Sdiv => (op::DIV, 1),
        Op::Smod => (op::MOD, 1),
        Op::Or => (op::OR, 0),
        Op::And => (op::AND, 0),
        Op::Xor => (op::XOR, 0),
        Op::Lsh => (op::LSH, 0),
        Op::Rsh => (op::RSH, 0),
        Op::Arsh => (op::ARSH, 0),
        Op::Mov => (op::MOV, 0),
    }
}

fn arithmetic_of_registers(s: &System) {
    let mut wrong = Vec::new();
    for class in [op::ALU64, op::ALU] {
        let mut progs: Vec<(Op, OwnedFd)> = Vec::new();
        for &row @ (operation, dst, src, wide, narrow) in arithmetic::ROWS {
            if progs.last().is_none_or(|(last, _)| *last != operation) {
                let (bits, off) = encoding(operation);
                let insn = Insn::new(class | bits | op::X, R7, R8, off, 0);
                progs.push((operation, s.prog(ProgType::XDP, &wrap(vec![insn]))));
            }
            let Some((_, prog)) = progs.last() else {
                continue;
            };
            let expected = if class == op::ALU64 { wide } else { narrow };
            let [result, kept, _] = run(s, prog, [dst, src, 0]);
            if (result, kept) != (expected, src) {
                wrong.push(format!("{class} {row:x?}: {result:#x}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether Linux takes this immediate: no division by zero, no shift too far.
fn is_taken(operation: Op, imm: i32, bits: i32) -> bool {
    match operation {
        Op::Div | Op::Mod | Op::Sdiv | Op::Smod => imm != 0,
        Op::Lsh | Op::Rsh | Op::Arsh => (0..bits).contains(&imm),
        _ => true,
    }
}

fn arithmetic_of_immediates(s: &System) {
    let mut wrong = Vec::new();
    for class in [op::ALU64, op::ALU] {
        for &row @ (operation, dst, src, wide, narrow) in arithmetic::ROWS {
            let imm = src as i32;
            let whole = class == op::ALU64;
            if whole && imm as i64 as u64 != src {
                continue;
            }
            let (bits, off) = encoding(operation);
            let body = vec![Insn::new(class | bits | op::K, R7, 0, off, imm)];
            if !is_taken(operation, imm, if whole { 64 } else { 32 }) {
                let answer = s.try_prog(ProgType::XDP, &wrap(body)).map(drop);
                if answer != Err(Errno::EINVAL) {
                    wrong.push(format!("{class} {row:x?}: loads with {imm:#x}: {answer:?}"));
                }
                continue;
            }
            let expected = if whole { wide } else { narrow };
            let [result, ..] = operate(s, body, [dst, 0, 0]);
            if result != expected {
                wrong.push(format!("{class} {row:x?} immediate {imm:#x}: {result:#x}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn negation(s: &System) {
    for (value, wide, narrow) in [
        (0, 0, 0),
        (1, u64::MAX, 0xffff_ffff),
        (u64::MAX, 1, 1),
        (1 << 63, 1 << 63, 0),
        (1 << 31, 0xffff_ffff_8000_0000, 0x8000_0000),
        (0x1_0000_0000, 0xffff_ffff_0000_0000, 0),
    ] {
        for (class, expected) in [(op::ALU64, wide), (op::ALU, narrow)] {
            let body = vec![Insn::new(class | op::NEG, R7, 0, 0, 0)];
            let [result, ..] = operate(s, body, [value, 0, 0]);
            assert_eq!(result, expected, "class {class} of {value:#x}");
        }
    }
}

/// To little endian, to big endian, swapped; of 16, 32, 64 bits.
fn byte_order(s: &System) {
    const VALUE: u64 = 0x0102_0304_0506_0708;
    let rows = [
        (op::ALU | op::END, 16, 0x0708),
        (op::ALU | op::END, 32, 0x0506_0708),
        (op::ALU | op::END, 64, VALUE),
        (op::ALU | op::END | op::X, 16, 0x0807),
        (op::ALU | op::END | op::X, 32, 0x0807_0605),
        (op::ALU | op::END | op::X, 64, 0x0807_0605_0403_0201),
        (op::ALU64 | op::END, 16, 0x0807),
        (op::ALU64 | op::END, 32, 0x0807_0605),
        (op::ALU64 | op::END, 64, 0x0807_0605_0403_0201),
    ];
    for (code, imm, expected) in rows {
        let [result, ..] = operate(s, vec![Insn::new(code, R7, 0, 0, imm)], [VALUE, 0, 0]);
        // The table is a little-endian machine's.
        let expected = if cfg!(target_endian = "little") {
            expected
        } else {
            continue;
        };
        assert_eq!(result, expected, "{code:#x} {imm}");
    }
    for imm in [0, 1, 8, 24, 48, 128, -16] {
        let insn = Insn::new(op::ALU | op::END, R7, 0, 0, imm);
        let answer = s.try_prog(ProgType::XDP, &wrap(vec![insn])).map(drop);
        assert_eq!(answer, Err(Errno::EINVAL), "{imm}");
    }
}

fn moves_that_extend_the_sign(s: &System) {
    for (off, value, wide, narrow) in [
        (8, 0x7f, 0x7f, 0x7f),
        (8, 0x80, 0xffff_ffff_ffff_ff80, 0xffff_ff80),
        (8, 0x1234_5678_9abc_de00, 0, 0),
        (16, 0x7fff, 0x7fff, 0x7fff),
        (16, 0x8000, 0xffff_ffff_ffff_8000, 0xffff_8000),
        (
            16,
            0x1234_5678_9abc_def0,
            0xffff_ffff_ffff_def0,
            0xffff_def0,
        ),
    ] {
        for (class, expected) in [(op::ALU64, wide), (op::ALU, narrow)] {
            let body = vec![Insn::new(class | op::MOV | op::X, R7, R8, off, 0)];
            let [result, ..] = operate(s, body, [1, value, 0]);
            assert_eq!(result, expected, "class {class} {off} of {value:#x}");
        }
    }
    for (value, expected) in [
        (0x7fff_ffff, 0x7fff_ffff),
        (0x8000_0000, 0xffff_ffff_8000_0000),
        (0x1_0000_0001, 1),
    ] {
        let body = vec![Insn::new(op::ALU64 | op::MOV | op::X, R7, R8, 32, 0)];
        let [result, ..] = operate(s, body, [1, value, 0]);
        assert_eq!(result, expected, "32 of {value:#x}");
    }
    for (class, off) in [
        (op::ALU, 32),
        (op::ALU64, 1),
        (op::ALU64, 64),
        (op::ALU, -8),
    ] {
        let insn = Insn::new(class | op::MOV | op::X, R7, R8, off, 0);
        let answer = s.try_prog(ProgType::XDP, &wrap(vec![insn])).map(drop);
        assert_eq!(answer, Err(Errno::EINVAL), "class {class} {off}");
    }
}

/// r0 becomes 1 if the jump is taken, 0 if not.
fn branch(insn: Insn) -> Vec<Insn> {
    vec![insn, mov_imm(R0, 0), goto(1), mov_imm(R0, 1)]
}

fn jumps_by_registers(s: &System) {
    let mut wrong = Vec::new();
    for class in [op::JMP, op::JMP32] {
        let mut last: Option<(u8, OwnedFd)> = None;
        for &row @ (operation, dst, src, wide, narrow) in jumps::ROWS {
            if last.as_ref().is_none_or(|(code, _)| *code != operation) {
                let insn = Insn::new(class | operation | op::X, R7, R8, 2, 0);
                last = Some((operation, s.prog(ProgType::XDP, &wrap(branch(insn)))));
            }
            let Some((_, prog)) = &last else { continue };
            let expected = if class == op::JMP { wide } else { narrow };
            let [_, _, taken] = run(s, prog, [dst, src, 9]);
            if taken != u64::from(expected) {
                wrong.push(format!("{class} {row:x?}: {taken}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn jumps_by_immediates(s: &System) {
    let mut wrong = Vec::new();
    for class in [op::JMP, op::JMP32] {
        for &row @ (operation, dst, src, wide, narrow) in jumps::ROWS {
            let imm = src as i32;
            let whole = class == op::JMP;
            if whole && imm as i64 as u64 != src {
                continue;
            }
            let insn = Insn::new(class | operation | op::K, R7, 0, 2, imm);
            let [_, _, taken] = operate(s, branch(insn), [dst, 0, 9]);
            if taken != u64::from(if whole { wide } else { narrow }) {
                wrong.push(format!("{class} {row:x?} immediate {imm:#x}: {taken}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `gotol`: the offset is the immediate.
fn a_jump_by_32_bits_of_offset(s: &System) {
    let body = program![
        mov_imm(R7, 1),
        jump_imm(op::JEQ, R8, 77, 1),
        Insn::new(op::JMP32 | op::JA, 0, 0, 0, 1),
        mov_imm(R7, 2),
        alu_imm(op::ADD, R7, 10),
    ];
    assert_eq!(operate(s, body.clone(), [0; 3])[0], 11);
    assert_eq!(operate(s, body, [0, 77, 0])[0], 12);
}

fn wide_immediates(s: &System) {
    for value in [
        0,
        1,
        u64::MAX,
        1 << 63,
        0x1234_5678_9abc_def0,
        0x8000_0000,
        0xffff_ffff,
    ] {
        assert_eq!(
            operate(s, program![ld_imm64(R7, value)], [5; 3])[0],
            value,
            "{value:#x}"
        );
    }
}

/// The packet's first word, read at an offset.
fn loads_of_every_width(s: &System) {
    const WORD: u64 = 0xf1e2_d3c4_b5a6_9788;
    for (size, off, expected) in [
        (op::B, 0, 0x88),
        (op::B, 3, 0xb5),
        (op::B, 7, 0xf1),
        (op::H, 0, 0x9788),
        (op::H, 2, 0xb5a6),
        (op::H, 5, 0xe2d3),
        (op::W, 0, 0xb5a6_9788),
        (op::W, 4, 0xf1e2_d3c4),
        (op::W, 1, 0xc4b5_a697),
        (op::DW, 0, WORD),
        (op::DW, 1, 0x11f1_e2d3_c4b5_a697),
    ] {
        let body = vec![load(size, R7, R6, off)];
        let [result, ..] = operate(s, body, [WORD, 0x11, 0]);
        assert_eq!(result, expected, "size {size:#x} at {off}");
        // The same from the stack, where all is aligned.
        if off % (1 << size_log(size)) == 0 {
            let body = vec![store(op::DW, R10, -8, R7), load(size, R7, R10, off - 8)];
            let [result, ..] = operate(s, body, [WORD, 0x11, 0]);
            assert_eq!(result, expected, "size {size:#x} at {off} of the stack");
        }
    }
}

/// The power of two a size is.
fn size_log(size: u8) -> i16 {
    match size {
        op::B => 0,
        op::H => 1,
        op::W => 2,
        _ => 3,
    }
}

fn loads_that_extend_the_sign(s: &System) {
    for (size, value, expected) in [
        (op::B, 0x7f, 0x7f),
        (op::B, 0x80, 0xffff_ffff_ffff_ff80),
        (op::B, 0x1ff, u64::MAX),
        (op::H, 0x7fff, 0x7fff),
        (op::H, 0x8000, 0xffff_ffff_ffff_8000),
        (op::W, 0x7fff_ffff, 0x7fff_ffff),
        (op::W, 0x8000_0000, 0xffff_ffff_8000_0000),
        (op::W, 0x1_0000_0000, 0),
    ] {
        let insn = Insn::new(op::LDX | op::MEMSX | size, R7, R6, 0, 0);
        let [result, ..] = operate(s, vec![insn], [value, 0, 0]);
        assert_eq!(result, expected, "size {size:#x} of {value:#x}");
    }
}

/// A register and an immediate stored over ones, then read whole.
fn stores_of_every_width(s: &System) {
    const ONES: u64 = u64::MAX;
    for (size, off, register, immediate) in [
        (op::B, 0, 0xffff_ffff_ffff_ff08, 0xffff_ffff_ffff_fffe),
        (op::B, 7, 0x08ff_ffff_ffff_ffff, 0xfeff_ffff_ffff_ffff),
        (op::H, 2, 0xffff_ffff_0708_ffff, 0xffff_ffff_fffe_ffff),
        (op::W, 0, 0xffff_ffff_0506_0708, 0xffff_ffff_ffff_fffe),
        (op::W, 4, 0x0506_0708_ffff_ffff, 0xffff_fffe_ffff_ffff),
        (op::DW, 0, 0x0102_0304_0506_0708, 0xffff_ffff_ffff_fffe),
    ] {
        for (base, at) in [(R6, 0), (R10, -8)] {
            let what = format!("size {size:#x} at {off} of r{base}");
            let body = |insn| {
                program![
                    store_imm(op::DW, base, at, -1),
                    insn,
                    load(op::DW, R7, base, at),
                ]
            };
            let words = [ONES, 0x0102_0304_0506_0708, 0];
            let [result, ..] = operate(s, body(store(size, base, at + off, R8)), words);
            assert_eq!(result, register, "{what}");
            let [result, ..] = operate(s, body(store_imm(size, base, at + off, -2)), words);
            assert_eq!(result, immediate, "{what}");
        }
    }
}

/// Runs every row with `body` around the operation, which works on `base - 8`.
fn atomic_rows(s: &System, base: u8, before: &[Insn], after: &[Insn]) {
    let mut wrong = Vec::new();
    for &row @ (operation, width, memory, src, r0, memory_after, src_after, r0_after) in
        atomics::ROWS
    {
        let size = if width == 4 { op::W } else { op::DW };
        let body = program![
            before.to_vec(),
            store(op::DW, base, -8, R7),
            atomic(size, base, -8, R8, operation),
            load(op::DW, R7, base, -8),
            after.to_vec(),
        ];
        let result = operate(s, body, [memory, src, r0]);
        if result != [memory_after, src_after, r0_after] {
            wrong.push(format!("{row:x?}: {result:x?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn atomics_on_the_stack(s: &System) {
    atomic_rows(s, R10, &[], &[]);
}

/// The same on the second word of an array's value, by its address.
fn atomics_on_a_map(s: &System) {
    let map = s.map(MapAttr {
        value_size: 16,
        max_entries: 1,
        ..ARRAY
    });
    let before = program![ld_map_value(R9, &map, 0), alu_imm(op::ADD, R9, 8)];
    atomic_rows(s, R9, &before, &[]);
    let value = s.lookup(&map, 0, 16).expect("the value");
    let last = atomics::ROWS.last().map_or(0, |row| row.5);
    assert_eq!(value[..8], last.to_ne_bytes());
}

fn acquire_and_release(s: &System) {
    for (size, expected) in [
        (op::B, 0xffff_ffff_ffff_ff08),
        (op::H, 0xffff_ffff_ffff_0708),
        (op::W, 0xffff_ffff_0506_0708),
        (op::DW, 0x0102_0304_0506_0708),
    ] {
        let body = program![
            store_imm(op::DW, R10, -8, -1),
            atomic(size, R10, -8, R8, op::STORE_REL),
            load(op::DW, R7, R10, -8),
            Insn::new(op::STX | op::ATOMIC | size, R8, R10, -8, op::LOAD_ACQ),
        ];
        let mask = u64::MAX >> (64 - (8 << size_log(size)));
        let [memory, loaded, _] = operate(s, body, [0, 0x0102_0304_0506_0708, 0]);
        assert_eq!(memory, expected, "size {size:#x}");
        assert_eq!(loaded, expected & mask, "size {size:#x}");
    }
}

fn call_local(off: i32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, insn::pseudo::CALL_SUBPROG, 0, off)
}

/// r0 = sub(3, 4), which returns 3 * 10 + 4, called twice.
fn calls_of_subprograms(s: &System) {
    let insns = program![
        mov_imm(R1, 3),
        mov_imm(R2, 4),
        call_local(5),
        mov(R6, R0),
        mov_imm(R1, 1),
        mov_imm(R2, 2),
        call_local(1),
        goto(3),
        mov(R0, R1),
        alu_imm(op::MUL, R0, 10),
        goto(2),
        alu(op::ADD, R0, R6),
        exit(),
        alu(op::ADD, R0, R2),
        exit(),
    ];
    // The subprogram may not jump out of itself: lay it out whole.
    let answer = s.try_prog(ProgType::XDP, &insns).map(drop);
    assert_eq!(answer, Err(Errno::EINVAL));
    let insns = program![
        mov_imm(R1, 3),
        mov_imm(R2, 4),
        call_local(6),
        mov(R6, R0),
        mov_imm(R1, 1),
        mov_imm(R2, 2),
        call_local(2),
        alu(op::ADD, R0, R6),
        exit(),
        mov(R0, R1),
        alu_imm(op::MUL, R0, 10),
        alu(op::ADD, R0, R2),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(46));
}

fn a_subprogram_keeps_registers_and_has_its_own_stack(s: &System) {
    let insns = program![
        mov_imm(R6, 1),
        mov_imm(R7, 2),
        mov_imm(R8, 3),
        mov_imm(R9, 4),
        store_imm(op::DW, R10, -8, 100),
        call_local(7),
        alu(op::ADD, R6, R7),
        alu(op::ADD, R6, R8),
        alu(op::ADD, R6, R9),
        load(op::DW, R0, R10, -8),
        alu(op::ADD, R0, R6),
        exit(),
        mov_imm(R0, 0),
        mov_imm(R6, 70),
        mov_imm(R7, 70),
        mov_imm(R8, 70),
        mov_imm(R9, 70),
        store_imm(op::DW, R10, -8, 7),
        exit(),
    ];
    // The call goes to the instruction after the first exit.
    let mut insns = insns;
    insns[5].imm = 6;
    let prog = s.prog(ProgType::XDP, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(110));
}

/// The sum of 1 to 100.
fn a_loop(s: &System) {
    let insns = program![
        mov_imm(R0, 0),
        mov_imm(R1, 100),
        alu(op::ADD, R0, R1),
        alu_imm(op::SUB, R1, 1),
        jump_imm(op::JNE, R1, 0, -3),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(5050));
}

fn the_stack_is_512_bytes(s: &System) {
    let insns = program![
        mov_imm(R1, 5),
        store(op::DW, R10, -512, R1),
        store(op::B, R10, -1, R1),
        load(op::DW, R0, R10, -512),
        load(op::B, R1, R10, -1),
        alu(op::ADD, R0, R1),
        exit(),
    ];
    let prog = s.prog(ProgType::XDP, &insns);
    assert_eq!(s.run(&prog, &[0; 64]), Ok(10));
}
