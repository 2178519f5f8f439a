//! One program over many packets, on the engine or on Linux.
//!
//! Which of the two is chosen in [`System::open`]; loading and reading maps is
//! the same from there on. On the engine a run that Linux would not have allowed
//! gives a violation; on Linux such a program is refused when it is loaded.

use crate::args::RunArgs;
use crate::error::Failure;
use skep::abi::{Bpf, Errno, ProgTestRun, ProgType, UserIn};
use skep::engine::program::{self, SourceLine};
use skep::engine::run::{PacketBuf, RunError, Runner as EngineRunner};
use skep::engine::world::TraceLine;
use skep::loader::LoadedProgram;
use skep::{Engine, Kernel};
use std::sync::Arc;

/// The system that programs and maps live in.
pub enum System {
    Engine(Engine),
    Linux(Kernel),
}

impl System {
    /// The one the arguments ask for.
    pub fn open(args: &RunArgs) -> Result<System, Failure> {
        if args.kernel {
            let kernel = Kernel::new().map_err(|why| Failure::new(format!("--kernel: {why}")));
            return kernel.map(System::Linux);
        }
        let mut builder = Engine::builder().cpus(args.cpus.unwrap_or(1));
        if let Some(seed) = args.seed {
            builder = builder.seed(seed);
        }
        Ok(System::Engine(builder.build()))
    }

    /// What a report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            System::Engine(_) => "skep's engine",
            System::Linux(_) => "Linux",
        }
    }

    /// The same for machines.
    pub fn id(&self) -> &'static str {
        match self {
            System::Engine(_) => "engine",
            System::Linux(_) => "linux",
        }
    }

    /// The interface to it.
    pub fn bpf(&self) -> Arc<dyn Bpf> {
        match self {
            System::Engine(engine) => Arc::new(engine.clone()),
            System::Linux(kernel) => Arc::new(kernel.clone()),
        }
    }
}

/// What a run came to.
pub enum Outcome {
    /// The program returned this.
    Returned(u32),
    /// The system does not give such a packet to a program of this type.
    Refused,
    /// The program did what Linux would have refused.
    Violation(Violation),
}

/// A run that was stopped.
pub struct Violation {
    /// Its kind, in a few words that stay the same.
    pub kind: &'static str,
    /// The instruction.
    pub insn: usize,
    /// What it did where, and what was allowed.
    pub what: String,
    /// Where it comes from, if the object tells.
    pub source: Option<SourceLine>,
}

/// Gives packets to a program.
pub enum Runner<'a> {
    /// On the engine, going round its cpus.
    Engine {
        engine: &'a Engine,
        runner: EngineRunner,
        packet: Box<PacketBuf>,
        cpus: u32,
    },
    /// On Linux, by PROG_TEST_RUN.
    Linux {
        kernel: &'a Kernel,
        program: &'a LoadedProgram,
    },
}

impl<'a> Runner<'a> {
    /// Runs `program` on `system`, into which it was loaded.
    pub fn new(system: &'a System, program: &'a LoadedProgram) -> Result<Runner<'a>, Failure> {
        match system {
            System::Engine(engine) => Ok(Runner::Engine {
                engine,
                runner: engine.program(program.fd()).map_err(Failure::new)?,
                packet: Box::new(PacketBuf::new()),
                cpus: engine.cpus(),
            }),
            System::Linux(kernel) => Ok(Runner::Linux { kernel, program }),
        }
    }

    /// Runs the program once on a frame, the `number`th of the capture.
    pub fn run(&mut self, number: u64, frame: &[u8]) -> Result<Outcome, Failure> {
        match self {
            Runner::Engine {
                runner,
                packet,
                cpus,
                ..
            } => {
                if let Err(errno) = runner.fill(packet, frame, None) {
                    return refused(errno);
                }
                let cpu = number.wrapping_sub(1) % u64::from((*cpus).max(1));
                match runner.run(cpu as u32, packet) {
                    Ok(outcome) => Ok(Outcome::Returned(outcome.value)),
                    Err(RunError::Refused(errno)) => refused(errno),
                    Err(RunError::Violation(report)) => Ok(Outcome::Violation(Violation {
                        kind: report.violation.kind.name(),
                        insn: report.violation.insn,
                        what: report.violation.what.clone(),
                        source: report.source.clone(),
                    })),
                }
            }
            Runner::Linux { kernel, program } => {
                let mut cmd = ProgTestRun {
                    prog: program.fd(),
                    data_size_in: u32::try_from(frame.len()).unwrap_or(u32::MAX),
                    data_in: UserIn::new(frame),
                    ..Default::default()
                };
                match kernel.prog_test_run(&mut cmd) {
                    Ok(()) => Ok(Outcome::Returned(cmd.retval)),
                    Err(errno) => refused(errno),
                }
            }
        }
    }
}

impl Runner<'_> {
    /// What the program printed since the last call. Linux prints elsewhere.
    pub fn printed(&self) -> Vec<TraceLine> {
        match self {
            Runner::Engine { engine, .. } => engine.world().take_trace(),
            Runner::Linux { .. } => Vec::new(),
        }
    }
}

/// A packet that the system does not take is counted; any other error ends the run.
fn refused(errno: Errno) -> Result<Outcome, Failure> {
    match errno {
        Errno::EINVAL | Errno::ENOMEM => Ok(Outcome::Refused),
        errno => Err(Failure::new(format!("the program cannot be run: {errno}"))),
    }
}

/// `XDP_PASS`, or the number where a program type has no name for it.
pub fn return_name(prog_type: ProgType, value: u32) -> String {
    let named = program::kind_of(prog_type).and_then(|kind| kind.return_name(value));
    named.map_or_else(|| (value as i32).to_string(), str::to_owned)
}
