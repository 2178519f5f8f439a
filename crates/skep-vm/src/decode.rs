//! Decoding: an instruction becomes an operation with its operands laid out.
//!
//! Every slot decodes to something, one operation a slot, so that indices stay
//! those of the program. What does not exist decodes to [`Code::Invalid`], as
//! does the second slot of a 64-bit immediate.
//!
//! Answers to: RFC 9669, chapters 4 and 5.

use crate::env::Width;
use skep_abi::Insn;
use skep_abi::insn::{op, pseudo};

/// Says, in place of a source register, that the immediate is the operand.
pub(crate) const IMM: u8 = 15;

/// An arithmetic operation. Of those with a width in their name it is the
/// operand's width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alu {
    Add,
    Sub,
    Mul,
    Div,
    SDiv,
    Mod,
    SMod,
    Or,
    And,
    Xor,
    Lsh,
    Rsh,
    Arsh,
    Neg,
    Mov,
    Movsx8,
    Movsx16,
    Movsx32,
    /// To little-endian, the program's own order: what is above is cut off.
    Cut(Width),
    /// To big-endian, or the bytes reversed, which is the same.
    Swap(Width),
}

/// A condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cond {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    SGt,
    SGe,
    SLt,
    SLe,
    Set,
}

/// An atomic operation on a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rmw {
    Add,
    Or,
    And,
    Xor,
    Exchange,
    CompareExchange,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    Alu64(Alu),
    Alu32(Alu),
    /// Sets a register to a 64-bit immediate.
    Set,
    Load(Width),
    LoadSigned(Width),
    Store(Width),
    Atomic {
        width: Width,
        op: Rmw,
        fetch: bool,
    },
    LoadAcquire(Width),
    StoreRelease(Width),
    Jump64(Cond),
    Jump32(Cond),
    Goto,
    MayGoto,
    PacketAbs(Width),
    PacketInd(Width),
    CallHelper,
    CallSubprogram,
    CallKfunc,
    Exit,
    Invalid,
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) code: Code,
    pub(crate) dst: u8,
    /// A register, or [`IMM`].
    pub(crate) src: u8,
    /// The offset of an access.
    pub(crate) off: i16,
    /// The registers it reads, a bit each. A call's arguments are not among them.
    pub(crate) reads: u16,
    /// The registers it writes.
    pub(crate) writes: u16,
    /// The instruction it jumps to or calls, for those that do.
    pub(crate) target: u32,
    /// The immediate, sign-extended.
    pub(crate) imm: u64,
}

impl Op {
    const INVALID: Op = Op {
        code: Code::Invalid,
        dst: 0,
        src: IMM,
        off: 0,
        reads: 0,
        writes: 0,
        target: u32::MAX,
        imm: 0,
    };
}

/// The bit of a register; none for the immediate.
const fn bit(reg: u8) -> u16 {
    if reg <= 10 { 1 << reg } else { 0 }
}

/// Decodes the instruction at `index`. 64-bit immediates are not for it.
pub(crate) fn decode(insn: Insn, index: usize) -> Op {
    let base = Op {
        dst: insn.dst,
        off: insn.off,
        imm: insn.imm as i64 as u64,
        ..Op::INVALID
    };
    // Register 10, the frame pointer, can be read only; 11 and above do not exist.
    if insn.dst > 10 || insn.src > 10 {
        return Op::INVALID;
    }
    let decoded = match insn.class() {
        op::ALU | op::ALU64 => decode_alu(insn, base),
        op::JMP | op::JMP32 => decode_jump(insn, index, base),
        op::LD => decode_legacy(insn, base),
        _ => decode_access(insn, base),
    };
    match decoded {
        Some(op) if op.writes & bit(10) == 0 => op,
        _ => Op::INVALID,
    }
}

/// Sets the operation to one that sets `dst` to a 64-bit immediate.
pub(crate) fn set(dst: u8, imm: u64) -> Op {
    if dst >= 10 {
        return Op::INVALID;
    }
    Op {
        code: Code::Set,
        dst,
        writes: bit(dst),
        imm,
        ..Op::INVALID
    }
}

/// What fills the second slot of a 64-bit immediate.
pub(crate) const fn second_slot() -> Op {
    Op::INVALID
}

