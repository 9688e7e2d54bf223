//! The nearest known name to a mistyped one.

/// The one of `known` that is nearest to `name`, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = (name.chars().count() / 3).max(2);
    known.map(|candidate| (distance(name, candidate), candidate)).filter(|(d, _)| *d <= far).min().map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, in characters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, above) in other.iter().zip(row.iter().skip(1).copied()) {
            let changed = diagonal + usize::from(a != *b);
            left = changed.min(left + 1).min(above + 1);
            next.push(left);
            diagonal = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein() {
        for (one, other, expected) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("길동", "길둥", 1), ("abc", "abc", 0)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn what_is_too_far_is_not_proposed() {
        assert_eq!(nearest("log.knd", ["log.kind", "log.brokers"].into_iter()), Some("log.kind"));
        assert_eq!(nearest("colour", ["log.kind", "log.brokers"].into_iter()), None);
    }
}
