//! Answers that must wait.

use tokio::sync::oneshot;

use crate::bus::Fault;

/// An answer that may be given only once something is effective. Boxed closures, because answers differ by question.
pub struct Answer(Box<dyn FnOnce(Result<(), Fault>) + Send>);

impl Answer {
    /// Answers `reply` with `answer`, or with the fault that came in between.
    pub fn new<T: Send + 'static>(reply: oneshot::Sender<Result<T, Fault>>, answer: Result<T, Fault>) -> Self {
        Self(Box::new(move |effective| {
            // A receiver that is gone has stopped waiting; there is nobody to tell.
            drop(reply.send(effective.and(answer)));
        }))
    }

    /// Gives the answer.
    pub fn give(self) {
        (self.0)(Ok(()));
    }

    /// Gives the fault instead: what the answer rests on is not effective.
    pub fn fail(self, fault: Fault) {
        (self.0)(Err(fault));
    }
}
