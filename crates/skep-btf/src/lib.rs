//! BTF, the BPF Type Format: parse, check, walk, size, print and decode.
#![forbid(unsafe_code)]
mod btf;
mod builder;
mod check;
mod error;
mod kind;
mod parse;
mod types;
mod walk;
pub use btf::Btf;
pub use builder::{BtfBuilder, MemberSpec};
pub use error::{BtfError, ExtProblem, Part, Problem};
pub use kind::{Kind, MAX_NAME_OFFSET, MAX_SIZE, MAX_TYPE, POINTER_SIZE, TypeId};
pub use types::{
    Array, Composite, DataSec, Def, Enum, Enumerator, FuncProto, Int, Linkage, Member, Param, Type,
    VarSecInfo,
};
pub use walk::MAX_WALK;
