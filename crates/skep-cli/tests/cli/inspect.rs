//! `skep inspect`.

use crate::*;

fn names(json: &Json) -> Vec<&str> {
    let list = json.as_array().expect("a list").iter();
    list.filter_map(|item| item["name"].as_str()).collect()
}

#[test]
fn maps_are_listed_in_the_order_of_the_object() {
    for (object, order) in [
        ("map-kinds", vec!["papa", "bravo", "tango", "oscar"]),
        ("legacy-maps", vec!["zulu", "alpha", "mike"]),
        ("legacy-no-btf", vec!["zulu", "alpha", "mike"]),
    ] {
        let report = succeed_json(&format!("inspect testdata/bpf/{object}.bpf.o --json"));
        let maps = names(&report["maps"]);
        assert_eq!(maps[..order.len()], order, "{object}");
    }
}

#[test]
fn definitions_and_types_are_told() {
    let report = succeed_json(&format!("inspect {PER_SOURCE} --json"));
    assert_eq!(report["license"], "Dual MIT/GPL");
    assert_eq!(report["btf"], true);
    let program = &report["programs"][0];
    assert_eq!(program["name"], "per_source");
    assert_eq!(program["type"], "xdp");
    assert_eq!(program["section"], "xdp");
    assert_eq!(program["error"], Json::Null);
    assert!(
        program["instructions"]
            .as_u64()
            .is_some_and(|count| count > 10)
    );
    let sources = map(&report, "sources");
    assert_eq!(sources["type"], "hash");
    assert_eq!(sources["defined"], "btf");
    assert_eq!(sources["key_type"], "struct source");
    assert_eq!(sources["key_size"], 20);
    assert_eq!(sources["max_entries"], 1024);
    assert_eq!(sources["globals"], Json::Null);
    let rodata = map(&report, ".rodata");
    assert_eq!(rodata["defined"], "data");
    assert_eq!(
        rodata["flag_names"],
        serde_json::json!(["rdonly_prog", "mmapable"])
    );
    let limit = &rodata["globals"][0];
    assert_eq!(limit["name"], "limit");
    assert_eq!(limit["type"], "const volatile __u64");
    assert_eq!(limit["initial"], 400);
}

#[test]
fn initial_values_are_those_of_the_file() {
    let report = succeed_json("inspect testdata/bpf/globals.bpf.o --json");
    let value = |section: &str, name: &str| {
        let globals = map(&report, section)["globals"]
            .as_array()
            .expect("globals");
        let mut found = globals.iter().filter(|global| global["name"] == name);
        found.next().expect("a variable")["initial"].clone()
    };
    // Read off the source, globals.bpf.c.
    assert_eq!(value(".data", "total"), 1000);
    assert_eq!(value(".data", "secret"), 42);
    assert_eq!(value(".data.own", "own"), 7);
    assert_eq!(value(".rodata", "title"), "globals");
    assert_eq!(value(".bss", "runs"), 0);
    assert_eq!(
        value(".bss", "hits"),
        serde_json::json!([0, 0, 0, 0, 0, 0, 0, 0])
    );
}

/// What cannot be loaded can often still be looked at, and what cannot be read is
/// refused in a sentence.
#[test]
fn every_object_of_the_repository_is_listed_or_refused() {
    let mut listed = 0;
    for entry in std::fs::read_dir(root().join("testdata/bpf")).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("text").to_owned();
        if !name.ends_with(".bpf.o") {
            continue;
        }
        let line = format!("inspect testdata/bpf/{name}");
        let answer = run_line(&format!("{line} --json"));
        if answer.code == 0 {
            let report: Json = serde_json::from_str(&answer.out).expect("JSON");
            assert!(!names(&report["programs"]).is_empty(), "{name}");
            let text = succeed(&line);
            for program in names(&report["programs"]) {
                assert!(text.contains(program), "{name}: {text}");
            }
            listed += 1;
        } else {
            assert_eq!(answer.code, 1, "{name}");
            assert!(
                answer.err.starts_with("skep: testdata/bpf/"),
                "{}",
                answer.err
            );
            assert!(name.starts_with("bad-"), "{name}: {}", answer.err);
        }
    }
    assert!(listed > 30, "{listed} objects listed");
}
