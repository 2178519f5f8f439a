//! Running programs on input of the caller's. What is taken and what comes out is
//! the program type's to say ([`TestRun`]).
//!
//! Answers to: bpf_prog_test_run in kernel/bpf/syscall.c; bpf_test_finish,
//! bpf_ctx_init and bpf_ctx_finish, bpf_prog_test_run_syscall and
//! bpf_prog_test_run_raw_tp in net/bpf/test_run.c.

use skep_abi::flags::test_run as flag;
use skep_abi::{Errno, ProgTestRun, Result};
use skep_vm::ViolationKind;

use crate::Engine;
use crate::program::{Cpu, TestRun};
use crate::run::{PacketBuf, RunError, Runner};
use crate::world::{Clock, World};

/// Bytes of a context as a caller gives it, at the most.
const MAX_CONTEXT: u32 = 4096;

/// `BPF_PROG_TEST_RUN`
pub(crate) fn test_run(engine: &Engine, cmd: &mut ProgTestRun<'_>) -> Result<()> {
    let paired = |size: u32, null: bool| (size == 0) == null;
    if !paired(cmd.ctx_size_in, cmd.ctx_in.is_null())
        || !paired(cmd.ctx_size_out, cmd.ctx_out.is_null())
    {
        return Err(Errno::EINVAL);
    }
    let runner = engine.program(cmd.prog)?;
    match runner.kind().test_run {
        TestRun::Packet {
            min_len,
            context_size,
            any_cpu,
        } => {
            let short = (cmd.data_size_in as usize) < min_len;
            // What the flags ask for is not there: neither live frames nor
            // checksums of a device's.
            let more = cmd.flags != 0 || cmd.batch_size != 0 || (cmd.cpu != 0 && !any_cpu);
            if short || more || !runner.can_run() {
                return Err(Errno::EINVAL);
            }
            over_packet(&runner, cmd, context_size)
        }
        TestRun::Context {
            max,
            written_back,
            cpu,
        } => {
            let more = !cmd.data_in.is_null()
                || !cmd.data_out.is_null()
                || !cmd.ctx_out.is_null()
                || cmd.duration != 0
                || cmd.repeat != 0
                || cmd.batch_size != 0;
            if more || cmd.ctx_size_in > max {
                return Err(Errno::EINVAL);
            }
            let on = on_cpu(engine, cmd, cpu)?;
            over_context(&runner, cmd, on, written_back)
        }
        TestRun::Repeated { context_size } => {
            let data = !cmd.data_in.is_null()
                || cmd.data_size_in != 0
                || !cmd.data_out.is_null()
                || cmd.data_size_out != 0;
            if data || cmd.flags != 0 || cmd.cpu != 0 || cmd.batch_size != 0 {
                return Err(Errno::EINVAL);
            }
            over_packet(&runner, cmd, context_size)
        }
        TestRun::None => Err(Errno::ENOTSUPP),
    }
}

/// Over a packet and a context, both of which come out again; or over an empty one.
fn over_packet(runner: &Runner, cmd: &mut ProgTestRun<'_>, context_size: usize) -> Result<()> {
    let mut context = context_in(cmd, context_size)?;
    let mut packet = PacketBuf::new();
    let data = cmd.data_in;
    let len = cmd.data_size_in as usize;
    let mut read = |offset: usize, to: &mut [u8]| data.read_at(offset, to);
    runner.fill_from(&mut packet, len, &mut read, context.as_deref())?;
    let (retval, duration) = repeat(runner, &mut packet, cmd.repeat.max(1))?;
    if let Some(context) = &mut context {
        runner.context_out(&packet, context);
    }
    finish(cmd, &packet, retval, duration)?;
    context_finish(cmd, context.as_deref())
}

/// The cpu that a program runs on which gets a context alone.
fn on_cpu(engine: &Engine, cmd: &ProgTestRun<'_>, rule: Cpu) -> Result<u32> {
    match rule {
        Cpu::Ignored if cmd.flags == 0 => Ok(0),
        Cpu::Chosen if cmd.flags & flag::ON_CPU != 0 => {
            let there = cmd.cpu < engine.cpus();
            there.then_some(cmd.cpu).ok_or(Errno::ENXIO)
        }
        Cpu::Chosen if cmd.cpu == 0 => Ok(0),
        Cpu::Ignored | Cpu::Chosen => Err(Errno::EINVAL),
    }
}

