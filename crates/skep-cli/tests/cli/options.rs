//! What the options of `skep run` change.

use crate::*;

const CLOCKS: &str = "testdata/bpf/clocks.bpf.o";

#[test]
fn equal_seeds_give_equal_output_byte_for_byte() {
    for json in ["", "--json"] {
        let line = |seed| {
            succeed(&format!(
                "run {CLOCKS} --pcap {SHORT} --cpus 2 --seed {seed} {json}"
            ))
        };
        assert_eq!(line(1), line(1));
        assert_ne!(line(1), line(2), "random numbers are made from the seed");
        let sources = || {
            succeed(&format!(
                "run {PER_SOURCE} --pcap {TRAFFIC} --seed 3 {json}"
            ))
        };
        assert_eq!(sources(), sources());
    }
}

#[test]
fn without_a_seed_the_world_is_real() {
    let line = format!("run {CLOCKS} --pcap {SHORT} --json");
    let [one, two] = [succeed_json(&line), succeed_json(&line)];
    assert_ne!(
        elements(&one, ".bss")[0]["value"],
        elements(&two, ".bss")[0]["value"]
    );
    assert!(one["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
}

#[test]
fn a_packet_is_run_as_often_as_asked_for() {
    let report = succeed_json(&format!(
        "run {PROTO_COUNT} --pcap {SHORT} --json --repeat 3"
    ));
    assert_eq!(report["packets"], 5);
    assert_eq!(report["repeat"], 3);
    assert_eq!(report["returned"]["XDP_PASS"], 15);
    let counts = elements(&report, "packets").iter();
    let total: u64 = counts.filter_map(|e| e["value"].as_u64()).sum();
    assert_eq!(total, 15);
}

/// Each repetition gets the packet as it was captured, whatever the one before
/// did to it.
#[test]
fn a_repeated_run_gets_the_packet_as_captured() {
    let object = succeed_json("inspect testdata/bpf/xdp-adjust.bpf.o --json");
    let programs = object["programs"].as_array().expect("programs");
    for program in programs.iter().filter(|program| program["type"] == "xdp") {
        let name = program["name"].as_str().expect("a name");
        let line = format!(
            "run testdata/bpf/xdp-adjust.bpf.o --pcap {SHORT} --prog {name} --json --repeat"
        );
        let [once, thrice] = [1, 3].map(|times| succeed_json(&format!("{line} {times}")));
        for (value, count) in once["returned"].as_object().expect("counts") {
            let thrice = thrice["returned"][value].as_u64();
            assert_eq!(thrice, count.as_u64().map(|count| count * 3), "{name}");
        }
    }
}

#[test]
fn packets_go_round_the_cpus() {
    let report = succeed_json(&format!("run {PERCPU} --pcap {SHORT} --json --cpus 2"));
    let mut cpus = [0, 0];
    for element in elements(&report, "packets") {
        for (cpu, value) in cpus
            .iter_mut()
            .zip(element["values"].as_array().expect("values"))
        {
            *cpu += value.as_u64().expect("a number");
        }
    }
    assert_eq!(cpus, [3, 2]);
}

/// A format must not make numbers into text before they are added.
#[test]
fn sums_are_of_numbers_whatever_the_format() {
    let line = format!("run {PERCPU} --pcap {TRAFFIC} --cpus 3 --sum --seed 1 --json");
    let formatted = succeed(&format!("{line} --format value=hex"));
    assert_eq!(formatted, succeed(&line));
}

#[test]
fn a_program_is_chosen_by_name() {
    let object = "testdata/bpf/many-programs.bpf.o";
    for (name, value, kind) in [
        ("xdp_one", "XDP_DROP", "xdp"),
        ("xdp_three", "XDP_TX", "xdp"),
        ("tc_four", "TC_ACT_STOLEN", "sched_cls"),
    ] {
        let report = succeed_json(&format!("run {object} --pcap {SHORT} --prog {name} --json"));
        assert_eq!(report["program"], name);
        assert_eq!(report["type"], kind);
        assert_eq!(report["returned"], serde_json::json!({value: 5}));
    }
}

#[test]
fn only_the_maps_asked_for_are_shown_in_that_order() {
    let report = succeed_json(&format!(
        "run {PER_SOURCE} --pcap {SHORT} --map .bss --map sources --json"
    ));
    let maps = report["maps"].as_array().expect("maps").iter();
    let names: Vec<_> = maps.filter_map(|map| map["name"].as_str()).collect();
    assert_eq!(names, [".bss", "sources"]);
}

#[test]
fn all_shows_zeros_too() {
    let line = format!("run {PROTO_COUNT} --pcap {SHORT} --json");
    let some = succeed_json(&line);
    let all = succeed_json(&format!("{line} --all"));
    assert_eq!(elements(&some, "packets").len(), 2);
    assert_eq!(map(&some, "packets")["zero_elements_not_shown"], 254);
    assert_eq!(elements(&all, "packets").len(), 256);
    assert_eq!(map(&all, "packets")["zero_elements_not_shown"], 0);
}

#[test]
fn formats_are_for_keys_fields_variables_and_what_has_no_type() {
    let key = |line: &str, map: &str| elements(&succeed_json(line), map)[0]["key"].clone();
    let line = format!("run testdata/bpf/ipv4-key.bpf.o --pcap {TRAFFIC} --json");
    let object = succeed_json("inspect testdata/bpf/ipv4-key.bpf.o --json");
    let name = object["maps"][0]["name"]
        .as_str()
        .expect("a map")
        .to_owned();
    let address = key(&format!("{line} --format key=ipv4"), &name);
    assert!(
        address
            .as_str()
            .is_some_and(|text| text.parse::<std::net::Ipv4Addr>().is_ok()),
        "{address}"
    );
    let line = format!("run testdata/bpf/map-types.bpf.o --pcap {SHORT} --json");
    let report = succeed_json(&format!(
        "{line} --format key.from=ipv4 --format value.mac=mac --format value.inner.to_port=hex"
    ));
    let element = &elements(&report, "reports")[0];
    assert_eq!(element["key"]["from"], "10.7.0.11");
    assert_eq!(element["value"]["mac"], "02:00:00:00:07:01");
    assert_eq!(element["value"]["inner"]["to_port"], "0x50");
    let report = succeed_json(&format!(
        "run {PER_SOURCE} --pcap {TRAFFIC} --json --format value.dropped=hex"
    ));
    assert_eq!(global(&report, ".bss", "dropped"), "0x24a");
    let untyped = format!("run testdata/bpf/legacy-no-btf.bpf.o --pcap {SHORT} --json");
    assert_eq!(key(&untyped, "zulu"), 1);
    assert_eq!(
        key(&format!("{untyped} --format key=ipv4"), "zulu"),
        "1.0.0.0"
    );
}

#[test]
fn a_hash_is_shown_in_the_order_of_its_keys() {
    let line = format!("run {PER_SOURCE} --pcap {TRAFFIC} --map sources --json");
    let report = succeed_json(&line);
    let keys: Vec<Vec<u64>> = elements(&report, "sources")
        .iter()
        .map(|element| {
            let family = match element["key"]["family"].as_str() {
                Some("IPV4") => 4,
                _ => 6,
            };
            let address = element["key"]["address"].as_array().expect("bytes").iter();
            [family]
                .into_iter()
                .chain(address.filter_map(Json::as_u64))
                .collect()
        })
        .collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(keys, sorted);
    assert_eq!(keys.len(), 19);
}

#[test]
fn a_violation_is_reported_with_its_place_and_exit_code_3() {
    let line =
        format!("run testdata/bpf/bad-packet-bounds.bpf.o --pcap {TRAFFIC} --prog read_beyond");
    let answer = run_line(&format!("{line} --json"));
    assert_eq!((answer.code, answer.err.as_str()), (3, ""));
    let report: Json = serde_json::from_str(&answer.out).expect("JSON");
    let violations = &report["violations"]["packet out of bounds"];
    let short = {
        let report = succeed_json(&format!("run {PROTO_COUNT} --pcap {TRAFFIC} --json"));
        report["packets"].as_u64().expect("a number")
    };
    let returned = report["returned"].as_object().expect("counts").values();
    let returned: u64 = returned.filter_map(Json::as_u64).sum();
    assert_eq!(violations["count"].as_u64(), Some(short - returned));
    let place = &violations["places"][0];
    assert_eq!(violations["places"].as_array().map(Vec::len), Some(1));
    assert_eq!(place["count"], violations["count"]);
    assert_eq!(place["packet"], 1);
    assert_eq!(place["function"], "read_beyond");
    assert_eq!(place["source"], "return data[100];");
    assert!(
        place["file"]
            .as_str()
            .is_some_and(|f| f.ends_with("bad-packet-bounds.bpf.c"))
    );
    let line_number = place["line"].as_u64().expect("a line");
    let source = String::from_utf8(read("testdata/bpf/bad-packet-bounds.bpf.c")).expect("text");
    let there = source.lines().nth(line_number as usize - 1);
    assert_eq!(there.map(str::trim), Some("return data[100];"));
    assert!(
        place["what"]
            .as_str()
            .is_some_and(|w| w.contains("packet offset 100"))
    );
}

#[test]
fn what_a_program_prints_is_shown() {
    let line = format!("run testdata/bpf/trace-printk.bpf.o --pcap {SHORT} --cpus 2");
    let report = succeed_json(&format!("{line} --json"));
    let lines = report["printed"]["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[0]["text"].as_str().map(str::trim), Some("plain"));
    assert_eq!(lines[4]["cpu"], 1);
    assert_eq!(report["printed"]["lost"], 0);
    let text = succeed(&format!("{line} --repeat 2"));
    assert!(
        text.contains("\nprinted\n  cpu 0: plain\n  cpu 0: half 50%\n"),
        "{text}"
    );
    assert!(text.contains("\n  and 20 lines more\n"), "{text}");
}
