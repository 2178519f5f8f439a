//! The checked interpreter of BPF programs.
//!
//! It runs programs that nobody has verified: every memory access is checked,
//! pointers are [guest addresses](Address), and what Linux would have refused
//! ends the run with a [`Violation`] that says what was done, where, and what
//! was allowed. It never panics and never hangs, and contains no `unsafe`.
//!
//! It knows no map type and no helper: the host supplies them as an [`Env`].
//!
//! Answers to: RFC 9669; ___bpf_prog_run in kernel/bpf/core.c.

#![forbid(unsafe_code)]

mod access;
pub mod address;
mod alu;
mod call;
mod context;
mod decode;
mod denied;
pub mod env;
mod machine;
mod memory;
mod packet;
mod program;
mod stack;
mod violation;

pub use address::{Address, Class};
pub use env::{Args, AtomicOp, CallError, Env, Fault, FaultKind, HelperOut, Place, Value, Width};
pub use machine::Machine;
pub use memory::RunMemory;
pub use packet::Packet;
pub use program::Program;
pub use violation::{AccessInfo, Outcome, Returned, Violation, ViolationKind};
