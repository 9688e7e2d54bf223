//! The node's turn, again and again: say what is due, let go of what is over, and read what must be known for that.

use std::sync::Arc;

use domain::Timestamp;
use domain::UserId;
use domain::ids::EventTopic;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use infra::read_model::Fault;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::here::{Circle, Needed};
use super::record::{PresenceRecord, is_older};
use crate::ws::Live;
use crate::ws::limits::{EXPIRY_INTERVAL, FRIENDS_MAX, PRESENCE_TURN};

/// A read that ended.
type Read = (UserId, Needed, Option<Circle>);

/// Takes turns until dropped.
pub async fn run(live: Arc<Live>) {
    let mut turns = interval(PRESENCE_TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads: FuturesUnordered<BoxFuture<'static, Read>> = FuturesUnordered::new();
    let mut expired_at: Option<Timestamp> = None;
    let mut failing = false;
    loop {
        tokio::select! {
            _ = turns.tick() => {
                let now = live.clock.now();
                if expired_at.is_none_or(|at| is_older(at, EXPIRY_INTERVAL, now) || at > now) {
                    expired_at = Some(now);
                    metrics::gauge!("sarangbang_presence_people").set(u32::try_from(live.board.expire(now)).unwrap_or(u32::MAX));
                }
                for record in live.board.due(now) {
                    live.tell(&record);
                }
                for (user, needed) in live.board.reads_due() {
                    let live = live.clone();
                    reads.push(Box::pin(async move { read(&live, user, needed).await }));
                }
            }
            Some((user, needed, circle)) = reads.next(), if !reads.is_empty() => match circle {
                Some(circle) => {
                    failing = false;
                    for (room_id, at) in live.board.read(&user, circle) {
                        live.tell(&PresenceRecord::Typing { room_id, user_id: user.clone(), at });
                    }
                }
                None => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!("presence cannot read who is whose friend and tries again");
                    }
                    live.board.unread(&user, needed);
                }
            }
        }
    }
}

/// The circle of `user`, once the read model has come to what is needed.
async fn read(live: &Live, user: UserId, needed: Needed) -> Read {
    let deadline = Instant::now() + live.limits.read_model_wait_max;
    let circle = async {
        let reading = live.readings.now()?;
        for (partition, sequence) in &needed {
            if reading.progress.reached(EventTopic::Users, *partition, *sequence, deadline).await.is_err() {
                return Ok(None);
            }
        }
        let view = reading.timeline.circle(&user, FRIENDS_MAX).await?;
        Ok::<_, Fault>(Some(Circle { hidden: view.presence_hidden, friends: view.friends.into_iter().collect() }))
    };
    let circle = circle.await.unwrap_or_else(|fault| {
        tracing::debug!(%fault, "a circle of friends could not be read");
        None
    });
    (user, needed, circle)
}
