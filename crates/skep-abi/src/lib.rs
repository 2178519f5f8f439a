//! The interface of bpf(2), typed.
//!
//! This crate is the *waist* of skep: what lies above it (loader, typed maps,
//! command) drives any implementation of [`Bpf`], and what lies below it (the
//! engine in user space, the system call) implements it. It holds the names and
//! numbers of the interface and the translation between raw `bpf_attr` bytes and
//! typed commands, and nothing that acts.
//!
//! Depends on no other crate of the workspace.
//!
//! Answers to: include/uapi/linux/bpf.h, RFC 9669.

mod bpf;
mod call;
mod command;
pub mod disasm;
mod errno;
pub mod flags;
mod helper;
mod info;
pub mod insn;
mod kind;
mod name;
mod space;
mod user;

pub use bpf::{Bpf, Fd, MapOps, MapRef, MapShape, OwnedFd};
pub use call::call;
pub use command::*;
pub use errno::{Errno, Result};
pub use helper::HelperId;
pub use info::{BtfInfo, MapInfo, ProgInfo};
pub use insn::Insn;
pub use kind::{AttachType, Cmd, MapType, ProgType};
pub use name::Name;
pub use space::Space;
pub use user::{NoMem, OwnProcess, Scratch, TrustedMem, UserIn, UserMem, UserOut};
