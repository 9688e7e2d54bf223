//! What a command is answered with.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::room::Number;
use domain::{RoomId, Timestamp, UserId};
use infra::http::read_token::READ_TOKEN;
use infra::http::{Json, Problem, ReadToken};
use serde::Serialize;
use utoipa::ToSchema;

use crate::bus::Outcome;

/// What became of a command; the same for a repeat as for the first time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The room, for commands about rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    room_id: Option<RoomId>,
    /// The person, for commands about people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// The message's number, for commands about messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    number: Option<Number>,
    /// The version of the room or person that the command made, or found where nothing had to change.
    version: u64,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether something changed; `false` when all was so already.
    changed: bool,
}

/// An answer with its headers.
pub struct Done {
    answer: Answer,
    read_token: ReadToken,
    location: Option<String>,
}

impl Done {
    fn new(outcome: &Outcome, room_id: Option<RoomId>, user_id: Option<UserId>) -> Self {
        let Outcome { topic, partition, sequence, version, number, time, changed } = *outcome;
        Self {
            answer: Answer { room_id, user_id, number, version, at: time, changed },
            read_token: ReadToken { topic, partition, sequence },
            location: None,
        }
    }

    /// Something about a room was done.
    pub fn room(outcome: &Outcome, room_id: RoomId) -> Self {
        Self::new(outcome, Some(room_id), None)
    }

    /// Something about a person was done.
    pub fn person(outcome: &Outcome, user_id: UserId) -> Self {
        Self::new(outcome, None, Some(user_id))
    }

    /// A thing was made, and is found under `path`: 201, or 200 when it was there already.
    pub fn made_at(mut self, path: String) -> Self {
        self.location = Some(path);
        self
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let made = self.location.is_some() && self.answer.changed;
        let status = if made { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = (status, Json(self.answer)).into_response();
        let token = (HeaderName::from_static(READ_TOKEN), self.read_token.to_string());
        for (name, value) in std::iter::once(token).chain(self.location.map(|path| (header::LOCATION, path))) {
            match HeaderValue::from_str(&value) {
                Ok(value) => response.headers_mut().insert(name, value),
                Err(error) => return Problem::internal(&error).into_response(),
            };
        }
        response
    }
}

/// `text` as one segment of a path: whatever is not unreserved (RFC 3986) is percent-encoded.
pub fn segment(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
