//! `POST /chat/rooms`: makes a room.

use axum::Extension;
use axum::extract::State;
use domain::command::Body;
use domain::room::{Command, Kind, Refusal};
use domain::text::{RoomName, Topic};
use domain::{CommandId, RoomId, StreamId, Timestamp, UserId};
use infra::http::json::BodyBytesMax;
use infra::http::openapi::Problems;
use infra::http::{Json, Object, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::{Asked, not_allowed};

/// A thousand people with the longest ids, in JSON that escapes every character.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The most characters of an import's source and of a room's name there.
const IMPORT_CHARACTERS_MAX: usize = 200;

/// A room to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRoom {
    /// `public`, `private` or `direct`.
    #[schema(value_type = String, example = "public")]
    kind: Kind,
    /// 1–80 characters; none for a direct room.
    #[schema(value_type = Option<String>)]
    name: Option<RoomName>,
    /// Up to 500 characters; none for a direct room.
    #[schema(value_type = Option<String>)]
    topic: Option<Topic>,
    /// Who is in it from the start, besides the caller; for a direct room exactly the other person.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    members: Vec<UserId>,
    /// With the `import` scope: what the room's id is derived from, so that it can be found again.
    #[schema(value_type = Option<ImportedRoom>)]
    import: Option<Object<ImportedRoom>>,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
    /// With the `import` scope: when it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

/// Where an imported room comes from: the room id is the UUIDv5 of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportedRoom {
    /// The source's name; 1–200 characters.
    #[schema(value_type = String)]
    source: ImportName,
    /// The room's name there; 1–200 characters.
    #[schema(value_type = String)]
    name: ImportName,
}

/// A name that a room id may be derived from. No control characters: a NUL would make the derivation ambiguous.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct ImportName(String);

impl TryFrom<String> for ImportName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name.is_empty() || name.chars().count() > IMPORT_CHARACTERS_MAX || name.contains(char::is_control) {
            return Err(format!("it has 1 to {IMPORT_CHARACTERS_MAX} characters, none of them a control character"));
        }
        Ok(Self(name))
    }
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create)).layer(Extension(BodyBytesMax(BODY_BYTES_MAX)))
}

/// Makes a room.
///
/// A direct room that exists already is answered with 200, any other new one with 201.
#[utoipa::path(
    post, path = "/chat/rooms", tag = "rooms", request_body = CreateRoom,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header, description = "the command's id, from which the room's id is derived")),
    responses((status = 201, description = "made; `Location` says where", body = Answer), (status = 200, description = "the direct room exists already", body = Answer), Problems)
)]
async fn create(State(api): State<Api>, asked: Asked, Json(body): Json<CreateRoom>) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of.clone())?;
    if body.import.is_some() && !asked.caller.scope.import {
        return Err(not_allowed(&"deriving a room's id from an import takes a token with the scope `import`"));
    }
    let room = room_id(&actor, asked.id, &body)?;
    let facts = api.facts_between(&asked, &actor, &body.members).await?;
    let CreateRoom { kind, name, topic, members, sent_at, .. } = body;
    let command = Command::Create { kind, name, topic, members, created_at: sent_at, facts };
    let outcome = api.execute(&asked, actor, StreamId::Room(room), Body::Room(command)).await?;
    Ok(Done::room(&outcome, room).made_at(format!("/chat/rooms/{room}")))
}

/// The stream is found from what makes the room one and the same: so a repeat meets its first.
fn room_id(actor: &UserId, command: CommandId, body: &CreateRoom) -> Result<RoomId, Problem> {
    match (&body.import, body.kind) {
        (Some(_), Kind::Direct) => Err(Problem::value("/import", "a direct room's id is derived from its two people")),
        (Some(Object(import)), Kind::Public | Kind::Private) => Ok(RoomId::of_import(&import.source.0, &import.name.0)),
        (None, Kind::Public | Kind::Private) => Ok(RoomId::of_creation(actor, command)),
        (None, Kind::Direct) => {
            let mut others = body.members.iter().filter(|user| *user != actor);
            match others.next() {
                Some(other) if others.all(|another| another == other) => Ok(RoomId::of_direct(actor, other)),
                // Without two people there is not even a stream that could refuse.
                _ => Err(Problem::refused(&Refusal::DirectNeedsOneOther.into())),
            }
        }
    }
}
