//! What every adapter of the port [`infra::credentials::Credentials`] must do. [`contract`] makes a test of each function here for
//! one adapter. Long because it is one list of promises.

use std::sync::Arc;

use async_trait::async_trait;
use domain::acceptance::Cursor;
use domain::saga::{DeactivationRequested, Envelope, Message, ReasonCode, SagaId, Step};
use domain::{Timestamp, UserId};
use futures_util::future::join_all;
use infra::credentials::{
    AccountState, Attempt, AuditEvent, Credentials, Digest, Ended, Entry, Fact, Fault, KeyChange, KeyState, NewAccount,
    NewSession, Outgoing, Policy, Progress, ROTATION_GRACE_MS, Reserved, Role, Roles, Rotation, SUCCESSORS_MAX, SigningKey,
    StateChange, TIDY_ROWS_MAX, Which,
};
use infra::log::{Topic, TopicPartition};
use infra::read_model::Checkpoint;
use infra::revocation::Revocation;
use uuid::Uuid;

/// One database of one adapter, made for one test.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Makes a fresh one; nothing when its server is not there.
    async fn fresh() -> Option<Self>;
    /// Opens it; may be open already.
    async fn open(&self) -> Arc<dyn Credentials>;
    /// Takes it away.
    async fn remove(self);
}

/// Makes a module's tests of the contract for one adapter.
macro_rules! contract {
    ($adapter:ty) => {
        crate::credentials_contract::contract!(@each $adapter:
            an_id_is_reserved_once_however_many_want_it,
            the_same_registration_again_finds_itself,
            only_the_event_of_its_own_command_activates_an_account,
            a_refusal_releases_the_id_and_leaves_nothing_but_its_reason,
            the_checkpoint_moves_only_from_where_it_is_expected,
            what_is_pending_is_not_deactivated_by_the_event_of_another,
            a_session_begins_only_with_the_password_that_was_verified,
            a_session_begins_with_the_roles_of_that_moment,
            a_refresh_token_is_good_once_and_its_reuse_ends_the_session,
            who_renews_within_moments_goes_on_and_a_thief_beside_the_person_is_found_out,
            of_many_that_use_a_token_at_once_a_few_get_a_successor,
            sessions_end_one_all_or_all_others_each_with_its_revocation,
            the_oldest_session_makes_room,
            who_is_shut_out_has_no_session_even_if_both_happen_at_once,
            who_leaves_leaves_no_credentials,
            a_new_password_replaces_the_one_that_was_expected,
            roles_are_given_and_taken,
            failures_make_wait_and_any_number_at_once_cannot_slip_through,
            the_outbox_keeps_what_was_not_sent_and_lends_it_to_one,
            the_records_of_a_key_are_lent_in_order,
            one_key_signs_and_one_comes_next_however_many_rotate,
            what_is_over_is_forgotten,
            what_is_over_is_forgotten_a_little_at_a_time,
            it_survives_being_opened_again_by_two_at_once,
        );
    };
    (@each $adapter:ty: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(adapter) = <$adapter as crate::credentials_contract::Adapter>::fresh().await {
                    crate::credentials_contract::$name(&adapter).await;
                    adapter.remove().await;
                }
            }
        )*
    };
}
pub(crate) use contract;

const USERS: TopicPartition = TopicPartition { topic: Topic::Users, partition: 1 };
const MINUTE: i64 = 60_000;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms).unwrap()
}
fn ended(which: Which, ms: i64) -> Ended {
    Ended { which, at: at(ms), tokens_until: at(ms + 10 * MINUTE) }
}
fn entry(event: AuditEvent, name: &str, ms: i64) -> Entry {
    Entry::new(event, Some(user(name)), at(ms))
}
fn digest(number: u8) -> Digest {
    Digest([number; 32])
}
fn message(saga: SagaId, name: &str) -> Outgoing {
    let message = Message::DeactivationRequested(DeactivationRequested { user_id: user(name) });
    Outgoing::from(&Envelope { saga, time: at(0), causation_id: None, traceparent: None, message })
}
fn wanted(name: &str, key: u128) -> NewAccount {
    let saga = SagaId::of_registration(&user(name), Uuid::from_u128(key));
    NewAccount {
        user: user(name),
        password: format!("$argon2id$of {name}"),
        email: Some(format!("{name}@example.org")),
        roles: Roles::default(),
        saga,
        command: saga.command(&Step::RegisterUser),
        request: [1; 32],
        message: message(saga, name),
        at: at(0),
    }
}
fn registered(new: &NewAccount) -> Fact {
    Fact::Registered { user: new.user.clone(), command: new.command, at: at(1) }
}
fn session(name: &str, number: u8, ms: i64) -> NewSession {
    NewSession {
        id: Uuid::from_u128(number.into()),
        user: user(name),
        verified: format!("$argon2id$of {name}"),
        digest: digest(number),
        agent: "a browser".to_owned(),
        expires_at: at(ms + 1_000 * MINUTE),
        ended: ended(Which::All, ms),
    }
}

