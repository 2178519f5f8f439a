//! BPF object files: from ELF to a specification to a loaded object.
#![forbid(unsafe_code)]

mod elf;
mod error;
pub mod spec;

pub use error::{FileProblem, LoadError, Place, Problem};
pub use spec::{MapSpec, ObjectSpec, ProgramSpec};
