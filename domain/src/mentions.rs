//! Who a text may mention: `@id`, found by form alone. Whether such a person is in the room is for the room to decide.

use std::collections::BTreeSet;

use unicode_normalization::char::is_combining_mark;

use crate::ids::{USER_ID_CHARACTERS_MAX, USER_ID_FORBIDDEN, UserId};
use crate::room::MENTION_CANDIDATES_MAX;

/// Who `text` may mention, in the order of the text, each once, at most [`MENTION_CANDIDATES_MAX`].
///
/// A mention is an `@` at the start, after a blank, or after a sign that opens or separates; so that e-mail addresses
/// (`me@example.org`) and addresses of pages (`https://example.org/@me`) mention nobody.
///
/// User ids may contain and end with most signs, and texts put signs and, in Korean, further syllables behind them. So one `@`
/// may yield several candidates: of `@alice,` both `alice,` and `alice`, of `@alice님` both `alice님` and `alice`. A particle
/// behind a Korean id is not told apart from the id: there, a blank or a sign must follow.
#[must_use]
pub fn candidates(text: &str) -> Vec<UserId> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut before = None;
    for (at, character) in text.char_indices() {
        if character == '@' && before.is_none_or(may_precede) {
            let rest = text.get(at + character.len_utf8()..).unwrap_or_default();
            for id in readings(rest).into_iter().flatten() {
                let Ok(id) = UserId::parse(id) else { continue };
                if found.len() == MENTION_CANDIDATES_MAX {
                    return found;
                }
                if seen.insert(id.clone()) {
                    found.push(id);
                }
            }
        }
        before = Some(character);
    }
    found
}

/// The ways to read an id at the start of `rest`, the longest first: all that could be part of an id; the same without the signs
/// at its end; up to the first sign that ids rarely have; and up to where ASCII ends and another script begins.
fn readings(rest: &str) -> [Option<&str>; 4] {
    // One more than an id may have, so that a run which is too long is seen to be. Beyond it nothing is looked at.
    let window = up_to(rest, rest.char_indices().nth(USER_ID_CHARACTERS_MAX + 1).map(|(at, _)| at));
    let run = up_to(window, window.find(|c| !may_stand_in_id(c)));
    let plain = up_to(run, run.find(|c: char| c.is_ascii_punctuation() && !matches!(c, '.' | '_' | '-')));
    let ascii = up_to(run, run.find(|c: char| !c.is_ascii()));
    let trimmed = |part| str::trim_end_matches(part, |c: char| c.is_ascii_punctuation());
    [Some(run), Some(trimmed(run)), Some(trimmed(plain)), (ascii.len() < run.len()).then(|| trimmed(ascii))]
}

fn up_to(text: &str, end: Option<usize>) -> &str {
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whether `@` begins a mention after this character. Letters, digits and the other signs of e-mail addresses and paths are out.
fn may_precede(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_whitespace()
            || matches!(c, '(' | '[' | '{' | '<' | '>' | '"' | '\'' | '*' | '~' | ',' | ';' | ':' | '!' | '|' | '`')
    } else {
        !c.is_alphanumeric() && !is_combining_mark(c)
    }
}

fn may_stand_in_id(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_graphic() && !USER_ID_FORBIDDEN.contains(&c)
    } else {
        c.is_alphanumeric() || is_combining_mark(c)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        candidates(text).into_iter().map(String::from).collect()
    }

    #[rstest::rstest]
    #[case("@alice", &["alice"])]
    #[case("hello @Alice and @BOB", &["alice", "bob"])]
    #[case("@alice @alice", &["alice"])]
    #[case("thanks, @alice.", &["alice.", "alice"])]
    #[case("(@alice)", &["alice)", "alice"])]
    #[case("@alice, @bob!", &["alice,", "alice", "bob!", "bob"])]
    #[case("@alice's", &["alice's", "alice"])]
    #[case("@first.last-2_x", &["first.last-2_x"])]
    #[case("@길동 안녕", &["길동"])]
    #[case("「@길동」", &["길동"])]
    #[case("@alice님 안녕", &["alice님", "alice"])]
    #[case("@alice: hi", &["alice"])]
    #[case("@alice\n@bob", &["alice", "bob"])]
    #[case("write to me@example.org", &[])]
    #[case("길동@example.org", &[])]
    #[case("https://example.org/@alice", &[])]
    #[case("@me @. @.. @ @@alice", &[])]
    #[case("@alice@example.org", &["alice"])]
    fn it_finds(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(found(text), expected, "{text:?}");
    }

    #[test]
    fn ids_are_as_long_as_ids_may_be() {
        let longest = "가".repeat(USER_ID_CHARACTERS_MAX);
        assert_eq!(found(&format!("@{longest}")), std::slice::from_ref(&longest));
        assert_eq!(found(&format!("@{longest}가")), Vec::<String>::new());
        assert_eq!(found(&format!("@alice,{longest}")), ["alice"]);
    }

    #[test]
    fn a_text_full_of_names_yields_a_bounded_number() {
        let text: String = (0..3_000).map(|n| format!("@u{n} ")).collect();
        assert_eq!(candidates(&text).len(), MENTION_CANDIDATES_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_whoever_exists_is_found_by_an_id_of_letters(
            text in "\\PC{0,200}", id in "[a-z0-9]{3,20}",
        ) {
            prop_assert!(candidates(&text).len() <= MENTION_CANDIDATES_MAX);
            let message = format!("@{id} {text}");
            prop_assert!(found(&message).contains(&id));
        }
    }
}
