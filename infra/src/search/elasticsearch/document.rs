//! Documents as Elasticsearch keeps them.

use serde_json::{Value, json};

use super::layout::Layout;
use crate::search::{Document, words};

/// A document on its way: the two lines of a bulk request.
pub(super) struct Lines {
    /// Its place among those that are to be written.
    pub(super) index: usize,
    pub(super) text: String,
}

pub(super) fn lines(layout: &Layout, index: usize, document: &Document) -> Lines {
    let (target, id, version, source) = match document {
        Document::Message(message) => {
            let id = format!("{}-{}", message.room, message.number);
            (layout.chat(message.sent_at), id, message.version, message_source(message))
        }
        Document::Person(person) => {
            let source = json!({
                "@timestamp": person.registered_at,
                "event": {"dataset": "sarangbang.people", "sequence": person.version},
                "user": {"id": person.user},
            });
            (layout.own_people(), person.user.to_string(), person.version, source)
        }
    };
    let action = json!({"index": {"_index": target, "_id": id, "version": version, "version_type": "external"}});
    Lines { index, text: format!("{action}\n{source}\n") }
}

/// A deleted message keeps its place and date and says nothing any more. (To delete its document would let a replay bring it back.)
fn message_source(message: &crate::search::Message) -> Value {
    let mut source = json!({
        "@timestamp": message.sent_at,
        "event": {"dataset": "sarangbang.chat", "sequence": message.version},
        "room": {"id": message.room},
        "number": message.number,
        "user": {"id": message.author},
        "deleted": message.text.is_none(),
    });
    if let (Some(text), Some(fields)) = (&message.text, source.as_object_mut()) {
        let said = json!({
            "message": text,
            "length": text.chars().count(),
            "words": words::counted(text),
            "mentions": message.mentions,
            "script": words::scripts(text),
            "terms": words::terms(text),
            "grams": words::grams(text),
        });
        fields.extend(said.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(edited_at) = message.edited_at {
            fields.insert("edited_at".to_owned(), json!(edited_at));
        }
    }
    source
}
