//! The loader's view of objects against libbpf's, recorded in `libbpf-facts.txt`.

mod common;

use skep_loader::spec::MapSource;
use skep_loader::{LoadError, ObjectSpec};
use std::fmt::Write;

/// FNV-1a of the instructions, loads of maps holding no number yet.
fn hash_of(insns: &[skep_abi::Insn]) -> u64 {
    let bytes = insns.iter().flat_map(|insn| insn.to_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// One object in the words of `libbpf-facts.c`.
fn facts(file: &str) -> Result<String, LoadError> {
    let bytes = common::object(file.strip_suffix(".bpf.o").unwrap());
    let spec = ObjectSpec::parse_named(&bytes, file)?;
    let mut out = format!("object {file} {}\n", spec.name());
    for map in spec.maps() {
        // A section of variables with a name of its own keeps it whole in libbpf.
        let name = match map.source {
            MapSource::Data(_) if map.name.matches('.').count() < 2 => map.system_name.to_text(),
            _ => map.name.clone(),
        };
        writeln!(
            out,
            "map {name} {} {} {} {} {} {} {}",
            map.map_type.0,
            map.key_size,
            map.value_size,
            map.max_entries,
            match map.map_flags {
                0 => "0".to_owned(),
                flags => format!("{flags:#x}"),
            },
            map.key_type,
            map.value_type
        )
        .unwrap();
    }
    for program in spec.programs() {
        let linked = spec.link(program)?;
        writeln!(
            out,
            "program {} {} {} {} {} {:016x}",
            program.name,
            program.section,
            program.prog_type.0,
            program.attach_type.0,
            linked.insns.len(),
            hash_of(&linked.insns)
        )
        .unwrap();
    }
    Ok(out)
}

#[test]
fn maps_and_programs_are_as_libbpf_has_them() {
    let recorded = include_str!("libbpf-facts.txt");
    let files: Vec<&str> = recorded
        .lines()
        .filter_map(|line| line.strip_prefix("object ")?.split(' ').next())
        .collect();
    assert!(files.len() > 20, "objects are recorded: {files:?}");
    let ours: String = files
        .iter()
        .map(|file| facts(file).unwrap_or_else(|e| panic!("{file}: {e}")))
        .collect();
    for (number, (ours, theirs)) in ours.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {} of libbpf-facts.txt", number + 1);
    }
    assert_eq!(ours.lines().count(), recorded.lines().count());
}
