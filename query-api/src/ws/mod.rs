//! The live feed: sockets that follow rooms. `frame` is the protocol; `close` lists the close codes.
//!
//! ```text
//! log ─► tail (one a partition) ─► hub (room → sockets) ─► mailbox (bounded) ─► session ─► socket
//!                                     ▲ register                                  │ join: what was missed
//!                                     └────────────── read model ◄────────────────┘
//! ```
//!
//! A change goes from the log to the sockets without touching the read model, except where the frame needs a message's reactions.
//! What one socket is owed is decided in one place, `session`, item by item in the order of the log.

mod admission;
mod allowance;
mod backoff;
mod change;
pub mod close;
pub mod frame;
mod hub;
mod join;
mod limits;
mod mailbox;
mod notices;
mod positions;
mod presence;
mod session;
mod socket;
mod tail;
mod ticket;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use infra::clock::Clock;
use infra::log::{Log, Producer, Topic, TopicPartition, partition_for};
use infra::tokens::{Caller, Verifier};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use admission::{Full, Place};
pub use frame::FRAMES;
pub use limits::{FRAME_BYTES_MAX, Limits};
pub use ticket::TICKET_DURATION;

use crate::reading::Readings;
use admission::Admission;
use hub::Hub;
use limits::{JOINS_READING_MAX, READ_BUFFER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES_MAX};
use mailbox::{Item, Mailbox};
use positions::Positions;
use presence::{Board, PresenceRecord};
use ticket::Tickets;

/// What the live feed's parts share.
pub struct Live {
    hub: Hub,
    readings: Arc<Readings>,
    log: Arc<dyn Log>,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    admission: Arc<Admission>,
    tickets: Tickets,
    positions: Positions,
    joins_reading: Semaphore,
    /// Who is there.
    board: Board,
    /// The session that presence is told through; made when first needed, and anew after a failure.
    presence: Mutex<Option<Arc<dyn Producer>>>,
    sockets_named: AtomicU64,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// What the live feed is made of.
pub struct Parts {
    /// Where rooms are read.
    pub readings: Arc<Readings>,
    /// Where changes come from.
    pub log: Arc<dyn Log>,
    /// Who is who.
    pub verifier: Arc<Verifier>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What sockets may use.
    pub limits: Limits,
    /// Ends everything.
    pub cancel: CancellationToken,
    /// Where tasks run.
    pub tasks: TaskTracker,
}

impl Live {
    /// Starts following the log.
    #[must_use]
    pub fn start(parts: Parts) -> Arc<Self> {
        let Parts { readings, log, verifier, clock, limits, cancel, tasks } = parts;
        let partitions = log.partitions(Topic::Rooms);
        let live = Arc::new(Self {
            hub: Hub::new(partitions),
            positions: Positions::new(partitions),
            readings,
            log,
            verifier,
            clock,
            limits,
            admission: Arc::default(),
            tickets: Tickets::default(),
            joins_reading: Semaphore::new(JOINS_READING_MAX),
            board: Board::new(infra::random::uuid_v4(), limits.presence_people_max),
            presence: Mutex::default(),
            sockets_named: AtomicU64::new(0),
            cancel,
            tasks,
        });
        for partition in 0..partitions.get() {
            let tail = tail::RoomsTail { live: live.clone(), partition };
            live.tasks.spawn(Self::until_cancelled(live.cancel.clone(), tail.run()));
        }
        live.tasks.spawn(Self::until_cancelled(live.cancel.clone(), presence::run(live.clone())));
        for topic in [Topic::Reads, Topic::Presence, Topic::Users] {
            for partition in 0..live.log.partitions(topic).get() {
                let follow = notices::follow(live.clone(), TopicPartition { topic, partition });
                live.tasks.spawn(Self::until_cancelled(live.cancel.clone(), follow));
            }
        }
        live
    }

    /// The partitions whose tails have not reached the log's end yet.
    #[must_use]
    pub fn catching_up(&self) -> usize {
        self.positions.catching_up()
    }

    /// Takes a place for a socket of `caller`.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&self, caller: &Caller) -> Result<Place, Full> {
        self.admission.enter(&caller.user, self.limits.sockets_max, self.limits.sockets_per_user_max)
    }

    /// Turns the request into a socket and serves it.
    pub fn upgrade(self: &Arc<Self>, upgrade: WebSocketUpgrade, caller: Caller, place: Place) -> Response {
        let live = self.clone();
        upgrade
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
            .max_message_size(FRAME_BYTES_MAX)
            .max_frame_size(FRAME_BYTES_MAX)
            .on_upgrade(move |socket| {
                let tasks = live.tasks.clone();
                tasks.track_future(async move { socket::serve(live, socket, caller, place).await })
            })
    }

    /// Issues a ticket for `caller`; nothing when too many are open.
    #[must_use]
    pub fn ticket(&self, caller: Caller) -> Option<(uuid::Uuid, domain::Timestamp)> {
        self.tickets.issue(caller, self.clock.now(), self.limits.tickets_max)
    }

    /// Whose `ticket` is, if it is good; it is used up by this.
    #[must_use]
    pub fn redeem(&self, ticket: uuid::Uuid) -> Option<Caller> {
        self.tickets.redeem(ticket, self.clock.now())
    }

    /// The presence of `user`, for those who may see it.
    #[must_use]
    pub fn presence_of(&self, user: &domain::UserId) -> crate::dto::Presence {
        self.board.of(user)
    }

    fn mailbox(&self) -> (Arc<Mailbox>, mpsc::Receiver<Item>) {
        let socket = self.sockets_named.fetch_add(1, Ordering::Relaxed);
        Mailbox::new(socket, self.limits.queue_frames_max, self.limits.queue_bytes_max)
    }

    /// Tells all nodes. Best effort: nobody waits for it, and nothing is lost but the moment.
    fn tell(&self, notice: &PresenceRecord) {
        let to = partition_for(&*self.log, Topic::Presence, &notice.key());
        let mut presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match &*presence {
            Some(producer) => producer.append(to, notice.to_record()),
            None => self.log.producer().and_then(|producer| presence.insert(producer).append(to, notice.to_record())),
        };
        if let Err(fault) = told {
            tracing::debug!(%fault, "a notice of presence was lost");
            *presence = None;
        }
    }

    async fn until_cancelled(cancel: CancellationToken, task: impl Future<Output = ()>) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = task => {}
        }
    }
}
