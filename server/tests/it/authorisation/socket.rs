//! The live feed: who may open a socket and follow a room, and how soon it ends when they may no longer.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::people::{BAD_TOKENS, DEACTIVATED};
use super::table::Expected;
use super::world::{PATIENCE, Room, World};

struct Socket(WebSocketStream<TcpStream>);

/// A frame, or the code with which the server closed.
#[derive(Debug, PartialEq)]
enum Came {
    Frame(Value),
    Closed(u16),
}

impl Socket {
    async fn open(world: &World, query: &str, token: Option<&str>) -> Self {
        let mut request = format!("ws://{}/chat/ws{query}", world.services.address).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let stream = TcpStream::connect(world.services.address).await.unwrap();
        Self(client_async(request, stream).await.unwrap().0)
    }

    async fn of(world: &World, user: &str) -> Self {
        Self::open(world, "", Some(&world.token(user))).await
    }

    async fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn came(&mut self) -> Came {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return Came::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Came::Closed(frame.code.into()),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Came::Closed(0),
            }
        }
    }

    async fn frame(&mut self) -> Value {
        match self.came().await {
            Came::Frame(frame) => frame,
            Came::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// Subscribes; the answer's type, or the error's code.
    async fn subscribe(&mut self, room: &str, after: Option<u64>) -> String {
        let mut frame = json!({"type": "subscribe", "room": room});
        if let Some(after) = after {
            frame["afterVersion"] = json!(after);
        }
        self.say(&frame).await;
        let answer = self.frame().await;
        let name = if answer["type"] == "error" { &answer["code"] } else { &answer["type"] };
        name.as_str().unwrap().to_owned()
    }

    /// Everything up to the answer of a ping.
    async fn settled(&mut self) -> Vec<Value> {
        self.say(&json!({"type": "ping"})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["type"] == "pong" {
                return frames;
            }
            frames.push(frame);
        }
    }

    async fn close_code(&mut self) -> u16 {
        loop {
            if let Came::Closed(code) = self.came().await {
                return code;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_socket_opens_and_none_goes_on_with_a_bad_token() {
    let world = World::new().await;
    world.deactivate(DEACTIVATED).await;
    let mut olga = Socket::of(&world, "olga").await;
    for (name, code, make) in BAD_TOKENS {
        let token = make(&world.forge);
        let refused = world.handshake("", token.as_deref()).await;
        assert_eq!(Expected::Problem(401, code).check(&refused), Ok(()), "{name}");
        let Some(token) = token else { continue };
        olga.say(&json!({"type": "authenticate", "token": token})).await;
        assert_eq!(olga.frame().await["code"], "token-refused", "{name}");
    }
    olga.say(&json!({"type": "authenticate", "token": world.token("mia")})).await;
    assert_eq!(olga.frame().await["code"], "token-refused", "another's token");
    olga.say(&json!({"type": "authenticate", "token": world.token("olga")})).await;
    assert_eq!(olga.frame().await["type"], "authenticated");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_followed_and_resumed_by_its_members_alone() {
    let world = World::new().await;
    let room = world.room().await;
    for (user, expected) in [
        ("eve", "room-not-found"),
        ("mia", "subscribed"),
        ("mo", "subscribed"),
        ("olga", "subscribed"),
        ("adam", "room-not-found"),
        ("milo", "subscribed"),
    ] {
        let mut socket = Socket::of(&world, user).await;
        assert_eq!(socket.subscribe(&room.id, None).await, expected, "{user}");
        assert_eq!(socket.subscribe(&room.id, Some(1)).await, expected, "{user} resumes");
        let mine = socket.settled().await;
        assert_eq!(!mine.is_empty(), expected == "subscribed", "{user} is sent what was missed, or nothing: {mine:?}");
        if expected != "subscribed" {
            assert_eq!(socket.subscribe(&Room::nowhere().id, Some(1)).await, "room-not-found");
            socket.say(&json!({"type": "typing", "room": room.id})).await;
            assert_eq!(socket.frame().await["code"], "not-subscribed");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_hears_of_that_and_of_nothing_after_it() {
    let world = World::new().await;
    let room = world.room().await;
    let (mut mia, mut milo) = (Socket::of(&world, "mia").await, Socket::of(&world, "milo").await);
    assert_eq!(mia.subscribe(&room.id, None).await, "subscribed");
    assert_eq!(milo.subscribe(&room.id, None).await, "subscribed");
    world.command("olga", "DELETE", &format!("/chat/rooms/{}/members/milo", room.id), &json!({})).await;
    world.command("mia", "POST", &format!("/chat/rooms/{}/messages", room.id), &json!({"text": "he is gone"})).await;

    assert_eq!(milo.frame().await["members"][0], json!({"userId": "milo", "role": null}));
    assert_eq!(milo.frame().await["code"], "removed");
    // Those who stay have it: so whatever milo gets, he has got by now.
    let mut said = mia.frame().await;
    while said["type"] != "message" {
        said = mia.frame().await;
    }
    assert_eq!(said["message"]["text"], "he is gone");
    assert_eq!(milo.settled().await, Vec::<Value>::new());
    assert_eq!(milo.subscribe(&room.id, Some(1)).await, "room-not-found", "nor by resuming");
    assert_eq!(milo.subscribe(&room.id, None).await, "room-not-found");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_and_a_departure_close_the_sockets_that_are_open() {
    let world = World::new().await;
    let room = world.room().await;
    let (ended, kept) = (world.log_in("mia").await.token, world.log_in("mia").await.token);
    let mut first = Socket::open(&world, "", Some(&ended)).await;
    let mut second = Socket::open(&world, "", Some(&kept)).await;
    let mut milo = Socket::of(&world, "milo").await;
    for socket in [&mut first, &mut second, &mut milo] {
        assert_eq!(socket.subscribe(&room.id, None).await, "subscribed");
    }
    world.log_out(&ended).await;
    assert_eq!(first.close_code().await, 4403);
    let refused = world.handshake("", Some(&ended)).await;
    assert_eq!(Expected::Problem(401, "token-revoked").check(&refused), Ok(()));
    assert_eq!(second.settled().await, Vec::<Value>::new(), "another session of the same person goes on");

    world.deactivate("milo").await;
    assert_eq!(milo.close_code().await, 4403);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_opens_one_socket_once() {
    let world = World::new().await;
    let room = world.room().await;
    let answer = world.ask("POST", "/chat/ws-ticket", None, Some(&world.token("mia"))).await;
    let query = format!("?ticket={}", answer.json()["ticket"].as_str().unwrap());
    let mut socket = Socket::open(&world, &query, None).await;
    assert_eq!(socket.subscribe(&room.id, None).await, "subscribed", "it is the socket of the one who asked for the ticket");
    for (query, token) in [
        (query.as_str(), None),
        (query.as_str(), Some(world.token("mia"))),
        ("?ticket=00000000-0000-4000-8000-000000000000", None),
    ] {
        let refused = world.handshake(query, token.as_deref()).await;
        assert_eq!(Expected::Problem(401, "token-invalid").check(&refused), Ok(()), "{query}");
    }
    // A ticket is no way around what happened since.
    let answer = world.ask("POST", "/chat/ws-ticket", None, Some(&world.token("milo"))).await;
    let query = format!("?ticket={}", answer.json()["ticket"].as_str().unwrap());
    world.deactivate("milo").await;
    let mut socket = Socket::open(&world, &query, None).await;
    assert_eq!(socket.close_code().await, 4403);
    world.stop().await;
}
