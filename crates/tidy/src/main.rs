//! The house rules, checked: `cargo run -p tidy`.
//!
//! Reads every Rust file that git knows in this checkout and the dependency graph
//! cargo reports, and prints a line a breach. Exit code 1 if there is any. The
//! rules and their exceptions are in [`rules`]; an exception that is not needed
//! any more is a breach too, so the lists only shrink.

mod arrows;
mod rules;
mod source;

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match breaches(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(found) if found.is_empty() => {
            println!("tidy: no breach of the house rules");
            ExitCode::SUCCESS
        }
        Ok(found) => {
            for line in &found {
                println!("{line}");
            }
            println!(
                "tidy: {} breach(es) of the house rules (CONTRIBUTING.md)",
                found.len()
            );
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("tidy: {why}");
            ExitCode::from(2)
        }
    }
}

fn breaches(manifest_dir: &Path) -> Result<Vec<String>, String> {
    let root = manifest_dir
        .ancestors()
        .nth(2)
        .ok_or("the crate is not in a workspace")?;
    let mut found = arrows::check(root)?;
    let mut unused = rules::Exceptions::new();
    for file in rust_files(root)? {
        let text = std::fs::read_to_string(root.join(&file))
            .map_err(|error| format!("{file}: {error}"))?;
        found.extend(source::check(&file, &text, &mut unused));
    }
    found.extend(
        unused
            .left()
            .map(|what| format!("{what}: this exception is not needed any more")),
    );
    Ok(found)
}

/// The Rust files git tracks, or would if they were added.
fn rust_files(root: &Path) -> Result<Vec<String>, String> {
    let args = [
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
    ];
    let output = Command::new("git")
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let list = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    let mut files: Vec<String> = list
        .lines()
        .filter(|file| root.join(file).exists())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err("git lists no Rust file: not a checkout?".into());
    }
    Ok(files)
}
