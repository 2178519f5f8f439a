//! The `skep` command as its users meet it: arguments in; text, JSON, messages
//! and exit codes out.
//!
//! Commands run in the root of the repository, so that they read as in its pages.

mod captures;
mod counts;
mod errors;
mod inspect;
mod json;
mod options;
mod readme;
mod terminal;
mod text;

use serde_json::Value as Json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PROTO_COUNT: &str = "examples/proto-count/proto-count.bpf.o";
const PERCPU: &str = "examples/proto-count-percpu/proto-count-percpu.bpf.o";
const PER_SOURCE: &str = "examples/per-source/per-source.bpf.o";
const TRAFFIC: &str = "examples/capture/traffic.pcap";
/// Five packets.
const SHORT: &str = "testdata/pcap/snapped.pcap";

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The command in the root of the repository.
fn skep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command.current_dir(root()).env_remove("COLUMNS");
    command
}

/// What a command answered.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Answer {
        Answer {
            code: output.status.code().expect("an exit, not a signal"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// Runs `skep` with these arguments.
fn run<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Answer {
    let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
    skep().args(args).output().expect("skep runs").into()
}

/// Runs `skep` with arguments that hold no blanks, written as in a shell.
fn run_line(line: &str) -> Answer {
    run(line.split_whitespace())
}

/// What was printed by a command that must succeed.
fn succeed(line: &str) -> String {
    let answer = run_line(line);
    assert_eq!(answer.code, 0, "{line}: {}", answer.err);
    assert_eq!(answer.err, "", "{line}");
    answer.out
}

/// The same as JSON.
fn succeed_json(line: &str) -> Json {
    serde_json::from_str(&succeed(line)).expect("JSON")
}

/// Runs `skep` with something to read on standard input.
fn run_with_input(line: &str, input: &[u8]) -> Answer {
    let mut child = skep()
        .args(line.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("skep runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may stop reading early; then its answer tells why.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("skep ends").into()
}

/// Whether bpf(2) may be used here; prints why not.
fn kernel_is_there() -> bool {
    let answer = run_line(&format!("run {PROTO_COUNT} --pcap {SHORT} --kernel"));
    let unavailable = answer.code == 1 && answer.err.starts_with("skep: --kernel:");
    if unavailable {
        println!("skipped: {}", answer.err.trim());
    }
    !unavailable
}

/// A file of the repository.
fn read(path: &str) -> Vec<u8> {
    std::fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A map of a report.
fn map<'j>(report: &'j Json, name: &str) -> &'j Json {
    let mut maps = report["maps"].as_array().expect("maps").iter();
    maps.find(|map| map["name"] == name)
        .unwrap_or_else(|| panic!("a map {name}"))
}

/// The elements of a map.
fn elements<'j>(report: &'j Json, name: &str) -> &'j Vec<Json> {
    map(report, name)["elements"].as_array().expect("elements")
}

/// A variable of a section.
fn global<'j>(report: &'j Json, section: &str, name: &str) -> &'j Json {
    &elements(report, section)[0]["value"][name]
}
