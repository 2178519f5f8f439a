//! Loading programs and running them on input of the caller's.
//!
//! Answers to: bpf_prog_load, bpf_prog_test_run and bpf_prog_bind_map in
//! kernel/bpf/syscall.c; bpf_test_finish, bpf_ctx_init and bpf_ctx_finish in
//! net/bpf/test_run.c.

use std::sync::{Mutex, PoisonError};

use skep_abi::flags::prog as flag;
use skep_abi::{Errno, Fd, Insn, ProgBindMap, ProgLoad, ProgTestRun, ProgType, Result};

use skep_verifier::structure::Reject;

use super::log::Log;
use crate::map::create;
use crate::object::Object;
use crate::program::load::{self, Judged};
use crate::program::{Kind, Program, kind_of};
use crate::run::{PacketBuf, Runner};
use crate::world::{Clock, World};
use crate::{Capabilities, Credential, Engine};

/// The level at which the log tells more.
#[doc(alias = "BPF_LOG_LEVEL2")]
const VERBOSE: u32 = 2;

/// The flags there are.
const FLAGS: u32 = flag::STRICT_ALIGNMENT
    | flag::ANY_ALIGNMENT
    | flag::TEST_RND_HI32
    | flag::TEST_STATE_FREQ
    | flag::SLEEPABLE
    | flag::XDP_HAS_FRAGS
    | flag::XDP_DEV_BOUND_ONLY
    | flag::TEST_REG_INVARIANTS
    | flag::TOKEN_FD;

/// Instructions of a program whose loader may not use bpf(2) beyond what is open to all.
#[doc(alias = "BPF_MAXINSNS")]
const MAX_INSNS_UNPRIVILEGED: u32 = 4096;
/// Bytes of a license, its NUL included.
const LICENSE: usize = 128;
/// Licenses that are compatible with the GPL.
#[doc(alias = "license_is_gpl_compatible")]
const GPL_COMPATIBLE: [&[u8]; 6] = [
    b"GPL",
    b"GPL v2",
    b"GPL and additional rights",
    b"Dual BSD/GPL",
    b"Dual MIT/GPL",
    b"Dual MPL/GPL",
];
/// Bytes of a context as a caller gives it, at the most.
const MAX_CONTEXT: u32 = 4096;

/// `BPF_PROG_LOAD`
pub(crate) fn load(engine: &Engine, cmd: &mut ProgLoad<'_>) -> Result<Fd> {
    if cmd.prog_flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if cmd.prog_flags & flag::TOKEN_FD != 0 {
        return Err(engine.files().not_a_token(cmd.prog_token_fd));
    }
    check_rights(engine.credential(), cmd)?;
    // A kernel's function or another program to attach to: no type here has one.
    if cmd.attach_fd.0 != 0 || cmd.attach_btf_id != 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = u64::from(cmd.insn_cnt) * Insn::SIZE as u64;
    let charge = engine.memory().charge(bytes.next_multiple_of(4096))?;
    let insns = Insn::decode_all(&cmd.insns.to_vec(bytes as usize)?);
    let license = cmd.license.read_str(LICENSE - 1)?.unwrap_or_default();
    let gpl_compatible = GPL_COMPATIBLE.contains(&license.as_slice());
    if !cmd.signature.is_null() {
        return Err(Errno::EOPNOTSUPP);
    }
    let kind = find_kind(engine, cmd)?;
    let load_time = engine.world().now(Clock::Boot);
    let name = create::name(&cmd.prog_name)?;

    let attach_type = cmd.expected_attach_type;
    let mut log = Log::begin(cmd.log_level, cmd.log_size, &cmd.log_buf)?;
    let judged = load::judge(engine, cmd, kind, attach_type, insns, gpl_compatible);
    describe(&judged, &mut log);
    log.finish(&mut cmd.log_buf, &mut cmd.log_true_size)?;
    let judged = judged.map_err(|reject| reject.errno)?;
    let prog = engine.progs().add(Program {
        kind,
        attach_type,
        name,
        digest: judged.digest,
        gpl_compatible,
        uid: engine.credential().uid,
        load_time,
        insns: judged.insns.into(),
        code: judged.code,
        maps: judged.maps.into(),
        bound: Mutex::default(),
        lines: judged.lines,
        violation: Mutex::default(),
        charge,
    })?;
    engine.files().open(Object::Prog(prog))
}

/// Says in the log what was found out.
fn describe(judged: &Result<Judged, Reject>, log: &mut Log) {
    let judged = match judged {
        Ok(judged) => judged,
        Err(reject) => return log.write(&format!("{reject}\n")),
    };
    if log.level() & VERBOSE != 0 {
        for range in &judged.structure.subprograms {
            log.write(&format!("instructions {range:?} are a subprogram\n"));
        }
        for map in &judged.maps {
            log.write(&format!("it uses {}\n", map.what()));
        }
    }
    log.write(&format!(
        "{} instructions, {} subprograms, {} maps; what registers hold is checked in every run\n",
        judged.insns.len(),
        judged.structure.subprograms.len(),
        judged.maps.len()
    ));
}

