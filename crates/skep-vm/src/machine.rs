//! The machine: fetches, checks what the registers hold, dispatches.
//!
//! A register that was not written may not be read; a bit each in `init` says
//! which were. Calls of subprograms keep registers 6 to 9 and void 1 to 5.
//!
//! Answers to: ___bpf_prog_run in kernel/bpf/core.c; check_reg_arg,
//! check_func_call and prepare_func_exit in kernel/bpf/verifier.c.

use crate::address::Address;
use crate::alu;
use crate::call::Scratch;
use crate::decode::{Code, IMM, Op};
use crate::env::{Env, Width};
use crate::memory::RunMemory;
use crate::program::Program;
use crate::stack::{MAX_FRAMES, Stack};
use crate::violation::{AccessInfo, Outcome, Returned, Violation, ViolationKind};

/// How often a frame passes `may_goto` before it is made to leave.
#[doc(alias = "BPF_MAX_LOOPS")]
const MAX_LOOPS: u32 = 8 * 1024 * 1024;

/// Registers 0 to 5.
const CALLER_SAVED: u16 = 0b11_1111;
/// Registers 6 to 9.
const CALLEE_SAVED: u16 = 0b11_1100_0000;
const FRAME_POINTER: u16 = 1 << 10;

/// What a call puts aside.
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    return_to: usize,
    regs: [u64; 4],
    init: u16,
    loops: u32,
}

/// A machine: registers and stack. One serves any number of runs, one after the
/// other, and allocates for none of them once it is warm.
#[derive(Debug, Default)]
pub struct Machine {
    /// Eleven, and as many more as make an index of four bits valid.
    pub(crate) regs: [u64; 16],
    pub(crate) stack: Stack,
    pub(crate) scratch: Scratch,
    saved: [Saved; MAX_FRAMES],
}

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
        self.regs = [0; 16];
        self.stack.reset();
        self.regs[1] = Address::context(0).0;
        self.regs[10] = self.stack.frame_pointer().0;
        let mut run = Run {
            machine: self,
            program,
            env,
            memory,
            pc: 0,
            init: 1 << 1 | FRAME_POINTER,
            depth: 0,
            loops: MAX_LOOPS,
            instructions: 0,
            budget,
        };
        let result = run.run();
        let instructions = run.instructions;
        let insn = run.pc;
        match result {
            Ok(value) => Ok(Returned {
                value,
                insn,
                instructions,
            }),
            Err(stop) => Err(Box::new(Violation {
                insn,
                kind: stop.kind,
                what: stop.what,
                access: stop.access,
                instructions,
            })),
        }
    }
}

/// Why a run is stopped; where is known to the run.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) kind: ViolationKind,
    pub(crate) what: String,
    pub(crate) access: Option<AccessInfo>,
}

pub(crate) type Stopped<T> = Result<T, Box<Stop>>;

impl Stop {
    #[cold]
    pub(crate) fn new(kind: ViolationKind, what: impl Into<String>) -> Box<Stop> {
        Box::new(Stop {
            kind,
            what: what.into(),
            access: None,
        })
    }
}

/// Where a run goes on.
enum Next {
    /// With the next instruction.
    Here,
    /// With the instruction of that index.
    At(usize),
    /// Nowhere: the program has ended.
    End,
}

/// A run.
pub(crate) struct Run<'r, 'm, E: ?Sized> {
    pub(crate) machine: &'r mut Machine,
    pub(crate) program: &'r Program,
    pub(crate) env: &'r mut E,
    pub(crate) memory: &'r mut RunMemory<'m>,
    /// The instruction that is running.
    pub(crate) pc: usize,
    /// The registers that hold something, a bit each.
    pub(crate) init: u16,
    /// How many calls deep.
    depth: usize,
    /// How often the frame may still pass `may_goto`.
    loops: u32,
    /// How many instructions were begun.
    instructions: u64,
    /// How many may be.
    budget: u64,
}

impl<E: Env + ?Sized> Run<'_, '_, E> {
    /// The second operand.
    #[inline]
    pub(crate) fn source(&self, op: &Op) -> u64 {
        if op.src == IMM {
            op.imm
        } else {
            self.machine.regs[usize::from(op.src & 15)]
        }
    }

    /// Runs instructions. What changes with each of them is kept in variables,
    /// and in `self` where others look at it.
    fn run(&mut self) -> Stopped<u64> {
        let ops = self.program.ops.as_slice();
        let (mut pc, mut init) = (0, self.init);
        loop {
            self.pc = pc;
            let Some(op) = ops.get(pc) else {
                return Err(self.outside());
            };
            if op.reads & !init != 0 {
                return Err(uninitialised(op.reads & !init));
            }
            if self.instructions == self.budget {
                return Err(exhausted());
            }
            self.instructions += 1;
            init |= op.writes;
            pc += 1;
            let dst = usize::from(op.dst & 15);
            match op.code {
                Code::Alu64(alu) => {
                    let value = alu::alu64(alu, self.machine.regs[dst], self.source(op));
                    self.machine.regs[dst] = value;
                }
                Code::Alu32(alu) => {
                    let value = alu::alu32(alu, self.machine.regs[dst], self.source(op));
                    self.machine.regs[dst] = value;
                }
                Code::Set => {
                    self.machine.regs[dst] = op.imm;
                    pc += 1;
                }
                Code::Load(width) => self.load(op, width, false)?,
                Code::LoadSigned(width) => self.load(op, width, true)?,
                Code::Store(width) => self.store(op, width)?,
                Code::Jump64(cond) => {
                    if alu::holds64(cond, self.machine.regs[dst], self.source(op)) {
                        pc = op.target as usize;
                    }
                }
                Code::Jump32(cond) => {
                    if alu::holds32(cond, self.machine.regs[dst], self.source(op)) {
                        pc = op.target as usize;
                    }
                }
                Code::Goto => pc = op.target as usize,
                Code::MayGoto => match self.loops.checked_sub(1) {
                    Some(loops) => self.loops = loops,
                    None => pc = op.target as usize,
                },
                _ => {
                    self.init = init;
                    match self.rare(op)? {
                        Next::Here => {}
                        Next::At(target) => pc = target,
                        Next::End => return Ok(self.machine.regs[0]),
                    }
                    init = self.init;
                }
            }
        }
    }

