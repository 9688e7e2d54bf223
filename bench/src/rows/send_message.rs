//! `SendMessage` at the pipeline's entry: the bus that the HTTP handlers call, every answer awaited. Over 10,000 rooms, popular
//! ones more often. The limit is a bare producer of librdkafka with the very records that the pipeline wrote.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;

use crate::limits::kafka::BareProducer;
use crate::load;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;
use crate::world::World;

/// In flight, and what share of the limit is to be reached.
const IN_FLIGHT: [(usize, f64); 3] = [(64, 0.5), (256, 0.5), (1_024, 0.3)];
/// At half the throughput with so many in flight, latency is measured.
const HALF_LOAD_OF: usize = 256;

/// The row.
pub struct SendMessage;

#[async_trait(?Send)]
impl Row for SendMessage {
    fn name(&self) -> &'static str {
        "send-message"
    }

    fn on(&self) -> &'static [On] {
        &[On::Kafka1, On::Kafka3]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let world = World::start(on, scale).await?;
        let messages = scale.pick(100_000, 2_000);
        // The first run warms both sides up, and gives the limit its records.
        let warm = world.messages(messages)?;
        load::closed(&warm, messages, HALF_LOAD_OF).await?;
        let records = world.records(messages).await?;
        let bare = Arc::new(BareProducer::start(&world.place, records).await?);
        load::closed(&bare, messages, HALF_LOAD_OF).await?;

        let mut lines = Vec::new();
        let mut half_load = 0.0;
        for (in_flight, share) in IN_FLIGHT {
            let turns = in_turns(
                scale,
                async || {
                    let commands = world.messages(messages)?;
                    Ok(vec![load::closed(&commands, messages, in_flight).await?])
                },
                async || Ok(vec![load::closed(&bare, messages, in_flight).await?]),
            )
            .await?;
            let figure = turns.ours.median(0)?;
            if in_flight == HALF_LOAD_OF {
                half_load = figure / 2.0;
            }
            lines.push(Line {
                what: format!("SendMessage at the pipeline, {in_flight} in flight"),
                unit: Unit::PerSecond,
                figure,
                limit: Some(turns.limit.median(0)?),
                target: Target::LimitTimesAtLeast(share),
                load: turns.load,
            });
        }

        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
        let count = ((half_load * 4.0) as usize).min(messages);
        let turns = in_turns(
            scale,
            async || {
                let took = load::paced(&world.messages(count)?, count, half_load).await?;
                Ok(vec![took.quantile(0.5)?, took.quantile(0.99)?])
            },
            async || {
                let took = load::paced(&bare, count, half_load).await?;
                Ok(vec![took.quantile(0.5)?, took.quantile(0.99)?])
            },
        )
        .await?;
        for (index, name, target) in [(0, "p50", Target::Reported), (1, "p99", Target::LimitTimesAtMost(2.0))] {
            lines.push(Line {
                what: format!("SendMessage at the pipeline, {name} at half load ({half_load:.0}/s)"),
                unit: Unit::Seconds,
                figure: turns.ours.median(index)?,
                limit: Some(turns.limit.median(index)?),
                target,
                load: turns.load.clone(),
            });
        }
        world.stop().await;
        Ok(lines)
    }
}
