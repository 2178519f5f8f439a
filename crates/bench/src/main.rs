//! Speed, as ratios in one run: `cargo run --profile bench -p bench [-- --quick] [SECTION ...]`.
//!
//! Sections: `hash`, `array`, `user` (from user space, against Linux's system
//! call where bpf(2) is permitted), `memory`. All of them without an argument.

mod array;
mod hash;
mod measure;
mod report;
mod user;

use report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let rounds = if quick { 5 } else { 31 };
    let chosen: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |section: &str| chosen.is_empty() || chosen.contains(&section);
    let mut report = Report::default();
    // First, while nothing has been freed that could be used again.
    if wanted("memory") {
        report.section("memory");
        hash::memory(&mut report, 1_000_000);
    }
    if wanted("hash") {
        for entries in [10_000, 1_000_000] {
            report.section(&format!("hash from Rust, {entries} entries of u32 to u64"));
            let rounds = if entries > 100_000 {
                rounds.min(9)
            } else {
                rounds * 4
            };
            hash::run(&mut report, entries, rounds);
        }
    }
    if wanted("array") {
        for entries in [10_000, 1_000_000] {
            report.section(&format!("array from Rust, {entries} entries of u64"));
            let rounds = if entries > 100_000 {
                rounds.min(9)
            } else {
                rounds * 4
            };
            if let Err(errno) = array::run(&mut report, entries, rounds) {
                println!("not measured: {errno}");
            }
        }
    }
    if wanted("user") {
        for entries in [10_000, 1_000_000] {
            report.section(&format!(
                "from user space, {entries} entries, against Linux's system call"
            ));
            let rounds = if entries > 100_000 { 3 } else { rounds };
            for threads in [1, 2] {
                user::run(&mut report, entries, threads, rounds);
            }
        }
    }
}
