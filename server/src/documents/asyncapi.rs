//! The AsyncAPI document: the topics with their events, and the live feed with its frames. Made from the code's own tables.

use domain::saga::MESSAGE_TYPES;
use domain::wire::{BARRIER, CLAIMED, EVENT_TYPES};
use infra::log::Topic;
use query_api::ws::FRAMES;
use query_api::ws::frame::From;
use serde_json::{Map, Value, json};

/// All of it, AsyncAPI 3.0.
pub fn asyncapi() -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    for topic in Topic::ALL {
        let names = records_of(topic);
        channels.insert(topic_key(topic), topic_channel(topic, &names));
        operations.insert(format!("{}Write", topic_key(topic)), operation("send", &topic_key(topic), None));
        names.iter().for_each(|(key, message)| _ = messages.insert(key.clone(), message.clone()));
    }
    let mut frames = Map::new();
    for (from, name, example) in FRAMES {
        let key = frame_key(*from, name);
        messages.insert(key.clone(), frame_message(name, example));
        frames.insert(key.clone(), reference(&format!("#/components/messages/{key}")));
    }
    channels.insert("live".to_owned(), live_channel(&frames));
    for (name, action, from) in [("liveReceive", "receive", From::Client), ("liveSend", "send", From::Server)] {
        let said = FRAMES.iter().filter(|(who, ..)| *who == from).map(|(who, name, _)| frame_key(*who, name));
        operations.insert(name.to_owned(), operation(action, "live", Some(said.collect())));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sarangbang: events and live feed",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events are CloudEvents 1.0 in Kafka's binary mode; docs/events.md explains each. Consumers apply the \
                            acceptance rule of docs/protocol.md, or may see rare records that it ignores.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"CloudEventHeaders": headers()}},
    })
}

/// The topic's name as a key: `users.v1` becomes `usersV1`.
fn topic_key(topic: Topic) -> String {
    let mut upper = false;
    let mut key = String::new();
    for c in topic.base_name().chars() {
        if c == '.' {
            upper = true;
        } else {
            key.extend(c.to_uppercase().filter(|_| upper));
            key.extend((!upper).then_some(c));
            upper = false;
        }
    }
    key
}

fn records_of(topic: Topic) -> Vec<(String, Value)> {
    let event = |name: &&'static str| ((*name).to_owned(), event_message(name));
    let of = |aggregate: &'static str| EVENT_TYPES.iter().filter(move |name| name.starts_with(aggregate)).map(event);
    let owned = [CLAIMED, BARRIER];
    match topic {
        Topic::Users => of("sarangbang.user.").chain(of("sarangbang.relation.")).chain(owned.iter().map(event)).collect(),
        Topic::Rooms => of("sarangbang.room.").chain(owned.iter().map(event)).collect(),
        Topic::Sagas => MESSAGE_TYPES.iter().map(|name| ((*name).to_owned(), saga_message(name))).collect(),
        _ => vec![(topic.base_name().to_owned(), record_message(topic))],
    }
}

/// What services say to each other about a saga. Its headers are those of events without the owner's.
fn saga_message(name: &str) -> Value {
    json!({
        "name": name,
        "contentType": "application/json",
        "payload": {"type": "object", "description": "see docs/events.md, Sagas; `ce_id` tells a second copy"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "the saga's id, also in ce_subject and ce_correlationid"}}},
    })
}

fn event_message(name: &str) -> Value {
    json!({
        "name": name,
        "contentType": "application/json",
        "headers": reference("#/components/schemas/CloudEventHeaders"),
        "payload": {"type": "object", "description": "see docs/events.md; additions are possible, what is there stays"},
    })
}

/// Records that are no events: latest values, notices, and what could not be applied.
fn record_message(topic: Topic) -> Value {
    let (key, fields): (&str, &[&str]) = match topic {
        Topic::Owners => ("the partition, such as rooms.v1/3", &["node", "url", "epoch", "successor"]),
        Topic::Revoked => ("session/session id, or user/user id", &["kind", "sessionId", "userId", "issuedUntil", "until"]),
        Topic::Reads => ("room id/user id", &["roomId", "userId", "number", "at"]),
        Topic::Parked => {
            // Either that an event was parked, or (with `resolution`) what became of it.
            const FIELDS: &[&str] = &[
                "topic",
                "partition",
                "offset",
                "projection",
                "generation",
                "epoch",
                "sequence",
                "at",
                "error",
                "record",
                "resolution",
            ];
            ("the stream's id", FIELDS)
        }
        Topic::Presence => {
            ("the room id where somebody types, or the id of a node's run", &["kind", "roomId", "userId", "at", "node", "people"])
        }
        _ => ("not used yet", &[]),
    };
    let properties: Map<String, Value> = fields.iter().map(|field| ((*field).to_owned(), json!({}))).collect();
    json!({
        "name": topic.base_name(),
        "contentType": "application/json",
        "payload": {"type": "object", "properties": properties},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
    })
}

