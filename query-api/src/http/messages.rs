//! `GET /chat/rooms/{roomId}/messages`: a room's history.
//!
//! Items come in rising order of number, whichever way one pages: `next` leads to later messages, `prev` to earlier ones, and
//! either is null where the history ends. Without a parameter the page is the latest one.

use domain::RoomId;
use domain::room::Number;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem, Query};
use infra::read_model::{Direction, MessageView};
use serde::{Deserialize, Serialize};

use super::page::{invalid, key, limit};
use super::{Fresh, readable_room, unavailable};
use crate::cursor::Binding;
use crate::dto::{Message, Page};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Messages with lower numbers than this. Excludes `after`, `around` and `cursor`.
    before: Option<u64>,
    /// Messages with higher numbers than this.
    after: Option<u64>,
    /// Messages on both sides of this one, and itself.
    around: Option<u64>,
    /// `next` or `prev` of another page.
    cursor: Option<String>,
}

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Latest,
    Before(Number),
    After(Number),
    Around(Number),
}

/// The history of a room in rising order of number; the latest page unless a parameter says where.
#[utoipa::path(
    get, path = "/chat/rooms/{roomId}/messages", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("roomId" = Uuid, Path),
        Parameters,
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Page<Message>), Problems)
)]
pub(super) async fn messages(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Path(room): Path<RoomId>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<Message>>, Problem> {
    let binding = Binding::new("messages", &[&room.to_string()]);
    let (place, limit) = (place(&binding, &parameters)?, limit(parameters.limit)?);
    let view = readable_room(&reading, room, &caller.user).await?;
    let read = async |direction, limit| {
        let page = reading.timeline.messages(room, direction, limit, &caller.user).await;
        page.map(|page| page.items).map_err(|fault| unavailable(&fault))
    };
    let rows = match place {
        Place::Latest => rising(read(Direction::Before(u64::MAX), limit).await?),
        Place::Before(number) => rising(read(Direction::Before(number), limit).await?),
        Place::After(number) => read(Direction::After(number), limit).await?,
        Place::Around(number) => {
            // The message itself counts to the later half, so that it is there even with a limit of 1.
            let mut rows = match limit / 2 {
                0 => Vec::new(),
                earlier => rising(read(Direction::Before(number), earlier).await?),
            };
            rows.extend(read(Direction::After(number.saturating_sub(1)), limit - limit / 2).await?);
            rows
        }
    };
    Ok(Json(page(&binding, place, rows, view.last_number)))
}

fn place(binding: &Binding, parameters: &Parameters) -> Result<Place, Problem> {
    match (parameters.before, parameters.after, parameters.around, parameters.cursor.as_deref()) {
        (None, None, None, None) => Ok(Place::Latest),
        (Some(number), None, None, None) => Ok(Place::Before(number)),
        (None, Some(number), None, None) => Ok(Place::After(number)),
        (None, None, Some(number), None) => Ok(Place::Around(number)),
        (None, None, None, Some(cursor)) => Ok(key(binding, Some(cursor))?.unwrap_or(Place::Latest)),
        _ => Err(invalid("before, after, around and cursor exclude each other")),
    }
}

fn rising(mut falling: Vec<MessageView>) -> Vec<MessageView> {
    falling.reverse();
    falling
}

/// The page of `rows`. Numbers are dense from 1 to the last one, so that a page knows by its own edges what lies beyond them.
fn page(binding: &Binding, place: Place, rows: Vec<MessageView>, last_number: Number) -> Page<Message> {
    let edges = rows.first().map(|row| row.number).zip(rows.last().map(|row| row.number));
    // An empty page lies before the first message or behind the last one.
    let (first, last) = edges.unwrap_or(match place {
        Place::Before(_) => (1, 0),
        Place::Latest | Place::After(_) | Place::Around(_) => (last_number + 1, last_number),
    });
    Page {
        next: (last < last_number).then(|| binding.cursor(&Place::After(last))),
        prev: (first > 1).then(|| binding.cursor(&Place::Before(first))),
        items: rows.into_iter().map(Message::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, UserId};
    use rstest::rstest;

    use super::*;

    fn rows(numbers: std::ops::RangeInclusive<Number>) -> Vec<MessageView> {
        let row = |number| MessageView {
            room: RoomId::of_import("test", "room"),
            number,
            author: UserId::parse("ann").unwrap(),
            sent_at: Timestamp::default(),
            reply_to: None,
            text: None,
            mentions: Vec::new(),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            version: number,
        };
        numbers.map(row).collect()
    }

    #[rstest]
    #[case::the_latest_of_many(Place::Latest, rows(51..=100), Some(51), None)]
    #[case::all_there_is(Place::Latest, rows(1..=100), None, None)]
    #[case::in_the_middle(Place::Around(50), rows(40..=60), Some(40), Some(60))]
    #[case::before_the_first(Place::Before(1), Vec::new(), None, Some(0))]
    #[case::behind_the_last(Place::After(100), Vec::new(), Some(101), None)]
    #[case::far_behind_the_last(Place::Around(1_000), Vec::new(), Some(101), None)]
    fn cursors_lead_to_what_lies_beyond_the_page(
        #[case] place: Place,
        #[case] rows: Vec<MessageView>,
        #[case] before: Option<Number>,
        #[case] after: Option<Number>,
    ) {
        let binding = Binding::new("messages", &["room"]);
        let page = page(&binding, place, rows, 100);
        assert_eq!(page.prev.map(|cursor| binding.key(&cursor).unwrap()), before.map(Place::Before));
        assert_eq!(page.next.map(|cursor| binding.key(&cursor).unwrap()), after.map(Place::After));
    }

    #[test]
    fn an_empty_room_has_one_empty_page() {
        let page = page(&Binding::new("messages", &["room"]), Place::Latest, Vec::new(), 0);
        assert!(page.items.is_empty() && page.next.is_none() && page.prev.is_none());
    }

    #[test]
    fn one_place_at_a_time() {
        let parameters = Parameters { limit: None, before: Some(1), after: Some(1), around: None, cursor: None };
        assert!(place(&Binding::new("messages", &["room"]), &parameters).is_err());
    }
}
