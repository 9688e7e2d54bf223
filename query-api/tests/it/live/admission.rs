//! Who may open a socket, for how long, and what it may send.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::room::Kind;
use domain::{RoomId, Timestamp};
use futures_util::SinkExt;
use infra::revocation::Revocation;
use infra::tokens::Grant;
use query_api::ws::{FRAME_BYTES_MAX, Limits};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use crate::fixture::{Client, World, created};

/// The status with which a handshake is refused.
fn refusal(opened: Result<Client, Error>) -> u16 {
    match opened {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_opens_one_socket() {
    let world = World::new().await;
    let request = Request::post("/chat/ws-ticket").header("authorization", format!("Bearer {}", world.token("bob")));
    let (status, ticket) = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::CREATED);
    let url = format!("ws://{}/chat/ws?ticket={}", world.address, ticket["ticket"].as_str().unwrap());
    let mut bob = Client::open(world.address, url.as_str()).await.unwrap();
    assert!(bob.settled().await.is_empty());
    assert_eq!(refusal(Client::open(world.address, url.as_str()).await), 401);
    let made_up = format!("ws://{}/chat/ws?ticket=0b3f3c1e-7d0a-4d0e-9b43-0f6a1f1d2c3b", world.address);
    assert_eq!(refusal(Client::open(world.address, made_up.as_str()).await), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_opens_a_socket_from_our_own_page_only() {
    let world = World::new().await;
    let open = async |origin: Option<String>| {
        let mut request = format!("ws://{}/chat/ws", world.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", format!("sarangbang_token={}", world.token("bob")).parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        Client::open(world.address, request).await
    };
    assert!(open(Some(format!("http://{}", world.address))).await.is_ok());
    assert_eq!(refusal(open(Some("http://evil.example".to_owned())).await), 403);
    assert_eq!(refusal(open(None).await), 403);
    assert_eq!(refusal(Client::open(world.address, format!("ws://{}/chat/ws", world.address)).await), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_ends_with_its_token_unless_it_gets_a_new_one() {
    let world = World::new().await;
    let short = || world.token_for("bob", Duration::from_secs(5));
    let mut ends = Client::connect(world.address, &short()).await.unwrap();
    let mut goes_on = Client::connect(world.address, &short()).await.unwrap();
    goes_on.say(json!({"type": "authenticate", "token": world.token("eve")})).await;
    assert_eq!(goes_on.frame().await["code"], "token-refused");
    goes_on.say(json!({"type": "authenticate", "token": "nonsense"})).await;
    assert_eq!(goes_on.frame().await["code"], "token-refused");
    goes_on.say(json!({"type": "authenticate", "token": world.token("bob")})).await;
    assert_eq!(goes_on.frame().await["type"], "authenticated");
    assert_eq!(ends.close_code().await, 4401);
    assert!(goes_on.settled().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_ends_with_its_session_and_others_go_on() {
    let world = World::new().await;
    let token = |session: u128| {
        let grant = Grant::person(crate::fixture::id("bob"), Duration::from_secs(600));
        let grant = Grant { session: Some(Uuid::from_u128(session)), ..grant };
        world.signer.issue(&grant).unwrap()
    };
    let until = token(1).expires_at;
    let end = |session: u128| {
        let (session_id, user_id) = (Uuid::from_u128(session), crate::fixture::id("bob"));
        world.revocations.add(&Revocation::Session { session_id, user_id, until }, Timestamp::default());
    };
    let mut ended = Client::connect(world.address, &token(1).token.0).await.unwrap();
    let mut moved = Client::connect(world.address, &token(1).token.0).await.unwrap();
    let mut other = Client::connect(world.address, &token(2).token.0).await.unwrap();
    // A socket belongs to the session of the token that it was given last.
    moved.say(json!({"type": "authenticate", "token": &*token(3).token.0})).await;
    assert_eq!(moved.frame().await["type"], "authenticated");
    let request = Request::post("/chat/ws-ticket").header("authorization", format!("Bearer {}", token(1).token.0));
    let (_, ticket) = world.send(request.body(Body::empty()).unwrap()).await;
    end(1);
    assert_eq!(ended.close_code().await, 4403);
    assert_eq!(refusal(Client::connect(world.address, &token(1).token.0).await), 401);
    // A ticket that was taken before lets nobody stay.
    let url = format!("ws://{}/chat/ws?ticket={}", world.address, ticket["ticket"].as_str().unwrap());
    assert_eq!(Client::open(world.address, url.as_str()).await.unwrap().close_code().await, 4403);
    assert!(moved.settled().await.is_empty() && other.settled().await.is_empty());
    end(3);
    assert_eq!(moved.close_code().await, 4403);
    let shut_out =
        Revocation::User { user_id: crate::fixture::id("bob"), issued_until: until, until: until.saturating_add_millis(60_000) };
    world.revocations.add(&shut_out, Timestamp::default());
    assert_eq!(other.close_code().await, 4403);
    assert_eq!(refusal(Client::connect(world.address, &token(4).token.0).await), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_and_subscriptions_are_limited() {
    let sockets = Limits { sockets_per_user_max: 2, sockets_max: 3, subscriptions_max: 2, ..Limits::default() };
    let world = World::with(sockets).await;
    let (first, mut second) = (world.connect("bob").await, world.connect("bob").await);
    assert_eq!(refusal(Client::connect(world.address, &world.token("bob")).await), 429);
    let _third = world.connect("cid").await;
    assert_eq!(refusal(Client::connect(world.address, &world.token("dan")).await), 503);
    drop(first);
    crate::fixture::until("the place is free again", async || Client::connect(world.address, &world.token("dan")).await.is_ok())
        .await;

    let rooms = ["a", "b", "c"].map(|name| RoomId::of_import("test", name));
    for room in rooms {
        world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    }
    for (room, answer) in rooms.into_iter().zip(["subscribed", "subscribed", "error"]) {
        second.subscribe(room, None).await;
        assert_eq!(second.frame().await["type"], answer);
    }
    second.say(json!({"type": "unsubscribe", "room": rooms[0]})).await;
    second.subscribe(rooms[2], None).await;
    assert_eq!(second.frame().await["type"], "subscribed");
    second.subscribe(rooms[2], None).await;
    assert_eq!(second.frame().await["type"], "subscribed", "a second one replaces the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_frames_are_answered_and_then_cut_off() {
    let sockets = Limits { frames_burst_max: 100, frames_per_second_max: 1, ..Limits::default() };
    let world = World::with(sockets).await;
    let mut bob = world.connect("bob").await;
    for hostile in ["", "{", "[1]", r#"{"type":"drop-table"}"#] {
        bob.socket.send(Message::text(hostile)).await.unwrap();
        assert_eq!(bob.frame().await["code"], "malformed");
    }
    assert!(bob.settled().await.is_empty(), "it goes on");
    bob.socket.send(Message::binary(vec![0, 159])).await.unwrap();
    assert_eq!(bob.close_code().await, 4429);

    let mut bob = world.connect("bob").await;
    for _ in 0..101 {
        bob.say(json!({"type": "ping"})).await;
    }
    assert_eq!(bob.close_code().await, 4429);

    let mut bob = world.connect("bob").await;
    bob.socket.send(Message::text("x".repeat(FRAME_BYTES_MAX + 1))).await.unwrap();
    assert_eq!(bob.close_code().await, 1009);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_silent_is_closed() {
    let (ping_interval, idle_max) = (Duration::from_millis(500), Duration::from_secs(2));
    let sockets = Limits { idle_max, ping_interval, sockets_max: 2, ..Limits::default() };
    let world = World::with(sockets).await;
    // One that reads answers pings by that. Of the other one the server lets go: its place is free again.
    let (mut listens, mut silent) = (world.connect("bob").await, world.connect("cid").await);
    tokio::select! {
        () = crate::fixture::until("the place is free", async || Client::connect(world.address, &world.token("dan")).await.is_ok()) => {}
        came = listens.came() => panic!("{came:?}"),
    }
    // Answering pings of long ago into a closed connection may lose the close frame; either way it is the end.
    assert!(matches!(silent.close_code().await, 4408 | 0));
    assert!(listens.settled().await.is_empty());
}
