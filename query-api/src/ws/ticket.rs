//! One-time tickets: how a page opens a socket where it can neither set a header nor send a cookie.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use infra::tokens::Caller;
use uuid::Uuid;

/// How long a ticket is good for.
pub const TICKET_DURATION: Duration = Duration::from_secs(30);
/// The same in milliseconds.
const TICKET_MS: i64 = 30_000;

/// The tickets of this node that were not used yet.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<Uuid, Open>>);

#[derive(Debug)]
struct Open {
    caller: Caller,
    until: Timestamp,
}

impl Tickets {
    /// Issues a ticket for `caller`; nothing when `open_max` are open.
    #[must_use]
    pub fn issue(&self, caller: Caller, now: Timestamp, open_max: usize) -> Option<(Uuid, Timestamp)> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= open_max {
            open.retain(|_, ticket| ticket.until > now);
        }
        if open.len() >= open_max {
            return None;
        }
        let until = now.saturating_add_millis(TICKET_MS).min(caller.expires_at);
        // 122 random bits, good once and for half a minute, on one node.
        let ticket = infra::random::uuid_v4();
        open.insert(ticket, Open { caller, until });
        Some((ticket, until))
    }

    /// Whose `ticket` is. It is used up by this.
    #[must_use]
    pub fn redeem(&self, ticket: Uuid, now: Timestamp) -> Option<Caller> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket)?;
        (open.until > now).then_some(open.caller)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{Scope, UserId};
    use infra::tokens::Token;

    use super::*;

    fn caller(expires_at: Timestamp) -> Caller {
        let user = UserId::parse("ann").unwrap();
        let (scope, issued_at) = (Scope::default(), Timestamp::default());
        Caller { user, scope, session: None, issued_at, expires_at, token: Token(Arc::from("t")) }
    }
    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    #[test]
    fn a_ticket_is_good_once_and_for_thirty_seconds() {
        let tickets = Tickets::default();
        let (ticket, until) = tickets.issue(caller(at(1_000_000)), at(0), 10).unwrap();
        assert_eq!(until, at(30_000));
        assert!(tickets.redeem(ticket, at(29_999)).is_some());
        assert!(tickets.redeem(ticket, at(29_999)).is_none());
        let (late, _) = tickets.issue(caller(at(1_000_000)), at(0), 10).unwrap();
        assert!(tickets.redeem(late, at(30_000)).is_none());
        let (short, until) = tickets.issue(caller(at(5_000)), at(0), 10).unwrap();
        assert_eq!(until, at(5_000), "never longer than the token");
        assert!(tickets.redeem(short, at(5_000)).is_none());
    }

    #[test]
    fn there_are_only_so_many_and_old_ones_make_room() {
        let tickets = Tickets::default();
        let issue = |now| tickets.issue(caller(at(1_000_000)), at(now), 2);
        assert!(issue(0).is_some() && issue(10_000).is_some());
        assert!(issue(20_000).is_none());
        assert!(issue(30_000).is_some());
        assert!(issue(30_001).is_none());
    }
}