fn end_width(imm: i32) -> Option<Width> {
    match imm {
        16 => Some(Width::Two),
        32 => Some(Width::Four),
        64 => Some(Width::Eight),
        _ => None,
    }
}

fn alu_op(insn: Insn) -> Option<Alu> {
    let wide = insn.class() == op::ALU64;
    let (reg, off) = (insn.is_reg_src(), insn.off);
    let plain = |alu| (off == 0).then_some(alu);
    let signed = |unsigned, signed| match off {
        0 => Some(unsigned),
        1 => Some(signed),
        _ => None,
    };
    match insn.op() {
        op::ADD => plain(Alu::Add),
        op::SUB => plain(Alu::Sub),
        op::MUL => plain(Alu::Mul),
        op::DIV => signed(Alu::Div, Alu::SDiv),
        op::MOD => signed(Alu::Mod, Alu::SMod),
        op::OR => plain(Alu::Or),
        op::AND => plain(Alu::And),
        op::XOR => plain(Alu::Xor),
        op::LSH => plain(Alu::Lsh),
        op::RSH => plain(Alu::Rsh),
        op::ARSH => plain(Alu::Arsh),
        op::NEG => (!reg && off == 0 && insn.imm == 0 && insn.src == 0).then_some(Alu::Neg),
        op::MOV => match (off, reg) {
            (0, _) => Some(Alu::Mov),
            (8, true) => Some(Alu::Movsx8),
            (16, true) => Some(Alu::Movsx16),
            (32, true) if wide => Some(Alu::Movsx32),
            _ => None,
        },
        op::END if off == 0 && insn.src == 0 => match (wide, reg) {
            (false, false) => Some(Alu::Cut(end_width(insn.imm)?)),
            (false, true) | (true, false) => Some(Alu::Swap(end_width(insn.imm)?)),
            (true, true) => None,
        },
        _ => None,
    }
}

fn decode_alu(insn: Insn, base: Op) -> Option<Op> {
    let alu = alu_op(insn)?;
    let unary = matches!(alu, Alu::Neg | Alu::Cut(_) | Alu::Swap(_));
    let src = if unary { IMM } else { operand(insn)? };
    let moves = matches!(alu, Alu::Mov | Alu::Movsx8 | Alu::Movsx16 | Alu::Movsx32);
    Some(Op {
        code: if insn.class() == op::ALU64 {
            Code::Alu64(alu)
        } else {
            Code::Alu32(alu)
        },
        src,
        reads: bit(src) | if moves { 0 } else { bit(insn.dst) },
        writes: bit(insn.dst),
        ..base
    })
}

/// The source operand of an arithmetic or jump instruction, its other form unused.
fn operand(insn: Insn) -> Option<u8> {
    if insn.is_reg_src() {
        (insn.imm == 0).then_some(insn.src)
    } else {
        (insn.src == 0).then_some(IMM)
    }
}

/// The instruction `delta` after the next. One that there cannot be is past any end.
fn target(index: usize, delta: i32) -> u32 {
    (index as i64 + 1 + i64::from(delta))
        .try_into()
        .unwrap_or(u32::MAX)
}

fn decode_jump(insn: Insn, index: usize, base: Op) -> Option<Op> {
    let wide = insn.class() == op::JMP;
    let bare = !insn.is_reg_src() && insn.dst == 0;
    let cond = match insn.op() {
        op::JA if bare && insn.src == 0 => {
            let (delta, unused) = if wide {
                (i32::from(insn.off), insn.imm)
            } else {
                (insn.imm, i32::from(insn.off))
            };
            return (unused == 0).then_some(Op {
                code: Code::Goto,
                target: target(index, delta),
                ..base
            });
        }
        op::JCOND if wide && bare && insn.src == 0 && insn.imm == 0 => {
            return Some(Op {
                code: Code::MayGoto,
                target: target(index, i32::from(insn.off)),
                ..base
            });
        }
        op::CALL if wide && bare => return decode_call(insn, index, base),
        op::EXIT if wide && bare && insn.src == 0 && insn.imm == 0 => {
            return Some(Op {
                code: Code::Exit,
                ..base
            });
        }
        op::JEQ => Cond::Eq,
        op::JNE => Cond::Ne,
        op::JGT => Cond::Gt,
        op::JGE => Cond::Ge,
        op::JLT => Cond::Lt,
        op::JLE => Cond::Le,
        op::JSGT => Cond::SGt,
        op::JSGE => Cond::SGe,
        op::JSLT => Cond::SLt,
        op::JSLE => Cond::SLe,
        op::JSET => Cond::Set,
        _ => return None,
    };
    let src = operand(insn)?;
    Some(Op {
        code: if wide {
            Code::Jump64(cond)
        } else {
            Code::Jump32(cond)
        },
        src,
        reads: bit(src) | bit(insn.dst),
        target: target(index, i32::from(insn.off)),
        ..base
    })
}

