//! Loading programs.
//!
//! Answers to: bpf_prog_load, bpf_prog_load_check_attach and bpf_prog_bind_map in
//! kernel/bpf/syscall.c.

use std::sync::{Mutex, PoisonError};

use skep_abi::flags::prog as flag;
use skep_abi::{Errno, Fd, Insn, ProgBindMap, ProgLoad, ProgType, Result};

use skep_verifier::structure::{MAX_INSNS, MAX_INSNS_UNPRIVILEGED, Reject};

use super::log::Log;
use crate::map::create;
use crate::object::Object;
use crate::program::load::{self, Judged};
use crate::program::{Kind, Program, kind_of};
use crate::world::Clock;
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

/// Bytes of a signature at the most.
#[doc(alias = "KMALLOC_MAX_CACHE_SIZE")]
const MAX_SIGNATURE: u32 = 8192;
/// Keyrings that are there for all; an engine has no others.
#[doc(alias = "system_keyring_id_check")]
const SYSTEM_KEYRINGS: std::ops::RangeInclusive<i32> = 0..=2;
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
/// `BPF_PROG_LOAD`
pub(crate) fn load(engine: &Engine, cmd: &mut ProgLoad<'_>) -> Result<Fd> {
    if cmd.prog_flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if cmd.prog_flags & flag::TOKEN_FD != 0 {
        return Err(engine.files().not_a_token(cmd.prog_token_fd));
    }
    check_rights(engine.credential(), cmd)?;
    if cmd.attach_fd.0 != 0 && engine.files().btf(cmd.attach_fd).is_ok() {
        return Err(Errno::ENOTSUPP);
    }
    // A kernel's function or another program to attach to: no type here has one.
    if cmd.attach_fd.0 != 0 || cmd.attach_btf_id != 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = u64::from(cmd.insn_cnt) * Insn::SIZE as u64;
    let charge = engine.memory().charge(bytes.next_multiple_of(4096))?;
    let insns = Insn::decode_all(&cmd.insns.to_vec(bytes as usize)?);
    let license = cmd.license.read_str(LICENSE - 1)?.unwrap_or_default();
    let gpl_compatible = GPL_COMPATIBLE.contains(&license.as_slice());
    check_signature(cmd)?;
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

/// EOPNOTSUPP for a signature: there is nothing to verify it with, as on a Linux
/// built without PKCS #7. What is wrong with it anyhow is told first.
#[doc(alias = "bpf_prog_verify_signature")]
fn check_signature(cmd: &ProgLoad<'_>) -> Result<()> {
    if cmd.signature.is_null() {
        return Ok(());
    }
    if cmd.signature_size > MAX_SIGNATURE || !SYSTEM_KEYRINGS.contains(&cmd.keyring_id) {
        return Err(Errno::EINVAL);
    }
    cmd.signature.to_vec(cmd.signature_size as usize)?;
    Err(Errno::EOPNOTSUPP)
}

/// EPERM unless the caller may load such a program; E2BIG if it is too long.
fn check_rights(credential: &Credential, cmd: &ProgLoad<'_>) -> Result<()> {
    credential.require_common()?;
    let privileged = credential.capable(Capabilities::BPF);
    let most = match privileged {
        true => MAX_INSNS,
        false => MAX_INSNS_UNPRIVILEGED,
    };
    if !(1..=most).contains(&(cmd.insn_cnt as usize)) {
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

/// The program's type, if it has the hook that the program is for. A program for a device's own hardware is EOPNOTSUPP, as it
/// is for a device that has none.
fn find_kind(engine: &Engine, cmd: &ProgLoad<'_>) -> Result<&'static Kind> {
    if cmd.prog_ifindex != 0 {
        let others = cmd.prog_flags & !(flag::XDP_DEV_BOUND_ONLY | flag::XDP_HAS_FRAGS) != 0;
        let bound_only = cmd.prog_flags & flag::XDP_DEV_BOUND_ONLY != 0;
        let possible = match cmd.prog_type {
            ProgType::XDP => bound_only || cmd.prog_flags & flag::XDP_HAS_FRAGS == 0,
            ProgType::SCHED_CLS => cmd.prog_flags == 0,
            _ => false,
        } && !others;
        return Err(match engine.world().device(cmd.prog_ifindex) {
            Some(_) if possible => Errno::EOPNOTSUPP,
            _ => Errno::EINVAL,
        });
    }
    let kind = kind_of(cmd.prog_type).ok_or(Errno::EINVAL)?;
    let known = kind.hooks.is_empty() || kind.hooks.contains(&cmd.expected_attach_type);
    known.then_some(kind).ok_or(Errno::EINVAL)
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