async fn reserve(store: &dyn Credentials, new: &NewAccount) -> Reserved {
    store.reserve(new, &entry(AuditEvent::RegistrationRequested, new.user.as_str(), 0)).await.unwrap()
}
/// Takes facts, wherever the checkpoint stands.
async fn learn(store: &dyn Credentials, facts: &[Fact]) -> usize {
    let expected = store.checkpoint(USERS).await.unwrap();
    let next = Checkpoint { next_offset: expected.next_offset + 1, ..expected };
    store.learn(facts, USERS, expected, next).await.unwrap()
}
/// An active account.
async fn account(store: &dyn Credentials, name: &str) -> NewAccount {
    let new = wanted(name, 1);
    assert_eq!(reserve(store, &new).await, Reserved::New);
    assert_eq!(learn(store, &[registered(&new)]).await, 1);
    new
}
async fn begin(store: &dyn Credentials, session: &NewSession) -> bool {
    store.begin_session(session, &entry(AuditEvent::SignedIn, session.user.as_str(), 0)).await.unwrap().is_some()
}
async fn rotate(store: &dyn Credentials, from: u8, to: u8, ms: i64) -> Rotation {
    let entry = Entry::new(AuditEvent::RefreshReused, None, at(ms));
    store.rotate(&digest(from), &digest(to), ended(Which::All, ms), &entry).await.unwrap()
}
async fn state(store: &dyn Credentials, name: &str) -> Option<AccountState> {
    store.account(&user(name)).await.unwrap().map(|account| account.state)
}
/// All revocations in the outbox, which is emptied.
async fn revoked(store: &dyn Credentials) -> Vec<Revocation> {
    let leased = store.lease(1_000, at(0), at(1)).await.unwrap();
    store.sent(&leased.iter().map(|leased| leased.id).collect::<Vec<_>>()).await.unwrap();
    leased.iter().filter_map(|leased| Revocation::of_record(&leased.outgoing.record)).collect()
}
/// The ids of the sessions that the revocations end, in order.
fn sessions_of(revocations: &[Revocation]) -> Vec<u128> {
    let mut ids: Vec<_> = revocations
        .iter()
        .filter_map(|revocation| match revocation {
            Revocation::Session { session_id, .. } => Some(session_id.as_u128()),
            Revocation::User { .. } => None,
        })
        .collect();
    ids.sort_unstable();
    ids
}

pub async fn an_id_is_reserved_once_however_many_want_it(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    let wishes: Vec<_> = (0..12).map(|key| wanted("ann", key)).collect();
    let stores = [&store, &other];
    let outcomes = join_all(wishes.iter().enumerate().map(|(n, new)| reserve(&**stores[n % 2], new))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Reserved::New).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Reserved::Taken).count(), 11);
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Pending));
    let leased = store.lease(100, at(0), at(1)).await.unwrap();
    let winner = outcomes.iter().position(|outcome| *outcome == Reserved::New).unwrap();
    assert_eq!(leased.iter().map(|leased| &leased.outgoing).collect::<Vec<_>>(), [&wishes[winner].message]);
}

pub async fn the_same_registration_again_finds_itself(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let new = wanted("ann", 1);
    let outcomes = join_all((0..8).map(|_| reserve(&*store, &new))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Reserved::New).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Reserved::New | Reserved::Known(_))), "{outcomes:?}");
    assert_eq!(reserve(&*store, &NewAccount { request: [2; 32], ..new.clone() }).await, Reserved::OtherRequest);
    let known = store.registration(new.saga).await.unwrap().unwrap();
    assert_eq!((known.progress, &known.user, known.reason), (Progress::Pending, &new.user, None));
    assert_eq!(store.waiting().await.unwrap(), 1);
    learn(&*store, &[registered(&new)]).await;
    let Reserved::Known(known) = reserve(&*store, &new).await else { panic!("it is known") };
    assert_eq!(known.progress, Progress::Registered);
}

pub async fn only_the_event_of_its_own_command_activates_an_account(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let new = wanted("ann", 1);
    reserve(&*store, &new).await;
    let other = Fact::Registered { user: user("ann"), command: wanted("ann", 2).command, at: at(1) };
    assert_eq!(learn(&*store, &[other]).await, 0);
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Pending));
    assert!(!begin(&*store, &session("ann", 1, 1)).await, "nobody signs in who is not in the log");
    assert_eq!(learn(&*store, &[registered(&new), registered(&new)]).await, 1, "twice is the same as once");
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Active));
    // A refusal that comes all the same takes nothing from somebody who is in the log.
    let refused = Fact::Refused { saga: new.saga, reason: ReasonCode::parse("user-exists").unwrap(), at: at(2) };
    assert_eq!(learn(&*store, &[refused]).await, 0);
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Active));
    assert_eq!(store.registration(new.saga).await.unwrap().unwrap().progress, Progress::Registered);
}

