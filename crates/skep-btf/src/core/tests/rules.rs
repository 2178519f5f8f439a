//! Names, accesses, and the choice among types of the target.

use super::*;
use crate::core::name::essential;
use crate::core::{Resize, describe};
use crate::{Kind, MemberSpec};

#[test]
fn flavours_are_taken_off() {
    let cases = [
        ("task_struct___old", "task_struct"),
        ("a___b", "a"),
        ("a___b___c", "a___b"),
        ("___b", "___b"),
        ("a____b", "a____b"),
        ("a___", "a___"),
        ("a__b", "a__b"),
        ("", ""),
        ("plain", "plain"),
    ];
    for (name, expected) in cases {
        let found = essential(name.as_bytes());
        assert_eq!(str::from_utf8(found), Ok(expected), "{name}");
    }
}

/// `struct pair { int a; int b[2]; }` and the id of it.
fn pair() -> (Local, TypeId) {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let array = builder.array(int, int, 2);
    let members = [MemberSpec::at("a", int, 0), MemberSpec::at("b", array, 4)];
    let pair = builder.structure("pair", 12, &members);
    (Local(builder), pair)
}

#[test]
fn accesses_that_lead_nowhere_are_refused() {
    let long = ["0"; 65].join(":");
    let cases = [
        ("", "is no list"),
        ("0:", "is no list"),
        (":0", "is no list"),
        ("0::1", "is no list"),
        ("0:-1", "is no list"),
        ("0:+1", "is no list"),
        ("0: 1", "is no list"),
        ("0:x", "is no list"),
        ("4294967296", "is no list"),
        ("2147483648", "is no list"),
        (long.as_str(), "is no list"),
        ("0:2", "step 1 of the access asks for number 2 of STRUCT"),
        ("0:1:2", "step 2 of the access asks for number 2 of ARRAY"),
        ("0:0:0", "goes into type 1, a INT"),
        ("2147483647", "does not fit 32 bits"),
    ];
    for (access, expected) in cases {
        let (mut local, pair) = pair();
        let relo = local.relo(pair, access, OFFSET);
        let target = local.0.clone();
        let text = resolve(&local, relo, &target).unwrap_err().to_string();
        assert!(text.contains(expected), "{access}: {text}");
    }
}

#[test]
fn types_as_a_whole_have_no_access() {
    let (mut local, pair) = pair();
    let relo = local.relo(pair, "0:1", TYPE_EXISTS);
    let target = local.0.clone();
    let found = problem(resolve(&local, relo, &target));
    assert!(matches!(found, CoreProblem::AccessFor { .. }), "{found}");
}

#[test]
fn unknown_kinds_and_types_are_refused() {
    let (mut local, pair) = pair();
    let relo = local.relo(pair, "0", 13);
    let target = local.0.clone();
    assert_eq!(
        problem(resolve(&local, relo, &target)),
        CoreProblem::Kind(13)
    );
    let relo = local.relo(TypeId(99), "0", OFFSET);
    let found = problem(resolve(&local, relo, &target));
    assert!(matches!(found, CoreProblem::Btf(_)), "{found}");
}

#[test]
fn elements_have_no_sign() {
    let (mut local, pair) = pair();
    let relo = local.relo(pair, "0:1:0", SIGNED);
    let target = local.0.clone();
    assert_eq!(
        problem(resolve(&local, relo, &target)),
        CoreProblem::Element
    );
}

#[test]
fn unnamed_types_have_only_a_local_id() {
    let (mut local, _) = pair();
    let unnamed = local.0.structure("", 0, &[]);
    let relo = local.relo(unnamed, "0", TYPE_EXISTS);
    let target = local.0.clone();
    assert_eq!(
        problem(resolve(&local, relo, &target)),
        CoreProblem::Anonymous
    );
    let relo = local.relo(unnamed, "0", LOCAL_ID);
    let btf = built(&local.0);
    let found = Relocator::new(&btf, None).resolve(&relo).unwrap();
    let expected = Resolution::Value {
        original: None,
        new: unnamed.0.into(),
        resize: Resize::No,
    };
    assert_eq!(found, expected);
}

#[test]
fn without_target_the_rest_is_refused() {
    let (mut local, pair) = pair();
    let relo = local.relo(pair, "0:0", EXISTS);
    let btf = built(&local.0);
    let found = Relocator::new(&btf, None).resolve(&relo);
    assert_eq!(problem(found), CoreProblem::NoTarget);
}

