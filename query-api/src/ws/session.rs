//! One socket's subscriptions: what it is owed, and what it sends. No input or output here; `socket` does that.
//!
//! Invariants, for each subscription:
//! * a frame goes out only if it is the link after the last one that went out, or the subscription ends with `resync`;
//! * after the link that ends a person's right to read, nothing of the room goes out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use domain::envelope::Version;
use domain::room::{Kind, Role};
use domain::{RoomId, Timestamp, UserId};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use infra::http::Object;
use tokio::time::Instant;

use super::Live;
use super::allowance::Allowance;
use super::close::CutOff;
use super::frame::{ClientFrame, ErrorCode, ResyncReason, Secret, ServerFrame};
use super::join::{Refused, Request, Snapshot, join};
use super::limits::{JOIN_BUFFER_MAX, JOINS_PER_SOCKET_MAX, MALFORMED_COST, TYPING_INTERVAL};
use super::mailbox::{Item, LiveChange, Mailbox, Notice};
use super::presence::PresenceRecord;
use crate::dto::PresenceState;

/// A frame on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// The text.
    pub text: Utf8Bytes,
    /// When the event behind it was decided, for live frames.
    pub decided_at: Option<Timestamp>,
}

impl From<ServerFrame> for Outgoing {
    fn from(frame: ServerFrame) -> Self {
        Self { text: frame.to_text(), decided_at: None }
    }
}

/// What the socket must do after a client's frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// Go on.
    Continue,
    /// Verify this token.
    Verify(Secret),
    /// Close.
    Close(CutOff),
}

/// A join that ended: of which subscription, and how.
pub type Joined = (RoomId, u64, Result<Snapshot, Refused>);

/// The state of one socket.
pub struct Session {
    /// Joins under way.
    pub joins: FuturesUnordered<BoxFuture<'static, Joined>>,
    live: Arc<Live>,
    user: UserId,
    mailbox: Arc<Mailbox>,
    subscriptions: HashMap<RoomId, Subscription>,
    joins_waiting: VecDeque<(u64, Request)>,
    allowance: Allowance,
    /// Tells a subscription from an earlier one to the same room.
    generation: u64,
    /// Whether the board knows this socket.
    on_board: bool,
}

struct Subscription {
    generation: u64,
    state: State,
}

enum State {
    /// The snapshot is being read; live changes wait.
    Joining(Vec<Arc<LiveChange>>),
    /// Links go out as they come.
    Live(Following),
}

struct Following {
    /// The version that the client got last.
    version: Version,
    kind: Kind,
    role: Option<Role>,
    typed_at: Option<Instant>,
}