/// Once over a context, of which nothing comes out, unless it is written back.
fn over_context(
    runner: &Runner,
    cmd: &mut ProgTestRun<'_>,
    cpu: u32,
    written_back: bool,
) -> Result<()> {
    let context = cmd.ctx_in.to_vec(cmd.ctx_size_in as usize)?;
    let mut packet = PacketBuf::new();
    runner.fill(&mut packet, &[], Some(&context))?;
    let outcome = runner.run(cpu, &mut packet);
    cmd.retval = outcome.map_err(|error| short_context(&error))?.value;
    // A slice is lent to be read only: who gives one has the runner for the rest.
    match cmd.ctx_in.as_remote() {
        Some((addr, memory)) if written_back => memory.write(addr, packet.context()),
        _ => Ok(()),
    }
}

/// What answers to a run over a context. That the program reads more of it than
/// there is, Linux finds out before the run.
#[doc(alias = "max_ctx_offset")]
fn short_context(error: &RunError) -> Errno {
    match error {
        RunError::Violation(report) if report.violation.kind == ViolationKind::ContextEnd => {
            Errno::EINVAL
        }
        error => error.errno(),
    }
}

/// The context that the caller gives, or a zeroed one for a caller that only wants it back.
#[doc(alias = "bpf_ctx_init")]
fn context_in(cmd: &ProgTestRun<'_>, size: usize) -> Result<Option<Vec<u8>>> {
    if cmd.ctx_in.is_null() && cmd.ctx_out.is_null() {
        return Ok(None);
    }
    if cmd.ctx_size_in > MAX_CONTEXT {
        return Err(Errno::E2BIG);
    }
    let mut context = cmd.ctx_in.to_vec(cmd.ctx_size_in as usize)?;
    if context.iter().skip(size).any(|&byte| byte != 0) {
        return Err(Errno::E2BIG);
    }
    context.resize(size, 0);
    Ok(Some(context))
}

/// Runs a program over a packet again and again: what it returned last, and the
/// nanoseconds of a run.
#[doc(alias = "bpf_test_run")]
fn repeat(runner: &Runner, packet: &mut PacketBuf, times: u32) -> Result<(u32, u32)> {
    let world: &dyn World = runner.world();
    let before = world.now(Clock::Monotonic);
    let mut value = 0;
    for _ in 0..times {
        let outcome = runner.run(0, packet);
        value = outcome.map_err(|error| error.errno())?.value;
    }
    let passed = world.now(Clock::Monotonic).saturating_sub(before);
    let mean = passed / u64::from(times);
    Ok((value, u32::try_from(mean).unwrap_or(u32::MAX)))
}

/// Gives the packet out, then what is told of the run. ENOSPC if there was no
/// room for all of the packet.
#[doc(alias = "bpf_test_finish")]
fn finish(cmd: &mut ProgTestRun<'_>, packet: &PacketBuf, retval: u32, duration: u32) -> Result<()> {
    let whole = packet.len();
    let room = cmd.data_size_out as usize;
    let (len, answer) = match room {
        0 => (whole, Ok(())),
        _ if whole > room => (room, Err(Errno::ENOSPC)),
        _ => (whole, Ok(())),
    };
    if !cmd.data_out.is_null() {
        // What is short is the linear part: the fragments come out after what is left of it.
        let rest = packet.fragments().len();
        let linear = len.checked_sub(rest).ok_or(Errno::ENOSPC)?;
        let head = [packet.link_header(), packet.meta(), packet.linear()].concat();
        let head = head.get(..linear).unwrap_or(&head);
        let head = cmd.data_out.write(head);
        let written = head.and_then(|()| cmd.data_out.write_at(linear, packet.fragments()));
        // What was found out first answers.
        written.map_err(|errno| answer.err().unwrap_or(errno))?;
    }
    cmd.data_size_out = u32::try_from(whole).unwrap_or(u32::MAX);
    cmd.retval = retval;
    cmd.duration = duration;
    answer
}

/// Gives the context out. ENOSPC if there was no room for all of it.
#[doc(alias = "bpf_ctx_finish")]
fn context_finish(cmd: &mut ProgTestRun<'_>, context: Option<&[u8]>) -> Result<()> {
    let Some(context) = context.filter(|_| !cmd.ctx_out.is_null()) else {
        return Ok(());
    };
    let room = cmd.ctx_size_out as usize;
    let answer = match context.len() > room {
        true => Err(Errno::ENOSPC),
        false => Ok(()),
    };
    let written = cmd.ctx_out.write(context.get(..room).unwrap_or(context));
    written.map_err(|errno| answer.err().unwrap_or(errno))?;
    cmd.ctx_size_out = u32::try_from(context.len()).unwrap_or(u32::MAX);
    answer
}
