//! What ends a run: each kind of violation, where it is, and its sentence.

mod support;

use skep_abi::Insn;
use skep_abi::insn::op::{self, B, DW, H, W};
use skep_vm::{Outcome, ViolationKind as Kind};
use support::*;

/// A program that ends in `end` after setting r2, r3, r4 to the packet's first
/// byte, its end, and its metadata.
fn packet_program(body: &[Insn]) -> Vec<Insn> {
    let mut insns = vec![load(W, 2, 1, 0), load(W, 3, 1, 4), load(W, 4, 1, 8)];
    insns.extend_from_slice(body);
    insns.extend([mov(0, 0), EXIT]);
    insns
}

fn program_of(body: &[Insn]) -> Vec<Insn> {
    let mut insns = body.to_vec();
    insns.extend([mov(0, 0), EXIT]);
    insns
}

/// An object, the map or a constant object in a register, then `body`.
fn object_program(handle: u16, offset: i32, body: &[Insn]) -> Vec<Insn> {
    let mut insns = imm64(2, 2, i32::from(handle), offset).to_vec();
    insns.extend_from_slice(body);
    insns.extend([mov(0, 0), EXIT]);
    insns
}

#[track_caller]
fn expect(outcome: Outcome, insn: usize, kind: Kind, sentence: &str) {
    let violation = outcome.expect_err("the run is stopped");
    let got = (violation.insn, violation.kind, violation.to_string());
    let sentence = format!("instruction {insn}: {sentence}");
    assert_eq!(got, (insn, kind, sentence));
}

#[test]
fn packet_bounds() {
    let cases: &[(&[Insn], usize, Kind, &str)] = &[
        (
            &[load(W, 0, 2, 12)],
            3,
            Kind::PacketBounds,
            "reads 4 bytes at packet offset 12, but the packet ends at 14",
        ),
        (
            &[store_imm(B, 3, 0, 1)],
            3,
            Kind::PacketBounds,
            "writes 1 byte at packet offset 14, but the packet ends at 14",
        ),
        (
            &[load(B, 0, 4, -1)],
            3,
            Kind::PacketBounds,
            "reads 1 byte at packet offset -1, but the packet begins at 0",
        ),
        (
            &[mov(5, 1), atomic(W, 2, 5, 0, 0)],
            4,
            Kind::AtomicAccess,
            "changes 4 bytes at the packet, but there only plain loads and stores are allowed",
        ),
    ];
    for (body, insn, kind, sentence) in cases {
        expect(run(&packet_program(body)), *insn, *kind, sentence);
    }
}

#[test]
fn the_last_bytes_of_a_packet_can_be_read() {
    let insns = packet_program(&[load(H, 5, 2, 12), mov_reg(0, 5), EXIT]);
    assert_eq!(run(&insns).map(|returned| returned.value), Ok(0x0d0c));
}

#[test]
fn stale_packet_pointers() {
    let body = [
        mov_reg(6, 2),
        mov(2, 4),
        call(HELPER_MOVE),
        load(B, 0, 6, 0),
    ];
    expect(
        run(&packet_program(&body)),
        6,
        Kind::StalePacketPointer,
        "reads 1 byte at a packet pointer from before the packet moved, but pointers have to \
         be loaded from the context again after a helper moved it",
    );
    // The helper changed nothing, but it could have.
    let body = [
        mov_reg(6, 2),
        mov(2, 99),
        call(HELPER_MOVE),
        load(B, 0, 6, 0),
    ];
    let violation = run(&packet_program(&body)).expect_err("a stale pointer");
    assert_eq!(violation.kind, Kind::StalePacketPointer);
}

#[test]
fn a_read_only_packet() {
    let mut packet = packet(&[1, 2, 3, 4]);
    packet.set_read_only(true);
    let insns = packet_program(&[load(B, 5, 2, 0), store_imm(B, 2, 0, 9)]);
    expect(
        run_with(&insns, &mut Host::new(), &mut packet),
        4,
        Kind::ReadOnly,
        "writes 1 byte at packet offset 0, but a program of this type may only read the packet",
    );
}

