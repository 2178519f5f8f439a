//! A relocation in words, for messages: `byte offset of struct flow.key.ports[1]`.

use super::name::text;
use super::side::{Side, Work};
use super::spec::{Spec, Step};
use super::{is_enumerator, is_type_based};
use crate::Btf;
use crate::ext::{CoreRelo, CoreReloKind};
use crate::kind::POINTER_SIZE;
use std::fmt::Write;

/// What a relocation of this kind asks for.
fn phrase(kind: CoreReloKind) -> &'static str {
    match kind {
        CoreReloKind::FieldByteOffset => "byte offset",
        CoreReloKind::FieldByteSize => "byte size",
        CoreReloKind::FieldExists => "existence",
        CoreReloKind::FieldSigned => "signedness",
        CoreReloKind::FieldLshiftU64 => "left shift",
        CoreReloKind::FieldRshiftU64 => "right shift",
        CoreReloKind::TypeIdLocal => "local type id",
        CoreReloKind::TypeIdTarget => "target type id",
        CoreReloKind::TypeExists => "existence",
        CoreReloKind::TypeSize => "size",
        CoreReloKind::EnumvalExists => "existence",
        CoreReloKind::EnumvalValue => "value",
        CoreReloKind::TypeMatches => "match",
    }
}

/// Says what a relocation asks for, and of what: `byte offset of struct
/// flow.key`. What cannot be read of it is given as it is written.
pub fn describe(local: &Btf, relo: &CoreRelo) -> String {
    let Some(kind) = relo.kind() else {
        let (number, ty) = (relo.kind_number, relo.type_id);
        return format!("relocation of kind {number} against type {ty}");
    };
    // A type that cannot be written is told by its number below.
    let root = local.type_by_id(relo.type_id).map(|ty| match ty.name() {
        "" => format!("an unnamed {}", ty.kind()),
        name => {
            let name = text(name.as_bytes());
            match ty.kind() {
                crate::Kind::Struct => format!("struct {name}"),
                crate::Kind::Union => format!("union {name}"),
                crate::Kind::Enum | crate::Kind::Enum64 => format!("enum {name}"),
                _ => name,
            }
        }
    });
    let root = root.unwrap_or_else(|| "a type that does not exist".to_owned());
    let mut out = format!("{} of {root}", phrase(kind));
    let side = Side {
        btf: local,
        pointer_size: POINTER_SIZE,
    };
    match Spec::parse(side, relo, kind, &Work::new()) {
        Ok(spec) => write_steps(&mut out, &spec.steps, kind),
        Err(_) => out.push_str(" with an access that cannot be read"),
    }
    // Writing to a string cannot fail.
    let _ = write!(out, " (type {})", relo.type_id);
    out
}

fn write_steps(out: &mut String, steps: &[Step<'_>], kind: CoreReloKind) {
    if is_type_based(kind) {
        return;
    }
    for (number, step) in steps.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = match step.name {
            Some(name) if is_enumerator(kind) => write!(out, ", value {}", text(name)),
            Some(name) => write!(out, ".{}", text(name)),
            // The root itself.
            None if number == 0 && step.index == 0 => Ok(()),
            None => write!(out, "[{}]", step.index),
        };
    }
}
