//! Frames of clients. The input is the text of one.

use infra::http::Object;
use query_api::ws::frame::ClientFrame;
use serde_json::Value;

/// What a frame may have beside its type.
const FIELDS: &[&str] = &["type", "room", "afterVersion", "token"];

pub fn run(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "not text".to_owned() };
    let frame = match serde_json::from_str::<Object<ClientFrame>>(text) {
        Ok(Object(frame)) => frame,
        Err(error) => return format!("{:?} {}", error.classify(), error.column().min(40)),
    };
    // Whatever is taken is an object of the protocol, without anything that nobody knows.
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(fields) = value.as_object() else { panic!("taken, and no object: {text}") };
    for field in fields.keys() {
        assert!(FIELDS.contains(&field.as_str()), "taken with {field:?}: {text}");
    }
    let shown = format!("{frame:?}");
    if let ClientFrame::Authenticate { token } = &frame {
        assert!(token.0.len() < 8 || !shown.contains(&token.0), "a token is shown: {shown}");
    }
    let told = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("{told} {}", fields.len())
}
