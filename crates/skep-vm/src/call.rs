//! Helper calls: arguments resolved by the prototype, results put back.
//!
//! Memory a helper reads is copied to scratch buffers first, and what it wrote
//! there is copied back after, so that a helper sees plain bytes and can never
//! reach beyond them.
//!
//! Answers to: check_helper_call and check_func_arg in kernel/bpf/verifier.c.

use crate::address::{Address, Class};
use crate::denied::{Allowed, Denied};
use crate::env::{Args, Env, HelperOut, Place, Value};
use crate::machine::{Run, Stop, Stopped};
use crate::violation::{AccessInfo, ViolationKind};
use skep_verifier::{Arg, HelperProto, MapDesc, Ret};

/// The most bytes a helper may be handed at once.
#[doc(alias = "BPF_MAX_VAR_SIZ")]
const MAX_MEM: u64 = 1 << 29;

/// The most bytes of a text that are read.
#[doc(alias = "MAX_BPRINTF_BUF")]
const MAX_TEXT: usize = 512;
/// The most texts that are read for one argument.
#[doc(alias = "MAX_BPRINTF_VARARGS")]
const MAX_TEXTS: usize = 12;
/// And the least bytes of one, if there are as many: a network address, which may hold zeros.
const MIN_TEXT: usize = 16;

/// An argument before its bytes are at hand.
#[derive(Clone, Copy)]
enum Plan {
    None,
    Number(u64),
    Text(u64),
    Map(u32),
    Memory { at: Address, len: usize, out: bool },
    Context,
    Func(usize),
}

/// Buffers for the bytes of arguments.
pub(crate) type Scratch = [Vec<u8>; 5];

/// What an argument is to the helper, in words.
fn role(arg: Arg) -> &'static str {
    match arg {
        Arg::MapKey => "the map's key",
        Arg::MapValue => "the map's value",
        Arg::MapValueOut => "room for the map's value",
        Arg::MemOut => "room for its result",
        _ => "its memory",
    }
}

impl<E: Env + ?Sized> Run<'_, '_, E> {
    /// Calls helper `id`.
    pub(crate) fn call_helper(&mut self, id: u32) -> Stopped<()> {
        let Some(proto) = self.env.proto(id) else {
            return Err(self.unknown_helper(id));
        };
        let mut plans = [Plan::None; 5];
        let mut map = None;
        for (index, plan) in plans.iter_mut().enumerate() {
            *plan = self.plan(proto, index, &mut map)?;
        }
        let out = self.call_planned(proto, &plans)?;
        if proto.changes_packet {
            self.memory.packet.new_generation();
        }
        let value = match out {
            HelperOut::Number(number) => number,
            HelperOut::Object(Place { handle, offset }) => Address::object(handle, offset).0,
            HelperOut::Null => 0,
        };
        self.machine.regs[0] = value;
        // A call voids the argument registers, and register 0 if nothing is returned.
        self.init &= !0b11_1111;
        self.init |= u16::from(proto.ret != Ret::Void);
        Ok(())
    }

    #[cold]
    fn unknown_helper(&self, id: u32) -> Box<Stop> {
        Stop::new(
            ViolationKind::UnknownHelper,
            format!("calls helper {id}, which this program type does not have"),
        )
    }

    #[cold]
    fn refuse<T>(&self, proto: &HelperProto, index: usize, problem: &str) -> Stopped<T> {
        Err(Stop::new(
            ViolationKind::HelperArgument,
            format!("calls {} with r{}, but {problem}", proto.name, index + 1),
        ))
    }

    /// The value of an argument register, if it holds one.
    fn argument(&self, proto: &HelperProto, index: usize) -> Stopped<u64> {
        let reg = index + 1;
        if self.init & 1 << reg == 0 {
            return Err(Stop::new(
                ViolationKind::UninitialisedRegister,
                format!("calls {} with r{reg}, which holds nothing", proto.name),
            ));
        }
        Ok(self.machine.regs[reg])
    }

