//! Instructions by short names, for programs written in cases.

use skep::abi::Insn;
use skep::abi::insn::{op, pseudo};

pub const R0: u8 = 0;
pub const R1: u8 = 1;
pub const R2: u8 = 2;
pub const R3: u8 = 3;
pub const R4: u8 = 4;
pub const R5: u8 = 5;
pub const R6: u8 = 6;
pub const R7: u8 = 7;
pub const R8: u8 = 8;
pub const R9: u8 = 9;
/// The frame pointer.
pub const R10: u8 = 10;

/// `dst = imm`
pub fn mov_imm(dst: u8, imm: i32) -> Insn {
    alu_imm(op::MOV, dst, imm)
}

/// `dst = src`
pub fn mov(dst: u8, src: u8) -> Insn {
    alu(op::MOV, dst, src)
}

/// `dst OP= imm`, 64 bits
pub fn alu_imm(operation: u8, dst: u8, imm: i32) -> Insn {
    Insn::new(op::ALU64 | operation | op::K, dst, 0, 0, imm)
}

/// `dst OP= src`, 64 bits
pub fn alu(operation: u8, dst: u8, src: u8) -> Insn {
    Insn::new(op::ALU64 | operation | op::X, dst, src, 0, 0)
}

/// `dst = *(size *)(src + off)`
pub fn load(size: u8, dst: u8, src: u8, off: i16) -> Insn {
    Insn::new(op::LDX | op::MEM | size, dst, src, off, 0)
}

/// `*(size *)(dst + off) = src`
pub fn store(size: u8, dst: u8, off: i16, src: u8) -> Insn {
    Insn::new(op::STX | op::MEM | size, dst, src, off, 0)
}

/// `*(size *)(dst + off) = imm`
pub fn store_imm(size: u8, dst: u8, off: i16, imm: i32) -> Insn {
    Insn::new(op::ST | op::MEM | size, dst, 0, off, imm)
}

/// An atomic operation on `*(size *)(dst + off)`
pub fn atomic(size: u8, dst: u8, off: i16, src: u8, operation: i32) -> Insn {
    Insn::new(op::STX | op::ATOMIC | size, dst, src, off, operation)
}

/// `if dst OP imm goto off`
pub fn jump_imm(operation: u8, dst: u8, imm: i32, off: i16) -> Insn {
    Insn::new(op::JMP | operation | op::K, dst, 0, off, imm)
}

/// `if dst OP src goto off`
pub fn jump(operation: u8, dst: u8, src: u8, off: i16) -> Insn {
    Insn::new(op::JMP | operation | op::X, dst, src, off, 0)
}

/// `goto off`
pub fn goto(off: i16) -> Insn {
    Insn::new(op::JMP | op::JA, 0, 0, off, 0)
}

/// `r0 = helper(r1, ...)`
pub fn helper(number: i32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, pseudo::CALL_HELPER, 0, number)
}

/// `return r0`
pub fn exit() -> Insn {
    Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0)
}

/// `dst = imm`, 64 bits: two slots
pub fn ld_imm64(dst: u8, imm: u64) -> [Insn; 2] {
    wide(dst, 0, imm as i32, (imm >> 32) as i32)
}

/// `dst = map`: two slots
pub fn ld_map(dst: u8, map: &skep::abi::OwnedFd) -> [Insn; 2] {
    wide(dst, pseudo::MAP_FD, map.fd().0, 0)
}

/// `dst = address of the map's value + off`: two slots
pub fn ld_map_value(dst: u8, map: &skep::abi::OwnedFd, off: u32) -> [Insn; 2] {
    wide(dst, pseudo::MAP_VALUE, map.fd().0, off as i32)
}

fn wide(dst: u8, src: u8, low: i32, high: i32) -> [Insn; 2] {
    [
        Insn::new(op::LD | op::IMM | op::DW, dst, src, 0, low),
        Insn::new(0, 0, 0, 0, high),
    ]
}

/// Strings instructions and runs of them together.
#[macro_export]
macro_rules! program {
    ($($part:expr),* $(,)?) => {{
        let mut insns: Vec<skep::abi::Insn> = Vec::new();
        $( insns.extend($crate::asm::Part::from($part).0); )*
        insns
    }};
}

/// One instruction or several.
pub struct Part(pub Vec<Insn>);

impl From<Insn> for Part {
    fn from(insn: Insn) -> Part {
        Part(vec![insn])
    }
}

impl<const N: usize> From<[Insn; N]> for Part {
    fn from(insns: [Insn; N]) -> Part {
        Part(insns.to_vec())
    }
}

impl From<Vec<Insn>> for Part {
    fn from(insns: Vec<Insn>) -> Part {
        Part(insns)
    }
}
