//! Instructions as text, as the kernel's verifier and bpftool print them.
//!
//! [`text`] makes one line of an instruction: `r1 = *(u32 *)(r6 +4)`,
//! `if r2 > r3 goto pc+5`, `call bpf_map_lookup_elem#1`. What a call or a 64-bit
//! immediate means only the caller may know: [`Names`] says it.
//!
//! Invariant: every instruction has a text, one that no program may hold included.
//!
//! Answers to: kernel/bpf/disasm.c.

use crate::HelperId;
use crate::insn::{Insn, op, pseudo};

/// What the numbers in an instruction stand for. By default what Linux prints
/// where nobody knows better.
pub trait Names {
    /// What is called: a name, or a distance such as `+3` for a function of the
    /// program. Without one, helpers have their own names.
    fn call(&self, insn: Insn) -> Option<String> {
        let _ = insn;
        None
    }

    /// What a 64-bit immediate is: `map[id:3]`. Without a text, the number.
    fn imm64(&self, insn: Insn, value: u64) -> Option<String> {
        let _ = (insn, value);
        None
    }
}

/// No names but the helpers' own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Names for Plain {}

/// The text of `insn`. `next` is the slot after it, for a 64-bit immediate.
pub fn text(insn: Insn, next: Option<Insn>, names: &dyn Names) -> String {
    match insn.class() {
        op::ALU | op::ALU64 => alu(insn),
        op::JMP | op::JMP32 => jump(insn, names),
        op::LD => load_imm(insn, next, names),
        op::LDX => load(insn),
        op::ST => store_imm(insn),
        _ => store(insn),
    }
}

/// Every instruction of a program: the index of its first slot, and its text.
pub fn listing<'a>(
    insns: &'a [Insn],
    names: &'a dyn Names,
) -> impl Iterator<Item = (usize, String)> + 'a {
    let mut at = 0;
    core::iter::from_fn(move || {
        let insn = *insns.get(at)?;
        let next = insns.get(at + 1).copied();
        let index = at;
        at += if insn.is_ld_imm64() { 2 } else { 1 };
        Some((index, text(insn, next, names)))
    })
}

/// The letter of a register: `w` for its lower half.
fn letter(insn: Insn) -> char {
    match insn.class() {
        op::ALU | op::JMP32 => 'w',
        _ => 'r',
    }
}

fn alu_operator(insn: Insn) -> Option<&'static str> {
    let signed = insn.off == 1;
    Some(match insn.op() {
        op::ADD => "+=",
        op::SUB => "-=",
        op::MUL => "*=",
        op::DIV if signed => "s/=",
        op::DIV => "/=",
        op::OR => "|=",
        op::AND => "&=",
        op::LSH => "<<=",
        op::RSH => ">>=",
        op::MOD if signed => "s%=",
        op::MOD => "%=",
        op::XOR => "^=",
        op::MOV => "=",
        op::ARSH => "s>>=",
        _ => return None,
    })
}

fn alu(insn: Insn) -> String {
    let Insn {
        dst, src, off, imm, ..
    } = insn;
    let r = letter(insn);
    let wide = insn.class() == op::ALU64;
    match insn.op() {
        op::END if wide => return format!("r{dst} = bswap{imm} r{dst}"),
        op::END => {
            let order = if insn.is_reg_src() { "be" } else { "le" };
            return format!("r{dst} = {order}{imm} r{dst}");
        }
        op::NEG => return format!("{r}{dst} = -{r}{dst}"),
        _ => {}
    }
    let Some(operator) = alu_operator(insn) else {
        return format!("BUG_alu_{:02x}", insn.code);
    };
    if !insn.is_reg_src() {
        return format!("{r}{dst} {operator} {imm}");
    }
    let is_mov = insn.op() == op::MOV;
    let cast = match off {
        1 if is_mov && wide => {
            let (to, from) = (imm as u32 >> 16, imm as u32 & 0xffff);
            return format!("r{dst} = addr_space_cast(r{src}, {to}, {from})");
        }
        -1 if is_mov && wide => return format!("r{dst} = &(void __percpu *)(r{src})"),
        8 if is_mov => "(s8)",
        16 if is_mov => "(s16)",
        32 if is_mov => "(s32)",
        _ => "",
    };
    format!("{r}{dst} {operator} {cast}{r}{src}")
}

fn comparison(insn: Insn) -> Option<&'static str> {
    Some(match insn.op() {
        op::JEQ => "==",
        op::JGT => ">",
        op::JGE => ">=",
        op::JSET => "&",
        op::JNE => "!=",
        op::JSGT => "s>",
        op::JSGE => "s>=",
        op::JLT => "<",
        op::JLE => "<=",
        op::JSLT => "s<",
        op::JSLE => "s<=",
        _ => return None,
    })
}

