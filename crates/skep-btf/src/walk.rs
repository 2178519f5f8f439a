//! Following types: what they come down to, their size and alignment.
//!
//! Invariant: no walk goes through more than [`MAX_WALK`] types in a row, so a
//! circle in unchecked BTF ends in an error.
//!
//! Answers to: kernel/bpf/btf.c (btf_type_skip_modifiers, btf_type_id_size)

use crate::Btf;
use crate::error::BtfError;
use crate::kind::{Kind, POINTER_SIZE, TypeId};
use crate::types::{Composite, Def, Type};
use std::collections::HashMap;

/// How many types a walk may lead through.
pub const MAX_WALK: u32 = 128;
/// Alignments worked out: `None` where the type has none.
pub(crate) type Alignments = HashMap<TypeId, Option<u32>>;

/// How deep structs may lie in one another when alignment is worked out.
const MAX_NESTING: u32 = 64;

impl Btf {
    fn too_deep(id: TypeId) -> BtfError {
        BtfError::Depth {
            id,
            limit: MAX_WALK,
        }
    }

    /// The type with typedefs, `const`, `volatile`, `restrict` and type tags
    /// taken off.
    #[doc(alias = "btf_type_skip_modifiers")]
    pub fn resolve(&self, id: TypeId) -> Result<Type<'_>, BtfError> {
        self.skip(id, |kind| kind.is_modifier())
    }

    /// As [`Btf::resolve`], but stops at a typedef, whose name matters.
    pub fn skip_qualifiers(&self, id: TypeId) -> Result<Type<'_>, BtfError> {
        self.skip(id, |kind| kind.is_modifier() && kind != Kind::Typedef)
    }

    fn skip(&self, id: TypeId, passes: impl Fn(Kind) -> bool) -> Result<Type<'_>, BtfError> {
        let mut ty = self.expect_type(id)?;
        for _ in 0..MAX_WALK {
            match ty.target() {
                Some(next) if passes(ty.kind()) => ty = self.expect_type(next)?,
                _ => return Ok(ty),
            }
        }
        Err(Self::too_deep(id))
    }

    /// The bytes a value of this type takes.
    #[doc(alias = "btf_type_id_size")]
    pub fn size_of(&self, id: TypeId) -> Result<u32, BtfError> {
        let mut count = 1u32;
        let mut ty = self.expect_type(id)?;
        for _ in 0..MAX_WALK {
            let next = match ty.def() {
                Def::Array(array) => {
                    count = count
                        .checked_mul(array.nelems)
                        .ok_or(BtfError::SizeOverflow { id })?;
                    array.element
                }
                Def::Var { ty, .. } => ty,
                Def::Ptr(_) => return Self::times(id, count, POINTER_SIZE),
                _ => match (ty.size(), ty.target()) {
                    (Some(size), _) => return Self::times(id, count, size),
                    (None, Some(next)) if ty.kind().is_modifier() => next,
                    _ => {
                        return Err(BtfError::NoSize {
                            id,
                            kind: ty.kind(),
                        });
                    }
                },
            };
            ty = self.expect_type(next)?;
        }
        Err(Self::too_deep(id))
    }

    fn times(id: TypeId, count: u32, size: u32) -> Result<u32, BtfError> {
        count.checked_mul(size).ok_or(BtfError::SizeOverflow { id })
    }

    /// The alignment C gives this type on the BPF target; 1 for a struct
    /// whose members lie tighter than that (a packed one).
    pub fn align_of(&self, id: TypeId) -> Result<u32, BtfError> {
        self.align(id, &mut Alignments::new(), 0)
    }

    /// The same, or 1 where there is none. Each struct is worked out once, however
    /// many times it is asked for with the same `done`.
    pub(crate) fn align_known(&self, id: TypeId, done: &mut Alignments) -> u32 {
        self.align(id, done, 0).unwrap_or(1)
    }

    /// Each struct is worked out once and kept in `done`.
    fn align(&self, id: TypeId, done: &mut Alignments, depth: u32) -> Result<u32, BtfError> {
        if depth > MAX_NESTING {
            return Err(BtfError::Depth {
                id,
                limit: MAX_NESTING,
            });
        }
        let ty = self.base_element(id)?;
        let members = match ty.def() {
            Def::Ptr(_) => return Ok(POINTER_SIZE),
            Def::Struct(members) | Def::Union(members) => members,
            _ => {
                let no_size = BtfError::NoSize {
                    id,
                    kind: ty.kind(),
                };
                return natural_align(ty.size().ok_or(no_size)?);
            }
        };
        let too_deep = BtfError::Depth {
            id,
            limit: MAX_NESTING,
        };
        if let Some(align) = done.get(&ty.id()) {
            return align.ok_or(too_deep);
        }
        let align = self.align_members(members, done, depth);
        done.insert(ty.id(), align.as_ref().ok().copied());
        align
    }

    fn align_members(
        &self,
        members: Composite<'_>,
        done: &mut Alignments,
        depth: u32,
    ) -> Result<u32, BtfError> {
        let mut most = 1;
        let mut packed = false;
        for member in members.iter() {
            let align = self.align(member.ty, done, depth + 1)?;
            packed |= member.bitfield_size == 0 && !member.bit_offset.is_multiple_of(align * 8);
            most = most.max(align);
        }
        if packed || !members.size().is_multiple_of(most) {
            most = 1;
        }
        Ok(most)
    }

    /// What is left after modifiers, variables and arrays are taken off.
    pub(crate) fn base_element(&self, id: TypeId) -> Result<Type<'_>, BtfError> {
        let mut ty = self.expect_type(id)?;
        for _ in 0..MAX_WALK {
            let next = match ty.def() {
                Def::Array(array) => array.element,
                Def::Var { ty, .. } => ty,
                _ if ty.kind().is_modifier() => ty.target().unwrap_or_default(),
                _ => return Ok(ty),
            };
            ty = self.expect_type(next)?;
        }
        Err(Self::too_deep(id))
    }
}

/// The alignment of a number of so many bytes.
fn natural_align(size: u32) -> Result<u32, BtfError> {
    Ok(match size {
        0 | 1 => 1,
        16.. => 16,
        size => 1 << size.ilog2(),
    })
}
