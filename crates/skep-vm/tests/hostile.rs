//! Arbitrary instructions: a run always ends, never panics, and a machine that
//! was misused serves the next run as a new one does.

mod support;

use proptest::prelude::*;
use skep_abi::Insn;
use skep_abi::insn::op;
use skep_vm::{Machine, RunMemory};
use support::*;

const BUDGET: u64 = 2000;

/// Runs a program on a machine and gives all it did.
fn observe(machine: &mut Machine, insns: &[Insn]) -> (skep_vm::Outcome, Vec<u8>, Vec<u8>, Host) {
    let mut host = Host::new();
    let mut packet = packet(&[7; 20]);
    let mut context = [3; 64];
    let outcome = machine.run(
        &program(insns),
        &mut host,
        &mut RunMemory {
            packet: &mut packet,
            context: &mut context,
        },
        BUDGET,
    );
    (outcome, packet.data().to_vec(), context.to_vec(), host)
}

/// Instructions that are mostly sensible, so that runs get somewhere.
fn insn() -> impl Strategy<Value = Insn> {
    let codes = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![
            op::ALU64 | op::MOV | op::X,
            op::ALU64 | op::ADD | op::K,
            op::ALU64 | op::SUB | op::X,
            op::LDX | op::MEM | op::W,
            op::LDX | op::MEM | op::DW,
            op::STX | op::MEM | op::DW,
            op::ST | op::MEM | op::B,
            op::STX | op::ATOMIC | op::DW,
            op::JMP | op::JEQ | op::K,
            op::JMP | op::CALL,
            op::JMP | op::EXIT,
            op::LD | op::ABS | op::B,
            op::LD | op::IMM | op::DW,
        ]),
    ];
    let offsets = prop_oneof![Just(0i16), -9i16..9, any::<i16>()];
    let imms = prop_oneof![Just(0i32), -9i32..12, any::<i32>()];
    let regs = prop_oneof![0u8..11, 0u8..16];
    (codes, regs.clone(), regs, offsets, imms)
        .prop_map(|(code, dst, src, off, imm)| Insn::new(code, dst, src, off, imm))
}

/// A start in which every register holds a pointer or a number.
fn prologue() -> Vec<Insn> {
    let mut insns = vec![
        mov(0, 1),
        load(op::W, 2, 1, 0),
        load(op::W, 3, 1, 4),
        mov_reg(4, 10),
        add(4, -64),
        mov_reg(6, 1),
        mov(9, 8),
    ];
    insns.extend(imm64(5, 2, i32::from(OBJECT), 0));
    insns.extend(imm64(7, 1, MAP as i32, 0));
    insns.extend(imm64(8, 2, i32::from(CONSTANT), 8));
    insns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn any_instructions_end(body in prop::collection::vec(insn(), 0..40), usual in any::<bool>()) {
        let mut insns = if usual { prologue() } else { Vec::new() };
        insns.extend(body);
        let mut machine = Machine::new();
        let (outcome, ..) = observe(&mut machine, &insns);
        match outcome {
            Ok(returned) => prop_assert!(returned.instructions <= BUDGET),
            Err(violation) => {
                prop_assert!(violation.instructions <= BUDGET);
                prop_assert!(!violation.to_string().is_empty());
            }
        }
        // What an earlier run left behind is not seen by a later one.
        let witness = prologue_and_dump();
        let fresh = observe(&mut Machine::new(), &witness);
        let reused = observe(&mut machine, &witness);
        prop_assert_eq!(fresh.0, reused.0);
    }
}

/// Sums the whole stack of the program and of a subprogram, unwritten as it is.
fn prologue_and_dump() -> Vec<Insn> {
    let sum = |last: Insn| {
        [
            mov(0, 0),
            mov_reg(2, 10),
            mov(3, 24),
            add(2, -8),
            load(op::DW, 4, 2, 0),
            Insn::new(op::ALU64 | op::ADD | op::X, 0, 4, 0, 0),
            add(3, -1),
            Insn::new(op::JMP | op::JNE | op::K, 3, 0, -5, 0),
            last,
        ]
    };
    let mut insns = sum(mov_reg(6, 0)).to_vec();
    insns.extend([
        call_sub(2),
        Insn::new(op::ALU64 | op::ADD | op::X, 0, 6, 0, 0),
        EXIT,
    ]);
    insns.extend(sum(EXIT));
    insns
}

#[test]
fn an_unwritten_stack_is_zeros() {
    let (outcome, ..) = observe(&mut Machine::new(), &prologue_and_dump());
    assert_eq!(outcome.map(|returned| returned.value), Ok(0));
}

#[test]
fn every_single_instruction_ends() {
    let mut machine = Machine::new();
    for code in 0..=255 {
        for (src, imm) in [(0, 0), (1, 0), (2, 1), (10, -1), (4, 0xf1), (15, i32::MIN)] {
            let mut insns = prologue();
            insns.push(Insn::new(code, 5, src, 0, imm));
            let (outcome, ..) = observe(&mut machine, &insns);
            // Nothing follows the instruction, so only an exit can succeed.
            let exit = code == op::JMP | op::EXIT;
            assert!(outcome.is_err() || exit, "code {code:#x}");
        }
    }
}