pub async fn what_is_pending_is_not_deactivated_by_the_event_of_another(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let new = wanted("ann", 1);
    reserve(&*store, &new).await;
    // Somebody was registered under the id by another command, and has left.
    let other = Fact::Registered { user: user("ann"), command: wanted("ann", 2).command, at: at(1) };
    let left = Fact::Deactivated { user: user("ann"), ended: ended(Which::All, 2) };
    assert_eq!(learn(&*store, &[other, left]).await, 0);
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Pending));
    let refused = Fact::Refused { saga: new.saga, reason: ReasonCode::parse("user-exists").unwrap(), at: at(3) };
    assert_eq!(learn(&*store, &[refused]).await, 1);
    assert_eq!(state(&*store, "ann").await, None, "no account is left of it");
}

pub async fn a_refusal_releases_the_id_and_leaves_nothing_but_its_reason(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let new = wanted("ann", 1);
    reserve(&*store, &new).await;
    let reason = ReasonCode::parse("user-exists").unwrap();
    let refused = Fact::Refused { saga: new.saga, reason: reason.clone(), at: at(2) };
    assert_eq!(learn(&*store, &[refused.clone(), refused]).await, 1);
    assert_eq!(state(&*store, "ann").await, None);
    let known = store.registration(new.saga).await.unwrap().unwrap();
    assert_eq!((known.progress, known.reason, known.changed_at), (Progress::Refused, Some(reason), at(2)));
    assert!(matches!(reserve(&*store, &new).await, Reserved::Known(_)), "the same registration stays refused");
    assert_eq!(reserve(&*store, &wanted("ann", 2)).await, Reserved::New);
    let audit = store.audit_of(&user("ann"), 10).await.unwrap();
    let events: Vec<_> = audit.iter().map(|row| (row.event.as_str(), row.detail.as_deref())).collect();
    let requested = ("registration-requested", None);
    assert_eq!(events, [requested, ("registration-refused", Some("user-exists")), requested]);
}

pub async fn the_checkpoint_moves_only_from_where_it_is_expected(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let position = |next_offset| Checkpoint { next_offset, cursor: Cursor { epoch: next_offset, sequence: 2 * next_offset } };
    assert_eq!(store.checkpoint(USERS).await.unwrap(), Checkpoint::default());
    store.learn(&[], USERS, Checkpoint::default(), position(5)).await.unwrap();
    assert_eq!(store.checkpoint(USERS).await.unwrap(), position(5));
    let new = wanted("ann", 1);
    reserve(&*store, &new).await;
    for expected in [Checkpoint::default(), position(4), Checkpoint { next_offset: 5, ..position(4) }] {
        let moved = store.learn(&[registered(&new)], USERS, expected, position(6)).await;
        assert!(matches!(moved, Err(Fault::CheckpointMoved(USERS))), "{moved:?}");
    }
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Pending), "nothing of it stays");
    let facts = [registered(&new)];
    let writes = (0..4).map(|_| store.learn(&facts, USERS, position(5), position(6)));
    let writes = join_all(writes).await;
    assert_eq!(writes.iter().filter(|write| write.is_ok()).count(), 1);
    let other = TopicPartition { partition: 2, ..USERS };
    assert_eq!(store.checkpoint(other).await.unwrap(), Checkpoint::default());
}

pub async fn a_session_begins_only_with_the_password_that_was_verified(adapter: &impl Adapter) {
    let store = adapter.open().await;
    account(&*store, "ann").await;
    assert!(begin(&*store, &session("ann", 1, 1)).await);
    let stale = NewSession { verified: "an older one".to_owned(), ..session("ann", 2, 1) };
    assert!(!begin(&*store, &stale).await);
    assert!(!begin(&*store, &session("bob", 3, 1)).await);
    let sessions = store.sessions(&user("ann"), at(2)).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.id.as_u128()).collect::<Vec<_>>(), [1]);
    assert_eq!((sessions[0].agent.as_str(), sessions[0].created_at, sessions[0].used_at), ("a browser", at(1), at(1)));
    assert!(store.sessions(&user("ann"), at(1 + 1_000 * MINUTE)).await.unwrap().is_empty(), "it ends by itself");
    assert_eq!(store.session_of(&digest(1)).await.unwrap(), Some((user("ann"), Uuid::from_u128(1))));
    assert_eq!(store.session_of(&digest(9)).await.unwrap(), None);
}

