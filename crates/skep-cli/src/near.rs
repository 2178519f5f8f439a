//! What somebody may have meant who wrote a name that there is not.

/// A sentence for a name that is not among `known`: the nearest, or all there are.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let all = match known {
        [] => format!("the object has no {what} at all"),
        [only] => format!("there is only {only}"),
        _ => format!("there are {}", known.join(", ")),
    };
    match nearest(name, known) {
        Some(near) => format!("there is no {what} {name}: did you mean {near}? ({all})"),
        None => format!("there is no {what} {name}; {all}"),
    }
}

/// The known name that differs least, if it differs little.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let distances = known.iter().map(|known| {
        let other = known.to_lowercase();
        // A part of a name is as near as a slip of the pen.
        let is_part = lower.len() >= 3 && (other.contains(&lower) || lower.contains(&other));
        let distance = if is_part { 1 } else { distance(&lower, &other) };
        (distance, *known)
    });
    let (distance, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.chars().count() / 3 + 1).then_some(near)
}

/// How many characters must be added, dropped, changed or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    // Names of objects may be as long as files; nobody slips in those.
    const LONGEST: usize = 256;
    let [a, b]: [Vec<char>; 2] = [a, b].map(|text| text.chars().take(LONGEST).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = ["sources", "dropped", ".rodata", ".bss"];
        for (name, near) in [
            ("souces", Some("sources")),
            ("Sources", Some("sources")),
            ("soruces", Some("sources")),
            ("rodata", Some(".rodata")),
            ("bss", Some(".bss")),
            ("packets", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), near, "{name}");
        }
    }

    #[test]
    fn distances_count_slips() {
        for (a, b, count) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), count, "{a} {b}");
            assert_eq!(distance(b, a), count, "{b} {a}");
        }
    }

    #[test]
    fn the_sentence_tells_what_there_is() {
        assert_eq!(
            unknown("map", "souces", &["sources", ".bss"]),
            "there is no map souces: did you mean sources? (there are sources, .bss)"
        );
        assert_eq!(
            unknown("map", "x", &[]),
            "there is no map x; the object has no map at all"
        );
    }
}
