//! No dependency against the arrows.
//!
//! The crates of the workspace and what each may depend on, of our own and of
//! others. A test-only dependency may go further: it does not ship.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A crate, which of ours it may use, and which of others'.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("skep-abi", &[], &[]),
    ("skep-btf", &["skep-abi"], &["thiserror"]),
    ("skep-verifier", &["skep-abi", "skep-btf"], &["thiserror"]),
    ("skep-vm", &["skep-abi", "skep-verifier"], &["thiserror"]),
    (
        "skep-engine",
        &["skep-abi", "skep-btf", "skep-verifier", "skep-vm"],
        &["libc", "rapidhash", "rustix", "thiserror"],
    ),
    (
        "skep-loader",
        &["skep-abi", "skep-btf"],
        &["object", "thiserror"],
    ),
    (
        "skep",
        &["skep-abi", "skep-btf", "skep-engine", "skep-loader"],
        &["libc", "rustix", "thiserror"],
    ),
    (
        "skep-cli",
        &["skep"],
        &[
            "clap",
            "comfy-table",
            "etherparse",
            "flate2",
            "indicatif",
            "miette",
            "pcap-file",
            "serde_json",
            "thiserror",
        ],
    ),
];

/// Crates that are not published and may use what they need.
const UNPUBLISHED: &[&str] = &["cases", "bench", "tidy", "embed"];

/// The breaches in what cargo says of the workspace.
pub fn check(root: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        check_package(package, &mut found);
    }
    Ok(found)
}

fn check_package(package: &Value, found: &mut Vec<String>) {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, ours, others)) = ARROWS.iter().find(|(krate, ..)| *krate == name) else {
        if !UNPUBLISHED.contains(&name) {
            found.push(format!("{name}: a crate without a place among the arrows"));
        }
        return;
    };
    for dependency in list(&package["dependencies"]) {
        let on = dependency["name"].as_str().unwrap_or_default();
        let ships = dependency["kind"] != "dev";
        if ships && !ours.contains(&on) && !others.contains(&on) {
            found.push(format!("{name}: must not depend on {on}"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
