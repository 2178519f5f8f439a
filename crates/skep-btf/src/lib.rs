//! BTF, the BPF Type Format: parse, check, walk, size, print and decode.
//!
//! - [`Btf`] holds the types of a `.BTF` section. [`Btf::parse`] reads what
//!   compilers write, [`Btf::load`] what Linux takes at BTF_LOAD, and
//!   [`Btf::check`] tells the difference; [`Btf::to_bytes`] writes it again.
//! - [`Type`] and [`Def`] are views of one type, without allocation.
//! - [`BtfExt`] holds `.BTF.ext`; [`ProgInfo`] the part of it for one program.
//! - [`Decoder`] turns bytes into a [`Value`] by their type, [`Formats`] says
//!   which fields are addresses and the like.
//! - [`core`] adapts programs to the types of the system they run on.
//! - [`Btf::c_decl`] and [`Btf::type_name`] write types as C.
//! - [`BtfBuilder`] makes BTF from Rust.
//!
//! ```
//! use skep_btf::{BtfBuilder, Decoder, Kind, MemberSpec};
//!
//! let mut builder = BtfBuilder::new();
//! let u16 = builder.int("__u16", 2, false);
//! let members = [MemberSpec::at("source", u16, 0), MemberSpec::at("dest", u16, 2)];
//! builder.structure("ports", 4, &members);
//! let btf = builder.build()?;
//!
//! let ports = btf.find_by_name("ports", Kind::Struct).expect("just built").id();
//! let value = Decoder::new(&btf).decode(ports, &[53, 0, 1, 2])?;
//! assert_eq!(value.to_string(), "{.source = 53, .dest = 513}");
//! # Ok::<(), skep_btf::BtfError>(())
//! ```
//!
//! Invariant: whatever the input, nothing here panics, recurses without bound,
//! or takes memory beyond a small multiple of the input. Only little-endian BTF
//! is read. No locks.
//!
//! Answers to: kernel/bpf/btf.c, Documentation/bpf/btf.rst
#![forbid(unsafe_code)]

mod btf;
mod builder;
mod check;
pub mod core;
mod decl;
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
