//! The printed table, and the two-over-one-thread ratios that come of it.

use crate::measure::Figure;
use std::collections::BTreeMap;

/// Collects and prints.
#[derive(Default)]
pub struct Report {
    one_thread: BTreeMap<(String, u32, &'static str), f64>,
}

impl Report {
    /// Begins a section.
    pub fn section(&self, title: &str) {
        println!("\n{title}");
        println!("{:-<100}", "");
    }

    /// The first figure is skep's; a ratio above 1 means that skep takes longer.
    pub fn peers(&mut self, operation: &str, entries: u32, threads: usize, figures: &[Figure]) {
        for figure in figures {
            let key = (operation.to_owned(), entries, figure.name);
            let scaling = if threads == 1 {
                self.one_thread.insert(key, figure.ns);
                String::new()
            } else {
                let one = self.one_thread.get(&key).copied().unwrap_or(f64::NAN);
                format!("  {:.2} times one thread", one / figure.ns * threads as f64)
            };
            println!(
                "{operation:<32} {:>9} {threads} thread{} {:<14} {:>8.1} ns   skep/this {:>5.2}{scaling}",
                count(entries),
                if threads == 1 { " " } else { "s" },
                figure.name,
                figure.ns,
                figure.first_over_this,
            );
        }
    }

    /// The first figure is skep's, the second Linux's.
    pub fn linux(&self, operation: &str, entries: u32, threads: usize, figures: &[Figure]) {
        let [skep, linux] = figures else { return };
        println!(
            "{operation:<32} {:>9} {threads} thread{} skep {:>7.1} ns  Linux {:>8.1} ns  {:>6.1} times faster",
            count(entries),
            if threads == 1 { " " } else { "s" },
            skep.ns,
            linux.ns,
            1.0 / linux.first_over_this,
        );
    }

    /// Bytes an entry.
    pub fn memory(&self, what: &str, entries: u32, bytes: f64) {
        println!(
            "{what:<44} {:>9} {bytes:>7.1} bytes an entry",
            count(entries)
        );
    }
}

fn count(entries: u32) -> String {
    match entries {
        n if n >= 1_000_000 => format!("{}M", n / 1_000_000),
        n if n >= 1_000 => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}
