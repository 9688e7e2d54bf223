//! What is revoked now, and who must hear of it at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Timestamp, UserId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Revocation;
use crate::tokens::{Caller, EXPIRY_LEEWAY_MS};

/// How many entries may gather before those that are over are looked for.
const SWEEP_ENTRIES_MIN: usize = 1024;

/// The revocations that matter now. One a process, shared by its verifiers and sockets.
#[derive(Debug, Default)]
pub struct Revocations(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Session → until when the entry matters.
    sessions: HashMap<Uuid, Timestamp>,
    /// Person → tokens issued up to this are refused, and until when the entry matters.
    users: HashMap<UserId, (Timestamp, Timestamp)>,
    /// Those who are to be told, by whose token it is.
    watched: HashMap<UserId, HashMap<u64, Watcher>>,
    watchers_named: u64,
    /// The size at which the next sweep is due: twice what the last one left, so that sweeping stays cheap.
    sweep_at: usize,
}

#[derive(Debug)]
struct Watcher {
    session: Option<Uuid>,
    issued_at: Timestamp,
    revoked: CancellationToken,
}

/// Who is told when their token is revoked; dropping it ends that.
#[derive(Debug)]
pub struct Watched {
    revocations: Arc<Revocations>,
    user: UserId,
    number: u64,
    revoked: CancellationToken,
}

impl Revocations {
    /// Whether a token of `user`, issued at `issued_at` in `session`, is no longer accepted.
    #[must_use]
    pub fn is_revoked(&self, user: &UserId, session: Option<Uuid>, issued_at: Timestamp) -> bool {
        self.state().is_revoked(user, session, issued_at)
    }

    /// Takes a revocation that was read at `now`, and tells those whom it concerns.
    pub fn add(&self, revocation: &Revocation, now: Timestamp) {
        // Tokens are accepted a little beyond their end; so long the entry must last.
        let until = revocation.until().saturating_add_millis(EXPIRY_LEEWAY_MS);
        if until < now {
            return;
        }
        let mut state = self.state();
        match revocation {
            Revocation::Session { session_id, .. } => {
                let entry = state.sessions.entry(*session_id).or_insert(until);
                *entry = until.max(*entry);
            }
            Revocation::User { user_id, issued_until, .. } => {
                let entry = state.users.entry(user_id.clone()).or_insert((*issued_until, until));
                *entry = ((*issued_until).max(entry.0), until.max(entry.1));
            }
        }
        state.tell(revocation);
        if state.sessions.len() + state.users.len() >= state.sweep_at.max(SWEEP_ENTRIES_MIN) {
            state.sweep(now);
        }
    }

