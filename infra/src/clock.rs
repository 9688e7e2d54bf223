//! The one place that reads the wall clock.

use domain::Timestamp;

/// Tells the time. A test or a simulation brings its own.
pub trait Clock: Send + Sync + 'static {
    /// Now, to the millisecond. May go backwards, as real clocks do.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}
