//! CO-RE: adapting a program to the types of the system it is to run on.
//!
//! A compiler records, for an instruction that depends on the layout of a type,
//! what it depends on: a [`CoreRelo`]. A [`Relocator`] looks the
//! type up in a [`CoreTarget`], follows the same way through it, and comes to a
//! [`Resolution`], which patches the instruction.
//!
//! | file | does |
//! | --- | --- |
//! | `spec` | reads the local way, `0:1:2` |
//! | `target` | finds types by name |
//! | `matching` | follows the way in a type of the target |
//! | `compat` | says which types can stand for which |
//! | `calc` | works out the values on both sides |
//! | `patch` | changes instructions |
//!
//! A pure function of its inputs, but for one thing it has from libbpf: of
//! several types of one name, those that did not fit one relocation are not
//! asked again for the next of the same local type.
//!
//! Invariant: all relocations of a [`Relocator`] together take a bounded number
//! of steps, and memory within a small multiple of the inputs, whatever those
//! are. No locks.
//!
//! Answers to: tools/lib/bpf/relo_core.c

mod calc;
mod compat;
mod describe;
mod error;
mod matching;
mod name;
mod patch;
mod side;
mod spec;
mod target;
#[cfg(test)]
mod tests;

pub use describe::describe;
pub use error::{CoreError, CoreProblem};
pub use patch::{INVALID_HELPER, Patched};
pub use target::CoreTarget;

use crate::Btf;
use crate::ext::{CoreRelo, CoreReloKind};
use crate::kind::{POINTER_SIZE, TypeId};
use compat::Pair;
use side::{Side, WALK, Work};
use spec::Spec;
use std::collections::HashMap;
use target::Candidate;

/// Most types of the target that are kept as standing for local ones.
const MAX_CANDIDATES: usize = 1 << 18;

/// What a relocation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// A value for the instruction.
    Value {
        /// What the instruction should hold now; nothing where compilers differ.
        original: Option<u64>,
        /// What it is to hold.
        new: u64,
        /// What becomes of the size of a load or store.
        resize: Resize,
    },
    /// The target does not have what the instruction needs.
    Missing,
}

/// What becomes of the size of a load or store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resize {
    /// It stays.
    No,
    /// It changes along with the field's.
    To {
        /// The field's bytes by the local types.
        from: u32,
        /// The field's bytes in the target.
        to: u32,
    },
    /// The field's size differs, but bytes of another size would not mean the
    /// same: only pointers and unsigned integers may be loaded so.
    Unsafe {
        /// The field's bytes by the local types.
        from: u32,
        /// The field's bytes in the target.
        to: u32,
    },
}

/// Whether the relocation is about a type as a whole.
fn is_type_based(kind: CoreReloKind) -> bool {
    matches!(
        kind,
        CoreReloKind::TypeIdLocal
            | CoreReloKind::TypeIdTarget
            | CoreReloKind::TypeExists
            | CoreReloKind::TypeSize
            | CoreReloKind::TypeMatches
    )
}

/// Whether it is about a value of an enumeration.
fn is_enumerator(kind: CoreReloKind) -> bool {
    matches!(
        kind,
        CoreReloKind::EnumvalExists | CoreReloKind::EnumvalValue
    )
}

/// Resolves the relocations of one object.
pub struct Relocator<'a> {
    local: Side<'a>,
    target: Option<&'a CoreTarget>,
    /// By local type, what may stand for it.
    candidates: HashMap<TypeId, Vec<Candidate>>,
    /// How many more candidates may be kept.
    room: usize,
    /// By type, access and kind, what relocations came to.
    known: HashMap<(TypeId, u32, u32), Resolution>,
    work: Work,
}