    /// Tells, from now on, when the token of `caller` is revoked; at once if it is.
    #[must_use]
    pub fn watch(self: &Arc<Self>, caller: &Caller) -> Watched {
        let revoked = CancellationToken::new();
        let watcher = Watcher { session: caller.session, issued_at: caller.issued_at, revoked: revoked.clone() };
        let mut state = self.state();
        // Under one lock with the entries, so that none can come between the look and the watch.
        if state.is_revoked(&caller.user, caller.session, caller.issued_at) {
            revoked.cancel();
        }
        state.watchers_named += 1;
        let number = state.watchers_named;
        state.watched.entry(caller.user.clone()).or_default().insert(number, watcher);
        drop(state);
        Watched { revocations: Arc::clone(self), user: caller.user.clone(), number, revoked }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_revoked(&self, user: &UserId, session: Option<Uuid>, issued_at: Timestamp) -> bool {
        let shut_out = self.users.get(user).is_some_and(|(issued_until, _)| issued_at <= *issued_until);
        shut_out || session.is_some_and(|session| self.sessions.contains_key(&session))
    }

    fn tell(&self, revocation: &Revocation) {
        let (Revocation::Session { user_id, .. } | Revocation::User { user_id, .. }) = revocation;
        let concerned = |watcher: &&Watcher| match revocation {
            Revocation::Session { session_id, .. } => watcher.session == Some(*session_id),
            Revocation::User { issued_until, .. } => watcher.issued_at <= *issued_until,
        };
        let watchers = self.watched.get(user_id).into_iter().flat_map(HashMap::values);
        watchers.filter(concerned).for_each(|watcher| watcher.revoked.cancel());
    }

    fn sweep(&mut self, now: Timestamp) {
        self.sessions.retain(|_, until| *until >= now);
        self.users.retain(|_, (_, until)| *until >= now);
        self.sweep_at = 2 * (self.sessions.len() + self.users.len());
    }
}

impl Watched {
    /// Returns once the token is revoked.
    pub async fn revoked(&self) {
        self.revoked.cancelled().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = self.revocations.state();
        if let Some(watchers) = state.watched.get_mut(&self.user) {
            watchers.remove(&self.number);
            if watchers.is_empty() {
                state.watched.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Scope;

    use super::*;
    use crate::tokens::Token;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }
    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }
    fn caller(name: &str, session: u128, issued_at: i64) -> Caller {
        Caller {
            user: user(name),
            scope: Scope::default(),
            session: Some(Uuid::from_u128(session)),
            issued_at: at(issued_at),
            expires_at: at(issued_at + 600_000),
            token: Token(Arc::from("t")),
        }
    }
    fn session(number: u128, until: i64) -> Revocation {
        Revocation::Session { session_id: Uuid::from_u128(number), user_id: user("ann"), until: at(until) }
    }
    fn shut_out(name: &str, issued_until: i64, until: i64) -> Revocation {
        Revocation::User { user_id: user(name), issued_until: at(issued_until), until: at(until) }
    }

    #[test]
    fn a_session_ends_alone_and_a_person_with_all_of_that_time() {
        let revocations = Revocations::default();
        let revoked = |caller: Caller| revocations.is_revoked(&caller.user, caller.session, caller.issued_at);
        revocations.add(&session(1, 900_000), at(1_000));
        assert!(revoked(caller("ann", 1, 1_000)) && !revoked(caller("ann", 2, 1_000)));
        revocations.add(&shut_out("ann", 5_000, 900_000), at(5_000));
        // An older record of the same person that comes later takes nothing back.
        revocations.add(&shut_out("ann", 4_000, 800_000), at(5_000));
        assert!(revoked(caller("ann", 2, 5_000)) && !revoked(caller("ann", 2, 5_001)) && !revoked(caller("bob", 2, 1_000)));
        let service = Caller { session: None, ..caller("ann", 0, 5_001) };
        assert!(!revoked(service));
    }

    #[tokio::test]
    async fn who_watches_is_told_and_nobody_else() {
        let revocations = Arc::new(Revocations::default());
        let (ann, ann_again) = (revocations.watch(&caller("ann", 1, 1_000)), revocations.watch(&caller("ann", 2, 9_000)));
        let bob = revocations.watch(&caller("bob", 3, 1_000));
        revocations.add(&session(1, 900_000), at(9_000));
        ann.revoked().await;
        revocations.add(&shut_out("ann", 5_000, 900_000), at(9_000));
        assert!(!ann_again.revoked.is_cancelled(), "issued later");
        revocations.add(&shut_out("ann", 9_000, 900_000), at(9_000));
        ann_again.revoked().await;
        assert!(!bob.revoked.is_cancelled());
        revocations.watch(&caller("ann", 1, 9_001)).revoked().await;
        drop((ann, ann_again, bob));
        assert!(revocations.state().watched.is_empty(), "nobody is kept");
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_is_not_stays() {
        let revocations = Revocations::default();
        revocations.add(&session(1, 1_000), at(1_000 + EXPIRY_LEEWAY_MS + 1));
        assert!(revocations.state().sessions.is_empty(), "it was over when it came");
        for number in 0..10_000 {
            let now = i64::try_from(number).unwrap();
            revocations.add(&session(number, now + 100), at(now));
            assert!(revocations.state().sessions.len() <= 2 * 6_000);
            assert!(revocations.is_revoked(&user("ann"), Some(Uuid::from_u128(number)), at(now)));
        }
    }
}
