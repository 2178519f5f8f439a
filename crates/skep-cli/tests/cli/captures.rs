//! Every kind of capture, whole and broken.

use crate::*;

/// The frames of a little-endian pcap file, read by the file format's definition.
fn frames(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = &file[24..];
    let mut frames = Vec::new();
    while let Some((header, tail)) = rest.split_first_chunk::<16>() {
        let size = u32::from_le_bytes(*header[8..].first_chunk().expect("four bytes"));
        let (frame, tail) = tail.split_at(size as usize);
        frames.push(frame);
        rest = tail;
    }
    frames
}

/// A little-endian pcap file of Ethernet frames, each said to have been longer.
fn pcap(frames: &[&[u8]], snap: u32, longer: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, snap, 1_u32] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let size = frame.len() as u32;
        for word in [1, 2, size, size + longer] {
            file.extend(word.to_le_bytes());
        }
        file.extend(*frame);
    }
    file
}

fn ip_protocol(frame: &[u8]) -> Option<u8> {
    match frame[12..14] {
        [0x08, 0x00] => Some(frame[23]),
        [0x86, 0xdd] => Some(frame[20]),
        _ => None,
    }
}

/// Packets by protocol, as the example counts them.
fn count<'f>(frames: impl IntoIterator<Item = &'f [u8]>) -> Vec<(u64, u64)> {
    let mut counts = [0; 256];
    let protocols = frames.into_iter().filter_map(ip_protocol);
    protocols.for_each(|protocol| counts[usize::from(protocol)] += 1);
    let counts = (0..).zip(counts);
    counts.filter(|(_, count)| *count > 0).collect()
}

fn counted(report: &Json) -> Vec<(u64, u64)> {
    let number = |json: &Json| json.as_u64().expect("a number");
    let pair = |element: &Json| (number(&element["key"]), number(&element["value"]));
    elements(report, "packets").iter().map(pair).collect()
}

#[test]
fn whole_captures_of_every_kind_are_read() {
    let traffic = read(TRAFFIC);
    let traffic = frames(&traffic);
    let first = |packets: usize| traffic[..packets].to_vec();
    let cut: Vec<&[u8]> = first(5).iter().map(|f| &f[..f.len().min(60)]).collect();
    for (file, packets) in [
        ("examples/capture/traffic.pcap", first(2864)),
        ("examples/capture/traffic.pcapng", first(200)),
        ("examples/capture/traffic.pcap.gz", first(200)),
        ("testdata/pcap/nanoseconds.pcap", first(5)),
        ("testdata/pcap/big-endian.pcap", first(5)),
        ("testdata/pcap/snapped.pcap", cut),
        ("testdata/pcap/empty.pcap", first(0)),
    ] {
        let report = succeed_json(&format!("run {PROTO_COUNT} --pcap {file} --json"));
        assert_eq!(report["packets"], packets.len(), "{file}");
        let bytes: usize = packets.iter().map(|frame| frame.len()).sum();
        assert_eq!(report["bytes"], bytes, "{file}");
        assert_eq!(counted(&report), count(packets), "{file}");
        assert_eq!(report["notes"], serde_json::json!([]), "{file}");
        assert_eq!(report["made_up_ethernet"], false, "{file}");
        assert_eq!(report["capture_error"], Json::Null, "{file}");
    }
}

#[test]
fn bare_ip_packets_get_an_ethernet_header() {
    let line = format!("run {PROTO_COUNT} --pcap examples/capture/rawip.pcap");
    let report = succeed_json(&format!("{line} --json"));
    let traffic = read(TRAFFIC);
    let traffic = frames(&traffic);
    let is_ip = |frame: &&&[u8]| ip_protocol(frame).is_some();
    let packets: Vec<&[u8]> = traffic.iter().filter(is_ip).take(300).copied().collect();
    assert_eq!(report["packets"], 300);
    assert_eq!(counted(&report), count(packets));
    assert_eq!(report["made_up_ethernet"], true);
    let text = succeed(&line);
    let said = "note: the capture holds bare IP packets; each was given an Ethernet header\n";
    assert!(text.contains(said), "{text}");
}

/// What `tcpdump -s 60` writes: the file says that packets were longer than it
/// ever keeps.
#[test]
fn packets_longer_than_the_snap_length_are_usual() {
    let traffic = read(TRAFFIC);
    let frames: Vec<&[u8]> = frames(&traffic)[..9].iter().map(|f| &f[..60]).collect();
    let line = format!("run {PROTO_COUNT} --pcap - --json");
    let answer = run_with_input(&line, &pcap(&frames, 60, 1000));
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let report: Json = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!(report["packets"], 9);
    assert_eq!(counted(&report), count(frames));
    assert_eq!(report["capture"], "standard input");
}

