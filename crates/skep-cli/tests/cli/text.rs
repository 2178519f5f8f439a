//! The text, whole, as people see it. Seeds make it the same every time.

use crate::*;

/// What was printed and how it ended.
fn whole(line: &str) -> String {
    let answer = run_line(line);
    let mut text = format!("$ skep {line}\n{}", answer.out);
    if !answer.err.is_empty() {
        text.push_str(&format!("--- standard error\n{}", answer.err));
    }
    text.push_str(&format!("--- exit code {}\n", answer.code));
    text
}

macro_rules! snapshots {
    ($($name:ident: $line:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(whole(&$line));
        }
    )*};
}

snapshots! {
    per_source: format!("run {PER_SOURCE} --pcap {TRAFFIC} --format key.address=ipv6 --seed 1");
    per_cpu: format!("run {PERCPU} --pcap {TRAFFIC} --cpus 3 --seed 1");
    per_cpu_many: format!("run testdata/bpf/map-kinds.bpf.o --pcap {SHORT} --cpus 10 --map tango --seed 1");
    nothing_run: format!("run {PER_SOURCE} --pcap testdata/pcap/empty.pcap --seed 1");
    types: format!("run testdata/bpf/map-types.bpf.o --pcap {SHORT} --seed 1");
    globals: format!("run testdata/bpf/globals.bpf.o --pcap {SHORT} --seed 1");
    without_types: format!("run testdata/bpf/legacy-no-btf.bpf.o --pcap {SHORT} --seed 1");
    violations: format!("run testdata/bpf/bad-value-overrun.bpf.o --prog read_past --pcap {TRAFFIC} --seed 1");
    printed: format!("run testdata/bpf/trace-printk.bpf.o --pcap {SHORT} --seed 1 --map .bss");
    broken: format!("run {PROTO_COUNT} --pcap testdata/pcap/broken-middle.pcap --seed 1");
    clocks_json: format!("run testdata/bpf/clocks.bpf.o --pcap {SHORT} --seed 1 --json");
    violations_json: format!("run testdata/bpf/bad-value-overrun.bpf.o --prog read_past --pcap {SHORT} --seed 1 --json");
    inspect_per_source: format!("inspect {PER_SOURCE}");
    inspect_globals: "inspect testdata/bpf/globals.bpf.o";
    inspect_subprograms: "inspect testdata/bpf/subprograms.bpf.o";
    inspect_without_types: "inspect testdata/bpf/legacy-no-btf.bpf.o";
    inspect_json: format!("inspect {PER_SOURCE} --json");
    help: "--help";
    help_run: "help run";
    help_inspect: "help inspect";
}
