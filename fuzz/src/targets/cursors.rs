//! Small texts that come back to us or name something. The first byte says which; the rest is the text.

use domain::ids::PartitionId;
use domain::text::{Emoji, MessageText, RoomName, StatusText, Topic, UserName};
use domain::{RoomId, Timestamp, UserId};
use infra::http::ReadToken;
use query_api::cursor::Binding;
use serde_json::Value;

pub fn run(input: &[u8]) -> String {
    let Some((kind, rest)) = input.split_first() else { return "nothing".to_owned() };
    let text = &*String::from_utf8_lossy(rest);
    match kind % 10 {
        0 => cursor(text),
        1 => made_cursor(rest),
        2 => again(text, "read token", |text| text.parse::<ReadToken>().ok(), ToString::to_string),
        3 => again(text, "user id", |text| UserId::parse(text).ok(), |id| id.as_str().to_owned()),
        4 => again(text, "room id", |text| text.parse::<RoomId>().ok(), ToString::to_string),
        5 => again(text, "time", |text| text.parse::<Timestamp>().ok(), ToString::to_string),
        6 => again(text, "message", |text| MessageText::parse(text).ok(), |text| text.as_str().to_owned()) + &candidates(text),
        7 => again(text, "emoji", |text| Emoji::parse(text).ok(), |emoji| emoji.as_str().to_owned()),
        8 => {
            again(text, "room name", |text| RoomName::parse(text).ok(), |name| name.as_str().to_owned())
                + &again(text, "topic", |text| Topic::parse(text).ok(), |topic| topic.as_str().to_owned())
                + &again(text, "user name", |text| UserName::parse(text).ok(), |name| name.as_str().to_owned())
                + &again(text, "status", |text| StatusText::parse(text).ok(), |status| status.as_str().to_owned())
        }
        _ => again(text, "partition", |text| text.parse::<PartitionId>().ok(), ToString::to_string),
    }
}

/// What was taken is written in a form that is taken, as the same.
fn again<T: PartialEq>(text: &str, what: &str, parse: impl Fn(&str) -> Option<T>, write: impl Fn(&T) -> String) -> String {
    let Some(parsed) = parse(text) else { return format!("no {what}") };
    let written = write(&parsed);
    assert!(parse(&written).is_some_and(|again| again == parsed), "{what} {text:?} becomes {written:?}, which is another");
    format!("{what} {}", written.chars().count().min(20))
}

fn candidates(text: &str) -> String {
    let found = domain::mentions::candidates(text);
    assert!(found.len() <= domain::room::MENTION_CANDIDATES_MAX, "{} candidates", found.len());
    format!(" {}", found.len().min(5))
}

/// A cursor that nobody gave opens nothing; one that opens is written again as another that opens the same.
fn cursor(text: &str) -> String {
    let (own, foreign) = (Binding::new("messages", &["room"]), Binding::new("messages", &["other"]));
    let Ok(key) = own.key::<Value>(text) else { return "no cursor".to_owned() };
    assert!(foreign.key::<Value>(text).is_err(), "{text:?} opens two queries");
    assert_eq!(own.key::<Value>(&own.cursor(&key)), Ok(key), "{text:?}");
    "a cursor".to_owned()
}

/// A key that we put into a cursor comes out of it, whatever it is; as another type it is refused or read, never more.
fn made_cursor(json: &[u8]) -> String {
    let Ok(key) = serde_json::from_slice::<Value>(json) else { return "no key".to_owned() };
    let binding = Binding::new("rooms", &["ann"]);
    let cursor = binding.cursor(&key);
    let opened = binding.key::<Value>(&cursor);
    // A key beyond the limit makes a cursor that is refused; none of ours is so long.
    assert!(opened.as_ref().is_ok_and(|opened| *opened == key) || cursor.len() > 1_024, "{key} becomes {opened:?}");
    let typed = (
        binding.key::<u64>(&cursor).is_ok(),
        binding.key::<(String, RoomId)>(&cursor).is_ok(),
        binding.key::<(Timestamp, RoomId)>(&cursor).is_ok(),
    );
    format!("{typed:?}")
}
