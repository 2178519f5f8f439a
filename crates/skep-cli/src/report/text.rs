//! The report for a person.

use super::{Place, Printed, Report, ShownMap, counted, grouped, rate};
use crate::elements::is_array;
use crate::runner::return_name;
use crate::table;
use skep::btf::Value;
use std::fmt::Write;

/// How many places of a kind of violation are described.
const PLACES: usize = 5;
/// How many characters of a section without types are shown.
const BYTES: usize = 200;
/// How many printed lines are shown.
const LINES: usize = 20;

/// The report as text.
pub fn render(report: &Report<'_>) -> String {
    let mut text = String::new();
    head(&mut text, report);
    text.push_str("\nreturned\n");
    for (&value, &count) in &report.returned {
        let name = return_name(report.prog_type, value);
        let _ = writeln!(text, "  {name:<24} {:>12}", grouped(count));
    }
    if report.returned.is_empty() {
        text.push_str("  nothing\n");
    }
    violations(&mut text, report);
    printed(&mut text, &report.printed);
    for shown in &report.maps {
        map(&mut text, shown);
    }
    text
}

fn head(text: &mut String, report: &Report<'_>) {
    let _ = writeln!(
        text,
        "{}: program {} ({}) on {}",
        report.object,
        report.program,
        report.prog_type,
        report.system.name()
    );
    let packets = counted(report.packets, "packet");
    let bytes = counted(report.bytes, "byte");
    let _ = write!(text, "{}: {packets}, {bytes}", report.capture);
    if report.repeat > 1 {
        let _ = write!(text, ", each run {} times", report.repeat);
    }
    if !report.seeded && report.packets > 0 {
        let _ = write!(text, ", {}", rate(report.packets, report.elapsed));
    }
    text.push('\n');
    for remark in report.remarks() {
        let _ = writeln!(text, "note: {remark}");
    }
}

fn violations(text: &mut String, report: &Report<'_>) {
    if report.violations.is_empty() {
        return;
    }
    text.push_str("\nviolations\n");
    for (kind, violations) in &report.violations {
        let _ = writeln!(text, "  {kind:<24} {:>12}", grouped(violations.count));
        for place in violations.places.iter().take(PLACES) {
            describe(text, place);
        }
        if let Some(more) = violations.places.len().checked_sub(PLACES + 1) {
            let more = counted(more as u64 + 1, "instruction");
            let _ = writeln!(text, "    and at {more} more (--json lists them)");
        }
    }
}

fn describe(text: &mut String, place: &Place) {
    let violation = &place.first;
    let met = match place.count {
        1 => format!("packet {}", place.packet),
        count => format!("{} times, first packet {}", grouped(count), place.packet),
    };
    let _ = writeln!(
        text,
        "    instruction {} ({met}): {}",
        violation.insn, violation.what
    );
    if let Some(source) = &violation.source {
        let function = match &source.function {
            Some(name) => format!("{name}, "),
            None => String::new(),
        };
        let _ = writeln!(text, "      {function}{source}");
    }
}

fn printed(text: &mut String, printed: &Printed) {
    if printed.lines.is_empty() {
        return;
    }
    text.push_str("\nprinted\n");
    for line in printed.lines.iter().take(LINES) {
        let _ = writeln!(text, "  cpu {}: {}", line.cpu, line.text.trim_end());
    }
    let shown = printed.lines.len().min(LINES);
    let more = (printed.lines.len() - shown) as u64 + printed.lost;
    if more > 0 {
        let more = counted(more, "line");
        let _ = writeln!(text, "  and {more} more");
    }
}

fn map(text: &mut String, shown: &ShownMap<'_>) {
    let spec = shown.map.spec();
    let elements = &shown.elements;
    let only = elements.elements.first();
    if let Some(value) = only.and_then(|only| only.values.first())
        && spec.is_data()
    {
        variables(text, &spec.name, value);
        return;
    }
    let max = grouped(spec.max_entries.into());
    let count = elements.elements.len() as u64;
    let how_many = match (is_array(spec.map_type), count, elements.zero) {
        (true, 0, zero) if zero > 0 => format!("all {max} elements are zero"),
        (true, _, 0) => counted(count, "element"),
        (true, _, zero) => format!(
            "{max} elements, {} of them zero and not shown",
            grouped(zero)
        ),
        (false, 0, _) => format!("empty, room for {max}"),
        (false, _, _) => format!("{}, room for {max}", counted(count, "element")),
    };
    let _ = writeln!(text, "\nmap {} ({}, {how_many})", spec.name, spec.map_type);
    if count > 0 {
        text.push_str(&table::elements(elements));
    }
    if let Some(errno) = elements.failure {
        let _ = writeln!(text, "the map cannot be read further: {errno}");
    }
}

fn variables(text: &mut String, section: &str, value: &Value<'_>) {
    match value {
        Value::Struct(fields) if !fields.is_empty() => {
            let _ = write!(text, "\nglobals {section}\n{}", table::variables(value));
        }
        Value::Struct(_) => {
            let _ = writeln!(text, "\nglobals {section}: none that have a name");
        }
        // Without types a section is but bytes, and it may be as large as a file.
        other => {
            let bytes: String = other.to_string().chars().take(BYTES).collect();
            let more = if bytes.len() == BYTES { "..." } else { "" };
            let _ = writeln!(text, "\nglobals {section}, without types\n {bytes}{more}");
        }
    }
}
