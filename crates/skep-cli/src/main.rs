//! The `skep` command.
//!
//! One file a command; [`args`] is the command line. What a command prints goes
//! to standard output, everything else (errors, progress, remarks) to standard
//! error.

mod args;
mod capture;
mod elements;
mod error;
mod inspect;
mod report;
mod run;
mod runner;
mod show;
mod table;

use args::{Cli, Command};
use clap::Parser;
use error::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// A run ended in a violation.
const EXIT_VIOLATION: u8 = 3;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::inspect(&args).map(|text| (text, ExitCode::SUCCESS)),
    };
    match done.and_then(|(text, code)| print(&text).map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("skep: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints; a reader that went away (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