#[test]
fn relocations_are_told_in_words() {
    let (mut local, pair) = pair();
    let enumeration = local.0.enumeration("color", false, &[("RED", 3)]);
    let cases = [
        (
            pair,
            "0:1:1",
            OFFSET,
            "byte offset of struct pair.b[1] (type 3)",
        ),
        (
            pair,
            "2:0",
            EXISTS,
            "existence of struct pair[2].a (type 3)",
        ),
        (
            pair,
            "0",
            TARGET_ID,
            "target type id of struct pair (type 3)",
        ),
        (
            enumeration,
            "0",
            11,
            "value of enum color, value RED (type 4)",
        ),
        (
            pair,
            "x",
            SIZE,
            "byte size of struct pair with an access that cannot be read (type 3)",
        ),
        (pair, "0", 77, "relocation of kind 77 against type 3"),
    ];
    for (ty, access, kind, expected) in cases {
        let relo = local.relo(ty, access, kind);
        assert_eq!(describe(&built(&local.0), &relo), expected);
    }
}

/// A struct of one int at a byte offset.
fn single(builder: &mut BtfBuilder, name: &str, field: &str, offset: u32) -> TypeId {
    let int = builder.int("int", 4, true);
    builder.structure(name, offset + 4, &[MemberSpec::at(field, int, offset)])
}

#[test]
fn modules_count_where_the_system_has_no_such_type() {
    let mut local = Local(BtfBuilder::new());
    let s = single(&mut local.0, "s", "f", 0);
    let relo = local.relo(s, "0:0", OFFSET);
    let btf = built(&local.0);
    let mut main = BtfBuilder::new();
    single(&mut main, "other", "f", 4);
    let resolve = |main: &BtfBuilder| {
        let main = Arc::new(built(main));
        let mut module = BtfBuilder::split(&main);
        single(&mut module, "s", "f", 8);
        let module = module.build_split(main.clone()).unwrap();
        let target = CoreTarget::new(main).with_module(Arc::new(module));
        value(Relocator::new(&btf, Some(&target)).resolve(&relo))
    };
    assert_eq!(resolve(&main), 8);
    single(&mut main, "s", "f", 12);
    assert_eq!(resolve(&main), 12);
}

#[test]
fn types_that_did_not_fit_are_not_asked_again() {
    let mut target = BtfBuilder::new();
    let int = target.int("int", 4, true);
    let both = [MemberSpec::at("f", int, 0), MemberSpec::at("g", int, 4)];
    target.structure("s___1", 8, &both);
    single(&mut target, "s___2", "f", 16);
    let mut local = Local(BtfBuilder::new());
    let int = local.0.int("int", 4, true);
    let both = [MemberSpec::at("f", int, 0), MemberSpec::at("g", int, 4)];
    let s = local.0.structure("s", 8, &both);
    let (f, g) = (local.relo(s, "0:0", OFFSET), local.relo(s, "0:1", OFFSET));
    let btf = built(&local.0);
    let target = super::target(&target);
    let mut first_f = Relocator::new(&btf, Some(&target));
    let found = problem(first_f.resolve(&f));
    assert!(matches!(found, CoreProblem::Ambiguous { .. }), "{found}");
    let mut first_g = Relocator::new(&btf, Some(&target));
    assert_eq!(value(first_g.resolve(&g)), 4);
    assert_eq!(value(first_g.resolve(&f)), 0);
}

#[test]
fn an_unnamed_member_is_gone_into_whatever_its_qualifiers() {
    let mut target = BtfBuilder::new();
    let int = target.int("int", 4, true);
    let inner = target.structure("", 8, &[MemberSpec::at("f", int, 4)]);
    let inner = target.constant(inner);
    target.structure("s", 16, &[MemberSpec::at("", inner, 8)]);
    let mut local = Local(BtfBuilder::new());
    let s = single(&mut local.0, "s", "f", 0);
    let relo = local.relo(s, "0:0", OFFSET);
    assert_eq!(value(resolve(&local, relo, &target)), 12);
}

#[test]
fn floats_and_pointers_match_only_their_like() {
    let kinds = |builder: &mut BtfBuilder, which: Kind| {
        let int = builder.int("int", 4, true);
        let field = match which {
            Kind::Ptr => builder.ptr(int),
            Kind::Float => builder.float("double", 8),
            Kind::Fwd => builder.fwd("fwd", false),
            _ => int,
        };
        builder.structure("s", 8, &[MemberSpec::at("f", field, 0)])
    };
    let all = [Kind::Ptr, Kind::Float, Kind::Int];
    for a in all {
        for b in all {
            let mut local = Local(BtfBuilder::new());
            let s = kinds(&mut local.0, a);
            let relo = local.relo(s, "0:0", EXISTS);
            let mut target = BtfBuilder::new();
            kinds(&mut target, b);
            let found = value(resolve(&local, relo, &target));
            assert_eq!(found, u64::from(a == b), "{a} and {b}");
        }
    }
}
