//! Which fields to write as addresses, ports or hexadecimal.
//!
//! A format is put on a path: `key`, `key.addr`, `value.packets`. Array
//! elements have the path of their array. A format that fits a field's size
//! writes the field as a whole; if it does not fit an array it is tried on the
//! elements.
//!
//! Answers to: no kernel file; the formats are ours.

use crate::Btf;
use crate::error::BtfError;
use crate::kind::{Kind, TypeId};
use crate::types::{Def, Type};
use std::collections::{HashSet, VecDeque};
use std::fmt::{self, Display, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How to write a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Four bytes in network order, as `10.0.0.1`.
    Ipv4,
    /// Sixteen bytes, as `2001:db8::1`.
    Ipv6,
    /// Six bytes, as `52:54:00:12:34:56`.
    Mac,
    /// Two bytes in network order, as `443`.
    Port,
    /// 1, 2, 4 or 8 bytes in network order, as a number.
    BigEndian,
    /// Numbers as `0x1f`, arrays of bytes as `00ff10`.
    Hex,
}

/// All formats by name.
const FORMATS: [(&str, Format); 6] = [
    ("ipv4", Format::Ipv4),
    ("ipv6", Format::Ipv6),
    ("mac", Format::Mac),
    ("port", Format::Port),
    ("be", Format::BigEndian),
    ("hex", Format::Hex),
];

/// Why a format cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// Not of the form `path=format`.
    #[error("{text:?} is not of the form FIELD=FORMAT, as key.addr=ipv4")]
    Syntax {
        /// What was given.
        text: String,
    },
    /// No such format.
    #[error("{name:?} is not a format: there are {}", format_names())]
    Unknown {
        /// What was given.
        name: String,
    },
    /// No such field.
    #[error("{path} names no field: {parent} {}", known_fields(known))]
    NoField {
        /// What was given.
        path: String,
        /// The part of it that was found.
        parent: String,
        /// The fields that has.
        known: Vec<String>,
    },
    /// The field has another size.
    #[error("{path} has {have} bytes, but {format} takes {takes}")]
    Size {
        /// The field.
        path: String,
        /// The format.
        format: Format,
        /// The bytes of the field.
        have: u32,
        /// The bytes the format can take.
        takes: &'static str,
    },
    /// The types cannot be followed.
    #[error(transparent)]
    Btf(#[from] BtfError),
}

fn format_names() -> String {
    FORMATS.map(|(name, _)| name).join(", ")
}

