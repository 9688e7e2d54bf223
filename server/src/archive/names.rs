//! How names of an archive become user ids. The rule is told to people in `docs/import.md`.
//!
//! The id of a person is a pure function of the source's name and the nickname: it depends neither on who else is in the file nor
//! on the order of anything, so an import may be resumed, repeated, or continued with a longer file. Different nicknames get
//! different ids, and the same nickname in two sources is two people: names are unique only inside a file.

use domain::text::{USER_NAME_CHARACTERS_MAX, UserName};
use domain::{CommandHash, UserId};
use unicode_normalization::UnicodeNormalization as _;

/// The most characters of a source's tag.
const TAG_CHARACTERS_MAX: usize = 32;
/// The most characters of the part before the tag: the rest of what a user id may have, less the dot.
const NICK_CHARACTERS_MAX: usize = domain::ids::USER_ID_CHARACTERS_MAX - TAG_CHARACTERS_MAX - 1;
/// How many hexadecimal digits tell two names apart whose readable parts are the same: 40 bits.
const DIGEST_DIGITS: usize = 10;
/// Stands between a readable part that was changed and the digest of the original. A nickname with it is always digested.
const CHANGED: char = '~';

/// What stands after the dot of every user id of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The source's own name where it is made of `a–z`, `0–9` and `-`, has at most 32 characters and could not be mistaken for a
    /// digested one; else what is left of it, and a digest.
    pub fn of(source: &str) -> Self {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = !source.is_empty() && source.len() <= TAG_CHARACTERS_MAX && source.chars().all(plain);
        if fits && !ends_like_a_digest(source) {
            return Self(source.to_owned());
        }
        let kept: String =
            source.to_lowercase().chars().filter(|c| plain(*c)).take(TAG_CHARACTERS_MAX - DIGEST_DIGITS - 1).collect();
        Self(format!("{kept}-{}", digest("", source)))
    }
}

fn ends_like_a_digest(source: &str) -> bool {
    source.rsplit_once('-').is_some_and(|(_, end)| end.len() == DIGEST_DIGITS && end.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The user id of `nick` in the source with this tag: `nick.tag` where that is a user id as it stands, else `kept~digest.tag`.
pub fn user_id(tag: &Tag, nick: &str) -> Option<UserId> {
    let as_it_stands = format!("{nick}.{}", tag.0);
    if nick.chars().count() <= NICK_CHARACTERS_MAX
        && !nick.is_empty()
        && !nick.contains(CHANGED)
        && let Ok(id) = UserId::parse(&as_it_stands)
        && id.as_str() == as_it_stands
    {
        return Some(id);
    }
    let digest = digest(&tag.0, nick);
    let kept: String =
        nick.nfc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    let kept: String = kept.chars().take(NICK_CHARACTERS_MAX - DIGEST_DIGITS - 1).collect();
    // Where even that is no user id (letters of two directions, say), the digest alone says who it is.
    let readable = UserId::parse(&format!("{kept}{CHANGED}{digest}.{}", tag.0)).ok();
    readable.or_else(|| UserId::parse(&format!("{CHANGED}{digest}.{}", tag.0)).ok())
}

/// The display name: the nickname as it was written, without control characters, cut to what a display name may have.
pub fn display_name(id: &UserId, nick: &str) -> Option<UserName> {
    let shown: String = nick.nfc().filter(|c| !c.is_control()).take(USER_NAME_CHARACTERS_MAX).collect();
    UserName::parse(&shown).or_else(|_| UserName::parse(id.as_str())).ok()
}

fn digest(context: &str, name: &str) -> String {
    let hash = CommandHash::of(format!("{context}\0{name}").as_bytes()).to_string();
    hash.chars().take(DIGEST_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn id(source: &str, nick: &str) -> String {
        user_id(&Tag::of(source), nick).unwrap().as_str().to_owned()
    }

    #[test]
    fn names_that_are_ids_already_are_kept_and_others_are_told_apart() {
        assert_eq!(id("en-irc", "adam"), "adam.en-irc");
        assert_eq!(id("en-irc", "사랑-01"), "사랑-01.en-irc");
        assert_eq!(id("en-irc", "me"), "me.en-irc");
        assert_eq!(id("en-irc", "[x]`|^"), "[x]`|^.en-irc");
        let mapped =
            ["Adam", "ADAM", "adam smith", "a/b", "", "~", "adam~0123456789", "\u{5d0}b", &"x".repeat(99), &"y".repeat(32)];
        let ids: BTreeSet<String> = mapped.iter().map(|nick| id("en-irc", nick)).collect();
        assert_eq!(ids.len(), mapped.len(), "{ids:?}");
        assert!(ids.iter().all(|id| id.contains('~') && id.ends_with(".en-irc")), "{ids:?}");
        assert!(id("en-irc", "Adam").starts_with("adam~"));
    }

    #[test]
    fn sources_with_strange_names_have_tags_of_their_own() {
        let sources = ["a", "A", "a b", "ab", "", "한국", "한글", &"x".repeat(33), &"x".repeat(32), "a-0123456789"];
        let tags: BTreeSet<String> = sources.iter().map(|source| Tag::of(source).0).collect();
        assert_eq!(tags.len(), sources.len(), "{tags:?}");
        assert!(tags.iter().all(|tag| tag.len() <= TAG_CHARACTERS_MAX && !tag.contains('.')), "{tags:?}");
    }

    #[test]
    fn display_names_are_the_nicknames_within_their_limit() {
        let id = UserId::parse("x.src").unwrap();
        assert_eq!(display_name(&id, "Adam [away]").unwrap().as_str(), "Adam [away]");
        assert_eq!(display_name(&id, "  \u{7}").unwrap().as_str(), "x.src");
        assert_eq!(display_name(&id, &"가".repeat(200)).unwrap().as_str().chars().count(), USER_NAME_CHARACTERS_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        /// Whatever the nicknames are, each has an id, no two share one, and the id does not depend on the others.
        #[test]
        fn the_mapping_is_injective_and_stable(
            nicks in proptest::collection::btree_set(prop_oneof![any::<String>(), "[aA~.]{0,6}", "[a-zA-Z0-9_]{1,40}"], 0..40),
            sources in proptest::collection::btree_set(prop_oneof![any::<String>(), "[aA.-]{0,4}"], 1..4),
        ) {
            let mut owners = BTreeMap::new();
            for source in &sources {
                for nick in &nicks {
                    let id = user_id(&Tag::of(source), nick);
                    prop_assert!(id.is_some(), "{source:?} {nick:?}");
                    let other = owners.insert(id.clone(), (source, nick));
                    prop_assert!(other.is_none(), "{id:?}: {other:?} and {:?}", (source, nick));
                    prop_assert!(display_name(&id.unwrap(), nick).is_some());
                }
            }
        }
    }
}
