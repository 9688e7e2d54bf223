//! Reading history again, on one core: each record is judged by the acceptance rule, decoded, and applied to its room and message, as
//! every owner and reader does at its start. From memory, so that nothing but our own work is measured.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, bail};
use async_trait::async_trait;
use domain::envelope::Event;
use domain::ids::PartitionId;
use domain::room::{Message, Room};
use domain::wire::{Entry, Record};
use domain::{Cursor, StreamId, Verdict};

use crate::load::{self, per_second};
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::{in_turns, nothing};
use crate::scale::Scale;
use crate::world::World;

/// Events a second that are to be reached.
const AT_LEAST: f64 = 500_000.0;

/// The row.
pub struct Replay;

#[async_trait(?Send)]
impl Row for Replay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let world = World::start(on, scale).await?;
        let messages = scale.pick(300_000, 2_000);
        load::closed(&world.messages(messages)?, messages, 1_024).await?;
        let history = world.history().await?;
        world.stop().await;
        let turns = in_turns(scale, async || Ok(vec![replay(&history)?]), nothing).await?;
        Ok(vec![Line {
            what: "replay: decode, accept, evolve, on one core".to_owned(),
            unit: Unit::PerSecond,
            figure: turns.ours.median(0)?,
            limit: None,
            target: Target::AtLeast(AT_LEAST),
            load: turns.load,
        }])
    }
}

/// Folds each partition from its beginning; gives events a second.
fn replay(history: &[(PartitionId, Vec<Record>)]) -> Result<f64> {
    let began = Instant::now();
    let mut events = 0;
    for (partition, records) in history {
        let mut cursor = Cursor::default();
        let mut rooms: HashMap<StreamId, Room> = HashMap::new();
        for record in records {
            if cursor.accept(record.mark()) != Verdict::Effective {
                continue;
            }
            let Entry::Event(envelope) = record.decode(partition.topic)? else { continue };
            let Event::Room(event) = &envelope.event else { bail!("only rooms are replayed") };
            rooms.entry(envelope.stream).or_default().evolve(event, envelope.metadata.stream_version);
            black_box(Message::evolve(None, event));
            events += 1;
        }
        black_box(&rooms);
    }
    Ok(per_second(events, began.elapsed()))
}
