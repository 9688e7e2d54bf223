//! Accounts, credentials and sessions: auth-api's own database. A port with two adapters, `postgres` and `sqlite`, and one contract
//! suite (`infra/tests/it/credentials_contract.rs`) that both pass.
//!
//! Invariants:
//! * each method is one transaction: what it makes true, what is to be said about it in the log (the outbox) and its line in the
//!   audit table are there together or not at all;
//! * a refresh token is good once, and within seconds of that once more for whoever was as quick. Using an older one ends its session;
//! * an account becomes active by the event of the very command that its registration stands for, and by nothing else;
//! * a session that ends leaves a revocation in the outbox, so that its tokens end everywhere;
//! * passwords come in as Argon2id strings and refresh tokens as digests: neither is ever here in the clear.

mod account;
mod audit;
mod backoff;
mod key;
mod migrations;
mod outgoing;
pub mod postgres;
mod session;
mod sql;
pub mod sqlite;

use async_trait::async_trait;
use domain::saga::SagaId;
use domain::{Timestamp, UserId};
use uuid::Uuid;

pub use account::{
    Account, AccountState, Fact, NewAccount, Progress, Registration, Reserved, Role, Roles, StateChange, UnknownWord,
};
pub use audit::{AuditEvent, AuditRow, Entry, TIDY_ROWS_MAX};
pub use backoff::{Attempt, Policy};
pub use key::{KeyChange, KeyState, SigningKey};
pub use outgoing::{Leased, Outgoing};
pub use session::{Digest, Ended, NewSession, ROTATION_GRACE_MS, Rotation, SESSIONS_MAX, SUCCESSORS_MAX, Session, Which};

use crate::database;
use crate::following::Hindrance;
use crate::log::TopicPartition;
use crate::read_model::Checkpoint;

/// What went wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The checkpoint is not where the writer expected it: another node moved it. Read it again.
    #[error("the checkpoint of {0} was moved by another node")]
    CheckpointMoved(TopicPartition),
    /// The database refuses the values: another writer was first, or it is a defect of ours.
    #[error("the database refuses the values: {0}")]
    Rejected(String),
    /// The database cannot be reached or is overloaded: trying again later will help.
    #[error("the credentials database is not available: {0}")]
    Unavailable(String),
}

impl From<Fault> for Hindrance {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::CheckpointMoved(_) => Self::Moved,
            fault => Self::Passing(fault.to_string()),
        }
    }
}

