//! A map's elements as a table: a column a field, a row an element.
//!
//! Per-CPU values stand side by side where they are single numbers of a few cpus,
//! else in a row a cpu. On a terminal that is too narrow cells are wrapped, but no
//! numbers; where that is not enough the table is turned, a field a line. Elsewhere
//! lines are as long as they are.

use crate::elements::{Element, Elements};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement};
use comfy_table::{LineStyle, Table, TableStyle, Width};
use skep::btf::Value;

/// Most cpus whose values stand side by side.
const CPU_COLUMNS: usize = 8;

/// Characters of a text that is not broken off earlier.
const NARROWEST: u16 = 28;

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

/// A table as text, without blanks at the ends of lines.
pub fn text(table: &Table) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

/// A section of variables as a table of names and values.
pub fn variables(value: &Value<'_>) -> String {
    let mut table = new_table();
    table.set_header(["variable", "value"]);
    for field in value.fields() {
        table.add_row([field.name.to_owned(), field.value.to_string()]);
    }
    text(&table)
}

/// Elements as a table.
pub fn elements(elements: &Elements<'_>) -> String {
    let layout = Layout::of(elements);
    let mut table = new_table();
    table.set_header(layout.titles());
    for element in &elements.elements {
        for row in layout.rows(element) {
            table.add_row(row);
        }
    }
    let numeric = layout.numeric(elements);
    let widths = table.column_max_content_widths();
    let columns = table.column_iter_mut().zip(numeric).zip(widths);
    for ((column, is_numeric), width) in columns {
        if is_numeric {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else {
            // With the blank on both sides.
            let least = Width::Fixed(width.min(NARROWEST) + 2);
            column.set_constraint(ColumnConstraint::LowerBoundary(least));
        }
    }
    let Some(terminal) = table.width().map(usize::from) else {
        return text(&table);
    };
    for arrangement in [ContentArrangement::Disabled, ContentArrangement::Dynamic] {
        table.set_content_arrangement(arrangement);
        let text = text(&table);
        if text.lines().all(|line| line.chars().count() <= terminal) {
            return text;
        }
    }
    turned(&layout, elements)
}

/// A field a line, a blank line between elements.
fn turned(layout: &Layout, elements: &Elements<'_>) -> String {
    let titles = layout.titles();
    let width = titles.iter().map(|title| title.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for (index, element) in elements.elements.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for row in layout.rows(element) {
            let fields = titles.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            for (title, cell) in fields {
                text.push_str(&format!(" {title:<width$}  {cell}\n"));
            }
        }
    }
    text
}

/// How a map's elements are spread over columns.
struct Layout {
    key: Columns,
    value: Columns,
    cpus: Cpus,
}

/// Where the values of cpus stand.
#[derive(Clone, Copy, PartialEq)]
enum Cpus {
    /// There is one value.
    One,
    /// A row a cpu.
    Rows,
    /// A column a cpu, so many.
    Columns(usize),
}

/// How a key or value is spread over columns.
struct Columns {
    root: &'static str,
    /// Field names; only the root for what has no fields.
    names: Vec<String>,
    split: bool,
}

impl Columns {
    fn of(root: &'static str, sample: Option<&Value<'_>>) -> Columns {
        let (names, split) = match sample {
            Some(Value::Struct(fields)) if !fields.is_empty() => {
                let names = fields.iter().map(|field| field.name.to_owned());
                (names.collect(), true)
            }
            _ => (vec![root.to_owned()], false),
        };
        Columns { root, names, split }
    }

    /// Field names, with the root before those that the other has, too.
    fn titles<'s>(&'s self, other: &'s Columns) -> impl Iterator<Item = String> + 's {
        self.names.iter().map(|name| {
            if self.split && other.names.contains(name) {
                format!("{}.{name}", self.root)
            } else {
                name.clone()
            }
        })
    }

    fn cells(&self, value: &Value<'_>) -> Vec<String> {
        if !self.split {
            return vec![value.to_string()];
        }
        let fields = value.fields().iter();
        fields.map(|field| field.value.to_string()).collect()
    }

    /// Which columns hold numbers.
    fn numeric(&self, sample: Option<&Value<'_>>) -> Vec<bool> {
        match sample {
            Some(Value::Struct(fields)) if self.split => {
                fields.iter().map(|field| is_number(&field.value)).collect()
            }
            sample => vec![sample.is_some_and(is_number)],
        }
    }
}

impl Layout {
    fn of(elements: &Elements<'_>) -> Layout {
        let first = elements.elements.first();
        let value = Columns::of("value", first.and_then(|first| first.values.first()));
        let count = first.map_or(0, |first| first.values.len());
        let cpus = match elements.per_cpu {
            false => Cpus::One,
            true if value.split || count > CPU_COLUMNS => Cpus::Rows,
            true => Cpus::Columns(count),
        };
        Layout {
            key: Columns::of("key", first.map(|first| &first.key)),
            value,
            cpus,
        }
    }

    fn titles(&self) -> Vec<String> {
        let mut titles: Vec<String> = self.key.titles(&self.value).collect();
        match self.cpus {
            Cpus::One => titles.extend(self.value.titles(&self.key)),
            Cpus::Rows => {
                titles.push("cpu".to_owned());
                titles.extend(self.value.titles(&self.key));
            }
            Cpus::Columns(count) => titles.extend((0..count).map(|cpu| format!("cpu {cpu}"))),
        }
        titles
    }

    fn rows(&self, element: &Element<'_>) -> Vec<Vec<String>> {
        let key = self.key.cells(&element.key);
        if let Cpus::Columns(_) = self.cpus {
            let values = element.values.iter().map(Value::to_string);
            return vec![key.into_iter().chain(values).collect()];
        }
        let row = |(cpu, value): (usize, &Value<'_>)| {
            let mut row = match cpu {
                0 => key.clone(),
                // Said once.
                _ => vec![String::new(); key.len()],
            };
            if self.cpus == Cpus::Rows {
                row.push(cpu.to_string());
            }
            row.extend(self.value.cells(value));
            row
        };
        element.values.iter().enumerate().map(row).collect()
    }

    fn numeric(&self, elements: &Elements<'_>) -> Vec<bool> {
        let first = elements.elements.first();
        let mut numeric = self.key.numeric(first.map(|first| &first.key));
        let value = first.and_then(|first| first.values.first());
        match self.cpus {
            Cpus::Rows => numeric.push(true),
            Cpus::One => {}
            Cpus::Columns(count) => {
                numeric.extend(vec![value.is_some_and(is_number); count]);
                return numeric;
            }
        }
        numeric.extend(self.value.numeric(value));
        numeric
    }
}

fn is_number(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Signed(_) | Value::Unsigned(_) | Value::Float(_)
    )
}
