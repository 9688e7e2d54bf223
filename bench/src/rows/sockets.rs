//! 5,000 sockets on one node, each of another person and following one room: what one costs in memory while nothing happens, how
//! fast they come, and how long a message takes to the last of them.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use super::fan_out::said_and_seen;
use crate::feed::Feed;
use crate::load::per_second;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::{in_turns, nothing};
use crate::scale::Scale;

/// What a socket may take.
const SOCKET_BYTES_MAX: f64 = 12.0 * 1024.0;
/// Messages that are said to all.
const MESSAGES: usize = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// The row.
pub struct Sockets;

#[async_trait(?Send)]
impl Row for Sockets {
    fn name(&self) -> &'static str {
        "sockets"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded]
    }

    async fn measure(&self, _on: On, scale: Scale) -> Result<Vec<Line>> {
        let sockets = scale.pick(5_000, 50);
        let turns = in_turns(scale, async || run(sockets).await, nothing).await?;
        let line = |(index, what, unit, target)| {
            let (figure, load) = (turns.ours.median(index)?, turns.load.clone());
            Ok(Line { what: format!("{sockets} sockets, {what}"), unit, figure, limit: None, target, load })
        };
        let lines = [
            (0, "memory of an idle one", Unit::Bytes, Target::AtMost(SOCKET_BYTES_MAX)),
            (1, "opened, each following a room", Unit::PerSecond, Target::Reported),
            (2, "a message until the last has it", Unit::Seconds, Target::Reported),
        ];
        lines.into_iter().map(line).collect()
    }
}

async fn run(sockets: usize) -> Result<Vec<f64>> {
    let feed = Feed::start(On::Embedded).await?;
    // The first fifth brings what the process needs once.
    let first = sockets / 5;
    let mut watchers = feed.watchers(0..first).await?;
    let before = feed.resident_bytes()?;
    let began = std::time::Instant::now();
    watchers.extend(feed.watchers(first..sockets).await?);
    let rate = per_second(sockets - first, began.elapsed());
    let texts: Vec<String> = (0..MESSAGES).map(|_| infra::random::uuid_v4().to_string()).collect();
    let (said, seen) = said_and_seen(&feed, &mut watchers, &texts, PAUSE).await?;
    let mut last: Vec<Duration> = said
        .iter()
        .enumerate()
        .map(|(index, said)| {
            seen.iter().filter_map(|seen| seen.get(index)).map(|seen| seen.duration_since(*said)).max().unwrap_or_default()
        })
        .collect();
    last.sort_unstable();
    let last = last.get(MESSAGES / 2).copied().unwrap_or_default().as_secs_f64();
    // After the messages, so that every socket's buffers have been in use.
    #[expect(clippy::cast_precision_loss, reason = "a count of sockets")]
    let each = (feed.resident_bytes()? - before) / (sockets - first) as f64;
    drop(watchers);
    feed.stop().await?;
    Ok(vec![each, rate, last])
}
