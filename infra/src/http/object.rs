//! JSON objects, and nothing else, for what is an object in the documents.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A `T` that came as a JSON object. What serde derives would also take an array of the fields' values in the order in which they
/// happen to be written down, and would name the Rust type where it takes neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Only(PhantomData)).map(Self)
    }
}

struct Only<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        one: u8,
        other: Option<u8>,
    }

    fn read(json: &str) -> Result<Pair, String> {
        serde_json::from_str::<Object<Pair>>(json).map(|object| object.0).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_read_as_ever_and_an_array_is_none() {
        assert_eq!(read(r#"{"one": 1}"#), Ok(Pair { one: 1, other: None }));
        assert_eq!(serde_json::from_str::<Pair>("[1, 2]").ok(), Some(Pair { one: 1, other: Some(2) }), "what serde derives");
        for (bad, why) in [("[1, 2]", "sequence"), ("null", "null"), ("5", "integer"), (r#""x""#, "string")] {
            let said = read(bad).unwrap_err();
            assert!(said.contains(why) && said.contains("expected an object"), "{said}");
        }
        assert!(read(r#"{"one": 1, "two": 2}"#).unwrap_err().contains("unknown field `two`"));
    }
}
