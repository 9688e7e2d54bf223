//! How many commands one person may send.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use domain::UserId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use infra::http::Problem;
use infra::tokens::Caller;
use moka::sync::Cache;

use super::Options;

/// A bucket for each person who sent something lately.
pub struct RateLimit {
    quota: Quota,
    /// Bounded by count, and by time: whoever was quiet long enough to have a full bucket again is forgotten.
    people: Cache<UserId, Arc<DefaultDirectRateLimiter>>,
    clock: DefaultClock,
}

impl RateLimit {
    pub fn new(options: &Options) -> Self {
        let quota = Quota::per_second(options.commands_per_second).allow_burst(options.commands_burst);
        let refilled = quota.burst_size_replenished_in().max(Duration::from_secs(1));
        let people = Cache::builder().max_capacity(options.rate_limited_people_max).time_to_idle(refilled).build();
        Self { quota, people, clock: DefaultClock::default() }
    }

    /// Counts one command of `caller`. Imports are exempt, and so are services of ours: they act for many people.
    pub fn check(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.scope.import || caller.scope.service {
            return Ok(());
        }
        let bucket = self.people.get_with_by_ref(&caller.user, || Arc::new(DefaultDirectRateLimiter::direct(self.quota)));
        bucket.check().map_err(|not_until| {
            metrics::counter!("sarangbang_commands_rate_limited_total").increment(1);
            let wait = not_until.wait_time_from(self.clock.now());
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited").retry_after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use domain::{Scope, Timestamp};
    use infra::tokens::Token;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_people_wait_each_for_themselves() {
        let one = NonZeroU32::MIN;
        let burst = NonZeroU32::new(3).unwrap();
        let limit = RateLimit::new(&Options { commands_per_second: one, commands_burst: burst, ..Options::default() });
        let caller = |name: &str, import| Caller {
            user: UserId::parse(name).unwrap(),
            scope: Scope { import, ..Scope::default() },
            session: None,
            issued_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            token: Token("".into()),
        };
        // A second may pass on a slow machine and refill one: of very many, nearly all are refused all the same.
        let let_through = |name, import| (0..1000).filter(|_| limit.check(&caller(name, import)).is_ok()).count();
        assert!((3..100).contains(&let_through("alice", false)));
        assert!(limit.check(&caller("bob", false)).is_ok());
        assert_eq!(let_through("alice", true), 1000);
    }
}
