//! When a type of the target can stand for a local one.
//!
//! Three rules: a field's type is compatible when its kind is (sizes may
//! differ, the relocation is there to adapt them); a type exists when its
//! pointers, arrays and arguments lead to compatible ones; a type matches when
//! every local member is in the target with a matching type.
//!
//! Invariant: recursion stays within [`MAX_LEVEL`], work within [`Work`].
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_fields_are_compat,
//! __bpf_core_types_are_compat, __bpf_core_types_match)

use super::error::CoreProblem;
use super::name::{essential, name};
use super::side::{RawMember, Side, WALK, Work, enumerator_names, raw_members};
use crate::kind::{Kind, TypeId};
use crate::types::{Def, FuncProto, Type};
use crate::walk::MAX_WALK;

/// How deep types are followed.
const MAX_LEVEL: u32 = 32;

/// Whether the kinds are the same, enumerations of 32 and 64 bits being one.
pub(super) fn kinds_compat(a: Kind, b: Kind) -> bool {
    let is_enum = |kind| matches!(kind, Kind::Enum | Kind::Enum64);
    a == b || is_enum(a) && is_enum(b)
}

/// The local types and a candidate's.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) local: Side<'a>,
    pub(super) target: Side<'a>,
    pub(super) work: &'a Work,
}

