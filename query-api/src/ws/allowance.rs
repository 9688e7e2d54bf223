//! How many frames a client may send: a token bucket, filled at a steady rate.

use tokio::time::Instant;

/// What one socket may still send.
#[derive(Debug)]
pub struct Allowance {
    per_second: u32,
    burst: u32,
    /// In millionths of a frame, so that nothing is lost to rounding.
    left: u64,
    filled_at: Instant,
}

const UNIT: u64 = 1_000_000;

impl Allowance {
    /// A full one.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self { per_second, burst, left: burst as u64 * UNIT, filled_at: now }
    }

    /// Takes `frames` out; `false`, and nothing taken, when there are not so many.
    pub fn take(&mut self, frames: u32, now: Instant) -> bool {
        let elapsed_us = u64::try_from(now.duration_since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let filled = elapsed_us.saturating_mul(u64::from(self.per_second));
        self.left = self.left.saturating_add(filled).min(u64::from(self.burst) * UNIT);
        self.filled_at = now;
        match self.left.checked_sub(u64::from(frames) * UNIT) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(10, 3, start);
        assert!((0..3).all(|_| allowance.take(1, start)));
        assert!(!allowance.take(1, start));
        let later = start + Duration::from_millis(100);
        assert!(allowance.take(1, later));
        assert!(!allowance.take(1, later));
        let much_later = later + Duration::from_secs(3_600);
        assert!(!allowance.take(4, much_later), "never more than the burst");
        assert!(allowance.take(3, much_later));
    }
}
