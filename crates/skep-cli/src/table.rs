//! A map's elements as a table: a column a field, a row an element.

use crate::elements::{Element, Elements};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use comfy_table::{LineStyle, TableStyle};
use skep::btf::Value;

/// A section of variables as a table of names and values.
pub fn variables(value: &Value<'_>) -> Table {
    let mut table = new_table();
    table.set_header(["variable", "value"]);
    for field in value.fields() {
        table.add_row([field.name.to_owned(), field.value.to_string()]);
    }
    table
}

/// Elements as a table.
pub fn elements(elements: &Elements<'_>) -> Table {
    let mut table = new_table();
    let first = elements.elements.first();
    let key = columns("key", first.map(|element| &element.key));
    let value = columns("value", first.and_then(|element| element.values.first()));
    let mut header = titles(&key, &value);
    if elements.per_cpu {
        header.insert(key.names.len(), "cpu".to_owned());
    }
    table.set_header(&header);
    for element in &elements.elements {
        for row in rows(element, elements.per_cpu, &key, &value) {
            table.add_row(row);
        }
    }
    let numeric = numeric_columns(elements, &key, &value);
    for (column, is_numeric) in table.column_iter_mut().zip(numeric) {
        if is_numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A line under the header and nothing else: a table that can also be cut by columns.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// An empty table in the style of all.
pub fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// How a key or value is spread over columns.
struct Columns {
    root: &'static str,
    /// Field names; only the root for what has no fields.
    names: Vec<String>,
    split: bool,
}

fn columns(root: &'static str, sample: Option<&Value<'_>>) -> Columns {
    match sample {
        Some(Value::Struct(fields)) if !fields.is_empty() => Columns {
            root,
            names: fields.iter().map(|field| field.name.to_owned()).collect(),
            split: true,
        },
        _ => Columns {
            root,
            names: vec![root.to_owned()],
            split: false,
        },
    }
}

/// Field names, with their root before them where key and value share one.
fn titles(key: &Columns, value: &Columns) -> Vec<String> {
    let title = |columns: &Columns, other: &Columns, name: &String| {
        if columns.split && other.names.contains(name) {
            format!("{}.{name}", columns.root)
        } else {
            name.clone()
        }
    };
    let keys = key.names.iter().map(|name| title(key, value, name));
    let values = value.names.iter().map(|name| title(value, key, name));
    keys.chain(values).collect()
}

fn cells(columns: &Columns, value: &Value<'_>) -> Vec<String> {
    if columns.split {
        value
            .fields()
            .iter()
            .map(|field| field.value.to_string())
            .collect()
    } else {
        vec![value.to_string()]
    }
}

fn rows(element: &Element<'_>, per_cpu: bool, key: &Columns, value: &Columns) -> Vec<Vec<String>> {
    let row = |(cpu, one): (usize, &Value<'_>)| {
        let mut row = match cpu {
            0 => cells(key, &element.key),
            _ => vec![String::new(); key.names.len()],
        };
        if per_cpu {
            row.push(cpu.to_string());
        }
        row.extend(cells(value, one));
        row
    };
    element.values.iter().enumerate().map(row).collect()
}

fn numeric_columns(elements: &Elements<'_>, key: &Columns, value: &Columns) -> Vec<bool> {
    let Some(first) = elements.elements.first() else {
        return Vec::new();
    };
    let of = |columns: &Columns, sample: Option<&Value<'_>>| -> Vec<bool> {
        match sample {
            Some(Value::Struct(fields)) if columns.split => {
                fields.iter().map(|field| is_number(&field.value)).collect()
            }
            sample => vec![sample.is_some_and(is_number)],
        }
    };
    let mut numeric = of(key, Some(&first.key));
    if elements.per_cpu {
        numeric.push(true);
    }
    numeric.extend(of(value, first.values.first()));
    numeric
}

fn is_number(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Signed(_) | Value::Unsigned(_) | Value::Float(_)
    )
}
