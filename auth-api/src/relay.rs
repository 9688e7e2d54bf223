//! Sends the outbox into the log, at least once: a record goes from the table only after the log has confirmed it. One that stands
//! there twice is recognised by whoever reads it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use infra::clock::Clock;
use infra::credentials::{Credentials, Leased};
use infra::log::{Fault, Log, Producer, partition_for};
use infra::random::jitter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Records that are sent at once.
const RECORDS_MAX: u32 = 200;
/// How long records are the sender's own. Longer than the log takes to confirm or to fail, or they are sent twice.
const LEASE_MS: i64 = 30_000;
/// How often the table is looked at without having been told: what a node that died has left behind.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Sends.
pub struct Relay {
    credentials: Arc<dyn Credentials>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    told: Arc<Notify>,
    producer: Option<Arc<dyn Producer>>,
}

impl Relay {
    /// One that looks when `told` is rung, and once in a while.
    #[must_use]
    pub fn new(credentials: Arc<dyn Credentials>, log: Arc<dyn Log>, clock: Arc<dyn Clock>, told: Arc<Notify>) -> Self {
        Self { credentials, log, clock, told, producer: None }
    }

    /// Sends until `stop`, and then what is there already.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            match self.pass().await {
                Ok(0) if stop.is_cancelled() => return,
                Ok(0) => {
                    failing = false;
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = tokio::time::timeout(LOOK_INTERVAL, self.told.notified()) => {}
                    }
                }
                Ok(_) => failing = false,
                Err(reason) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(reason, "what is to be said in the log waits");
                    }
                    if stop.is_cancelled() {
                        return;
                    }
                    tokio::time::sleep(jitter(PAUSE_MAX)).await;
                }
            }
        }
    }

    /// Sends what waits, up to a limit. Says how many records were sent.
    ///
    /// # Errors
    /// What kept it from sending them all.
    pub async fn pass(&mut self) -> Result<usize, String> {
        let leased = self.lease().await?;
        let (sent, failed) = self.deliver(&leased).await;
        self.credentials.sent(&sent).await.map_err(|fault| fault.to_string())?;
        metrics::counter!("sarangbang_outbox_sent_total").increment(sent.len() as u64);
        match failed {
            None => Ok(sent.len()),
            Some(fault) => {
                self.producer = None;
                self.give_back(&leased, &sent).await;
                Err(fault.to_string())
            }
        }
    }

    /// The first step: records that nobody else sends.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub async fn lease(&self) -> Result<Vec<Leased>, String> {
        let now = self.clock.now();
        let leased = self.credentials.lease(RECORDS_MAX, now, now.saturating_add_millis(LEASE_MS)).await;
        leased.map_err(|fault| fault.to_string())
    }

    /// The second step: into the log. Which ones the log has confirmed, and what was wrong with the others.
    pub async fn deliver(&mut self, leased: &[Leased]) -> (Vec<i64>, Option<Fault>) {
        let (mut sent, mut failed) = (Vec::new(), None);
        let mut appending = Vec::new();
        for one in leased {
            match self.append(one) {
                Ok(confirmed) => appending.push((one, confirmed)),
                Err(fault) => {
                    failed = Some(fault);
                    break;
                }
            }
        }
        let mut interrupted = HashSet::new();
        for (one, confirmed) in appending {
            let key = (one.outgoing.topic, &one.outgoing.record.key);
            match confirmed.await {
                // Behind one that failed it is sent again, so that it stands behind that in the log too.
                Ok(_) if interrupted.contains(&key) => {}
                Ok(_) => sent.push(one.id),
                Err(fault) => {
                    interrupted.insert(key);
                    failed = Some(fault);
                }
            }
        }
        (sent, failed)
    }

    fn append(&mut self, leased: &Leased) -> Result<infra::log::Appending, Fault> {
        let producer = match &self.producer {
            Some(producer) => Arc::clone(producer),
            None => Arc::clone(self.producer.insert(self.log.producer()?)),
        };
        let record = leased.outgoing.record.clone();
        let key = String::from_utf8_lossy(&record.key).into_owned();
        producer.append(partition_for(&*self.log, leased.outgoing.topic, &key), record)
    }

    /// Lets the next pass have what was not sent. Where that fails too, the lease ends by itself.
    async fn give_back(&self, leased: &[Leased], sent: &[i64]) {
        let left: Vec<i64> = leased.iter().map(|one| one.id).filter(|id| !sent.contains(id)).collect();
        if let Err(fault) = self.credentials.give_back(&left).await {
            tracing::debug!(%fault, "records stay leased for a while");
        }
    }
}
