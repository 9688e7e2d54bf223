//! One socket: its input and output, its timers, and its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use domain::{Timestamp, UserId};
use futures_util::{SinkExt, StreamExt};
use infra::tokens::Caller;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::Live;
use super::admission::Place;
use super::close::CutOff;
use super::frame::{ErrorCode, Secret, ServerFrame};
use super::limits::TURN_ITEMS_MAX;
use super::mailbox::{Item, Mailbox};
use super::session::{Outgoing, Session, Then};

/// How long the last words to a client may take.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Room for outgoing frames that a socket keeps when it has nothing to send.
const OUTGOING_KEPT: usize = 16;

/// Why a socket ends.
enum End {
    /// We close it.
    Cut(CutOff),
    /// The client is gone.
    Gone,
}

/// Serves one socket until its end. `_place` is its place among the sockets of this node.
pub async fn serve(live: Arc<Live>, mut socket: WebSocket, caller: Caller, _place: Place) {
    let (mailbox, mut queue) = live.mailbox();
    let mut session = Session::new(live.clone(), caller.user.clone(), mailbox.clone());
    let mut connection = Connection { live: &live, socket: &mut socket, mailbox: &mailbox, out: Vec::new() };
    if let End::Cut(cut) = connection.run(&mut session, &mut queue, &caller).await {
        metrics::counter!("sarangbang_live_cut_offs_total", "reason" => cut.reason()).increment(1);
        tracing::debug!(reason = cut.reason(), user = %session.user(), "a socket is closed");
        // Nothing more of any room, and no more work for the tails, while the client is told.
        drop(session);
        connection.farewell(cut).await;
    }
}

struct Connection<'a> {
    live: &'a Live,
    socket: &'a mut WebSocket,
    mailbox: &'a Mailbox,
    out: Vec<Outgoing>,
}

