//! What a run came to; [`text`] for people, [`json`] for machines.
//!
//! Invariant: however long a capture is and whatever a program does, the report
//! is bounded: violations are kept once a place in the program, at most
//! [`PLACES`] of a kind, and printed lines up to [`PRINTED`].

pub mod json;
pub mod text;

use crate::args::RunArgs;
use crate::capture;
use crate::elements::Elements;
use crate::runner::{System, Violation};
use skep::abi::ProgType;
use skep::engine::world::TraceLine;
use skep::loader::{LoadedMap, Object, ProgramSpec};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many places of a kind of violation are kept; all violations are counted.
const PLACES: usize = 100;
/// How many lines that a program printed are kept.
const PRINTED: usize = 10_000;

/// A map that is shown.
pub struct ShownMap<'a> {
    pub map: &'a LoadedMap,
    pub elements: Elements<'a>,
}

/// Violations of one kind.
#[derive(Default)]
pub struct Violations {
    pub count: u64,
    /// The first places they were met at.
    pub places: Vec<Place>,
}

/// An instruction that brought about violations.
pub struct Place {
    pub count: u64,
    /// The first packet it did so with, from 1.
    pub packet: u64,
    /// What it did with that packet.
    pub first: Violation,
}

/// What the program printed.
#[derive(Default)]
pub struct Printed {
    pub lines: Vec<TraceLine>,
    /// How many lines came after those.
    pub lost: u64,
}

/// What a run came to.
pub struct Report<'a> {
    object: String,
    capture: String,
    program: String,
    prog_type: ProgType,
    system: &'a System,
    repeat: u32,
    /// Whether the output has to be the same every time.
    seeded: bool,
    warnings: Vec<String>,
    pub packets: u64,
    pub bytes: u64,
    pub too_short: u64,
    pub refused: u64,
    pub elapsed: Duration,
    pub made_up_ethernet: bool,
    pub broken: Option<String>,
    pub returned: BTreeMap<u32, u64>,
    pub violations: BTreeMap<&'static str, Violations>,
    pub printed: Printed,
    pub maps: Vec<ShownMap<'a>>,
}

impl<'a> Report<'a> {
    /// Nothing has been run yet.
    pub fn new(
        args: &RunArgs,
        object: &'a Object,
        program: &ProgramSpec,
        system: &'a System,
    ) -> Report<'a> {
        Report {
            object: args.object.display().to_string(),
            capture: capture::name_of(&args.pcap),
            program: program.name.clone(),
            prog_type: program.prog_type,
            system,
            repeat: args.repeat,
            seeded: args.seed.is_some(),
            warnings: object.warnings().iter().map(ToString::to_string).collect(),
            packets: 0,
            bytes: 0,
            too_short: 0,
            refused: 0,
            elapsed: Duration::ZERO,
            made_up_ethernet: false,
            broken: None,
            returned: BTreeMap::new(),
            violations: BTreeMap::new(),
            printed: Printed::default(),
            maps: Vec::new(),
        }
    }

    /// Counts a violation, under its kind and its place in the program.
    pub fn violation(&mut self, violation: Violation) {
        let packet = self.packets;
        let kind = self.violations.entry(violation.kind).or_default();
        kind.count += 1;
        let mut places = kind.places.iter_mut();
        if let Some(place) = places.find(|place| place.first.insn == violation.insn) {
            place.count += 1;
        } else if kind.places.len() < PLACES {
            kind.places.push(Place {
                count: 1,
                packet,
                first: violation,
            });
        }
    }

    /// Keeps what the program printed.
    pub fn print(&mut self, lines: Vec<TraceLine>) {
        let room = PRINTED.saturating_sub(self.printed.lines.len());
        self.printed.lost += lines.len().saturating_sub(room) as u64;
        self.printed.lines.extend(lines.into_iter().take(room));
    }

    /// Sentences about what was odd.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.warnings.clone();
        if self.made_up_ethernet {
            let made_up = "the capture holds bare IP packets; each was given an Ethernet header";
            remarks.push(made_up.to_owned());
        }
        if self.too_short > 0 {
            let were = were(self.too_short);
            remarks.push(format!("{were} not run: shorter than an Ethernet header"));
        }
        if self.refused > 0 {
            let were = were(self.refused);
            remarks.push(format!(
                "{were} not run: too long for this program type, or cut within the network header"
            ));
        }
        remarks.extend(self.broken.clone());
        remarks
    }
}

/// `1 packet was`, `3 packets were`
fn were(count: u64) -> String {
    let were = if count == 1 { "was" } else { "were" };
    format!("{} {were}", counted(count, "packet"))
}

/// `1 packet`, `2,864 packets`
fn counted(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(count))
}

/// Packets a second, in words.
pub fn rate(packets: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return String::new();
    }
    format!("{} packets/s", grouped((packets as f64 / seconds) as u64))
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "packet"), "1 packet");
        assert_eq!(were(1_000), "1,000 packets were");
        assert_eq!(rate(500, Duration::from_millis(250)), "2,000 packets/s");
        assert_eq!(rate(500, Duration::ZERO), "");
    }
}
