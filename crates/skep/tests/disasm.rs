//! The disassembler against the kernel's: both print the same of programs that
//! hold every instruction the verifier lets through.
//!
//! Without the right to call bpf(2) each test says so and passes.

use skep::Kernel;
use skep::abi::disasm::{self, Plain};
use skep::abi::insn::op;
use skep::abi::*;
use std::collections::BTreeMap;

const EXIT: Insn = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0);

/// Loads a socket filter and returns what the verifier printed of each instruction.
fn printed(kernel: &Kernel, insns: &[Insn]) -> BTreeMap<usize, String> {
    let bytes = Insn::encode_all(insns);
    let mut log = vec![0; 1 << 20];
    let mut load = ProgLoad {
        prog_type: ProgType::SOCKET_FILTER,
        insn_cnt: insns.len() as u32,
        insns: UserIn::new(&bytes),
        license: UserIn::new(b"GPL\0"),
        log_level: 2,
        log_size: log.len() as u32,
        log_buf: UserOut::new(&mut log),
        ..ProgLoad::default()
    };
    let answer = kernel.prog_load(&mut load);
    let end = log.iter().position(|&b| b == 0).unwrap();
    let log = String::from_utf8_lossy(&log[..end]).into_owned();
    match answer {
        Ok(fd) => kernel.close(fd).unwrap(),
        Err(errno) => panic!("{errno}\n{log}"),
    }
    let mut lines = BTreeMap::new();
    for line in log.lines() {
        // `3: (bf) r1 = r2    ; R1_w=2 R2_w=2`
        let Some((index, rest)) = line.split_once(": (") else {
            continue;
        };
        let (Ok(index), Some((_, text))) = (index.parse(), rest.split_once(") ")) else {
            continue;
        };
        let text = text.split(" ; ").next().unwrap_or(text);
        lines.insert(index, text.trim().to_owned());
    }
    lines
}

/// Compares all instructions but the unreachable; returns how many there were.
fn compare(insns: &[Insn]) -> Option<usize> {
    let kernel = match Kernel::new() {
        Ok(kernel) => kernel,
        Err(reason) => {
            println!("skipped: {reason}");
            return None;
        }
    };
    let printed = printed(&kernel, insns);
    let mut compared = 0;
    for (index, text) in disasm::listing(insns, &Plain) {
        if let Some(line) = printed.get(&index) {
            assert_eq!(&text, line, "instruction {index}: {:?}", insns[index]);
            compared += 1;
        }
    }
    Some(compared)
}

fn assert_all(insns: &[Insn]) {
    let slots = insns.iter().filter(|insn| insn.code != 0).count();
    if let Some(compared) = compare(insns) {
        assert_eq!(compared, slots, "the verifier visits every instruction");
    }
}

fn set(dst: u8, imm: i32) -> Insn {
    Insn::new(op::ALU64 | op::MOV, dst, 0, 0, imm)
}

#[test]
fn arithmetic() {
    let mut insns: Vec<Insn> = (0..10).map(|reg| set(reg, 3)).collect();
    for class in [op::ALU, op::ALU64] {
        for operation in (0x00..=0xc0).step_by(0x10).filter(|&o| o != op::NEG) {
            let signs = match operation {
                op::DIV | op::MOD => [0, 1].as_slice(),
                _ => &[0],
            };
            for &off in signs {
                insns.push(Insn::new(class | operation | op::X, 1, 2, off, 0));
                insns.push(Insn::new(class | operation, 3, 0, off, 7));
                insns.push(set(2, 3));
            }
        }
        insns.push(Insn::new(class | op::ADD, 3, 0, 0, -7));
        insns.push(Insn::new(class | op::MOV, 3, 0, 0, i32::MIN));
        insns.push(Insn::new(class | op::NEG, 4, 0, 0, 0));
        for off in [8, 16] {
            insns.push(Insn::new(class | op::MOV | op::X, 5, 4, off, 0));
        }
    }
    insns.push(Insn::new(op::ALU64 | op::MOV | op::X, 5, 4, 32, 0));
    for width in [16, 32, 64] {
        insns.push(Insn::new(op::ALU | op::END, 6, 0, 0, width));
        insns.push(Insn::new(op::ALU | op::END | op::X, 7, 0, 0, width));
        insns.push(Insn::new(op::ALU64 | op::END, 8, 0, 0, width));
    }
    insns.push(set(0, 0));
    insns.push(EXIT);
    assert_all(&insns);
}

