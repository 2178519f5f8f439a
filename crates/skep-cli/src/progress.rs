//! The progress bar: on a terminal only, and gone before anything else is written.

use crate::capture::Capture;
use crate::report::rate;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// Packets between two looks at the clock.
const STEP: u64 = 256;

/// How far a capture has been run.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// Nothing is drawn before the first [`STEP`] packets are through.
    pub fn new(capture: &Capture) -> Progress {
        let start = Instant::now();
        if !std::io::stderr().is_terminal() {
            let bar = ProgressBar::hidden();
            return Progress { bar, start };
        }
        let (bar, template) = match capture.progress() {
            (Some(size), _) => (
                ProgressBar::new(size),
                "{wide_bar} {percent:>3}% {bytes}/{total_bytes} {msg}",
            ),
            (None, _) => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg}"),
        };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        // A failure must not leave it standing.
        let bar = bar.with_style(style).with_finish(ProgressFinish::AndClear);
        Progress { bar, start }
    }

    /// So many packets are through.
    pub fn packets(&self, packets: u64, capture: &Capture) {
        if packets.is_multiple_of(STEP) && !self.bar.is_hidden() {
            let (_, position) = capture.progress();
            self.bar.set_position(position);
            self.bar.set_message(rate(packets, self.start.elapsed()));
        }
    }

    /// Takes the bar away; how long it all took.
    pub fn finish(self) -> std::time::Duration {
        self.bar.finish_and_clear();
        self.start.elapsed()
    }
}