impl Session {
    /// A socket of `user`.
    #[must_use]
    pub fn new(live: Arc<Live>, user: UserId, mailbox: Arc<Mailbox>) -> Self {
        Self {
            joins: FuturesUnordered::new(),
            allowance: Allowance::new(live.limits.frames_per_second_max, live.limits.frames_burst_max, Instant::now()),
            live,
            user,
            mailbox,
            subscriptions: HashMap::new(),
            joins_waiting: VecDeque::new(),
            generation: 0,
            on_board: false,
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Takes a text frame of the client.
    pub fn on_text(&mut self, text: &str, out: &mut Vec<Outgoing>) -> Then {
        let Ok(Object(frame)) = serde_json::from_str(text) else { return self.on_malformed(out) };
        if !self.allowance.take(1, Instant::now()) {
            return Then::Close(CutOff::TooManyFrames);
        }
        match frame {
            ClientFrame::Subscribe { room, after_version } => self.subscribe(room, after_version, out),
            ClientFrame::Unsubscribe { room } => self.end(room),
            ClientFrame::Typing { room } => self.typing(room, out),
            ClientFrame::Presence { state } => self.show(state.into()),
            ClientFrame::Ping {} => out.push(ServerFrame::Pong {}.into()),
            ClientFrame::Authenticate { token } => return Then::Verify(token),
        }
        Then::Continue
    }

    /// Takes something that is no frame of the protocol. It costs more, so that a broken client is stopped soon.
    pub fn on_malformed(&mut self, out: &mut Vec<Outgoing>) -> Then {
        if !self.allowance.take(MALFORMED_COST, Instant::now()) {
            return Then::Close(CutOff::TooManyFrames);
        }
        out.push(ServerFrame::error(ErrorCode::Malformed).into());
        Then::Continue
    }

    /// Takes what a tail put into the mailbox.
    pub fn on_item(&mut self, item: Item, out: &mut Vec<Outgoing>) {
        self.mailbox.taken(&item);
        match item {
            Item::Change(change) => self.on_change(change, out),
            Item::Notice(notice) => self.on_notice(&notice, out),
            Item::Presence(text) => out.push(Outgoing { text, decided_at: None }),
            Item::Broken { room, reason } => {
                if self.subscriptions.contains_key(&room) {
                    self.resync(room, reason, out);
                }
            }
        }
    }

    /// Takes the end of a join.
    pub fn on_joined(&mut self, (room, generation, result): Joined, out: &mut Vec<Outgoing>) {
        self.start_joins();
        let Some(subscription) = self.subscriptions.get_mut(&room).filter(|s| s.generation == generation) else { return };
        let snapshot = match result {
            Ok(snapshot) => snapshot,
            Err(Refused::Resync(reason)) => return self.resync(room, reason, out),
            Err(Refused::NotFound) => return self.refuse(room, ErrorCode::RoomNotFound, out),
            Err(Refused::Unavailable) => return self.refuse(room, ErrorCode::Unavailable, out),
        };
        let Snapshot { version, begin, frames, kind, role } = snapshot;
        let following = State::Live(Following { version, kind, role, typed_at: None });
        let State::Joining(waiting) = std::mem::replace(&mut subscription.state, following) else { return };
        out.push(ServerFrame::Subscribed { room, version: begin }.into());
        out.extend(frames.into_iter().map(|text| Outgoing { text, decided_at: None }));
        for change in waiting {
            self.on_change(change, out);
        }
    }

    fn subscribe(&mut self, room: RoomId, after: Option<Version>, out: &mut Vec<Outgoing>) {
        // A second subscription to a room replaces the first: the client says that it lost its place.
        self.end(room);
        if self.subscriptions.len() >= self.live.limits.subscriptions_max {
            out.push(ServerFrame::room_error(ErrorCode::TooManySubscriptions, room).into());
            return;
        }
        let registration = self.live.hub.register(room, &self.mailbox);
        self.generation += 1;
        let state = State::Joining(Vec::new());
        self.subscriptions.insert(room, Subscription { generation: self.generation, state });
        metrics::gauge!("sarangbang_live_subscriptions").increment(1.0);
        let request = Request { room, viewer: self.user.clone(), after, registration };
        self.joins_waiting.push_back((self.generation, request));
        self.start_joins();
    }

    /// Joins run a few at a time. One whose subscription ended before its turn is not started, so that no more can wait than there
    /// are subscriptions.
    fn start_joins(&mut self) {
        while self.joins.len() < JOINS_PER_SOCKET_MAX {
            let Some((generation, request)) = self.joins_waiting.pop_front() else { return };
            let live = self.live.clone();
            self.joins.push(async move { (request.room, generation, join(&live, &request).await) }.boxed());
        }
    }

    fn on_change(&mut self, change: Arc<LiveChange>, out: &mut Vec<Outgoing>) {
        let room = change.room;
        let Some(subscription) = self.subscriptions.get_mut(&room) else { return };
        let following = match &mut subscription.state {
            State::Joining(waiting) if waiting.len() < JOIN_BUFFER_MAX => return waiting.push(change),
            State::Joining(_) => return self.resync(room, ResyncReason::TooFarBehind, out),
            State::Live(following) => following,
        };
        if change.version <= following.version {
            return;
        }
        if change.version != following.version + 1 {
            return self.resync(room, ResyncReason::FeedInterrupted, out);
        }
        following.version = change.version;
        let text = change.own.get(&self.user).unwrap_or(&change.text).clone();
        out.push(Outgoing { text, decided_at: Some(change.decided_at) });
        if let Some(role) = change.members.get(&self.user) {
            following.role = *role;
            if role.is_none() && following.kind != Kind::Public {
                self.refuse(room, ErrorCode::Removed, out);
            }
        }
    }

    fn on_notice(&self, notice: &Notice, out: &mut Vec<Outgoing>) {
        let live = self.subscriptions.get(&notice.room).is_some_and(|s| matches!(s.state, State::Live(_)));
        if live && (notice.to_self || notice.user != self.user) {
            out.push(Outgoing { text: notice.text.clone(), decided_at: None });
        }
    }

    fn typing(&mut self, room: RoomId, out: &mut Vec<Outgoing>) {
        let state = self.subscriptions.get_mut(&room).map(|subscription| &mut subscription.state);
        let Some(State::Live(following)) = state else {
            return out.push(ServerFrame::room_error(ErrorCode::NotSubscribed, room).into());
        };
        if following.role.is_none() {
            return out.push(ServerFrame::room_error(ErrorCode::NotAMember, room).into());
        }
        let now = Instant::now();
        if following.typed_at.is_some_and(|at| now.duration_since(at) < TYPING_INTERVAL) {
            return;
        }
        following.typed_at = Some(now);
        let at = self.live.clock.now();
        self.on_board = true;
        if self.live.board.typing(&self.user, &self.mailbox, room, at) {
            self.live.tell(&PresenceRecord::Typing { room_id: room, user_id: self.user.clone(), at });
        }
    }

    /// Takes part in presence from now on: shows the person, and is shown their friends.
    fn show(&mut self, state: PresenceState) {
        self.on_board = true;
        self.live.board.enter(&self.user, &self.mailbox, Some(state));
    }

    fn resync(&mut self, room: RoomId, reason: ResyncReason, out: &mut Vec<Outgoing>) {
        metrics::counter!("sarangbang_live_resyncs_total", "reason" => reason.label()).increment(1);
        self.end(room);
        out.push(ServerFrame::Resync { room, reason }.into());
    }

    fn refuse(&mut self, room: RoomId, code: ErrorCode, out: &mut Vec<Outgoing>) {
        self.end(room);
        out.push(ServerFrame::room_error(code, room).into());
    }

    fn end(&mut self, room: RoomId) {
        if self.subscriptions.remove(&room).is_some() {
            self.live.hub.unregister(room, self.mailbox.socket);
            self.joins_waiting.retain(|(_, request)| request.room != room);
            metrics::gauge!("sarangbang_live_subscriptions").decrement(1.0);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let rooms: Vec<_> = self.subscriptions.keys().copied().collect();
        for room in rooms {
            self.end(room);
        }
        if self.on_board {
            self.live.board.leave(&self.user, self.mailbox.socket);
        }
    }
}
