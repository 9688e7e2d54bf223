//! What is searched for, and what is found.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use domain::{RoomId, Timestamp, UserId};

use super::words::{self, Word};

/// The most characters of a query's text.
pub const QUERY_CHARACTERS_MAX: usize = 300;
/// The most words and phrases of a query.
pub const CLAUSES_MAX: usize = 8;

/// Something that a message is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// A word, by its term; where it is Hangul, also as a part of a longer one.
    Word {
        /// What search compares.
        term: String,
        /// Its grams, where it has some.
        grams: String,
        /// As it was written, normalised: for analysers of the index's own.
        surface: String,
    },
    /// Words that stand beside each other in this order.
    Phrase {
        /// Their terms.
        terms: Vec<String>,
        /// As they were written, normalised.
        surface: String,
    },
}

/// Why a text is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Too long.
    #[error("a query has at most {QUERY_CHARACTERS_MAX} characters")]
    TooLong,
    /// Too many words and phrases.
    #[error("a query has at most {CLAUSES_MAX} words and phrases")]
    TooMany,
    /// There is no word in it.
    #[error("there is no word in the query")]
    NoWord,
}

/// Reads a query as people write it: words, and phrases in quotation marks. Words that say nothing are left out where others say something.
///
/// # Errors
/// [`QueryError`].
pub fn clauses(text: &str) -> Result<Vec<Clause>, QueryError> {
    if text.chars().count() > QUERY_CHARACTERS_MAX {
        return Err(QueryError::TooLong);
    }
    let mut clauses = Vec::new();
    let mut unsaid = Vec::new();
    // Between an odd and an even quotation mark stands a phrase; an open one reaches to the end.
    for (at, part) in text.split(['"', '“', '”', '„']).enumerate() {
        let found: Vec<Word> = words::read(part).collect();
        if at % 2 == 1 && found.len() > 1 {
            clauses.push(phrase(found));
        } else {
            let quoted = at % 2 == 1;
            for word in found {
                let list = if word.stop && !quoted { &mut unsaid } else { &mut clauses };
                list.push(one(word));
            }
        }
    }
    if clauses.is_empty() {
        clauses = unsaid;
    }
    clauses.dedup();
    match clauses.len() {
        0 => Err(QueryError::NoWord),
        1..=CLAUSES_MAX => Ok(clauses),
        _ => Err(QueryError::TooMany),
    }
}

fn one(word: Word) -> Clause {
    Clause::Word { grams: words::grams_of(&word.word), term: word.term, surface: word.surface }
}

fn phrase(found: Vec<Word>) -> Clause {
    let surface = found.iter().map(|word| word.surface.as_str()).collect::<Vec<_>>().join(" ");
    Clause::Phrase { terms: found.into_iter().map(|word| word.term).collect(), surface }
}

/// The rooms that are looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rooms {
    /// All: for administrators.
    All,
    /// These.
    Of(BTreeSet<RoomId>),
}

/// In which order messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The most fitting first, of equals the latest.
    Relevance,
    /// The latest first.
    Time,
}

/// Which messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What they hold, or some of it ([`Query::needed`]); everything does when there is nothing here.
    pub clauses: Vec<Clause>,
    /// In which rooms.
    pub rooms: Rooms,
    /// By whom.
    pub sender: Option<UserId>,
    /// Sent then or later.
    pub from: Option<Timestamp>,
    /// Sent before.
    pub until: Option<Timestamp>,
    /// In which order.
    pub order: Order,
    /// Only what comes behind this one.
    pub after: Option<Key>,
    /// How many at most.
    pub limit: u32,
}

/// The place of a message in the order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// How well it fits; 0 in the order of time.
    pub score: f64,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its room.
    pub room: RoomId,
    /// Its number.
    pub number: u64,
}

/// A message that was found.
#[derive(Clone, PartialEq)]
pub struct Hit {
    /// Its place.
    pub key: Key,
    /// Who wrote it.
    pub author: UserId,
    /// Its text.
    pub text: String,
    /// When the text last changed.
    pub edited_at: Option<Timestamp>,
    /// Where the text fits, in bytes: rising, and apart from each other.
    pub marks: Vec<Range<usize>>,
}

