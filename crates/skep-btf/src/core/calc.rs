//! What a relocation comes to on one side, and what the two sides make of it.
//!
//! Answers to: tools/lib/bpf/relo_core.c (bpf_core_calc_field_relo,
//! bpf_core_calc_type_relo, bpf_core_calc_enumval_relo, bpf_core_calc_relo)

use super::error::CoreProblem;
use super::side::{Side, enumerator, raw_member};
use super::spec::Spec;
use super::{Resize, Resolution};
use crate::ext::CoreReloKind;
use crate::kind::TypeId;
use crate::types::{Def, Type};

/// What a relocation comes to on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Answer {
    value: u64,
    /// Whether the compiler is known to have come to the same.
    certain: bool,
    /// Size and type of a field whose offset was asked for.
    field: Option<(u32, TypeId)>,
}

impl Answer {
    fn certain(value: u64) -> Answer {
        Answer {
            value,
            certain: true,
            field: None,
        }
    }
}

/// What the relocation comes to, `target` being the way through the target's
/// types if they have it.
pub(super) fn resolve(
    kind: CoreReloKind,
    local: &Spec<'_>,
    target: Option<&Spec<'_>>,
) -> Result<Resolution, CoreProblem> {
    let original = answer(kind, local)?;
    let new = match (target, missing(kind)) {
        (Some(target), _) => answer(kind, target)?,
        (None, Some(value)) => Answer::certain(value),
        (None, None) => return Ok(Resolution::Missing),
    };
    let resize = match (original.field, new.field, target) {
        (Some((from, a)), Some((to, b)), Some(target)) if from != to => {
            match is_safe(local.side.get(a)?, target.side.get(b)?) {
                true => Resize::To { from, to },
                false => Resize::Unsafe { from, to },
            }
        }
        _ => Resize::No,
    };
    Ok(Resolution::Value {
        original: original.certain.then_some(original.value),
        new: new.value,
        resize,
    })
}

/// Whether a load of one may become a load of the other, of another size: where
/// the upper bits are zero, it may.
fn is_safe(local: Type<'_>, target: Type<'_>) -> bool {
    match (local.def(), target.def()) {
        (Def::Ptr(_), Def::Ptr(_)) => true,
        (Def::Int(a), Def::Int(b)) => {
            // Only plain signedness counts, as in libbpf: a signed char is not
            // told apart from an unsigned one.
            let plainly_signed =
                |int: crate::types::Int| int.signed && !int.is_char && !int.is_bool;
            !plainly_signed(a) && !plainly_signed(b)
        }
        _ => false,
    }
}

/// What a relocation comes to when the target does not have what it asks for;
/// nothing if that has no answer.
fn missing(kind: CoreReloKind) -> Option<u64> {
    match kind {
        CoreReloKind::FieldExists
        | CoreReloKind::TypeIdTarget
        | CoreReloKind::TypeExists
        | CoreReloKind::TypeMatches
        | CoreReloKind::TypeSize
        | CoreReloKind::EnumvalExists => Some(0),
        _ => None,
    }
}

fn answer(kind: CoreReloKind, spec: &Spec<'_>) -> Result<Answer, CoreProblem> {
    Ok(match kind {
        CoreReloKind::FieldExists
        | CoreReloKind::TypeExists
        | CoreReloKind::TypeMatches
        | CoreReloKind::EnumvalExists => Answer::certain(1),
        // Ids change when objects are linked.
        CoreReloKind::TypeIdLocal | CoreReloKind::TypeIdTarget => Answer {
            certain: false,
            ..Answer::certain(spec.root.0.into())
        },
        CoreReloKind::TypeSize => Answer::certain(spec.side.size_of(spec.root)?.into()),
        CoreReloKind::EnumvalValue => {
            let step = spec.steps.last().ok_or(CoreProblem::Offset)?;
            let value = enumerator(spec.side.get(step.ty)?, step.index);
            Answer::certain(value.ok_or(CoreProblem::Offset)?.1)
        }
        _ => field(kind, spec)?,
    })
}

/// What is asked of a field.
fn field(kind: CoreReloKind, spec: &Spec<'_>) -> Result<Answer, CoreProblem> {
    let step = spec.steps.last().ok_or(CoreProblem::Offset)?;
    let side = spec.side;
    if step.name.is_none() {
        let size = side.size_of(step.ty)?;
        return match kind {
            CoreReloKind::FieldByteOffset => Ok(Answer {
                field: Some((size, step.ty)),
                ..Answer::certain(u64::from(spec.bit_offset / 8))
            }),
            CoreReloKind::FieldByteSize => Ok(Answer::certain(size.into())),
            _ => Err(CoreProblem::Element),
        };
    }
    let member = raw_member(side.get(step.ty)?, step.index).ok_or(CoreProblem::Offset)?;
    let ty = side.resolve(member.ty)?;
    let is_bitfield = member.bitfield_size != 0;
    let place = match is_bitfield {
        true => Load::of_bits(side, ty, spec.bit_offset, member.bitfield_size)?,
        false => Load {
            offset: spec.bit_offset / 8,
            size: side.size_of(ty.id())?,
        },
    };
    let bits = match member.bitfield_size {
        0 => place.size.wrapping_mul(8),
        bits => bits,
    };
    // Of a bit-field, compilers may choose another load than this.
    let uncertain = |value: u32| Answer {
        certain: !is_bitfield,
        ..Answer::certain(value.into())
    };
    Ok(match kind {
        CoreReloKind::FieldByteOffset => Answer {
            field: (!is_bitfield).then_some((place.size, ty.id())),
            ..uncertain(place.offset)
        },
        CoreReloKind::FieldByteSize => uncertain(place.size),
        CoreReloKind::FieldSigned => Answer::certain(is_signed(ty).into()),
        CoreReloKind::FieldLshiftU64 => {
            let end = spec.bit_offset.wrapping_add(bits);
            let end = end.wrapping_sub(place.offset.wrapping_mul(8));
            uncertain(64u32.wrapping_sub(end))
        }
        _ => Answer::certain(64u32.wrapping_sub(bits).into()),
    })
}

fn is_signed(ty: Type<'_>) -> bool {
    match ty.def() {
        Def::Int(int) => int.signed,
        Def::Enum(values) => values.signed(),
        _ => false,
    }
}

/// The bytes to load for a field.
struct Load {
    offset: u32,
    size: u32,
}

impl Load {
    /// The smallest aligned load, of the declared type's size at least, that
    /// covers a bit-field.
    fn of_bits(side: Side<'_>, ty: Type<'_>, start: u32, bits: u32) -> Result<Load, CoreProblem> {
        let too_wide = CoreProblem::BitField {
            bits,
            offset: start,
        };
        let mut size = ty.size().unwrap_or(side.pointer_size);
        while size != 0 {
            let offset = start / 8 / size * size;
            let end = u64::from(start) + u64::from(bits);
            if end - u64::from(offset) * 8 <= u64::from(size) * 8 {
                return Ok(Load { offset, size });
            }
            if size >= 8 {
                break;
            }
            size *= 2;
        }
        Err(too_wide)
    }
}
