//! Helpers that print to the trace.
//!
//! Answers to: bpf_trace_printk, bpf_trace_vprintk in kernel/trace/bpf_trace.c.

use skep_abi::Errno;
use skep_vm::{Args, HelperOut, RunMemory, Value};

use super::format::{Argument, print};
use super::{Called, Helper, bytes, error, helpers, number};
use crate::run::RunEnv;

/// The helpers.
pub(crate) const HELPERS: &[Helper] = helpers! {
    6 trace_printk(Mem, Size, Text, Text, Text) -> Integer [gpl] = printk;
    177 trace_vprintk(Mem, Size, Texts, SizeOrZero) -> Integer [gpl] = vprintk;
};

/// Bytes of a line, its NUL included.
#[doc(alias = "BPF_TRACE_PRINTK_SIZE")]
const LINE: usize = 1024;
/// Arguments of [`vprintk`] at the most.
#[doc(alias = "MAX_BPRINTF_VARARGS")]
const MAX_ARGUMENTS: usize = 12;

fn trace(env: &RunEnv<'_>, format: &[u8], arguments: &[Argument<'_>]) -> HelperOut {
    match print(format, arguments, LINE - 1) {
        Ok((text, len)) => {
            // A line ends where C's strings do.
            let line = text.split(|&byte| byte == 0).next().unwrap_or_default();
            env.world().trace(env.cpu(), line);
            HelperOut::Number(len as u64)
        }
        Err(errno) => error(errno),
    }
}

fn argument<'a>(args: &'a Args<'_>, index: usize) -> Argument<'a> {
    match args.get(index) {
        Some(&Value::Text(number, memory)) => Argument { number, memory },
        _ => Argument {
            number: number(args, index),
            memory: &[],
        },
    }
}

fn printk(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let arguments = [2, 3, 4].map(|index| argument(args, index));
    Ok(trace(env, bytes(args, 0), &arguments))
}

fn vprintk(env: &mut RunEnv<'_>, args: &mut Args<'_>, _: &mut RunMemory<'_>) -> Called {
    let (data, texts): (&[u8], &[Vec<u8>]) = match &args[2] {
        Value::Texts(data, texts) => (data, texts),
        _ => (&[], &[]),
    };
    let (words, tail) = data.as_chunks::<8>();
    if !tail.is_empty() || words.len() > MAX_ARGUMENTS {
        return Ok(error(Errno::EINVAL));
    }
    let mut arguments = [Argument::default(); MAX_ARGUMENTS];
    for ((argument, word), memory) in arguments.iter_mut().zip(words).zip(texts) {
        let number = u64::from_le_bytes(*word);
        *argument = Argument { number, memory };
    }
    let arguments = arguments.get(..words.len()).unwrap_or_default();
    Ok(trace(env, bytes(args, 0), arguments))
}
