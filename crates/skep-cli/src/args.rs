//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// What the exit code tells a script; part of the help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  everything ran
  1  something could not be read, loaded or run; the message says what
  2  the command line is wrong
  3  the program ran, but a run ended in a violation";

/// BPF programs and their maps, without a kernel.
#[derive(Parser)]
#[command(name = "skep", version, about, after_help = EXIT_CODES, max_term_width = 100)]
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
/// and all maps with keys and values decoded by the types the object carries.
/// Needs no privilege, unless --kernel is given.
#[derive(Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The object file, as clang makes it (-target bpf -g)
    pub object: PathBuf,

    /// The packets: pcap or pcapng, gzipped or not
    #[arg(long, value_name = "FILE")]
    pub pcap: PathBuf,

    /// The program to run, where the object holds several for packets
    #[arg(long, value_name = "NAME")]
    pub prog: Option<String>,

    /// Show only this map; may be given several times
    #[arg(long, value_name = "NAME")]
    pub map: Vec<String>,

    /// Run the program this many times on each packet
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,

    /// Cpus of the engine, which packets go round [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "kernel", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cpus: Option<u32>,

    /// Make clock and random numbers the same in every run
    #[arg(long, value_name = "N", conflicts_with = "kernel")]
    pub seed: Option<u64>,

    /// Add per-CPU values up
    #[arg(long)]
    pub sum: bool,

    /// Show elements of arrays that are all zero, too
    #[arg(long)]
    pub all: bool,

    /// Write a field as ipv4, ipv6, mac, port, be (big endian) or hex: key.address=ipv6
    #[arg(long, value_name = "FIELD=FORMAT")]
    pub format: Vec<String>,

    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,

    /// Run on this machine's Linux instead of skep's engine; needs root
    #[arg(long)]
    pub kernel: bool,
}

const RUN_EXAMPLES: &str = "\
Examples:
  skep run proto-count.bpf.o --pcap traffic.pcap
  skep run proto-count-percpu.bpf.o --pcap traffic.pcap.gz --cpus 4 --sum
  skep run per-source.bpf.o --pcap traffic.pcap --format key.address=ipv6 --map sources
  sudo skep run per-source.bpf.o --pcap traffic.pcap --kernel --json | jq .returned";

/// List the programs, maps and globals of a BPF object file
///
/// Reads the file only: nothing is loaded. Maps are listed in the order in which
/// a loader makes them.
#[derive(Args)]
pub struct InspectArgs {
    /// The object file
    pub object: PathBuf,

    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}