pub async fn a_session_begins_with_the_roles_of_that_moment(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    for round in 0..10_u8 {
        let name = format!("ann{round}");
        account(&*store, &name).await;
        let (person, changed) = (user(&name), entry(AuditEvent::RolesChanged, &name, 1));
        assert!(store.set_roles(&person, Roles { admin: true }, ended(Which::All, 1), &changed).await.unwrap());
        let (new, began) = (session(&name, round + 1, 1), entry(AuditEvent::SignedIn, &name, 1));
        let taken = other.set_roles(&person, Roles::default(), ended(Which::All, 1), &changed);
        let (began, taken) = tokio::join!(store.begin_session(&new, &began), taken);
        assert!(taken.unwrap());
        // Either it began before, with the role, and was ended with it; or it began after, without.
        let lives = !store.sessions(&person, at(1)).await.unwrap().is_empty();
        assert_eq!(began.unwrap(), Some(Roles { admin: !lives }), "round {round}");
    }
}

pub async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session(adapter: &impl Adapter) {
    let store = adapter.open().await;
    account(&*store, "ann").await;
    begin(&*store, &session("ann", 1, 0)).await;
    let rotated = Rotation::Rotated {
        user: user("ann"),
        session: Uuid::from_u128(1),
        roles: Roles::default(),
        expires_at: at(1_000 * MINUTE),
    };
    assert_eq!(rotate(&*store, 1, 2, MINUTE).await, rotated);
    assert_eq!(rotate(&*store, 2, 3, 2 * MINUTE).await, rotated);
    assert_eq!(rotate(&*store, 99, 100, 2 * MINUTE).await, Rotation::Unknown);
    assert!(revoked(&*store).await.is_empty());
    let reused = Rotation::Reused { user: user("ann"), session: Uuid::from_u128(1) };
    assert_eq!(rotate(&*store, 1, 4, 3 * MINUTE).await, reused);
    assert_eq!(sessions_of(&revoked(&*store).await), [1]);
    // The successor is dead with its family, and the old ones stay so.
    for token in [3, 1, 2] {
        assert_eq!(rotate(&*store, token, 5, 4 * MINUTE).await, Rotation::Over);
    }
    assert!(store.sessions(&user("ann"), at(0)).await.unwrap().is_empty());
    let audit = store.audit_of(&user("ann"), 1).await.unwrap();
    assert_eq!((audit[0].event.as_str(), audit[0].session), ("refresh-reused", Some(Uuid::from_u128(1))));

    begin(&*store, &session("ann", 10, 0)).await;
    assert_eq!(rotate(&*store, 10, 11, 1_000 * MINUTE).await, Rotation::Over, "it has ended by itself");
}

pub async fn who_renews_within_moments_goes_on_and_a_thief_beside_the_person_is_found_out(adapter: &impl Adapter) {
    let store = adapter.open().await;
    account(&*store, "ann").await;
    let good = async |from, to, ms| matches!(rotate(&*store, from, to, ms).await, Rotation::Rotated { .. });
    let reused = async |from, to, ms| matches!(rotate(&*store, from, to, ms).await, Rotation::Reused { .. });
    // Two tabs at once: both go on with what they got, until the time of grace is over.
    begin(&*store, &session("ann", 1, 0)).await;
    assert!(good(1, 2, MINUTE).await && good(1, 3, MINUTE + ROTATION_GRACE_MS).await);
    assert!(reused(1, 4, MINUTE + ROTATION_GRACE_MS + 1).await);

    // Who was as quick as the person goes on beside them for one more token: of their two next ones, the later is found out.
    begin(&*store, &session("ann", 10, 0)).await;
    assert!(good(10, 11, MINUTE).await && good(10, 12, MINUTE + 1).await && good(11, 13, 11 * MINUTE).await);
    assert!(reused(12, 14, 11 * MINUTE + ROTATION_GRACE_MS + 1).await);
    assert_eq!(rotate(&*store, 13, 15, 12 * MINUTE).await, Rotation::Over);

    // Once a successor was used, its own token is old, however short ago that was.
    begin(&*store, &session("ann", 20, 0)).await;
    assert!(good(20, 21, MINUTE).await && good(21, 22, MINUTE + 1).await);
    assert!(reused(20, 23, MINUTE + 2).await);
}

pub async fn of_many_that_use_a_token_at_once_a_few_get_a_successor(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    account(&*store, "ann").await;
    begin(&*store, &session("ann", 1, 0)).await;
    let stores = [&store, &other];
    let outcomes = join_all((2..18).map(|next| rotate(&**stores[usize::from(next % 2)], 1, next, MINUTE))).await;
    let rotated = outcomes.iter().filter(|outcome| matches!(outcome, Rotation::Rotated { .. })).count();
    assert_eq!(i64::try_from(rotated), Ok(SUCCESSORS_MAX), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Rotation::Reused { .. })).count(), 1, "{outcomes:?}");
    assert_eq!(sessions_of(&revoked(&*store).await), [1], "and the family is over");
}

