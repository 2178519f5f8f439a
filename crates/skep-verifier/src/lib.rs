//! The vocabulary in which a BPF program is judged, and the judgement.
//!
//! The vocabulary is data: [`HelperProto`] says what a helper takes and returns,
//! [`MapDesc`] what a map looks like to a program, [`ContextTable`] how a
//! context may be accessed. Whoever hosts programs describes itself in it; this
//! crate knows no host. Today's judgement is the structural one, [`structure`]:
//! every instruction is well formed and every jump and call lands on one. What a
//! register may hold is not judged yet, so a program that passes runs only where
//! every access is checked.
//!
//! Never knows the engine, contains no `unsafe`.
//!
//! Answers to: kernel/bpf/verifier.c, include/linux/bpf.h.

#![forbid(unsafe_code)]

pub mod context;
pub mod helper;
pub mod map;
pub mod structure;

pub use context::{Access, ContextField, ContextTable, FieldKind};
pub use helper::{Arg, HelperProto, Ret};
pub use map::MapDesc;
