//! The `skep` command.
//!
//! One file a command; [`args`] is the command line. What a command prints goes
//! to standard output, everything else (errors, progress) to standard error.
//! Names come from files nobody vouches for: what is written for people holds no
//! control characters but the ends of lines.

mod args;
mod capture;
mod elements;
mod error;
mod inspect;
mod near;
mod order;
mod progress;
mod report;
mod run;
mod runner;
mod show;
mod table;
mod types;

use args::{Cli, Command};
use clap::Parser;
use error::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// A run ended in a violation.
const EXIT_VIOLATION: u8 = 3;

/// What a command came to.
struct Done {
    /// What it prints.
    text: String,
    /// What went wrong all the same.
    complaint: Option<Failure>,
    code: ExitCode,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::inspect(&args),
    };
    match done.and_then(|done| print(&done.text).map(|()| done)) {
        Ok(Done {
            complaint, code, ..
        }) => {
            complaint.inspect(complain);
            code
        }
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Prints; a reader that went away (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(printable(text).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

fn complain(failure: &Failure) {
    // That nobody can be told is not worth another failure.
    let _ = writeln!(io::stderr(), "skep: {}", printable(&failure.to_string()));
}

/// The text with control characters made visible, which could drive a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_drives_a_terminal() {
        assert_eq!(printable("a\n\x1b[31mb\u{9b}"), "a\n\\u{1b}[31mb\\u{9b}");
        assert_eq!(printable("naïve ─"), "naïve ─");
    }
}
