//! Cursors of pages: opaque to clients, bound to the query they came from.
//!
//! A cursor is base64url of a small JSON: a version, the key of the row where the page ends, and a checksum over the key and the
//! query that it belongs to. The checksum keeps a cursor from being used with another path or filter, where its key would make
//! no sense; it is no signature, and needs to be none: every page is authorised anew.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the form.
const VERSION: u8 = 1;
/// Longer cursors are refused unread: the longest key is a room name with its id.
const CURSOR_BYTES_MAX: usize = 1_024;

/// It is no cursor of this query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this query")]
pub struct BadCursor;

/// The query that cursors belong to: a route with its path and filters. What only changes the page's size is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    v: u8,
    c: String,
    k: serde_json::Value,
}

impl Binding {
    /// The query of `route` with these parts of path and filter.
    #[must_use]
    pub fn new(route: &'static str, parts: &[&str]) -> Self {
        // The length before each part keeps two queries from reading the same.
        let mut binding = route.to_owned();
        for part in parts {
            binding.push_str(&format!(" {}:{part}", part.len()));
        }
        Self(binding)
    }

    /// The cursor at `key`.
    #[must_use]
    pub fn cursor(&self, key: &impl Serialize) -> String {
        // Keys are tuples of numbers, ids and names; none of them fails to serialise.
        let k = serde_json::to_value(key).unwrap_or_default();
        let body = Body { v: VERSION, c: self.checksum(&k), k };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&body).unwrap_or_default())
    }

    /// The key of a cursor that [`Self::cursor`] gave for the same query.
    ///
    /// # Errors
    /// [`BadCursor`] for anything else.
    pub fn key<K: DeserializeOwned>(&self, cursor: &str) -> Result<K, BadCursor> {
        if cursor.len() > CURSOR_BYTES_MAX {
            return Err(BadCursor);
        }
        let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| BadCursor)?;
        let body: Body = serde_json::from_slice(&json).map_err(|_| BadCursor)?;
        if body.v != VERSION || body.c != self.checksum(&body.k) {
            return Err(BadCursor);
        }
        serde_json::from_value(body.k).map_err(|_| BadCursor)
    }

    fn checksum(&self, key: &serde_json::Value) -> String {
        let digest = Sha256::digest(format!("{VERSION}\0{}\0{key}", self.0));
        URL_SAFE_NO_PAD.encode(digest.get(..6).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_its_own_query_only() {
        let binding = Binding::new("public", &["ab", "c"]);
        let cursor = binding.cursor(&("name", 7_u64));
        assert_eq!(binding.key::<(String, u64)>(&cursor), Ok(("name".to_owned(), 7)));
        for other in [Binding::new("public", &["a", "bc"]), Binding::new("public", &[]), Binding::new("mine", &["ab", "c"])] {
            assert_eq!(other.key::<(String, u64)>(&cursor), Err(BadCursor));
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let binding = Binding::new("messages", &["room"]);
        let cursor = binding.cursor(&("b", 812_u64));
        for at in 0..cursor.len() {
            for replacement in [b'A', b'z', b'!'] {
                let mut bytes = cursor.clone().into_bytes();
                if std::mem::replace(&mut bytes[at], replacement) != replacement {
                    let changed = String::from_utf8(bytes).unwrap();
                    assert_eq!(binding.key::<(String, u64)>(&changed), Err(BadCursor), "{changed}");
                }
            }
        }
        assert_eq!(binding.key::<(String, u64)>(""), Err(BadCursor));
        assert_eq!(binding.key::<(String, u64)>(&"A".repeat(5_000)), Err(BadCursor));
    }
}
