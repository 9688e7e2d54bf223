//! Makes one input of another: bytes, words of the formats at hand, and the shape of JSON.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// The most bytes of an input: beyond the limits of what reads them, so that the limits are met too.
pub const INPUT_BYTES_MAX: usize = 70_000;
/// The most changes from one input to the next.
const CHANGES_MAX: u32 = 6;
/// How deep a value may be wrapped at once.
const WRAPS_MAX: usize = 200;

/// What is put in where anything may stand: edges of numbers, of UTF-8, and of the formats.
const WORDS: &[&[u8]] = &[
    b"",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e999",
    b"1.5",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"\"\\ud83d\\ude00\"",
    b"{}",
    b"[]",
    b"[null]",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\n",
    b"\n\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x91\x8d",
    b"\xcc\x81",
    b"\xef\xbb\xbf",
    b"@bob",
    b"@",
    b"me",
    b".",
    b"~",
    b"2004-11-15T12:18:00.000Z",
    b"0000-01-01T00:00:00Z",
    b"+262142-12-31T23:59:59.999Z",
    b"00000000-0000-0000-0000-000000000000",
    b"sarangbang.room.message-sent.v1",
    b"sarangbang.room.members-added.v1",
    b"sarangbang.partition.claimed.v1",
    b"sarangbang.user.registered.v1",
];

/// A new input, made of `seed` and, here and there, of `other`.
pub fn mutated(random: &mut StdRng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..random.random_range(1..=CHANGES_MAX) {
        change(random, &mut input, other);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
    let at = random.random_range(0..=input.len());
    match random.random_range(0..12) {
        0 => flip(random, input, at),
        1 => replace(input, at..at, &[random.random()]),
        2 => remove(random, input, at),
        3 => input.truncate(at),
        4 | 5 => replace(input, at..at, word(random)),
        6 => repeat(random, input, at),
        7 => splice(random, input, other, at),
        8 | 9 => replace(input, value_at(input, at), word(random)),
        10 => wrap(random, input, at),
        _ => swap_values(random, input, other, at),
    }
}

fn word(random: &mut StdRng) -> &'static [u8] {
    WORDS.choose(random).copied().unwrap_or_default()
}

fn flip(random: &mut StdRng, input: &mut [u8], at: usize) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.random_range(0..8);
    }
}

fn remove(random: &mut StdRng, input: &mut Vec<u8>, at: usize) {
    let end = (at + random.random_range(1..=32)).min(input.len());
    replace(input, at..end, b"");
}

fn repeat(random: &mut StdRng, input: &mut Vec<u8>, at: usize) {
    let end = (at + random.random_range(1..=64)).min(input.len());
    let times = *[1, 2, 20, 1_000].choose(random).unwrap_or(&1);
    let part = input.get(at..end).unwrap_or_default().repeat(times);
    replace(input, at..at, &part);
}

fn splice(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8], at: usize) {
    let from = random.random_range(0..=other.len());
    input.truncate(at);
    input.extend(other.get(from..).unwrap_or_default());
}

fn wrap(random: &mut StdRng, input: &mut Vec<u8>, at: usize) {
    let (open, close) = *[(&b"["[..], &b"]"[..]), (b"{\"a\":", b"}")].choose(random).unwrap_or(&(b"[", b"]"));
    let levels = random.random_range(1..=WRAPS_MAX);
    let value = value_at(input, at);
    let inner = input.get(value.clone()).unwrap_or_default().to_vec();
    replace(input, value, &[open.repeat(levels), inner, close.repeat(levels)].concat());
}

fn swap_values(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8], at: usize) {
    let theirs = value_at(other, random.random_range(0..=other.len()));
    let value = value_at(input, at);
    replace(input, value, other.get(theirs).unwrap_or_default());
}

/// What stands around `at` between two of the bytes that part values from one another.
fn value_at(input: &[u8], at: usize) -> std::ops::Range<usize> {
    let parts = |byte: &u8| matches!(byte, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'\n');
    let start = input.get(..at).and_then(|before| before.iter().rposition(parts)).map_or(0, |position| position + 1);
    let length = input.get(start..).and_then(|after| after.iter().position(parts)).unwrap_or(input.len() - start);
    start..start + length
}

fn replace(input: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    // The rest is cut, not the new part: an input never grows without end.
    if range.start <= range.end && range.end <= input.len() {
        input.splice(range, with.iter().copied());
        input.truncate(INPUT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_they_stay_bounded() {
        let seed = br#"{"text":"x","replyTo":1}"#;
        let run = |number| {
            let mut random = StdRng::seed_from_u64(number);
            let mut input = seed.to_vec();
            (0..500)
                .map(|_| {
                    input = mutated(&mut random, &input, seed);
                    assert!(input.len() <= INPUT_BYTES_MAX);
                    input.clone()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn a_value_is_what_stands_between_two_marks() {
        let input = br#"{"a":12,"b":[3]}"#;
        assert_eq!(&input[value_at(input, 6)], b"12");
        assert_eq!(&input[value_at(input, 13)], b"3");
        assert_eq!(value_at(b"", 0), 0..0);
    }
}
