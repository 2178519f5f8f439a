//! The order in which elements of a hash are shown: by their keys, as people sort.
//!
//! Numbers by size, enumerators by value, text and formatted fields with the
//! numbers in them by size (`10.0.0.9` before `10.0.0.10`), structs and arrays by
//! their first different part. It is a total order, so that equal maps are shown
//! equally.

use skep::btf::Value;
use std::cmp::Ordering;

/// Compares two keys of one type.
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Unsigned(a), Value::Unsigned(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) | (Value::Formatted(a), Value::Formatted(b)) => {
            natural(a, b)
        }
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => parts(a.iter().zip(b), a.len(), b.len()),
        (Value::Struct(a), Value::Struct(b)) | (Value::Union(a), Value::Union(b)) => {
            let values = a.iter().zip(b).map(|(a, b)| (&a.value, &b.value));
            parts(values, a.len(), b.len())
        }
        _ => match (a.as_integer(), b.as_integer()) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Parts of one type read differently when one of them makes no sense.
            (a_number, b_number) => b_number
                .is_some()
                .cmp(&a_number.is_some())
                .then_with(|| a.to_string().cmp(&b.to_string())),
        },
    }
}

fn parts<'v, 'a: 'v>(
    mut pairs: impl Iterator<Item = (&'v Value<'a>, &'v Value<'a>)>,
    a_len: usize,
    b_len: usize,
) -> Ordering {
    let different = pairs.find_map(|(a, b)| Some(compare(a, b)).filter(|order| order.is_ne()));
    different.unwrap_or(a_len.cmp(&b_len))
}

/// Compares texts in which numbers count as such.
fn natural(a: &str, b: &str) -> Ordering {
    let hexadecimal = |text: &str| u128::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    if let (Some(a), Some(b)) = (hexadecimal(a), hexadecimal(b)) {
        return a.cmp(&b);
    }
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (digits(&mut left), digits(&mut right));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            left = &left[x.len_utf8()..];
            right = &right[y.len_utf8()..];
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits off the front, zeros that lead them left out.
fn digits<'t>(text: &mut &'t str) -> &'t str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep::btf::Field;

    #[test]
    fn numbers_in_text_count_as_numbers() {
        let sorted = [
            "0x9",
            "0x0a",
            "0x10",
            "10.0.0.9",
            "10.0.0.10",
            "10.0.1.0",
            "::",
            "a",
            "b1",
            "b02",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert!(natural("10.0.0.10", "10.0.0.010").is_ne(), "a total order");
    }

    #[test]
    fn structs_compare_field_by_field() {
        let key = |family, port| {
            let value = |value| Value::Unsigned(value);
            Value::Struct(vec![
                Field {
                    name: "family",
                    value: Value::Enum {
                        name: "ANY",
                        value: family,
                    },
                },
                Field {
                    name: "port",
                    value: value(port),
                },
            ])
        };
        assert_eq!(compare(&key(4, 80), &key(6, 7)), Ordering::Less);
        assert_eq!(compare(&key(6, 80), &key(6, 7)), Ordering::Greater);
        assert_eq!(compare(&key(6, 80), &key(6, 80)), Ordering::Equal);
    }

    #[test]
    fn what_is_no_number_comes_after_numbers() {
        let (number, text) = (Value::Signed(-3), Value::Missing { need: 4, have: 1 });
        assert_eq!(compare(&number, &text), Ordering::Less);
        assert_eq!(compare(&text, &number), Ordering::Greater);
        assert_eq!(compare(&number, &Value::Unsigned(2)), Ordering::Less);
    }
}
