//! What loading an object gives: maps and programs of a system, by name.
//!
//! Descriptors are closed when the object is dropped. A map is resolved once,
//! so its typed views ([`crate::typed`]) cost no look-up of a descriptor.

use crate::error::LoadError;
use crate::spec::{LinkedProgram, MapSpec, ProgramSpec};
use crate::typed::{Array, HashMap, PerCpuArray, PerCpuHash, Pod, TypedError};
use skep_abi::{Bpf, Fd, MapOps, MapRef, OwnedFd};
use skep_btf::{Btf, TypeId};
use std::fmt;
use std::sync::Arc;

/// A loaded object.
pub struct Object {
    pub(crate) name: String,
    pub(crate) bpf: Arc<dyn Bpf>,
    pub(crate) btf: Option<Arc<Btf>>,
    pub(crate) btf_fd: Option<OwnedFd>,
    pub(crate) maps: Vec<LoadedMap>,
    pub(crate) programs: Vec<LoadedProgram>,
    pub(crate) warnings: Vec<LoadError>,
}

/// A map of a loaded object.
pub struct LoadedMap {
    pub(crate) spec: MapSpec,
    pub(crate) fd: OwnedFd,
    pub(crate) map: MapRef,
}

/// A program of a loaded object.
#[derive(Debug)]
pub struct LoadedProgram {
    pub(crate) spec: ProgramSpec,
    pub(crate) fd: OwnedFd,
    pub(crate) linked: LinkedProgram,
    pub(crate) log: String,
}

impl Object {
    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The system it is loaded into.
    pub fn bpf(&self) -> &Arc<dyn Bpf> {
        &self.bpf
    }

    /// The type information, whether or not the system took it.
    pub fn btf(&self) -> Option<&Arc<Btf>> {
        self.btf.as_ref()
    }

    /// The type information's descriptor, if the system took it.
    pub fn btf_fd(&self) -> Option<Fd> {
        self.btf_fd.as_ref().map(OwnedFd::fd)
    }

    /// The maps, in the order of the object.
    pub fn maps(&self) -> &[LoadedMap] {
        &self.maps
    }

    /// The map of this name.
    pub fn map(&self, name: &str) -> Option<&LoadedMap> {
        self.maps.iter().find(|map| map.spec.is_named(name))
    }

    /// The programs that were loaded, in the order of the object.
    pub fn programs(&self) -> &[LoadedProgram] {
        &self.programs
    }

    /// The loaded program of this name.
    pub fn program(&self, name: &str) -> Option<&LoadedProgram> {
        self.programs
            .iter()
            .find(|program| program.spec.name == name)
    }

    /// What went otherwise than the object asks for, but not wrong.
    pub fn warnings(&self) -> &[LoadError] {
        &self.warnings
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("name", &self.name)
            .field("maps", &self.maps)
            .field("programs", &self.programs)
            .finish_non_exhaustive()
    }
}

impl LoadedMap {
    /// Its name in the object: the variable's, or a data map's section.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it was made as; the contents of a data map are not kept.
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        self.fd.fd()
    }

    /// Its elements.
    pub fn ops(&self) -> &dyn MapOps {
        &*self.map
    }

    /// The map itself, which lives on when the object is dropped.
    pub fn map_ref(&self) -> MapRef {
        self.map.clone()
    }

    /// The key's type in the object's BTF; 0 when it is not known.
    pub fn key_type(&self) -> TypeId {
        self.spec.key_type
    }

    /// The value's type in the object's BTF; 0 when it is not known.
    pub fn value_type(&self) -> TypeId {
        self.spec.value_type
    }

    /// As a hash.
    pub fn hash<K: Pod, V: Pod>(&self) -> Result<HashMap<K, V>, TypedError> {
        HashMap::new(self.map_ref()).map_err(|e| e.of(self.name()))
    }

    /// As an array.
    pub fn array<V: Pod>(&self) -> Result<Array<V>, TypedError> {
        Array::new(self.map_ref()).map_err(|e| e.of(self.name()))
    }

    /// As a per-CPU hash.
    pub fn percpu_hash<K: Pod, V: Pod>(&self) -> Result<PerCpuHash<K, V>, TypedError> {
        PerCpuHash::new(self.map_ref()).map_err(|e| e.of(self.name()))
    }

    /// As a per-CPU array.
    pub fn percpu_array<V: Pod>(&self) -> Result<PerCpuArray<V>, TypedError> {
        PerCpuArray::new(self.map_ref()).map_err(|e| e.of(self.name()))
    }
}

impl fmt::Debug for LoadedMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedMap")
            .field("fd", &self.fd)
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl LoadedProgram {
    /// The name of its function.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it was loaded as.
    pub fn spec(&self) -> &ProgramSpec {
        &self.spec
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        self.fd.fd()
    }

    /// Its instructions as they were loaded, with functions and source lines.
    pub fn linked(&self) -> &LinkedProgram {
        &self.linked
    }

    /// What the verifier wrote; empty unless the options asked for it.
    pub fn log(&self) -> &str {
        &self.log
    }
}
