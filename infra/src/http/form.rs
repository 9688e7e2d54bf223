//! Whether a text is JSON at all, whatever it says.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Read out of a text, it shows that all of it is JSON: every string can be written as text, and every number has a value. Serde's
/// `IgnoredAny` looks at neither, and so would find the fault only where somebody reads the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form;

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Form, E> {
        Ok(Form)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Form, E> {
        Ok(Form)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Form, E> {
        Ok(Form)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Form, E> {
        Ok(Form)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Form, E> {
        Ok(Form)
    }
    fn visit_unit<E: Error>(self) -> Result<Form, E> {
        Ok(Form)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Form, A::Error> {
        while items.next_element::<Form>()?.is_some() {}
        Ok(Form)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Form, A::Error> {
        while fields.next_entry::<Form, Form>()?.is_some() {}
        Ok(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_has_a_form_and_nothing_else() {
        let form = |text: &str| serde_json::from_str::<Form>(text).is_ok();
        for good in ["null", "1.5e300", "-9223372036854775808", "18446744073709551616", r#"{"a":[true,{"b":"\ud83d\ude00"}]}"#] {
            assert!(form(good), "{good}");
        }
        for bad in ["", "1e999", r#""\ud800""#, r#"{"a":"\udc00"}"#, r#"{"\ud800":1}"#, "{} {}", "[1,]", "nul", "\"\u{1}\""] {
            assert!(!form(bad), "{bad}");
        }
    }
}
