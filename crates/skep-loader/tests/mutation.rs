//! Objects with random faults: an answer or an error, never a panic or a hang.

mod common;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use skep_loader::ObjectSpec;

/// The objects that faults are put into.
fn objects() -> Vec<Vec<u8>> {
    let names = [
        "globals",
        "subprograms",
        "legacy-kv-pair",
        "legacy-no-btf",
        "map-kinds",
        "map-relocations",
        "subprogram-same-section",
        "map-types",
    ];
    let mut all: Vec<Vec<u8>> = names.iter().map(|name| common::object(name)).collect();
    all.extend(["functions", "map-error-10", "map-error-13"].map(common::own_object));
    all
}

/// Reads the object and puts every program together; whether all of it worked.
fn read(bytes: &[u8]) -> bool {
    let Ok(spec) = ObjectSpec::parse(bytes) else {
        return false;
    };
    let held: usize = spec.functions().iter().map(|f| f.len as usize).sum();
    let mut all = true;
    for program in spec.programs() {
        match spec.link(program) {
            Ok(linked) => assert!(linked.insns.len() <= held, "no more than all functions"),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                all = false;
            }
        }
    }
    all
}

/// Runs the same cases at every run.
fn run<S: Strategy>(cases: u32, strategy: S, check: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        check(value);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// A change of one to eight bytes at some place: a small number, a large one, any.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, u64)> {
    let number = prop_oneof![
        0..64u64,
        Just(u64::MAX),
        Just(1 << 31),
        Just(1 << 63),
        any::<u64>()
    ];
    (any::<prop::sample::Index>(), 0..4usize, number)
}

fn apply(bytes: &mut [u8], at: usize, width: usize, number: u64) {
    for (to, from) in bytes
        .iter_mut()
        .skip(at)
        .zip(&number.to_le_bytes()[..width])
    {
        *to = *from;
    }
}

#[test]
fn objects_read_before_they_are_broken() {
    let readable = objects().iter().filter(|bytes| read(bytes)).count();
    assert_eq!(readable, objects().len() - 1, "all but the one with CO-RE");
}

#[test]
fn changed_bytes_are_an_answer_or_an_error() {
    let objects = objects();
    let changes = prop::collection::vec(change(), 1..6);
    let which = any::<prop::sample::Index>();
    run(4000, (which, changes), |(which, changes)| {
        let mut bytes = which.get(&objects).clone();
        for (at, width, number) in changes {
            let at = at.index(bytes.len());
            apply(&mut bytes, at, 1 << width, number);
        }
        read(&bytes);
    });
}

/// Headers, symbols and relocations hold what matters most.
#[test]
fn changed_tables_are_an_answer_or_an_error() {
    let objects = objects();
    let which = any::<prop::sample::Index>();
    let changes = prop::collection::vec(change(), 1..4);
    run(4000, (which, changes), |(which, changes)| {
        let mut bytes = which.get(&objects).clone();
        // Everything from the symbol table on: tables, names, headers.
        let patch = common::patch::Patch {
            bytes: bytes.clone(),
        };
        let start = patch.data(".symtab");
        let len = bytes.len() - start;
        for (at, width, number) in changes {
            let at = start + at.index(len) / 4 * 4;
            apply(&mut bytes, at, 1 << width, number);
        }
        read(&bytes);
    });
}

#[test]
fn cut_files_are_an_answer_or_an_error() {
    for bytes in objects() {
        for len in (0..bytes.len()).step_by(7) {
            read(&bytes[..len]);
        }
    }
}
