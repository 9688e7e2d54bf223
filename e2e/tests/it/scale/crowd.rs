//! Many sockets of one process that follow one room.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::raw::{RawFrame, RawSocket};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

/// Sockets that open at once.
const OPENING: usize = 64;

/// The sockets.
pub struct Crowd(Vec<RawSocket>);

/// When a message was heard, counted from its sending.
pub struct Heard {
    pub first: Duration,
    pub last: Duration,
}

impl Crowd {
    /// Opens them, and lets each follow the room.
    pub async fn open(url: &str, token: &str, room: &str, sockets: usize) -> Result<Self> {
        let one = async |_| -> Result<RawSocket> {
            let mut socket = RawSocket::open(url, token).await?;
            socket.send_text(&json!({"type": "subscribe", "room": room}).to_string()).await;
            let answer = socket.next().await?;
            ensure!(matches!(&answer, RawFrame::Text(text) if text.contains(r#""type":"subscribed""#)), "{answer:?}");
            Ok(socket)
        };
        Ok(Self(stream::iter(0..sockets).map(one).buffer_unordered(OPENING).try_collect().await?))
    }

    /// Returns when every one of them has heard `text`.
    pub async fn hear(&mut self, text: &str, began: Instant) -> Result<Heard> {
        let hear = async |socket: &mut RawSocket| -> Result<Duration> {
            loop {
                // Pings of the server go by; this client answers none while it is measured.
                let RawFrame::Text(frame) = socket.next().await? else { continue };
                let at = began.elapsed();
                let frame: Value = serde_json::from_str(&frame)?;
                ensure!(frame.get("type") == Some(&json!("message")), "{frame}");
                if frame.pointer("/message/text") == Some(&json!(text)) {
                    return Ok(at);
                }
            }
        };
        let all = self.0.len();
        let times: Vec<Duration> = stream::iter(self.0.iter_mut()).map(hear).buffer_unordered(all).try_collect().await?;
        let (first, last) = (times.iter().min().context("nobody")?, times.iter().max().context("nobody")?);
        Ok(Heard { first: *first, last: *last })
    }
}
