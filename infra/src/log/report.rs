//! Reports: what a session says became of an append.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::{Fault, Offset};

/// What became of an append: durable, at this offset where the log says it, or unknown.
pub type Reported = Result<Option<Offset>, Fault>;

/// The right to report once. One that is dropped reports that the outcome is unknown: nobody waits for ever.
pub struct Report(Option<To>);

enum To {
    Once(oneshot::Sender<Reported>),
    Queue(Arc<Reports>, u64),
}

impl Report {
    /// A report to somebody who waits for this one alone.
    pub fn once() -> (Self, impl Future<Output = Reported> + Send + use<>) {
        let (report, reported) = oneshot::channel();
        let reported = async { reported.await.unwrap_or_else(|_| Err(session_ended())) };
        (Self(Some(To::Once(report))), reported)
    }

    /// Reports.
    pub fn tell(mut self, reported: Reported) {
        if let Some(to) = self.0.take() {
            to.tell(reported);
        }
    }

    /// Nothing was sent, and whoever asked for it knows: there is nothing to report.
    pub fn dismiss(mut self) {
        self.0 = None;
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(to) = self.0.take() {
            to.tell(Err(session_ended()));
        }
    }
}

impl To {
    fn tell(self, reported: Reported) {
        match self {
            // Whoever waited may have gone; then nobody has to be told.
            Self::Once(sender) => drop(sender.send(reported)),
            Self::Queue(reports, number) => reports.push(number, reported),
        }
    }
}

fn session_ended() -> Fault {
    Fault::Unconfirmed("the session ended".to_owned())
}

/// The reports to one sender, in the order in which the log gives them. Bounded by what the sender has in flight: each append reports
/// once.
#[derive(Default)]
pub struct Reports {
    queue: Mutex<Vec<(u64, Reported)>>,
    woken: Notify,
}

impl Reports {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The right to report here, under the sender's own `number`.
    #[must_use]
    pub fn report(self: &Arc<Self>, number: u64) -> Report {
        Report(Some(To::Queue(Arc::clone(self), number)))
    }

    fn push(&self, number: u64, reported: Reported) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.is_empty();
        queue.push((number, reported));
        drop(queue);
        if first {
            self.woken.notify_one();
        }
    }

    /// Takes all that have come; waits for the first. Cancelling the future loses none.
    pub async fn take(&self) -> Vec<(u64, Reported)> {
        loop {
            let taken = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.woken.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reports_come_in_their_order_and_a_dropped_one_says_that_nothing_is_known() {
        let reports = Reports::new();
        let (first, second, third) = (reports.report(1), reports.report(2), reports.report(3));
        second.tell(Ok(Some(8)));
        third.dismiss();
        drop(first);
        let taken = reports.take().await;
        assert!(matches!(taken.as_slice(), [(2, Ok(Some(8))), (1, Err(Fault::Unconfirmed(_)))]), "{taken:?}");
        let (report, reported) = Report::once();
        drop(report);
        assert!(matches!(reported.await, Err(Fault::Unconfirmed(_))));
    }
}
