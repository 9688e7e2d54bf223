//! The real program in a process of its own, and people who watch one of its rooms over real sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use domain::UserId;
use e2e::person::{Person, key};
use e2e::process::Node;
use e2e::system::Addresses;
use futures_util::SinkExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use infra::random;
use infra::tokens::{Grant, Signer};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::read_model::POSTGRES_VARIABLE;
use crate::row::On;
use crate::world::KAFKA_VARIABLE;

/// How long a watcher's token is good.
const TOKEN_DURATION: Duration = Duration::from_secs(3_600);
/// Sockets that are opened at once.
const OPENING: usize = 64;
/// How long a frame may take before the bench gives up.
const FRAME_MAX: Duration = Duration::from_secs(60);
/// A watcher's buffer for reading: with the library's 128 KiB, thousands of watchers would take the memory that is measured.
const READ_BUFFER_BYTES: usize = 1_024;

/// One process with everything in it, a room, and somebody who speaks there.
pub struct Feed {
    node: Node,
    address: SocketAddr,
    author: Person,
    room: String,
    signer: Signer,
    // Dropped last: the process has its files here.
    _folder: TempDir,
}

/// Somebody who follows the room.
pub struct Watcher(WebSocketStream<TcpStream>);

impl Feed {
    /// Starts the program on `on`, with SQLite beside the embedded log and Postgres beside Kafka.
    ///
    /// # Errors
    /// When it does not become ready; the error carries the end of its log.
    pub async fn start(on: On) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut settings = vec![("rate.commands_per_second", "10000".to_owned()), ("rate.commands_burst", "10000".to_owned())];
        if on != On::Embedded {
            let given = |name: &str| std::env::var(name).with_context(|| format!("{name} names no server"));
            let unique = random::uuid_v4().simple();
            settings.extend([
                ("log.kind", "kafka".to_owned()),
                ("log.brokers", given(KAFKA_VARIABLE)?),
                ("log.topic_prefix", format!("bench-{unique}")),
                ("read_model.kind", "postgres".to_owned()),
                ("read_model.postgres_url", given(POSTGRES_VARIABLE)?),
                ("read_model.schema", format!("bench_{unique}")),
            ]);
        }
        let mut node = Node::new("all", "all", folder.path(), &settings)?;
        node.start().await?;
        let url = node.public_url();
        let address = url.trim_start_matches("http://").parse()?;
        let at = Addresses { command: url.clone(), query: url.clone(), auth: url };
        let author = Person::sign_in(&at, "author").await?;
        let room = author.create_room("public", "bench").await?;
        let signer = e2e::keys::signer(&folder.path().join("all")).await?;
        Ok(Self { node, address, author, room, signer, _folder: folder })
    }

    /// The memory of the process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resident_bytes(&self) -> Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "memory has fewer digits than a float")]
        self.node.resident_bytes().map(|bytes| bytes as f64).context("the process does not run")
    }

    /// Opens a socket for each of these people, and follows the room with it.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn watchers(&self, people: std::ops::Range<usize>) -> Result<Vec<Watcher>> {
        stream::iter(people).map(|person| self.watch(person)).buffered(OPENING).try_collect().await
    }

    async fn watch(&self, person: usize) -> Result<Watcher> {
        let user = UserId::parse(&format!("watcher-{person}"))?;
        let token = self.signer.issue(&Grant::person(user, TOKEN_DURATION))?.token;
        let mut request = format!("ws://{}/chat/ws", self.address).into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {}", token.0).parse()?);
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = READ_BUFFER_BYTES;
        let (mut socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        socket.send(Message::text(json!({ "type": "subscribe", "room": self.room }).to_string())).await?;
        let mut watcher = Watcher(socket);
        let answer = watcher.text().await?;
        ensure!(answer.starts_with(r#"{"type":"subscribed""#), "{answer}");
        Ok(watcher)
    }

    /// Says each text after `pause`; when each was said.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn say(&self, texts: &[String], pause: Duration) -> Result<Vec<Instant>> {
        let path = format!("/chat/rooms/{}/messages", self.room);
        let mut said = Vec::with_capacity(texts.len());
        for text in texts {
            tokio::time::sleep(pause).await;
            said.push(Instant::now());
            self.author.command(Method::POST, &path, Some(&json!({ "text": text })), key()).await?.success()?;
        }
        Ok(said)
    }

    /// Ends the process.
    ///
    /// # Errors
    /// When it does not end in good order.
    pub async fn stop(mut self) -> Result<()> {
        self.node.stop().await
    }
}

impl Watcher {
    /// Waits for `texts` in their order; when each came.
    ///
    /// # Errors
    /// When another message comes first, or none comes.
    pub async fn see(&mut self, texts: &[String]) -> Result<Vec<Instant>> {
        let mut seen = Vec::with_capacity(texts.len());
        for text in texts {
            loop {
                let frame = self.text().await?;
                // As text: thousands of watchers share the processors with what they watch.
                if frame.contains(text.as_str()) {
                    break;
                }
                ensure!(!frame.starts_with(r#"{"type":"message""#), "expected {text:?}, got {frame}");
            }
            seen.push(Instant::now());
        }
        Ok(seen)
    }

    async fn text(&mut self) -> Result<String> {
        loop {
            match tokio::time::timeout(FRAME_MAX, self.0.next()).await.context("no frame came")? {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => bail!("the socket was closed: {frame:?}"),
                Some(frame) => drop(frame?),
                None => bail!("the socket ended"),
            }
        }
    }
}