pub async fn sessions_end_one_all_or_all_others_each_with_its_revocation(adapter: &impl Adapter) {
    let store = adapter.open().await;
    for name in ["ann", "bob"] {
        account(&*store, name).await;
    }
    for number in 1..=5 {
        begin(&*store, &session("ann", number, 0)).await;
    }
    begin(&*store, &session("bob", 9, 0)).await;
    revoked(&*store).await;
    let end = async |which| {
        let entry = entry(AuditEvent::SessionsEnded, "ann", MINUTE);
        let count = store.end_sessions(&user("ann"), ended(which, MINUTE), &entry).await.unwrap();
        (count, sessions_of(&revoked(&*store).await))
    };
    assert_eq!(end(Which::One(Uuid::from_u128(2))).await, (1, vec![2]));
    assert_eq!(end(Which::One(Uuid::from_u128(2))).await, (0, vec![]), "it is over already");
    assert_eq!(end(Which::One(Uuid::from_u128(9))).await, (0, vec![]), "it is somebody else's");
    assert_eq!(end(Which::AllBut(Uuid::from_u128(4))).await, (3, vec![1, 3, 5]));
    assert_eq!(end(Which::All).await, (1, vec![4]));
    assert_eq!(store.sessions(&user("bob"), at(0)).await.unwrap().len(), 1);
}

pub async fn the_oldest_session_makes_room(adapter: &impl Adapter) {
    let store = adapter.open().await;
    account(&*store, "ann").await;
    for number in 1..=52 {
        assert!(begin(&*store, &session("ann", number, number.into())).await);
    }
    assert_eq!(sessions_of(&revoked(&*store).await), [1, 2]);
    assert_eq!(store.sessions(&user("ann"), at(60)).await.unwrap().len(), 50);
}

pub async fn who_is_shut_out_has_no_session_even_if_both_happen_at_once(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    for round in 0..10_u8 {
        let name = format!("ann{round}");
        account(&*store, &name).await;
        let new = session(&name, round + 1, 0);
        let shut_out_entry = entry(AuditEvent::AccountDisabled, &name, 1);
        let person = user(&name);
        let change = StateChange::Disable(ended(Which::All, 1));
        let shut_out = other.change_state(&person, &change, &shut_out_entry);
        let (began, disabled) = tokio::join!(begin(&*store, &new), shut_out);
        assert!(disabled.unwrap());
        assert!(store.sessions(&user(&name), at(1)).await.unwrap().is_empty(), "began: {began}");
        let revocations = revoked(&*store).await;
        assert_eq!(sessions_of(&revocations).len(), usize::from(began));
        let person = Revocation::User { user_id: user(&name), issued_until: at(1), until: at(1 + 10 * MINUTE) };
        assert!(revocations.contains(&person));
    }
    let enable = async || {
        let entry = entry(AuditEvent::AccountEnabled, "ann0", 2);
        store.change_state(&user("ann0"), &StateChange::Enable, &entry).await.unwrap()
    };
    assert!(!begin(&*store, &session("ann0", 100, 2)).await);
    assert!(enable().await && !enable().await);
    assert!(begin(&*store, &session("ann0", 100, 2)).await);
}

pub async fn who_leaves_leaves_no_credentials(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let new = account(&*store, "ann").await;
    begin(&*store, &session("ann", 1, 0)).await;
    revoked(&*store).await;
    let request = message(SagaId::of_deactivation(&user("ann")), "ann");
    let change = StateChange::Deactivate(ended(Which::All, 5), request.clone());
    let leave = async || store.change_state(&user("ann"), &change, &entry(AuditEvent::AccountDeactivated, "ann", 5)).await;
    assert!(leave().await.unwrap() && !leave().await.unwrap());
    let left = store.account(&user("ann")).await.unwrap().unwrap();
    assert_eq!((left.state, left.password, left.email), (AccountState::Deactivated, None, None));
    let outbox: Vec<_> = store.lease(10, at(10), at(11)).await.unwrap().into_iter().map(|leased| leased.outgoing).collect();
    assert_eq!(outbox.iter().filter(|outgoing| **outgoing == request).count(), 1);
    assert_eq!(outbox.iter().filter(|outgoing| outgoing.topic == Topic::Revoked).count(), 2);
    assert_eq!(rotate(&*store, 1, 2, 6).await, Rotation::Over);
    assert!(!store.set_password(&user("ann"), None, "new", None, &entry(AuditEvent::PasswordReset, "ann", 6)).await.unwrap());
    assert_eq!(reserve(&*store, &wanted("ann", 2)).await, Reserved::Taken, "an id is taken for ever");
    let gone = |name| Fact::Deactivated { user: user(name), ended: ended(Which::All, 7) };
    assert_eq!(learn(&*store, &[gone("ann"), registered(&new)]).await, 0);
    // Who leaves otherwise is known by the event alone.
    account(&*store, "bob").await;
    assert_eq!(learn(&*store, &[gone("bob"), gone("bob"), gone("eve")]).await, 1);
    assert_eq!(state(&*store, "bob").await, Some(AccountState::Deactivated));
}

