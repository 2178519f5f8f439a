//! What an object holds, for a person.

use super::{Variable, attach_of, flags, instructions, kind_of, type_name, type_of, variables};
use crate::table;
use comfy_table::{CellAlignment, Table};
use skep::btf::TypeId;
use skep::loader::{MapSpec, ObjectSpec, ProgramSpec};
use std::fmt::Write;

/// The object as text.
pub fn render(file: &str, spec: &ObjectSpec) -> String {
    let mut text = String::new();
    let license = match spec.license.as_str() {
        "" => "no license".to_owned(),
        license => format!("license {license}"),
    };
    let types = if spec.btf().is_some() {
        "with types (BTF)"
    } else {
        "without types (BTF)"
    };
    let _ = writeln!(text, "{file}: {license}, {types}");
    section(&mut text, "programs", programs(spec));
    functions(&mut text, spec);
    section(&mut text, "maps", maps(spec));
    for map in spec.maps().iter().filter(|map| map.is_data()) {
        match variables(spec.btf(), map) {
            Some(variables) => {
                let title = format!("globals in {}", map.section);
                section(&mut text, &title, globals(&variables));
            }
            None => {
                let _ = writeln!(
                    text,
                    "\nglobals in {}: {}, not described by BTF",
                    map.section,
                    bytes(map.value_size)
                );
            }
        }
    }
    for warning in spec.warnings() {
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    text
}

fn section(text: &mut String, title: &str, table: Table) {
    let _ = if table.is_empty() {
        writeln!(text, "\n{title}: none")
    } else {
        write!(text, "\n{title}\n{}", table::text(&table))
    };
}

/// A table whose columns of the numbers `right` are aligned to the right.
fn new_table(header: &[&str], right: &[&str]) -> Table {
    let mut table = table::new_table();
    table.set_header(header);
    for (column, title) in header.iter().enumerate() {
        if right.contains(title)
            && let Some(column) = table.column_mut(column)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn programs(spec: &ObjectSpec) -> Table {
    let attaches = |program: &ProgramSpec| attach_of(program).is_some();
    let has_attach = spec.programs().iter().any(attaches);
    let mut header = vec!["name", "type", "attach type", "section", "instructions"];
    header.retain(|&title| has_attach || title != "attach type");
    let mut table = new_table(&header, &["instructions"]);
    for program in spec.programs() {
        let count = instructions(spec, program);
        let mut row = vec![
            program.name.clone(),
            type_of(program).unwrap_or_else(|| "unknown".to_owned()),
        ];
        if has_attach {
            row.push(attach_of(program).unwrap_or_default());
        }
        let not_loaded = if program.autoload { "" } else { " (on demand)" };
        row.push(format!("{}{not_loaded}", program.section));
        row.push(count.map_or_else(|why| why, |count| count.to_string()));
        table.add_row(row);
    }
    table
}

/// Functions that are no programs.
fn functions(text: &mut String, spec: &ObjectSpec) {
    let mut table = new_table(&["name", "linkage", "instructions"], &["instructions"]);
    let is_program = |name: &str| spec.program(name).is_some();
    for function in spec.functions().iter().filter(|f| !is_program(&f.name)) {
        let linkage = if function.is_static {
            "static"
        } else {
            "global"
        };
        table.add_row([
            function.name.clone(),
            linkage.to_owned(),
            function.len.to_string(),
        ]);
    }
    if !table.is_empty() {
        section(text, "subprograms", table);
    }
}

fn maps(spec: &ObjectSpec) -> Table {
    let header = [
        "name", "type", "key", "value", "entries", "flags", "pinning",
    ];
    let has_flags = spec.maps().iter().any(|map| map.map_flags != 0);
    let has_pins = spec.maps().iter().any(|map| map.pinning != 0);
    let header: Vec<&str> = header
        .into_iter()
        .filter(|&title| has_flags || title != "flags")
        .filter(|&title| has_pins || title != "pinning")
        .collect();
    let mut table = new_table(&header, &["entries"]);
    for map in spec.maps() {
        let mut row = vec![
            map.name.clone(),
            kind_of(map).unwrap_or_else(|| "unknown".to_owned()),
            typed(spec, map.key_type, map.key_size),
            value_of(spec, map),
            map.max_entries.to_string(),
        ];
        if has_flags {
            row.push(flags(map.map_flags).join(" "));
        }
        if has_pins {
            row.push(match map.pinning {
                0 => String::new(),
                skep::loader::spec::PIN_BY_NAME => "by name".to_owned(),
                other => other.to_string(),
            });
        }
        table.add_row(row);
    }
    table
}

fn value_of(spec: &ObjectSpec, map: &MapSpec) -> String {
    if map.is_data() {
        return bytes(map.value_size);
    }
    typed(spec, map.value_type, map.value_size)
}

/// `struct source (20 bytes)`
fn typed(spec: &ObjectSpec, id: TypeId, size: u32) -> String {
    match type_name(spec.btf(), id) {
        Some(name) => format!("{name} ({})", bytes(size)),
        None => bytes(size),
    }
}

fn bytes(size: u32) -> String {
    match size {
        1 => "1 byte".to_owned(),
        size => format!("{size} bytes"),
    }
}

fn globals(variables: &[Variable<'_>]) -> Table {
    let header = ["variable", "type", "offset", "size", "initial value"];
    let mut table = new_table(&header, &["offset", "size"]);
    for variable in variables {
        table.add_row([
            variable.name.to_owned(),
            variable.type_name.clone(),
            variable.offset.to_string(),
            variable.size.to_string(),
            variable.initial.to_string(),
        ]);
    }
    table
}
