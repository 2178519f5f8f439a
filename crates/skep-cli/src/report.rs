//! What a run came to, as text and as JSON.

use crate::args::RunArgs;
use crate::elements::Elements;
use crate::runner::{Violation, return_name};
use crate::show::to_json;
use crate::{run, table};
use serde_json::{Value as Json, json};
use skep::abi::ProgType;
use skep::loader::spec::MapSource;
use skep::loader::{LoadedMap, Object, ProgramSpec};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// How many violations of a kind are described; all are counted.
const DESCRIBED: usize = 3;

/// A map that is shown.
pub struct ShownMap<'a> {
    pub map: &'a LoadedMap,
    pub elements: Elements<'a>,
}

/// Violations of one kind.
#[derive(Default)]
pub struct Violations {
    pub count: u64,
    /// The first different ones, each with the packet it was met at.
    pub first: Vec<(u64, String)>,
}

/// What a run came to.
pub struct Report<'a> {
    object: String,
    capture: String,
    program: String,
    prog_type: ProgType,
    system: &'static str,
    repeat: u32,
    warnings: Vec<String>,
    pub packets: u64,
    pub bytes: u64,
    pub too_short: u64,
    pub refused: u64,
    pub elapsed: Duration,
    pub made_up_ethernet: bool,
    pub broken: Option<String>,
    pub returned: BTreeMap<u32, u64>,
    pub violations: BTreeMap<String, Violations>,
    pub maps: Vec<ShownMap<'a>>,
}

impl<'a> Report<'a> {
    /// Nothing has been run yet.
    pub fn new(
        args: &RunArgs,
        object: &'a Object,
        program: &ProgramSpec,
        system: &'static str,
    ) -> Report<'a> {
        Report {
            object: args.object.display().to_string(),
            capture: args.pcap.display().to_string(),
            program: program.name.clone(),
            prog_type: program.prog_type,
            system,
            repeat: args.repeat,
            warnings: object.warnings().iter().map(ToString::to_string).collect(),
            packets: 0,
            bytes: 0,
            too_short: 0,
            refused: 0,
            elapsed: Duration::ZERO,
            made_up_ethernet: false,
            broken: None,
            returned: BTreeMap::new(),
            violations: BTreeMap::new(),
            maps: Vec::new(),
        }
    }

    /// Counts a violation and keeps the first few different ones of its kind.
    pub fn violation(&mut self, violation: Violation) {
        let packet = self.packets;
        let kind = self.violations.entry(violation.kind).or_default();
        kind.count += 1;
        let is_new = kind.first.iter().all(|(_, text)| *text != violation.text);
        if is_new && kind.first.len() < DESCRIBED {
            kind.first.push((packet, violation.text));
        }
    }

    /// Sentences about what was odd.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.warnings.clone();
        if self.made_up_ethernet {
            remarks.push(
                "the capture holds bare IP packets; each was given an Ethernet header".into(),
            );
        }
        if self.too_short > 0 {
            let count = counted(self.too_short, "packet");
            remarks.push(format!("{count} not run: shorter than an Ethernet header"));
        }
        if self.refused > 0 {
            let count = counted(self.refused, "packet");
            remarks.push(format!(
                "{count} not run: too long for this program type, or cut within the network header"
            ));
        }
        remarks.extend(self.broken.clone());
        remarks
    }
}

/// The report for a person.
pub fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: program {} ({}) on {}",
        report.object, report.program, report.prog_type, report.system
    );
    let times = match report.repeat {
        1 => String::new(),
        repeat => format!(", each run {repeat} times"),
    };
    let _ = writeln!(
        text,
        "{}: {}, {} bytes{times}, {}",
        report.capture,
        counted(report.packets, "packet"),
        grouped(report.bytes),
        run::rate(report.packets, report.elapsed),
    );
    for remark in report.remarks() {
        let _ = writeln!(text, "note: {remark}");
    }
    text.push_str("\nreturned\n");
    for (&value, &count) in &report.returned {
        let name = return_name(report.prog_type, value);
        let _ = writeln!(text, "  {name:<20} {:>12}", grouped(count));
    }
    if report.returned.is_empty() {
        text.push_str("  nothing\n");
    }
    violations(&mut text, report);
    for shown in &report.maps {
        map(&mut text, shown);
    }
    text
}