impl From<database::Fault> for Fault {
    fn from(fault: database::Fault) -> Self {
        match fault {
            database::Fault::Rejected(why) => Self::Rejected(why),
            database::Fault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// The credentials database.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// `postgres` or `sqlite`, for people.
    fn kind(&self) -> &'static str;

    // --- registration -----------------------------------------------------------------------------------------------------

    /// Reserves the id, stores the pending credentials and puts the request for registration into the outbox. The same saga again
    /// finds what it has reserved.
    async fn reserve(&self, new: &NewAccount, entry: &Entry) -> Result<Reserved, Fault>;

    /// How a registration stands; nothing when there is none, or its end is long ago.
    async fn registration(&self, saga: SagaId) -> Result<Option<Registration>, Fault>;

    /// Takes what the log says, and moves the checkpoint from `expected` to `next`. Facts that are known already change nothing. Says
    /// how many changed something.
    async fn learn(
        &self,
        facts: &[Fact],
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<usize, Fault>;

    /// How far `partition` was read; the default (the beginning) when it never was.
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault>;

    // --- accounts ---------------------------------------------------------------------------------------------------------

    /// One account.
    async fn account(&self, user: &UserId) -> Result<Option<Account>, Fault>;

    /// Accounts by id, after `after`, at most `limit`; only those that have `role`, if one is named.
    async fn accounts(&self, after: Option<&UserId>, role: Option<Role>, limit: u32) -> Result<Vec<Account>, Fault>;

    /// Stores a new password, if the account is not gone and its password still is `expected` (where one is named), and ends the
    /// sessions that `ends` names. Says whether it was stored.
    async fn set_password(
        &self,
        user: &UserId,
        expected: Option<&str>,
        password: &str,
        ends: Option<Ended>,
        entry: &Entry,
    ) -> Result<bool, Fault>;

    /// Brings the account into another state, if it may go there from where it is. Says whether it did.
    async fn change_state(&self, user: &UserId, change: &StateChange, entry: &Entry) -> Result<bool, Fault>;

    /// Gives the account these roles and no others, and ends its sessions, so that no token with the old ones is left. Says whether
    /// there is such an account.
    async fn set_roles(&self, user: &UserId, roles: Roles, ended: Ended, entry: &Entry) -> Result<bool, Fault>;

    // --- sessions ---------------------------------------------------------------------------------------------------------

    /// Begins a session, if the account is active and its password still is the one that was verified. Beyond [`SESSIONS_MAX`] the
    /// oldest ones of the person end. Gives the roles that the account has as it begins: who takes one away at the same moment ends
    /// the session, or has taken it away before. Nothing where it did not begin.
    async fn begin_session(&self, session: &NewSession, entry: &Entry) -> Result<Option<Roles>, Fault>;

    /// Uses up the token `digest` and puts `next` in its place. Within [`ROTATION_GRACE_MS`] of its use it has further successors,
    /// as long as none of them was used.
    async fn rotate(&self, digest: &Digest, next: &Digest, ended: Ended, entry: &Entry) -> Result<Rotation, Fault>;

    /// The session that the token `digest` belongs to, whether it was used or not; nothing when it is not known.
    async fn session_of(&self, digest: &Digest) -> Result<Option<(UserId, Uuid)>, Fault>;

    /// Ends sessions of `user`. Says how many.
    async fn end_sessions(&self, user: &UserId, ended: Ended, entry: &Entry) -> Result<u64, Fault>;

    /// The sessions of `user` that have neither ended nor expired at `at`, latest first.
    async fn sessions(&self, user: &UserId, at: Timestamp) -> Result<Vec<Session>, Fault>;

    // --- back-off -----------------------------------------------------------------------------------------------------------

    /// Counts an attempt for each subject as failed, before it is made, so that any number at once cannot slip through. Where one of
    /// them must wait, nothing is counted, and the moment is returned until which.
    async fn attempt(&self, attempts: &[Attempt], at: Timestamp) -> Result<Option<Timestamp>, Fault>;

    /// Takes the attempt back: it succeeded. The subjects in `forget` begin anew altogether.
    async fn succeeded(&self, attempts: &[Attempt], forget: &[Attempt]) -> Result<(), Fault>;

    // --- outbox -------------------------------------------------------------------------------------------------------------

    /// The oldest records that nobody else is sending, at most `limit`; until `until` they are the caller's. A record whose key has
    /// an earlier one with somebody else waits for that, so that the records of a key are sent in order.
    async fn lease(&self, limit: u32, at: Timestamp, until: Timestamp) -> Result<Vec<Leased>, Fault>;

    /// Lets others have records that were leased and not sent.
    async fn give_back(&self, ids: &[i64]) -> Result<(), Fault>;

    /// Takes away what is in the log.
    async fn sent(&self, ids: &[i64]) -> Result<(), Fault>;

    /// How many records wait.
    async fn waiting(&self) -> Result<u64, Fault>;

    // --- keys, audit, upkeep --------------------------------------------------------------------------------------------------

    /// All signing keys, oldest first.
    async fn keys(&self) -> Result<Vec<SigningKey>, Fault>;

    /// Changes the keys, all or nothing; [`Fault::Rejected`] when another node was first.
    async fn change_keys(&self, changes: &[KeyChange]) -> Result<(), Fault>;

    /// Writes a line that belongs to no change: a failed sign-in.
    async fn audit(&self, entry: &Entry) -> Result<(), Fault>;

    /// The latest lines about `user`, latest first.
    async fn audit_of(&self, user: &UserId, limit: u32) -> Result<Vec<AuditRow>, Fault>;

    /// Forgets what is over by `at`: decided registrations and failures after a day, sessions a month after they would have expired,
    /// audit lines after more than a year. At most [`TIDY_ROWS_MAX`] rows of each, so that nobody waits long for a lock. Says
    /// whether there may be more.
    async fn tidy(&self, at: Timestamp) -> Result<bool, Fault>;
}