impl<'a> Relocator<'a> {
    /// For the relocations of an object with these types. Without a target only
    /// what is about local types alone can be resolved.
    pub fn new(local: &'a Btf, target: Option<&'a CoreTarget>) -> Relocator<'a> {
        Relocator {
            local: Side {
                btf: local,
                pointer_size: POINTER_SIZE,
            },
            target,
            candidates: HashMap::new(),
            room: MAX_CANDIDATES,
            known: HashMap::new(),
            work: Work::new(),
        }
    }

    /// What a relocation comes to.
    pub fn resolve(&mut self, relo: &CoreRelo) -> Result<Resolution, CoreError> {
        let key = (relo.type_id, relo.access_str_off, relo.kind_number);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let found = self
            .find(relo)
            .map_err(|problem| self.error(relo, problem))?;
        self.known.insert(key, found);
        Ok(found)
    }

    /// Resolves a relocation and patches the first of `insns` with it.
    pub fn relocate(
        &mut self,
        relo: &CoreRelo,
        insns: &mut [skep_abi::Insn],
    ) -> Result<Patched, CoreError> {
        let resolution = self.resolve(relo)?;
        let patched = resolution.patch(insns);
        patched.map_err(|problem| self.error(relo, problem))
    }

    fn error(&self, relo: &CoreRelo, problem: CoreProblem) -> CoreError {
        CoreError {
            what: describe(self.local.btf, relo),
            problem,
        }
    }

    fn find(&mut self, relo: &CoreRelo) -> Result<Resolution, CoreProblem> {
        self.work.spend(WALK)?;
        let kind = relo.kind().ok_or(CoreProblem::Kind(relo.kind_number))?;
        let root = self.local.get(relo.type_id)?;
        let spec = Spec::parse(self.local, relo, kind, &self.work)?;
        if kind == CoreReloKind::TypeIdLocal {
            return calc::resolve(kind, &spec, Some(&spec));
        }
        if name::name(root.btf(), root.name_off()).is_empty() {
            return Err(CoreProblem::Anonymous);
        }
        let target = self.target.ok_or(CoreProblem::NoTarget)?;
        let candidates = match self.candidates.remove(&relo.type_id) {
            Some(known) => known,
            None => {
                let found = target.candidates(root, self.room, &self.work)?;
                let found = found.ok_or(CoreProblem::TooMany)?;
                self.room = self.room.saturating_sub(found.len());
                found
            }
        };
        let Chosen { found, kept } = self.choose(kind, &spec, target, &candidates)?;
        // Where none fits, all are asked again: another field may be there.
        let kept = if kept.is_empty() { candidates } else { kept };
        self.candidates.insert(relo.type_id, kept);
        match found {
            Some((_, found)) => Ok(found),
            None => calc::resolve(kind, &spec, None),
        }
    }

    /// Asks all candidates, which must agree; those that fit come along.
    fn choose(
        &self,
        kind: CoreReloKind,
        spec: &Spec<'a>,
        target: &'a CoreTarget,
        candidates: &[Candidate],
    ) -> Result<Chosen, CoreProblem> {
        let mut found: Option<(u32, Resolution)> = None;
        let mut kept: Vec<Candidate> = Vec::new();
        for &candidate in candidates {
            let pair = Pair {
                local: self.local,
                target: target.side_of(candidate),
                work: &self.work,
            };
            let Some(way) = matching::follow(pair, spec, candidate.id, kind)? else {
                continue;
            };
            let answer = (way.bit_offset, calc::resolve(kind, spec, Some(&way))?);
            match (found, kept.first()) {
                (Some(before), Some(first)) if !agree(before, answer) => {
                    return Err(CoreProblem::Ambiguous {
                        first: first.id,
                        first_value: shown(before),
                        second: candidate.id,
                        second_value: shown(answer),
                    });
                }
                (Some(_), _) => {}
                (None, _) => found = Some(answer),
            }
            kept.push(candidate);
        }
        Ok(Chosen { found, kept })
    }
}

/// What candidates agreed on.
struct Chosen {
    /// Offset in bits and answer; nothing if none of them fits.
    found: Option<(u32, Resolution)>,
    /// Those that fit.
    kept: Vec<Candidate>,
}

/// Whether two candidates make the same of a relocation.
fn agree((offset, a): (u32, Resolution), (other_offset, b): (u32, Resolution)) -> bool {
    let value = |resolution| match resolution {
        Resolution::Value { new, .. } => Some(new),
        Resolution::Missing => None,
    };
    offset == other_offset && value(a) == value(b)
}

/// An answer in words.
fn shown((offset, resolution): (u32, Resolution)) -> String {
    match resolution {
        Resolution::Value { new, .. } => format!("{new} (bit {offset})"),
        Resolution::Missing => "nothing".to_owned(),
    }
}
