//! Linux's BPF map subsystem, outside the kernel.
//!
//! BPF maps are the key/value stores through which programs running in the
//! kernel and the programs that loaded them talk. This crate gives them without
//! root and without any particular kernel, by an [`Engine`] in this process, and
//! drives the real kernel through the same interface, by [`Kernel`]. Which of
//! the two is one line:
//!
//! ```
//! use std::sync::Arc;
//! let bpf: Arc<dyn skep::Bpf> = Arc::new(skep::Engine::new());
//! // let bpf: Arc<dyn skep::Bpf> = Arc::new(skep::Kernel::new()?);
//! # let _ = bpf;
//! ```
//!
//! [`loader`] turns object files into loaded maps and programs over either.
//!
//! This crate holds no logic but [`kernel`], the one place that issues bpf(2).

pub mod kernel;

pub use kernel::Kernel;
pub use skep_abi as abi;
pub use skep_abi::{Bpf, Errno};
pub use skep_btf as btf;
pub use skep_engine as engine;
pub use skep_engine::Engine;
pub use skep_loader as loader;