pub async fn a_new_password_replaces_the_one_that_was_expected(adapter: &impl Adapter) {
    let store = adapter.open().await;
    account(&*store, "ann").await;
    for number in [1, 2] {
        begin(&*store, &session("ann", number, 0)).await;
    }
    let change = async |expected: Option<&str>, new: &str, ends| {
        let entry = entry(AuditEvent::PasswordChanged, "ann", 1);
        store.set_password(&user("ann"), expected, new, ends, &entry).await.unwrap()
    };
    assert!(!change(Some("another"), "new", Some(ended(Which::All, 1))).await);
    assert!(change(Some("$argon2id$of ann"), "stronger", None).await);
    assert_eq!(store.sessions(&user("ann"), at(1)).await.unwrap().len(), 2, "storing it anew ends nothing");
    assert!(change(Some("stronger"), "new", Some(ended(Which::AllBut(Uuid::from_u128(2)), 1))).await);
    assert_eq!(sessions_of(&revoked(&*store).await), [1]);
    assert_eq!(store.account(&user("ann")).await.unwrap().unwrap().password.as_deref(), Some("new"));
    let races = join_all((0..4).map(|n| {
        let store = &store;
        async move {
            let entry = entry(AuditEvent::PasswordChanged, "ann", 2);
            store.set_password(&user("ann"), Some("new"), &format!("new {n}"), None, &entry).await.unwrap()
        }
    }));
    assert_eq!(races.await.iter().filter(|won| **won).count(), 1);
    assert!(change(None, "by an administrator", None).await);
}

pub async fn roles_are_given_and_taken(adapter: &impl Adapter) {
    let store = adapter.open().await;
    for name in ["ann", "bob", "cid"] {
        account(&*store, name).await;
    }
    begin(&*store, &session("bob", 1, 0)).await;
    let set = async |name: &str, admin| {
        let entry = entry(AuditEvent::RolesChanged, name, 1);
        store.set_roles(&user(name), Roles { admin }, ended(Which::All, 1), &entry).await.unwrap()
    };
    assert!(set("bob", true).await && !set("eve", true).await);
    assert!(store.sessions(&user("bob"), at(1)).await.unwrap().is_empty(), "tokens say the roles: they start anew");
    let names = async |after: Option<&str>, role, limit| {
        let found = store.accounts(after.map(user).as_ref(), role, limit).await.unwrap();
        found.iter().map(|account| account.user.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, Some(Role::Admin), 10).await, ["bob"]);
    assert_eq!(names(None, None, 2).await, ["ann", "bob"]);
    assert_eq!(names(Some("bob"), None, 2).await, ["cid"]);
    begin(&*store, &session("bob", 2, 2)).await;
    let Rotation::Rotated { roles, .. } = rotate(&*store, 2, 3, 3).await else { panic!("it is good") };
    assert!(roles.admin);
    assert!(set("bob", false).await);
    assert!(names(None, Some(Role::Admin), 10).await.is_empty());
}

pub async fn failures_make_wait_and_any_number_at_once_cannot_slip_through(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    let policy = Policy { free: 3, wait_ms_min: 1_000, wait_ms_max: 4_000, forget_after_ms: 100_000 };
    let of = |subject: &str| Attempt { subject: subject.to_owned(), policy };
    let ann = [of("account/ann")];
    let attempt = async |ms| store.attempt(&ann, at(ms)).await.unwrap();
    // Twenty at once on two nodes: the three free ones and the one whose failure begins the wait.
    let stores = [&store, &other];
    let together = join_all((0..20).map(|n: usize| stores[n % 2].attempt(&ann, at(0)))).await;
    assert_eq!(together.iter().filter(|outcome| matches!(outcome, Ok(None))).count(), 4, "{together:?}");
    assert_eq!(attempt(999).await, Some(at(1_000)));
    assert_eq!(attempt(1_000).await, None);
    assert_eq!(attempt(1_001).await, Some(at(3_000)), "it doubles");
    assert_eq!(attempt(3_000).await, None);
    assert_eq!(attempt(3_001).await, Some(at(7_000)));
    assert_eq!(attempt(7_000).await, None);
    assert_eq!(attempt(10_999).await, Some(at(11_000)), "up to the longest");
    assert_eq!(attempt(107_001).await, None, "and is forgotten in time");
    assert_eq!(attempt(107_002).await, None);

    // A good sign-in takes its own attempt back, and earlier guesses from the same address stay counted.
    let (address, bob) = (of("address/203.0.113.9"), of("account/bob"));
    for ms in 0..3 {
        assert_eq!(store.attempt(std::slice::from_ref(&address), at(ms)).await.unwrap(), None);
    }
    let both = [bob.clone(), address.clone()];
    assert_eq!(store.attempt(&both, at(4)).await.unwrap(), None);
    assert_eq!(store.attempt(&both, at(5)).await.unwrap(), Some(at(1_004)));
    store.succeeded(std::slice::from_ref(&address), &[bob]).await.unwrap();
    assert_eq!(store.attempt(std::slice::from_ref(&address), at(6)).await.unwrap(), None);
    assert_eq!(store.attempt(&[address], at(7)).await.unwrap(), Some(at(1_006)));
}

