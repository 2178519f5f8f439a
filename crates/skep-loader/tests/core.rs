//! CO-RE relocations of whole objects against libbpf's, recorded in
//! `testdata/core/libbpf-facts.txt`.

mod common;

use skep_btf::core::CoreTarget;
use skep_loader::{LoadError, ObjectSpec, Problem};
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
    let objects = ["ambiguous.bpf.o", "fields.bpf.o", "types.bpf.o"];
    let found: String = objects.iter().map(|name| facts(name, &target)).collect();
    let expected = String::from_utf8(file("libbpf-facts.txt")).unwrap();
    let differences: Vec<_> = found
        .lines()
        .zip(expected.lines())
        .filter(|(found, expected)| found != expected)
        .collect();
    assert_eq!(differences, [], "(found, by libbpf)");
    assert_eq!(found.len(), expected.len());
}
