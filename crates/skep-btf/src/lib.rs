//! BTF, the BPF Type Format: parse, check, walk, size, print and decode.
#![forbid(unsafe_code)]
mod btf;
mod builder;
mod check;
mod error;
mod ext;
mod kind;
mod parse;
mod types;
pub mod value;
mod walk;
pub use btf::Btf;
pub use builder::{BtfBuilder, MemberSpec};
pub use error::{BtfError, ExtProblem, Part, Problem};
pub use ext::{BtfExt, CoreRelo, CoreReloKind, ExtSection, FuncInfo, LineInfo, ProgInfo};
pub use kind::{Kind, MAX_NAME_OFFSET, MAX_SIZE, MAX_TYPE, POINTER_SIZE, TypeId};
pub use types::{
    Array, Composite, DataSec, Def, Enum, Enumerator, FuncProto, Int, Linkage, Member, Param, Type,
    VarSecInfo,
};
pub use value::{Decoder, Field, Format, FormatError, Formats, Value};
pub use walk::MAX_WALK;
