//! The shape of the JSON, which scripts rely on.

use crate::*;

fn keys(json: &Json) -> Vec<&str> {
    let object = json.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn a_report_has_the_fields_the_help_describes() {
    let help = succeed("help run");
    let described = help.split("JSON (--json)").nth(1).expect("a part on JSON");
    let report = succeed_json(&format!("run {PERCPU} --pcap {SHORT} --cpus 2 --json"));
    for key in keys(&report) {
        assert!(described.contains(key), "{key} is not in the help");
    }
    assert_eq!(
        keys(&report),
        [
            "object",
            "program",
            "type",
            "system",
            "capture",
            "packets",
            "bytes",
            "repeat",
            "seconds",
            "not_run",
            "made_up_ethernet",
            "capture_error",
            "notes",
            "returned",
            "violations",
            "printed",
            "maps"
        ]
    );
    let map = &report["maps"][0];
    let map_keys = [
        "name",
        "type",
        "key_size",
        "value_size",
        "max_entries",
        "elements",
        "zero_elements_not_shown",
        "error",
    ];
    assert_eq!(keys(map), map_keys);
    assert_eq!(keys(&map["elements"][0]), ["key", "values"]);
    let line = format!("run {PROTO_COUNT} --pcap {SHORT} --json");
    assert_eq!(
        keys(&elements(&succeed_json(&line), "packets")[0]),
        ["key", "value"]
    );
}

#[test]
fn inspection_has_the_fields_the_help_describes() {
    let help = succeed("help inspect");
    let report = succeed_json(&format!("inspect {PER_SOURCE} --json"));
    let parts = [
        &report,
        &report["programs"][0],
        &report["functions"][0],
        &report["maps"][1],
        &report["maps"][1]["globals"][0],
    ];
    for key in parts.iter().flat_map(|part| keys(part)) {
        assert!(help.contains(key), "{key} is not in the help");
    }
}

/// Values of every kind, as the source of the object puts them there.
#[test]
fn values_of_every_kind_are_exact() {
    let report = succeed_json(&format!(
        "run testdata/bpf/map-types.bpf.o --pcap {SHORT} --json"
    ));
    let value = &elements(&report, "reports")[0]["value"];
    assert_eq!(value["big"], -1_234_567_890_123_i64);
    assert_eq!(value["small"], -128);
    assert_eq!(value["yes"], true);
    assert_eq!(value["change"], "LESS");
    assert_eq!(value["bits"]["sign"], -7);
    assert_eq!(value["bits"]["wide"], 0x0012_3456_789a_u64);
    assert_eq!(
        value["table"],
        serde_json::json!([[0, -2, 0], [0, 0, 30000]])
    );
    assert_eq!(value["inner"]["colour"], 77);
    let report = succeed_json("inspect testdata/bpf/arithmetic.bpf.o --json");
    let text = report.to_string();
    assert!(text.contains("-9223372036854775808"), "{text}");
}
