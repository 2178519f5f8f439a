//! Values in one line, much as a C initialiser.
//!
//! Answers to: no kernel file; the style is ours.

use super::Value;
use std::fmt::{self, Display, Formatter, Write};

/// Writes parts with commas between them.
fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    brackets: [char; 2],
    mut item: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let [open, close] = brackets;
    f.write_char(open)?;
    for (index, part) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        item(f, part)?;
    }
    f.write_char(close)
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Signed(value) => write!(f, "{value}"),
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Char(value) if value.is_ascii() => {
                write!(f, "'{}'", char::from(*value).escape_debug())
            }
            Value::Char(value) => write!(f, "{value}"),
            Value::Enum { name, .. } => f.write_str(name),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Pointer(value) => write!(f, "{value:#x}"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Array(values) => list(f, values, ['[', ']'], |f, value| value.fmt(f)),
            Value::Struct(fields) | Value::Union(fields) => {
                list(f, fields, ['{', '}'], |f, field| {
                    write!(f, ".{} = {}", field.name, field.value)
                })
            }
            Value::Formatted(text) => f.write_str(text),
            Value::Bytes(bytes) => {
                f.write_str("bytes ")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Value::Missing { need, have } => write!(f, "<{have} of {need} bytes>"),
            Value::Omitted => f.write_str("..."),
        }
    }
}
