//! Follows the log: `users.v1` by the acceptance rule, for who is registered and who has left, and `sagas.v1`, for what was refused.

use std::sync::Arc;

use async_trait::async_trait;
use domain::acceptance::Verdict;
use domain::ids::EventTopic;
use domain::saga::{self, Message, Step};
use domain::wire::{Entry, Record};
use domain::{Event, StreamId, user};
use infra::clock::Clock;
use infra::credentials::{Credentials, Ended, Fact, Which};
use infra::following::{self, Hindrance};
use infra::log::{Log, StoredRecord, Topic, TopicPartition};
use infra::read_model::Checkpoint;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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

impl Follower {
    /// Follows until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        following::follow(&self, &*self.log, &[Topic::Users, Topic::Sagas], &stop).await;
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

#[async_trait]
impl following::Follower for Follower {
    type Lesson = Fact;

    const WHO: &'static str = "accounts";

    async fn checkpoint(&self, of: TopicPartition) -> Result<Checkpoint, Hindrance> {
        Ok(self.credentials.checkpoint(of).await?)
    }

    fn lesson(&self, of: TopicPartition, position: &mut Checkpoint, record: &StoredRecord) -> Option<Fact> {
        match of.topic {
            Topic::Users => self.of_event(position, &record.record),
            _ => self.of_message(&record.record),
        }
    }

    async fn learn(&self, facts: &[Fact], of: TopicPartition, stored: Checkpoint, next: Checkpoint) -> Result<(), Hindrance> {
        let changed = self.credentials.learn(facts, of, stored, next).await?;
        if changed > 0 {
            tracing::debug!(partition = %of, changed, "the log has changed accounts");
        }
        self.learnt.notify_waiters();
        Ok(())
    }
}