#[test]
fn stack_bounds() {
    let cases: &[(&[Insn], usize, Kind, &str)] = &[
        (
            &[load(W, 0, 10, 0)],
            0,
            Kind::StackBounds,
            "reads 4 bytes at r10, but the stack reaches from r10-512 up to r10",
        ),
        (
            &[store_imm(DW, 10, -520, 1)],
            0,
            Kind::StackBounds,
            "writes 8 bytes at r10-520, but the stack reaches from r10-512 up to r10",
        ),
        (
            &[load(DW, 0, 10, -12)],
            0,
            Kind::Misaligned,
            "reads 8 bytes at r10-12, but on the stack that has to be a multiple of 8",
        ),
    ];
    for (body, insn, kind, sentence) in cases {
        expect(run(&program_of(body)), *insn, *kind, sentence);
    }
    assert!(run(&program_of(&[store_imm(DW, 10, -512, 1)])).is_ok());
}

#[test]
fn the_stack_of_a_subprogram_that_returned() {
    let insns = [call_sub(2), load(DW, 0, 0, -8), EXIT, mov_reg(0, 10), EXIT];
    expect(
        run(&insns),
        1,
        Kind::StackBounds,
        "reads 8 bytes at r10-8 of a frame that was left, but its subprogram has returned",
    );
}

#[test]
fn nested_calls_share_512_bytes_of_stack() {
    let body = |bytes: i16| {
        [
            store_imm(DW, 10, -256, 1),
            call_sub(1),
            EXIT,
            store_imm(DW, 10, -bytes, 1),
            mov(0, 0),
            EXIT,
        ]
    };
    assert!(run(&body(256)).is_ok());
    // A subprogram without a stack adds nothing.
    let insns = [
        store_imm(DW, 10, -512, 1),
        call_sub(1),
        EXIT,
        mov(0, 0),
        EXIT,
    ];
    assert!(run(&insns).is_ok());
    expect(
        run(&body(264)),
        3,
        Kind::StackSize,
        "writes 8 bytes at r10-264, but the stacks of 2 nested calls would take 528 bytes \
         together, of 512",
    );
}

#[test]
fn null_and_numbers() {
    let cases: &[(&[Insn], usize, Kind, &str)] = &[
        (
            &[mov(2, 0), load(W, 0, 2, 4)],
            1,
            Kind::NullPointer,
            "reads 4 bytes at null + 4, but there is nothing; a pointer that may be null has to \
             be compared with it first",
        ),
        (
            &[mov(2, 0), store_imm(W, 2, -8, 1)],
            1,
            Kind::NullPointer,
            "writes 4 bytes at null - 8, but there is nothing; a pointer that may be null has to \
             be compared with it first",
        ),
        (
            &[mov(2, 0x1234567), load(W, 0, 2, 0)],
            1,
            Kind::NotAPointer,
            "reads 4 bytes at 0x1234567, but that is a number, not a pointer",
        ),
        (
            &[mov(2, i32::MIN), load(B, 0, 2, 0)],
            1,
            Kind::NotAPointer,
            "reads 1 byte at 0xffffffff80000000, but that is a number, not a pointer",
        ),
    ];
    for (body, insn, kind, sentence) in cases {
        expect(run(&program_of(body)), *insn, *kind, sentence);
    }
    let mut insns = imm64(2, 1, MAP as i32, 0).to_vec();
    insns.extend([load(W, 0, 2, 0), EXIT]);
    expect(
        run(&insns),
        2,
        Kind::NotAPointer,
        "reads 4 bytes at a map itself, but a map is only handed to helpers",
    );
}

