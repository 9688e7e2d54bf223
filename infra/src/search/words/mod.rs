//! The one extraction of words: what every search adapter indexes, what queries are read by, and what word statistics count.
//!
//! 1. A text is cut at the word boundaries of Unicode (UAX #29); only segments with a letter, a digit or an ideograph are words.
//! 2. A word is brought to NFKC and to lower case: its *surface*. Runs of one Korean letter (ㅋㅋㅋㅋ) become two of it.
//! 3. Korean particles are taken off by rule ([`particles`]): its *word*, which statistics count, unless it is a stop word ([`stop`]).
//! 4. English words are reduced to their stem (Snowball): its *term*, which search compares.
//!
//! Hangul words are also cut into *grams* of two syllables, so that a part of a compound is found. Everything is a pure function of
//! the text; whoever changes a rule raises [`crate::search::SCHEMA`].

mod particles;
mod stop;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// The most characters of a surface, a word or a term; what is longer is cut.
pub const CHARACTERS_MAX: usize = 64;
/// Stands between the grams of two words, so that no phrase of grams reaches over both.
pub const GRAM_BOUNDARY: &str = "|";

static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
    /// Its normal form.
    pub surface: String,
    /// Without Korean particles.
    pub word: String,
    /// What search compares.
    pub term: String,
    /// Whether it says too little to be counted, or searched for beside other words.
    pub stop: bool,
}

/// The words of `text`, in their order.
pub fn read(text: &str) -> impl Iterator<Item = Word> {
    text.unicode_word_indices().filter_map(|(start, segment)| {
        let surface = surface(segment);
        if surface.is_empty() {
            return None;
        }
        let word = particles::without(&surface).to_owned();
        let term = if word.is_ascii() { ENGLISH.stem(&word).into_owned() } else { word.clone() };
        let stop = stop::is_stop(&surface) || stop::is_stop(&word);
        Some(Word { at: start..start + segment.len(), surface, word, term, stop })
    })
}

/// The distinct words of `text` that statistics count: with a letter in them, and no stop words.
#[must_use]
pub fn counted(text: &str) -> BTreeSet<String> {
    read(text).filter(|word| !word.stop && countable(&word.word)).map(|word| word.word).collect()
}

/// Whether the form says anything alone: two characters with a letter among them, or one ideograph.
fn countable(word: &str) -> bool {
    let mut characters = word.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => is_ideograph(only),
        _ => word.chars().any(char::is_alphabetic),
    }
}

/// What search compares, in order, separated by spaces: stop words too, so that phrases hold them.
#[must_use]
pub fn terms(text: &str) -> String {
    joined(read(text).map(|word| word.term))
}

/// The grams of all Hangul words of `text`, separated by spaces, with [`GRAM_BOUNDARY`] between words.
#[must_use]
pub fn grams(text: &str) -> String {
    let words = read(text).map(|word| grams_of(&word.surface)).filter(|grams| !grams.is_empty());
    words.collect::<Vec<_>>().join(&format!(" {GRAM_BOUNDARY} "))
}

/// The grams of one word: empty unless it is Hangul of two syllables or more.
#[must_use]
pub fn grams_of(word: &str) -> String {
    let syllables: Vec<char> = word.chars().collect();
    if !syllables.iter().all(|c| particles::is_syllable(*c)) {
        return String::new();
    }
    joined(syllables.windows(2).map(|pair| pair.iter().collect()))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

fn surface(segment: &str) -> String {
    if segment.chars().all(is_letter_of_hangul) {
        return without_runs(segment);
    }
    let normal = segment.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace() && !c.is_control());
    // A typographic apostrophe is an apostrophe.
    normal.map(|c| if c == '\u{2019}' { '\'' } else { c }).take(CHARACTERS_MAX).collect()
}

/// A consonant or vowel that stands alone, as in ㅋㅋ and ㅠㅠ. NFKC would turn it into the beginning of a syllable.
fn is_letter_of_hangul(c: char) -> bool {
    matches!(c, '\u{3131}'..='\u{318e}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
}

fn without_runs(letters: &str) -> String {
    let mut kept: Vec<char> = Vec::new();
    for letter in letters.chars() {
        if !kept.ends_with(&[letter, letter]) && kept.len() < CHARACTERS_MAX {
            kept.push(letter);
        }
    }
    kept.into_iter().collect()
}

/// The scripts that `text` is written in, of those that people here filter by.
#[must_use]
pub fn scripts(text: &str) -> BTreeSet<&'static str> {
    let script = |c: char| match c {
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '가'..='힣' => Some("hangul"),
        '\u{3040}'..='\u{30ff}' => Some("kana"),
        c if is_ideograph(c) => Some("han"),
        '\u{0400}'..='\u{052f}' => Some("cyrillic"),
        c if c.is_ascii_alphabetic() || matches!(c, '\u{00c0}'..='\u{024f}') => Some("latin"),
        c if c.is_alphabetic() => Some("other"),
        _ => None,
    };
    text.chars().filter_map(script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        read(text).map(|word| word.word).collect()
    }

    #[test]
    fn texts_are_cut_and_brought_to_one_form() {
        assert_eq!(words("Hello, WORLD! ＡＢＣ １２"), ["hello", "world", "abc", "12"]);
        assert_eq!(words("don’t stop 3.14 user_name"), ["don't", "stop", "3.14", "user_name"]);
        assert_eq!(words("ㅋㅋㅋㅋㅋ 좋아 ㅠㅠㅠ ㅇㅋ"), ["ㅋㅋ", "좋아", "ㅠㅠ", "ㅇㅋ"]);
        // Decomposed and composed Hangul are one.
        assert_eq!(words("\u{1112}\u{1161}\u{11ab}국"), words("한국"));
        assert_eq!(words("… 🎉 — ?!"), Vec::<String>::new());
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "저는 ＭＵＳＩＣ를 들어요";
        let found: Vec<_> = read(text).map(|word| &text[word.at]).collect();
        assert_eq!(found.concat(), text.replace(' ', ""));
    }

    #[test]
    fn english_is_searched_by_its_stem_and_counted_as_it_stands() {
        assert_eq!(terms("Connecting connected connections"), "connect connect connect");
        assert_eq!(counted("The connections are waiting"), BTreeSet::from(["connections".to_owned(), "waiting".to_owned()]));
    }

    #[test]
    fn parts_of_korean_compounds_have_grams_of_their_own() {
        assert_eq!(grams("초등학교에서 밥 abc"), "초등 등학 학교 교에 에서");
        assert_eq!(grams("노래방 갔다"), "노래 래방 | 갔다");
        assert_eq!(grams_of("학교"), "학교");
        assert_eq!(grams_of("책"), "");
        assert_eq!(grams_of("k팝"), "");
    }

    #[test]
    fn what_says_nothing_is_not_counted() {
        assert_eq!(counted("I am here and 42 a 나는 그 학교에 水"), BTreeSet::from(["학교".to_owned(), "水".to_owned()]));
    }

    #[test]
    fn nothing_grows_without_bound() {
        let long = "가".repeat(5_000) + " " + &"ﷺ".repeat(100);
        assert!(read(&long).all(|word| word.surface.chars().count() <= CHARACTERS_MAX));
        assert!(read(&long).all(|word| !word.term.contains(char::is_whitespace)));
    }

    #[test]
    fn scripts_are_told_apart() {
        assert_eq!(scripts("안녕 world 42!"), BTreeSet::from(["hangul", "latin"]));
        assert_eq!(scripts("水 かな Привет"), BTreeSet::from(["cyrillic", "han", "kana"]));
        assert_eq!(scripts("42 🎉"), BTreeSet::new());
    }
}
