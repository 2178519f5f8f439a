//! The command line, and the help that teaches it.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// What the exit code tells a script; part of the help.
const EXIT_CODES: &str = "\
Exit codes:
  0  everything ran
  1  something could not be read, loaded or run, or the capture breaks off in its
     middle (what came before is shown); the message says what
  2  the command line is wrong
  3  the program ran, but a run ended in a violation";

const OVERVIEW: &str = "\
Examples:
  skep inspect per-source.bpf.o
  skep run per-source.bpf.o --pcap traffic.pcap --format key.address=ipv6
  sudo skep run per-source.bpf.o --pcap traffic.pcap --kernel

`skep help run` says more.

Exit codes:
  0  everything ran
  1  something could not be read, loaded or run, or the capture breaks off in its
     middle (what came before is shown); the message says what
  2  the command line is wrong
  3  the program ran, but a run ended in a violation";

/// BPF programs and their maps, without a kernel
///
/// Runs compiled BPF programs on an engine of its own that answers as Linux does,
/// and shows what they leave in their maps. No root, no particular kernel.
#[derive(Parser)]
#[command(name = "skep", version, about, after_help = OVERVIEW, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Run(RunArgs),
    Inspect(InspectArgs),
}

/// Run a compiled BPF program over a packet capture and show its maps
///
/// Loads the object file, gives every packet of the capture to the program, and
/// prints how often the program returned what, every violation of memory safety,
/// what the program printed, and all maps with keys and values decoded by the types
/// the object carries. Needs no privilege, unless --kernel is given.
#[derive(Args)]
#[command(after_help = EXIT_CODES, after_long_help = RUN_HELP)]
pub struct RunArgs {
    /// The object file, as clang makes it (-target bpf -g -O2 -c)
    pub object: PathBuf,

    /// The packets: a pcap or pcapng file, gzipped or not; - is standard input
    ///
    /// Packets must be Ethernet frames, or bare IP packets, each of which is then
    /// given a made-up Ethernet header. Packets shorter than an Ethernet header are
    /// counted and not run.
    #[arg(long, value_name = "FILE")]
    pub pcap: PathBuf,

    /// The program to run, where the object holds several that take packets
    #[arg(long, value_name = "NAME")]
    pub prog: Option<String>,

    /// Show only this map; may be given several times
    #[arg(long, value_name = "NAME")]
    pub map: Vec<String>,

    /// Run the program this many times on each packet, each time as captured
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,

    /// Cpus of the engine, which packets go round [default: 1]
    ///
    /// The first packet runs on cpu 0, the second on cpu 1 and so on, one after the
    /// other: what is shown does not depend on timing.
    #[arg(long, value_name = "N", conflicts_with = "kernel", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cpus: Option<u32>,

    /// Make clocks and random numbers, and so the whole output, the same each time
    ///
    /// Programs then read a clock that begins one hour after boot and goes on by 100
    /// nanoseconds a reading, and random numbers made from N. Two runs with one seed
    /// print the same, byte for byte; how long they took is not printed. Without a
    /// seed, only what programs learn from clocks and randomness differs from run
    /// to run.
    #[arg(long, value_name = "N", conflicts_with = "kernel")]
    pub seed: Option<u64>,

    /// Add the values of all cpus up, in per-CPU maps
    ///
    /// Structs are added field by field. Sums are plain numbers, whatever --format
    /// says; a field that is no number is left out unless all cpus agree on it.
    #[arg(long)]
    pub sum: bool,

    /// Show elements of arrays that are all zero, too
    #[arg(long)]
    pub all: bool,

    /// Write a field as ipv4, ipv6, mac, port, be or hex: key.address=ipv6
    ///
    /// FIELD is `key` or `value`, or a field of it after a dot: `key.address`,
    /// `value.inner.port`. A global variable is a field of `value`. FORMAT is
    ///   ipv4  4 bytes as 10.0.0.1
    ///   ipv6  16 bytes as fd00::1
    ///   mac   6 bytes as 02:00:00:00:07:01
    ///   port  2 bytes in network order as a number
    ///   be    1, 2, 4 or 8 bytes in network order as a number
    ///   hex   a number as 0x1f, an array of bytes as 1f2e
    /// It must fit at least one map that is shown. May be given several times.
    #[arg(long, value_name = "FIELD=FORMAT", verbatim_doc_comment)]
    pub format: Vec<String>,

