//! Load: as much as goes with so many in flight, or a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// One operation: its future resolves when it is confirmed.
pub trait Operation: Send + Sync + 'static {
    /// Starts the operation at `index` and waits until it is confirmed.
    fn run(&self, index: usize) -> impl Future<Output = Result<()>> + Send;
}

/// Runs `count` operations with always `in_flight` of them under way; gives operations a second.
///
/// # Errors
/// The first one of an operation.
pub async fn closed<O: Operation>(operation: &Arc<O>, count: usize, in_flight: usize) -> Result<f64> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(in_flight);
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let working: Vec<_> = (0..workers)
        .map(|worker| {
            let share = in_flight / workers + usize::from(worker < in_flight % workers);
            tokio::spawn(work(Arc::clone(operation), Arc::clone(&next), count, share))
        })
        .collect();
    for worker in working {
        worker.await??;
    }
    Ok(per_second(count, began.elapsed()))
}

/// One worker keeps `share` operations under way, each in the same task: so the load itself costs little.
async fn work<O: Operation>(operation: Arc<O>, next: Arc<AtomicUsize>, count: usize, share: usize) -> Result<()> {
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count);
    let mut under_way: FuturesUnordered<_> = (0..share).map_while(|_| take()).map(|index| operation.run(index)).collect();
    while let Some(done) = under_way.next().await {
        done?;
        if let Some(index) = take() {
            under_way.push(operation.run(index));
        }
    }
    Ok(())
}

/// How often the pace is kept: operations that are due within it start together.
const TICK: Duration = Duration::from_micros(250);

/// What operations at a steady rate took, from when they were due.
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// What operations took.
    pub fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self(took)
    }

    /// The time within which `share` of them were confirmed, in seconds.
    ///
    /// # Errors
    /// When there are none.
    pub fn quantile(&self, share: f64) -> Result<f64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let index = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
        Ok(self.0.get(index).context("nothing was measured")?.as_secs_f64())
    }
}

/// Starts `count` operations at `rate` a second, whatever becomes of them, and says what they took. An operation counts from the
/// moment at which it was due, so a stall counts for all whom it delays.
///
/// # Errors
/// The first one of an operation.
pub async fn paced<O: Operation>(operation: &Arc<O>, count: usize, rate: f64) -> Result<Latencies> {
    let runtime = tokio::runtime::Handle::current();
    let operation = Arc::clone(operation);
    // A thread of its own: the runtime's timer is no finer than a millisecond.
    let started = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let mut tasks = Vec::with_capacity(count);
        let mut tick = 0_u32;
        while tasks.len() < count {
            tick += 1;
            let due = began + TICK * tick;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of operations")]
            let wanted = ((TICK * tick).as_secs_f64() * rate) as usize;
            while tasks.len() < wanted.min(count) {
                let (index, operation) = (tasks.len(), Arc::clone(&operation));
                tasks.push(runtime.spawn(async move {
                    operation.run(index).await?;
                    anyhow::Ok(due.elapsed())
                }));
            }
        }
        tasks
    });
    let mut took = Vec::with_capacity(count);
    for task in started.await? {
        took.push(task.await??);
    }
    Ok(Latencies::of(took))
}

/// `count` in `took`, a second.
pub fn per_second(count: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here have far fewer than 15 digits")]
    let count = count as f64;
    count / took.as_secs_f64()
}
