//! Who may do what: every documented route of every service for everybody who may come along, and the live feed the same.
//!
//! The table is made from `docs/openapi.json`, which another test holds to the code. A route that has no row there fails the first test
//! here, which says how to add one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "these are tests: their helpers fail by panicking"
)]

mod internal;
mod people;
mod services;
mod socket;
mod table;
mod world;

use std::collections::BTreeSet;

use serde_json::Value;

use people::{BAD_TOKENS, DEACTIVATED, ROLES, Role};
use table::{Expected, ROWS};
use world::{Room, SECRET, World};

/// Every method and path of the OpenAPI document.
fn documented() -> BTreeSet<(String, String)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    operations(&serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let methods = ["get", "put", "post", "patch", "delete", "head", "options"];
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let here = methods.into_iter().filter(|method| item.get(method).is_some());
            here.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn rows() -> BTreeSet<(String, String)> {
    ROWS.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect()
}

#[test]
fn every_documented_route_has_its_row() {
    let missing: Vec<_> = documented().difference(&rows()).cloned().collect();
    assert!(
        missing.is_empty(),
        "no row says who may use {missing:?}. Add one for each to server/tests/it/authorisation/table.rs: method, path, a body that is \
         good, and what a stranger, a member, a moderator, an owner and an administrator get, and a member who asks for what is \
         another's."
    );
    let gone: Vec<_> = rows().difference(&documented()).cloned().collect();
    assert!(gone.is_empty(), "these routes have a row and are not documented (any more): {gone:?}");
    let asked: BTreeSet<_> = ROWS.iter().map(|row| (row.method, row.path, row.query)).collect();
    assert_eq!(asked.len(), ROWS.len(), "what is asked of a route has one row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_what_is_theirs_and_nothing_else() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for row in ROWS {
        for (role, expected) in ROLES.into_iter().zip(row.expected) {
            let in_room = row.path.contains("{roomId}") || row.query.contains("{roomId}");
            let room = if in_room { world.room().await } else { Room::nowhere() };
            let (path, body) = world.request(row, role, &room).await;
            let answer = world.ask(row.method, &path, body.as_deref(), Some(&world.token(role.user()))).await;
            let cell = format!("{} {}{} by {role:?}", row.method, row.path, row.query);
            if let Err(why) = expected.check(&answer) {
                wrong.push(format!("{cell}: {why}"));
            }
            let may_see_none = role == Role::Stranger || role == Role::Administrator && !row.counts_words;
            if may_see_none && answer.text.contains(SECRET) {
                wrong.push(format!("{cell}: what was said among others stands in {}", answer.text));
            }
            // Whether a room is there is not told to those who may not see it.
            if *expected == table::NO_ROOM {
                let (nowhere, body) = world.request(row, role, &Room::nowhere()).await;
                let nothing = world.ask(row.method, &nowhere, body.as_deref(), Some(&world.token(role.user()))).await;
                if answer.without_trace() != nothing.without_trace() {
                    wrong.push(format!("{cell}: {} for a room, and {} for none", answer.text, nothing.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_token_nobody_gets_anything_but_what_is_open() {
    let world = World::new().await;
    world.deactivate(DEACTIVATED).await;
    let mut wrong = Vec::new();
    let room = world.room().await;
    for row in ROWS {
        for (name, code, make) in BAD_TOKENS {
            let (path, body) = world.request(row, Role::Member, &room).await;
            let token = make(&world.forge);
            let answer = world.ask(row.method, &path, body.as_deref(), token.as_deref()).await;
            let [_, of_members, ..] = row.expected;
            let expected = if row.open { *of_members } else { Expected::Problem(401, code) };
            if let Err(why) = expected.check(&answer) {
                wrong.push(format!("{} {} with {name}: {why}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    let messages = format!("/chat/rooms/{}/messages", room.id);
    let answer = world.ask("GET", &messages, None, Some(&world.token("olga"))).await;
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 1, "and nothing was done");
    let answer = world.ask("GET", "/chat/friends", None, Some(&world.token("mia"))).await;
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 0, "nor here");
    let session = world.log_in("mia").await;
    assert_eq!(world.ask("GET", "/user/me", None, Some(&session.token)).await.status, 200, "nor with the account");
    world.stop().await;
}
