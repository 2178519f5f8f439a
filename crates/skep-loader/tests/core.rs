//! CO-RE relocations of whole objects against libbpf's, recorded in
//! `testdata/core/libbpf-facts.txt`.

mod common;

use common::Fake;
use proptest::prelude::*;
use skep_abi::{Bpf, Errno};
use skep_btf::Btf;
use skep_btf::core::CoreTarget;
use skep_loader::{LoadError, LoadOptions, Object, ObjectSpec, Problem};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/core");
    let path = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn spec(name: &str) -> ObjectSpec {
    ObjectSpec::parse_named(&file(name), name).unwrap()
}

/// The types of `target.bpf.c`.
fn target() -> CoreTarget {
    let spec = spec("target.bpf.o");
    CoreTarget::new(Arc::new(spec.btf().unwrap().clone()))
}

/// Each program of an object in the words of `libbpf-facts.c`.
fn facts(name: &str, target: &CoreTarget) -> String {
    let spec = spec(name);
    let mut out = format!("object {name}\n");
    for program in spec.programs() {
        out.push_str(&program.name);
        match spec.link_for(program, target) {
            Ok(linked) => {
                for insn in linked.insns {
                    out.push(' ');
                    for byte in insn.to_bytes() {
                        write!(out, "{byte:02x}").unwrap();
                    }
                }
            }
            Err(LoadError::Object { problem, .. }) if matches!(*problem, Problem::CoRe(_)) => {
                out.push_str(" error 22");
            }
            Err(other) => panic!("{other}"),
        }
        out.push('\n');
    }
    out
}

#[test]
fn instructions_are_adapted_as_by_libbpf() {
    let target = target();
    let objects = ["ambiguous", "calls", "fields", "types"];
    let found: String = objects
        .iter()
        .map(|name| facts(&format!("{name}.bpf.o"), &target))
        .collect();
    let expected = String::from_utf8(file("libbpf-facts.txt")).unwrap();
    let differences: Vec<_> = found
        .lines()
        .zip(expected.lines())
        .filter(|(found, expected)| found != expected)
        .collect();
    assert_eq!(differences, [], "(found, by libbpf)");
    assert_eq!(found.len(), expected.len());
}

fn load(name: &str, fake: &Arc<Fake>, options: &LoadOptions) -> Result<Object, LoadError> {
    let bpf: Arc<dyn Bpf> = fake.clone();
    spec(name).load_with(&bpf, options)
}

fn adapted() -> LoadOptions {
    LoadOptions::new().target(Arc::new(target()))
}

#[test]
fn programs_are_loaded_adapted() {
    let fake = Arc::new(Fake::default());
    let object = load("calls.bpf.o", &fake, &adapted()).unwrap();
    let facts = String::from_utf8(file("libbpf-facts.txt")).unwrap();
    let programs = fake.state().programs.clone();
    assert_eq!(programs.len(), object.programs().len());
    for (name, insns) in &programs {
        let mut line = name.clone();
        for insn in insns.chunks(8) {
            let word: String = insn.iter().map(|byte| format!("{byte:02x}")).collect();
            line.extend([" ", &word]);
        }
        assert!(facts.lines().any(|fact| fact == line), "{line}");
    }
}

#[test]
fn only_objects_that_depend_on_types_need_a_target() {
    assert!(spec("calls.bpf.o").needs_target());
    assert!(!spec("target.bpf.o").needs_target());
    let globals = ObjectSpec::parse(&common::object("globals")).unwrap();
    assert!(!globals.needs_target());
}

#[test]
fn without_a_target_nothing_is_made() {
    let fake = Arc::new(Fake::default());
    let error = load("calls.bpf.o", &fake, &LoadOptions::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "section .text, symbol size_of_point, offset 0x0: the instruction cannot be adapted to \
         the target's types: size of struct point (type 19): no types of the target system are \
         given to adapt the program to"
    );
    assert!(fake.state().commands.is_empty());
}

#[test]
fn programs_that_are_not_loaded_need_not_be_adaptable() {
    let fake = Arc::new(Fake::default());
    let error = load("ambiguous.bpf.o", &fake, &adapted().only("differs")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("symbol differs"), "{text}");
    assert!(
        text.contains("byte offset of struct twin.differs") && text.contains("ambiguous"),
        "{text}"
    );
    let object = load("ambiguous.bpf.o", &fake, &adapted().only("settled")).unwrap();
    assert_eq!(object.programs().len(), 1);
}

#[test]
fn what_was_settled_once_counts_for_the_object() {
    // `only_one` settles what the field `differs` is for the later `exists`.
    let fake = Arc::new(Fake::default());
    let mut options = adapted();
    for program in spec("ambiguous.bpf.o").programs() {
        let wanted = ["only_one", "exists"].contains(&program.name.as_str());
        options = options.autoload(program.name.clone(), wanted);
    }
    let object = load("ambiguous.bpf.o", &fake, &options).unwrap();
    assert_eq!(object.programs().len(), 2);
}

#[test]
fn a_refusal_tells_what_the_target_does_not_have() {
    let refusal = |program: &str, log: &str| {
        let fake = Arc::new(Fake::default());
        fake.state().refuse_programs = Some((Errno::EINVAL, log.to_owned()));
        let error = load("calls.bpf.o", &fake, &adapted().only(program)).unwrap_err();
        error.to_string()
    };
    let log = "0: (61) r0 = *(u32 *)(r1 +0)\n1: (85) call unknown#195896080\ninvalid func unknown#195896080\n";
    let text = refusal("unguarded", log);
    let expected = "instruction 1 (in unguarded) is not valid on this system: byte offset of \
                    struct point.z (type 19): the target does not have it";
    assert!(text.ends_with(expected), "{text}");
    // The log may name none; then all are told.
    let text = refusal("guarded", "no");
    assert!(
        text.contains("value of enum color, value COLOR_GONE"),
        "{text}"
    );
    assert!(text.contains("byte offset of struct point.z"), "{text}");
    // One that the log does not end at is not to blame.
    let text = refusal("first", "no");
    assert!(!text.contains("not valid on this system"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn changed_objects_and_targets_are_answers_or_errors(
        which in 0..4usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..16u8), 1..6),
        in_target in any::<bool>(),
    ) {
        let name = ["ambiguous", "calls", "fields", "types"][which];
        let mut object = file(&format!("{name}.bpf.o"));
        let mut target = spec("target.bpf.o").btf().unwrap().to_bytes();
        let changed = if in_target { &mut target } else { &mut object };
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let (Ok(spec), Ok(target)) = (ObjectSpec::parse(&object), Btf::parse(&target)) else {
            return Ok(());
        };
        let target = CoreTarget::new(Arc::new(target));
        for program in spec.programs() {
            if let Err(error) = spec.link_for(program, &target) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
