//! What an object says of one map.
//!
//! Answers to: struct bpf_map_def, and libbpf's bpf_map of an opened object.

use crate::error::Place;
use skep_abi::{MapType, Name};
use skep_btf::TypeId;

/// The value of `pinning` that asks for a pin under the map's name.
#[doc(alias = "LIBBPF_PIN_BY_NAME")]
pub const PIN_BY_NAME: u32 = 1;

/// A map that an object asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// The variable's name; of a data map the section's.
    pub name: String,
    /// The name it is given in the system.
    pub system_name: Name,
    /// What it is.
    pub map_type: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements it holds at the most.
    pub max_entries: u32,
    /// Flags of creation ([`skep_abi::flags::map`]).
    pub map_flags: u32,
    /// The NUMA node, with `BPF_F_NUMA_NODE`.
    pub numa_node: u32,
    /// What the map type takes besides.
    pub map_extra: u64,
    /// 0 or [`PIN_BY_NAME`].
    pub pinning: u32,
    /// The key's type in the object's BTF; 0 when it is not known.
    pub key_type: TypeId,
    /// The value's type in the object's BTF; 0 when it is not known.
    pub value_type: TypeId,
    /// What a value refers to, of maps of maps and of programs.
    pub inner: Option<InnerMap>,
    /// How the object describes it.
    pub source: MapSource,
    /// What the only value of a data map is at first.
    pub contents: Contents,
    /// The section it is described in.
    pub section: String,
    /// Where in that section.
    pub offset: u64,
}

/// What the values of a map refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InnerMap {
    /// Maps like this one.
    Map(Box<MapSpec>),
    /// Programs of this FUNC_PROTO.
    Programs(TypeId),
}

/// How an object describes a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapSource {
    /// As a `struct bpf_map_def` in the section `maps`.
    Legacy,
    /// As the type of a variable in the section `.maps`.
    Btf,
    /// As a section of variables.
    Data(super::DataKind),
}

/// What a data map holds at first.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Contents {
    /// Nothing but zeros, as any new map.
    #[default]
    Zero,
    /// These bytes: as many as the value has.
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Contents::Zero => f.write_str("Zero"),
            Contents::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl MapSpec {
    /// A map of which nothing but the name is known.
    pub(crate) fn new(name: &str, source: MapSource, section: &str, offset: u64) -> MapSpec {
        MapSpec {
            name: name.to_owned(),
            system_name: Name::cut(name),
            map_type: MapType::UNSPEC,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            map_flags: 0,
            numa_node: 0,
            map_extra: 0,
            pinning: 0,
            key_type: TypeId::VOID,
            value_type: TypeId::VOID,
            inner: None,
            source,
            contents: Contents::Zero,
            section: section.to_owned(),
            offset,
        }
    }

    /// Whether it is called so, in the object or in the system.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || (self.is_data() && self.system_name == Name::cut(name))
    }

    /// Where it is described, for messages.
    pub(crate) fn place(&self) -> Place {
        Place::section(&self.section)
            .symbol(&self.name)
            .offset(self.offset)
    }

    /// Whether it is a section of variables.
    pub fn is_data(&self) -> bool {
        matches!(self.source, MapSource::Data(_))
    }
}