    /// Print JSON for machines; its fields are described in `skep help run`
    #[arg(long)]
    pub json: bool,

    /// Run on this machine's Linux instead of skep's engine; needs root
    #[arg(long)]
    pub kernel: bool,
}

const RUN_HELP: &str = r#"Examples:
  skep run proto-count.bpf.o --pcap traffic.pcap
  skep run proto-count-percpu.bpf.o --pcap traffic.pcap.gz --cpus 4 --sum
  skep run per-source.bpf.o --pcap traffic.pcap --format key.address=ipv6 --map sources
  tcpdump -c 100 -w - | skep run per-source.bpf.o --pcap -
  skep run proto-count.bpf.o --pcap traffic.pcap --json | jq .returned.XDP_PASS
  sudo skep run per-source.bpf.o --pcap traffic.pcap --kernel --json

Violations:
  On skep's engine every memory access is checked while the program runs. One that
  Linux would not have allowed ends that run; the report names the instruction, its
  line in the C source and the packet. On Linux (--kernel) such a program is refused
  when it is loaded, and the verifier's log is printed.

JSON (--json), one object:
  object, program, type   the file, the program's name and type
  system                  "engine" or "linux"
  capture                 the file
  packets, bytes          in the capture
  repeat, seconds         as asked for; how long it took, null with --seed
  not_run                 {short, refused}: packets that were not run
  made_up_ethernet        whether packets were given an Ethernet header
  capture_error           why the capture breaks off, or null
  notes                   the same and other remarks as sentences
  returned                {NAME: COUNT}, as {"XDP_PASS": 812}
  violations              {KIND: {count, places: [{count, packet, instruction, what,
                          function, file, line, column, source}]}}: packet is the
                          first one (from 1); the last five are null without BTF
  printed                 {lines: [{cpu, time, text}], lost}: what was printed by
                          bpf_trace_printk; empty with --kernel
  maps                    [{name, type, key_size, value_size, max_entries, elements,
                          zero_elements_not_shown, error}]: an element is
                          {key, value}, or {key, values} with a value for each cpu;
                          a section of variables is a map with one element
  Structs are objects and arrays are arrays; enumerators, formatted fields and text
  are strings; other numbers are numbers, as strings beyond 64 bits; bytes without a
  type are hexadecimal.

Exit codes:
  0  everything ran
  1  something could not be read, loaded or run, or the capture breaks off in its
     middle (what came before is shown); the message says what
  2  the command line is wrong
  3  the program ran, but a run ended in a violation"#;

/// List the programs, maps and globals of a BPF object file
///
/// Reads the file only: nothing is loaded. Maps are listed in the order in which
/// a loader makes them (libbpf's map_data), global variables with their types and
/// initial values.
#[derive(Args)]
#[command(after_long_help = INSPECT_HELP)]
pub struct InspectArgs {
    /// The object file, as clang makes it
    pub object: PathBuf,

    /// Print JSON for machines; its fields are described in `skep help inspect`
    #[arg(long)]
    pub json: bool,
}

const INSPECT_HELP: &str = r#"Examples:
  skep inspect per-source.bpf.o
  skep inspect per-source.bpf.o --json | jq -r '.maps[].name'

JSON (--json), one object:
  object, name   the file, and the name libbpf makes of it
  license        "" when there is none
  btf            whether the object carries types
  programs       [{name, type, attach_type, attach_target, section, instructions,
                 autoload, error}]: with all functions it calls; error says why it
                 cannot be put together
  functions      [{name, static, instructions, program}]
  maps           [{name, type, defined, key_size, key_type, value_size, value_type,
                 max_entries, flags, flag_names, pinning, section, globals}]:
                 defined is "legacy" (SEC("maps")), "btf" (SEC(".maps")) or
                 "data"; globals is [{name, type, offset, size, initial}] of data
                 and null of others
  warnings       what is odd, as sentences"#;
