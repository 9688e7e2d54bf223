//! The part of a text that shows why it was found.

use std::ops::Range;

/// The most characters of an excerpt.
const CHARACTERS_MAX: usize = 240;
/// How many of them stand before the first mark, at most.
const BEFORE_MAX: usize = 60;

/// A piece of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text, as it was written.
    pub text: String,
    /// Whether this is what was searched for.
    pub hit: bool,
}

/// The excerpt of `text` around the first of `marks`, in pieces that follow each other. Where the text goes on before or behind it, an
/// ellipsis says so. Pieces carry no markup: whoever shows them decides how a hit looks.
#[must_use]
pub fn excerpt(text: &str, marks: &[Range<usize>]) -> Vec<Piece> {
    let first = marks.first().map_or(0, |mark| mark.start);
    let begin = back(text, first, BEFORE_MAX);
    let end = forth(text, begin, CHARACTERS_MAX);
    let mut pieces = Vec::new();
    let mut at = begin;
    if begin > 0 {
        push(&mut pieces, "…", false);
    }
    for mark in marks.iter().filter(|mark| mark.start < end) {
        push(&mut pieces, text.get(at..mark.start).unwrap_or_default(), false);
        push(&mut pieces, text.get(mark.start..mark.end.min(end)).unwrap_or_default(), true);
        at = mark.end.min(end);
    }
    push(&mut pieces, text.get(at..end).unwrap_or_default(), false);
    if end < text.len() {
        push(&mut pieces, "…", false);
    }
    pieces
}

/// Adds to the last piece where that is of the same kind.
fn push(pieces: &mut Vec<Piece>, text: &str, hit: bool) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.hit == hit => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_owned(), hit }),
    }
}

/// So many characters before `at`.
fn back(text: &str, at: usize, characters: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.char_indices().rev().take(characters).last().map_or(at, |(index, _)| index)
}

/// So many characters behind `at`.
fn forth(text: &str, at: usize, characters: usize) -> usize {
    let behind = text.get(at..).unwrap_or_default();
    behind.char_indices().nth(characters).map_or(text.len(), |(index, _)| at + index)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn shown(text: &str, marks: &[Range<usize>]) -> String {
        let bracketed = |piece: &Piece| if piece.hit { format!("[{}]", piece.text) } else { piece.text.clone() };
        excerpt(text, marks).iter().map(bracketed).collect()
    }

    #[test]
    fn short_texts_are_shown_whole() {
        assert_eq!(shown("a red apple", from_ref(&(2..5))), "a [red] apple");
        assert_eq!(shown("a red apple", &[]), "a red apple");
        assert_eq!(shown("red apple", &[0..3, 4..9]), "[red] [apple]");
        assert_eq!(shown("", &[]), "");
    }

    #[test]
    fn long_texts_are_cut_around_the_first_hit_and_never_inside_a_character() {
        let text = format!("{}바늘{}", "가".repeat(500), "나".repeat(500));
        let shown = shown(&text, from_ref(&(1_500..1_506)));
        assert!(shown.starts_with("…가") && shown.ends_with("나…") && shown.contains("가[바늘]나"), "{shown}");
        assert_eq!(shown.chars().count(), CHARACTERS_MAX + 4);
    }
}
