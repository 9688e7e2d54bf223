//! Follows the log: `users.v1` by the acceptance rule, for who is registered and who has left, and `sagas.v1`, for what was refused.
//!
//! What a batch says is learnt in one transaction with the position behind it, so that any number of nodes may follow: of two that
//! learn the same, one finds the position moved and reads it anew.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::acceptance::Verdict;
use domain::ids::EventTopic;
use domain::saga::{self, Message, Step};
use domain::wire::{Entry, Record};
use domain::{Event, StreamId, user};
use infra::clock::Clock;
use infra::credentials::{Credentials, Ended, Fact, Fault, Which};
use infra::log::{self, Log, Topic, TopicPartition};
use infra::random::jitter;
use infra::read_model::Checkpoint;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Records that are asked for at once.
const RECORDS_MAX: usize = 500;
/// How long one question to the log waits.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// How many records without anything to learn may go by before the position is stored all the same.
const UNSTORED_RECORDS_MAX: u64 = 2_000;
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The events of users that concern accounts; others are not even decoded.
const CONCERNING: [&str; 2] = ["sarangbang.user.registered.v1", "sarangbang.user.deactivated.v1"];

/// Follows.
pub struct Follower {
    /// Where facts go.
    pub credentials: Arc<dyn Credentials>,
    /// Where they come from.
    pub log: Arc<dyn Log>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long tokens are good, in milliseconds.
    pub token_duration_ms: i64,
    /// Rung when something was learnt.
    pub learnt: Arc<Notify>,
}

/// What went wrong.
enum Wrong {
    Log(log::Fault),
    Database(Fault),
}

impl Follower {
    /// Follows all partitions until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let partitions = [Topic::Users, Topic::Sagas]
            .into_iter()
            .flat_map(|topic| (0..self.log.partitions(topic).get()).map(move |partition| TopicPartition { topic, partition }));
        let following = futures_util::future::join_all(partitions.map(|of| self.partition(of)).collect::<Vec<_>>());
        tokio::select! {
            () = stop.cancelled() => {}
            _ = following => {}
        }
    }

    async fn partition(&self, of: TopicPartition) {
        let mut failing = false;
        loop {
            let Err(wrong) = self.follow(of, &mut failing).await;
            match wrong {
                Wrong::Database(Fault::CheckpointMoved(_)) => continue,
                Wrong::Log(fault @ log::Fault::Misconfigured(_)) => {
                    tracing::error!(partition = %of, %fault, "accounts cannot follow the log: is it another log than the database's?");
                }
                Wrong::Log(fault) if !failing => tracing::warn!(partition = %of, %fault, "accounts cannot follow the log"),
                Wrong::Database(fault) if !failing => tracing::warn!(partition = %of, %fault, "accounts cannot be changed"),
                Wrong::Log(_) | Wrong::Database(_) => {}
            }
            failing = true;
            tokio::time::sleep(jitter(PAUSE_MAX)).await;
        }
    }

    async fn follow(&self, of: TopicPartition, failing: &mut bool) -> Result<Infallible, Wrong> {
        let mut stored = self.credentials.checkpoint(of).await.map_err(Wrong::Database)?;
        let mut position = stored;
        let mut tail = self.log.tail(of, position.next_offset).await.map_err(Wrong::Log)?;
        loop {
            let mut facts = Vec::new();
            for record in tail.next(RECORDS_MAX, QUESTION_WAIT).await.map_err(Wrong::Log)? {
                position.next_offset = record.offset + 1;
                facts.extend(match of.topic {
                    Topic::Users => self.of_event(&mut position, &record.record),
                    _ => self.of_message(&record.record),
                });
            }
            *failing = false;
            if !facts.is_empty() || position.next_offset - stored.next_offset >= UNSTORED_RECORDS_MAX {
                self.learn(&facts, of, stored, position).await?;
                stored = position;
            }
        }
    }

    async fn learn(&self, facts: &[Fact], of: TopicPartition, stored: Checkpoint, next: Checkpoint) -> Result<(), Wrong> {
        let changed = self.credentials.learn(facts, of, stored, next).await.map_err(Wrong::Database)?;
        if changed > 0 {
            tracing::debug!(partition = %of, changed, "the log has changed accounts");
        }
        self.learnt.notify_waiters();
        Ok(())
    }

    fn of_event(&self, position: &mut Checkpoint, record: &Record) -> Option<Fact> {
        let Verdict::Effective = position.cursor.accept(record.mark()) else { return None };
        record.header("ce_type").filter(|name| CONCERNING.contains(name))?;
        let envelope = match record.decode(EventTopic::Users) {
            Ok(Entry::Event(envelope)) => envelope,
            Ok(Entry::Claim { .. } | Entry::Barrier) => return None,
            Err(error) => {
                tracing::error!(%error, "an event of a user cannot be read; the account does not follow it");
                return None;
            }
        };
        let StreamId::User(user) = envelope.stream else { return None };
        let at = envelope.metadata.time;
        match envelope.event {
            Event::User(user::Event::Registered(_)) => Some(Fact::Registered { user, command: envelope.metadata.command_id, at }),
            Event::User(user::Event::Deactivated(_)) => Some(Fact::Deactivated { user, ended: self.ended() }),
            _ => None,
        }
    }

    fn of_message(&self, record: &Record) -> Option<Fact> {
        let envelope = match saga::Envelope::of_record(record) {
            Ok(envelope) => envelope,
            Err(error) => {
                tracing::error!(%error, "a message of a saga cannot be read; accounts do not follow it");
                return None;
            }
        };
        let (saga, at) = (envelope.saga, envelope.time);
        match envelope.message {
            Message::PersonRegistered(body) => {
                Some(Fact::Registered { user: body.user_id, command: saga.command(&Step::RegisterUser), at })
            }
            Message::RegistrationRefused(body) => Some(Fact::Refused { saga, reason: body.reason, at }),
            Message::PersonDeactivated(body) => Some(Fact::Deactivated { user: body.user_id, ended: self.ended() }),
            Message::RegistrationRequested(_) | Message::DeactivationRequested(_) => None,
        }
    }

    /// Now, and not when it happened: tokens may have been issued until now.
    fn ended(&self) -> Ended {
        let at = self.clock.now();
        Ended { which: Which::All, at, tokens_until: at.saturating_add_millis(self.token_duration_ms) }
    }
}
