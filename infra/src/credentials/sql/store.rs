//! The port on any of the databases: each method one transaction.

use async_trait::async_trait;
use domain::saga::SagaId;
use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::{Database, accounts, audit, backoff, keys, log, outbox, sessions};
use crate::credentials::{
    Account, Attempt, AuditRow, Credentials, Digest, Ended, Entry, Fact, Fault, KeyChange, Leased, NewAccount, NewSession,
    Registration, Reserved, Role, Roles, Rotation, Session, SigningKey, StateChange,
};
use crate::database::checkpoints;
use crate::log::TopicPartition;
use crate::read_model::Checkpoint;

pub(in crate::credentials) struct Store<D>(pub D);

/// Runs `work` on a transaction and commits it.
macro_rules! writing {
    ($store:expr, $tx:ident => $work:expr) => {{
        let mut transaction = $store.0.write().await?;
        let $tx = &mut *transaction;
        let done = $work.await?;
        transaction.commit().await?;
        Ok(done)
    }};
}
/// Runs `work` on one that only reads.
macro_rules! reading {
    ($store:expr, $tx:ident => $work:expr) => {{
        let mut transaction = $store.0.read().await?;
        let $tx = &mut *transaction;
        $work.await
    }};
}

#[async_trait]
impl<D: Database> Credentials for Store<D> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    async fn reserve(&self, new: &NewAccount, entry: &Entry) -> Result<Reserved, Fault> {
        writing!(self, tx => accounts::reserve(tx, new, entry))
    }

    async fn registration(&self, saga: SagaId) -> Result<Option<Registration>, Fault> {
        reading!(self, tx => accounts::registration(tx, saga))
    }

    async fn learn(
        &self,
        facts: &[Fact],
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<usize, Fault> {
        writing!(self, tx => async {
            if !checkpoints::advance(tx, partition, expected, next).await? {
                return Err(Fault::CheckpointMoved(partition));
            }
            let mut changed = 0;
            for fact in facts {
                changed += usize::from(log::learn(tx, fact).await?);
            }
            Ok::<_, Fault>(changed)
        })
    }

    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        Ok(checkpoints::read(&mut *self.0.read().await?, partition).await?)
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, Fault> {
        reading!(self, tx => accounts::account(tx, user))
    }

    async fn accounts(&self, after: Option<&UserId>, role: Option<Role>, limit: u32) -> Result<Vec<Account>, Fault> {
        reading!(self, tx => accounts::accounts(tx, after, role, limit))
    }

    async fn set_password(
        &self,
        user: &UserId,
        expected: Option<&str>,
        password: &str,
        ends: Option<Ended>,
        entry: &Entry,
    ) -> Result<bool, Fault> {
        writing!(self, tx => accounts::set_password(tx, user, expected, password, ends, entry))
    }

    async fn change_state(&self, user: &UserId, change: &StateChange, entry: &Entry) -> Result<bool, Fault> {
        writing!(self, tx => accounts::change_state(tx, user, change, entry))
    }

    async fn set_roles(&self, user: &UserId, roles: Roles, ended: Ended, entry: &Entry) -> Result<bool, Fault> {
        writing!(self, tx => accounts::set_roles(tx, user, roles, ended, entry))
    }

    async fn begin_session(&self, session: &NewSession, entry: &Entry) -> Result<Option<Roles>, Fault> {
        writing!(self, tx => sessions::begin(tx, session, entry))
    }

    async fn rotate(&self, digest: &Digest, next: &Digest, ended: Ended, entry: &Entry) -> Result<Rotation, Fault> {
        writing!(self, tx => sessions::rotate(tx, digest, next, ended, entry))
    }

    async fn session_of(&self, digest: &Digest) -> Result<Option<(UserId, Uuid)>, Fault> {
        reading!(self, tx => sessions::of_token(tx, digest))
    }

    async fn end_sessions(&self, user: &UserId, ended: Ended, entry: &Entry) -> Result<u64, Fault> {
        writing!(self, tx => async {
            let count = sessions::end(tx, user, ended).await?;
            if count > 0 {
                audit::put(tx, entry).await?;
            }
            Ok::<_, Fault>(count)
        })
    }

    async fn sessions(&self, user: &UserId, at: Timestamp) -> Result<Vec<Session>, Fault> {
        reading!(self, tx => sessions::list(tx, user, at))
    }

    async fn attempt(&self, attempts: &[Attempt], at: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let mut transaction = self.0.write().await?;
        for attempt in attempts {
            let wait = backoff::attempt(&mut *transaction, attempt, at).await?;
            if wait.is_some() {
                // Dropped without a commit: what was counted for the others is taken back.
                return Ok(wait);
            }
        }
        transaction.commit().await?;
        Ok(None)
    }

    async fn succeeded(&self, attempts: &[Attempt], forget: &[Attempt]) -> Result<(), Fault> {
        writing!(self, tx => async {
            for attempt in attempts {
                backoff::undo(tx, attempt).await?;
            }
            for attempt in forget {
                backoff::forget(tx, attempt).await?;
            }
            Ok::<_, Fault>(())
        })
    }

    async fn lease(&self, limit: u32, at: Timestamp, until: Timestamp) -> Result<Vec<Leased>, Fault> {
        writing!(self, tx => outbox::lease(tx, limit, at, until))
    }

    async fn give_back(&self, ids: &[i64]) -> Result<(), Fault> {
        writing!(self, tx => outbox::give_back(tx, ids))
    }

    async fn sent(&self, ids: &[i64]) -> Result<(), Fault> {
        writing!(self, tx => outbox::sent(tx, ids))
    }

    async fn waiting(&self) -> Result<u64, Fault> {
        reading!(self, tx => outbox::waiting(tx))
    }

    async fn keys(&self) -> Result<Vec<SigningKey>, Fault> {
        reading!(self, tx => keys::all(tx))
    }

    async fn change_keys(&self, changes: &[KeyChange]) -> Result<(), Fault> {
        writing!(self, tx => async {
            for change in changes {
                keys::change(tx, change).await?;
            }
            Ok::<_, Fault>(())
        })
    }

    async fn audit(&self, entry: &Entry) -> Result<(), Fault> {
        writing!(self, tx => audit::put(tx, entry))
    }

    async fn audit_of(&self, user: &UserId, limit: u32) -> Result<Vec<AuditRow>, Fault> {
        reading!(self, tx => audit::of(tx, user, limit))
    }

    async fn tidy(&self, at: Timestamp) -> Result<bool, Fault> {
        writing!(self, tx => audit::tidy(tx, at))
    }
}