pub async fn the_outbox_keeps_what_was_not_sent_and_lends_it_to_one(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    let names = ["ann", "bob", "cid", "dan"];
    for name in names {
        reserve(&*store, &wanted(name, 1)).await;
    }
    let stores = [&store, &other];
    let leased = join_all((0..4).map(|n: usize| stores[n % 2].lease(3, at(0), at(100)))).await;
    let mut all: Vec<_> = leased.into_iter().flat_map(Result::unwrap).collect();
    all.sort_unstable_by_key(|leased| leased.id);
    let sent: Vec<_> = all.iter().map(|leased| &leased.outgoing).collect();
    let wanted: Vec<_> = names.iter().map(|name| wanted(name, 1).message).collect();
    assert!(all.len() <= 4 && sent.iter().all(|outgoing| wanted.contains(outgoing)), "nobody has what another has: {sent:?}");
    let rest = store.lease(10, at(0), at(100)).await.unwrap();
    assert_eq!(all.len() + rest.len(), 4);
    assert!(store.lease(10, at(99), at(200)).await.unwrap().is_empty());
    // Who borrowed them died: after a while they are lent again, in their order, and stay until they are sent.
    let again = store.lease(10, at(100), at(200)).await.unwrap();
    assert_eq!(again.iter().map(|leased| leased.outgoing.clone()).collect::<Vec<_>>(), wanted);
    store.sent(&[again[0].id, again[2].id]).await.unwrap();
    store.sent(&[again[0].id]).await.unwrap();
    assert_eq!(store.waiting().await.unwrap(), 2);
    let ids =
        async |ms| -> Vec<i64> { store.lease(10, at(ms), at(ms + 100)).await.unwrap().iter().map(|leased| leased.id).collect() };
    assert_eq!(ids(300).await, [again[1].id, again[3].id]);
    store.give_back(&[again[3].id]).await.unwrap();
    assert_eq!(ids(301).await, [again[3].id], "what is given back is there at once");
}

pub async fn the_records_of_a_key_are_lent_in_order(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    let stores = [&store, &other];
    account(&*store, "ann").await;
    revoked(&*store).await;
    let turn = async |ms| {
        let (disabled, enabled) = (entry(AuditEvent::AccountDisabled, "ann", ms), entry(AuditEvent::AccountEnabled, "ann", ms));
        assert!(store.change_state(&user("ann"), &StateChange::Disable(ended(Which::All, ms)), &disabled).await.unwrap());
        assert!(store.change_state(&user("ann"), &StateChange::Enable, &enabled).await.unwrap());
    };
    for ms in 1..=6 {
        turn(ms).await;
    }
    // However many look at once, what one of them has is all that has an earlier number.
    let lent = join_all((0..4).map(|n: usize| stores[n % 2].lease(2, at(10), at(100)))).await;
    let lent: Vec<Vec<i64>> = lent.into_iter().map(|lent| lent.unwrap().iter().map(|leased| leased.id).collect()).collect();
    assert_eq!(lent.iter().filter(|ids| ids.len() == 2).count(), 1, "{lent:?}");
    assert_eq!(lent.iter().map(Vec::len).sum::<usize>(), 2, "{lent:?}");
    let first = lent.concat();
    assert!(store.lease(10, at(10), at(100)).await.unwrap().is_empty(), "the others wait for those");
    store.sent(&first[..1]).await.unwrap();
    assert!(store.lease(10, at(10), at(100)).await.unwrap().is_empty(), "the second of them is still on its way");
    store.sent(&first).await.unwrap();
    let rest = store.lease(10, at(10), at(100)).await.unwrap();
    assert!(rest.len() == 4 && rest.iter().all(|leased| leased.id > first[1]));
}