fn jump(insn: Insn, names: &dyn Names) -> String {
    let Insn {
        dst, src, off, imm, ..
    } = insn;
    let wide = insn.class() == op::JMP;
    match insn.op() {
        op::CALL if wide => return call(insn, names),
        op::EXIT if wide => return "exit".to_owned(),
        op::JA if wide => return format!("goto pc{off:+}"),
        op::JA => return format!("gotol pc{imm:+}"),
        op::JCOND if wide => return format!("may_goto pc{off:+}"),
        _ => {}
    }
    let r = letter(insn);
    match comparison(insn) {
        Some(is) if insn.is_reg_src() => format!("if {r}{dst} {is} {r}{src} goto pc{off:+}"),
        Some(is) => format!("if {r}{dst} {is} {imm:#x} goto pc{off:+}"),
        None => format!("BUG_jmp_{:02x}", insn.code),
    }
}

fn call(insn: Insn, names: &dyn Names) -> String {
    let imm = insn.imm;
    let helper = match insn.src {
        pseudo::CALL_HELPER => u32::try_from(imm).ok().and_then(|id| HelperId(id).c_name()),
        _ => None,
    };
    let name = helper.map(str::to_owned).or_else(|| names.call(insn));
    match insn.src {
        pseudo::CALL_SUBPROG => format!("call pc{}", name.unwrap_or(format!("{imm:+}"))),
        pseudo::CALL_KFUNC => {
            format!(
                "call {}#{imm}",
                name.as_deref().unwrap_or("kernel-function")
            )
        }
        _ => format!("call {}#{imm}", name.as_deref().unwrap_or("unknown")),
    }
}

/// The C type of what a load or store moves.
fn width(insn: Insn) -> &'static str {
    match insn.width() {
        1 => "u8",
        2 => "u16",
        4 => "u32",
        _ => "u64",
    }
}

fn load_imm(insn: Insn, next: Option<Insn>, names: &dyn Names) -> String {
    let Insn { dst, src, imm, .. } = insn;
    match insn.mode() {
        op::ABS => format!("r0 = *({} *)skb[{imm}]", width(insn)),
        op::IND => format!("r0 = *({} *)skb[r{src} + {imm}]", width(insn)),
        op::IMM if insn.is_ld_imm64() => {
            let high = next.map_or(0, |next| next.imm as u32);
            let value = u64::from(high) << 32 | u64::from(imm as u32);
            let value = names.imm64(insn, value).unwrap_or(format!("{value:#x}"));
            format!("r{dst} = {value}")
        }
        _ => format!("BUG_ld_{:02x}", insn.code),
    }
}

fn load(insn: Insn) -> String {
    let Insn { dst, src, off, .. } = insn;
    let width = match (insn.mode(), insn.width()) {
        (op::MEM, _) => width(insn),
        (op::MEMSX, 1) => "s8",
        (op::MEMSX, 2) => "s16",
        (op::MEMSX, 4) => "s32",
        _ => return format!("BUG_ldx_{:02x}", insn.code),
    };
    format!("r{dst} = *({width} *)(r{src} {off:+})")
}

fn store_imm(insn: Insn) -> String {
    let Insn { dst, off, imm, .. } = insn;
    match insn.mode() {
        op::MEM => format!("*({} *)(r{dst} {off:+}) = {imm}", width(insn)),
        op::ATOMIC => "nospec".to_owned(),
        _ => format!("BUG_st_{:02x}", insn.code),
    }
}

fn store(insn: Insn) -> String {
    let Insn { dst, src, off, .. } = insn;
    match insn.mode() {
        op::MEM => format!("*({} *)(r{dst} {off:+}) = r{src}", width(insn)),
        op::ATOMIC => atomic(insn),
        _ => format!("BUG_{:02x}", insn.code),
    }
}

fn atomic(insn: Insn) -> String {
    let Insn {
        dst, src, off, imm, ..
    } = insn;
    let place = format!("({} *)(r{dst} {off:+})", width(insn));
    let bits = if insn.width() == 8 { "64" } else { "" };
    match imm {
        op::XCHG => return format!("r{src} = atomic{bits}_xchg({place}, r{src})"),
        op::CMPXCHG => return format!("r0 = atomic{bits}_cmpxchg({place}, r0, r{src})"),
        op::LOAD_ACQ => {
            return format!("r{dst} = load_acquire(({} *)(r{src} {off:+}))", width(insn));
        }
        op::STORE_REL => return format!("store_release({place}, r{src})"),
        _ => {}
    }
    let (operator, name) = match imm & !op::FETCH {
        0x00 => ("+=", "add"),
        0x40 => ("|=", "or"),
        0x50 => ("&=", "and"),
        0xa0 => ("^=", "xor"),
        _ => return format!("BUG_{:02x}", insn.code),
    };
    if imm & op::FETCH == 0 {
        format!("lock *{place} {operator} r{src}")
    } else {
        format!("r{src} = atomic{bits}_fetch_{name}({place}, r{src})")
    }
}

#[cfg(test)]
mod tests;
