//! Judging a program and making it.
//!
//! The order is Linux's, because it decides which errno answers: functions'
//! types, structure, source lines, maps behind 64-bit immediates, calls. What
//! Linux finds out by following registers is found out when the program runs.
//!
//! Answers to: bpf_check, process_fd_array, resolve_pseudo_ldimm64, add_used_map
//! and check_helper_call in kernel/bpf/verifier.c.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use skep_abi::flags::prog as flag;
use skep_abi::insn::{op, pseudo};
use skep_abi::{AttachType, Errno, Fd, Insn, ProgLoad};
use skep_verifier::structure::{self, Reject, Structure};
use skep_vm::Address;

use super::lines::{self, Lines};
use super::{Kind, Sleep, tag};
use crate::Engine;
use crate::helper;
use crate::object::{Held, MapObject, Object};
use crate::run::UsedMap;

/// Maps that a program may name.
const MAX_USED_MAPS: usize = 64;
/// Descriptors of an array end here: their bytes are counted in 32 bits.
const MAX_ARRAY: u32 = u32::MAX / 4;
/// Offsets into a value that an instruction may name end here.
#[doc(alias = "BPF_MAX_VAR_OFF")]
const MAX_OFFSET: u32 = 1 << 29;
/// libbpf makes calls that must not happen, because what they need is not there,
/// calls of helpers from this number on; they stand where no run comes.
const POISON: i32 = 0x0bad_2310;

/// A program that passed.
pub(crate) struct Judged {
    pub(crate) digest: [u8; 32],
    pub(crate) insns: Vec<Insn>,
    pub(crate) code: skep_vm::Program,
    pub(crate) maps: Vec<UsedMap>,
    pub(crate) lines: Option<Lines>,
    pub(crate) structure: Structure,
}

fn reject<T>(errno: Errno, insn: usize, message: impl Into<String>) -> Result<T, Reject> {
    Err(Reject {
        errno,
        insn: Some(insn),
        message: message.into(),
    })
}

/// A rejection that is not about an instruction.
fn fail<T>(errno: Errno, message: impl Into<String>) -> Result<T, Reject> {
    Err(Reject {
        errno,
        insn: None,
        message: message.into(),
    })
}

/// Judges a program and makes it ready to run.
#[doc(alias = "bpf_check")]
pub(crate) fn judge(
    engine: &Engine,
    cmd: &ProgLoad<'_>,
    kind: &'static Kind,
    attach_type: AttachType,
    mut insns: Vec<Insn>,
    gpl_compatible: bool,
) -> Result<Judged, Reject> {
    let mut maps = Maps {
        engine,
        digest: tag::digest(&insns),
        used: Vec::new(),
    };
    maps.take_array(cmd)?;
    let btf = match (cmd.func_info_cnt, cmd.line_info_cnt) {
        (0, 0) => None,
        _ => match engine.files().btf(cmd.prog_btf_fd) {
            Ok(btf) => Some(btf),
            Err(errno) => {
                return fail(errno, format!("{:?} is no BTF", cmd.prog_btf_fd));
            }
        },
    };
    let functions = match &btf {
        Some(btf) => lines::functions(cmd, btf)?,
        None => Vec::new(),
    };
    check_kernel_calls(&insns)?;
    let subprograms = structure::outline(&insns)?;
    if cmd.func_info_cnt == 0 {
        check_untyped(&insns, &subprograms)?;
    }
    let lines = match btf {
        Some(btf) => {
            lines::match_functions(&functions, &subprograms)?;
            if cmd.core_relo_cnt != 0 {
                let message = "CO-RE relocations are done before a program is loaded here";
                return fail(Errno::EINVAL, message);
            }
            Some(lines::lines(cmd, btf, functions, &insns, &subprograms)?)
        }
        None => None,
    };
    let addresses = maps.resolve_all(cmd, &mut insns)?;
    let structure = structure::after_operations(&insns, subprograms)?;
    if cmd.func_info_cnt == 0 {
        check_addresses(&insns)?;
    }
    check_sleep(kind, cmd.prog_flags & flag::SLEEPABLE != 0)?;
    check_insns(kind, &insns, gpl_compatible)?;
    let resolve = |index: usize, _: Insn, _: i32| -> Result<Address, Infallible> {
        // Every such instruction has been resolved.
        Ok(addresses.get(&index).copied().unwrap_or(Address::NULL))
    };
    let context = *(kind.context)(attach_type);
    let code = match skep_vm::Program::new(&insns, context, resolve) {
        Ok(code) => code,
        Err(never) => match never {},
    };
    Ok(Judged {
        digest: maps.digest,
        insns,
        code,
        maps: maps.used,
        lines,
        structure,
    })
}

/// Calls of the kernel's own functions, which Linux looks up before all else.
#[doc(alias = "add_kfunc_call")]
fn check_kernel_calls(insns: &[Insn]) -> Result<(), Reject> {
    let kernel_call =
        |insn: &Insn| insn.code == op::JMP | op::CALL && insn.src == pseudo::CALL_KFUNC;
    match insns.iter().position(kernel_call) {
        Some(index) => {
            let message = "it calls a function of the kernel, of which there are none here";
            reject(Errno::EINVAL, index, message)
        }
        None => Ok(()),
    }
}