impl Query {
    /// How many of the clauses a message must hold. In the order of time, where nothing tells good from bad, all of them. By relevance at
    /// least half: what holds more comes first, and people who ask in whole sentences find something.
    #[must_use]
    pub fn needed(&self) -> usize {
        match self.order {
            Order::Time => self.clauses.len(),
            Order::Relevance => self.clauses.len().div_ceil(2),
        }
    }
}

impl fmt::Debug for Hit {
    /// Without the text, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit").field("key", &self.key).field("marks", &self.marks).finish_non_exhaustive()
    }
}

/// Where `text` holds what `clauses` ask for.
pub(super) fn marks(text: &str, clauses: &[Clause]) -> Vec<Range<usize>> {
    let found: Vec<Word> = words::read(text).collect();
    let mut marked = BTreeSet::new();
    for clause in clauses {
        match clause {
            Clause::Word { term, grams, .. } => {
                let part = |word: &Word| !grams.is_empty() && holds(&words::grams_of(&word.surface), grams);
                let fits = |word: &Word| word.term == *term || part(word);
                marked.extend(found.iter().enumerate().filter(|(_, word)| fits(word)).map(|(at, _)| at));
            }
            Clause::Phrase { terms, .. } => {
                for (at, window) in found.windows(terms.len()).enumerate() {
                    if window.iter().map(|word| &word.term).eq(terms) {
                        marked.extend(at..at + terms.len());
                    }
                }
            }
        }
    }
    marked.into_iter().filter_map(|at| found.get(at)).map(|word| word.at.clone()).collect()
}

/// Whether `part` stands in `grams` as whole grams.
fn holds(grams: &str, part: &str) -> bool {
    format!(" {grams} ").contains(&format!(" {part} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(term: &str, grams: &str, surface: &str) -> Clause {
        Clause::Word { term: term.to_owned(), grams: grams.to_owned(), surface: surface.to_owned() }
    }

    #[test]
    fn queries_are_read_as_people_write_them() {
        assert_eq!(clauses("Connecting 학교에서"), Ok(vec![word("connect", "", "connecting"), word("학교", "학교", "학교에서")]));
        let phrase = Clause::Phrase { terms: vec!["hello".to_owned(), "world".to_owned()], surface: "hello world".to_owned() };
        assert_eq!(clauses("“Hello World” x1"), Ok(vec![phrase.clone(), word("x1", "", "x1")]));
        assert_eq!(clauses("\"hello world"), Ok(vec![phrase]), "an open quotation reaches to the end");
        assert_eq!(clauses("how to connect"), Ok(vec![word("connect", "", "connect")]));
        assert_eq!(clauses("to be").map(|clauses| clauses.len()), Ok(2), "where there is nothing else, they count");
        assert_eq!(clauses("\"the\" cat").map(|clauses| clauses.len()), Ok(2), "what is quoted counts");
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for empty in ["", "  ", "?!", "\"\"", "🎉"] {
            assert_eq!(clauses(empty), Err(QueryError::NoWord), "{empty}");
        }
        let many = |count: usize| (0..count).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ");
        assert_eq!(clauses(&many(CLAUSES_MAX)).map(|clauses| clauses.len()), Ok(CLAUSES_MAX));
        assert_eq!(clauses(&many(CLAUSES_MAX + 1)), Err(QueryError::TooMany));
        assert_eq!(clauses(&"x".repeat(QUERY_CHARACTERS_MAX + 1)), Err(QueryError::TooLong));
    }

    #[test]
    fn marks_stand_where_the_text_fits() {
        let marked = |text: &str, query: &str| -> Vec<String> {
            marks(text, &clauses(query).unwrap()).into_iter().map(|at| text[at].to_owned()).collect()
        };
        assert_eq!(marked("우리 초등학교에서 Installed!", "학교 installing"), ["초등학교에서", "Installed"]);
        assert_eq!(marked("a red red apple, a red pear", "\"red apple\""), ["red", "apple"]);
        assert_eq!(marked("red pear apple", "\"red apple\""), Vec::<String>::new());
    }
}