pub async fn one_key_signs_and_one_comes_next_however_many_rotate(adapter: &impl Adapter) {
    let (store, other) = (adapter.open().await, adapter.open().await);
    let key = |id: &str, state| SigningKey { id: id.to_owned(), state, sealed: vec![0, 255, 7], changed_at: at(0) };
    let stores = [&store, &other];
    let first = join_all((0..4).map(|n: usize| {
        let (store, changes) = (stores[n % 2], [KeyChange::Add(key(&format!("key {n}"), KeyState::Current))]);
        async move { store.change_keys(&changes).await }
    }));
    let first = first.await;
    assert_eq!(first.iter().filter(|done| done.is_ok()).count(), 1, "{first:?}");
    assert!(first.iter().all(|done| matches!(done, Ok(()) | Err(Fault::Rejected(_)))), "{first:?}");
    let current = store.keys().await.unwrap().remove(0);
    assert_eq!((current.state, current.sealed.as_slice()), (KeyState::Current, [0, 255, 7].as_slice()));
    store.change_keys(&[KeyChange::Add(key("next", KeyState::Next))]).await.unwrap();
    let go = |id: &str, from, to| KeyChange::Move { id: id.to_owned(), from, to, at: at(9) };
    let rotation = [
        go(&current.id, KeyState::Current, KeyState::Retired),
        go("next", KeyState::Next, KeyState::Current),
        KeyChange::Add(key("later", KeyState::Next)),
    ];
    store.change_keys(&rotation).await.unwrap();
    assert!(matches!(store.change_keys(&rotation).await, Err(Fault::Rejected(_))), "another node was first");
    assert!(matches!(store.change_keys(&[KeyChange::Drop("next".to_owned())]).await, Err(Fault::Rejected(_))), "it signs");
    let mut states: Vec<_> = store.keys().await.unwrap().into_iter().map(|key| (key.id, key.state)).collect();
    states.sort_unstable();
    let wanted =
        [(current.id.clone(), KeyState::Retired), ("later".to_owned(), KeyState::Next), ("next".to_owned(), KeyState::Current)];
    assert_eq!(states, wanted);
    store.change_keys(&[KeyChange::Drop(current.id)]).await.unwrap();
    assert_eq!(store.keys().await.unwrap().len(), 2);
}

pub async fn what_is_over_is_forgotten(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let (day, pending) = (86_400_000, wanted("bob", 1));
    let new = account(&*store, "ann").await;
    reserve(&*store, &pending).await;
    begin(&*store, &session("ann", 1, 0)).await;
    store.tidy(at(day / 2)).await.unwrap();
    assert!(store.registration(new.saga).await.unwrap().is_some() && store.session_of(&digest(1)).await.unwrap().is_some());
    store.tidy(at(2 * day)).await.unwrap();
    assert!(store.registration(new.saga).await.unwrap().is_none());
    assert!(store.registration(pending.saga).await.unwrap().is_some(), "what is not decided is not over");
    store.tidy(at(40 * day)).await.unwrap();
    assert!(store.session_of(&digest(1)).await.unwrap().is_none());
    assert_eq!(state(&*store, "ann").await, Some(AccountState::Active));
    assert!(!store.audit_of(&user("ann"), 10).await.unwrap().is_empty());
    store.tidy(at(500 * day)).await.unwrap();
    assert!(store.audit_of(&user("ann"), 10).await.unwrap().is_empty());
}

pub async fn what_is_over_is_forgotten_a_little_at_a_time(adapter: &impl Adapter) {
    let store = adapter.open().await;
    let policy = Policy { free: 3, wait_ms_min: 1_000, wait_ms_max: 4_000, forget_after_ms: 100_000 };
    let attempts: Vec<_> =
        (0..TIDY_ROWS_MAX + 1).map(|number| Attempt { subject: format!("account/{number}"), policy }).collect();
    assert_eq!(store.attempt(&attempts, at(0)).await.unwrap(), None);
    let later = at(2 * 86_400_000);
    assert!(store.tidy(later).await.unwrap(), "there is more");
    assert!(!store.tidy(later).await.unwrap(), "now there is not");
}

pub async fn it_survives_being_opened_again_by_two_at_once(adapter: &impl Adapter) {
    account(&*adapter.open().await, "ann").await;
    let (one, other) = tokio::join!(adapter.open(), adapter.open());
    for store in [one, other] {
        assert_eq!(state(&*store, "ann").await, Some(AccountState::Active));
        let failed = Entry { address: Some("::1".to_owned()), ..entry(AuditEvent::SignInFailed, "ann", 3) };
        store.audit(&failed).await.unwrap();
        assert_eq!(store.audit_of(&user("ann"), 1).await.unwrap()[0].address.as_deref(), Some("::1"));
    }
}
