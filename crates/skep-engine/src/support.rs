//! What is there and what is not, as tables: `SUPPORT.md` is made from them.
//!
//! No row is written for the page: each is made from what the engine itself goes
//! by, the dispatcher's rows, the registry of map families, the tables of program
//! types and helpers. So a row cannot be wrong without the engine being wrong.
//!
//! Answers to: include/uapi/linux/bpf.h.

use std::collections::BTreeMap;
use std::fmt::Write;

use skep_abi::{Cmd, Errno, MapType, ProgType};

use crate::command;
use crate::helper::{self, Helper};
use crate::map::{self, Family, Op, Support};
use crate::program;

/// How far something is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// As on Linux.
    Yes,
    /// Save for what the note says.
    Partly(&'static str),
    /// Not: this answers.
    No(Errno),
}

/// One thing and how far it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its name in C.
    pub name: &'static str,
    /// `yes`, `partly`, or the errno that answers.
    pub level: String,
    /// What is not there.
    pub note: String,
}

impl Row {
    /// The row of something that is there so far.
    pub fn new(name: &'static str, level: Level) -> Row {
        let (level, note) = match level {
            Level::Yes => ("yes".to_owned(), String::new()),
            Level::Partly(note) => ("partly".to_owned(), note.to_owned()),
            Level::No(errno) => (format!("{errno:?}"), String::new()),
        };
        Row { name, level, note }
    }
}

/// Every command of Linux 6.18.
pub fn commands() -> Vec<Row> {
    let level = |cmd: Cmd| {
        let row = command::SUPPORT.iter().find(|(there, _)| *there == cmd);
        row.map_or(Level::No(Errno::EINVAL), |&(_, level)| level)
    };
    let rows = Cmd::ALL.iter();
    rows.map(|&cmd| Row::new(cmd.c_name().unwrap_or_default(), level(cmd)))
        .collect()
}

/// Every map type of Linux 6.18.
pub fn map_types() -> Vec<Row> {
    let rows = MapType::ALL.iter().filter(|&&kind| kind != MapType::UNSPEC);
    rows.map(|&map_type| {
        let name = map_type.c_name().unwrap_or_default();
        match map::family_of(map_type) {
            Some(family) => family_row(name, family),
            None => Row::new(name, Level::No(Errno::EINVAL)),
        }
    })
    .collect()
}

/// A family is there in part when Linux has an operation of it that the engine
/// has not, or more of it besides.
fn family_row(name: &'static str, family: &Family) -> Row {
    let missing = Op::ALL
        .iter()
        .filter_map(|&op| match family.operations.support(op) {
            Support::Missing(errno) => Some(format!("{} is {errno:?}", op.name())),
            Support::Yes | Support::Refused(_) => None,
        });
    let besides = Some(family.note.to_owned()).filter(|note| !note.is_empty());
    let note = missing.chain(besides).collect::<Vec<_>>().join(", ");
    let level = if note.is_empty() { "yes" } else { "partly" };
    let level = level.to_owned();
    Row { name, level, note }
}

/// Every program type of Linux 6.18.
pub fn program_types() -> Vec<Row> {
    let rows = ProgType::ALL
        .iter()
        .filter(|&&kind| kind != ProgType::UNSPEC);
    rows.map(|&prog_type| {
        let level = match program::kind_of(prog_type).map(|kind| kind.missing) {
            Some("") => Level::Yes,
            Some(missing) => Level::Partly(missing),
            None => Level::No(Errno::EINVAL),
        };
        Row::new(prog_type.c_name().unwrap_or_default(), level)
    })
    .collect()
}

/// The helpers that are there, by number, and the program types that have them.
pub fn helpers() -> Vec<Row> {
    let mut rows: BTreeMap<u32, (&'static Helper, Vec<String>)> = BTreeMap::new();
    for kind in program::kinds() {
        for helper in kind.helpers() {
            let (_, types) = rows
                .entry(helper.proto.id)
                .or_insert_with(|| (helper, Vec::new()));
            types.push(kind.prog_type.to_string());
        }
    }
    let row = |(helper, types): (&'static Helper, Vec<String>)| {
        let mut row = Row::new(helper.proto.name, Level::Yes);
        row.note = format!("for {}", types.join(", "));
        row
    };
    rows.into_values().map(row).collect()
}

/// `SUPPORT.md`.
pub fn render_support() -> String {
    let mut page = String::from(
        "# What is there\n\n\
         Made from the engine's own tables; do not edit. `yes`: as on Linux 6.18. An errno: not \
         there, and that is what answers.\n",
    );
    let (commands, map_types, program_types) = (commands(), map_types(), program_types());
    section(&mut page, "Commands", commands.len(), &commands);
    section(&mut page, "Map types", map_types.len(), &map_types);
    section(
        &mut page,
        "Program types",
        program_types.len(),
        &program_types,
    );
    section(&mut page, "Helpers", helper::END - 1, &helpers());
    page.push_str("\nA program that calls another helper is refused with EINVAL.\n");
    page
}

/// A heading, how many are there of how many in Linux, and the rows.
fn section(page: &mut String, title: &str, all: usize, rows: &[Row]) {
    let there = |row: &&Row| matches!(row.level.as_str(), "yes" | "partly");
    let count = rows.iter().filter(there).count();
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {title}\n\n{count} of {all}.\n\n");
    page.push_str("| name | there | note |\n| --- | --- | --- |\n");
    for Row { name, level, note } in rows {
        let _ = writeln!(page, "| `{name}` | {level} | {note} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_the_tables_say() {
        let find = |rows: Vec<Row>, name: &str| {
            let row = rows.into_iter().find(|row| row.name == name);
            row.map(|row| row.level)
        };
        let cmd = |name| find(commands(), name);
        assert_eq!(cmd("BPF_MAP_CREATE").as_deref(), Some("yes"));
        assert_eq!(cmd("BPF_TOKEN_CREATE").as_deref(), Some("EINVAL"));
        let map_type = |name| find(map_types(), name);
        assert_eq!(map_type("BPF_MAP_TYPE_ARENA").as_deref(), Some("EINVAL"));
        assert_ne!(map_type("BPF_MAP_TYPE_HASH").as_deref(), Some("EINVAL"));
    }

    #[test]
    fn the_page_has_a_row_for_everything() {
        let page = render_support();
        for cmd in Cmd::ALL {
            assert!(page.contains(&format!("| `{}` |", cmd.c_name().unwrap())));
        }
        assert!(page.contains(&format!("of {}.", Cmd::ALL.len())));
    }
}
