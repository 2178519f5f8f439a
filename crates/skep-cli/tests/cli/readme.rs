//! The commands in the pages of the repository, run as they are written there, and
//! the outputs shown, compared with what they print.
//!
//! An output stands after `<!-- output -->` and belongs to the command before it.
//! Rates and times of the machine are not compared. To write the outputs anew:
//! `UPDATE_PAGES=1 cargo test -p skep-cli readme`.

use crate::*;

const PAGES: [&str; 5] = [
    "README.md",
    "examples/README.md",
    "examples/per-source/README.md",
    "examples/proto-count/README.md",
    "examples/proto-count-percpu/README.md",
];

/// What a command that begins with `skep` may be written as.
const SPELLINGS: [&str; 3] = [
    "skep ",
    "cargo skep ",
    "cargo run --release -p skep-cli -- ",
];

const MARK: &str = "<!-- output -->";

/// The arguments, if the line is a command of ours.
fn arguments(line: &str) -> Option<&str> {
    SPELLINGS
        .iter()
        .find_map(|spelling| line.strip_prefix(spelling))
}

/// A line without what differs from run to run: rates, times, and the width that
/// they give a table.
fn steady(line: &str) -> String {
    let words: Vec<String> = line
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            word if word.len() >= 10 && word.bytes().all(|b| b.is_ascii_digit()) => "T".into(),
            word if word.chars().all(|c| c == '─') => "─".into(),
            word => word.to_owned(),
        })
        .collect();
    let mut words = words;
    if words.last().is_some_and(|word| word == "packets/s") {
        words.truncate(words.len() - 2);
    }
    words.join(" ")
}

/// The page with each output as it is now; a command without `skep` is left out.
fn renewed(page: &str) -> String {
    let mut out = String::new();
    let mut command = None;
    let mut in_block = false;
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        in_block ^= line.starts_with("```");
        if let Some(arguments) = arguments(line).filter(|_| in_block) {
            let answer = run_line(arguments);
            let refused = arguments.contains("--kernel") && answer.err.contains("--kernel:");
            if refused {
                println!("skipped: {line}: {}", answer.err.trim());
            } else {
                assert_eq!(answer.code, 0, "{line}: {}", answer.err);
            }
            command = Some(answer.out);
        }
        if line == MARK {
            let printed = command.take().expect("a command before its output");
            let fence = lines.next().expect("a block");
            assert!(fence.starts_with("```"), "{fence}");
            out.push_str(&format!("{fence}\n{printed}```\n"));
            let end = lines.find(|line| line.starts_with("```"));
            assert!(end.is_some(), "the block ends");
        }
    }
    out
}

#[test]
fn pages_show_what_is_printed() {
    for path in PAGES {
        let page = String::from_utf8(read(path)).expect("text");
        let now = renewed(&page);
        if std::env::var_os("UPDATE_PAGES").is_some() {
            std::fs::write(root().join(path), &now).expect("written");
            continue;
        }
        let shown: Vec<String> = page.lines().map(steady).collect();
        let printed: Vec<String> = now.lines().map(steady).collect();
        for (shown, printed) in shown.iter().zip(&printed) {
            assert_eq!(shown, printed, "{path}: UPDATE_PAGES=1 writes it anew");
        }
        assert_eq!(
            shown.len(),
            printed.len(),
            "{path}: UPDATE_PAGES=1 writes it anew"
        );
    }
}