/// What only a program that describes its functions may do: load from the packet in
/// the legacy way in one that is called, and take one's address.
#[doc(alias = "check_abnormal_return")]
fn check_untyped(insns: &[Insn], subprograms: &[Range<usize>]) -> Result<(), Reject> {
    for range in subprograms.iter().skip(1) {
        let body = insns.get(range.clone()).unwrap_or_default();
        let legacy = body
            .iter()
            .position(|insn| insn.class() == op::LD && matches!(insn.mode(), op::ABS | op::IND));
        if let Some(at) = legacy {
            let message = "a subprogram without BTF may not load from the packet this way";
            return reject(Errno::EINVAL, range.start + at, message);
        }
    }
    Ok(())
}

/// The address of a subprogram is for programs that describe their functions.
fn check_addresses(insns: &[Insn]) -> Result<(), Reject> {
    let address = |insn: &Insn| insn.is_ld_imm64() && insn.src == pseudo::FUNC;
    match insns.iter().position(address) {
        Some(index) => {
            let message = "it takes the address of a subprogram, but the program has no func_info";
            reject(Errno::EINVAL, index, message)
        }
        None => Ok(()),
    }
}

/// The maps of a program that is being loaded.
struct Maps<'a> {
    engine: &'a Engine,
    digest: [u8; 32],
    used: Vec<UsedMap>,
}

impl Maps<'_> {
    /// The maps of the descriptors that a load binds to its program.
    #[doc(alias = "process_fd_array")]
    fn take_array(&mut self, cmd: &ProgLoad<'_>) -> Result<(), Reject> {
        if cmd.fd_array_cnt >= MAX_ARRAY {
            let message = format!("fd_array has {} descriptors", cmd.fd_array_cnt);
            return fail(Errno::EINVAL, message);
        }
        for index in 0..cmd.fd_array_cnt {
            let fd = array_fd(cmd, i64::from(index)).or_else(|errno| {
                fail(
                    errno,
                    format!("descriptor {index} of fd_array cannot be read"),
                )
            })?;
            match self.engine.files().get(fd) {
                Ok(Object::Map(file)) => {
                    self.add(file.map)?;
                }
                Ok(Object::Btf(_)) => {}
                Ok(_) => {
                    let message = format!("{fd:?} of fd_array is neither a map nor BTF");
                    return fail(Errno::EINVAL, message);
                }
                Err(errno) => {
                    return fail(errno, format!("{fd:?} of fd_array is not open"));
                }
            }
        }
        Ok(())
    }

    /// The handle of a map.
    #[doc(alias = "add_used_map")]
    fn add(&mut self, map: Held<MapObject>) -> Result<u32, Reject> {
        let known = self.used.iter().position(|used| used.id() == map.id());
        if let Some(handle) = known {
            return Ok(handle as u32);
        }
        if map.exclusive().is_some_and(|digest| *digest != self.digest) {
            let message = format!("map \"{}\" is another program's alone", map.name());
            return fail(Errno::EACCES, message);
        }
        if self.used.len() >= MAX_USED_MAPS {
            let message = format!("a program uses {MAX_USED_MAPS} maps at the most");
            return fail(Errno::E2BIG, message);
        }
        self.used.push(UsedMap::new(map));
        Ok(self.used.len() as u32 - 1)
    }

    /// The addresses behind the 64-bit immediates that stand for something, by
    /// instruction. Descriptors in the instructions become ids. Each operation is
    /// judged before what it stands for is looked up.
    #[doc(alias = "resolve_pseudo_ldimm64")]
    fn resolve_all(
        &mut self,
        cmd: &ProgLoad<'_>,
        insns: &mut [Insn],
    ) -> Result<BTreeMap<usize, Address>, Reject> {
        let mut addresses = BTreeMap::new();
        let mut index = 0;
        while index < insns.len() {
            let slots = structure::operation(insns, index)?;
            if let Some([first, second, ..]) = insns.get_mut(index..)
                && first.is_ld_imm64()
                && !matches!(first.src, 0 | pseudo::FUNC)
            {
                let address = self.resolve(cmd, index, first, second)?;
                addresses.insert(index, address);
            }
            index += slots;
        }
        Ok(addresses)
    }

    fn resolve(
        &mut self,
        cmd: &ProgLoad<'_>,
        index: usize,
        first: &mut Insn,
        second: &mut Insn,
    ) -> Result<Address, Reject> {
        let (by_index, value) = match first.src {
            pseudo::MAP_FD => (false, false),
            pseudo::MAP_VALUE => (false, true),
            pseudo::MAP_IDX => (true, false),
            pseudo::MAP_IDX_VALUE => (true, true),
            pseudo::BTF_ID => {
                let message = "it names a variable of the kernel, of which there are none here";
                return reject(Errno::EINVAL, index, message);
            }
            kind => {
                let message = format!("there is no kind {kind} of 64-bit immediate");
                return reject(Errno::EINVAL, index, message);
            }
        };
        if !value && second.imm != 0 {
            let message = "the upper half of a map's descriptor has to be 0";
            return reject(Errno::EINVAL, index, message);
        }
        let fd = match by_index {
            false => Fd(first.imm),
            true if cmd.fd_array.is_null() => {
                let message = "it names a descriptor of fd_array, but there is none";
                return reject(Errno::EPROTO, index, message);
            }
            true => array_fd(cmd, i64::from(first.imm)).or_else(|errno| {
                let message = format!("descriptor {} of fd_array cannot be read", first.imm);
                reject(errno, index, message)
            })?,
        };
        let map = match self.engine.files().map(fd) {
            Ok(file) => file.map,
            Err(errno) => {
                let message = match errno {
                    Errno::EBADF => format!("{fd:?} is not open"),
                    _ => format!("{fd:?} is no map"),
                };
                return reject(errno, index, message);
            }
        };
        let id = map.id();
        let handle = self.add(map).map_err(|reject| Reject {
            insn: Some(index),
            ..reject
        })?;
        let address = match value {
            false => Address::map(handle),
            true => self.value(index, handle, second.imm as u32)?,
        };
        first.src = if value {
            pseudo::MAP_VALUE
        } else {
            pseudo::MAP_FD
        };
        first.imm = id as i32;
        Ok(address)
    }

    /// The address of a byte of the only element's value.
    fn value(&self, index: usize, handle: u32, offset: u32) -> Result<Address, Reject> {
        let Some(map) = self.used.get(handle as usize) else {
            return reject(Errno::EINVAL, index, "the map is not there");
        };
        if offset >= MAX_OFFSET {
            let message = format!("offset {offset} of a map's value is not allowed");
            return reject(Errno::EINVAL, index, message);
        }
        match map.map().direct_value(offset) {
            Ok(value) => {
                let place = map.place(handle, value, i64::from(offset));
                Ok(Address::object(place.handle, place.offset))
            }
            Err(errno) => {
                let message = format!(
                    "{} has no value with offset {offset} that an instruction may name",
                    map.what()
                );
                reject(errno, index, message)
            }
        }
    }
}

