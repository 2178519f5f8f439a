//! Objects as clang built them, run with recorded inputs.
//!
//! `testdata/bpf/linux.json` holds what Linux answered through libbpf, for every
//! object of that folder: whether each program loads, what runs returned, packets
//! and maps afterwards. Here the loader loads them on both systems, and both must
//! answer as recorded. Then the three examples over the real capture, against the
//! counts of an independent reader.
//!
//! One difference is known: what Linux's verifier refuses, the engine loads and
//! ends the run at the instruction that does it (EACCES), until it has a verifier.

use crate::Named;
use crate::system::*;
use serde_json::Value;
use skep::abi::*;
use skep::loader::{LoadError, LoadOptions, LoadedMap, Object, ObjectSpec};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Objects that libbpf refuses before Linux sees them, and the loader must too.
const REFUSED_BY_LOADERS: &[&str] = &["bad-extern.bpf.o", "bad-legacy-extra.bpf.o"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn json(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).expect(path);
    serde_json::from_str(&text).expect(path)
}

fn recorded() -> &'static Value {
    static RECORDED: OnceLock<Value> = OnceLock::new();
    RECORDED.get_or_init(|| json("testdata/bpf/linux.json"))
}

/// What a case does.
type Run = fn(&System);

/// One case an object, one an example.
pub fn all() -> Vec<Named> {
    let objects = recorded()["objects"].as_object().expect("objects");
    let object = |(file, expected): (&String, &'static Value)| {
        let name = file.trim_end_matches(".bpf.o").replace('-', "_");
        let file = file.clone();
        Named {
            name: format!("objects::{name}"),
            alone: false,
            run: Arc::new(move |s: &System| run_object(s, &file, expected)),
        }
    };
    let example = |(name, run): (&str, Run)| Named {
        name: format!("examples::{name}"),
        alone: false,
        run: Arc::new(run),
    };
    let examples: [(&str, Run); 4] = [
        ("proto_count", proto_count),
        ("proto_count_percpu", proto_count_percpu),
        ("per_source", per_source),
        ("every_object_is_recorded", every_object_is_recorded),
    ];
    objects
        .iter()
        .map(object)
        .chain(examples.map(example))
        .collect()
}

fn every_object_is_recorded(_: &System) {
    let mut files: Vec<String> = std::fs::read_dir(root().join("testdata/bpf"))
        .expect("testdata/bpf")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".bpf.o"))
        .collect();
    files.sort();
    let objects = recorded()["objects"].as_object().expect("objects");
    let mut known: Vec<&String> = objects.keys().collect();
    known.sort();
    assert_eq!(files.iter().collect::<Vec<_>>(), known);
}

fn parse(path: &str) -> Result<ObjectSpec, LoadError> {
    let bytes = std::fs::read(root().join(path)).expect(path);
    ObjectSpec::parse_named(&bytes, path)
}

fn run_object(s: &System, file: &str, expected: &Value) {
    let _pinned = s.pin();
    let spec = parse(&format!("testdata/bpf/{file}"));
    if REFUSED_BY_LOADERS.contains(&file) {
        // Refused by the parse, or at the latest when it is loaded.
        let refused = spec.and_then(|spec| spec.load(&s.bpf));
        assert!(refused.is_err(), "{file} is loaded");
        return;
    }
    let spec = spec.unwrap_or_else(|error| panic!("{file}: {error}"));
    let programs = expected["programs"].as_object().expect("programs");
    let mut names: Vec<&str> = spec.programs().iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    let mut known: Vec<&str> = programs.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(names, known, "{file}");
    for (name, program) in programs {
        run_program(s, file, &spec, name, program);
    }
}

fn load(s: &System, spec: &ObjectSpec, program: &str) -> Result<Object, LoadError> {
    spec.load_with(&s.bpf, &LoadOptions::new().only(program))
}

fn run_program(s: &System, file: &str, spec: &ObjectSpec, name: &str, expected: &Value) {
    let what = format!("{file} {name}");
    let refused = expected["load"].as_u64().expect("load");
    if refused != 0 {
        let errno = Errno::from_raw(refused as i32).expect("an errno");
        return refuse(s, &what, spec, name, errno);
    }
    for run in expected["runs"].as_array().expect("runs") {
        let object = load(s, spec, name).unwrap_or_else(|error| panic!("{what}: {error}"));
        let program = object.program(name).expect(name);
        let packets = run["packets"].as_array().expect("packets");
        for (at, packet) in packets.iter().enumerate() {
            let packet = packet.as_str().expect("a name");
            let given = bytes(&recorded()["packets"][packet]);
            let (answer, out) = run_out(s, program.fd(), &given)
                .unwrap_or_else(|errno| panic!("{what}: {packet}: {errno}"));
            let returned = run["returned"][at].as_u64();
            assert_eq!(Some(u64::from(answer)), returned, "{what}: {packet}");
            let expected = match &run["out"][at] {
                Value::String(same) if same == "same" => given,
                changed => bytes(changed),
            };
            assert_eq!(out, expected, "{what}: {packet} afterwards");
        }
        if let Some(maps) = run["maps"].as_object() {
            for (map, expected) in maps {
                compare_map(s, &format!("{what}: {map}"), &object, map, expected);
            }
        }
    }
}

