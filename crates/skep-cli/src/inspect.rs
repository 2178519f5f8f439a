//! `skep inspect`: what an object file holds.

use crate::args::InspectArgs;
use crate::error::Failure;
use crate::table;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value as Json, json};
use skep::abi::flags::map as flag;
use skep::abi::{MapType, ProgType};
use skep::btf::{Btf, Def, TypeId, VarSecInfo};
use skep::loader::spec::MapSource;
use skep::loader::{MapSpec, ObjectSpec, ProgramSpec};
use std::fmt::Write;
use std::path::Path;

/// Reads an object file into its specification.
pub fn read_object(path: &Path) -> Result<ObjectSpec, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    ObjectSpec::parse_named(&bytes, &path.to_string_lossy())
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Runs the command; what it prints.
pub fn inspect(args: &InspectArgs) -> Result<String, Failure> {
    let spec = read_object(&args.object)?;
    if args.json {
        return Ok(format!("{:#}\n", to_json(&spec)));
    }
    let mut text = String::new();
    let license = match spec.license.as_str() {
        "" => "no license".to_owned(),
        license => format!("license {license}"),
    };
    let types = if spec.btf().is_some() {
        "with BTF"
    } else {
        "without BTF"
    };
    let _ = writeln!(text, "{}: {license}, {types}", args.object.display());
    section(
        &mut text,
        "programs",
        programs(&spec),
        spec.programs().is_empty(),
    );
    section(&mut text, "maps", maps(&spec), spec.maps().is_empty());
    for map in spec.maps() {
        if let Some(btf) = spec.btf()
            && matches!(map.source, MapSource::Data(_))
            && let Some(table) = globals(btf, map)
        {
            section(
                &mut text,
                &format!("globals in {}", map.section),
                table,
                false,
            );
        }
    }
    for warning in spec.warnings() {
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    Ok(text)
}

fn section(text: &mut String, title: &str, table: Table, is_empty: bool) {
    let _ = if is_empty {
        writeln!(text, "\n{title}: none")
    } else {
        writeln!(text, "\n{title}\n{table}")
    };
}

fn new_table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = table::new_table();
    table.set_header(header);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn programs(spec: &ObjectSpec) -> Table {
    let mut table = new_table(["name", "type", "section", "instructions"], &[3]);
    for program in spec.programs() {
        let insns = match spec.link(program) {
            Ok(linked) => linked.insns.len().to_string(),
            Err(why) => why.to_string(),
        };
        table.add_row([
            program.name.clone(),
            type_of(program),
            program.section.clone(),
            insns,
        ]);
    }
    table
}

fn type_of(program: &ProgramSpec) -> String {
    match program.prog_type {
        ProgType::UNSPEC => "unknown".to_owned(),
        known => known.to_string(),
    }
}

fn maps(spec: &ObjectSpec) -> Table {
    let header = ["name", "type", "key", "value", "entries", "flags"];
    let mut table = new_table(header, &[4]);
    for map in spec.maps() {
        table.add_row([
            map.name.clone(),
            kind_of(map),
            typed(spec.btf(), map.key_type, map.key_size),
            typed(spec.btf(), map.value_type, map.value_size),
            map.max_entries.to_string(),
            flags(map.map_flags),
        ]);
    }
    table
}

fn kind_of(map: &MapSpec) -> String {
    match map.map_type {
        MapType::UNSPEC => "unknown".to_owned(),
        known => known.to_string(),
    }
}

/// `struct source (20 bytes)`
fn typed(btf: Option<&Btf>, id: TypeId, size: u32) -> String {
    let bytes = if size == 1 {
        "1 byte".to_owned()
    } else {
        format!("{size} bytes")
    };
    match btf {
        Some(btf) if id != TypeId::VOID => format!("{} ({bytes})", type_name(btf, id)),
        _ => bytes,
    }
}

/// Creation flags by the names of the interface, prefix dropped, lower case.
fn flags(bits: u32) -> String {
    const NAMES: [(u32, &str); 8] = [
        (flag::NO_PREALLOC, "no_prealloc"),
        (flag::NO_COMMON_LRU, "no_common_lru"),
        (flag::NUMA_NODE, "numa_node"),
        (flag::RDONLY_PROG, "rdonly_prog"),
        (flag::WRONLY_PROG, "wronly_prog"),
        (flag::MMAPABLE, "mmapable"),
        (flag::INNER_MAP, "inner_map"),
        (flag::ZERO_SEED, "zero_seed"),
    ];
    let mut left = bits;
    let mut names: Vec<String> = Vec::new();
    for (bit, name) in NAMES {
        if bits & bit != 0 {
            names.push(name.to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        names.push(format!("{left:#x}"));
    }
    names.join(" ")
}

/// A type as C names it; what is wrong where it cannot be followed.
fn type_name(btf: &Btf, id: TypeId) -> String {
    btf.type_name(id).unwrap_or_else(|why| format!("? ({why})"))
}

/// Name, type, offset and size of a global.
type Variable = (String, TypeId, u32, u32);

/// The variables of a data map's section.
fn variables(btf: &Btf, map: &MapSpec) -> Option<Vec<Variable>> {
    let section = btf.find_datasec(&map.section)?;
    let variable = |info: VarSecInfo| match btf.type_by_id(info.ty).map(|ty| (ty.name(), ty.def()))
    {
        Some((name, Def::Var { ty, .. })) => (name.to_owned(), ty, info.offset, info.size),
        _ => ("?".to_owned(), TypeId::VOID, info.offset, info.size),
    };
    Some(section.vars().map(variable).collect())
}

fn globals(btf: &Btf, map: &MapSpec) -> Option<Table> {
    let mut table = new_table(["variable", "type", "offset", "size"], &[2, 3]);
    for (name, id, offset, size) in variables(btf, map)? {
        table.add_row([
            name,
            type_name(btf, id),
            offset.to_string(),
            size.to_string(),
        ]);
    }
    Some(table)
}

fn to_json(spec: &ObjectSpec) -> Json {
    json!({
        "name": spec.name(),
        "license": spec.license,
        "btf": spec.btf().is_some(),
        "programs": spec.programs().iter().map(|program| program_json(spec, program)).collect::<Vec<_>>(),
        "maps": spec.maps().iter().map(|map| map_json(spec.btf(), map)).collect::<Vec<_>>(),
        "warnings": spec.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn program_json(spec: &ObjectSpec, program: &ProgramSpec) -> Json {
    let linked = spec.link(program);
    json!({
        "name": program.name,
        "type": type_of(program),
        "section": program.section,
        "instructions": linked.as_ref().ok().map(|linked| linked.insns.len()),
        "error": linked.as_ref().err().map(ToString::to_string),
    })
}

fn map_json(btf: Option<&Btf>, map: &MapSpec) -> Json {
    let name_of = |id| match btf {
        Some(btf) if id != TypeId::VOID => Json::from(type_name(btf, id)),
        _ => Json::Null,
    };
    let globals = btf.filter(|_| matches!(map.source, MapSource::Data(_))).and_then(|btf| {
        let json = |(name, id, offset, size): Variable| {
            json!({"name": name, "type": type_name(btf, id), "offset": offset, "size": size})
        };
        Some(variables(btf, map)?.into_iter().map(json).collect::<Vec<_>>())
    });
    json!({
        "name": map.name,
        "type": kind_of(map),
        "key_size": map.key_size,
        "key_type": name_of(map.key_type),
        "value_size": map.value_size,
        "value_type": name_of(map.value_type),
        "max_entries": map.max_entries,
        "flags": map.map_flags,
        "pinning": map.pinning,
        "section": map.section,
        "globals": globals,
    })
}