#[test]
fn packets_shorter_than_a_header_are_counted_and_not_run() {
    for (file, packets, short) in [("short", 13, 13), ("zero-length", 3, 1)] {
        let line = format!("run {PROTO_COUNT} --pcap testdata/pcap/{file}.pcap");
        let report = succeed_json(&format!("{line} --json"));
        assert_eq!(report["packets"], packets, "{file}");
        assert_eq!(report["not_run"]["short"], short, "{file}");
        let run: u64 = report["returned"]["XDP_PASS"].as_u64().unwrap_or(0);
        assert_eq!(run, packets - short, "{file}");
        let were = if short == 1 {
            "packet was"
        } else {
            "packets were"
        };
        let said = format!("note: {short} {were} not run: shorter than an Ethernet header\n");
        assert!(succeed(&line).contains(&said), "{file}");
    }
}

#[test]
fn what_comes_before_a_break_is_shown_and_the_break_is_said() {
    for (file, packets, why) in [
        ("broken-middle.pcap", 4, "the file ends within a packet"),
        ("broken-record.pcap", 2, "the file ends within a packet"),
        ("broken-length.pcap", 2, "the file ends within a packet"),
        ("broken.pcap.gz", 34, "the file ends within a packet"),
    ] {
        let file = format!("testdata/pcap/{file}");
        let sentence = format!("{file} is broken after packet {packets}: {why}");
        let line = format!("run {PROTO_COUNT} --pcap {file}");
        let answer = run_line(&format!("{line} --json"));
        assert_eq!(answer.code, 1, "{file}");
        assert_eq!(answer.err, format!("skep: {sentence}\n"), "{file}");
        let report: Json = serde_json::from_str(&answer.out).expect("JSON");
        assert_eq!(report["packets"], packets, "{file}");
        assert_eq!(report["returned"]["XDP_PASS"], packets, "{file}");
        assert_eq!(report["capture_error"], sentence.as_str(), "{file}");
        let answer = run_line(&line);
        assert!(
            answer.out.contains(&format!("note: {sentence}\n")),
            "{file}"
        );
    }
}

#[test]
fn a_broken_pcapng_says_so_too() {
    let whole = read("examples/capture/traffic.pcapng");
    let line = format!("run {PROTO_COUNT} --pcap - --json");
    let answer = run_with_input(&line, &whole[..whole.len() / 2]);
    assert_eq!(answer.code, 1);
    let report: Json = serde_json::from_str(&answer.out).expect("JSON");
    let packets = report["packets"].as_u64().expect("a number");
    assert!(packets > 10 && packets < 200, "{packets}");
    let why =
        format!("standard input is broken after packet {packets}: the file ends within a block");
    assert_eq!(answer.err, format!("skep: {why}\n"));
}

#[test]
fn what_is_no_capture_for_a_program_is_refused_in_a_sentence() {
    for (file, sentence) in [
        (
            "not-a-capture.pcap",
            "is no packet capture: it begins with neither pcap's nor pcapng's magic number",
        ),
        (
            "broken-header.pcap",
            "is a capture without a whole header: the file ends within the header",
        ),
        (
            "linux-sll.pcap",
            "its packets are of link type LINUX_SLL (113); only Ethernet frames (link type 1) \
             and bare IP packets (101, 228, 229) can be given to a program",
        ),
        ("none.pcap", "No such file or directory (os error 2)"),
    ] {
        let answer = run_line(&format!("run {PROTO_COUNT} --pcap testdata/pcap/{file}"));
        assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{file}");
        assert!(answer.err.starts_with("skep: "), "{file}: {}", answer.err);
        assert!(answer.err.contains(file), "{file}: {}", answer.err);
        assert!(answer.err.contains(sentence), "{file}: {}", answer.err);
    }
    for input in [
        &b""[..],
        b"\x1f\x8b",
        b"\x1f\x8b\x08\0\0\0",
        b"\xd4\xc3\xb2",
    ] {
        let answer = run_with_input(&format!("run {PROTO_COUNT} --pcap -"), input);
        assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{input:?}");
        assert!(
            answer.err.contains("standard input is no packet capture"),
            "{}",
            answer.err
        );
    }
}

/// No test above forgot a file of the folder.
#[test]
fn every_capture_of_the_repository_is_tried() {
    let folder = root().join("testdata/pcap");
    let source = [include_str!("captures.rs"), include_str!("main.rs")].concat();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("text");
        if name.contains(".pcap") {
            let stem = name.trim_end_matches(".pcap");
            assert!(source.contains(stem), "{name} is tried nowhere");
        }
    }
}