/// Linux refuses the load with this errno; see the top of this file for the engine.
fn refuse(s: &System, what: &str, spec: &ObjectSpec, name: &str, errno: Errno) {
    match (load(s, spec, name), &s.host) {
        (Err(error), _) => assert_eq!(error.errno(), Some(errno), "{what}: {error}"),
        (Ok(_), Host::Linux(_)) => panic!("{what} is loaded"),
        (Ok(object), Host::Engine(_)) => {
            let program = object.program(name).expect(name);
            // Some do wrong only where the packet says so.
            let mut packets = vec![vec![200; 64]];
            packets.extend(
                ["count", "zeros", "long"].map(|packet| bytes(&recorded()["packets"][packet])),
            );
            let violates =
                |packet: &Vec<u8>| run_out(s, program.fd(), packet).map(drop) == Err(Errno::EACCES);
            assert!(packets.iter().any(violates), "{what} runs");
        }
    }
}

fn run_out(s: &System, prog: Fd, packet: &[u8]) -> Result<(u32, Vec<u8>), Errno> {
    let mut room = vec![0; packet.len() + 4096];
    let mut cmd = ProgTestRun {
        prog,
        data_size_in: packet.len() as u32,
        data_in: UserIn::new(packet),
        data_size_out: room.len() as u32,
        data_out: UserOut::new(&mut room),
        ..Default::default()
    };
    s.bpf.prog_test_run(&mut cmd)?;
    let (answer, len) = (cmd.retval, cmd.data_size_out as usize);
    room.truncate(len);
    Ok((answer, room))
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("bytes in hexadecimal");
    assert!(hex.len().is_multiple_of(2));
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte"))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every key and value as user space sees them.
fn entries(map: &LoadedMap) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let shape = *map.ops().shape();
    let mut all = BTreeMap::new();
    let mut key: Option<Vec<u8>> = None;
    loop {
        let mut next = vec![0; shape.key_size as usize];
        match map.ops().next_key(key.as_deref(), &mut next) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return all,
            Err(errno) => panic!("{}: the next key: {errno}", map.name()),
        }
        let mut value = vec![0; shape.user_value_size];
        map.ops()
            .lookup(&next, &mut value, 0)
            .expect("a key that is there");
        assert!(
            all.insert(next.clone(), value).is_none(),
            "{next:x?} comes twice"
        );
        key = Some(next);
    }
}

/// A map against the record, in which a per-CPU value is a list: what was done, was
/// done on one cpu, whichever it is here.
fn compare_map(s: &System, what: &str, object: &Object, name: &str, expected: &Value) {
    let map = object.maps().iter().find(|map| map.spec().is_named(name));
    let map = map.unwrap_or_else(|| panic!("{what}: no such map"));
    let value_size = map.ops().shape().value_size as usize;
    let found: BTreeMap<String, Vec<String>> = entries(map)
        .into_iter()
        .map(|(key, value)| {
            let stride = if expected_is_percpu(expected) {
                value_size.next_multiple_of(8)
            } else {
                value.len()
            };
            assert!(!expected_is_percpu(expected) || value.len() == stride * s.cpus());
            let mut values: Vec<String> = value
                .chunks(stride)
                .map(|value| text(&value[..value_size]))
                .collect();
            one_cpu(&mut values);
            (text(&key), values)
        })
        .collect();
    let recorded: BTreeMap<String, Vec<String>> = expected["entries"]
        .as_object()
        .expect("entries")
        .iter()
        .map(|(key, value)| (key.clone(), recorded_values(value)))
        .collect();
    assert_eq!(found, recorded, "{what}");
}

fn expected_is_percpu(expected: &Value) -> bool {
    expected["kind"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("percpu"))
}

fn recorded_values(value: &Value) -> Vec<String> {
    let mut values: Vec<String> = match value {
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().expect("a value").to_owned())
            .collect(),
        value => vec![value.as_str().expect("a value").to_owned()],
    };
    one_cpu(&mut values);
    values
}

/// Leaves the value of the cpu that did something, or one of those that are all zero.
fn one_cpu(values: &mut Vec<String>) {
    if values.len() > 1 {
        let zero = |value: &String| value.bytes().all(|digit| digit == b'0');
        let (idle, mut busy): (Vec<String>, Vec<String>) = values.drain(..).partition(zero);
        busy.extend(idle.into_iter().take(usize::from(busy.is_empty())));
        *values = busy;
    }
}