    /// Checks one argument.
    fn plan(&self, proto: &HelperProto, index: usize, map: &mut Option<MapDesc>) -> Stopped<Plan> {
        let arg = proto.args[index];
        if arg == Arg::None {
            return Ok(Plan::None);
        }
        if arg == Arg::Text && self.init & 1 << (index + 1) == 0 {
            return Ok(Plan::Text(0));
        }
        let value = self.argument(proto, index)?;
        let address = Address(value);
        match arg {
            Arg::None => Ok(Plan::None),
            Arg::Anything => Ok(Plan::Number(value)),
            Arg::Text => Ok(Plan::Text(value)),
            Arg::Size if value == 0 => self.refuse(proto, index, "a size of 0 is not allowed here"),
            Arg::Size | Arg::SizeOrZero => Ok(Plan::Number(value)),
            Arg::Context if address == Address::context(0) => Ok(Plan::Context),
            Arg::Context => self.refuse(proto, index, "that takes the context, unmodified"),
            Arg::Func if address.class() == Class::Func => {
                Ok(Plan::Func(address.offset().max(0) as usize))
            }
            Arg::Func => self.refuse(proto, index, "that takes a subprogram"),
            Arg::Map => {
                let handle = u32::try_from(address.offset()).unwrap_or(u32::MAX);
                *map = match address.class() {
                    Class::Map => self.env.map(handle),
                    _ => None,
                };
                match map {
                    Some(_) => Ok(Plan::Map(handle)),
                    None => self.refuse(proto, index, "that takes a map"),
                }
            }
            Arg::MapKey | Arg::MapValue | Arg::MapValueOut => {
                let Some(map) = map else {
                    return self.refuse(proto, index, "there is no map before it");
                };
                let len = match arg {
                    Arg::MapKey => map.key_size,
                    _ => map.value_size,
                };
                Ok(Plan::Memory {
                    at: address,
                    len: len as usize,
                    out: arg == Arg::MapValueOut,
                })
            }
            Arg::Mem | Arg::MemOrNull | Arg::MemOut | Arg::Texts => {
                if index == 4 {
                    return self.refuse(proto, index, "there is no size after it");
                }
                let len = self.argument(proto, index + 1)?;
                if value == 0 && matches!(arg, Arg::MemOrNull | Arg::Texts) {
                    return match len {
                        0 => Ok(Plan::None),
                        _ => self.refuse(proto, index, "that may be null only with a size of 0"),
                    };
                }
                if len > MAX_MEM {
                    let problem = format!("a size of {} is not allowed", len as i64);
                    return self.refuse(proto, index + 1, &problem);
                }
                Ok(Plan::Memory {
                    at: address,
                    len: len as usize,
                    out: arg == Arg::MemOut,
                })
            }
        }
    }

    /// Copies the arguments' bytes in, calls, copies the results out.
    fn call_planned(&mut self, proto: &HelperProto, plans: &[Plan; 5]) -> Stopped<HelperOut> {
        let mut scratch = core::mem::take(&mut self.machine.scratch);
        let result = self.call_with(proto, plans, &mut scratch);
        self.machine.scratch = scratch;
        result
    }

    fn call_with(
        &mut self,
        proto: &HelperProto,
        plans: &[Plan; 5],
        scratch: &mut Scratch,
    ) -> Stopped<HelperOut> {
        let mut texts = Vec::new();
        for (index, (plan, bytes)) in plans.iter().zip(scratch.iter_mut()).enumerate() {
            if let Plan::Text(value) = *plan {
                self.fetch_text(Address(value), bytes);
            }
            if let Plan::Memory { at, len, out } = *plan
                && let Err(denied) = self.fetch(at, len, out, bytes)
            {
                return Err(bad_memory(proto, index, at, len, out, *denied));
            }
            if proto.args[index] == Arg::Texts {
                texts = self.fetch_texts(bytes);
            }
        }
        let mut args: Args<'_> = [const { Value::None }; 5];
        let kinds = plans.iter().zip(proto.args);
        for ((arg, (plan, kind)), bytes) in args.iter_mut().zip(kinds).zip(scratch.iter_mut()) {
            *arg = match *plan {
                Plan::Memory { .. } if kind == Arg::Texts => Value::Texts(bytes, &texts),
                Plan::None => Value::None,
                Plan::Number(number) => Value::Number(number),
                Plan::Text(number) => Value::Text(number, bytes),
                Plan::Map(handle) => Value::Map(handle),
                Plan::Memory { out: false, .. } => Value::In(bytes),
                Plan::Memory { out: true, .. } => Value::Out(bytes),
                Plan::Context => Value::Context,
                Plan::Func(insn) => Value::Func(insn),
            };
        }
        let result = self
            .env
            .call(proto.id, &mut args, self.memory)
            .map_err(|error| {
                let with = match error.argument {
                    Some(argument) => format!(" with r{argument}"),
                    None => String::new(),
                };
                Stop::new(
                    ViolationKind::HelperArgument,
                    format!("calls {}{with}, but {}", proto.name, error.message),
                )
            })?;
        for (index, (plan, bytes)) in plans.iter().zip(scratch.iter()).enumerate() {
            if let Plan::Memory { at, len, out: true } = *plan
                && let Err(denied) = self.put_back(at, bytes)
            {
                return Err(bad_memory(proto, index, at, len, true, *denied));
            }
        }
        Ok(result)
    }

