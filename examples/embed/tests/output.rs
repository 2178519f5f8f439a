//! The example prints what its page shows, on the engine and on Linux.

use std::path::Path;
use std::process::Command;

/// What the error says where Linux cannot be used.
const UNAVAILABLE: [&str; 3] = [
    "not permitted",
    "has no bpf(2)",
    "cannot tell how many cpus",
];

/// The block of the page that shows the output.
fn shown() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let block = page.split("<!-- output -->\n```\n").nth(1);
    let block = block.and_then(|rest| rest.split("```").next());
    block.expect("a block of output").to_owned()
}

fn embed(args: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_embed"))
        .args(args)
        .output();
    let output = output.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_engine_gives_what_the_page_shows() {
    let (success, out, err) = embed(&[]);
    assert!(success, "{err}");
    assert_eq!(out, shown());
}

#[test]
fn linux_gives_the_same() {
    let (success, out, err) = embed(&["--kernel"]);
    if !success && UNAVAILABLE.iter().any(|why| err.contains(why)) {
        return println!("skipped: {}", err.trim());
    }
    assert!(success, "{err}");
    assert_eq!(out, shown());
}
