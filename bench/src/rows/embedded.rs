//! Commands on the embedded log, where confirmed means synced to the disk. The limit is a group commit of fjall with values of the
//! same size.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;

use crate::limits::fjall::BareFjall;
use crate::load;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;
use crate::world::World;

/// In flight.
const IN_FLIGHT: [usize; 3] = [64, 256, 1_024];
/// The share of the limit that is to be reached.
const SHARE: f64 = 0.5;

/// The row.
pub struct Embedded;

#[async_trait(?Send)]
impl Row for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let world = World::start(on, scale).await?;
        let messages = scale.pick(100_000, 2_000);
        // The first run warms both sides up, and gives the limit its values.
        load::closed(&world.messages(messages)?, messages, 256).await?;
        let bare = Arc::new(BareFjall::start(&world.place, &world.records(messages).await?)?);
        load::closed(&bare, messages, 256).await?;
        let mut lines = Vec::new();
        for in_flight in IN_FLIGHT {
            let turns = in_turns(
                scale,
                async || {
                    let commands = world.messages(messages)?;
                    Ok(vec![load::closed(&commands, messages, in_flight).await?])
                },
                async || Ok(vec![load::closed(&bare, messages, in_flight).await?]),
            )
            .await?;
            lines.push(Line {
                what: format!("durable commands, {in_flight} in flight"),
                unit: Unit::PerSecond,
                figure: turns.ours.median(0)?,
                limit: Some(turns.limit.median(0)?),
                target: Target::LimitTimesAtLeast(SHARE),
                load: turns.load,
            });
        }
        world.stop().await;
        Ok(lines)
    }
}
