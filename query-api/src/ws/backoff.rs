//! Pauses between attempts, so that what is down is not also flooded.

use std::fmt::Display;
use std::time::Duration;

use infra::random::jitter;

const FIRST_MAX: Duration = Duration::from_millis(200);
const LAST_MAX: Duration = Duration::from_secs(5);

/// Full jitter, doubling up to five seconds. A row of failures is logged once, at its beginning.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Notes a failure and pauses.
    pub async fn failed(&mut self, fault: &(dyn Display + Sync), what: &'static str) {
        if self.failures == 0 {
            tracing::warn!(%fault, "{what}");
        }
        self.pause().await;
    }

    /// Pauses as after a failure that was logged elsewhere.
    pub async fn pause(&mut self) {
        let pause_max = FIRST_MAX.saturating_mul(1 << self.failures.min(10)).min(LAST_MAX);
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(jitter(pause_max)).await;
    }
}
