//! One follower: a client of the live feed that obeys the protocol (`docs/protocol.md`), changes nodes, comes back after every
//! loss, and journals whatever it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use super::{Ground, Room};
use crate::journal::{Heard, Told};
use crate::person::Person;

/// How long a node may take to open a socket or to answer a query.
const ANSWER: Duration = Duration::from_secs(5);
/// How often the follower asks whether the node is still there, after that long a silence.
const SILENCE: Duration = Duration::from_secs(4);
/// Silences after which the socket is given up.
const SILENCES_MAX: u32 = 3;
/// After how long at most the follower leaves a good socket, as people do who close their lid.
const STAY_MS: std::ops::Range<u64> = 5_000..30_000;
/// Between two sockets, and before a subscription is tried again, at most.
const PAUSE: Duration = Duration::from_millis(500);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Follower {
    name: String,
    person: Person,
    rooms: Arc<[Room]>,
    ground: Arc<Ground>,
    /// The version held of each room.
    held: BTreeMap<String, u64>,
    /// The rooms that the present socket follows.
    follows: BTreeSet<String>,
    random: StdRng,
}

impl Follower {
    pub fn new(place: usize, person: Person, rooms: Arc<[Room]>, ground: Arc<Ground>) -> Self {
        let random = StdRng::seed_from_u64(ground.seed.wrapping_sub(1 + place as u64));
        let name = person.id.clone();
        Self { name, person, rooms, ground, held: BTreeMap::new(), follows: BTreeSet::new(), random }
    }

    /// Follows, from node to node, until it is told to stop.
    pub async fn work(mut self, place: usize, stop: CancellationToken) -> Result<()> {
        let nodes = self.ground.query.clone();
        for node in nodes.iter().cycle().skip(place) {
            let session = self.session(node);
            let ended = stop.run_until_cancelled(session).await;
            let why = match &ended {
                None => "told to stop".to_owned(),
                Some(Ok(())) => "left".to_owned(),
                Some(Err(error)) => format!("{error:#}"),
            };
            self.note(Told::Ended { why }).await?;
            self.follows.clear();
            if stop.run_until_cancelled(tokio::time::sleep(infra::random::jitter(PAUSE))).await.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn session(&mut self, node: &str) -> Result<()> {
        let leave = Instant::now() + Duration::from_millis(self.random.random_range(STAY_MS));
        let mut socket = self.open(node).await?;
        for room in Arc::clone(&self.rooms).iter() {
            self.subscribe(&mut socket, &room.id).await?;
        }
        let mut silences = 0;
        while Instant::now() < leave {
            match timeout(SILENCE, socket.next()).await {
                Err(_) => {
                    silences += 1;
                    ensure!(silences < SILENCES_MAX, "silence");
                    send(&mut socket, &json!({ "type": "ping" })).await?;
                }
                Ok(message) => {
                    silences = 0;
                    match message.context("the stream ended")?? {
                        Message::Text(text) => self.hear(&mut socket, node, serde_json::from_str(&text)?).await?,
                        Message::Close(why) => bail!("closed: {why:?}"),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    async fn open(&self, node: &str) -> Result<Socket> {
        let mut request = format!("{}/chat/ws", node.replacen("http", "ws", 1)).into_client_request()?;
        request.headers_mut().insert("Authorization", format!("Bearer {}", self.person.token).parse()?);
        let (socket, _) = timeout(ANSWER, tokio_tungstenite::connect_async(request)).await??;
        self.note(Told::Opened { node: node.to_owned() }).await?;
        Ok(socket)
    }

    async fn subscribe(&self, socket: &mut Socket, room: &str) -> Result<()> {
        let after = self.held.get(room).copied();
        self.note(Told::Asked { room: room.to_owned(), after }).await?;
        let mut frame = json!({ "type": "subscribe", "room": room });
        if let (Some(version), Some(fields)) = (after, frame.as_object_mut()) {
            fields.insert("afterVersion".into(), json!(version));
        }
        send(socket, &frame).await
    }

    async fn hear(&mut self, socket: &mut Socket, node: &str, frame: Value) -> Result<()> {
        let text = |name: &str| frame.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, room, version) = (text("type"), text("room"), frame.get("version").and_then(Value::as_u64));
        let reason = text("reason");
        self.note(Told::Frame(frame)).await?;
        match (kind.as_str(), version) {
            ("subscribed", Some(version)) => {
                self.follows.insert(room.clone());
                let held = *self.held.entry(room.clone()).or_insert(version);
                self.ground.progress.follows(&self.name, &room, held);
            }
            ("message" | "member" | "room", Some(version)) if self.follows.contains(&room) => {
                self.held.insert(room.clone(), version);
                self.ground.progress.follows(&self.name, &room, version);
            }
            ("resync" | "error", _) if !room.is_empty() => {
                self.follows.remove(&room);
                tokio::time::sleep(infra::random::jitter(PAUSE)).await;
                // What is held stays good, unless the server says that it cannot lead on from there.
                if matches!(reason.as_str(), "too-far-behind" | "version-unknown") {
                    self.anew(node, &room).await?;
                }
                self.subscribe(socket, &room).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn anew(&mut self, node: &str, room: &str) -> Result<()> {
        let mut person = self.person.clone();
        node.clone_into(&mut person.at.query);
        let path = format!("/chat/rooms/{room}");
        let version = timeout(ANSWER, person.query(&path, None)).await??.success()?.number("/version")?;
        self.note(Told::Anew { room: room.to_owned(), version }).await?;
        self.held.insert(room.to_owned(), version);
        Ok(())
    }

    async fn note(&self, what: Told) -> Result<()> {
        self.ground.heard.note(&Heard { follower: self.name.clone(), at_us: self.ground.progress.now_us(), what }).await
    }
}

async fn send(socket: &mut Socket, frame: &Value) -> Result<()> {
    Ok(timeout(ANSWER, socket.send(Message::text(frame.to_string()))).await??)
}
