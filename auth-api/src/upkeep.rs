//! Forgets what is over, and tells how much waits.

use std::time::Duration;

use infra::random::jitter;
use tokio_util::sync::CancellationToken;

use crate::Identity;

/// How often it is looked for. Nodes do it at different times, and each finds what the others left.
const LOOK_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// The most passes in one go; what is left waits for the next.
const PASSES_MAX: u32 = 100;

impl Identity {
    /// Forgets what is over, now and then, until `stop`.
    pub async fn keep_up(&self, stop: CancellationToken) {
        let pause = || LOOK_INTERVAL / 2 + jitter(LOOK_INTERVAL);
        while tokio::time::timeout(pause(), stop.cancelled()).await.is_err() {
            self.forget().await;
        }
    }

    async fn forget(&self) {
        for _ in 0..PASSES_MAX {
            match self.credentials().tidy(self.now()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    tracing::warn!(%fault, "what is over cannot be forgotten now");
                    break;
                }
            }
        }
    }
}
