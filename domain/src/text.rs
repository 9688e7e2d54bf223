//! Texts that people write, each with its limits in its type.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

/// The most characters a message may have.
pub const MESSAGE_CHARACTERS_MAX: usize = 10_000;
/// The most characters a room's name may have.
pub const ROOM_NAME_CHARACTERS_MAX: usize = 80;
/// The most characters a room's topic may have.
pub const TOPIC_CHARACTERS_MAX: usize = 500;
/// The most characters a display name may have.
pub const USER_NAME_CHARACTERS_MAX: usize = 80;
/// The most characters a status text may have.
pub const STATUS_TEXT_CHARACTERS_MAX: usize = 140;
/// The most bytes a reaction may have: one grapheme cluster, and family emoji are long.
pub const EMOJI_BYTES_MAX: usize = 64;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left once blanks are taken away.
    #[error("it must not be empty")]
    Empty,
    /// It is longer than its limit.
    #[error("it has {characters} characters, and at most {characters_max} are allowed")]
    TooLong {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        characters_max: usize,
    },
    /// It contains a control character other than those that its kind allows.
    #[error("it contains the control character U+{0:04X}")]
    ControlCharacter(u32),
    /// A reaction is exactly one emoji (grapheme cluster).
    #[error("a reaction is a single emoji")]
    NotOneEmoji,
}

/// Normalises to NFC and checks the length in characters (Unicode scalar values) and the control characters. A text that is in order
/// stays as it is.
fn normalised(raw: Cow<'_, str>, characters_max: usize, multi_line: bool) -> Result<String, TextError> {
    let breaks = |byte: u8| multi_line && matches!(byte, b'\n' | b'\r' | b'\t');
    if raw.len() <= characters_max && raw.bytes().all(|byte| matches!(byte, b' '..=b'~') || breaks(byte)) {
        return Ok(raw.into_owned());
    }
    // Counted before and after: normalisation can only be trusted with bounded input, and NFC may still lengthen a text.
    let too_long = |characters| TextError::TooLong { characters, characters_max };
    let raw_characters = raw.chars().count();
    if raw_characters > characters_max.saturating_mul(4) {
        return Err(too_long(raw_characters));
    }
    // Most texts are in NFC, and this is asked of every text that is read from the log: look before rebuilding.
    let text = if is_nfc_quick(raw.chars()) == IsNormalized::Yes { raw.into_owned() } else { raw.nfc().collect() };
    let characters = text.chars().count();
    if characters > characters_max {
        return Err(too_long(characters));
    }
    if let Some(control) = text.chars().find(|c| c.is_control() && !(multi_line && matches!(c, '\n' | '\r' | '\t'))) {
        return Err(TextError::ControlCharacter(u32::from(control)));
    }
    Ok(text)
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:expr, multi_line: $multi_line:literal, may_be_empty: $may_be_empty:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Normalises (NFC) and checks `raw`.
            ///
            /// # Errors
            /// [`TextError`] says which rule `raw` breaks.
            pub fn parse(raw: &str) -> Result<Self, TextError> {
                Self::checked(Cow::Borrowed(raw))
            }

            fn checked(raw: Cow<'_, str>) -> Result<Self, TextError> {
                let text = normalised(raw, $max, $multi_line)?;
                if !$may_be_empty && text.trim().is_empty() {
                    return Err(TextError::Empty);
                }
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(raw: String) -> Result<Self, TextError> {
                Self::checked(Cow::Owned(raw))
            }
        }
        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            /// People's words never reach a log by accident.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} characters)"), self.0.chars().count())
            }
        }
    };
}

text!(
    /// A message: 1–10,000 characters, NFC, no control characters other than line breaks and tabs.
    MessageText, MESSAGE_CHARACTERS_MAX, multi_line: true, may_be_empty: false
);
text!(
    /// A room's name: 1–80 characters on one line.
    RoomName, ROOM_NAME_CHARACTERS_MAX, multi_line: false, may_be_empty: false
);
text!(
    /// A room's topic: up to 500 characters; empty clears it.
    Topic, TOPIC_CHARACTERS_MAX, multi_line: true, may_be_empty: true
);
text!(
    /// A person's display name: 1–80 characters on one line. It can change; the user id cannot.
    UserName, USER_NAME_CHARACTERS_MAX, multi_line: false, may_be_empty: false
);
text!(
    /// A person's status text: up to 140 characters; empty clears it.
    StatusText, STATUS_TEXT_CHARACTERS_MAX, multi_line: false, may_be_empty: true
);

impl Default for Topic {
    /// No topic.
    fn default() -> Self {
        Self(String::new())
    }
}
impl Default for StatusText {
    /// No status.
    fn default() -> Self {
        Self(String::new())
    }
}

/// A reaction: one grapheme cluster that is not plain text.
///
/// Which sequences form one cluster changes with the version of Unicode. What is read back from the log or the local store goes
/// through `stored_emoji` for that reason: what was an emoji once must stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Emoji(String);

impl Emoji {
    /// Checks `raw`.
    ///
    /// # Errors
    /// [`TextError::NotOneEmoji`], whatever else it is.
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        let text: String = if raw.len() > EMOJI_BYTES_MAX { String::new() } else { raw.nfc().collect() };
        let one_cluster = text.graphemes(true).take(2).count() == 1;
        // Digits and ASCII signs start some emoji (keycaps), but only together with a mark.
        let plain = text.chars().all(|c| c.is_alphanumeric() || c.is_ascii() || c.is_whitespace() || c.is_control());
        if one_cluster && !plain { Ok(Self(text)) } else { Err(TextError::NotOneEmoji) }
    }

    /// The emoji.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for Emoji {
    type Error = TextError;
    fn try_from(raw: String) -> Result<Self, TextError> {
        Self::parse(&raw)
    }
}
impl From<Emoji> for String {
    fn from(emoji: Emoji) -> Self {
        emoji.0
    }
}

/// Reads an emoji that was checked when it was first written.
///
/// # Errors
/// When it is not a text of the right size.
pub(crate) fn stored_emoji<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Emoji, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text.len() > EMOJI_BYTES_MAX { Err(de::Error::custom(TextError::NotOneEmoji)) } else { Ok(Emoji(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_nfc_and_bounded() {
        assert_eq!(MessageText::parse("e\u{301}").unwrap().as_str(), "é");
        assert_eq!(MessageText::parse(" \n\t"), Err(TextError::Empty));
        assert_eq!(MessageText::parse("a\u{0}b"), Err(TextError::ControlCharacter(0)));
        assert!(MessageText::parse(&"가".repeat(MESSAGE_CHARACTERS_MAX)).is_ok());
        let long = MessageText::parse(&"가".repeat(MESSAGE_CHARACTERS_MAX + 1));
        assert_eq!(long, Err(TextError::TooLong { characters: 10_001, characters_max: 10_000 }));
    }

    #[test]
    fn a_reaction_is_one_emoji() {
        for good in ["👍", "❤️", "👨‍👩‍👧‍👦", "🇰🇷", "1️⃣"] {
            assert!(Emoji::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "👍👍", "ok", " ", "1", "가"] {
            assert_eq!(Emoji::parse(bad), Err(TextError::NotOneEmoji), "{bad:?}");
        }
    }
}
