//! Bytes decoded by their type, for people: a tree of values with names.
//!
//! [`Value`] is the tree, [`Decoder`] makes it, [`Formats`] says which fields
//! are addresses and the like, `Display` writes it in one line much as C would
//! (`{.family = 2, .addr = [10, 0, 0, 1]}`). Callers that want JSON walk the
//! public enum.
//!
//! Answers to: kernel/bpf/btf.c (btf_type_show)

mod decode;
mod display;
mod format;

pub use decode::Decoder;
pub use format::{Format, FormatError, Formats};

/// A decoded value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// A signed integer.
    Signed(i128),
    /// An unsigned integer.
    Unsigned(u128),
    /// A bool that is 0 or 1 (others are [`Value::Unsigned`]).
    Bool(bool),
    /// A character.
    Char(u8),
    /// A value of an enumeration that has a name (others are integers).
    Enum {
        /// The name.
        name: &'a str,
        /// The value.
        value: i128,
    },
    /// A floating-point number.
    Float(f64),
    /// A pointer.
    Pointer(u64),
    /// An array of characters that reads as text.
    Text(String),
    /// An array.
    Array(Vec<Value<'a>>),
    /// A struct, or a section of variables. Members of anonymous structs and
    /// unions stand among its own, as in C.
    Struct(Vec<Field<'a>>),
    /// A union: every member, read from the same bytes.
    Union(Vec<Field<'a>>),
    /// Written as a [`Format`] asks.
    Formatted(String),
    /// Bytes nobody can read as more than that.
    Bytes(Vec<u8>),
    /// The bytes end before the value does.
    Missing {
        /// Bytes the value takes.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Left out, because the whole is too large to show.
    Omitted,
}

/// A member of a struct or union, or a variable of a section.
#[derive(Clone, PartialEq, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    /// The fields of a struct or union; none for others.
    pub fn fields(&self) -> &[Field<'a>] {
        match self {
            Value::Struct(fields) | Value::Union(fields) => fields,
            _ => &[],
        }
    }

    /// The value of the field of this name.
    pub fn field(&self, name: &str) -> Option<&Value<'a>> {
        let field = self.fields().iter().find(|field| field.name == name)?;
        Some(&field.value)
    }

    /// The value as an integer, where it is one.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Value::Signed(value) | Value::Enum { value, .. } => Some(value),
            Value::Unsigned(value) => i128::try_from(value).ok(),
            Value::Bool(value) => Some(i128::from(value)),
            Value::Char(value) => Some(i128::from(value)),
            Value::Pointer(value) => Some(i128::from(value)),
            _ => None,
        }
    }

    /// Whether some part could not be read for want of bytes.
    pub fn is_short(&self) -> bool {
        match self {
            Value::Missing { .. } => true,
            Value::Array(values) => values.iter().any(Value::is_short),
            Value::Struct(fields) | Value::Union(fields) => {
                fields.iter().any(|field| field.value.is_short())
            }
            _ => false,
        }
    }
}