#[test]
fn memory() {
    let mut insns = vec![
        Insn::new(op::ALU64 | op::MOV | op::X, 6, 1, 0, 0),
        set(1, 1),
        Insn::new(op::ST | op::MEM | op::DW, 10, 0, -8, -5),
        Insn::new(op::ST | op::MEM | op::DW, 10, 0, -16, 5),
    ];
    for width in [op::W, op::H, op::B, op::DW] {
        insns.push(Insn::new(op::ST | op::MEM | width, 10, 0, -8, -1));
        insns.push(Insn::new(op::STX | op::MEM | width, 10, 1, -16, 0));
        insns.push(Insn::new(op::LDX | op::MEM | width, 2, 10, -8, 0));
        if width != op::DW {
            insns.push(Insn::new(op::LDX | op::MEMSX | width, 2, 10, -8, 0));
            insns.push(Insn::new(op::LD | op::ABS | width, 0, 0, 0, 12));
            insns.push(Insn::new(op::LD | op::ABS | width, 0, 0, 0, -4096));
            insns.push(set(7, 2));
            insns.push(Insn::new(op::LD | op::IND | width, 0, 7, 0, 3));
            insns.push(set(1, 1));
        }
    }
    insns.push(Insn::new(op::LDX | op::MEM | op::W, 2, 6, 0, 0));
    insns.push(Insn::new(op::LD | op::IMM | op::DW, 3, 0, 0, -2));
    insns.push(Insn::new(0, 0, 0, 0, 0x1234));
    insns.push(Insn::new(op::LD | op::IMM | op::DW, 3, 0, 0, 0));
    insns.push(Insn::default());
    insns.extend([set(0, 0), EXIT]);
    assert_all(&insns);
}

#[test]
fn atomics() {
    let mut insns = vec![
        set(0, 0),
        set(1, 1),
        Insn::new(op::ST | op::MEM | op::DW, 10, 0, -8, 5),
    ];
    for width in [op::W, op::DW] {
        let operations = [op::ADD, op::OR, op::AND, op::XOR].map(i32::from);
        for operation in operations {
            for fetch in [0, op::FETCH] {
                let imm = operation | fetch;
                insns.push(Insn::new(op::STX | op::ATOMIC | width, 10, 1, -8, imm));
            }
        }
        for imm in [op::XCHG, op::CMPXCHG, op::STORE_REL] {
            insns.push(Insn::new(op::STX | op::ATOMIC | width, 10, 1, -8, imm));
        }
        let imm = op::LOAD_ACQ;
        insns.push(Insn::new(op::STX | op::ATOMIC | width, 2, 10, -8, imm));
    }
    for width in [op::B, op::H] {
        let imm = op::STORE_REL;
        insns.push(Insn::new(op::STX | op::ATOMIC | width, 10, 1, -8, imm));
        let imm = op::LOAD_ACQ;
        insns.push(Insn::new(op::STX | op::ATOMIC | width, 2, 10, -8, imm));
    }
    insns.extend([set(0, 0), EXIT]);
    assert_all(&insns);
}

#[test]
fn jumps_and_calls() {
    // Known numbers, so that the verifier follows one branch only.
    let mut insns = vec![
        Insn::new(op::JMP | op::CALL, 0, insn::pseudo::CALL_HELPER, 0, 7),
        set(0, 3),
        set(6, 5),
    ];
    for class in [op::JMP, op::JMP32] {
        for operation in (0x10..=0xd0).step_by(0x10) {
            if operation == op::CALL || operation == op::EXIT {
                continue;
            }
            insns.push(Insn::new(class | operation | op::X, 6, 0, 0, 0));
            insns.push(Insn::new(class | operation, 6, 0, 0, 17));
            insns.push(Insn::new(class | operation, 6, 0, 0, -17));
        }
    }
    insns.push(Insn::new(op::JMP | op::JA, 0, 0, 0, 0));
    insns.push(Insn::new(op::JMP32 | op::JA, 0, 0, 0, 0));
    insns.push(Insn::new(op::JMP | op::JCOND, 0, 0, 1, 0));
    insns.push(Insn::new(
        op::JMP | op::CALL,
        0,
        insn::pseudo::CALL_SUBPROG,
        0,
        2,
    ));
    insns.push(set(0, 0));
    insns.push(EXIT);
    insns.push(set(0, 0));
    insns.push(EXIT);
    assert_all(&insns);
}