/// EPERM unless the caller may load such a program; E2BIG if it is too long.
fn check_rights(credential: &Credential, cmd: &ProgLoad<'_>) -> Result<()> {
    credential.require_common()?;
    let privileged = credential.capable(Capabilities::BPF);
    let most = match privileged {
        true => skep_verifier::structure::MAX_INSNS as u32,
        false => MAX_INSNS_UNPRIVILEGED,
    };
    if !(1..=most).contains(&cmd.insn_cnt) {
        return Err(Errno::E2BIG);
    }
    let open_to_all = matches!(
        cmd.prog_type,
        ProgType::SOCKET_FILTER | ProgType::CGROUP_SKB
    );
    if !open_to_all {
        credential.require(Capabilities::BPF)?;
    }
    if needs_net_admin(cmd.prog_type) {
        credential.require(Capabilities::NET_ADMIN)?;
    }
    if needs_perfmon(cmd.prog_type) {
        credential.require(Capabilities::PERFMON)?;
    }
    Ok(())
}

#[doc(alias = "is_net_admin_prog_type")]
fn needs_net_admin(prog_type: ProgType) -> bool {
    matches!(
        prog_type,
        ProgType::SCHED_CLS
            | ProgType::SCHED_ACT
            | ProgType::XDP
            | ProgType::LWT_IN
            | ProgType::LWT_OUT
            | ProgType::LWT_XMIT
            | ProgType::LWT_SEG6LOCAL
            | ProgType::SK_SKB
            | ProgType::SK_MSG
            | ProgType::FLOW_DISSECTOR
            | ProgType::CGROUP_DEVICE
            | ProgType::CGROUP_SOCK
            | ProgType::CGROUP_SOCK_ADDR
            | ProgType::CGROUP_SOCKOPT
            | ProgType::CGROUP_SYSCTL
            | ProgType::SOCK_OPS
            | ProgType::EXT
            | ProgType::NETFILTER
    )
}

#[doc(alias = "is_perfmon_prog_type")]
fn needs_perfmon(prog_type: ProgType) -> bool {
    matches!(
        prog_type,
        ProgType::KPROBE
            | ProgType::TRACEPOINT
            | ProgType::PERF_EVENT
            | ProgType::RAW_TRACEPOINT
            | ProgType::RAW_TRACEPOINT_WRITABLE
            | ProgType::TRACING
            | ProgType::LSM
            | ProgType::STRUCT_OPS
            | ProgType::EXT
    )
}

/// The program's type. A program for a device's own hardware is EOPNOTSUPP, as it
/// is for a device that has none.
fn find_kind(engine: &Engine, cmd: &ProgLoad<'_>) -> Result<&'static Kind> {
    if cmd.prog_ifindex != 0 {
        let for_devices = matches!(cmd.prog_type, ProgType::XDP | ProgType::SCHED_CLS);
        let bound_only = cmd.prog_flags & flag::XDP_DEV_BOUND_ONLY != 0;
        let possible = for_devices && !(bound_only && cmd.prog_type != ProgType::XDP);
        return Err(match engine.world().device(cmd.prog_ifindex) {
            Some(_) if possible => Errno::EOPNOTSUPP,
            _ => Errno::EINVAL,
        });
    }
    kind_of(cmd.prog_type).ok_or(Errno::EINVAL)
}

/// `BPF_PROG_BIND_MAP`
pub(crate) fn bind_map(engine: &Engine, cmd: &mut ProgBindMap) -> Result<()> {
    if cmd.flags != 0 {
        return Err(Errno::EINVAL);
    }
    let prog = engine.files().prog(cmd.prog)?;
    let map = engine.files().map(cmd.map)?.map;
    let mut bound = prog.bound.lock().unwrap_or_else(PoisonError::into_inner);
    let known = prog.maps.iter().any(|used| used.id() == map.id())
        || bound.iter().any(|bound| bound.id() == map.id());
    if !known {
        bound.push(map);
    }
    Ok(())
}

/// `BPF_PROG_TEST_RUN`
pub(crate) fn test_run(engine: &Engine, cmd: &mut ProgTestRun<'_>) -> Result<()> {
    let paired = |size: u32, null: bool| (size == 0) == null;
    if !paired(cmd.ctx_size_in, cmd.ctx_in.is_null())
        || !paired(cmd.ctx_size_out, cmd.ctx_out.is_null())
    {
        return Err(Errno::EINVAL);
    }
    let runner = engine.program(cmd.prog)?;
    let prog = runner.program();
    check_run(prog, cmd)?;
    let mut context = context_in(cmd, runner.kind().context_size)?;
    let mut packet = PacketBuf::new();
    let data = cmd.data_in;
    let len = cmd.data_size_in as usize;
    let mut read = |offset: usize, to: &mut [u8]| data.read_at(offset, to);
    runner.fill_from(&mut packet, len, &mut read, context.as_deref())?;
    let (retval, duration) = repeat(&runner, &mut packet, cmd.repeat.max(1))?;
    if let Some(context) = &mut context {
        runner.context_out(&packet, context);
    }
    finish(cmd, &packet, retval, duration)?;
    context_finish(cmd, context.as_deref())
}

/// EINVAL unless such a program may be run with such flags.
fn check_run(prog: &Program, cmd: &ProgTestRun<'_>) -> Result<()> {
    if !(prog.kind.can_run)(prog.attach_type) || cmd.batch_size != 0 {
        return Err(Errno::EINVAL);
    }
    // What the flags ask for is not there: neither live frames nor checksums of a device's.
    if cmd.flags != 0 {
        return Err(Errno::EINVAL);
    }
    if prog.prog_type() != ProgType::XDP && cmd.cpu != 0 {
        return Err(Errno::EINVAL);
    }
    let short = (cmd.data_size_in as usize) < crate::program::xdp::MIN_LEN;
    if prog.prog_type() != ProgType::XDP && short {
        return Err(Errno::EINVAL);
    }
    Ok(())
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
        let head = [packet.meta(), packet.linear()].concat();
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
