//! Types and relocations that no compiler makes.

use super::*;
use crate::MemberSpec;
use crate::core::side::Work;
use proptest::prelude::*;
use skep_abi::Insn;

/// The body of a fuzz target: whatever the bytes, there are answers or errors.
/// The first half is the local BTF, the second that of the target.
pub fn fuzz(bytes: &[u8], relos: &[CoreRelo], insn: [u8; 16]) -> usize {
    let (local, target) = bytes.split_at(bytes.len() / 2);
    let (Ok(local), Ok(target)) = (Btf::parse(local), Btf::parse(target)) else {
        return 0;
    };
    relocate(&local, &CoreTarget::new(Arc::new(target)), relos, insn)
}

/// Applies relocations to an instruction, and says how many could be.
fn relocate(local: &Btf, target: &CoreTarget, relos: &[CoreRelo], insn: [u8; 16]) -> usize {
    let mut relocator = Relocator::new(local, Some(target));
    relocator.work = Work::of(1 << 16);
    let mut done = 0;
    for relo in relos {
        let mut insns = Insn::decode_all(&insn);
        match relocator.relocate(relo, &mut insns) {
            Ok(_) => done += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    done
}

/// A type section of random records over a few names.
fn types() -> impl Strategy<Value = BtfBuilder> {
    let member = (0..4usize, 0..12u32, any::<u32>());
    let record = (
        1..20u32,
        0..4usize,
        0..12u32,
        any::<bool>(),
        proptest::collection::vec(member, 0..5),
    );
    proptest::collection::vec(record, 1..10).prop_map(|records| {
        let mut builder = BtfBuilder::new();
        for access in ["0", "0:0", "0:1", "0:0:0", "1:0:1", "0:1:1:0"] {
            builder.string(access);
        }
        let names = ["", "s", "f", "s___x"].map(|name| builder.string(name));
        // Types that are there, so that the parser takes them.
        let count = records.len() as u32;
        for (kind, name, word, flag, mut members) in records {
            let word = word % (count + 1);
            members.iter_mut().for_each(|(_, ty, _)| *ty %= count + 1);
            let entries = match kind {
                1 | 14 | 17 => vec![word],
                3 => vec![word, 0, word],
                4 | 5 | 15 | 19 => {
                    let words = |&(name, ty, place): &_| [names[name], ty, place];
                    members.iter().flat_map(words).collect()
                }
                6 | 13 => {
                    let words = |&(name, ty, _): &(usize, u32, u32)| [names[name], ty];
                    members.iter().flat_map(words).collect()
                }
                _ => vec![],
            };
            let vlen = match kind {
                4 | 5 | 6 | 13 | 15 | 19 => members.len() as u32,
                _ => 0,
            };
            let info = u32::from(flag) << 31 | kind << 24 | vlen;
            builder.raw(names[name], info, word, &entries);
        }
        builder
    })
}

fn relos() -> impl Strategy<Value = Vec<CoreRelo>> {
    // Where the accesses begin that `types` stores, and anything else.
    let access = prop_oneof![Just(1u32), Just(3), Just(7), Just(11), 0..40u32];
    let relo = (0..12u32, access, 0..14u32).prop_map(|(ty, access, kind)| CoreRelo {
        insn_off: 0,
        type_id: TypeId(ty),
        access_str_off: access,
        kind_number: kind,
    });
    proptest::collection::vec(relo, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn random_types_are_answers_or_errors(
        local in types(),
        target in types(),
        relos in relos(),
        insn in any::<[u8; 16]>(),
    ) {
        let (local, target) = (local.to_bytes(), target.to_bytes());
        let (Ok(local), Ok(target)) = (Btf::parse(&local), Btf::parse(&target)) else {
            return Ok(());
        };
        relocate(&local, &CoreTarget::new(Arc::new(target)), &relos, insn);
    }

    #[test]
    fn random_bytes_are_answers_or_errors(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        relos in relos(),
        insn in any::<[u8; 16]>(),
    ) {
        fuzz(&bytes, &relos, insn);
    }
}

#[test]
fn the_random_types_are_not_all_refused() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut done = 0;
    for _ in 0..200 {
        let mut draw = || types().new_tree(&mut runner).unwrap().current().to_bytes();
        let (local, target) = (draw(), draw());
        let relos = relos().new_tree(&mut runner).unwrap().current();
        let (Ok(local), Ok(target)) = (Btf::parse(&local), Btf::parse(&target)) else {
            continue;
        };
        // A 64-bit load of 0, which many relocations expect.
        let mut insn = [0; 16];
        insn[0] = 0x18;
        done += relocate(&local, &CoreTarget::new(Arc::new(target)), &relos, insn);
    }
    assert!(done > 20, "{done} relocations were carried out");
}

/// Structs of which each holds the one before several times without a name.
fn nested(levels: u32, times: u32) -> (BtfBuilder, TypeId) {
    let mut builder = BtfBuilder::new();
    let int = builder.int("int", 4, true);
    let mut inner = builder.structure("", 4, &[MemberSpec::at("other", int, 0)]);
    for _ in 0..levels {
        let members: Vec<_> = (0..times).map(|_| MemberSpec::at("", inner, 0)).collect();
        inner = builder.structure("", 4, &members);
    }
    let last = builder.structure("s", 4, &[MemberSpec::at("", inner, 0)]);
    (builder, last)
}

fn field_of_s() -> (Local, CoreRelo) {
    let mut local = Local(BtfBuilder::new());
    let int = local.0.int("int", 4, true);
    let s = local.0.structure("s", 4, &[MemberSpec::at("f", int, 0)]);
    let relo = local.relo(s, "0:0", OFFSET);
    (local, relo)
}

#[test]
fn nesting_does_not_multiply_the_work() {
    let (local, relo) = field_of_s();
    let (target, _) = nested(60, 8);
    assert_eq!(resolve(&local, relo, &target), Ok(Resolution::Missing));
    let (target, _) = nested(70, 8);
    assert_eq!(
        problem(resolve(&local, relo, &target)),
        CoreProblem::Depth(64)
    );
}

#[test]
fn a_struct_within_itself_is_an_error() {
    let (local, relo) = field_of_s();
    let mut target = BtfBuilder::new();
    let own = target.next_id();
    target.structure("s", 4, &[MemberSpec::at("", own, 0)]);
    assert_eq!(
        problem(resolve(&local, relo, &target)),
        CoreProblem::Depth(64)
    );
}

#[test]
fn functions_of_functions_run_out_of_steps() {
    let mut local = Local(BtfBuilder::new());
    let mut inner = local.0.int("int", 4, true);
    for _ in 0..30 {
        let params: Vec<_> = (0..9).map(|_| ("", inner)).collect();
        inner = local.0.func_proto(TypeId::VOID, &params);
    }
    let name = local.0.typedef("t", inner);
    for kind in [TYPE_EXISTS, TYPE_MATCHES] {
        let relo = local.relo(name, "0", kind);
        let btf = built(&local.0);
        let target = target(&local.0);
        let mut relocator = Relocator::new(&btf, Some(&target));
        relocator.work = Work::of(1 << 16);
        assert_eq!(problem(relocator.resolve(&relo)), CoreProblem::Work);
    }
}

#[test]
fn many_types_of_one_name_run_out_of_room() {
    let (local, relo) = field_of_s();
    let mut target = BtfBuilder::new();
    for _ in 0..1000 {
        target.structure("s", 4, &[]);
    }
    let (btf, target) = (built(&local.0), super::target(&target));
    let mut relocator = Relocator::new(&btf, Some(&target));
    relocator.room = 999;
    assert_eq!(problem(relocator.resolve(&relo)), CoreProblem::TooMany);
}
