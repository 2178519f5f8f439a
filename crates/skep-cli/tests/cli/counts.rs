//! The examples over the capture, against counts that another reader made
//! (`examples/capture/expected.json`), on the engine and on Linux.

use crate::*;
use std::collections::BTreeMap;

fn expected() -> Json {
    serde_json::from_slice(&read("examples/capture/expected.json")).expect("JSON")
}

/// Each way of running that must give the same counts.
fn systems() -> Vec<&'static str> {
    let mut systems = vec!["", "--cpus 3", "--seed 7"];
    if kernel_is_there() {
        systems.push("--kernel");
    }
    systems
}

/// Key to value, as far as both are numbers.
fn counters(elements: &[Json]) -> BTreeMap<String, u64> {
    let pair = |element: &Json| {
        let key = element["key"].as_u64().expect("a number").to_string();
        (key, element["value"].as_u64().expect("a number"))
    };
    elements.iter().map(pair).collect()
}

fn expected_protocols(expected: &Json) -> BTreeMap<String, u64> {
    let counts = expected["ip_proto"].as_object().expect("counts").iter();
    counts
        .map(|(key, count)| (key.clone(), count.as_u64().expect("a number")))
        .collect()
}

#[test]
fn packets_are_counted_by_protocol() {
    let expected = expected();
    for system in systems() {
        for object in [PROTO_COUNT, PERCPU] {
            let report = succeed_json(&format!(
                "run {object} --pcap {TRAFFIC} --json --sum {system}"
            ));
            assert_eq!(report["packets"], expected["packets"], "{object} {system}");
            assert_eq!(report["bytes"], expected["bytes"], "{object} {system}");
            assert_eq!(
                report["returned"],
                serde_json::json!({"XDP_PASS": expected["packets"]}),
                "{object} {system}"
            );
            let counted = counters(elements(&report, "packets"));
            assert_eq!(counted, expected_protocols(&expected), "{object} {system}");
        }
    }
}

#[test]
fn cpus_have_values_of_their_own_that_add_up() {
    let report = succeed_json(&format!("run {PERCPU} --pcap {TRAFFIC} --json --cpus 3"));
    let mut sums = BTreeMap::new();
    for element in elements(&report, "packets") {
        let values = element["values"].as_array().expect("a value a cpu");
        assert_eq!(values.len(), 3);
        let sum: u64 = values.iter().filter_map(Json::as_u64).sum();
        sums.insert(element["key"].to_string(), sum);
        if element["key"] == 6 {
            assert!(values.iter().all(|value| *value != 0), "each cpu saw TCP");
        }
    }
    assert_eq!(sums, expected_protocols(&expected()));
}

#[test]
fn packets_are_counted_and_dropped_by_source() {
    let expected = expected();
    for system in systems() {
        let line = format!("run {PER_SOURCE} --pcap {TRAFFIC} --json --format key.address=ipv6");
        let report = succeed_json(&format!("{line} {system}"));
        assert_eq!(report["returned"], expected["per_source"]["returned"]);
        let sources = elements(&report, "sources");
        assert_eq!(
            sources.len(),
            expected["source"].as_object().expect("sources").len()
        );
        for source in sources {
            let address = source["key"]["address"].as_str().expect("an address");
            let family = source["key"]["family"].as_str();
            let address = match address.strip_prefix("::ffff:") {
                Some(address) if family == Some("IPV4") => address,
                _ => address,
            };
            let wanted = &expected["source"][address];
            let value = &source["value"];
            assert_eq!(value["packets"], wanted["packets"], "{address} {system}");
            assert_eq!(value["bytes"], wanted["bytes"], "{address} {system}");
            assert!(value["first_seen"].as_u64() <= value["last_seen"].as_u64());
        }
        let dropped = &expected["per_source"]["returned"]["XDP_DROP"];
        assert_eq!(global(&report, ".bss", "dropped"), dropped);
        assert_eq!(global(&report, ".bss", "untracked"), 0);
        assert_eq!(
            *global(&report, ".rodata", "limit"),
            expected["per_source"]["limit"]
        );
    }
}

/// Both systems give reports of the same shape, but for what is the system's own.
#[test]
fn the_systems_are_told_apart_by_name_only() {
    if !kernel_is_there() {
        return;
    }
    for object in [PROTO_COUNT, PER_SOURCE] {
        let line = format!("run {object} --pcap {TRAFFIC} --json");
        let [mut ours, mut linux] =
            [line.clone(), format!("{line} --kernel")].map(|line| succeed_json(&line));
        assert_eq!(
            (&ours["system"], &linux["system"]),
            (&"engine".into(), &"linux".into())
        );
        for report in [&mut ours, &mut linux] {
            report["system"] = Json::Null;
            report["seconds"] = Json::Null;
            for map in report["maps"].as_array_mut().expect("maps") {
                for element in map["elements"].as_array_mut().expect("elements") {
                    for time in ["first_seen", "last_seen"] {
                        if let Some(time) = element["value"].get_mut(time) {
                            *time = Json::Null;
                        }
                    }
                }
            }
        }
        assert_eq!(ours, linux, "{object}");
    }
}
