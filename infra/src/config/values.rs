//! Types of settings that serde's own do not cover.

use std::collections::BTreeMap;
use std::fmt;

use figment::value::Value;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is never shown or logged: a URL with a password in it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(super::MASK)
    }
}

/// Names and texts that are handed on as they are. `Debug` shows the names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Properties(pub BTreeMap<String, String>);

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <Value as Deserialize>::deserialize(deserializer)?;
        if value.as_dict().is_none() {
            return Err(D::Error::custom("a table of names and texts"));
        }
        Ok(Self(flatten(&value)))
    }
}

/// The texts of a table by dotted name: `a.b = 1` in TOML is a table in a table, and means the name `a.b` here.
pub(super) fn flatten(value: &Value) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    flatten_into(&mut flat, "", value);
    flat
}

fn flatten_into(flat: &mut BTreeMap<String, String>, name: &str, value: &Value) {
    let text = match value {
        Value::Dict(_, dict) => {
            for (inner, value) in dict {
                let name = if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
                flatten_into(flat, &name, value);
            }
            return;
        }
        Value::String(_, text) => text.clone(),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, number) => match (number.to_u128(), number.to_i128(), number.to_f64()) {
            (Some(n), ..) => n.to_string(),
            (None, Some(n), _) => n.to_string(),
            (None, None, f) => f.unwrap_or_default().to_string(),
        },
        _ => return,
    };
    flat.insert(name.to_owned(), text);
}
