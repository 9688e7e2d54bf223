//! The live feed as a client sees it, with the proof of no gap checked on every frame.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::patience::{LATE, SOON};
use crate::person::Person;

/// A frame that does not follow on the one before.
#[derive(Debug)]
pub struct BrokenChain {
    known: Option<u64>,
    frame: Value,
}

impl fmt::Display for BrokenChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gap or repeat after version {:?}: {}", self.known, self.frame)
    }
}

impl std::error::Error for BrokenChain {}

/// One socket.
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The last version of each room that this client got.
    versions: BTreeMap<String, u64>,
}

impl Live {
    /// Opens a socket as `person`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn open(person: &Person) -> Result<Self> {
        let url = format!("{}/chat/ws", person.at.query.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Authorization", format!("Bearer {}", person.token).parse()?);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.context("cannot open the live feed")?;
        Ok(Self { socket, versions: BTreeMap::new() })
    }

    /// Subscribes to a room, after the version that this client got last, if any, and returns the version it starts from. While the
    /// server says that its read model is behind, it asks again, as clients do.
    ///
    /// # Errors
    /// When it is refused, or the read model stays behind.
    pub async fn subscribe(&mut self, room: &str, after_version: Option<u64>) -> Result<u64> {
        let mut frame = json!({ "type": "subscribe", "room": room });
        if let (Some(version), Some(fields)) = (after_version, frame.as_object_mut()) {
            fields.insert("afterVersion".to_owned(), json!(version));
        }
        let began = Instant::now();
        let answer = loop {
            self.send(&frame).await?;
            let answer = self.next_of(&["subscribed", "error", "resync"]).await?;
            if !is_behind(&answer) || began.elapsed() > LATE {
                break answer;
            }
        };
        ensure!(is(&answer, "subscribed"), "{answer}");
        let version = answer.get("version").and_then(Value::as_u64).context("subscribed without a version")?;
        self.versions.insert(room.to_owned(), after_version.unwrap_or(version));
        Ok(version)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame of one of these types; others are checked for the chain and dropped.
    ///
    /// # Errors
    /// When none comes soon, the socket closes, or a frame breaks the chain.
    pub async fn next_of(&mut self, types: &[&str]) -> Result<Value> {
        let wait = async {
            loop {
                let frame = self.next().await?;
                if types.iter().any(|kind| is(&frame, kind)) {
                    return Ok(frame);
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.with_context(|| format!("no frame {types:?} within {SOON:?}"))?
    }

    /// The next message of a room, and nothing else of it before. Where the read model falls behind, it goes on from where it was.
    ///
    /// # Errors
    /// As [`Live::next_of`] and [`Live::subscribe`].
    pub async fn next_message(&mut self, room: &str) -> Result<Value> {
        loop {
            let frame = self.next_of(&["message", "resync", "error"]).await?;
            if is_behind(&frame) {
                self.subscribe(room, self.version(room)).await?;
                continue;
            }
            ensure!(is(&frame, "message"), "{frame}");
            if frame.get("room").and_then(Value::as_str) == Some(room) {
                return frame.get("message").cloned().context("a message frame without a message");
            }
        }
    }

    /// Waits until the server closes the socket, and returns the reason that it gave.
    ///
    /// # Errors
    /// When it stays open.
    pub async fn closed(mut self) -> Result<String> {
        let wait = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(why))) => return why.map(|why| why.reason.to_string()).unwrap_or_default(),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return String::new(),
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.with_context(|| format!("the socket is open after {SOON:?}"))
    }

    /// The version of a room that this client got last.
    #[must_use]
    pub fn version(&self, room: &str) -> Option<u64> {
        self.versions.get(room).copied()
    }

    async fn next(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await.context("the socket ended")?? {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text)?;
                    check_chain(&mut self.versions, &frame)?;
                    return Ok(frame);
                }
                Message::Close(why) => bail!("the socket was closed: {why:?}"),
                _ => {}
            }
        }
    }
}

/// `previousVersion` always equals the last version that the client got.
fn check_chain(versions: &mut BTreeMap<String, u64>, frame: &Value) -> Result<(), BrokenChain> {
    let number = |name: &str| frame.get(name).and_then(Value::as_u64);
    let (Some(room), Some(previous), Some(version)) =
        (frame.get("room").and_then(Value::as_str), number("previousVersion"), number("version"))
    else {
        return Ok(());
    };
    let known = versions.insert(room.to_owned(), version);
    if known == Some(previous) && version > previous { Ok(()) } else { Err(BrokenChain { known, frame: frame.clone() }) }
}

/// The read model has not come to where this client is, which passes: a projector has just joined or died.
fn is_behind(frame: &Value) -> bool {
    is(frame, "resync") && frame.get("reason").and_then(Value::as_str) == Some("read-model-behind")
}

fn is(frame: &Value, kind: &str) -> bool {
    frame.get("type").and_then(Value::as_str) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_chain_is_told_from_every_other_trouble() {
        let frame = |previous: u64, version: u64| json!({"room": "r", "previousVersion": previous, "version": version});
        for (broken, previous, version) in [(false, 2, 3), (true, 1, 3), (true, 3, 4), (true, 2, 2)] {
            let mut versions = BTreeMap::from([("r".to_owned(), 2)]);
            let checked = check_chain(&mut versions, &frame(previous, version)).map_err(anyhow::Error::from);
            assert_eq!(checked.is_err_and(|error| error.is::<BrokenChain>()), broken, "{previous} → {version}");
        }
    }
}
