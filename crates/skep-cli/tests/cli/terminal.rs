//! What is different on a terminal: a progress bar that goes away, tables that fit.

use crate::*;

/// Runs a command of the shell on a terminal of so many columns; what it wrote.
/// `None`, with the reason printed, where there is no terminal to be had.
fn on_terminal(columns: u32, command: &str) -> Option<String> {
    let skep = env!("CARGO_BIN_EXE_skep");
    let line = format!(
        "stty cols {columns}; {}",
        command.replace("skep ", &format!("{skep} "))
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(root())
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}");
            Some(text)
        }
        Err(error) => {
            println!("skipped: no script(1): {error}");
            None
        }
    }
}

#[test]
fn progress_is_shown_on_a_terminal_and_taken_away() {
    let Some(text) = on_terminal(
        80,
        &format!("skep run {PROTO_COUNT} --pcap {TRAFFIC} --repeat 20"),
    ) else {
        return;
    };
    let report = text.find("examples/proto-count").expect("a report");
    let (progress, _) = text.split_at(report);
    assert!(progress.contains("packets/s"), "{progress:?}");
    // Erases the line, and the report begins at its start.
    assert!(
        progress.ends_with("\x1b[2K") || progress.ends_with("\r"),
        "{progress:?}"
    );
    let visible = text[report..].contains('%');
    assert!(!visible, "{text}");
}

#[test]
fn tables_fit_the_terminal() {
    let line = format!("skep run {PER_SOURCE} --pcap {TRAFFIC} --format key.address=ipv6");
    for columns in [200, 72, 40] {
        let Some(text) = on_terminal(columns, &line) else {
            return;
        };
        let table = text.split("map sources").nth(1).expect("the map");
        let table = table.split("globals").next().expect("the table");
        for line in table.lines().skip(1) {
            let width = line.trim_end().chars().count();
            assert!(width <= columns as usize, "{columns}: {line}");
        }
        assert!(table.contains("193506"), "numbers stay whole: {table}");
        assert!(table.contains("54f6"), "{table}");
    }
}

#[test]
fn nothing_but_text_goes_into_a_pipe() {
    let answer = run_line(&format!("run {PROTO_COUNT} --pcap {TRAFFIC}"));
    assert_eq!(answer.err, "");
    assert!(!answer.out.contains(['\x1b', '\r']), "{}", answer.out);
}
