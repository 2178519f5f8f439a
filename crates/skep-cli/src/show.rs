//! Decoded values as text and as JSON.

use serde_json::{Map, Value as Json};
use skep::btf::{Field, Value};

/// A value for machines: numbers as numbers, names as strings, bytes as hexadecimal.
pub fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Signed(number) => number_json(*number),
        Value::Unsigned(number) => match u64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => number.to_string().into(),
        },
        Value::Bool(truth) => (*truth).into(),
        Value::Char(byte) => (*byte).into(),
        Value::Enum { name, .. } => (*name).into(),
        Value::Float(number) => (*number).into(),
        Value::Pointer(address) => format!("{address:#x}").into(),
        Value::Text(text) | Value::Formatted(text) => text.as_str().into(),
        Value::Array(values) => values.iter().map(to_json).collect::<Vec<_>>().into(),
        Value::Struct(fields) | Value::Union(fields) => fields_json(fields).into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::Missing { .. } | Value::Omitted => Json::Null,
    }
}

fn number_json(number: i128) -> Json {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => number.to_string().into(),
    }
}

fn fields_json(fields: &[Field<'_>]) -> Map<String, Json> {
    fields
        .iter()
        .map(|field| (field.name.to_owned(), to_json(&field.value)))
        .collect()
}

/// Bytes as hexadecimal, two digits each, with spaces between.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The sum of two values, field by field. What is no number has none: it stays if
/// both agree on it, else it is left out.
pub fn add<'a>(sum: Value<'a>, more: &Value<'a>) -> Value<'a> {
    match (sum, more) {
        (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_add(*b)),
        (Value::Signed(a), Value::Signed(b)) => Value::Signed(a.wrapping_add(*b)),
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        (Value::Array(a), Value::Array(b)) => {
            Value::Array(a.into_iter().zip(b).map(|(a, b)| add(a, b)).collect())
        }
        (Value::Struct(a), Value::Struct(b)) => {
            let sums = a.into_iter().zip(b);
            Value::Struct(
                sums.map(|(a, b)| Field {
                    name: a.name,
                    value: add(a.value, &b.value),
                })
                .collect(),
            )
        }
        (one, other) if one == *other => one,
        _ => Value::Omitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_json_numbers_as_far_as_they_fit() {
        assert_eq!(
            to_json(&Value::Unsigned(u64::MAX.into())),
            Json::from(u64::MAX)
        );
        assert_eq!(to_json(&Value::Signed(-1)), Json::from(-1));
        assert_eq!(
            to_json(&Value::Unsigned(1 << 64)),
            Json::from("18446744073709551616")
        );
        assert_eq!(to_json(&Value::Bytes(vec![0, 255])), Json::from("00 ff"));
    }

    #[test]
    fn sums_go_field_by_field() {
        let one = |packets, name| {
            Value::Struct(vec![
                Field {
                    name: "packets",
                    value: Value::Unsigned(packets),
                },
                Field {
                    name: "name",
                    value: Value::Text(String::from(name)),
                },
            ])
        };
        assert_eq!(add(one(2, "a"), &one(3, "a")), one(5, "a"));
        let differ = add(one(2, "a"), &one(3, "b"));
        assert_eq!(differ.field("packets"), Some(&Value::Unsigned(5)));
        assert_eq!(differ.field("name"), Some(&Value::Omitted));
    }
}
