//! What every adapter of the port [`infra::saga_state::SagaState`] must do. [`contract`] makes a test of each function here for one
//! adapter.

use std::sync::Arc;

use async_trait::async_trait;
use domain::acceptance::Cursor;
use domain::saga::SagaId;
use domain::{CommandId, Timestamp};
use futures_util::future::join_all;
use infra::log::{Topic, TopicPartition};
use infra::read_model::Checkpoint;
use infra::saga_state::{Count, Fault, Filter, Progress, Saga, SagaState, StepDone};
use uuid::Uuid;

/// One database of one adapter, made for one test.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Makes a fresh one; nothing when its server is not there.
    async fn fresh() -> Option<Self>;
    /// Opens it; may be open already.
    async fn open(&self) -> Arc<dyn SagaState>;
    /// Takes it away.
    async fn remove(self);
}

/// Makes a module's tests of the contract for one adapter.
macro_rules! contract {
    ($adapter:ty) => {
        crate::saga_state_contract::contract!(@each $adapter:
            what_the_log_says_is_stored_with_the_checkpoint_or_not_at_all,
            a_saga_is_changed_only_by_who_read_its_latest_revision,
            a_saga_that_is_due_is_lent_to_one_and_its_attempt_is_counted_before,
            a_lease_that_is_over_lends_it_again,
            a_step_is_stored_with_what_follows_from_it,
            sagas_are_listed_latest_first_and_found_by_what_they_are,
            running_and_stuck_sagas_are_counted,
            only_what_ended_long_ago_is_forgotten,
            it_survives_being_opened_again_by_two_at_once,
        );
    };
    (@each $adapter:ty: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(adapter) = <$adapter as crate::saga_state_contract::Adapter>::fresh().await {
                    crate::saga_state_contract::$name(&adapter).await;
                    adapter.remove().await;
                }
            }
        )*
    };
}
pub(crate) use contract;

const SAGAS: TopicPartition = TopicPartition { topic: Topic::Sagas, partition: 0 };

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms).unwrap()
}
fn id(n: u128) -> SagaId {
    SagaId::from_uuid(Uuid::from_u128(n))
}
fn position(next_offset: u64) -> Checkpoint {
    Checkpoint { next_offset, cursor: Cursor::default() }
}

/// A new saga that is due from `due_ms` on.
fn new(n: u128, due_ms: i64) -> Saga {
    Saga {
        id: id(n),
        kind: "registration".to_owned(),
        subject: format!("user-{n}"),
        process: r#"{"stage":"안녕"}"#.to_owned(),
        progress: Progress::Running,
        reason: None,
        cause: Some(Uuid::from_u128(n + 1)),
        traceparent: Some("00-1-2-01".to_owned()),
        begun_at: at(due_ms),
        changed_at: at(due_ms),
        step: 0,
        step_name: Some("register-user".to_owned()),
        step_begun_at: at(due_ms),
        due_at: Some(at(due_ms)),
        leased_until: Timestamp::default(),
        attempts: 0,
        unresolved: 0,
        problem: None,
        revision: 0,
    }
}
fn over(saga: Saga, progress: Progress, ms: i64) -> Saga {
    Saga { progress, changed_at: at(ms), step_name: None, due_at: None, step: saga.step + 1, ..saga }
}
async fn only(state: &dyn SagaState, n: u128) -> Saga {
    state.find(&[id(n)]).await.unwrap().pop().unwrap()
}

pub async fn what_the_log_says_is_stored_with_the_checkpoint_or_not_at_all(adapter: &impl Adapter) {
    let state = adapter.open().await;
    assert_eq!(state.checkpoint(SAGAS).await.unwrap(), Checkpoint::default());
    state.learn(&[new(1, 0), new(2, 0)], SAGAS, position(0), position(2)).await.unwrap();
    assert_eq!(only(&*state, 1).await, Saga { revision: 1, ..new(1, 0) });
    // Another node has learnt this already.
    let moved = state.learn(&[new(3, 0)], SAGAS, position(0), position(3)).await;
    assert!(matches!(moved, Err(Fault::CheckpointMoved(SAGAS))), "{moved:?}");
    // One of them was changed since it was read.
    let stale = state.learn(&[new(3, 0), new(1, 5)], SAGAS, position(2), position(4)).await;
    assert!(matches!(stale, Err(Fault::SagaChanged(saga)) if saga == id(1)), "{stale:?}");
    assert_eq!(state.find(&[id(3), id(2)]).await.unwrap().len(), 1, "nothing of a batch that failed is there");
    assert_eq!(state.checkpoint(SAGAS).await.unwrap(), position(2));
}

