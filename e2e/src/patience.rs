//! Waiting for a condition, with a limit that is generous: the machine may be busy compiling.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// For what should happen at once.
pub const SOON: Duration = Duration::from_secs(30);
/// For what includes the start of a process, or a fail-over.
pub const LATE: Duration = Duration::from_secs(90);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(25);

/// Asks until there is an answer.
///
/// # Errors
/// When there is none within `limit`; names what was waited for, and the last error if asking failed.
pub async fn until<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let began = Instant::now();
    loop {
        let asked = ask().await;
        if let Ok(Some(answer)) = asked {
            return Ok(answer);
        }
        if began.elapsed() > limit {
            bail!("{what}: not within {limit:?}{}", asked.err().map(|error| format!(" ({error:#})")).unwrap_or_default());
        }
        tokio::time::sleep(POLL).await;
    }
}
