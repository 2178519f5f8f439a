//! Patched instructions, and those that are not what they should be.

use super::*;
use crate::MemberSpec;
use crate::core::{INVALID_HELPER, Patched, Resize};
use skep_abi::Insn;
use skep_abi::insn::op;

const LOAD: u8 = op::LDX | op::MEM | op::DW;
const MOVE: u8 = op::ALU64 | op::MOV | op::K;
const WIDE: u8 = op::LD | op::IMM | op::DW;
const INVALID: Insn = Insn::new(op::JMP | op::CALL, 0, 0, 0, INVALID_HELPER);

fn of(original: u64, new: u64) -> Resolution {
    Resolution::Value {
        original: Some(original),
        new,
        resize: Resize::No,
    }
}

fn resized(from: u32, to: u32) -> Resolution {
    Resolution::Value {
        original: Some(8),
        new: 16,
        resize: Resize::To { from, to },
    }
}

#[test]
fn values_go_where_the_instruction_has_them() {
    let cases = [
        (Insn::new(MOVE, 1, 0, 0, 8), Insn::new(MOVE, 1, 0, 0, 16)),
        (Insn::new(LOAD, 1, 2, 8, 5), Insn::new(LOAD, 1, 2, 16, 5)),
        (
            Insn::new(op::ST | op::MEM, 1, 0, 8, 5),
            Insn::new(op::ST | op::MEM, 1, 0, 16, 5),
        ),
        (
            Insn::new(op::STX | op::MEM, 1, 3, 8, 0),
            Insn::new(op::STX | op::MEM, 1, 3, 16, 0),
        ),
    ];
    for (insn, expected) in cases {
        let mut insns = [insn];
        assert_eq!(of(8, 16).patch(&mut insns), Ok(Patched::Value));
        assert_eq!(insns, [expected]);
    }
    let mut wide = [Insn::new(WIDE, 1, 0, 0, 8), Insn::new(0, 0, 0, 0, 1)];
    let answer = of(0x1_0000_0008, 0xfedc_ba98_7654_3210).patch(&mut wide);
    assert_eq!(answer, Ok(Patched::Value));
    assert_eq!(wide[0].imm, 0x7654_3210);
    assert_eq!(wide[1].imm.cast_unsigned(), 0xfedc_ba98);
}

#[test]
fn negative_numbers_are_the_values_they_extend_to() {
    let mut insns = [Insn::new(MOVE, 1, 0, 0, -3)];
    let minus_three = (-3i64).cast_unsigned();
    let answer = of(minus_three, (-70i64).cast_unsigned()).patch(&mut insns);
    assert_eq!((answer, insns[0].imm), (Ok(Patched::Value), -70));
}

#[test]
fn other_values_than_the_types_say_are_refused() {
    let wide = |imm| [Insn::new(WIDE, 1, 0, 0, imm), Insn::new(0, 0, 0, 0, 0)];
    let cases = [
        [Insn::new(MOVE, 1, 0, 0, 9), INVALID],
        [Insn::new(LOAD, 1, 2, 9, 8), INVALID],
        wide(9),
    ];
    for case in cases {
        let mut insns = case;
        let refused = CoreProblem::Unexpected {
            found: 9,
            expected: 8,
            new: 16,
        };
        assert_eq!(of(8, 16).patch(&mut insns), Err(refused));
        assert_eq!(insns, case, "nothing is changed");
        let any = Resolution::Value {
            original: None,
            new: 16,
            resize: Resize::No,
        };
        assert_eq!(any.patch(&mut insns), Ok(Patched::Value));
    }
}

#[test]
fn instructions_without_a_place_for_it_are_refused() {
    let with_relocation = [Insn::new(WIDE, 1, 1, 0, 8), Insn::new(0, 0, 0, 0, 0)];
    let with_offset = [Insn::new(WIDE, 1, 0, 1, 8), Insn::new(0, 0, 0, 0, 0)];
    let second_half = [Insn::new(WIDE, 1, 0, 0, 8), Insn::new(MOVE, 0, 0, 0, 0)];
    let cases: [&[Insn]; 7] = [
        &[Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0)],
        &[Insn::new(op::ALU64 | op::MOV | op::X, 1, 2, 0, 8)],
        &[Insn::new(WIDE, 1, 0, 0, 8)],
        &with_relocation,
        &with_offset,
        &second_half,
        &[Insn::new(op::LD | op::ABS, 0, 0, 8, 8)],
    ];
    for case in cases {
        let mut insns = case.to_vec();
        let refused = CoreProblem::Insn(case[0].code);
        assert_eq!(of(8, 16).patch(&mut insns), Err(refused));
        assert_eq!(insns, case);
    }
    assert_eq!(of(8, 16).patch(&mut []), Err(CoreProblem::Insn(0)));
}