pub async fn a_saga_is_changed_only_by_who_read_its_latest_revision(adapter: &impl Adapter) {
    let state = adapter.open().await;
    let saga = state.put(new(1, 0), None).await.unwrap();
    assert_eq!(saga.revision, 1);
    assert!(matches!(state.put(new(1, 0), None).await, Err(Fault::SagaChanged(_))), "it is there already");
    let writers = (0..8).map(|n| state.put(Saga { subject: format!("writer {n}"), ..saga.clone() }, None));
    let written: Vec<Saga> = join_all(writers).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!(only(&*state, 1).await, written[0]);
}

pub async fn a_saga_that_is_due_is_lent_to_one_and_its_attempt_is_counted_before(adapter: &impl Adapter) {
    let state = adapter.open().await;
    for n in 1..=20 {
        state.put(new(n, i64::try_from(n).unwrap()), None).await.unwrap();
    }
    state.put(over(new(30, 0), Progress::Completed, 0), None).await.unwrap();
    let taken = join_all((0..6).map(|_| state.take(4, at(18), at(1_000)))).await;
    let mut taken: Vec<Saga> = taken.into_iter().flat_map(Result::unwrap).collect();
    // Where all took at once, some may have found only what others were taking.
    taken.extend(state.take(30, at(18), at(1_000)).await.unwrap());
    taken.sort_by_key(|saga| saga.id);
    assert_eq!(taken.iter().map(|saga| saga.id).collect::<Vec<_>>(), (1..=18).map(id).collect::<Vec<_>>());
    for saga in taken {
        assert_eq!((saga.attempts, saga.unresolved, saga.revision, saga.leased_until), (1, 1, 2, at(1_000)));
    }
    assert_eq!(state.take(30, at(18), at(1_000)).await.unwrap(), []);
}

pub async fn a_lease_that_is_over_lends_it_again(adapter: &impl Adapter) {
    let state = adapter.open().await;
    state.put(new(1, 0), None).await.unwrap();
    let lost = state.take(1, at(0), at(100)).await.unwrap().pop().unwrap();
    assert_eq!(state.take(1, at(99), at(200)).await.unwrap(), []);
    let again = state.take(1, at(100), at(200)).await.unwrap().pop().unwrap();
    assert_eq!((again.attempts, again.unresolved), (2, 2), "what became of the first attempt is not known");
    let late = state.put(over(lost, Progress::Completed, 150), None).await;
    assert!(matches!(late, Err(Fault::SagaChanged(_))), "{late:?}");
    state.put(over(again, Progress::Completed, 160), None).await.unwrap();
}

pub async fn a_step_is_stored_with_what_follows_from_it(adapter: &impl Adapter) {
    let state = adapter.open().await;
    let step = |number| StepDone {
        number,
        name: format!("leave-room/{number}"),
        outcome: "done".to_owned(),
        begun_at: at(1),
        ended_at: at(2),
        attempts: 3,
        command_id: Some(CommandId::derived("saga", "step").as_uuid()),
        cause: None,
    };
    let mut saga = state.put(new(1, 0), None).await.unwrap();
    for number in 0..5 {
        let next = Saga { step: saga.step + 1, problem: Some("none".to_owned()), ..saga.clone() };
        saga = state.put(next, Some(&step(number))).await.unwrap();
    }
    let stale = Saga { revision: 1, ..saga.clone() };
    assert!(matches!(state.put(stale, Some(&step(5))).await, Err(Fault::SagaChanged(_))));
    assert_eq!(state.steps(id(1), 100).await.unwrap(), (0..5).map(step).collect::<Vec<_>>());
    assert_eq!(state.steps(id(1), 2).await.unwrap(), (3..5).map(step).collect::<Vec<_>>(), "the latest");
    assert_eq!(only(&*state, 1).await, saga);
}

