//! The fields of an instruction: what it does not use is zero, what it uses is
//! in range.
//!
//! Answers to: do_check, check_alu_op, check_atomic, check_cond_jmp_op,
//! check_ld_imm, check_ld_abs and check_reg_arg in kernel/bpf/verifier.c.

use super::Reject;
use skep_abi::insn::{op, pseudo};
use skep_abi::{Errno, Insn};

/// The frame pointer, which can only be read.
const FRAME_POINTER: u8 = 10;

/// Checks one instruction whose operation exists.
pub(super) fn check(index: usize, insn: Insn) -> Result<(), Reject> {
    let field = Field { index, insn };
    match insn.class() {
        op::ALU | op::ALU64 => field.alu(),
        op::JMP | op::JMP32 => field.jump(),
        op::LDX => {
            field.reads(insn.src)?;
            field.writes(insn.dst)
        }
        op::ST => {
            field.unused(insn.src == 0, "a store of an immediate", "source register")?;
            field.reads(insn.dst)
        }
        op::STX if insn.mode() == op::ATOMIC => field.atomic(),
        op::STX => {
            field.unused(insn.imm == 0, "a store of a register", "immediate")?;
            field.reads(insn.src)?;
            field.reads(insn.dst)
        }
        _ if insn.is_ld_imm64() => {
            field.unused(insn.off == 0, "a 64-bit immediate", "offset")?;
            field.writes(insn.dst)
        }
        _ => field.legacy_load(),
    }
}

/// An instruction under inspection.
struct Field {
    index: usize,
    insn: Insn,
}

impl Field {
    fn invalid<T>(&self, message: impl Into<String>) -> Result<T, Reject> {
        Err(Reject::invalid(self.index, message))
    }

    /// Fields that the instruction has no use for have to be zero.
    fn unused(&self, zero: bool, what: &str, fields: &str) -> Result<(), Reject> {
        if zero {
            return Ok(());
        }
        self.invalid(format!(
            "{what} has no use for its {fields}, which has to be 0"
        ))
    }

    fn reads(&self, reg: u8) -> Result<(), Reject> {
        if reg <= FRAME_POINTER {
            return Ok(());
        }
        self.invalid(format!("there is no register r{reg}, only r0 to r10"))
    }

    fn writes(&self, reg: u8) -> Result<(), Reject> {
        self.reads(reg)?;
        if reg != FRAME_POINTER {
            return Ok(());
        }
        Err(Reject::at(
            self.index,
            Errno::EACCES,
            "the frame pointer r10 can only be read",
        ))
    }

    fn alu(&self) -> Result<(), Reject> {
        let insn = self.insn;
        match insn.op() {
            op::NEG => {
                let zero = insn.src == 0 && insn.off == 0 && insn.imm == 0;
                self.unused(zero, "a negation", "source register, offset or immediate")?;
            }
            op::END => {
                let zero = insn.src == 0 && insn.off == 0;
                self.unused(zero, "a byte swap", "source register or offset")?;
                if !matches!(insn.imm, 16 | 32 | 64) {
                    return self.invalid(format!(
                        "a byte swap has 16, 32 or 64 bits, not {}",
                        insn.imm
                    ));
                }
            }
            op::MOV => self.mov()?,
            _ => return self.binary(),
        }
        self.writes(insn.dst)
    }

    fn mov(&self) -> Result<(), Reject> {
        let insn = self.insn;
        if !insn.is_reg_src() {
            let zero = insn.src == 0 && insn.off == 0;
            return self.unused(zero, "a move of an immediate", "source register or offset");
        }
        let wide = insn.class() == op::ALU64;
        if wide && insn.off == 1 {
            return self.invalid("address spaces are cast only by a program that has an arena");
        }
        self.unused(insn.imm == 0, "a move of a register", "immediate")?;
        if !(matches!(insn.off, 0 | 8 | 16) || wide && insn.off == 32) {
            return self.invalid(format!(
                "a move extends the sign of 8, 16 or, to 64 bits, 32, not {}",
                insn.off
            ));
        }
        self.reads(insn.src)
    }