#[test]
fn offsets_must_fit() {
    let load = [Insn::new(LOAD, 1, 2, 8, 0)];
    let mut insns = load;
    assert_eq!(of(8, 32767).patch(&mut insns), Ok(Patched::Value));
    assert_eq!(insns[0].off, 32767);
    let mut insns = load;
    let refused = of(8, 32768).patch(&mut insns);
    assert_eq!(refused, Err(CoreProblem::TooFar(32768)));
}

#[test]
fn accesses_take_the_size_of_the_field() {
    for (to, width) in [(1, op::B), (2, op::H), (4, op::W), (8, op::DW)] {
        let mut insns = [Insn::new(LOAD, 1, 2, 8, 0)];
        assert_eq!(resized(8, to).patch(&mut insns), Ok(Patched::Value));
        assert_eq!(insns[0].code, op::LDX | op::MEM | width);
    }
    let mut insns = [Insn::new(LOAD, 1, 2, 8, 0)];
    assert_eq!(
        resized(8, 3).patch(&mut insns),
        Err(CoreProblem::NoAccess(3))
    );
    let refused = CoreProblem::AccessSize {
        found: 8,
        expected: 4,
    };
    assert_eq!(resized(4, 8).patch(&mut insns), Err(refused));
    // Of an address only the value counts.
    let mut insns = [Insn::new(MOVE, 1, 0, 0, 8)];
    assert_eq!(resized(4, 3).patch(&mut insns), Ok(Patched::Value));
}

#[test]
fn what_is_missing_becomes_a_call_of_no_helper() {
    let next = Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0);
    let mut insns = [Insn::new(LOAD, 1, 2, 8, 0), next];
    assert_eq!(Resolution::Missing.patch(&mut insns), Ok(Patched::Missing));
    assert_eq!(insns, [INVALID, next]);
    let mut wide = [Insn::new(WIDE, 1, 0, 0, 8), Insn::default(), next];
    assert_eq!(Resolution::Missing.patch(&mut wide), Ok(Patched::Missing));
    assert_eq!(wide, [INVALID, INVALID, next]);
    let mut cut = [Insn::new(WIDE, 1, 0, 0, 8)];
    assert_eq!(Resolution::Missing.patch(&mut cut), Ok(Patched::Missing));
    assert_eq!(cut, [INVALID]);
}

/// What becomes of an 8-byte load of a field that has another size in the
/// target, `make` giving the field's type in both.
fn reloaded(make: impl Fn(&mut BtfBuilder, bool) -> TypeId) -> (Patched, Insn) {
    let side = |is_local| {
        let mut builder = BtfBuilder::new();
        let field = make(&mut builder, is_local);
        let s = builder.structure("s", 16, &[MemberSpec::at("f", field, 8)]);
        (builder, s)
    };
    let (builder, s) = side(true);
    let mut local = Local(builder);
    let relo = local.relo(s, "0:0", OFFSET);
    let (btf, target) = (built(&local.0), target(&side(false).0));
    let mut relocator = Relocator::new(&btf, Some(&target));
    let mut insns = [Insn::new(LOAD, 1, 2, 8, 0)];
    (relocator.relocate(&relo, &mut insns).unwrap(), insns[0])
}

#[test]
fn pointers_of_32_bits_are_loaded_as_such() {
    let (patched, insn) = reloaded(|builder, is_local| {
        builder.int("unsigned long", if is_local { 8 } else { 4 }, false);
        builder.ptr(TypeId::VOID)
    });
    assert_eq!(patched, Patched::Value);
    assert_eq!(insn.code, op::LDX | op::MEM | op::W);
}

#[test]
fn signed_numbers_keep_their_size() {
    let number = |signed| {
        reloaded(move |builder, is_local| {
            builder.int("number", if is_local { 8 } else { 4 }, signed)
        })
    };
    assert_eq!(number(true), (Patched::Unsafe { from: 8, to: 4 }, INVALID));
    let (patched, insn) = number(false);
    assert_eq!(patched, Patched::Value);
    assert_eq!(insn.code, op::LDX | op::MEM | op::W);
}