    /// What is not arithmetic, a jump, or a plain load or store.
    fn rare(&mut self, op: &Op) -> Stopped<Next> {
        match op.code {
            Code::CallHelper => self.call_helper(op.imm as u32)?,
            Code::CallSubprogram => return self.enter(op.target),
            Code::Exit => return self.leave(),
            Code::PacketAbs(width) | Code::PacketInd(width) => {
                if !self.legacy_load(op, width)? {
                    // A load beyond the packet ends the subprogram with 0.
                    self.machine.regs[0] = 0;
                    self.init |= 1;
                    return self.leave();
                }
            }
            Code::Atomic {
                width,
                op: rmw,
                fetch,
            } => self.read_modify_write(op, width, rmw, fetch)?,
            Code::LoadAcquire(width) => self.load_acquire(op, width)?,
            Code::StoreRelease(width) => self.store_release(op, width)?,
            _ => return Err(bad_instruction(op)),
        }
        Ok(Next::Here)
    }

    /// Enters a subprogram.
    fn enter(&mut self, target: u32) -> Stopped<Next> {
        if !self.machine.stack.push() {
            return Err(Stop::new(
                ViolationKind::CallDepth,
                format!("calls a subprogram, but already {MAX_FRAMES} are nested"),
            ));
        }
        let regs = &self.machine.regs;
        self.machine.saved[self.depth & (MAX_FRAMES - 1)] = Saved {
            return_to: self.pc + 1,
            regs: [regs[6], regs[7], regs[8], regs[9]],
            init: self.init & CALLEE_SAVED,
            loops: self.loops,
        };
        self.depth += 1;
        self.loops = MAX_LOOPS;
        self.machine.regs[10] = self.machine.stack.frame_pointer().0;
        // The callee has its arguments and nothing else.
        self.init &= CALLER_SAVED & !1;
        self.init |= FRAME_POINTER;
        Ok(Next::At(target as usize))
    }

    /// Leaves a subprogram, or says that the program ends.
    fn leave(&mut self) -> Stopped<Next> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return match self.init & 1 {
                0 => Err(uninitialised(1)),
                _ => Ok(Next::End),
            };
        };
        self.depth = depth;
        self.machine.stack.pop();
        let saved = self.machine.saved[depth & (MAX_FRAMES - 1)];
        self.machine.regs[6..10].copy_from_slice(&saved.regs);
        self.machine.regs[10] = self.machine.stack.frame_pointer().0;
        self.loops = saved.loops;
        self.init = self.init & 1 | saved.init | FRAME_POINTER;
        Ok(Next::At(saved.return_to))
    }

    /// A legacy load from the packet; false if it leaves the packet.
    fn legacy_load(&mut self, op: &Op, width: Width) -> Stopped<bool> {
        if self.machine.regs[6] != Address::context(0).0 {
            return Err(Stop::new(
                ViolationKind::ContextAccess,
                "reads the packet the legacy way, but r6 does not hold the context",
            ));
        }
        let index = match op.code {
            Code::PacketInd(_) => self.source(op),
            _ => 0,
        };
        let offset = index.wrapping_add(op.imm) as i32;
        let Some(value) = self.memory.packet.legacy_load(offset, width) else {
            return Ok(false);
        };
        self.machine.regs[0] = value;
        self.init = self.init & !CALLER_SAVED | 1;
        Ok(true)
    }

    #[cold]
    fn outside(&self) -> Box<Stop> {
        Stop::new(
            ViolationKind::BadInstruction,
            format!(
                "is reached, but the program has only {} instructions",
                self.program.len()
            ),
        )
    }
}

#[cold]
fn uninitialised(regs: u16) -> Box<Stop> {
    let reg = regs.trailing_zeros();
    let why = match reg {
        0 => "which holds nothing yet",
        1..=5 => "which holds nothing: it was never set, or a call voided it",
        _ => "which was never set",
    };
    Stop::new(
        ViolationKind::UninitialisedRegister,
        format!("reads r{reg}, {why}"),
    )
}

#[cold]
fn exhausted() -> Box<Stop> {
    Stop::new(
        ViolationKind::InstructionBudget,
        "is one more than the run was allowed",
    )
}

#[cold]
fn bad_instruction(op: &Op) -> Box<Stop> {
    match op.code {
        Code::CallKfunc => Stop::new(
            ViolationKind::UnknownHelper,
            format!(
                "calls kernel function {}, and there are none",
                op.imm as i64
            ),
        ),
        _ => Stop::new(ViolationKind::BadInstruction, "does not exist"),
    }
}