impl Connection<'_> {
    async fn run(&mut self, session: &mut Session, queue: &mut mpsc::Receiver<Item>, caller: &Caller) -> End {
        let limits = self.live.limits;
        let mut watched = self.live.verifier.watch(caller);
        let mut expiry = pin!(sleep_until(self.instant_of(caller.expires_at)));
        let mut heartbeat = interval_at(Instant::now() + limits.ping_interval, limits.ping_interval);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        let mut items = Vec::new();
        // Made once: each of them stands in a list that its token locks, and one of the tokens is shared by all sockets.
        let (mailbox, live) = (self.mailbox, self.live);
        let mut too_slow = pin!(mailbox.too_slow.cancelled());
        let mut stopping = pin!(live.cancel.cancelled());
        loop {
            let then = tokio::select! {
                () = &mut too_slow => Then::Close(CutOff::TooSlow),
                () = &mut stopping => Then::Close(CutOff::Stopping),
                () = watched.revoked() => Then::Close(CutOff::SessionEnded),
                () = &mut expiry => Then::Close(CutOff::TokenExpired),
                _ = heartbeat.tick() => {
                    if heard_at.elapsed() > limits.idle_max {
                        Then::Close(CutOff::Idle)
                    } else if let Err(end) = self.send(Message::Ping(axum::body::Bytes::new())).await {
                        return end;
                    } else {
                        Then::Continue
                    }
                }
                _ = queue.recv_many(&mut items, TURN_ITEMS_MAX) => {
                    for item in items.drain(..) {
                        session.on_item(item, &mut self.out);
                    }
                    Then::Continue
                }
                Some(joined) = session.joins.next(), if !session.joins.is_empty() => {
                    session.on_joined(joined, &mut self.out);
                    Then::Continue
                }
                received = self.socket.recv() => {
                    heard_at = Instant::now();
                    match received {
                        Some(Ok(Message::Text(text))) => session.on_text(&text, &mut self.out),
                        Some(Ok(Message::Binary(_))) => session.on_malformed(&mut self.out),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Then::Continue,
                        Some(Ok(Message::Close(_))) | None => return End::Gone,
                        Some(Err(error)) => return end_of(&error),
                    }
                }
            };
            match then {
                Then::Continue => {}
                Then::Close(cut) => return End::Cut(cut),
                Then::Verify(token) => {
                    if let Some(caller) = self.verify(session.user().clone(), &token).await {
                        expiry.as_mut().reset(self.instant_of(caller.expires_at));
                        // The new token may be of another session: from now on that one counts.
                        watched = self.live.verifier.watch(&caller);
                    }
                }
            }
            if let Err(end) = self.flush().await {
                return end;
            }
        }
    }

    /// What a good new token of the same person says.
    async fn verify(&mut self, user: UserId, token: &Secret) -> Option<Caller> {
        let caller = self.live.verifier.verify_fetching(&token.0).await.ok().filter(|caller| caller.user == user);
        let frame = match &caller {
            Some(caller) => ServerFrame::Authenticated { expires_at: caller.expires_at },
            None => ServerFrame::error(ErrorCode::TokenRefused),
        };
        self.out.push(frame.into());
        caller
    }

    /// Writes what waits to be written.
    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.out);
        metrics::counter!("sarangbang_live_frames_sent_total").increment(out.len() as u64);
        let decided: Vec<Timestamp> = out.iter().filter_map(|frame| frame.decided_at).collect();
        let written = {
            let socket = &mut *self.socket;
            let write = async {
                for frame in out.drain(..) {
                    socket.feed(Message::Text(frame.text)).await?;
                }
                socket.flush().await
            };
            bounded(write, self.mailbox, self.live.limits.write_time_max).await
        };
        written?;
        if !decided.is_empty() {
            let now = self.live.clock.now();
            let histogram = metrics::histogram!("sarangbang_live_latency_seconds");
            for at in decided {
                histogram.record(Duration::from_millis(now.as_millis().saturating_sub(at.as_millis()).max(0).cast_unsigned()));
            }
        }
        out.shrink_to(OUTGOING_KEPT);
        self.out = out;
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        bounded(self.socket.send(message), self.mailbox, self.live.limits.write_time_max).await
    }

    /// Says why, as far as the client still listens.
    async fn farewell(&mut self, cut: CutOff) {
        let error: Utf8Bytes = ServerFrame::error(ErrorCode::Closing).to_text();
        let words = async {
            self.socket.feed(Message::Text(error)).await?;
            self.socket.send(Message::Close(Some(cut.frame()))).await?;
            // Reading until the client closes too lets it see the close frame instead of a reset.
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<(), axum::Error>(())
        };
        // Whether it was heard changes nothing.
        let _ = timeout(FAREWELL_MAX, words).await;
    }

    /// When `time` is on the clock that timers use; now, if it has passed.
    fn instant_of(&self, time: Timestamp) -> Instant {
        let ms = time.as_millis().saturating_sub(self.live.clock.now().as_millis()).max(0).cast_unsigned();
        // Timers reach only so far; nobody's token does.
        let now = Instant::now();
        now.checked_add(Duration::from_millis(ms)).unwrap_or(now + Duration::from_secs(365 * 86_400))
    }
}

/// A write that ends when the client counts as too slow.
async fn bounded(write: impl Future<Output = Result<(), axum::Error>>, mailbox: &Mailbox, time_max: Duration) -> Result<(), End> {
    tokio::select! {
        // Nearly every write is done at once; only one that is not needs to be told of anything else.
        biased;
        written = timeout(time_max, write) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Cut(CutOff::TooSlow)),
        },
        () = mailbox.too_slow.cancelled() => Err(End::Cut(CutOff::TooSlow)),
    }
}

/// How a failed read ends the socket. axum hides tungstenite's error type; only its text tells a frame that is too large.
fn end_of(error: &axum::Error) -> End {
    if error.to_string().contains("too long") || error.to_string().contains("too large") {
        End::Cut(CutOff::FrameTooLarge)
    } else {
        End::Gone
    }
}
