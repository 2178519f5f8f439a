//! Linux's BPF objects in user space: maps, programs, helpers.
//!
//! [`Engine`] implements [`Bpf`](skep_abi::Bpf), the commands of bpf(2), over
//! objects of its own: no privilege, no kernel. It answers as Linux 6.18 does.
//!
//! ```text
//!   skep_abi::Bpf ─► command/   one file a family of commands
//!                       │
//!                    object/    descriptors, ids, what keeps what alive
//!                    ├─ map/       one file a family ─► region/
//!                    ├─ program/   one file a type: its context; helper/, run/
//!                    └─ credential, limit: who may, how much
//! ```
//!
//! Never reads ELF. `unsafe` lives in `region` only.
//!
//! Answers to: kernel/bpf/.

mod command;
pub mod credential;
mod engine;
pub mod helper;
pub mod limit;
pub mod map;
pub mod object;
pub mod program;
pub mod region;
pub mod run;
mod sha256;
pub mod support;
pub mod world;

pub use credential::{Capabilities, Credential, Unprivileged};
pub use engine::{Builder, Engine, MAX_CPUS};
