//! Running programs.
//!
//! ```text
//!   Runner (a program, its engine's cpus and world)
//!     │  fill: bytes and context ─► PacketBuf, by the program type's rules
//!     │  run:  a cpu of the engine ─► its machine ─► RunEnv: maps, helpers, world
//!     ▼
//!   RunOutcome, or a Report of what Linux would have refused
//! ```
//!
//! A run allocates nothing once its buffers are warm. Locks: a cpu's, for the
//! whole of a run; a program's last violation, after it.
//!
//! Answers to: net/bpf/test_run.c.

mod cpu;
mod env;
mod packet;
mod used_map;

use core::fmt;
use std::sync::{Arc, PoisonError};

use skep_abi::{Errno, Fd, Result};
use skep_vm::{Returned, RunMemory, Violation, ViolationKind};

use crate::Engine;
use crate::object::Held;
use crate::program::{Kind, Program, SourceLine};
use crate::world::World;

pub use cpu::Cpus;
pub(crate) use env::RunEnv;
pub use packet::PacketBuf;
pub use used_map::UsedMap;

/// Instructions a run may take unless told otherwise. Linux follows a program
/// for a million at the most before it lets it run, so only what loops by
/// helpers comes near.
pub const BUDGET: u64 = 1 << 24;

/// How a run ended that came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunOutcome {
    /// What the program returned.
    pub value: u32,
    /// How many instructions it took.
    pub instructions: u64,
}

/// A run that was stopped: what the program did that Linux would have refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The program's name.
    pub program: String,
    /// What it did, and at which instruction.
    pub violation: Violation,
    /// Where that instruction comes from, if the program was loaded with BTF.
    pub source: Option<SourceLine>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.program.is_empty() {
            write!(f, "program {}: ", self.program)?;
        }
        write!(f, "{}", self.violation)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Report {}

/// Why a run has no outcome.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// It did not begin: EBUSY on a cpu that this thread runs on already, EINVAL
    /// for a cpu the engine does not have or a program that is not run this way.
    #[error("the run did not begin: {0}")]
    Refused(Errno),
    /// It was stopped.
    #[error(transparent)]
    Violation(Arc<Report>),
}

impl RunError {
    /// What bpf(2) answers: for a violation EACCES, with which Linux would have
    /// refused to load the program; for what it returned, EINVAL.
    pub fn errno(&self) -> Errno {
        match self {
            RunError::Refused(errno) => *errno,
            RunError::Violation(report) => match report.violation.kind {
                ViolationKind::ReturnValue => Errno::EINVAL,
                _ => Errno::EACCES,
            },
        }
    }
}

/// A program to run, resolved from its descriptor. It keeps the program.
#[derive(Clone)]
pub struct Runner {
    engine: Engine,
    program: Held<Program>,
    budget: u64,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program.prog_type(), self.program.name())
    }
}

impl Engine {
    /// The program behind a descriptor, to run it. EBADF if it is not open,
    /// EINVAL if it is no program.
    pub fn program(&self, fd: Fd) -> Result<Runner> {
        Ok(Runner {
            engine: self.clone(),
            program: self.files().prog(fd)?,
            budget: BUDGET,
        })
    }

    /// The last violation of the program behind a descriptor.
    pub fn last_violation(&self, fd: Fd) -> Result<Option<Arc<Report>>> {
        Ok(self.files().prog(fd)?.last_violation())
    }
}

impl Runner {
    /// With another number of instructions that a run may take.
    pub fn with_budget(mut self, instructions: u64) -> Self {
        self.budget = instructions;
        self
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Its type.
    pub fn kind(&self) -> &'static Kind {
        self.program.kind
    }

    /// Makes `packet` one of these bytes, as this type of program gets it, with
    /// the context that the caller gives: a `struct xdp_md` or `struct
    /// __sk_buff`, what is missing of it being zero. A type without packets gets
    /// its context alone, as long as it is given. EINVAL, ENODEV or ENOMEM as
    /// PROG_TEST_RUN answers for such a packet or context.
    pub fn fill(&self, packet: &mut PacketBuf, data: &[u8], context: Option<&[u8]>) -> Result<()> {
        let mut read = |offset: usize, to: &mut [u8]| {
            let from = data.get(offset..).unwrap_or_default();
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            Ok(())
        };
        self.fill_from(packet, data.len(), &mut read, context)
    }

    /// The same, of `len` bytes that `read` gives.
    pub(crate) fn fill_from(
        &self,
        packet: &mut PacketBuf,
        len: usize,
        read: &mut crate::program::ReadPacket<'_>,
        context: Option<&[u8]>,
    ) -> Result<()> {
        packet.reset();
        (self.kind().fill)(packet, len, read, context, self.world())
    }

    /// Writes the context as it is after a run over the one that was given.
    pub fn context_out(&self, packet: &PacketBuf, context: &mut [u8]) {
        (self.kind().context_out)(packet, context);
    }

    pub(crate) fn world(&self) -> &dyn World {
        &**self.engine.world()
    }

    /// Whether programs for its hook can be run at all.
    pub(crate) fn can_run(&self) -> bool {
        (self.kind().can_run)(self.program.attach_type)
    }

    /// Runs the program on a cpu, over a packet that [`fill`](Self::fill) made,
    /// or that an earlier run left. Waits while another thread runs on that cpu.
    pub fn run(&self, cpu: u32, packet: &mut PacketBuf) -> Result<RunOutcome, RunError> {
        if !self.can_run() {
            return Err(RunError::Refused(Errno::EINVAL));
        }
        let cpus = self.engine.cpu_slots();
        let mut machine = cpus.enter(cpu).map_err(RunError::Refused)?;
        let mut env = RunEnv::new(
            &self.program,
            self.world(),
            cpu,
            cpus.len(),
            &mut packet.fragments,
        );
        let mut memory = RunMemory {
            packet: &mut packet.packet,
            context: &mut packet.context,
        };
        let result = machine.run(&self.program.code, &mut env, &mut memory, self.budget);
        drop(machine);
        match result {
            Ok(returned) => self.ended(returned),
            Err(violation) => Err(self.stopped(*violation)),
        }
    }

    /// The outcome, if the program returned what one of its type may.
    #[doc(alias = "check_return_code")]
    fn ended(&self, returned: Returned) -> Result<RunOutcome, RunError> {
        let value = returned.value as i64;
        match (self.kind().may_return)(self.program.attach_type) {
            Some(range) if !range.contains(&value) => Err(self.stopped(Violation {
                insn: returned.insn,
                kind: ViolationKind::ReturnValue,
                what: format!(
                    "returns {value}, but such a program returns {} to {}",
                    range.start(),
                    range.end()
                ),
                access: None,
                instructions: returned.instructions,
            })),
            _ => Ok(RunOutcome {
                value: returned.value as u32,
                instructions: returned.instructions,
            }),
        }
    }

    #[cold]
    fn stopped(&self, violation: Violation) -> RunError {
        let source = self
            .program
            .lines()
            .and_then(|lines| lines.at(violation.insn));
        let report = Arc::new(Report {
            program: self.program.name().to_text(),
            violation,
            source,
        });
        let mut last = self.program.violation.lock();
        **last.as_mut().unwrap_or_else(PoisonError::get_mut) = Some(Arc::clone(&report));
        RunError::Violation(report)
    }
}
