//! A program decoded for the machine.

use crate::address::Address;
use crate::decode::{self, Op};
use skep_abi::Insn;
use skep_abi::insn::pseudo;
use skep_verifier::ContextTable;

/// A program, decoded. Any instructions can be decoded: what does not exist
/// ends a run when it is reached.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) context: ContextTable,
    pub(crate) ops: Vec<Op>,
}

impl Program {
    /// Decodes a program whose context `context` describes. `resolve` is asked
    /// for the address behind each 64-bit immediate that stands for something of
    /// the host (a map, a map's value, a BTF object): it is given the
    /// instruction's index, its first slot, and the immediate of its second slot.
    pub fn new<E>(
        insns: &[Insn],
        context: ContextTable,
        mut resolve: impl FnMut(usize, Insn, i32) -> Result<Address, E>,
    ) -> Result<Program, E> {
        let mut ops = Vec::with_capacity(insns.len());
        while let Some(&insn) = insns.get(ops.len()) {
            let index = ops.len();
            let second = insns.get(index + 1);
            let (true, Some(second)) = (insn.is_ld_imm64(), second) else {
                ops.push(decode::decode(insn, index));
                continue;
            };
            let imm = match insn.src {
                0 => u64::from(insn.imm as u32) | u64::from(second.imm as u32) << 32,
                pseudo::FUNC => {
                    let first = index as i64 + 1 + i64::from(insn.imm);
                    Address::func(first.try_into().unwrap_or(u32::MAX)).0
                }
                _ => resolve(index, insn, second.imm)?.0,
            };
            ops.push(decode::set(insn.dst, imm));
            ops.push(decode::second_slot());
        }
        Ok(Program { context, ops })
    }

    /// How many slots it has.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it has no slot.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}
