//! Questions to the read model: which rooms a person is in, and who could take one over.
//!
//! They are answered only when the read model knows all that the log of rooms held when they were asked: a saga must not believe that
//! there is nothing left because nobody has looked yet.

use std::sync::Arc;
use std::time::Duration;

use domain::room::Role;
use domain::{RoomId, UserId};
use infra::log::{Log, Offset, Topic, TopicPartition};
use infra::read_model::Timeline;
use infra::read_model::generations::Current;

/// Rows that are asked for at once.
const PAGE: u32 = 200;
/// How long the read model may take to come to where the log was: less than an attempt has, and than a read model that was replaced
/// is kept.
const CATCHING_UP_MAX: Duration = Duration::from_secs(8);
/// How often it is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Asks.
pub struct Rooms {
    /// The read model.
    pub read_model: Current,
    /// What it is made of.
    pub log: Arc<dyn Log>,
}

impl Rooms {
    /// The rooms that `user` is in; else why that cannot be said now.
    pub(super) async fn of(&self, user: &UserId) -> Result<Vec<RoomId>, String> {
        let timeline = self.caught_up().await?;
        let (mut rooms, mut before) = (Vec::new(), None);
        loop {
            let page = timeline.rooms_of(user, before, PAGE).await.map_err(|fault| fault.to_string())?;
            before = page.items.last().map(|mine| (mine.room.last_activity_at.as_millis(), mine.room.room));
            rooms.extend(page.items.iter().map(|mine| mine.room.room));
            if !page.more || before.is_none() {
                return Ok(rooms);
            }
        }
    }

    /// The moderator of `room` who joined first, `leaving` aside.
    pub(super) async fn heir(&self, room: RoomId, leaving: &UserId) -> Result<Option<UserId>, String> {
        let timeline = self.caught_up().await?;
        let (mut heir, mut after) = (None, None);
        loop {
            let page = timeline.members(room, after.as_ref(), PAGE).await.map_err(|fault| fault.to_string())?;
            let moderators = page.items.iter().filter(|member| member.role == Some(Role::Moderator) && member.user != *leaving);
            let oldest = moderators.map(|member| (member.joined_at, member.user.clone()));
            heir = oldest.chain(heir).min();
            after = page.items.last().map(|member| member.user.clone());
            if !page.more || after.is_none() {
                return Ok(heir.map(|(_, user)| user));
            }
        }
    }

    /// The read model, once it has come to where the log of rooms ends now. While people write it is never at the end of the log,
    /// but soon behind where that was.
    async fn caught_up(&self) -> Result<Arc<dyn Timeline>, String> {
        let timeline = Arc::clone(&self.read_model.get().map_err(|fault| fault.to_string())?.timeline);
        let mut ends = Vec::new();
        for partition in 0..self.log.partitions(Topic::Rooms).get() {
            let of = TopicPartition { topic: Topic::Rooms, partition };
            ends.push((of, self.log.end(of).await.map_err(|fault| fault.to_string())?));
        }
        let reached = tokio::time::timeout(CATCHING_UP_MAX, reach(&*timeline, &ends)).await;
        reached.unwrap_or_else(|_| Err("the read model is too far behind the log of rooms".to_owned()))?;
        Ok(timeline)
    }
}

/// Waits until `timeline` has come to each of `ends`.
async fn reach(timeline: &dyn Timeline, ends: &[(TopicPartition, Offset)]) -> Result<(), String> {
    for (of, end) in ends {
        while timeline.checkpoint(*of).await.map_err(|fault| fault.to_string())?.next_offset < *end {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
    Ok(())
}
