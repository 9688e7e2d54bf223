//! Says how many sagas run and how many are stuck, and forgets those that ended long ago.

use std::sync::Arc;
use std::time::Duration;

use domain::saga::Retry;
use infra::clock::Clock;
use infra::saga_state::{Fault, SagaState};
use tokio_util::sync::CancellationToken;

use crate::process::Process;

/// How often.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long what is over is kept to be looked at: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How many are forgotten at once.
const FORGOTTEN_MAX: u32 = 500;

/// Looks after what is stored.
pub struct Upkeep {
    /// Where it is.
    pub state: Arc<dyn SagaState>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// When a step counts as stuck.
    pub retry: Retry,
}

impl Upkeep {
    /// Until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(fault) = self.pass().await {
                tracing::debug!(%fault, "sagas cannot be counted now");
            }
            if stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
                return;
            }
        }
    }

    async fn pass(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let counts = self.state.running(now.saturating_add_millis(-i64::from(self.retry.stuck_after_ms))).await?;
        // A kind of which nothing runs is counted too, with 0.
        for kind in Process::KINDS {
            let count = counts.iter().find(|count| count.kind == kind);
            let (running, stuck) = count.map_or((0, 0), |count| (count.running, count.stuck));
            metrics::gauge!("sarangbang_sagas_running", "kind" => kind).set(small(running));
            metrics::gauge!("sarangbang_sagas_stuck", "kind" => kind).set(small(stuck));
        }
        self.state.forget(now.saturating_add_millis(-KEPT_MS), FORGOTTEN_MAX).await.map(drop)
    }
}

/// A count as a gauge takes it.
fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