/// The packets of the capture.
fn capture() -> Vec<Vec<u8>> {
    let file =
        std::fs::File::open(root().join("examples/capture/traffic.pcap")).expect("a capture");
    let mut reader = pcap_file::pcap::PcapReader::new(file).expect("a capture");
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(packet.expect("a packet").data.into_owned());
    }
    packets
}

/// Runs an example over the whole capture; the loaded object and how often each
/// answer came.
fn run_example(s: &System, name: &str) -> (Object, BTreeMap<u32, u64>) {
    let spec = parse(&format!("examples/{name}/{name}.bpf.o"));
    let spec = spec.unwrap_or_else(|error| panic!("{name}: {error}"));
    let object = spec
        .load(&s.bpf)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let program = &object.programs()[0];
    let mut returned = BTreeMap::new();
    for packet in capture() {
        let (answer, out) = run_out(s, program.fd(), &packet).expect("a run");
        assert_eq!(out, packet, "{name} changes a packet");
        *returned.entry(answer).or_insert(0) += 1;
    }
    (object, returned)
}

fn expected() -> Value {
    json("examples/capture/expected.json")
}

fn word(value: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&value[at..at + 8]);
    u64::from_ne_bytes(word)
}

/// Compares counts by protocol number with those of the independent reader.
fn compare_counts(name: &str, counts: &BTreeMap<u64, u64>) {
    let expected: BTreeMap<u64, u64> = expected()["ip_proto"]
        .as_object()
        .expect("ip_proto")
        .iter()
        .map(|(proto, count)| {
            (
                proto.parse().expect("a number"),
                count.as_u64().expect("a count"),
            )
        })
        .collect();
    assert_eq!(counts, &expected, "{name}");
}

fn proto_count(s: &System) {
    let (object, returned) = run_example(s, "proto-count");
    assert_eq!(
        returned,
        BTreeMap::from([(2, expected()["packets"].as_u64().expect("packets"))])
    );
    let map = object.map("packets").expect("the map");
    let mut counts = BTreeMap::new();
    for (index, count) in map.array::<u64>().expect("an array").iter().enumerate() {
        let count = count.expect("an element");
        if count > 0 {
            counts.insert(index as u64, count);
        }
    }
    compare_counts("proto-count", &counts);
}

fn proto_count_percpu(s: &System) {
    let (object, returned) = run_example(s, "proto-count-percpu");
    assert_eq!(
        returned,
        BTreeMap::from([(2, expected()["packets"].as_u64().expect("packets"))])
    );
    let map = object.map("packets").expect("the map");
    let mut counts = BTreeMap::new();
    for (index, values) in map
        .percpu_array::<u64>()
        .expect("an array")
        .iter()
        .enumerate()
    {
        let count: u64 = values.expect("an element").iter().sum();
        if count > 0 {
            counts.insert(index as u64, count);
        }
    }
    compare_counts("proto-count-percpu", &counts);
}

fn per_source(s: &System) {
    let expected = expected();
    let (object, returned) = run_example(s, "per-source");
    let count = |name| {
        expected["per_source"]["returned"][name]
            .as_u64()
            .expect(name)
    };
    let (dropped, passed) = (count("XDP_DROP"), count("XDP_PASS"));
    assert_eq!(returned, BTreeMap::from([(1, dropped), (2, passed)]));
    let found: BTreeMap<String, (u64, u64)> = entries(object.map("sources").expect("the map"))
        .into_iter()
        .map(|(key, value)| {
            let mut address = [0; 16];
            address.copy_from_slice(&key[4..20]);
            let address = std::net::Ipv6Addr::from(address);
            let address = match address.to_ipv4_mapped() {
                Some(four) if key[0] == 4 => four.to_string(),
                _ => address.to_string(),
            };
            assert!(
                word(&value, 16) <= word(&value, 24),
                "{address} is seen last, then first"
            );
            (address, (word(&value, 0), word(&value, 8)))
        })
        .collect();
    let wanted: BTreeMap<String, (u64, u64)> = expected["source"]
        .as_object()
        .expect("source")
        .iter()
        .map(|(address, traffic)| {
            let count = |name| traffic[name].as_u64().expect(name);
            (address.clone(), (count("packets"), count("bytes")))
        })
        .collect();
    assert_eq!(found, wanted);
    // The two globals: dropped packets, and untracked ones, of which there are none.
    let bss = object
        .maps()
        .iter()
        .find(|map| map.spec().is_named(".bss"))
        .expect(".bss");
    let (_, globals) = entries(bss).pop_first().expect("the globals");
    let mut counts = [word(&globals, 0), word(&globals, 8)];
    counts.sort_unstable();
    assert_eq!(counts, [0, dropped]);
}
