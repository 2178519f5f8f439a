//! The way a relocation takes through types: `0:1:2` and what it leads to.
//!
//! Of a field access, the first number indexes the root as an array; the others
//! are members and elements. Members without a name are followed but not kept:
//! the target may nest its fields differently.
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_parse_spec)

use super::error::CoreProblem;
use super::name::{bytes_within, name, text};
use super::side::{Side, WALK, Work, enumerator, raw_member};
use super::{is_enumerator, is_type_based};
use crate::ext::{CoreRelo, CoreReloKind};
use crate::kind::{Kind, TypeId};
use crate::types::{Array, Def, Type};

/// Most numbers of an access string, and deepest nesting of what they lead to.
#[doc(alias = "BPF_CORE_SPEC_MAX_LEN")]
pub(super) const MAX_STEPS: usize = 64;
/// Longest access string: as many numbers, each with a colon.
const MAX_ACCESS: usize = MAX_STEPS * 11;

/// A step that was kept.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// The struct, union or enumeration the step goes into; of an element, the
    /// element's type.
    pub(super) ty: TypeId,
    /// Which member, value or element.
    pub(super) index: u32,
    /// The member's or value's name; none for an element.
    pub(super) name: Option<&'a [u8]>,
}

/// A way through the types of one side.
pub(super) struct Spec<'a> {
    pub(super) side: Side<'a>,
    pub(super) root: TypeId,
    pub(super) steps: Vec<Step<'a>>,
    pub(super) bit_offset: u32,
}

/// Whether `array` has no fixed end: it has no elements and is the last member.
pub(super) fn is_flexible(side: Side<'_>, before: Option<&Step<'_>>, array: Array) -> bool {
    let Some(step) = before.filter(|step| step.name.is_some() && array.nelems == 0) else {
        return false;
    };
    let owner = side.btf.type_by_id(step.ty);
    owner.is_some_and(|owner| step.index + 1 == u32::from(owner.vlen()))
}

/// The bits from an array's start to one of its elements.
pub(super) fn element_offset(index: u32, size: u32) -> Result<u32, CoreProblem> {
    let bytes = index.checked_mul(size);
    let bits = bytes.and_then(|bytes| bytes.checked_mul(8));
    bits.ok_or(CoreProblem::Offset)
}

/// The numbers of an access string.
fn numbers(access: &[u8]) -> Option<Vec<u32>> {
    let parts = access.split(|&b| b == b':');
    let numbers: Option<Vec<u32>> = parts
        .take(MAX_STEPS + 1)
        .map(|part| {
            let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            let text = str::from_utf8(part).ok().filter(|_| digits)?;
            // libbpf reads signed numbers.
            text.parse().ok().filter(|&n| n <= i32::MAX.cast_unsigned())
        })
        .collect();
    numbers.filter(|numbers| numbers.len() <= MAX_STEPS)
}

impl<'a> Spec<'a> {
    /// A way of which nothing is known but where it starts.
    pub(super) fn new(side: Side<'a>, root: TypeId) -> Spec<'a> {
        Spec {
            side,
            root,
            steps: Vec::new(),
            bit_offset: 0,
        }
    }

    /// Reads the way a relocation takes through the local types.
    pub(super) fn parse(
        side: Side<'a>,
        relo: &CoreRelo,
        kind: CoreReloKind,
        work: &Work,
    ) -> Result<Spec<'a>, CoreProblem> {
        let access = bytes_within(side.btf, relo.access_str_off, MAX_ACCESS);
        let access =
            access.ok_or_else(|| CoreProblem::Access(text(name(side.btf, relo.access_str_off))))?;
        let mut spec = Spec::new(side, relo.type_id);
        let wrong = |expected| CoreProblem::AccessFor {
            access: text(access),
            expected,
        };
        if is_type_based(kind) {
            return match access {
                b"0" => Ok(spec),
                _ => Err(wrong("\"0\", as for every relocation of a type as a whole")),
            };
        }
        let numbers = numbers(access).ok_or_else(|| CoreProblem::Access(text(access)))?;
        let root = side.resolve(relo.type_id)?;
        let (&first, rest) = numbers.split_first().ok_or_else(|| wrong("a number"))?;
        if is_enumerator(kind) {
            if !rest.is_empty() {
                return Err(wrong("one number, that of the enumerator"));
            }
            spec.steps.push(enumerator_step(side, root, first)?);
            return Ok(spec);
        }
        spec.steps.push(Step {
            ty: root.id(),
            index: first,
            name: None,
        });
        spec.bit_offset = element_offset(first, side.size_of(root.id())?)?;
        let mut id = root.id();
        for (number, &index) in rest.iter().enumerate() {
            work.spend(WALK)?;
            id = spec.enter(id, index, number + 1)?;
        }
        Ok(spec)
    }

    /// Goes from type `id` to its part `index`, whose type is answered.
    fn enter(&mut self, id: TypeId, index: u32, step: usize) -> Result<TypeId, CoreProblem> {
        let ty = self.side.resolve(id)?;
        let out_of_range = |count| CoreProblem::Step {
            step,
            index,
            ty: ty.id(),
            kind: ty.kind(),
            count,
        };
        match ty.def() {
            Def::Struct(_) | Def::Union(_) => {
                let member = raw_member(ty, index);
                let member = member.ok_or_else(|| out_of_range(ty.vlen().into()))?;
                self.advance(member.bit_offset)?;
                if member.name_off != 0 {
                    self.steps.push(Step {
                        ty: ty.id(),
                        index,
                        name: Some(name(ty.btf(), member.name_off)),
                    });
                }
                Ok(member.ty)
            }
            Def::Array(array) => {
                let element = self.side.resolve(array.element)?;
                let flexible = is_flexible(self.side, self.steps.last(), array);
                if !flexible && index >= array.nelems {
                    return Err(out_of_range(array.nelems));
                }
                self.push_element(element.id(), index)?;
                Ok(element.id())
            }
            _ => Err(CoreProblem::NoParts {
                step,
                ty: ty.id(),
                kind: ty.kind(),
            }),
        }
    }

    /// Goes to an element of an array (or of what is treated as one).
    pub(super) fn push_element(&mut self, ty: TypeId, index: u32) -> Result<(), CoreProblem> {
        self.steps.push(Step {
            ty,
            index,
            name: None,
        });
        self.advance(element_offset(index, self.side.size_of(ty)?)?)
    }

    /// Moves on by so many bits.
    pub(super) fn advance(&mut self, bits: u32) -> Result<(), CoreProblem> {
        let offset = self.bit_offset.checked_add(bits);
        self.bit_offset = offset.ok_or(CoreProblem::Offset)?;
        Ok(())
    }
}

/// The step to a value of an enumeration.
fn enumerator_step<'a>(side: Side<'a>, ty: Type<'a>, index: u32) -> Result<Step<'a>, CoreProblem> {
    if !matches!(ty.kind(), Kind::Enum | Kind::Enum64) {
        return Err(CoreProblem::NoParts {
            step: 0,
            ty: ty.id(),
            kind: ty.kind(),
        });
    }
    match enumerator(ty, index) {
        Some((name_off, _)) => Ok(Step {
            ty: ty.id(),
            index,
            name: Some(name(side.btf, name_off)),
        }),
        None => Err(CoreProblem::Step {
            step: 0,
            index,
            ty: ty.id(),
            kind: ty.kind(),
            count: ty.vlen().into(),
        }),
    }
}
