//! What an object holds, for machines. The fields are described in `skep help
//! inspect`, and others may be added; none goes or changes its meaning.

use super::variables;
use super::{Variable, attach_of, defined, flags, instructions, kind_of, type_name, type_of};
use crate::show::to_json;
use serde_json::{Value as Json, json};
use skep::loader::spec::Function;
use skep::loader::{MapSpec, ObjectSpec, ProgramSpec};

/// The object as JSON.
pub fn render(file: &str, spec: &ObjectSpec) -> String {
    let programs = spec.programs().iter().map(|p| program(spec, p));
    let functions = spec.functions().iter().map(|f| function(spec, f));
    let maps = spec.maps().iter().map(|m| map(spec, m));
    let json = json!({
        "object": file,
        "name": spec.name(),
        "license": spec.license,
        "btf": spec.btf().is_some(),
        "programs": programs.collect::<Vec<_>>(),
        "functions": functions.collect::<Vec<_>>(),
        "maps": maps.collect::<Vec<_>>(),
        "warnings": spec.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    format!("{json:#}\n")
}

fn program(spec: &ObjectSpec, program: &ProgramSpec) -> Json {
    let count = instructions(spec, program);
    json!({
        "name": program.name,
        "type": type_of(program),
        "attach_type": attach_of(program),
        "attach_target": program.attach_target,
        "section": program.section,
        "instructions": count.as_ref().ok(),
        "autoload": program.autoload,
        "error": count.as_ref().err(),
    })
}

fn function(spec: &ObjectSpec, function: &Function) -> Json {
    json!({
        "name": function.name,
        "static": function.is_static,
        "instructions": function.len,
        "program": spec.program(&function.name).is_some(),
    })
}

fn map(spec: &ObjectSpec, map: &MapSpec) -> Json {
    let variables = variables(spec.btf(), map);
    let globals = variables.map(|all| all.iter().map(variable).collect::<Vec<_>>());
    json!({
        "name": map.name,
        "type": kind_of(map),
        "defined": defined(map),
        "key_size": map.key_size,
        "key_type": type_name(spec.btf(), map.key_type),
        "value_size": map.value_size,
        "value_type": type_name(spec.btf(), map.value_type),
        "max_entries": map.max_entries,
        "flags": map.map_flags,
        "flag_names": flags(map.map_flags),
        "pinning": map.pinning,
        "section": map.section,
        "globals": globals,
    })
}

fn variable(variable: &Variable<'_>) -> Json {
    json!({
        "name": variable.name,
        "type": variable.type_name,
        "offset": variable.offset,
        "size": variable.size,
        "initial": to_json(&variable.initial),
    })
}
