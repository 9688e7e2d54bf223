//! How long somebody waits after failures.

/// When waiting begins and how it grows. Durations are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Failures that cost nothing: people mistype.
    pub free: u32,
    /// The wait after the first failure beyond; it doubles with each.
    pub wait_ms_min: u32,
    /// The longest wait.
    pub wait_ms_max: u32,
    /// After so long without a failure all is forgotten.
    pub forget_after_ms: u32,
}

impl Policy {
    /// How long to wait after so many failures in a row.
    #[must_use]
    pub const fn wait_ms(self, failures: u32) -> u32 {
        if failures <= self.free {
            return 0;
        }
        let doublings = failures - self.free - 1;
        let doublings = if doublings < 31 { doublings } else { 31 };
        let wait = self.wait_ms_min.saturating_mul(1 << doublings);
        if wait < self.wait_ms_max { wait } else { self.wait_ms_max }
    }
}

/// Somebody tries, as this subject, under this policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Such as `account/ann` or `address/203.0.113.9`.
    pub subject: String,
    /// How failures of such subjects are counted.
    pub policy: Policy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_after_the_free_failures_up_to_the_longest() {
        let policy = Policy { free: 3, wait_ms_min: 1_000, wait_ms_max: 60_000, forget_after_ms: 0 };
        let waits = [0, 3, 4, 5, 9, 10, 40, u32::MAX].map(|failures| policy.wait_ms(failures));
        assert_eq!(waits, [0, 0, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
    }
}
