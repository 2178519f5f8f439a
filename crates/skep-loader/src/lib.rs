//! BPF object files: from ELF to a specification to a loaded object.
//!
//! [`ObjectSpec::parse`] reads what `clang -target bpf -c` makes without
//! touching any system; [`ObjectSpec::load`] makes its maps and loads its
//! programs through whatever implements [`skep_abi::Bpf`], which gives an
//! [`Object`]; its maps are read and written as Rust types by [`typed`].
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bpf: std::sync::Arc<dyn skep_abi::Bpf> = some_system();
//! use skep_loader::ObjectSpec;
//!
//! let file = std::fs::read("proto-count.bpf.o")?;
//! let object = ObjectSpec::parse_named(&file, "proto-count.bpf.o")?.load(&bpf)?;
//! let packets = object.map("packets").ok_or("no map")?.array::<u64>()?;
//! println!("{:?} packets of TCP", packets.get(6)?);
//! # Ok(())
//! # }
//! # fn some_system() -> std::sync::Arc<dyn skep_abi::Bpf> { std::process::exit(0) }
//! ```
//!
//! Programs that depend on the layout of the system's types (CO-RE) are adapted
//! to the types given by [`LoadOptions::btf`]; [`ObjectSpec::needs_target`] says
//! whether an object has such programs.
//!
//! The loader never knows which system it drives.

#![forbid(unsafe_code)]

mod elf;
mod error;
mod load;
mod missing;
mod object;
pub mod spec;
pub mod typed;

pub use error::{FileProblem, LoadError, Place, Problem};
pub use load::LoadOptions;
pub use object::{LoadedMap, LoadedProgram, Object};
pub use spec::{MapSpec, ObjectSpec, ProgramSpec};
pub use typed::{Pod, TypedError};
