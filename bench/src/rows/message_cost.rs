//! What one more message costs in a room that has many. The limit is a message in a room that is new: nothing may grow with the room.

use anyhow::Result;
use async_trait::async_trait;

use crate::load;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;
use crate::world::World;

/// In flight.
const IN_FLIGHT: usize = 256;
/// How much dearer a message may be: what stays within the noise of two runs.
const TIMES_MAX: f64 = 1.25;

/// The row.
pub struct MessageCost;

#[async_trait(?Send)]
impl Row for MessageCost {
    fn name(&self) -> &'static str {
        "message-cost"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        // The first room grows; the others are new each time.
        let world = World::with_rooms(on, 1 + 3 * scale.turns()).await?;
        let counts: [usize; 3] = if scale == Scale::Full { [10_000, 100_000, 1_000_000] } else { [100, 500, 1_000] };
        let measured = scale.pick(5_000, 100);
        let (mut lines, mut grown, mut fresh) = (Vec::new(), 0, 0);
        for count in counts {
            while grown < count {
                let some = (count - grown).min(50_000);
                load::closed(&world.messages_in(0, some)?, some, 1_024).await?;
                grown += some;
            }
            let turns = in_turns(
                scale,
                async || {
                    let commands = world.messages_in(0, measured)?;
                    grown += measured;
                    Ok(vec![1.0 / load::closed(&commands, measured, IN_FLIGHT).await?])
                },
                async || {
                    fresh += 1;
                    let commands = world.messages_in(fresh, measured)?;
                    Ok(vec![1.0 / load::closed(&commands, measured, IN_FLIGHT).await?])
                },
            )
            .await?;
            lines.push(Line {
                what: format!("a message after {count} in its room"),
                unit: Unit::Seconds,
                figure: turns.ours.median(0)?,
                limit: Some(turns.limit.median(0)?),
                target: Target::LimitTimesAtMost(TIMES_MAX),
                load: turns.load,
            });
        }
        world.stop().await;
        Ok(lines)
    }
}
