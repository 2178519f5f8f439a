//! Tests of relocations: what compilers do not make, and hostile types. What
//! they do make is compared with libbpf in the loader's tests.

mod hostile;
mod instructions;
mod rules;

use super::{CoreError, CoreProblem, CoreTarget, Relocator, Resolution};
use crate::{Btf, BtfBuilder, CoreRelo, CoreReloKind, TypeId};
use std::sync::Arc;

/// Relocation kinds by their numbers.
const OFFSET: u32 = 0;
const SIZE: u32 = 1;
const EXISTS: u32 = 2;
const SIGNED: u32 = 3;
const LOCAL_ID: u32 = 6;
const TARGET_ID: u32 = 7;
const TYPE_EXISTS: u32 = 8;
const TYPE_MATCHES: u32 = 12;

/// Local types, with the access strings that relocations refer to.
struct Local(BtfBuilder);

impl Local {
    fn relo(&mut self, ty: TypeId, access: &str, kind: u32) -> CoreRelo {
        CoreRelo {
            insn_off: 0,
            type_id: ty,
            access_str_off: self.0.string(access),
            kind_number: kind,
        }
    }
}

fn built(builder: &BtfBuilder) -> Btf {
    Btf::parse(&builder.to_bytes()).unwrap()
}

fn target(builder: &BtfBuilder) -> CoreTarget {
    CoreTarget::new(Arc::new(built(builder)))
}

/// What one relocation comes to.
fn resolve(local: &Local, relo: CoreRelo, target: &BtfBuilder) -> Result<Resolution, CoreError> {
    let btf = built(&local.0);
    let target = self::target(target);
    Relocator::new(&btf, Some(&target)).resolve(&relo)
}

fn problem(answer: Result<Resolution, CoreError>) -> CoreProblem {
    answer.unwrap_err().problem
}

/// The value that is put into the instruction.
fn value(answer: Result<Resolution, CoreError>) -> u64 {
    match answer.unwrap() {
        Resolution::Value { new, .. } => new,
        Resolution::Missing => panic!("missing"),
    }
}

#[test]
fn kinds_have_the_numbers_used_here() {
    let kinds = [
        (OFFSET, CoreReloKind::FieldByteOffset),
        (SIZE, CoreReloKind::FieldByteSize),
        (EXISTS, CoreReloKind::FieldExists),
        (SIGNED, CoreReloKind::FieldSigned),
        (LOCAL_ID, CoreReloKind::TypeIdLocal),
        (TARGET_ID, CoreReloKind::TypeIdTarget),
        (TYPE_EXISTS, CoreReloKind::TypeExists),
        (TYPE_MATCHES, CoreReloKind::TypeMatches),
    ];
    for (number, kind) in kinds {
        let relo = Local(BtfBuilder::new()).relo(TypeId(1), "0", number);
        assert_eq!(relo.kind(), Some(kind));
    }
}
