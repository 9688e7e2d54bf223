//! The port, written once over what the two databases do differently: running a SELECT ([`Reader`]) and writing a batch.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{RoomId, UserId};

use super::people;
use super::reads::{self, Reader};
use super::{
    Changes, Checkpoint, CircleView, Direction, Fault, Friendship, MemberView, MentionView, MessageView, MineView, Page,
    ReadView, RelationView, RoomChanges, RoomView, Snapshot, Timeline, UserView,
};
use crate::log::TopicPartition;

/// A database that holds the timeline's tables.
#[async_trait]
pub(super) trait Store: Reader + 'static {
    /// `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// As [`Timeline::apply`].
    async fn apply(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault>;

    /// As [`Timeline::amend`].
    async fn amend(&self, changes: &Changes) -> Result<(), Fault>;

    /// As [`Timeline::snapshot`].
    async fn moment(&self) -> Result<Box<dyn Snapshot>, Fault>;
}

/// Makes the port out of a database.
pub(super) fn timeline(store: impl Store) -> Arc<dyn Timeline> {
    Arc::new(Tables(store))
}

struct Tables<S>(S);

#[async_trait]
impl<S: Store> Timeline for Tables<S> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        reads::checkpoint(&self.0, partition).await
    }
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        reads::checkpoints(&self.0).await
    }
    async fn apply(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault> {
        self.0.apply(changes, partition, expected, next).await
    }
    async fn amend(&self, changes: &Changes) -> Result<(), Fault> {
        self.0.amend(changes).await
    }
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Fault> {
        self.0.moment().await
    }
    async fn room_for(&self, room: RoomId, viewer: &UserId) -> Result<Option<RoomView>, Fault> {
        reads::room_for(&self.0, room, viewer).await
    }
    async fn rooms_of(&self, user: &UserId, before: Option<(i64, RoomId)>, limit: u32) -> Result<Page<MineView>, Fault> {
        reads::rooms_of(&self.0, user, before, limit).await
    }
    async fn rooms_in(&self, user: &UserId, limit: u32) -> Result<Vec<RoomId>, Fault> {
        reads::rooms_in(&self.0, user, limit).await
    }
    async fn public_rooms(
        &self,
        viewer: &UserId,
        prefix: Option<&str>,
        after: Option<(String, RoomId)>,
        limit: u32,
    ) -> Result<Page<RoomView>, Fault> {
        reads::public_rooms(&self.0, viewer, prefix, after, limit).await
    }
    async fn members(&self, room: RoomId, after: Option<&UserId>, limit: u32) -> Result<Page<MemberView>, Fault> {
        reads::members(&self.0, room, after, limit).await
    }
    async fn member(&self, room: RoomId, user: &UserId) -> Result<Option<MemberView>, Fault> {
        reads::member(&self.0, room, user).await
    }
    async fn messages(
        &self,
        room: RoomId,
        direction: Direction,
        limit: u32,
        viewer: &UserId,
    ) -> Result<Page<MessageView>, Fault> {
        reads::messages(&self.0, room, direction, limit, viewer).await
    }
    async fn message(&self, room: RoomId, number: u64, viewer: &UserId) -> Result<Option<MessageView>, Fault> {
        reads::message(&self.0, room, number, viewer).await
    }
    async fn reactions(&self, room: RoomId, number: u64) -> Result<Vec<(String, UserId)>, Fault> {
        reads::reactions(&self.0, room, number).await
    }
    async fn mentions_of(
        &self,
        user: &UserId,
        before: Option<(i64, RoomId, u64)>,
        limit: u32,
    ) -> Result<Page<MentionView>, Fault> {
        reads::mentions_of(&self.0, user, before, limit).await
    }
    async fn changes_after(&self, room: RoomId, version: u64, limit: u32, viewer: &UserId) -> Result<Option<RoomChanges>, Fault> {
        reads::changes_after(&self.0, room, version, limit, viewer).await
    }
    async fn reads_of(&self, room: RoomId, limit: u32) -> Result<Vec<ReadView>, Fault> {
        reads::reads_of(&self.0, room, limit).await
    }
    async fn user(&self, user: &UserId) -> Result<Option<UserView>, Fault> {
        Ok(reads::users(&self.0, std::slice::from_ref(user)).await?.pop())
    }
    async fn users(&self, users: &[UserId]) -> Result<Vec<UserView>, Fault> {
        reads::users(&self.0, users).await
    }
    async fn friends(
        &self,
        user: &UserId,
        friendship: Option<Friendship>,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Page<RelationView>, Fault> {
        people::friends(&self.0, user, friendship, after, limit).await
    }
    async fn blocks(&self, user: &UserId, after: Option<&UserId>, limit: u32) -> Result<Page<RelationView>, Fault> {
        people::blocks(&self.0, user, after, limit).await
    }
    async fn circle(&self, user: &UserId, friends_max: u32) -> Result<CircleView, Fault> {
        people::circle(&self.0, user, friends_max).await
    }
}