    /// Copies `len` bytes of guest memory, which has to be writable too if `write`.
    fn fetch(&mut self, at: Address, len: usize, write: bool, to: &mut Vec<u8>) -> Allowed<()> {
        to.clear();
        match at.class() {
            Class::Stack => to.extend_from_slice(self.machine.stack.bytes(at, len)?),
            Class::Packet => to.extend_from_slice(self.memory.packet.bytes(at, len, write)?),
            Class::Object => {
                let place = place(at);
                self.env.check(place, len as u64, write)?;
                to.resize(len, 0);
                self.env.read(place, to)?;
            }
            Class::Context => {
                return Denied::new(
                    ViolationKind::ContextAccess,
                    "the context",
                    "helpers do not take it as memory",
                );
            }
            _ => return Denied::not_memory(at),
        }
        Ok(())
    }

    /// Copies what can be read of a text, if the address is one.
    fn fetch_text(&mut self, at: Address, to: &mut Vec<u8>) {
        to.clear();
        if !matches!(at.class(), Class::Stack | Class::Packet | Class::Object) {
            return;
        }
        let mut byte = Vec::new();
        for offset in 0..MAX_TEXT {
            let at = Address(at.0.wrapping_add(offset as u64));
            if self.fetch(at, 1, false, &mut byte).is_err() {
                return;
            }
            to.append(&mut byte);
            if to.len() >= MIN_TEXT && to.contains(&0) {
                return;
            }
        }
    }

    /// The texts behind the words of some bytes.
    fn fetch_texts(&mut self, words: &[u8]) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        for word in words.as_chunks().0.iter().take(MAX_TEXTS) {
            let mut text = Vec::new();
            self.fetch_text(Address(u64::from_le_bytes(*word)), &mut text);
            texts.push(text);
        }
        texts
    }

    fn put_back(&mut self, at: Address, from: &[u8]) -> Allowed<()> {
        match at.class() {
            Class::Stack => {
                let to = self.machine.stack.bytes(at, from.len())?;
                to.copy_from_slice(from);
            }
            Class::Packet => {
                let to = self.memory.packet.bytes(at, from.len(), true)?;
                to.copy_from_slice(from);
            }
            _ => self.env.write(place(at), from)?,
        }
        Ok(())
    }
}

/// The place in the host's memory that an address means.
pub(crate) const fn place(address: Address) -> Place {
    Place {
        handle: address.object_number(),
        offset: address.raw_offset(),
    }
}

/// A pointer argument that does not point to what it should.
#[cold]
fn bad_memory(
    proto: &HelperProto,
    index: usize,
    at: Address,
    len: usize,
    write: bool,
    denied: Denied,
) -> Box<Stop> {
    let role = role(proto.args[index]);
    let able = if write { "writable" } else { "readable" };
    let mut stop = Stop::new(
        ViolationKind::HelperArgument,
        format!(
            "calls {} with r{} as {role}, {len} {able} bytes, at {}, but {}",
            proto.name,
            index + 1,
            denied.place,
            denied.problem
        ),
    );
    stop.access = Some(AccessInfo {
        address: at,
        bytes: len as u64,
        write,
    });
    stop
}
