//! The timeline read model: what queries read. A port with two adapters, `postgres` and `sqlite`, and one contract suite
//! (`infra/tests/it/read_model_contract.rs`) that both pass.
//!
//! Invariants:
//! * rows and checkpoint move in one transaction, and the checkpoint only from the position that the writer expects;
//! * every row carries the stream version that made it, and never goes back to a lower one, so that replaying anything any
//!   number of times changes nothing;
//! * what can be derived is derived (unread, member counts), never counted up and down.

mod changes;
mod columns;
pub mod generations;
mod migrations;
mod people;
pub mod postgres;
mod queries;
mod reads;
mod snapshot;
pub mod sqlite;
mod statements;
mod tables;

use async_trait::async_trait;
use domain::acceptance::Cursor;
use domain::{RoomId, UserId};

pub use changes::{
    Changes, DeactivationRow, Friendship, MemberRow, MentionRow, MessageRow, MuteRow, ReactionRow, ReadRow, RelationRow,
    RoomHeadRow, RoomRow, UserRow, VisibilityRow,
};
pub use queries::{
    CircleView, Direction, MemberView, MentionView, MessageView, MineView, ReactionView, ReadView, RelationView, RoomChanges,
    RoomView, UserView, Viewer,
};
pub use snapshot::{Digest, READS, ReadKey, Snapshot, TABLES, Table};

use crate::database;
use crate::log::{Offset, TopicPartition};

/// How far a projection has come in one partition. The cursor is part of it: the acceptance rule cannot be resumed from an
/// offset alone. (For topics that are not owned, such as `reads.v1`, the cursor stays at its default.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// The offset of the next record to read.
    pub next_offset: Offset,
    /// The state of the acceptance rule before that record.
    pub cursor: Cursor,
}

/// What went wrong with the read model.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The checkpoint is not where the writer expected it: somebody else moved it. Read it again.
    #[error("the checkpoint of {0} was moved by another projector")]
    CheckpointMoved(TopicPartition),
    /// The rows themselves are refused (a constraint, a value): trying again will not help; find the culprit and park it.
    #[error("the database refuses the rows: {0}")]
    Rejected(String),
    /// The database cannot be reached or is overloaded: trying again later will help.
    #[error("the read model is not available: {0}")]
    Unavailable(String),
}

impl From<database::Fault> for Fault {
    fn from(fault: database::Fault) -> Self {
        match fault {
            database::Fault::Rejected(why) => Self::Rejected(why),
            database::Fault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// A page of rows, with whether more follow in the direction that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the page's order.
    pub items: Vec<T>,
    /// Whether there are more beyond the last row in the direction of the query.
    pub more: bool,
}

/// The read model.
#[async_trait]
pub trait Timeline: Send + Sync + 'static {
    /// `postgres` or `sqlite`, for people.
    fn kind(&self) -> &'static str;

    // --- the projector's side -------------------------------------------------------------------------------------------

    /// Where the timeline stands in `partition`; the default (the beginning) when it never saw it.
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault>;

    /// All checkpoints, for status, lag and read tokens.
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault>;

    /// Writes `changes` and moves the checkpoint from `expected` to `next`, all or nothing.
    async fn apply(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault>;

    /// Writes `changes` and moves no checkpoint: for an event that was parked and is tried again, and for read positions that are
    /// taken over. Rows of a higher version stay as they are.
    async fn amend(&self, changes: &Changes) -> Result<(), Fault>;

    /// Holds this moment still for comparing; writers go on.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Fault>;

    // --- the queries' side; who may see what is decided by query-api with `room_for` -----------------------------------------

    /// One room as `viewer` stands to it; nothing when it does not exist.
    async fn room_for(&self, room: RoomId, viewer: &UserId) -> Result<Option<RoomView>, Fault>;

    /// The rooms that `user` is in, latest message first, after the keyset `before` (last activity in ms, room id).
    async fn rooms_of(&self, user: &UserId, before: Option<(i64, RoomId)>, limit: u32) -> Result<Page<MineView>, Fault>;

    /// The ids of the rooms that `user` is in, latest message first.
    async fn rooms_in(&self, user: &UserId, limit: u32) -> Result<Vec<RoomId>, Fault>;

    /// Public, open rooms by name, after the keyset `after` (name, room id); `prefix` filters by the start of the name, folded.
    async fn public_rooms(
        &self,
        viewer: &UserId,
        prefix: Option<&str>,
        after: Option<(String, RoomId)>,
        limit: u32,
    ) -> Result<Page<RoomView>, Fault>;

    /// Members of `room` by user id, after `after`.
    async fn members(&self, room: RoomId, after: Option<&UserId>, limit: u32) -> Result<Page<MemberView>, Fault>;

    /// One member.
    async fn member(&self, room: RoomId, user: &UserId) -> Result<Option<MemberView>, Fault>;

    /// Messages of `room` beyond the number in `direction`, deleted ones included (without text). `Before` yields falling
    /// numbers, `After` rising ones.
    async fn messages(&self, room: RoomId, direction: Direction, limit: u32, viewer: &UserId)
    -> Result<Page<MessageView>, Fault>;

    /// One message.
    async fn message(&self, room: RoomId, number: u64, viewer: &UserId) -> Result<Option<MessageView>, Fault>;

    /// Who reacts how to one message, by emoji and then by person: what the live feed needs to tell each reader which reactions are
    /// their own. At most [`domain::room::REACTIONS_MAX`] rows; none for a message that is deleted or does not exist.
    async fn reactions(&self, room: RoomId, number: u64) -> Result<Vec<(String, UserId)>, Fault>;

    /// Where `user` was mentioned, latest first, after the keyset `before` (sent at in ms, room id, number). Only rooms that the
    /// person is in, and no deleted messages.
    async fn mentions_of(
        &self,
        user: &UserId,
        before: Option<(i64, RoomId, u64)>,
        limit: u32,
    ) -> Result<Page<MentionView>, Fault>;

    /// Everything of `room` that changed after `version`, in order of version, in one snapshot; nothing when there would be more
    /// than `limit` rows (the reader must start afresh).
    async fn changes_after(&self, room: RoomId, version: u64, limit: u32, viewer: &UserId) -> Result<Option<RoomChanges>, Fault>;

    /// Read positions of a room's members, at most `limit`.
    async fn reads_of(&self, room: RoomId, limit: u32) -> Result<Vec<ReadView>, Fault>;

    /// One person.
    async fn user(&self, user: &UserId) -> Result<Option<UserView>, Fault>;

    /// Several people at once; those who do not exist are missing from the answer.
    async fn users(&self, users: &[UserId]) -> Result<Vec<UserView>, Fault>;

    /// Those with whom `user` has a friendship, or one that was asked for, by user id after `after`; only those of `friendship`, if
    /// it is given. Who left for good is nobody's friend any more.
    async fn friends(
        &self,
        user: &UserId,
        friendship: Option<Friendship>,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Page<RelationView>, Fault>;

    /// Those whom `user` blocks, by user id after `after`.
    async fn blocks(&self, user: &UserId, after: Option<&UserId>, limit: u32) -> Result<Page<RelationView>, Fault>;

    /// Whether `user` hides presence, and at most `friends_max` friends.
    async fn circle(&self, user: &UserId, friends_max: u32) -> Result<CircleView, Fault>;
}
