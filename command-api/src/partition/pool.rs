//! Producer sessions (rule 13): a small fixed pool, each partition pinned to one slot. Retiring a session makes every partition
//! pinned to it claim again with the successor.

use std::sync::Arc;

use domain::ids::PartitionId;
use infra::log::{Fault, Log, Producer};
use tokio::sync::watch;

/// One session of a slot.
#[derive(Clone)]
pub struct Session {
    generation: u64,
    producer: Arc<dyn Producer>,
}

impl Session {
    /// The producer to append with.
    pub fn producer(&self) -> &dyn Producer {
        self.producer.as_ref()
    }
}

/// The pool.
pub struct ProducerPool {
    log: Arc<dyn Log>,
    slots: Vec<watch::Sender<Session>>,
}

impl ProducerPool {
    /// Starts `size` sessions (at least one).
    ///
    /// # Errors
    /// When the log gives no session.
    pub fn start(log: Arc<dyn Log>, size: usize) -> Result<Self, Fault> {
        let slots = (0..size.max(1))
            .map(|_| Ok(watch::Sender::new(Session { generation: 0, producer: log.producer()? })))
            .collect::<Result<_, Fault>>()?;
        Ok(Self { log, slots })
    }

    /// The slot of a partition.
    pub fn slot(&self, partition: PartitionId) -> Slot {
        // The two topics share their partition numbers; shifting one of them spreads a small pool better.
        let number = usize::try_from(partition.number).unwrap_or_default() + partition.topic as usize;
        #[expect(clippy::indexing_slicing, reason = "the pool has at least one slot, and the index is taken modulo their count")]
        let current = self.slots[number % self.slots.len()].clone();
        Slot { log: Arc::clone(&self.log), replaced: current.subscribe(), current }
    }
}

/// A partition's place in the pool: the current session, and each successor.
pub struct Slot {
    log: Arc<dyn Log>,
    current: watch::Sender<Session>,
    replaced: watch::Receiver<Session>,
}

impl Slot {
    /// The current session; what [`Self::replaced`] reports is measured from here.
    pub fn session(&mut self) -> Session {
        self.replaced.borrow_and_update().clone()
    }

    /// Replaces `session` by a new one, unless another partition of the slot already did.
    pub fn retire(&self, session: &Session) {
        self.current.send_if_modified(|current| {
            if current.generation != session.generation {
                return false;
            }
            match self.log.producer() {
                Ok(producer) => {
                    *current = Session { generation: session.generation + 1, producer };
                    true
                }
                Err(error) => {
                    tracing::error!(%error, "no new producer session can be started; the old one stays until the next attempt");
                    false
                }
            }
        });
    }

    /// Waits until the session that [`Self::session`] gave last is replaced.
    pub async fn replaced(&mut self) {
        // This slot holds a sender itself, so the channel never closes.
        let _ = self.replaced.changed().await;
    }
}
