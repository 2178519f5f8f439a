//! Captures that are broken in every way a few changed bytes can bring about.

use super::*;
use std::io::Cursor;

/// All frames that can be read, and what ended the reading.
fn frames(bytes: Vec<u8>) -> (Vec<Vec<u8>>, Option<CaptureError>) {
    let size = Some(bytes.len() as u64);
    let source = Box::new(Cursor::new(bytes));
    let mut capture = match Capture::read("test".to_owned(), source, size) {
        Ok(capture) => capture,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut frames = Vec::new();
    while let Some(frame) = capture.next_frame() {
        match frame {
            Ok(frame) => frames.push(frame.to_vec()),
            Err(error) => return (frames, Some(error)),
        }
    }
    (frames, None)
}

fn file(name: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/capture/");
    std::fs::read(format!("{root}{name}")).expect("a capture of the repository")
}

#[test]
fn both_kinds_hold_the_same_frames() {
    let (pcapng, error) = frames(file("traffic.pcapng"));
    assert!(error.is_none(), "{error:?}");
    let (gzipped, error) = frames(file("traffic.pcap.gz"));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(pcapng.len(), 200);
    assert_eq!(pcapng, gzipped);
}

/// No file may make the reader panic, hang or give more bytes than it has.
#[test]
fn changed_bytes_give_frames_or_a_sentence() {
    let mut state = 0x5eed_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in [
        "traffic.pcapng",
        "traffic.pcap",
        "rawip.pcap",
        "traffic.pcap.gz",
    ] {
        let mut whole = file(name);
        whole.truncate(4000);
        for _ in 0..40 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                // Headers are where it hurts.
                let within = if random(2) == 0 { 200 } else { bytes.len() };
                let at = random(within);
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)];
            }
            bytes.truncate(1 + random(bytes.len()));
            let (frames, error) = frames(bytes);
            if !name.ends_with("gz") {
                let total: usize = frames.iter().map(Vec::len).sum();
                assert!(total <= 4000 + frames.len() * ETHERNET_HEADER);
            }
            if let Some(error) = error {
                assert!(error.to_string().contains("test"), "{error}");
            }
        }
    }
}
