//! Helpers: what a program may call. One file a family.
//!
//! A helper is declared once, by one line: number, name, arguments, what it
//! returns, and the function. The arguments arrive resolved by the prototype, so
//! a function sees bytes, maps and numbers and no address. Errors that Linux
//! returns to the program are returned; what Linux's verifier would have refused
//! is a [`CallError`] and ends the run.
//!
//! Which helpers a program type has is the type's to say ([`crate::program`]).
//!
//! Answers to: struct bpf_func_proto and bpf_base_func_proto in
//! kernel/bpf/helpers.c; net/core/filter.c.

pub(crate) mod checksum;
pub(crate) mod cpu;
mod format;
pub(crate) mod map;
pub(crate) mod skb;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod xdp;

use skep_abi::Errno;
use skep_verifier::HelperProto;
use skep_vm::{Args, CallError, HelperOut, RunMemory, Value};

use crate::run::RunEnv;

/// What a call ends with.
pub(crate) type Called = Result<HelperOut, CallError>;

/// A helper's function.
pub(crate) type Function = fn(&mut RunEnv<'_>, &mut Args<'_>, &mut RunMemory<'_>) -> Called;

/// A helper: its prototype and its function.
pub struct Helper {
    /// What it takes and returns.
    pub proto: HelperProto,
    pub(crate) run: Function,
}

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.proto.name)
    }
}

/// One past the highest number Linux 6.18 gives.
#[doc(alias = "__BPF_FUNC_MAX_ID")]
pub const END: usize = 212;

/// The helpers of a program type, by number.
pub type Table = [Option<&'static Helper>; END];

/// A table of the helpers in `families`.
pub(crate) const fn table(families: &[&'static [Helper]]) -> Table {
    let mut table: Table = [None; END];
    let mut family = 0;
    while family < families.len() {
        let mut at = 0;
        while at < families[family].len() {
            let helper = &families[family][at];
            table[helper.proto.id as usize] = Some(helper);
            at += 1;
        }
        family += 1;
    }
    table
}

/// Declares helpers: `number name(arguments) -> returned [gpl] [moves] = function;`
/// where `gpl` keeps it to GPL-compatible programs, and `moves` voids pointers
/// into the packet.
macro_rules! helpers {
    ($( $id:literal $name:ident($($arg:ident),*) -> $ret:ident
        $([$($mark:ident),*])? = $run:path; )*) => {
        &[$( $crate::helper::Helper {
            proto: {
                #[allow(unused_mut)]
                let mut proto = skep_verifier::HelperProto {
                    id: $id,
                    name: concat!("bpf_", stringify!($name)),
                    gpl_only: false,
                    changes_packet: false,
                    ret: skep_verifier::Ret::$ret,
                    args: $crate::helper::padded(&[$(skep_verifier::Arg::$arg),*]),
                };
                $($( $crate::helper::helpers!(@mark proto $mark); )*)?
                proto
            },
            run: $run,
        } ),*]
    };
    (@mark $proto:ident gpl) => { $proto.gpl_only = true; };
    (@mark $proto:ident moves) => { $proto.changes_packet = true; };
}
pub(crate) use helpers;

/// The arguments of a prototype, [`Arg::None`](skep_verifier::Arg::None) behind them.
pub(crate) const fn padded(args: &[skep_verifier::Arg]) -> [skep_verifier::Arg; 5] {
    let mut all = [skep_verifier::Arg::None; 5];
    let mut at = 0;
    while at < args.len() {
        all[at] = args[at];
        at += 1;
    }
    all
}

/// Zero, or the error as the negative number that Linux returns.
pub(crate) fn answer(result: Result<(), Errno>) -> Called {
    Ok(match result {
        Ok(()) => HelperOut::Number(0),
        Err(errno) => error(errno),
    })
}

/// An error as a helper returns it.
pub(crate) fn error(errno: Errno) -> HelperOut {
    HelperOut::Number(errno.to_return())
}

/// A call that Linux would have refused, because of argument `argument` from 1 on.
#[cold]
pub(crate) fn refuse<T>(argument: u8, message: impl Into<String>) -> Result<T, CallError> {
    Err(CallError {
        argument: Some(argument),
        message: message.into(),
    })
}

/// The number that argument `index`, from 0 on, holds.
pub(crate) fn number(args: &Args<'_>, index: usize) -> u64 {
    match args.get(index) {
        Some(Value::Number(number)) => *number,
        _ => 0,
    }
}

/// The bytes that argument `index` gives to read; none for a null pointer.
pub(crate) fn bytes<'a>(args: &'a Args<'_>, index: usize) -> &'a [u8] {
    match args.get(index) {
        Some(Value::In(bytes)) => bytes,
        _ => &[],
    }
}

/// The bytes that argument `index` gives to write.
pub(crate) fn room<'a>(args: &'a mut Args<'_>, index: usize) -> &'a mut [u8] {
    match args.get_mut(index) {
        Some(Value::Out(bytes)) => bytes,
        _ => &mut [],
    }
}
