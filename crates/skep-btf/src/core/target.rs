//! The types a program is adapted to, to be found by essential name.
//!
//! The index is made once: a chain of ids for each hash of a name, in order of
//! id. It takes 8 to 12 bytes a type, and the hash is keyed, so that names
//! chosen to collide do not.
//!
//! Answers to: libbpf's bpf_core_find_cands, bpf_core_add_cands

use super::compat::kinds_compat;
use super::error::CoreProblem;
use super::name::{essential, name};
use super::side::{Side, Work};
use crate::Btf;
use crate::kind::{Kind, POINTER_SIZE, TypeId};
use crate::types::Type;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The types of the system that programs are adapted to.
pub struct CoreTarget {
    main: Part,
    modules: Vec<Part>,
    hasher: RandomState,
}

/// One BTF with its index.
struct Part {
    btf: Arc<Btf>,
    pointer_size: u32,
    /// By hash, the first id of the chain; 0 for none.
    heads: Vec<u32>,
    /// By type, the next id of its chain; 0 at its end.
    next: Vec<u32>,
}

/// A type of the target that a local one may stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    /// 0 for the main BTF, else one more than the module's number.
    part: u32,
    /// The type.
    pub(super) id: TypeId,
}

/// What the C type `long` is called by compilers, flavours of spelling included.
const LONG_NAMES: [&[u8]; 11] = [
    b"long",
    b"long int",
    b"int long",
    b"unsigned long",
    b"long unsigned",
    b"unsigned long int",
    b"unsigned int long",
    b"long unsigned int",
    b"long int unsigned",
    b"int unsigned long",
    b"int long unsigned",
];

/// Whether relocations are ever against a type of this kind.
fn is_indexed(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Func | Kind::Var | Kind::DataSec | Kind::DeclTag | Kind::TypeTag
    )
}

impl Part {
    fn new(btf: Arc<Btf>, base_pointer: u32, hasher: &RandomState) -> Part {
        let slots = btf.len().max(1).next_power_of_two();
        let mut part = Part {
            pointer_size: base_pointer,
            heads: vec![0; slots],
            next: vec![0; btf.len()],
            btf: btf.clone(),
        };
        let mut pointer_size = None;
        // From the end, as each goes before those that are there.
        for id in (btf.first_id().0..btf.end_id()).rev() {
            let Some(ty) = btf.type_by_id(TypeId(id)) else {
                continue;
            };
            let name = name(&btf, ty.name_off());
            if name.is_empty() || !is_indexed(ty.kind()) {
                continue;
            }
            if let Some(size) = long_size(ty, name) {
                pointer_size = Some(size);
            }
            let slot = part.slot(essential(name), hasher);
            let index = (id - btf.first_id().0) as usize;
            if let (Some(head), Some(next)) = (part.heads.get_mut(slot), part.next.get_mut(index)) {
                *next = std::mem::replace(head, id);
            }
        }
        part.pointer_size = pointer_size.unwrap_or(base_pointer);
        part
    }

    fn slot(&self, name: &[u8], hasher: &RandomState) -> usize {
        // The low bits of the hash; there is a power of two of chains.
        (hasher.hash_one(name) as usize) & (self.heads.len() - 1)
    }

    /// The types of this chain, in order of id.
    fn chain(&self, slot: usize) -> impl Iterator<Item = Type<'_>> {
        let first = self.heads.get(slot).copied().filter(|&id| id != 0);
        let ids = std::iter::successors(first, |&id| {
            let index = usize::try_from(id.checked_sub(self.btf.first_id().0)?).ok()?;
            self.next.get(index).copied().filter(|&id| id != 0)
        });
        ids.filter_map(|id| self.btf.type_by_id(TypeId(id)))
    }

    fn side(&self) -> Side<'_> {
        Side {
            btf: &self.btf,
            pointer_size: self.pointer_size,
        }
    }
}

/// The size of a `long`, which is that of a pointer.
fn long_size(ty: Type<'_>, name: &[u8]) -> Option<u32> {
    let size = ty.size().filter(|size| matches!(size, 4 | 8))?;
    (ty.kind() == Kind::Int && LONG_NAMES.contains(&name)).then_some(size)
}

impl CoreTarget {
    /// Indexes the types of a system.
    pub fn new(btf: Arc<Btf>) -> CoreTarget {
        let hasher = RandomState::new();
        CoreTarget {
            main: Part::new(btf, POINTER_SIZE, &hasher),
            modules: Vec::new(),
            hasher,
        }
    }

    /// Adds the types of a module: those of a BTF that continues the system's.
    /// They count where the system itself has no type of the name.
    pub fn with_module(mut self, btf: Arc<Btf>) -> CoreTarget {
        let module = Part::new(btf, self.main.pointer_size, &self.hasher);
        self.modules.push(module);
        self
    }

    /// The types of the system.
    pub fn btf(&self) -> &Arc<Btf> {
        &self.main.btf
    }

    /// The types, at most `most`, that `local` may stand for; `None` when there
    /// are more.
    pub(super) fn candidates(
        &self,
        local: Type<'_>,
        most: usize,
        work: &Work,
    ) -> Result<Option<Vec<Candidate>>, CoreProblem> {
        let wanted = essential(name(local.btf(), local.name_off()));
        let mut found = Vec::new();
        let parts = std::iter::once(&self.main).chain(&self.modules);
        for (number, part) in parts.enumerate() {
            if number == 1 && !found.is_empty() {
                break;
            }
            for ty in part.chain(part.slot(wanted, &self.hasher)) {
                let name = name(&part.btf, ty.name_off());
                work.spend_on(name)?;
                if !kinds_compat(ty.kind(), local.kind()) || essential(name) != wanted {
                    continue;
                }
                if found.len() >= most {
                    return Ok(None);
                }
                found.push(Candidate {
                    part: u32::try_from(number).unwrap_or(u32::MAX),
                    id: ty.id(),
                });
            }
        }
        Ok(Some(found))
    }

    /// The types a candidate is one of.
    pub(super) fn side_of(&self, candidate: Candidate) -> Side<'_> {
        let module = usize::try_from(candidate.part).unwrap_or(0).checked_sub(1);
        let module = module.and_then(|index| self.modules.get(index));
        module.unwrap_or(&self.main).side()
    }
}

impl fmt::Debug for CoreTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreTarget")
            .field("types", &self.main.btf.len())
            .field("modules", &self.modules.len())
            .finish_non_exhaustive()
    }
}
