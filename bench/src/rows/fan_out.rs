//! From the POST of a message until a socket has it, with few and many sockets in the room: every message to every socket counts.
//! Our program runs in a process of its own; the clients share the processors with it. Beside it, the log's own way: from handing a
//! record to a bare producer until a bare consumer has it.

use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;

use crate::feed::{Feed, Watcher};
use crate::limits::round_trip::RoundTrip;
use crate::load::Latencies;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;
use crate::world::place;

/// Sockets in the room, and how many of them in a quick run.
const SOCKETS: [(usize, usize); 4] = [(1, 1), (50, 5), (500, 10), (1_500, 20)];
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// The row.
pub struct FanOut;

#[async_trait(?Send)]
impl Row for FanOut {
    fn name(&self) -> &'static str {
        "fan-out"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded, On::Kafka1, On::Kafka3]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let bare = match on {
            On::Embedded => None,
            On::Kafka1 | On::Kafka3 => Some(RoundTrip::start(&place(on).await?).await?),
        };
        let feed = Feed::start(on).await?;
        let messages = scale.pick(30, 3);
        let mut lines = Vec::new();
        let mut watchers: Vec<Watcher> = Vec::new();
        for (full, quick) in SOCKETS {
            let sockets = scale.pick(full, quick);
            watchers.extend(feed.watchers(watchers.len()..sockets).await?);
            // The first messages find everything warm.
            deliver(&feed, &mut watchers, messages).await?;
            let turns = in_turns(
                scale,
                async || deliver(&feed, &mut watchers, messages).await,
                async || match &bare {
                    Some(bare) => quantiles(bare.measure(messages, PAUSE).await?),
                    None => Ok(Vec::new()),
                },
            )
            .await?;
            for (index, name) in [(0, "p50"), (1, "p99")] {
                lines.push(Line {
                    what: format!("POST to socket, {sockets} in the room, {name}"),
                    unit: Unit::Seconds,
                    figure: turns.ours.median(index)?,
                    limit: turns.limit.median(index).ok(),
                    target: Target::Reported,
                    load: turns.load.clone(),
                });
            }
        }
        drop(watchers);
        feed.stop().await?;
        Ok(lines)
    }
}

/// Says messages and waits until every watcher has them all.
async fn deliver(feed: &Feed, watchers: &mut [Watcher], messages: usize) -> Result<Vec<f64>> {
    let texts: Vec<String> = (0..messages).map(|_| infra::random::uuid_v4().to_string()).collect();
    let (said, seen) = said_and_seen(feed, watchers, &texts, PAUSE).await?;
    let took = seen.iter().flat_map(|seen| seen.iter().zip(&said).map(|(seen, said)| seen.duration_since(*said)));
    quantiles(took.collect())
}

/// When each text was said, and when each watcher had it.
pub async fn said_and_seen(
    feed: &Feed,
    watchers: &mut [Watcher],
    texts: &[String],
    pause: Duration,
) -> Result<(Vec<Instant>, Vec<Vec<Instant>>)> {
    let seen = futures_util::future::try_join_all(watchers.iter_mut().map(|watcher| watcher.see(texts)));
    futures_util::future::try_join(feed.say(texts, pause), seen).await
}

fn quantiles(took: Vec<Duration>) -> Result<Vec<f64>> {
    let took = Latencies::of(took);
    Ok(vec![took.quantile(0.5)?, took.quantile(0.99)?])
}
