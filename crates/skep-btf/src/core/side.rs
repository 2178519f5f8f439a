//! One of the two sets of types, and the budget for walking through both.
//!
//! Answers to: libbpf's btf__resolve_size, btf__pointer_size

use super::error::CoreProblem;
use crate::Btf;
use crate::kind::{RECORD_WORDS, TypeId};
use crate::types::{Def, Type};
use crate::walk::MAX_WALK;
use std::cell::Cell;

/// The local types or those of the target.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) btf: &'a Btf,
    /// Bytes of a pointer of these types.
    pub(super) pointer_size: u32,
}

/// A member as its record says.
#[derive(Clone, Copy)]
pub(super) struct RawMember {
    pub(super) name_off: u32,
    pub(super) ty: TypeId,
    pub(super) bit_offset: u32,
    pub(super) bitfield_size: u32,
}

/// The members of a struct or union, names not looked up.
pub(super) fn raw_members(ty: Type<'_>) -> impl ExactSizeIterator<Item = RawMember> + Clone {
    let (words, flagged) = match ty.members() {
        Some(_) => (ty.extra(), ty.kind_flag()),
        None => (&[][..], false),
    };
    words
        .as_chunks()
        .0
        .iter()
        .map(move |&[name_off, of, place]| RawMember {
            name_off,
            ty: TypeId(of),
            bit_offset: if flagged { place & 0xff_ffff } else { place },
            bitfield_size: if flagged { place >> 24 } else { 0 },
        })
}

/// The member of this number.
pub(super) fn raw_member(ty: Type<'_>, index: u32) -> Option<RawMember> {
    let start = usize::try_from(index).ok()?.checked_mul(3)?;
    let &[name_off, of, place] = ty.extra().get(start..)?.first_chunk()?;
    ty.members()?;
    let flagged = ty.kind_flag();
    Some(RawMember {
        name_off,
        ty: TypeId(of),
        bit_offset: if flagged { place & 0xff_ffff } else { place },
        bitfield_size: if flagged { place >> 24 } else { 0 },
    })
}

/// Words of an enumerator.
fn enumerator_words(ty: Type<'_>) -> usize {
    ty.kind().entry_words().max(1)
}

/// The name offsets of an enumeration's values.
pub(super) fn enumerator_names(ty: Type<'_>) -> impl Iterator<Item = u32> + Clone {
    let names = ty.extra().iter().step_by(enumerator_words(ty));
    names.copied()
}

/// The name offset and the value of an enumerator, as libbpf widens it: 32-bit
/// values are taken as signed, whatever the enumeration says.
pub(super) fn enumerator(ty: Type<'_>, index: u32) -> Option<(u32, u64)> {
    let at = RECORD_WORDS
        + usize::try_from(index)
            .ok()?
            .checked_mul(enumerator_words(ty))?;
    if index >= u32::from(ty.vlen()) {
        return None;
    }
    let (low, high) = (ty.word(at + 1), ty.word(at + 2));
    let value = match enumerator_words(ty) {
        3 => u64::from(high) << 32 | u64::from(low),
        _ => i64::from(low.cast_signed()).cast_unsigned(),
    };
    Some((ty.word(at), value))
}

impl<'a> Side<'a> {
    /// The type of this id.
    pub(super) fn get(self, id: TypeId) -> Result<Type<'a>, CoreProblem> {
        Ok(self.btf.expect_type(id)?)
    }

    /// The type with typedefs and modifiers taken off.
    pub(super) fn resolve(self, id: TypeId) -> Result<Type<'a>, CoreProblem> {
        Ok(self.btf.resolve(id)?)
    }

    /// Bytes of a value of this type.
    pub(super) fn size_of(self, id: TypeId) -> Result<u32, CoreProblem> {
        let mut count = 1u32;
        let mut ty = self.get(id)?;
        for _ in 0..MAX_WALK {
            let size = match ty.def() {
                Def::Array(array) => {
                    let product = count.checked_mul(array.nelems);
                    count = product.ok_or(CoreProblem::Size { ty: id })?;
                    ty = self.get(array.element)?;
                    continue;
                }
                Def::Ptr(_) => self.pointer_size,
                Def::Var { ty: of, .. } => {
                    ty = self.get(of)?;
                    continue;
                }
                _ => match (ty.size(), ty.target()) {
                    (Some(size), _) => size,
                    (None, Some(next)) if ty.kind().is_modifier() => {
                        ty = self.get(next)?;
                        continue;
                    }
                    _ => return Err(CoreProblem::Size { ty: id }),
                },
            };
            return count.checked_mul(size).ok_or(CoreProblem::Size { ty: id });
        }
        Err(CoreProblem::Size { ty: id })
    }
}

/// How much work is left. Hostile types can make each relocation look at all of
/// them; together relocations may not take longer than this.
pub(super) struct Work(Cell<u64>);

/// Steps, each of some nanoseconds, that all relocations of an object may take.
/// The largest objects of today take a tenth at the most.
const MAX_WORK: u64 = 1 << 26;

/// What it costs to go through the modifiers of a type, which may be many.
pub(super) const WALK: u64 = 16;

impl Work {
    pub(super) fn new() -> Work {
        Work(Cell::new(MAX_WORK))
    }

    #[cfg(test)]
    pub(super) fn of(steps: u64) -> Work {
        Work(Cell::new(steps))
    }

    pub(super) fn spend(&self, steps: u64) -> Result<(), CoreProblem> {
        let left = self.0.get().checked_sub(steps).ok_or(CoreProblem::Work)?;
        self.0.set(left);
        Ok(())
    }

    /// Pays for comparing a name.
    pub(super) fn spend_on(&self, name: &[u8]) -> Result<(), CoreProblem> {
        self.spend(1 + name.len() as u64 / 16)
    }
}