fn known_fields(known: &[String]) -> String {
    match known {
        [] => "has no fields".to_owned(),
        known => format!("has {}", known.join(", ")),
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Format, FormatError> {
        let found = FORMATS.iter().find(|(known, _)| *known == name);
        found
            .map(|&(_, format)| format)
            .ok_or_else(|| FormatError::Unknown {
                name: name.to_owned(),
            })
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FORMATS.iter().find(|(_, format)| format == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl Format {
    /// Which sizes it takes, in words.
    fn takes(self) -> &'static str {
        match self {
            Format::Ipv4 => "4",
            Format::Ipv6 => "16",
            Format::Mac => "6",
            Format::Port => "2",
            Format::BigEndian => "1, 2, 4 or 8",
            Format::Hex => "any number",
        }
    }

    /// Whether a field of this (resolved) type and size is written as a whole.
    fn fits(self, ty: Type<'_>, size: usize) -> bool {
        match self {
            Format::Ipv4 => size == 4,
            Format::Ipv6 => size == 16,
            Format::Mac => size == 6,
            Format::Port => size == 2,
            Format::BigEndian => {
                matches!(size, 1 | 2 | 4 | 8) && ty.kind() != Kind::Array && ty.members().is_none()
            }
            Format::Hex => match ty.def() {
                Def::Array(array) => usize::try_from(array.nelems) == Ok(size),
                _ => ty.members().is_none() && size <= 16,
            },
        }
    }

    /// The field written, `None` when the format is not for it as a whole.
    pub(super) fn render(self, ty: Type<'_>, bytes: &[u8]) -> Option<String> {
        if !self.fits(ty, bytes.len()) {
            return None;
        }
        let big = || bytes.iter().fold(0u64, |sum, &b| sum << 8 | u64::from(b));
        Some(match self {
            Format::Ipv4 => Ipv4Addr::from(*bytes.first_chunk::<4>()?).to_string(),
            Format::Ipv6 => Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_string(),
            Format::Mac => {
                let parts: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
                parts.join(":")
            }
            Format::Port | Format::BigEndian => big().to_string(),
            Format::Hex if ty.kind() == Kind::Array => {
                let mut text = String::with_capacity(bytes.len() * 2);
                for byte in bytes {
                    write!(text, "{byte:02x}").ok()?;
                }
                text
            }
            Format::Hex => {
                let fold = |sum: u128, &byte: &u8| sum << 8 | u128::from(byte);
                format!("{:#x}", bytes.iter().rev().fold(0, fold))
            }
        })
    }
}

/// Formats by path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Formats {
    by_path: Vec<(String, Format)>,
}

impl Formats {
    /// No formats.
    pub fn new() -> Formats {
        Formats::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// Adds one written as `key.addr=ipv4`; a later one for a path wins.
    pub fn add(&mut self, text: &str) -> Result<(), FormatError> {
        let syntax = || FormatError::Syntax {
            text: text.to_owned(),
        };
        let (path, format) = text.split_once('=').ok_or_else(syntax)?;
        if path.split('.').any(str::is_empty) {
            return Err(syntax());
        }
        self.set(path, format.parse()?);
        Ok(())
    }

    /// Sets the format of a path.
    pub fn set(&mut self, path: &str, format: Format) {
        self.by_path.retain(|(known, _)| known != path);
        self.by_path.push((path.to_owned(), format));
    }

    /// The format of a path.
    pub fn get(&self, path: &str) -> Option<Format> {
        let found = self.by_path.iter().find(|(known, _)| known == path);
        found.map(|&(_, format)| format)
    }

    /// Checks that every path that starts with `root` leads to a field of type
    /// `id` which its format can write.
    pub fn check(&self, btf: &Btf, root: &str, id: TypeId) -> Result<(), FormatError> {
        for (path, format) in &self.by_path {
            let mut parts = path.split('.');
            if parts.next() == Some(root) {
                check_path(btf, root, id, path, parts, *format)?;
            }
        }
        Ok(())
    }
}

/// Follows a path and checks that the format fits where it ends.
fn check_path<'p>(
    btf: &Btf,
    root: &str,
    id: TypeId,
    path: &str,
    parts: impl Iterator<Item = &'p str>,
    format: Format,
) -> Result<(), FormatError> {
    let mut at = id;
    let mut parent = root.to_owned();
    for part in parts {
        let ty = element(btf, at)?;
        match find_field(btf, ty, part) {
            Some(found) => at = found,
            None => {
                return Err(FormatError::NoField {
                    path: path.to_owned(),
                    parent,
                    known: field_names(btf, ty),
                });
            }
        }
        parent.push('.');
        parent.push_str(part);
    }
    let have = btf.size_of(at)?;
    let whole = btf.resolve(at)?;
    let mut ty = whole;
    loop {
        let size = btf.size_of(ty.id())?;
        if format.fits(ty, size as usize) {
            return Ok(());
        }
        match ty.def() {
            Def::Array(array) => ty = btf.resolve(array.element)?,
            _ => break,
        }
    }
    Err(FormatError::Size {
        path: path.to_owned(),
        format,
        have,
        takes: format.takes(),
    })
}

/// The type with modifiers and arrays taken off.
fn element(btf: &Btf, id: TypeId) -> Result<Type<'_>, BtfError> {
    btf.base_element(id)
}

/// The type of a field or section variable, anonymous members looked into: each
/// type once, however often it lies in others.
fn find_field(btf: &Btf, ty: Type<'_>, name: &str) -> Option<TypeId> {
    if let Def::DataSec(section) = ty.def() {
        let mut vars = section.vars().filter_map(|var| btf.type_by_id(var.ty));
        return vars.find(|var| var.name() == name).map(|var| var.id());
    }
    let mut seen = HashSet::from([ty.id()]);
    let mut open = VecDeque::from([ty]);
    while let Some(members) = open.pop_front().and_then(|ty| ty.members()) {
        if let Some(member) = members.find(name) {
            return Some(member.ty);
        }
        let anonymous = members.iter().filter(|member| member.name.is_empty());
        for ty in anonymous.filter_map(|member| btf.resolve(member.ty).ok()) {
            if ty.members().is_some() && seen.insert(ty.id()) {
                open.push_back(ty);
            }
        }
    }
    None
}

/// The names a path can go on with, for the error message.
fn field_names(btf: &Btf, ty: Type<'_>) -> Vec<String> {
    const MOST: usize = 64;
    let mut names = Vec::new();
    let mut open = vec![ty];
    let mut seen = 0;
    while let Some(ty) = open.pop() {
        seen += 1;
        if let Def::DataSec(section) = ty.def() {
            let vars = section.vars().filter_map(|var| btf.type_by_id(var.ty));
            names.extend(vars.take(MOST).map(|var| var.name().to_owned()));
        }
        for member in ty.members().iter().flat_map(|members| members.iter()) {
            if names.len() >= MOST || seen >= MOST {
                return names;
            }
            match member.name {
                "" => open.extend(btf.resolve(member.ty)),
                name => names.push(name.to_owned()),
            }
        }
    }
    names
}