/// A descriptor of the caller's array.
fn array_fd(cmd: &ProgLoad<'_>, index: i64) -> Result<Fd, Errno> {
    let mut bytes = [0; 4];
    let offset = index.checked_mul(4).and_then(|at| usize::try_from(at).ok());
    cmd.fd_array
        .read_at(offset.ok_or(Errno::EFAULT)?, &mut bytes)?;
    Ok(Fd(i32::from_ne_bytes(bytes)))
}

/// Whether programs of this type may be sleepable, or may be anything else.
fn check_sleep(kind: &Kind, sleepable: bool) -> Result<(), Reject> {
    let message = match (kind.sleep, sleepable) {
        (Sleep::Never, true) => format!("programs of type {kind:?} never sleep"),
        (Sleep::Must, false) => format!("programs of type {kind:?} are sleepable"),
        _ => return Ok(()),
    };
    fail(Errno::EINVAL, message)
}

/// Whether every helper that is called is there for this program, and legacy loads
/// from the packet if there are any.
#[doc(alias = "check_helper_call")]
#[doc(alias = "check_ld_abs")]
fn check_insns(kind: &Kind, insns: &[Insn], gpl_compatible: bool) -> Result<(), Reject> {
    let mut second_slot = false;
    for (index, insn) in insns.iter().enumerate() {
        let skip = second_slot;
        second_slot = !skip && insn.is_ld_imm64();
        if skip {
            continue;
        }
        let legacy = insn.class() == op::LD && matches!(insn.mode(), op::ABS | op::IND);
        if legacy && !kind.legacy_loads {
            let message =
                format!("programs of type {kind:?} may not load from the packet this way");
            return reject(Errno::EINVAL, index, message);
        }
        if insn.code != op::JMP | op::CALL || insn.imm >= POISON {
            continue;
        }
        if insn.src == pseudo::CALL_HELPER {
            check_helper(kind, index, insn.imm, gpl_compatible)?;
        }
    }
    Ok(())
}

fn check_helper(kind: &Kind, index: usize, id: i32, gpl: bool) -> Result<(), Reject> {
    let found = usize::try_from(id).ok();
    match found.and_then(|id| kind.helpers.get(id)).copied().flatten() {
        None => {
            let there = (1..helper::END as i32).contains(&id);
            let message = match there {
                true => format!("helper {id} is not there for programs of type {kind:?}"),
                false => format!("there is no helper {id}"),
            };
            reject(Errno::EINVAL, index, message)
        }
        Some(helper) if helper.proto.gpl_only && !gpl => {
            let message = format!(
                "{} may be called by programs with a GPL-compatible license only",
                helper.proto.name
            );
            reject(Errno::EINVAL, index, message)
        }
        Some(_) => Ok(()),
    }
}
