//! Instructions: eight bytes each, and the numbers in them.
//!
//! Answers to: RFC 9669, chapters 3 to 5; include/uapi/linux/bpf.h.

/// One instruction slot, as it is encoded. A 64-bit immediate takes two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Insn {
    /// The opcode: class, and what the class makes of the other bits.
    pub code: u8,
    /// The destination register.
    pub dst: u8,
    /// The source register, or a mark of the kind of immediate or call.
    pub src: u8,
    /// The offset of a jump or a memory access.
    pub off: i16,
    /// The immediate.
    pub imm: i32,
}

impl Insn {
    /// Bytes of a slot.
    pub const SIZE: usize = 8;

    /// An instruction of these parts.
    pub const fn new(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
        Insn {
            code,
            dst,
            src,
            off,
            imm,
        }
    }

    /// From little-endian bytes.
    pub const fn from_bytes(b: [u8; 8]) -> Insn {
        Insn {
            code: b[0],
            dst: b[1] & 0x0f,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// To little-endian bytes.
    pub const fn to_bytes(self) -> [u8; 8] {
        let off = self.off.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        let regs = (self.src << 4) | (self.dst & 0x0f);
        [
            self.code, regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3],
        ]
    }

    /// The class bits.
    pub const fn class(self) -> u8 {
        self.code & 0x07
    }

    /// The operation bits of an arithmetic or jump instruction.
    pub const fn op(self) -> u8 {
        self.code & 0xf0
    }

    /// Whether the source operand is a register, in an arithmetic or jump instruction.
    pub const fn is_reg_src(self) -> bool {
        self.code & op::X != 0
    }

    /// The mode bits of a load or store.
    pub const fn mode(self) -> u8 {
        self.code & 0xe0
    }

    /// The bytes a load or store moves.
    pub const fn width(self) -> usize {
        match self.code & 0x18 {
            op::W => 4,
            op::H => 2,
            op::B => 1,
            _ => 8,
        }
    }

    /// Whether this is the first slot of a 64-bit immediate load.
    pub const fn is_ld_imm64(self) -> bool {
        self.code == op::LD | op::IMM | op::DW
    }

    /// Decodes slots; a tail shorter than a slot is left out.
    pub fn decode_all(bytes: &[u8]) -> Vec<Insn> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&chunk| Insn::from_bytes(chunk))
            .collect()
    }

    /// Encodes slots.
    pub fn encode_all(insns: &[Insn]) -> Vec<u8> {
        insns.iter().flat_map(|insn| insn.to_bytes()).collect()
    }
}

/// Opcode parts.
pub mod op {
    #![allow(missing_docs)]
    pub const LD: u8 = 0x00;
    pub const LDX: u8 = 0x01;
    pub const ST: u8 = 0x02;
    pub const STX: u8 = 0x03;
    pub const ALU: u8 = 0x04;
    pub const JMP: u8 = 0x05;
    pub const JMP32: u8 = 0x06;
    pub const ALU64: u8 = 0x07;

    pub const W: u8 = 0x00;
    pub const H: u8 = 0x08;
    pub const B: u8 = 0x10;
    pub const DW: u8 = 0x18;

    pub const IMM: u8 = 0x00;
    pub const ABS: u8 = 0x20;
    pub const IND: u8 = 0x40;
    pub const MEM: u8 = 0x60;
    pub const MEMSX: u8 = 0x80;
    pub const ATOMIC: u8 = 0xc0;

    pub const K: u8 = 0x00;
    pub const X: u8 = 0x08;

    pub const ADD: u8 = 0x00;
    pub const SUB: u8 = 0x10;
    pub const MUL: u8 = 0x20;
    pub const DIV: u8 = 0x30;
    pub const OR: u8 = 0x40;
    pub const AND: u8 = 0x50;
    pub const LSH: u8 = 0x60;
    pub const RSH: u8 = 0x70;
    pub const NEG: u8 = 0x80;
    pub const MOD: u8 = 0x90;
    pub const XOR: u8 = 0xa0;
    pub const MOV: u8 = 0xb0;
    pub const ARSH: u8 = 0xc0;
    pub const END: u8 = 0xd0;

    pub const JA: u8 = 0x00;
    pub const JEQ: u8 = 0x10;
    pub const JGT: u8 = 0x20;
    pub const JGE: u8 = 0x30;
    pub const JSET: u8 = 0x40;
    pub const JNE: u8 = 0x50;
    pub const JSGT: u8 = 0x60;
    pub const JSGE: u8 = 0x70;
    pub const CALL: u8 = 0x80;
    pub const EXIT: u8 = 0x90;
    pub const JLT: u8 = 0xa0;
    pub const JLE: u8 = 0xb0;
    pub const JSLT: u8 = 0xc0;
    pub const JSLE: u8 = 0xd0;
    pub const JCOND: u8 = 0xe0;

    /// `imm` of an atomic operation that returns the old value.
    pub const FETCH: i32 = 0x01;
    pub const XCHG: i32 = 0xe1;
    pub const CMPXCHG: i32 = 0xf1;
    pub const LOAD_ACQ: i32 = 0x100;
    pub const STORE_REL: i32 = 0x110;
}

/// What the source register of a 64-bit immediate load or a call marks.
pub mod pseudo {
    #![allow(missing_docs)]
    pub const MAP_FD: u8 = 1;
    pub const MAP_VALUE: u8 = 2;
    pub const BTF_ID: u8 = 3;
    pub const FUNC: u8 = 4;
    pub const MAP_IDX: u8 = 5;
    pub const MAP_IDX_VALUE: u8 = 6;

    pub const CALL_HELPER: u8 = 0;
    pub const CALL_SUBPROG: u8 = 1;
    pub const CALL_KFUNC: u8 = 2;
}
