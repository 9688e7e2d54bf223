//! Rows a second that projectors write when they read a whole log: decode, project and apply, in their own tasks and batches, on
//! real Postgres. The limit is bare COPY of as many rows into the same tables and indexes, in batches of the same records, with the
//! checkpoint in the same transaction, from as many tasks over as many connections.
//!
//! On the embedded log's own read model, SQLite, there is no COPY; its figure stands for itself.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use async_trait::async_trait;
use domain::ids::EventTopic;
use domain::wire::Entry;
use infra::log::{Log, Topic, TopicPartition};
use infra::read_model::{Changes, Timeline, sqlite};
use projectors::{Options, Projectors, timeline};
use tokio_util::sync::CancellationToken;

use crate::canned::{self, Canned, Records};
use crate::limits::copy::{Batch, Encoder};
use crate::load::{self, per_second};
use crate::read_model::{Alone, Schema};
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::{Turns, in_turns, nothing};
use crate::scale::Scale;
use crate::world::World;

/// The share of the limit that is to be reached.
const SHARE: f64 = 0.6;
/// Messages on their way while the log is filled.
const IN_FLIGHT: usize = 256;

/// The row.
pub struct Projection;

#[async_trait(?Send)]
impl Row for Projection {
    fn name(&self) -> &'static str {
        "projection"
    }

    /// Each with the read model that goes with it: SQLite, Postgres.
    fn on(&self) -> &'static [On] {
        &[On::Embedded, On::Kafka1]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let log = Story::write(on, scale).await?;
        let (database, turns, target) = match on {
            On::Embedded => ("SQLite", log.on_sqlite(scale).await?, Target::Reported),
            On::Kafka1 | On::Kafka3 => ("Postgres", log.on_postgres(scale).await?, Target::LimitTimesAtLeast(SHARE)),
        };
        let line = |(index, what)| {
            Ok(Line {
                what: format!("projection, {database}, {what}"),
                unit: Unit::PerSecond,
                figure: turns.ours.median(index)?,
                limit: if on == On::Embedded { None } else { Some(turns.limit.median(index)?) },
                target: if index == 0 { target } else { Target::Reported },
                load: turns.load.clone(),
            })
        };
        [(0, "rows"), (1, "events")].into_iter().map(line).collect()
    }
}

/// A log that was written by a node of ours, and what its projection comes to.
struct Story {
    partitions: std::num::NonZeroU32,
    records: Records,
    batches: Vec<(u32, Vec<Batch>)>,
}

impl Story {
    /// 10,000 rooms with people in them, and 200,000 messages.
    async fn write(on: On, scale: Scale) -> Result<Self> {
        let world = World::start(on, scale).await?;
        let messages = scale.pick(200_000, 2_000);
        load::closed(&world.messages(messages)?, messages, IN_FLIGHT).await?;
        let (partitions, records) = canned::records(&*world.place.log).await?;
        world.stop().await;
        let batches = batches(&records)?;
        Ok(Self { partitions, records, batches })
    }

    fn rows(&self) -> usize {
        self.batches.iter().flat_map(|(_, batches)| batches).map(|batch| batch.rows).sum()
    }

    fn events(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }

    /// Rows and events a second.
    fn rates(&self, began: Instant) -> Vec<f64> {
        let took = began.elapsed();
        vec![per_second(self.rows(), took), per_second(self.events(), took)]
    }

    async fn on_postgres(&self, scale: Scale) -> Result<Turns> {
        in_turns(
            scale,
            async || {
                let schema = Schema::make().await?;
                let rates = self.project(Arc::clone(&schema.timeline)).await;
                schema.remove().await?;
                rates
            },
            async || {
                let schema = Schema::make().await?;
                let rates = self.copy(&schema).await;
                schema.remove().await?;
                rates
            },
        )
        .await
    }

    async fn on_sqlite(&self, scale: Scale) -> Result<Turns> {
        let ours = async || {
            let folder = tempfile::tempdir()?;
            self.project(sqlite::open(&folder.path().join("timeline.db")).await?).await
        };
        in_turns(scale, ours, nothing).await
    }

    /// The projectors themselves, until every partition is at its end.
    async fn project(&self, timeline: Arc<dyn Timeline>) -> Result<Vec<f64>> {
        let log = Canned::of(self.partitions, self.records.clone());
        let options = Options::default();
        let status = options.status.clone();
        let stop = CancellationToken::new();
        let began = Instant::now();
        let projectors = Projectors::start(options, Arc::clone(&log) as Arc<dyn Log>, Arc::new(Alone(timeline))).await?;
        let working = tokio::spawn(projectors.run(stop.clone()));
        let there = self.records.iter().map(|(partition, records)| {
            let end = records.last().map_or(0, |last| last.offset + 1);
            (TopicPartition { topic: Topic::Rooms, partition: *partition }, end)
        });
        let there: Vec<_> = there.collect();
        status
            .wait_for(|partitions| {
                there.iter().all(|(partition, end)| {
                    let checkpoint = partitions.get(partition).and_then(|progress| progress.checkpoint);
                    checkpoint.is_some_and(|checkpoint| checkpoint.next_offset >= *end)
                })
            })
            .await;
        let rates = self.rates(began);
        stop.cancel();
        working.await?;
        Ok(rates)
    }

    /// COPY, a task a partition.
    async fn copy(&self, schema: &Schema) -> Result<Vec<f64>> {
        let pool = schema.pool().await?;
        let began = Instant::now();
        let partitions = self.batches.iter().map(async |(partition, batches)| {
            for batch in batches {
                batch.write(&pool, *partition).await?;
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(partitions).await?;
        let rates = self.rates(began);
        pool.close().await;
        Ok(rates)
    }
}

/// What each batch of a projector comes to. It is cut as projectors cut: by the number of records.
fn batches(records: &Records) -> Result<Vec<(u32, Vec<Batch>)>> {
    let mut encoder = Encoder::default();
    let mut all = Vec::new();
    for (partition, records) in records {
        let mut batches = Vec::new();
        for records in records.chunks(Options::default().batch_records_max) {
            let mut changes = Changes::default();
            for stored in records {
                match stored.record.decode(EventTopic::Rooms) {
                    Ok(Entry::Event(envelope)) => timeline::project(&envelope, &mut changes),
                    Ok(Entry::Claim { .. } | Entry::Barrier) => {}
                    Err(error) => bail!("offset {}: {error}", stored.offset),
                }
            }
            batches.push(encoder.batch(&changes)?);
        }
        all.push((*partition, batches));
    }
    Ok(all)
}