pub async fn sagas_are_listed_latest_first_and_found_by_what_they_are(adapter: &impl Adapter) {
    let state = adapter.open().await;
    for n in 1..=3 {
        state.put(new(n, 10), None).await.unwrap();
    }
    state.put(Saga { kind: "deactivation".to_owned(), ..new(4, 20) }, None).await.unwrap();
    let refused = over(new(5, 30), Progress::Compensated, 40);
    state.put(Saga { reason: Some("user-exists".to_owned()), ..refused }, None).await.unwrap();
    let list = async |filter: Filter, after| -> Vec<u128> {
        let sagas = state.list(&filter, after, 2).await.unwrap();
        sagas.iter().map(|saga| saga.id.as_uuid().as_u128()).collect()
    };
    assert_eq!(list(Filter::default(), None).await, [5, 4]);
    assert_eq!(list(Filter::default(), Some((at(20), id(4)))).await, [3, 2]);
    assert_eq!(list(Filter::default(), Some((at(10), id(2)))).await, [1]);
    assert_eq!(list(Filter { kind: Some("deactivation".to_owned()), ..Filter::default() }, None).await, [4]);
    assert_eq!(list(Filter { progress: Some(Progress::Compensated), ..Filter::default() }, None).await, [5]);
    assert_eq!(list(Filter { subject: Some("user-2".to_owned()), ..Filter::default() }, None).await, [2]);
    assert_eq!(list(Filter { begun_before: Some(at(10)), ..Filter::default() }, None).await, [] as [u128; 0]);
    assert_eq!(list(Filter { stuck_since: Some(at(15)), ..Filter::default() }, None).await, [3, 2]);
}

pub async fn running_and_stuck_sagas_are_counted(adapter: &impl Adapter) {
    let state = adapter.open().await;
    assert_eq!(state.running(at(0)).await.unwrap(), []);
    state.put(new(1, 0), None).await.unwrap();
    state.put(new(2, 50), None).await.unwrap();
    state.put(over(new(3, 0), Progress::Completed, 1), None).await.unwrap();
    state.put(over(new(4, 0), Progress::Resting, 1), None).await.unwrap();
    let count = |running, stuck| vec![Count { kind: "registration".to_owned(), running, stuck }];
    assert_eq!(state.running(at(10)).await.unwrap(), count(2, 1));
    assert_eq!(state.running(at(51)).await.unwrap(), count(2, 2));
}

pub async fn only_what_ended_long_ago_is_forgotten(adapter: &impl Adapter) {
    let state = adapter.open().await;
    for (n, progress, ms) in [
        (1, Progress::Completed, 10),
        (2, Progress::Compensated, 20),
        (3, Progress::Aborted, 30),
        (4, Progress::Completed, 90),
        (5, Progress::Resting, 0),
    ] {
        state.put(over(new(n, 0), progress, ms), None).await.unwrap();
    }
    state.put(new(6, 0), None).await.unwrap();
    assert_eq!(state.forget(at(50), 2).await.unwrap(), 2);
    assert_eq!(state.forget(at(50), 2).await.unwrap(), 1);
    assert_eq!(state.forget(at(50), 2).await.unwrap(), 0);
    let mut left: Vec<_> = state.list(&Filter::default(), None, 100).await.unwrap().into_iter().map(|saga| saga.id).collect();
    left.sort();
    assert_eq!(left, [4, 5, 6].map(id));
}

pub async fn it_survives_being_opened_again_by_two_at_once(adapter: &impl Adapter) {
    let (one, other) = tokio::join!(adapter.open(), adapter.open());
    one.learn(&[new(1, 0)], SAGAS, position(0), position(1)).await.unwrap();
    assert_eq!(other.checkpoint(SAGAS).await.unwrap(), position(1));
    drop((one, other));
    assert_eq!(only(&*adapter.open().await, 1).await.revision, 1);
}
