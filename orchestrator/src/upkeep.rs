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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use domain::saga::{RegistrationPersonal, RegistrationRequested, SagaId};
    use domain::text::UserName;
    use domain::{Timestamp, UserId};
    use infra::clock::SystemClock;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use uuid::Uuid;

    use super::*;
    use crate::process::Registration;
    use crate::run::Run;

    /// Keeps what gauges say, by name and kind of saga.
    #[derive(Default)]
    struct Gauges(Mutex<BTreeMap<(String, String), Arc<AtomicU64>>>);

    impl Gauges {
        fn value(&self, name: &str, kind: &str) -> Option<f64> {
            let gauges = self.0.lock().unwrap();
            gauges.get(&(name.to_owned(), kind.to_owned())).map(|bits| f64::from_bits(bits.load(Ordering::SeqCst)))
        }
    }

    impl Recorder for Gauges {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            let kind = key.labels().map(|label| label.value().to_owned()).collect();
            let mut gauges = self.0.lock().unwrap();
            Gauge::from_arc(Arc::clone(gauges.entry((key.name().to_owned(), kind)).or_default()))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    fn registration(name: &str, begun_at: Timestamp) -> infra::saga_state::Saga {
        let (user_id, personal) =
            (UserId::parse(name).unwrap(), RegistrationPersonal { user_name: UserName::parse(name).unwrap() });
        let id = SagaId::of_registration(&user_id, Uuid::nil());
        let process = Process::Registration(Registration::requested(&RegistrationRequested { user_id, personal }));
        let mut run = Run::begin(id, process, None, begun_at);
        run.learn(Uuid::nil(), begun_at, |_| {});
        run.saga
    }

    #[tokio::test]
    async fn what_runs_and_what_is_stuck_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let state = infra::saga_state::open(&folder.path().join("sagas.db")).await.unwrap();
        let now = SystemClock.now();
        let long_ago = now.saturating_add_millis(-i64::from(Retry::STANDARD.stuck_after_ms) - 1_000);
        for (name, begun_at) in [("ann", now), ("bob", long_ago), ("cid", now)] {
            state.put(registration(name, begun_at), None).await.unwrap();
        }
        let gauges = Gauges::default();
        let _recording = metrics::set_default_local_recorder(&gauges);
        Upkeep { state, clock: Arc::new(SystemClock), retry: Retry::STANDARD }.pass().await.unwrap();
        for (name, kind, expected) in [
            ("sarangbang_sagas_running", "registration", 3.0),
            ("sarangbang_sagas_stuck", "registration", 1.0),
            ("sarangbang_sagas_running", "deactivation", 0.0),
            ("sarangbang_sagas_stuck", "direct-room", 0.0),
        ] {
            assert_eq!(gauges.value(name, kind), Some(expected), "{name} of {kind}");
        }
    }
}
