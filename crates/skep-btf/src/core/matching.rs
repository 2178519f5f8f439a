//! Following a local way through a candidate of the target.
//!
//! Members are found by name, whatever their order, in anonymous structs and
//! unions as well; elements by number.
//!
//! Invariant: an anonymous type that did not have the member is not searched
//! again, so that nesting cannot multiply the work.
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_spec_match,
//! bpf_core_match_member)

use super::compat::Pair;
use super::error::CoreProblem;
use super::name::{essential, is_name, name};
use super::side::{WALK, enumerator_names, raw_member, raw_members};
use super::spec::{MAX_STEPS, Spec, Step, is_flexible};
use super::{is_enumerator, is_type_based};
use crate::ext::CoreReloKind;
use crate::kind::{Kind, TypeId};
use crate::types::{Def, Type};
use std::collections::HashSet;

/// Follows the local way `spec` through the target's type `id`; nothing if that
/// is not such a type.
pub(super) fn follow<'a>(
    pair: Pair<'a>,
    spec: &Spec<'a>,
    id: TypeId,
    kind: CoreReloKind,
) -> Result<Option<Spec<'a>>, CoreProblem> {
    let found = Spec::new(pair.target, id);
    if is_type_based(kind) {
        let is_it = match kind {
            CoreReloKind::TypeMatches => pair.types_match(spec.root, id)?,
            _ => pair.types_compat(spec.root, id)?,
        };
        return Ok(is_it.then_some(found));
    }
    if is_enumerator(kind) {
        let wanted = spec.steps.first().and_then(|step| step.name);
        return follow_enumerator(pair, wanted.unwrap_or(&[]), found);
    }
    follow_field(pair, spec, found)
}

fn follow_enumerator<'a>(
    pair: Pair<'a>,
    wanted: &[u8],
    mut found: Spec<'a>,
) -> Result<Option<Spec<'a>>, CoreProblem> {
    let ty = pair.target.resolve(found.root)?;
    if !matches!(ty.kind(), Kind::Enum | Kind::Enum64) {
        return Ok(None);
    }
    let wanted = essential(wanted);
    for (index, name_off) in (0..).zip(enumerator_names(ty)) {
        let name = name(ty.btf(), name_off);
        pair.work.spend_on(name)?;
        if essential(name) == wanted {
            found.steps.push(Step {
                ty: ty.id(),
                index,
                name: Some(name),
            });
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn follow_field<'a>(
    pair: Pair<'a>,
    spec: &Spec<'a>,
    mut found: Spec<'a>,
) -> Result<Option<Spec<'a>>, CoreProblem> {
    let mut id = found.root;
    // How deep the way is, members without names counted.
    let mut depth = 0;
    for (number, step) in spec.steps.iter().enumerate() {
        pair.work.spend(WALK)?;
        let ty = pair.target.resolve(id)?;
        if let Some(wanted) = step.name {
            let Some(field) = find(pair, step, wanted, ty, depth)? else {
                return Ok(None);
            };
            found.advance(field.bit_offset)?;
            found.steps.push(field.step);
            (id, depth) = (field.ty, field.depth);
            continue;
        }
        // The first number goes into the root as if that were an array.
        let element = match (number, ty.def()) {
            (0, _) => ty,
            (_, Def::Array(array)) => {
                let flexible = is_flexible(pair.target, found.steps.last(), array);
                if !flexible && step.index >= array.nelems {
                    return Ok(None);
                }
                pair.target.resolve(array.element)?
            }
            _ => return Ok(None),
        };
        depth = deeper(depth)?;
        found.push_element(element.id(), step.index)?;
        id = element.id();
    }
    Ok(Some(found))
}

fn deeper(depth: usize) -> Result<usize, CoreProblem> {
    match depth {
        MAX_STEPS.. => Err(CoreProblem::Depth(MAX_STEPS as u32)),
        depth => Ok(depth + 1),
    }
}

/// A member of the target.
struct Field<'a> {
    step: Step<'a>,
    ty: TypeId,
    bit_offset: u32,
    depth: usize,
}

/// Looks for the member named `wanted`, which `step` takes locally, in `ty`.
fn find<'a>(
    pair: Pair<'a>,
    step: &Step<'_>,
    wanted: &[u8],
    ty: Type<'a>,
    depth: usize,
) -> Result<Option<Field<'a>>, CoreProblem> {
    let local = pair.local.get(step.ty)?;
    let member = raw_member(local, step.index).ok_or(CoreProblem::Offset)?;
    let search = Search {
        pair,
        wanted,
        local: member.ty,
    };
    search.within(ty, 0, depth, &mut HashSet::new())
}

/// A search for a member.
struct Search<'a, 'n> {
    pair: Pair<'a>,
    wanted: &'n [u8],
    /// Type of the local member.
    local: TypeId,
}

impl<'a> Search<'a, '_> {
    /// Looks in `ty`, which starts at bit `start`, and in its anonymous
    /// members. Depth bounds the recursion.
    fn within(
        &self,
        ty: Type<'a>,
        start: u32,
        depth: usize,
        without: &mut HashSet<TypeId>,
    ) -> Result<Option<Field<'a>>, CoreProblem> {
        self.pair.work.spend(u64::from(ty.vlen()) + 1)?;
        for (index, member) in (0..).zip(raw_members(ty)) {
            let depth = deeper(depth)?;
            let bit_offset = || {
                let offset = start.checked_add(member.bit_offset);
                offset.ok_or(CoreProblem::Offset)
            };
            if is_name(ty.btf(), member.name_off, b"") {
                self.pair.work.spend(WALK)?;
                let inner = self.pair.target.resolve(member.ty)?;
                if inner.members().is_none() || without.contains(&inner.id()) {
                    continue;
                }
                let found = self.within(inner, bit_offset()?, depth, without)?;
                if found.is_some() {
                    return Ok(found);
                }
                without.insert(inner.id());
            } else if is_name(ty.btf(), member.name_off, self.wanted) {
                let fits = self.pair.fields_compat(self.local, member.ty)?;
                if !fits {
                    return Ok(None);
                }
                return Ok(Some(Field {
                    step: Step {
                        ty: ty.id(),
                        index,
                        name: Some(name(ty.btf(), member.name_off)),
                    },
                    ty: member.ty,
                    bit_offset: bit_offset()?,
                    depth,
                }));
            }
        }
        Ok(None)
    }
}
