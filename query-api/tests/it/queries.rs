//! The queries over HTTP.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use domain::relation::{self, Blocked};
use domain::room::{Event, Kind, MemberGone, MessageFacts, MessageSent};
use domain::user::{self, Deactivated};
use domain::{RoomId, Timestamp};
use serde_json::{Value, json};

use crate::fixture::{World, created, id};
use crate::live::{facts, sent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_route_asks_who_is_there() {
    let world = World::new().await;
    for (path, item) in query_api::openapi().paths.paths {
        for (method, documented) in [(Method::GET, item.get), (Method::POST, item.post)] {
            let path = path.replace("{roomId}", &RoomId::of_import("t", "r").to_string()).replace("{number}", "1");
            let request = Request::builder().method(method.clone()).uri(path.replace("{userId}", "ann"));
            let (status, body) = world.send(request.body(Body::empty()).unwrap()).await;
            if documented.is_none() {
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            } else {
                assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("token-missing")), "{method} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_read_all_and_others_only_what_is_public() {
    let world = World::new().await;
    for (kind, stranger) in [(Kind::Public, 200), (Kind::Private, 404), (Kind::Direct, 404)] {
        let room = RoomId::of_import("test", &format!("{kind:?}"));
        world.writer.write(room, created(kind, "room", &["bob", "cid"])).await;
        world.writer.write(room, sent(1, "hello")).await;
        world.writer.write(room, Event::MemberRemoved(MemberGone { user_id: id("cid") })).await;
        let after = world.writer.read_token(room);
        for (user, expected) in [("ann", 200), ("bob", 200), ("cid", stranger), ("eve", stranger)] {
            for path in ["", "/members", "/messages", "/messages?before=2", "/messages/1"] {
                let (status, body) = world.get(user, &format!("/chat/rooms/{room}{path}"), &after).await;
                assert_eq!(status.as_u16(), expected, "{user} {kind:?} {path} {body}");
            }
        }
    }
    let nowhere = RoomId::of_import("test", "nowhere");
    let (_, unknown) = world.get("eve", &format!("/chat/rooms/{nowhere}"), "").await;
    let (_, hidden) = world.get("eve", &format!("/chat/rooms/{}", RoomId::of_import("test", "Private")), "").await;
    assert_eq!(unknown, hidden, "one cannot tell them apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reads_ones_own_writes() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &[])).await;
    for number in 1..=20 {
        world.writer.write(room, sent(number, "x")).await;
        let path = format!("/chat/rooms/{room}/messages/{number}");
        let (status, _) = world.get("ann", &path, &world.writer.read_token(room)).await;
        assert_eq!(status, StatusCode::OK, "{number}");
    }
    world.projector.pause();
    world.writer.write(room, sent(21, "x")).await;
    let after = format!("r{}.1, {}", world.writer.partition(room), world.writer.read_token(room));
    let (status, problem) = world.get("ann", "/chat/rooms", &after).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("read-model-behind")));
    world.projector.resume();
    let (status, rooms) = world.get("ann", "/chat/rooms", &after).await;
    assert_eq!((status, &rooms["items"][0]["lastNumber"]), (StatusCode::OK, &json!(21)));
    for bad in ["r99.1", "u7.1", "x0.1", "r0", "r0.-1"] {
        assert_eq!(world.get("ann", "/chat/rooms", bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_walked_both_ways() {
    let world = World::new().await;
    let (room, other) = (RoomId::of_import("test", "room"), RoomId::of_import("test", "other"));
    for room in [room, other] {
        world.writer.write(room, created(Kind::Private, "room", &[])).await;
        for number in 1..=25 {
            world.writer.write(room, sent(number, "x")).await;
        }
        world.state("ann", room).await;
    }
    let base = format!("/chat/rooms/{room}/messages");
    let page = async |query: &str| world.get("ann", &format!("{base}?limit=10{query}"), "").await;
    let numbers = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|message| message["number"].as_u64().unwrap()).collect()
    };
    let range = |from: u64, to: u64| (from..=to).collect::<Vec<_>>();

    let (_, latest) = page("").await;
    assert_eq!((numbers(&latest), &latest["next"]), (range(16, 25), &Value::Null));
    let (_, middle) = page(&format!("&cursor={}", latest["prev"].as_str().unwrap())).await;
    assert_eq!(numbers(&middle), range(6, 15));
    let (_, first) = page(&format!("&cursor={}", middle["prev"].as_str().unwrap())).await;
    assert_eq!((numbers(&first), &first["prev"]), (range(1, 5), &Value::Null));
    let (_, again) = page(&format!("&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(numbers(&again), range(6, 15));
    assert_eq!(numbers(&page("&before=4").await.1), range(1, 3));
    assert_eq!(numbers(&page("&after=22").await.1), range(23, 25));
    assert_eq!(numbers(&page("&around=12").await.1), range(7, 16));
    assert_eq!(numbers(&page("&around=1").await.1), range(1, 5));
    assert_eq!(numbers(&page("&around=99").await.1), range(21, 25));
    assert_eq!(numbers(&page("&after=18446744073709551615").await.1), Vec::<u64>::new());
    assert_eq!(numbers(&page("&before=18446744073709551615").await.1), range(16, 25));

    let cursor = latest["prev"].as_str().unwrap();
    let elsewhere = format!("/chat/rooms/{other}/messages?cursor={cursor}");
    assert_eq!(world.get("ann", &elsewhere, "").await.0, StatusCode::BAD_REQUEST, "of another room");
    for bad in ["limit=0", "limit=201", "limit=x", "before=1&after=2", "cursor=abc", "colour=red", "before=-1"] {
        let (status, problem) = world.get("ann", &format!("{base}?{bad}"), "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("query-invalid")), "{bad}");
    }
    for (path, code) in [("/0", 404), ("/26", 404), ("/18446744073709551615", 404), ("/x", 400), ("/25", 200)] {
        assert_eq!(world.get("ann", &format!("{base}{path}"), "").await.0.as_u16(), code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_walked_to_their_end_without_a_gap() {
    let world = World::new().await;
    let rooms: Vec<RoomId> = (0..7).map(|at| RoomId::of_import("test", &format!("{at}"))).collect();
    for (at, room) in rooms.iter().enumerate() {
        world.writer.write(*room, created(Kind::Public, &format!("Room {at}"), &["bob", "cid"])).await;
        let mentioned = MessageFacts { mentions: vec![id("bob")], ..facts(1, "hello @bob") };
        world.writer.write(*room, Event::MessageSent(MessageSent { message: mentioned })).await;
        world.state("ann", *room).await;
    }
    let ids = |rows: Vec<Value>, field: &str| -> Vec<String> {
        rows.iter().map(|row| row.pointer(field).unwrap().as_str().unwrap().to_owned()).collect()
    };
    let all: BTreeSet<String> = rooms.iter().map(ToString::to_string).collect();
    for (path, field) in [
        ("/chat/rooms?limit=2", "/roomId"),
        ("/chat/rooms/public?limit=2", "/roomId"),
        ("/chat/mentions?limit=2", "/message/roomId"),
    ] {
        let mut seen = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let (status, page) = world.get("bob", &path, "").await;
            assert_eq!(status, StatusCode::OK, "{path} {page}");
            assert!(page["items"].as_array().unwrap().len() <= 2);
            seen.extend(ids(page["items"].as_array().unwrap().clone(), field));
            next = page["next"].as_str().map(|cursor| format!("{}&cursor={cursor}", path.split('&').next().unwrap()));
        }
        assert_eq!(seen.len(), all.len(), "{path}: nothing twice");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all, "{path}");
    }
    let (_, mine) = world.get("bob", "/chat/rooms?limit=1", "").await;
    let room = &mine["items"][0];
    assert_eq!((&room["unread"], &room["unreadMentions"], &room["role"]), (&json!(1), &json!(1), &json!("member")));
    assert_eq!(room["lastMessage"]["text"], "hello @bob");
    let (_, found) = world.get("eve", "/chat/rooms/public?prefix=rOOM%203", "").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["unread"], 0, "strangers have nothing unread");
    let (_, members) = world.get("eve", &format!("/chat/rooms/{}/members?limit=2", rooms[0]), "").await;
    assert_eq!(ids(members["items"].as_array().unwrap().clone(), "/userId"), ["ann", "bob"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn friends_and_blocks_are_listed_for_oneself() {
    let world = World::new().await;
    for user in ["ann", "bob", "cid", "dan", "eve"] {
        world.writer.register(user).await;
    }
    world.writer.befriend("ann", "bob").await;
    world.writer.relate("cid", "ann", relation::Event::FriendRequested).await;
    world.writer.relate("ann", "dan", relation::Event::FriendRequested).await;
    world.writer.relate("ann", "eve", |step| relation::Event::Blocked(Blocked { step, mutual: false })).await;
    let after = world.writer.read_tokens_of_people();
    let list = async |user: &str, path: &str| {
        let (status, page) = world.get(user, path, &after).await;
        assert_eq!(status, StatusCode::OK, "{path} {page}");
        (page["items"].as_array().unwrap().clone(), page["next"].clone())
    };
    let stands = |friends: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        friends.iter().map(|friend| (text(&friend["userId"]), text(&friend["friendship"]))).collect()
    };
    let of = |id: &str, friendship: &str| (id.to_owned(), friendship.to_owned());
    let (all, _) = list("ann", "/chat/friends").await;
    assert_eq!(stands(&all), [of("bob", "friends"), of("cid", "incoming"), of("dan", "outgoing")]);
    assert_eq!((&all[0]["userName"], &all[0]["statusText"]), (&json!("Bob"), &json!("tea")));
    assert_eq!((&all[0]["presence"], &all[1]["presence"]), (&json!({"state": "offline"}), &Value::Null));
    let (first, next) = list("ann", "/chat/friends?limit=2").await;
    let (rest, end) = list("ann", &format!("/chat/friends?limit=2&cursor={}", next.as_str().unwrap())).await;
    assert_eq!((stands(&[first, rest].concat()), end), (stands(&all), Value::Null));
    assert_eq!(stands(&list("ann", "/chat/friends?friendship=incoming").await.0), [of("cid", "incoming")]);
    assert_eq!(stands(&list("dan", "/chat/friends").await.0), [of("ann", "incoming")]);

    assert_eq!(list("ann", "/chat/blocks").await.0, [json!({"userId": "eve", "userName": "Eve"})]);
    assert_eq!(list("eve", "/chat/blocks").await.0, Vec::<Value>::new(), "nobody is told by whom they are blocked");
    assert_eq!(list("eve", "/chat/friends").await.0, Vec::<Value>::new());

    let stolen = format!("/chat/friends?cursor={}", next.as_str().unwrap());
    for bad in ["/chat/friends?friendship=none", "/chat/friends?friendship=", "/chat/blocks?friendship=friends"] {
        assert_eq!(world.get("ann", bad, "").await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(world.get("bob", &stolen, "").await.0, StatusCode::BAD_REQUEST, "somebody else's cursor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_who_left_for_good_no_more_than_the_id_is_shown() {
    let world = World::new().await;
    world.writer.register("bob").await;
    world.writer.befriend("ann", "bob").await;
    world.writer.write_user("bob", user::Event::Deactivated(Deactivated { deactivated_at: Timestamp::default() })).await;
    let after = world.writer.read_tokens_of_people();
    let (_, bob) = world.get("ann", "/chat/people/bob", &after).await;
    let shown = (&bob["userName"], &bob["statusText"], &bob["deactivated"]);
    assert_eq!(shown, (&json!("bob"), &json!(""), &json!(true)));
    assert_eq!(world.get("ann", "/chat/friends", &after).await.1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_room_says_so_to_the_one_who_muted_it_and_counts_on() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mute = |muted| user::Event::MuteChanged(user::MuteChanged { room_id: room, muted });
    world.writer.write_user("bob", mute(true)).await;
    let mentions = MessageFacts { mentions: vec![id("bob")], ..facts(1, "hello @bob") };
    world.writer.write(room, Event::MessageSent(MessageSent { message: mentions })).await;
    let after = format!("{}, {}", world.writer.read_token(room), world.writer.read_tokens_of_people());
    let shown = async |user: &str| {
        let (_, mine) = world.get(user, "/chat/rooms", &after).await;
        let (_, one) = world.get(user, &format!("/chat/rooms/{room}"), &after).await;
        let room = &mine["items"][0];
        assert_eq!(room["muted"], one["muted"]);
        (room["muted"].clone(), room["unread"].clone(), room["unreadMentions"].clone())
    };
    assert_eq!(shown("bob").await, (json!(true), json!(1), json!(1)));
    assert_eq!(shown("ann").await.0, json!(false), "nobody else is told");
    world.writer.write_user("bob", mute(false)).await;
    let after = world.writer.read_tokens_of_people();
    assert_eq!(world.get("bob", "/chat/rooms", &after).await.1["items"][0]["muted"], json!(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_not_found() {
    let world = World::new().await;
    for nobody in ["me", "eve", "a%20b", "%E2%80%AE"] {
        let (status, problem) = world.get("ann", &format!("/chat/people/{nobody}"), "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("user-not-found")), "{nobody}");
    }
}