fn decode_call(insn: Insn, index: usize, base: Op) -> Option<Op> {
    let code = match insn.src {
        pseudo::CALL_HELPER if insn.off == 0 => Code::CallHelper,
        pseudo::CALL_SUBPROG if insn.off == 0 => Code::CallSubprogram,
        pseudo::CALL_KFUNC => Code::CallKfunc,
        _ => return None,
    };
    Some(Op {
        code,
        target: target(index, insn.imm),
        ..base
    })
}

fn width(insn: Insn) -> Width {
    match insn.width() {
        1 => Width::One,
        2 => Width::Two,
        4 => Width::Four,
        _ => Width::Eight,
    }
}

fn decode_legacy(insn: Insn, base: Op) -> Option<Op> {
    let width = width(insn);
    let (code, src) = match insn.mode() {
        op::ABS if insn.src == 0 => (Code::PacketAbs(width), IMM),
        op::IND => (Code::PacketInd(width), insn.src),
        _ => return None,
    };
    (insn.dst == 0 && insn.off == 0 && width != Width::Eight).then_some(Op {
        code,
        src,
        reads: bit(6) | bit(src),
        ..base
    })
}

fn decode_access(insn: Insn, base: Op) -> Option<Op> {
    let width = width(insn);
    let no_imm = insn.imm == 0;
    let (dst, src) = (bit(insn.dst), bit(insn.src));
    let (code, source, reads, writes) = match (insn.class(), insn.mode()) {
        (op::LDX, op::MEM) if no_imm => (Code::Load(width), insn.src, src, dst),
        (op::LDX, op::MEMSX) if no_imm && width != Width::Eight => {
            (Code::LoadSigned(width), insn.src, src, dst)
        }
        (op::STX, op::MEM) if no_imm => (Code::Store(width), insn.src, src | dst, 0),
        (op::ST, op::MEM) if insn.src == 0 => (Code::Store(width), IMM, dst, 0),
        (op::STX, op::ATOMIC) => return decode_atomic(insn, width, base),
        _ => return None,
    };
    Some(Op {
        code,
        src: source,
        reads,
        writes,
        ..base
    })
}

fn decode_atomic(insn: Insn, width: Width, base: Op) -> Option<Op> {
    let (dst, src) = (bit(insn.dst), bit(insn.src));
    let fetch = insn.imm & op::FETCH != 0;
    let (code, reads, writes) = match insn.imm {
        op::LOAD_ACQ => (Code::LoadAcquire(width), src, dst),
        op::STORE_REL => (Code::StoreRelease(width), src | dst, 0),
        imm => {
            let rmw = match imm {
                op::XCHG => Rmw::Exchange,
                op::CMPXCHG => Rmw::CompareExchange,
                _ => match u8::try_from(imm & !op::FETCH).ok()? {
                    op::ADD => Rmw::Add,
                    op::OR => Rmw::Or,
                    op::AND => Rmw::And,
                    op::XOR => Rmw::Xor,
                    _ => return None,
                },
            };
            if !matches!(width, Width::Four | Width::Eight) {
                return None;
            }
            let exchange = rmw == Rmw::CompareExchange;
            let code = Code::Atomic {
                width,
                op: rmw,
                fetch,
            };
            let writes = match (exchange, fetch) {
                (true, _) => bit(0),
                (false, true) => src,
                (false, false) => 0,
            };
            (code, src | dst | if exchange { bit(0) } else { 0 }, writes)
        }
    };
    Some(Op {
        code,
        src: insn.src,
        reads,
        writes,
        ..base
    })
}
