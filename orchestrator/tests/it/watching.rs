//! What administrators see of sagas, and what they may do.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use domain::Scope;
use domain::saga::{DeactivationRequested, Message, RegistrationPersonal, RegistrationRequested, Retry, SagaId};
use domain::text::UserName;
use infra::clock::{Clock, SystemClock};
use infra::saga_state::{Progress, Saga};
use infra::tokens::{Grant, Signer};
use orchestrator::http::{Parts, router};
use orchestrator::testing::Moments;
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::system::id;
use crate::world::World;

struct Desk {
    world: World,
    routes: Router,
    signer: Signer,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let signer = Signer::generate("test", Arc::new(SystemClock)).unwrap();
        let parts = Parts {
            state: Arc::clone(&world.state),
            verifier: Arc::new(signer.verifier()),
            clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
            due: Arc::new(Notify::new()),
            retry: Retry::STANDARD,
        };
        Self { world, routes: router(parts), signer }
    }

    async fn ask_as(&self, admin: bool, method: Method, path: &str) -> (StatusCode, Value) {
        let mut grant = Grant::person(id("olga"), Duration::from_secs(600));
        grant.scope = Scope { admin, ..Scope::default() };
        let token = self.signer.issue(&grant).unwrap().token;
        let request = Request::builder().method(method).uri(format!("/chat/admin/sagas{path}"));
        let request = request.header("authorization", format!("Bearer {}", token.0)).body(Body::empty()).unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        (status, serde_json::from_slice(&to_bytes(answer.into_body(), 1_000_000).await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask_as(true, Method::GET, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str) -> (StatusCode, Value) {
        self.ask_as(true, Method::POST, path).await
    }
}

async fn register(world: &World, name: &str) -> SagaId {
    let user_id = id(name);
    let saga = SagaId::of_registration(&user_id, Uuid::nil());
    let personal = RegistrationPersonal { user_name: UserName::parse(name).unwrap() };
    world.ask(saga, Message::RegistrationRequested(RegistrationRequested { user_id, personal })).await;
    saga
}

/// A registration whose first step was lent at its beginning and not tried.
async fn stuck(desk: &Desk, name: &str) -> Saga {
    let saga = register(&desk.world, name).await;
    // Learnt, and then killed before the first attempt.
    desk.world.run(&Moments::new(3)).await;
    desk.world.state.find(&[saga]).await.unwrap().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saga_is_shown_with_its_steps_their_commands_and_what_caused_them() {
    let desk = Desk::new().await;
    let saga = register(&desk.world, "ann").await;
    desk.world.run(&Moments::new(0)).await;
    let shown = desk.get(&format!("/{saga}")).await;
    assert_eq!((&shown["saga"]["state"], &shown["saga"]["step"]), (&"completed".into(), &Value::Null));
    assert_eq!((&shown["saga"]["kind"], &shown["saga"]["subject"]), (&"registration".into(), &"ann".into()));
    let steps: Vec<_> = shown["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["register-user", "tell/sarangbang.saga.person-registered.v1"]);
    let command = saga.command(&domain::saga::Step::RegisterUser).to_string();
    assert_eq!((&shown["steps"][0]["commandId"], &shown["steps"][0]["outcome"]), (&command.into(), &"done".into()));
    assert_eq!(shown["steps"][0]["causationId"], shown["saga"]["causationId"]);
    let (status, body) = desk.ask_as(true, Method::GET, &format!("/{}", Uuid::nil())).await;
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &"saga-not-found".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sagas_are_found_by_kind_state_and_age_page_by_page() {
    let desk = Desk::new().await;
    for name in ["ann", "bob", "mia"] {
        register(&desk.world, name).await;
        desk.world.run(&Moments::new(0)).await;
    }
    let user_id = id("zoe");
    let leaving = SagaId::of_deactivation(&user_id);
    desk.world.ask(leaving, Message::DeactivationRequested(DeactivationRequested { user_id })).await;
    desk.world.run(&Moments::new(0)).await;
    let subjects = async |query: &str| -> Vec<String> {
        let page = desk.get(query).await;
        page["items"].as_array().unwrap().iter().map(|saga| saga["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects("").await, ["zoe", "mia", "bob", "ann"]);
    assert_eq!(subjects("?kind=registration&limit=2").await, ["mia", "bob"]);
    assert_eq!(subjects("?kind=deactivation&state=completed").await, ["zoe"]);
    assert_eq!(subjects("?state=running").await, [] as [&str; 0]);
    assert_eq!(subjects("?subject=bob").await, ["bob"]);
    // A run begins a minute after the one before.
    assert_eq!(subjects("?ageMsMin=90000").await, ["bob", "ann"]);
    let first = desk.get("?limit=3").await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(subjects(&format!("?limit=3&cursor={next}")).await, ["ann"]);
    for wrong in ["?state=stuck", "?limit=0", "?limit=201", "?cursor=x", "?unknown=1"] {
        let (status, body) = desk.ask_as(true, Method::GET, wrong).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &"query-invalid".into()), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_sees_or_changes_anything() {
    let desk = Desk::new().await;
    let saga = stuck(&desk, "ann").await;
    let (show, retry, abort) = (format!("/{}", saga.id), format!("/{}/retry", saga.id), format!("/{}/abort", saga.id));
    for (method, path) in [(Method::GET, ""), (Method::GET, show.as_str()), (Method::POST, &retry), (Method::POST, &abort)] {
        let (status, body) = desk.ask_as(false, method, path).await;
        assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &"not-allowed".into()), "{path}");
    }
    assert_eq!(desk.world.state.find(&[saga.id]).await.unwrap(), [saga]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_never_tried_is_aborted_and_then_nothing_is_left_behind() {
    let desk = Desk::new().await;
    let tried = stuck(&desk, "ann").await;
    assert_eq!((tried.attempts, tried.unresolved), (1, 1), "lent, so that nobody knows what came of it");
    let (status, body) = desk.post(&format!("/{}/abort", tried.id)).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &"saga-not-abortable".into()));

    let untried = Saga { unresolved: 0, ..tried };
    let untried = desk.world.state.put(untried, None).await.unwrap();
    let (status, body) = desk.post(&format!("/{}/abort", untried.id)).await;
    assert_eq!(
        (status, &body["step"]["name"]),
        (StatusCode::OK, &"tell/sarangbang.saga.registration-refused.v1".into()),
        "{body}"
    );
    desk.world.run(&Moments::new(0)).await;
    assert_eq!(desk.world.all().await[0].progress, Progress::Aborted);
    let state = desk.world.system.state();
    assert!(state.executed.is_empty());
    let told: Vec<_> = state.told.values().collect();
    assert!(matches!(told[..], [Message::RegistrationRefused(refused)] if refused.reason.as_str() == "saga-aborted"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_makes_a_step_due_at_once_and_a_saga_that_is_over_has_none() {
    let desk = Desk::new().await;
    let saga = stuck(&desk, "ann").await;
    let later = desk.world.clock.now().saturating_add_millis(30_000);
    desk.world.state.put(Saga { due_at: Some(later), ..saga.clone() }, None).await.unwrap();
    let path = format!("/{}/retry", saga.id);
    let (status, body) = desk.post(&path).await;
    let now = serde_json::to_value(desk.world.clock.now()).unwrap();
    assert_eq!((status, &body["step"]["dueAt"]), (StatusCode::OK, &now), "{body}");
    desk.world.run(&Moments::new(0)).await;
    let (status, body) = desk.post(&path).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &"saga-idle".into()));
}