fn topic_channel(topic: Topic, records: &[(String, Value)]) -> Value {
    let messages: Map<String, Value> =
        records.iter().map(|(key, _)| (key.clone(), reference(&format!("#/components/messages/{key}")))).collect();
    let kept =
        if topic.compacted() { "the latest value of each key is kept" } else { "see docs/events.md for how long it is kept" };
    json!({
        "address": format!("sarangbang.{}", topic.base_name()),
        "description": format!("The prefix `sarangbang` is the setting log.topic_prefix; {kept}."),
        "messages": messages,
    })
}

fn frame_key(from: From, name: &str) -> String {
    match from {
        From::Client => format!("client.{name}"),
        From::Server => format!("server.{name}"),
    }
}

fn frame_message(name: &str, example: &str) -> Value {
    let example: Value = serde_json::from_str(example).unwrap_or(Value::Null);
    let fields = example.as_object().into_iter().flatten().map(|(field, _)| (field.clone(), json!({})));
    let mut properties: Map<String, Value> = fields.collect();
    properties.insert("type".to_owned(), json!({"const": name}));
    json!({
        "name": name,
        "contentType": "application/json",
        "payload": {"type": "object", "required": ["type"], "properties": properties},
        "examples": [{"payload": example}],
    })
}

fn live_channel(messages: &Map<String, Value>) -> Value {
    json!({
        "address": "/chat/ws",
        "description": "A WebSocket with JSON text frames. Within a room `previousVersion` is always the last `version` that the \
                        client got: the proof that nothing is missing.",
        "messages": messages,
        "bindings": {"ws": {"method": "GET"}},
    })
}

/// `send` and `receive` are from the server's side, as AsyncAPI wants it.
fn operation(action: &str, channel: &str, messages: Option<Vec<String>>) -> Value {
    let mut operation = json!({"action": action, "channel": reference(&format!("#/channels/{channel}"))});
    if let (Some(messages), Some(fields)) = (messages, operation.as_object_mut()) {
        let messages = messages.iter().map(|key| reference(&format!("#/channels/{channel}/messages/{key}")));
        fields.insert("messages".to_owned(), messages.collect());
    }
    operation
}

fn reference(to: &str) -> Value {
    json!({"$ref": to})
}

fn headers() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "properties": {
            "ce_id": text("the event's id"),
            "ce_source": text("sarangbang"),
            "ce_specversion": text("1.0"),
            "ce_type": text("the versioned type"),
            "ce_time": text("when it was decided, RFC 3339"),
            "ce_subject": text("the stream's id, or topic/partition for claims and barriers"),
            "ce_epoch": text("the owner's epoch"),
            "ce_partitionseq": text("dense in the partition; absent in claims"),
            "ce_streamversion": text("dense in the stream; absent in claims and barriers"),
            "ce_commandid": text("the command's id, the Idempotency-Key"),
            "ce_commandhash": text("the digest of what was asked"),
            "ce_actor": text("who asked"),
            "ce_correlationid": text("the request or saga"),
            "ce_causationid": text("the command or event that caused it"),
            "traceparent": text("W3C trace context"),
            "content-type": text("application/json"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_topic_and_frame_is_there_and_every_reference_leads_somewhere() {
        let document = asyncapi();
        let messages = document["components"]["messages"].as_object().unwrap();
        for name in EVENT_TYPES.iter().chain(&[CLAIMED, BARRIER]) {
            assert!(messages.contains_key(*name), "{name} is missing");
            let channels = document["channels"].as_object().unwrap().values();
            assert!(channels.filter(|channel| channel["messages"].get(name).is_some()).count() >= 1, "{name} is in no topic");
        }
        let sagas = document["channels"]["sagasV1"]["messages"].as_object().unwrap();
        assert!(MESSAGE_TYPES.iter().all(|name| sagas.contains_key(*name)) && sagas.len() == MESSAGE_TYPES.len());
        for topic in Topic::ALL {
            let address = format!("sarangbang.{}", topic.base_name());
            assert_eq!(document["channels"][topic_key(topic)]["address"], address.as_str());
        }
        for (from, name, example) in FRAMES {
            let message = &messages[&frame_key(*from, name)];
            assert_eq!(message["payload"]["properties"]["type"]["const"], *name);
            assert_eq!(message["examples"][0]["payload"], serde_json::from_str::<Value>(example).unwrap());
        }
        let mut checked = 0;
        let mut all = vec![&document];
        while let Some(value) = all.pop() {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                let target = target.trim_start_matches("#/").split('/').fold(&document, |at, key| &at[key]);
                assert!(target.is_object(), "{value}");
                checked += 1;
            }
            all.extend(value.as_object().into_iter().flat_map(Map::values).chain(value.as_array().into_iter().flatten()));
        }
        assert!(checked > 50);
    }

    #[test]
    fn topics_become_keys() {
        assert_eq!(topic_key(Topic::Users), "usersV1");
    }
}