#[test]
fn objects_of_the_host() {
    let cases: &[(u16, i32, Insn, Kind, &str)] = &[
        (
            OBJECT,
            0,
            load(W, 0, 2, 13),
            Kind::ValueBounds,
            "reads 4 bytes at offset 13 of the test's object, but only offsets 0 to 15 are allowed",
        ),
        (
            OBJECT,
            -4,
            store_imm(W, 2, 0, 13),
            Kind::ValueBounds,
            "writes 4 bytes at offset -4 of the test's object, but only offsets 0 to 15 are allowed",
        ),
        (
            CONSTANT,
            0,
            store_imm(W, 2, 0, 13),
            Kind::ReadOnly,
            "writes 4 bytes at offset 0 of the test's object, but a program may only read it",
        ),
        (
            77,
            0,
            load(B, 0, 2, 0),
            Kind::NotAPointer,
            "reads 1 byte at offset 0 of the test's object, but there is no such object",
        ),
    ];
    for (handle, offset, access, kind, sentence) in cases {
        let insns = object_program(*handle, *offset, &[*access]);
        expect(run(&insns), 2, *kind, sentence);
    }
    let insns = object_program(OBJECT, 2, &[mov(3, 1), atomic(W, 2, 3, 0, 0)]);
    let violation = run(&insns).expect_err("an unaligned atomic");
    assert_eq!(violation.kind, Kind::Misaligned);
}

#[test]
fn context_fields() {
    let cases: &[(Insn, &str)] = &[
        (
            load(W, 0, 1, 62),
            "reads 4 bytes at offset 62 of struct test_md, but a program may access no field there",
        ),
        (
            load(W, 0, 1, 64),
            "reads 4 bytes at offset 64 of struct test_md, but the context has offsets 0 to 63",
        ),
        (
            load(W, 0, 1, -4),
            "reads 4 bytes at offset -4 of struct test_md, but the context has offsets 0 to 63",
        ),
        (
            load(DW, 0, 1, 0),
            "reads 8 bytes at offset 0 of struct test_md, but an access to data takes 4 bytes",
        ),
        (
            load(H, 0, 1, 0),
            "reads 2 bytes at offset 0 of struct test_md, but an access to data takes 4 bytes",
        ),
        (
            load(H, 0, 1, 13),
            "reads 2 bytes at offset 13 of struct test_md, but an access to mark takes 4 bytes or \
             an aligned part of them",
        ),
        (
            store_imm(H, 1, 12, 0),
            "writes 2 bytes at offset 12 of struct test_md, but an access to mark takes 4 bytes",
        ),
        (
            store_imm(W, 1, 16, 0),
            "writes 4 bytes at offset 16 of struct test_md, but a program may only read ifindex",
        ),
        (
            store_imm(W, 1, 0, 0),
            "writes 4 bytes at offset 0 of struct test_md, but a program may only read data",
        ),
        (
            Insn::new(op::LDX | op::MEMSX | W, 0, 1, 0, 0),
            "reads 4 bytes at offset 0 of struct test_md, but data is a pointer and has no sign",
        ),
        (
            load(DW, 0, 1, 20),
            "reads 8 bytes at offset 20 of struct test_md, but an access to cb is aligned and \
             stays in it",
        ),
    ];
    for (access, sentence) in cases {
        expect(
            run(&program_of(&[*access])),
            0,
            Kind::ContextAccess,
            sentence,
        );
    }
    let insns = program_of(&[mov(2, 1), atomic(W, 1, 2, 12, 0)]);
    assert_eq!(run(&insns).expect_err("atomic").kind, Kind::AtomicAccess);
}

#[test]
fn context_fields_that_can_be_accessed() {
    // The context's bytes are 0 to 63.
    let cases: &[(&[Insn], u64)] = &[
        (&[load(W, 0, 1, 12)], 0x0f0e0d0c),
        (&[load(H, 0, 1, 14)], 0x0f0e),
        (&[load(B, 0, 1, 13)], 0x0d),
        (&[store_imm(W, 1, 12, -1), load(H, 0, 1, 12)], 0xffff),
        (&[load(DW, 0, 1, 24)], 0x1f1e1d1c1b1a1918),
        (&[store_imm(B, 1, 25, 0), load(W, 0, 1, 24)], 0x1b1a0018),
        (&[load(W, 0, 1, 44)], 0x3332),
        (&[store_imm(W, 1, 40, -1), load(W, 0, 1, 40)], 0xffff),
    ];
    for (body, expected) in cases {
        let mut insns = body.to_vec();
        insns.push(EXIT);
        let got = run(&insns).map(|returned| returned.value);
        assert_eq!(got, Ok(*expected), "{body:?}");
    }
}

