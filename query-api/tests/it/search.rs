//! `GET /chat/search` and `GET /chat/stats/…`: who finds and counts what.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use domain::RoomId;
use domain::room::{Event, Kind, MemberGone, MessageDeleted, MessageEdited, MessageFacts, MessageSent, Role};
use domain::text::MessageText;
use infra::tokens::Grant;
use serde_json::{Value, json};

use crate::fixture::{PATIENCE, World, created, id, joined, until};
use crate::live::{facts, sent};

/// Asks until the index is there: a busy machine may keep it longer than a query waits.
async fn patiently(ask: impl AsyncFn() -> (StatusCode, Value)) -> (StatusCode, Value) {
    let begin = tokio::time::Instant::now();
    loop {
        let answer = ask().await;
        if answer.1["code"] != "read-model-behind" || begin.elapsed() > PATIENCE {
            return answer;
        }
    }
}

async fn get(world: &World, user: &str, path: &str, after: &str) -> (StatusCode, Value) {
    patiently(async || world.get(user, path, after).await).await
}

/// The rooms and numbers that a search finds for `user`.
async fn finds(world: &World, user: &str, query: &str, after: &str) -> BTreeSet<(String, u64)> {
    let (status, page) = get(world, user, &format!("/chat/search?{query}"), after).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let place = |found: &Value| (found["roomId"].as_str().unwrap().to_owned(), found["number"].as_u64().unwrap());
    page["items"].as_array().unwrap().iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_only_what_one_may_read() {
    let world = World::new().await;
    let mut rooms = Vec::new();
    for kind in [Kind::Public, Kind::Private, Kind::Direct] {
        let room = RoomId::of_import("test", &format!("{kind:?}"));
        world.writer.write(room, created(kind, "room", &["bob", "cid"])).await;
        world.writer.write(room, sent(1, "hidden treasure")).await;
        world.writer.write(room, Event::MemberRemoved(MemberGone { user_id: id("cid") })).await;
        rooms.push((kind, room));
    }
    let after = rooms.iter().map(|(_, room)| world.writer.read_token(*room)).collect::<Vec<_>>().join(",");
    let all: BTreeSet<_> = rooms.iter().map(|(_, room)| (room.to_string(), 1)).collect();
    for (user, of_mine, of_public, of_others) in
        [("ann", 3, 200, 200), ("bob", 3, 200, 200), ("cid", 0, 200, 404), ("eve", 0, 200, 404)]
    {
        for query in ["q=treasure", "q=treasure&order=time", "sender=ann", ""] {
            let found = finds(&world, user, query, &after).await;
            assert_eq!(found.len(), of_mine, "{user} {query}: {found:?}");
            assert!(found.is_subset(&all));
            for (kind, room) in &rooms {
                let named = format!("/chat/search?{query}&room={room}");
                let (status, page) = get(&world, user, &named, &after).await;
                let expected = if *kind == Kind::Public { of_public } else { of_others };
                assert_eq!(status.as_u16(), expected, "{user} {kind:?} {page}");
                assert_eq!(page["items"].as_array().map_or(0, Vec::len), usize::from(expected == 200), "{user} {named}");
            }
        }
    }
    // Who comes back finds it again, who leaves does not.
    let (_, private) = rooms[1];
    world.writer.write(private, Event::MemberJoined(joined("cid", Role::Member))).await;
    assert_eq!(finds(&world, "cid", "q=treasure", &world.writer.read_token(private)).await.len(), 1);
    world.writer.write(private, Event::MemberLeft(MemberGone { user_id: id("cid") })).await;
    assert_eq!(finds(&world, "cid", "q=treasure", &world.writer.read_token(private)).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_ones_own_writes_edits_and_not_what_one_deleted() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &[])).await;
    world.writer.write(room, sent(1, "초등학교에서 <b>만나요</b>")).await;
    let (_, page) = get(&world, "ann", "/chat/search?q=%ED%95%99%EA%B5%90", &world.writer.read_token(room)).await;
    let found = &page["items"][0];
    assert_eq!(
        found["excerpt"],
        json!([{"text": "초등학교에서", "hit": true}, {"text": " <b>만나요</b>", "hit": false}]),
        "{page}"
    );
    assert_eq!((&found["author"], &found["number"], &page["next"]), (&json!("ann"), &json!(1), &Value::Null));

    let edited = MessageFacts { edited_at: Some(domain::Timestamp::default()), ..facts(1, "see you at the station") };
    world.writer.write(room, Event::MessageEdited(MessageEdited { message: edited, mentions_dropped: Vec::new() })).await;
    assert_eq!(finds(&world, "ann", "q=%ED%95%99%EA%B5%90", &world.writer.read_token(room)).await.len(), 0);
    assert_eq!(finds(&world, "ann", "q=stations", "").await.len(), 1);

    let MessageFacts { number, author, sent_at, reply_to, .. } = facts(1, "x");
    let deleted = MessageDeleted { number, author, sent_at, reply_to, deleted_by: id("ann"), deleted_at: sent_at };
    world.writer.write(room, Event::MessageDeleted(deleted)).await;
    for query in ["q=station", "", "sender=ann"] {
        assert_eq!(finds(&world, "ann", query, &world.writer.read_token(room)).await.len(), 0, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_walked_and_bad_queries_refused() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Public, "room", &[])).await;
    for number in 1..=7 {
        let text = MessageText::parse(&format!("tea {}", "tea ".repeat(usize::try_from(number % 3).unwrap()))).unwrap();
        let message = MessageFacts { personal: domain::room::MessagePersonal { text }, ..facts(number, "x") };
        world.writer.write(room, Event::MessageSent(MessageSent { message })).await;
    }
    for order in ["relevance", "time"] {
        let base = format!("/chat/search?q=tea&order={order}&limit=3");
        let (mut seen, mut next) = (Vec::new(), Some(base.clone()));
        while let Some(path) = next {
            let (status, page) = get(&world, "ann", &path, &world.writer.read_token(room)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            seen.extend(page["items"].as_array().unwrap().iter().map(|found| found["number"].as_u64().unwrap()));
            next = page["next"].as_str().map(|cursor| format!("{base}&cursor={cursor}"));
        }
        assert_eq!(seen.len(), 7, "{order}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 7, "{order}: {seen:?}");
    }
    let (_, first) = get(&world, "ann", "/chat/search?q=tea&limit=3", "").await;
    let cursor = first["next"].as_str().unwrap();
    let long = format!("q={}", "x".repeat(301));
    let elsewhere = format!("q=coffee&cursor={cursor}");
    for bad in ["q=%3F%21", "limit=0", "order=best", "from=yesterday", "sender=%40", "room=x", "colour=red", &long, &elsewhere] {
        let (status, problem) = get(&world, "ann", &format!("/chat/search?{bad}"), "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("query-invalid")), "{bad}");
    }
}

/// A GET by an administrator.
async fn as_administrator(world: &World, path: &str, after: &str) -> (StatusCode, Value) {
    let scope = domain::Scope { admin: true, ..domain::Scope::default() };
    let grant = Grant { scope, ..Grant::person(id("root"), Duration::from_secs(3_600)) };
    let token = world.signer.issue(&grant).unwrap().token.0;
    patiently(async || {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}")).header("read-after", after);
        world.send(request.body(Body::empty()).unwrap()).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_count_in_their_rooms_and_administrators_in_all() {
    let world = World::new().await;
    let (mine, other) = (RoomId::of_import("test", "mine"), RoomId::of_import("test", "other"));
    world.writer.write(mine, created(Kind::Private, "room", &["bob"])).await;
    world.writer.write(other, created(Kind::Private, "room", &[])).await;
    for (room, number, text) in [(mine, 1, "tea"), (mine, 2, "학교에서 tea"), (other, 1, "coffee")] {
        world.writer.write(room, sent(number, text)).await;
    }
    let after = format!("{},{}", world.writer.read_token(mine), world.writer.read_token(other));
    // Everything in the fixture was said in 1970.
    let range = "from=1970-01-01T00:00:00Z&to=1970-01-02T12:00:00Z";
    let keys = |page: &Value| -> Vec<(String, u64)> {
        let rows = page["items"].as_array().unwrap().iter();
        rows.map(|row| (row["key"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap())).collect()
    };
    let row = |key: &str, count| (key.to_owned(), count);
    let path = format!("/chat/stats/words?{range}");
    let (_, words) = get(&world, "bob", &path, &after).await;
    assert_eq!(keys(&words), [row("tea", 2), row("학교", 1)], "{words}");
    assert_eq!((&words["errorMax"], &words["items"][0]["errorMax"]), (&json!(0), &json!(0)));
    assert_eq!(keys(&get(&world, "eve", &path, &after).await.1), []);
    let (_, all) = as_administrator(&world, &path, &after).await;
    assert_eq!(keys(&all), [row("tea", 2), row("coffee", 1), row("학교", 1)], "{all}");
    let (_, rooms) = as_administrator(&world, &format!("/chat/stats/rooms?{range}&top=1"), &after).await;
    assert_eq!(keys(&rooms), [row(&mine.to_string(), 2)]);
    let (_, people) = get(&world, "bob", &format!("/chat/stats/people?{range}"), &after).await;
    assert_eq!(keys(&people), [row("ann", 2)]);

    let series = async |query: &str| get(&world, "bob", &format!("/chat/stats/series?{range}&{query}"), &after).await;
    let (_, days) = series("name=chatAdd&timeZone=Asia/Seoul").await;
    for same in ["%2B09:00", "+09:00", "Asia%2FSeoul"] {
        assert_eq!(series(&format!("name=chatAdd&timeZone={same}")).await.1, days, "{same}");
    }
    let begins: Vec<&str> = days["buckets"].as_array().unwrap().iter().map(|bucket| bucket["at"].as_str().unwrap()).collect();
    let counts = |page: &Value| -> Vec<u64> {
        page["buckets"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap()).collect()
    };
    assert_eq!(begins[1..], ["1970-01-01T15:00:00.000Z"], "days begin as they do in Seoul: {days}");
    assert_eq!(counts(&days), [2, 0]);
    assert_eq!(counts(&series("name=word&word=TEA&interval=week").await.1), [2]);
    let (status, hidden) = series(&format!("name=chatAdd&room={other}")).await;
    assert_eq!((status, &hidden["code"]), (StatusCode::NOT_FOUND, &json!("room-not-found")));
    let (status, refused) = series("name=userAdd").await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("not-allowed")));
    assert_eq!(as_administrator(&world, &format!("/chat/stats/series?{range}&name=userAdd"), "").await.0, StatusCode::OK);
    for bad in [
        "name=none",
        "name=word",
        "name=chatAdd&word=x",
        "name=word&word=the",
        "name=chatAdd&interval=minute",
        "name=chatAdd&timeZone=Asia/Atlantis",
    ] {
        let (status, problem) = series(bad).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("query-invalid")), "{bad}");
    }
    for bad in ["words?top=0", "words?top=201", "rooms?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "people?q=x"] {
        assert_eq!(get(&world, "bob", &format!("/chat/stats/{bad}"), "").await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_ones_own_writes_is_told_that_the_index_is_behind() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &[])).await;
    world.writer.write(room, sent(1, "tea")).await;
    world.searcher.pause();
    world.writer.write(room, sent(2, "tea")).await;
    let after = world.writer.read_token(room);
    let range = "from=1970-01-01T00:00:00Z&to=1970-01-02T00:00:00Z";
    let behind = async |path: String| {
        let (status, problem) = world.get("ann", &path, &after).await;
        assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("read-model-behind")), "{path}");
    };
    // All at once, since each waits its time.
    tokio::join!(
        behind("/chat/search?q=tea".to_owned()),
        behind(format!("/chat/stats/series?name=chatAdd&{range}")),
        behind(format!("/chat/stats/words?{range}")),
        behind(format!("/chat/stats/rooms?{range}")),
        behind(format!("/chat/stats/people?{range}")),
    );
    world.searcher.resume();
    let (_, words) = get(&world, "ann", &format!("/chat/stats/words?{range}"), &after).await;
    assert_eq!(words["items"][0]["count"], 2, "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_while_a_search_waits_finds_nothing_any_more() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    world.searcher.pause();
    world.writer.write(room, sent(1, "tea")).await;
    let after = world.writer.read_token(room);
    let removed = async {
        world.writer.write(room, Event::MemberRemoved(MemberGone { user_id: id("bob") })).await;
        let hidden = async || world.get("bob", &format!("/chat/rooms/{room}"), "").await.0 == StatusCode::NOT_FOUND;
        until("bob is removed", hidden).await;
        world.searcher.resume();
    };
    let search = get(&world, "bob", "/chat/search?q=tea", &after);
    let ((status, page), ()) = tokio::join!(search, removed);
    assert_eq!((status, &page["items"]), (StatusCode::OK, &json!([])), "{page}");
}