fn violations(text: &mut String, report: &Report<'_>) {
    if report.violations.is_empty() {
        return;
    }
    text.push_str("\nviolations\n");
    for (kind, violations) in &report.violations {
        let _ = writeln!(text, "  {kind:<20} {:>12}", grouped(violations.count));
        for (packet, what) in &violations.first {
            let what = what.replace('\n', "\n      ");
            let _ = writeln!(text, "    packet {packet}: {what}");
        }
    }
}

fn map(text: &mut String, shown: &ShownMap<'_>) {
    let spec = shown.map.spec();
    let elements = &shown.elements;
    if let (MapSource::Data(_), [only]) = (spec.source, elements.elements.as_slice())
        && let [value] = only.values.as_slice()
        && !value.fields().is_empty()
    {
        let _ = writeln!(text, "\nglobals {}\n{}", spec.name, table::variables(value));
        return;
    }
    let count = counted(elements.elements.len() as u64, "element");
    let of = match elements.zero {
        0 => format!(
            "{count} of {} at the most",
            grouped(spec.max_entries.into())
        ),
        zero => format!("{count}, {} all zero not shown", grouped(zero)),
    };
    let _ = writeln!(text, "\nmap {} ({}, {of})", spec.name, spec.map_type);
    if !elements.elements.is_empty() {
        let _ = writeln!(text, "{}", table::elements(elements));
    }
    if let Some(errno) = elements.failure {
        let _ = writeln!(text, "the map cannot be read further: {errno}");
    }
}

/// The report for machines.
pub fn json(report: &Report<'_>) -> String {
    let returned: serde_json::Map<String, Json> = report
        .returned
        .iter()
        .map(|(&value, &count)| (return_name(report.prog_type, value), count.into()))
        .collect();
    let violations: serde_json::Map<String, Json> = report
        .violations
        .iter()
        .map(|(kind, violations)| {
            let first = violations.first.iter();
            let first: Vec<_> = first
                .map(|(packet, what)| json!({"packet": packet, "what": what}))
                .collect();
            (
                kind.clone(),
                json!({"count": violations.count, "first": first}),
            )
        })
        .collect();
    let json = json!({
        "object": report.object,
        "program": report.program,
        "type": report.prog_type.to_string(),
        "system": report.system,
        "capture": report.capture,
        "packets": report.packets,
        "bytes": report.bytes,
        "repeat": report.repeat,
        "seconds": report.elapsed.as_secs_f64(),
        "notes": report.remarks(),
        "returned": returned,
        "violations": violations,
        "maps": report.maps.iter().map(map_json).collect::<Vec<_>>(),
    });
    format!("{json:#}\n")
}

fn map_json(shown: &ShownMap<'_>) -> Json {
    let spec = shown.map.spec();
    let elements: Vec<Json> = shown
        .elements
        .elements
        .iter()
        .map(|element| {
            let values: Vec<Json> = element.values.iter().map(to_json).collect();
            match (shown.elements.per_cpu, values.as_slice()) {
                (false, [value]) => json!({"key": to_json(&element.key), "value": value}),
                _ => json!({"key": to_json(&element.key), "values": values}),
            }
        })
        .collect();
    json!({
        "name": spec.name,
        "type": spec.map_type.to_string(),
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "elements": elements,
        "zero_elements_not_shown": shown.elements.zero,
        "error": shown.elements.failure.map(|errno| errno.to_string()),
    })
}

/// `1 packet`, `2,864 packets`
fn counted(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(count))
}

/// A number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "packet"), "1 packet");
        assert_eq!(counted(0, "packet"), "0 packets");
    }
}
