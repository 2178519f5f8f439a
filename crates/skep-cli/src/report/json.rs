//! The report for machines. The fields are described in `skep help run`, and
//! others may be added; none goes or changes its meaning.

use super::{Place, Report, ShownMap, Violations};
use crate::runner::return_name;
use crate::show::to_json;
use serde_json::{Map, Value as Json, json};

/// The report as JSON.
pub fn render(report: &Report<'_>) -> String {
    let returned: Map<String, Json> = report
        .returned
        .iter()
        .map(|(&value, &count)| (return_name(report.prog_type, value), count.into()))
        .collect();
    let violations: Map<String, Json> = report
        .violations
        .iter()
        .map(|(kind, violations)| ((*kind).to_owned(), of_kind(violations)))
        .collect();
    let lines: Vec<Json> = report
        .printed
        .lines
        .iter()
        .map(|line| json!({"cpu": line.cpu, "time": line.time, "text": line.text}))
        .collect();
    let seconds = (!report.seeded).then_some(report.elapsed.as_secs_f64());
    let json = json!({
        "object": report.object,
        "program": report.program,
        "type": report.prog_type.to_string(),
        "system": report.system.id(),
        "capture": report.capture,
        "packets": report.packets,
        "bytes": report.bytes,
        "repeat": report.repeat,
        "seconds": seconds,
        "not_run": {"short": report.too_short, "refused": report.refused},
        "made_up_ethernet": report.made_up_ethernet,
        "capture_error": report.broken,
        "notes": report.remarks(),
        "returned": returned,
        "violations": violations,
        "printed": {"lines": lines, "lost": report.printed.lost},
        "maps": report.maps.iter().map(map).collect::<Vec<_>>(),
    });
    format!("{json:#}\n")
}

fn of_kind(violations: &Violations) -> Json {
    let places: Vec<Json> = violations.places.iter().map(place).collect();
    json!({"count": violations.count, "places": places})
}

fn place(place: &Place) -> Json {
    let source = place.first.source.as_ref();
    json!({
        "count": place.count,
        "packet": place.packet,
        "instruction": place.first.insn,
        "what": place.first.what,
        "function": source.and_then(|source| source.function.clone()),
        "file": source.map(|source| source.file.clone()),
        "line": source.map(|source| source.line),
        "column": source.map(|source| source.column),
        "source": source.map(|source| source.text.trim().to_owned()),
    })
}

fn map(shown: &ShownMap<'_>) -> Json {
    let spec = shown.map.spec();
    let elements: Vec<Json> = shown
        .elements
        .elements
        .iter()
        .map(|element| {
            let key = to_json(&element.key);
            let values: Vec<Json> = element.values.iter().map(to_json).collect();
            match (shown.elements.per_cpu, values.as_slice()) {
                (false, [value]) => json!({"key": key, "value": value}),
                _ => json!({"key": key, "values": values}),
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