impl<'a> Pair<'a> {
    /// Whether the names are the same but for flavours. No name matches only no
    /// name.
    fn names_match(
        self,
        (local, local_off): (Type<'_>, u32),
        (target, target_off): (Type<'_>, u32),
    ) -> Result<bool, CoreProblem> {
        let (a, b) = (name(local.btf(), local_off), name(target.btf(), target_off));
        self.work.spend_on(a)?;
        self.work.spend_on(b)?;
        Ok(essential(a) == essential(b))
    }

    /// Whether a field of the target's type can be accessed as one of the local
    /// type.
    pub(super) fn fields_compat(self, local: TypeId, target: TypeId) -> Result<bool, CoreProblem> {
        let (mut local, mut target) = (local, target);
        for _ in 0..MAX_WALK {
            self.work.spend(WALK)?;
            let (a, b) = (self.local.resolve(local)?, self.target.resolve(target)?);
            if a.members().is_some() && b.members().is_some() {
                return Ok(true);
            }
            if !kinds_compat(a.kind(), b.kind()) {
                return Ok(false);
            }
            match (a.def(), b.def()) {
                (Def::Ptr(_), _) | (Def::Float(_), _) => return Ok(true),
                (Def::Fwd { .. } | Def::Enum(_), _) => {
                    let [a, b] = [a, b].map(|ty| essential(name(ty.btf(), ty.name_off())));
                    return Ok(a.is_empty() || b.is_empty() || a == b);
                }
                (Def::Int(a), Def::Int(b)) => {
                    return Ok(a.bit_offset == 0 && b.bit_offset == 0);
                }
                (Def::Array(a), Def::Array(b)) => {
                    (local, target) = (a.element, b.element);
                }
                _ => return Ok(false),
            }
        }
        Err(CoreProblem::Depth(MAX_WALK))
    }

    /// Whether the target's type, whose name is known to be the same, is one of
    /// the same shape. Only the first name counts.
    pub(super) fn types_compat(self, local: TypeId, target: TypeId) -> Result<bool, CoreProblem> {
        let (a, b) = (self.local.get(local)?, self.target.get(target)?);
        if !kinds_compat(a.kind(), b.kind()) {
            return Ok(false);
        }
        self.shapes_compat(local, target, MAX_LEVEL)
    }

    fn shapes_compat(self, local: TypeId, target: TypeId, level: u32) -> Result<bool, CoreProblem> {
        let (mut local, mut target) = (local, target);
        for _ in 0..MAX_LEVEL {
            self.work.spend(WALK)?;
            let (a, b) = (self.local.resolve(local)?, self.target.resolve(target)?);
            if !kinds_compat(a.kind(), b.kind()) {
                return Ok(false);
            }
            (local, target) = match (a.def(), b.def()) {
                (Def::Void | Def::Struct(_) | Def::Union(_) | Def::Enum(_), _)
                | (Def::Fwd { .. }, _) => return Ok(true),
                (Def::Int(a), Def::Int(b)) => {
                    return Ok(a.bit_offset == 0 && b.bit_offset == 0);
                }
                (Def::Ptr(a), Def::Ptr(b)) => (a, b),
                (Def::Array(a), Def::Array(b)) => (a.element, b.element),
                (Def::FuncProto(a), Def::FuncProto(b)) => {
                    let same = self.params(a, b, level, |local, target, level| {
                        self.shapes_compat(local, target, level)
                    })?;
                    if !same {
                        return Ok(false);
                    }
                    (a.returns(), b.returns())
                }
                _ => return Ok(false),
            };
        }
        Err(CoreProblem::Depth(MAX_LEVEL))
    }

    /// Whether two functions have as many parameters, each accepted by `rule`.
    fn params(
        self,
        local: FuncProto<'_>,
        target: FuncProto<'_>,
        level: u32,
        rule: impl Fn(TypeId, TypeId, u32) -> Result<bool, CoreProblem>,
    ) -> Result<bool, CoreProblem> {
        let (a, b) = (local.params(), target.params());
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.zip(b) {
            let level = level.checked_sub(1).ok_or(CoreProblem::Depth(MAX_LEVEL))?;
            if !rule(a.ty, b.ty, level)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the target's type has all that the local one has.
    pub(super) fn types_match(self, local: TypeId, target: TypeId) -> Result<bool, CoreProblem> {
        self.match_at(local, target, false, MAX_LEVEL)
    }

    fn match_at(
        self,
        local: TypeId,
        target: TypeId,
        behind_ptr: bool,
        level: u32,
    ) -> Result<bool, CoreProblem> {
        let too_deep = CoreProblem::Depth(MAX_LEVEL);
        if level == 0 {
            return Err(too_deep);
        }
        let (mut local, mut target, mut behind_ptr) = (local, target, behind_ptr);
        for _ in 0..MAX_LEVEL {
            self.work.spend(WALK)?;
            let (a, b) = (self.local.resolve(local)?, self.target.resolve(target)?);
            if !self.names_match((a, a.name_off()), (b, b.name_off()))? {
                return Ok(false);
            }
            (local, target) = match (a.def(), b.def()) {
                (Def::Void, b) => return Ok(matches!(b, Def::Void)),
                (Def::Fwd { is_union }, b) => return Ok(fwd_matches(is_union, b, behind_ptr)),
                (Def::Enum(_), b_def) => {
                    return match b_def {
                        Def::Enum(_) => self.enums_match(a, b),
                        _ => Ok(false),
                    };
                }
                (Def::Struct(_) | Def::Union(_), _) if behind_ptr => {
                    let is_union = a.kind() == Kind::Union;
                    return Ok(a.kind() == b.kind()
                        || matches!(b.def(), Def::Fwd { is_union: other } if other == is_union));
                }
                (Def::Struct(_) | Def::Union(_), _) => {
                    return match a.kind() == b.kind() {
                        true => self.members_match(a, b, level),
                        false => Ok(false),
                    };
                }
                (Def::Int(a), Def::Int(b)) => {
                    return Ok(a.size == b.size && a.signed == b.signed);
                }
                (Def::Ptr(a), Def::Ptr(b)) => {
                    behind_ptr = true;
                    (a, b)
                }
                (Def::Array(a), Def::Array(b)) if a.nelems == b.nelems => (a.element, b.element),
                (Def::FuncProto(a), Def::FuncProto(b)) => {
                    let same = self.params(a, b, level, |local, target, level| {
                        self.match_at(local, target, behind_ptr, level)
                    })?;
                    if !same {
                        return Ok(false);
                    }
                    (a.returns(), b.returns())
                }
                _ => return Ok(false),
            };
        }
        Err(too_deep)
    }

    /// Whether every local value has a name among the target's.
    fn enums_match(self, local: Type<'_>, target: Type<'_>) -> Result<bool, CoreProblem> {
        if local.size() != target.size() || local.vlen() > target.vlen() {
            return Ok(false);
        }
        for a in enumerator_names(local) {
            let mut found = false;
            for b in enumerator_names(target) {
                found = self.names_match((local, a), (target, b))?;
                if found {
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every local member has one of its name and a matching type in
    /// the target.
    fn members_match(
        self,
        local: Type<'a>,
        target: Type<'a>,
        level: u32,
    ) -> Result<bool, CoreProblem> {
        if local.vlen() > target.vlen() {
            return Ok(false);
        }
        for a in raw_members(local) {
            if !self.member_matches(a, local, target, level)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn member_matches(
        self,
        a: RawMember,
        local: Type<'a>,
        target: Type<'a>,
        level: u32,
    ) -> Result<bool, CoreProblem> {
        for b in raw_members(target) {
            if self.names_match((local, a.name_off), (target, b.name_off))?
                && self.match_at(a.ty, b.ty, false, level - 1)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the target has what a local forward declaration stands for. Behind
/// a pointer the struct itself will do.
fn fwd_matches(is_union: bool, target: Def<'_>, behind_ptr: bool) -> bool {
    match target {
        Def::Fwd { is_union: other } => is_union == other,
        Def::Struct(_) => behind_ptr && !is_union,
        Def::Union(_) => behind_ptr && is_union,
        _ => false,
    }
}