#[test]
fn registers_that_hold_nothing() {
    let cases: &[(&[Insn], usize, &str)] = &[
        (&[EXIT], 0, "reads r0, which holds nothing yet"),
        (&[mov_reg(0, 7)], 0, "reads r7, which was never set"),
        (
            &[mov(1, 1), call(HELPER_NUMBER), mov_reg(0, 1)],
            2,
            "reads r1, which holds nothing: it was never set, or a call voided it",
        ),
        (
            &[call(HELPER_VOID), EXIT],
            1,
            "reads r0, which holds nothing yet",
        ),
        (
            &[mov(6, 1), call_sub(1), EXIT, mov_reg(0, 6), EXIT],
            3,
            "reads r6, which was never set",
        ),
        (
            &[call(HELPER_UPDATE), EXIT],
            0,
            "calls bpf_update with r2, which holds nothing",
        ),
    ];
    for (insns, insn, sentence) in cases {
        let mut insns = insns.to_vec();
        if insns[0] == call(HELPER_UPDATE) {
            let mut with_map = imm64(1, 1, MAP as i32, 0).to_vec();
            with_map.append(&mut insns);
            expect(
                run(&with_map),
                insn + 2,
                Kind::UninitialisedRegister,
                sentence,
            );
        } else {
            expect(run(&insns), *insn, Kind::UninitialisedRegister, sentence);
        }
    }
}

#[test]
fn calls_that_cannot_be() {
    expect(
        run(&program_of(&[call(999)])),
        0,
        Kind::UnknownHelper,
        "calls helper 999, which this program type does not have",
    );
    expect(
        run(&program_of(&[Insn::new(op::JMP | op::CALL, 0, 2, 0, 7)])),
        0,
        Kind::UnknownHelper,
        "calls kernel function 7, and there are none",
    );
    expect(
        run(&[call_sub(-1), EXIT]),
        0,
        Kind::CallDepth,
        "calls a subprogram, but already 8 are nested",
    );
    let forever = Insn::new(op::JMP | op::JA, 0, 0, -1, 0);
    let violation = run(&[forever]).expect_err("no end");
    assert_eq!(
        (violation.kind, violation.instructions),
        (Kind::InstructionBudget, 100_000)
    );
    expect(
        run(&[mov(0, 0), Insn::new(0xff, 0, 0, 0, 0)]),
        1,
        Kind::BadInstruction,
        "does not exist",
    );
    expect(
        run(&[mov(0, 0)]),
        1,
        Kind::BadInstruction,
        "is reached, but the program has only 1 instructions",
    );
    expect(
        run(&program_of(&[
            mov(6, 0),
            Insn::new(op::LD | op::ABS | W, 0, 0, 0, 0),
        ])),
        1,
        Kind::ContextAccess,
        "reads the packet the legacy way, but r6 does not hold the context",
    );
}

#[test]
fn may_goto_leaves_in_the_end() {
    let insns = [
        mov(0, 0),
        Insn::new(op::JMP | op::JCOND, 0, 0, 2, 0),
        add(0, 1),
        Insn::new(op::JMP | op::JA, 0, 0, -3, 0),
        EXIT,
    ];
    let data = [0; 14];
    let mut context = [0; 64];
    let mut packet = packet(&data);
    let mut memory = skep_vm::RunMemory {
        packet: &mut packet,
        context: &mut context,
    };
    let outcome =
        skep_vm::Machine::new().run(&program(&insns), &mut Host::new(), &mut memory, 1 << 30);
    assert_eq!(outcome.map(|returned| returned.value), Ok(8 * 1024 * 1024));
}