    fn binary(&self) -> Result<(), Reject> {
        let insn = self.insn;
        let division = matches!(insn.op(), op::DIV | op::MOD);
        if insn.off != 0 && !(division && insn.off == 1) {
            return self.invalid(format!(
                "the offset of an arithmetic operation is 0, or 1 for a signed division, not {}",
                insn.off
            ));
        }
        self.operand("an arithmetic operation")?;
        self.reads(insn.dst)?;
        if !insn.is_reg_src() {
            if division && insn.imm == 0 {
                return self.invalid("divides by the constant 0");
            }
            let bits = if insn.class() == op::ALU64 { 64 } else { 32 };
            let shift = matches!(insn.op(), op::LSH | op::RSH | op::ARSH);
            if shift && !(0..bits).contains(&insn.imm) {
                return self.invalid(format!(
                    "shifts by {}, but only 0 to {} are possible",
                    insn.imm,
                    bits - 1
                ));
            }
        }
        self.writes(insn.dst)
    }

    /// The second operand: a register or an immediate, the other zero.
    fn operand(&self, what: &str) -> Result<(), Reject> {
        let insn = self.insn;
        if insn.is_reg_src() {
            self.unused(insn.imm == 0, &format!("{what} on registers"), "immediate")?;
            self.reads(insn.src)
        } else {
            self.unused(
                insn.src == 0,
                &format!("{what} on an immediate"),
                "source register",
            )
        }
    }

    fn jump(&self) -> Result<(), Reject> {
        let insn = self.insn;
        let bare = insn.dst == 0 && insn.src == 0;
        match insn.op() {
            op::JA => {
                let other = if insn.class() == op::JMP {
                    insn.imm == 0
                } else {
                    insn.off == 0
                };
                self.unused(bare && other, "a jump", "registers and other distance")
            }
            op::CALL => {
                let kfunc = insn.src == pseudo::CALL_KFUNC;
                if insn.src > pseudo::CALL_KFUNC {
                    return self.invalid(format!("a call of kind {} does not exist", insn.src));
                }
                let zero = insn.dst == 0 && (kfunc || insn.off == 0);
                self.unused(zero, "a call", "destination register or offset")
            }
            // Linux, too, takes any offset of an exit.
            op::EXIT => self.unused(bare && insn.imm == 0, "an exit", "registers or immediate"),
            op::JCOND => self.unused(bare && insn.imm == 0, "may_goto", "registers or immediate"),
            _ => {
                self.reads(insn.dst)?;
                self.operand("a conditional jump")
            }
        }
    }

    fn atomic(&self) -> Result<(), Reject> {
        let insn = self.insn;
        let fetch = match insn.imm {
            op::LOAD_ACQ => {
                self.reads(insn.src)?;
                return self.writes(insn.dst);
            }
            op::STORE_REL => {
                self.reads(insn.src)?;
                return self.reads(insn.dst);
            }
            op::XCHG => true,
            // Register 0 is what it writes.
            op::CMPXCHG => false,
            imm => {
                let known = [op::ADD, op::OR, op::AND, op::XOR];
                if !known.map(i32::from).contains(&(imm & !op::FETCH)) {
                    return self.invalid(format!("there is no atomic operation {imm:#x}"));
                }
                imm & op::FETCH != 0
            }
        };
        if insn.width() < 4 {
            return self.invalid(format!(
                "an atomic operation changes 4 or 8 bytes, not {}",
                insn.width()
            ));
        }
        self.reads(insn.src)?;
        self.reads(insn.dst)?;
        if fetch { self.writes(insn.src) } else { Ok(()) }
    }

    fn legacy_load(&self) -> Result<(), Reject> {
        let insn = self.insn;
        let zero = insn.dst == 0 && insn.off == 0;
        let direct = insn.mode() == op::ABS;
        self.unused(
            zero && (!direct || insn.src == 0),
            "a legacy packet load",
            if direct {
                "registers or offset"
            } else {
                "destination register or offset"
            },
        )?;
        self.reads(insn.src)
    }
}
