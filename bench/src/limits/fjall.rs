//! A group commit of fjall: one thread collects what waits, makes it durable by one sync, and confirms it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use domain::ids::PartitionId;
use domain::wire::Record;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::sync::oneshot;

use crate::load::Operation;
use crate::world::Place;

/// What waits for the thread.
const QUEUE_MAX: usize = 16_384;
/// What one sync covers at most.
const BATCH_MAX: usize = 4_096;

type Waiting = (Vec<u8>, Vec<u8>, oneshot::Sender<()>);

/// A database with values to write, over and over, under keys that only rise.
pub struct BareFjall {
    queue: Option<SyncSender<Waiting>>,
    writer: Mutex<Option<JoinHandle<Result<()>>>>,
    next: AtomicU64,
    values: Vec<(PartitionId, Vec<u8>)>,
}

impl BareFjall {
    /// A database beside `place`, and values as large as the records.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn start(place: &Place, records: &[(PartitionId, Record)]) -> Result<Self> {
        let database = Database::builder(place.folder.path().join("limit")).open()?;
        let rows = database.keyspace("records", KeyspaceCreateOptions::default)?;
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let writer = std::thread::Builder::new().name("bare-fjall".to_owned());
        let writer = writer.spawn(move || write(&database, &rows, &waiting))?;
        let values = records.iter().map(|(partition, record)| (*partition, bytes(record))).collect();
        Ok(Self { queue: Some(queue), writer: Mutex::new(Some(writer)), next: AtomicU64::new(0), values })
    }
}

impl Operation for BareFjall {
    async fn run(&self, index: usize) -> Result<()> {
        let (partition, value) = self.values.get(index % self.values.len()).context("there are no values")?;
        let (confirm, confirmed) = oneshot::channel();
        let offset = self.next.fetch_add(1, Ordering::Relaxed);
        let key = [[2].as_slice(), &partition.number.to_be_bytes(), &offset.to_be_bytes()].concat();
        let queue = self.queue.as_ref().context("it has ended")?;
        queue.try_send((key, value.clone(), confirm)).ok().context("the queue is full")?;
        Ok(confirmed.await?)
    }
}

impl Drop for BareFjall {
    fn drop(&mut self) {
        self.queue = None;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What it failed at was told to whoever waited.
        drop(writer.map(JoinHandle::join));
    }
}

fn write(database: &Database, rows: &Keyspace, waiting: &Receiver<Waiting>) -> Result<()> {
    while let Ok(first) = waiting.recv() {
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        let mut confirms = Vec::new();
        for (key, value, confirm) in std::iter::once(first).chain(waiting.try_iter().take(BATCH_MAX - 1)) {
            batch.insert(rows, key, value);
            confirms.push(confirm);
        }
        batch.commit()?;
        // Who stopped waiting needs no word.
        confirms.into_iter().for_each(|confirm| _ = confirm.send(()));
    }
    Ok(())
}

/// The record's bytes without the names of its headers, which our log writes as one byte each.
fn bytes(record: &Record) -> Vec<u8> {
    let headers = record.headers.iter().flat_map(|(_, value)| [[0, 0].as_slice(), value]);
    let parts: Vec<&[u8]> = headers.chain([record.key.as_slice(), &record.value]).collect();
    parts.concat()
}
