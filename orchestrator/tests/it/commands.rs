//! The way to command-api: what is sent, and what its answers mean.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use domain::Timestamp;
use domain::saga::{Outcome, RegistrationPersonal, RegistrationRequested, SagaId, Step};
use domain::text::UserName;
use infra::tokens::{NoServiceToken, ServiceTokens, Token};
use orchestrator::act::{Attempt, CommandApi};
use orchestrator::process::{Input, Process, Registration};
use orchestrator::run::Run;
use uuid::Uuid;

use crate::system::id;

pub struct Tokens(pub bool);

#[async_trait]
impl ServiceTokens for Tokens {
    async fn token(&self) -> Result<Token, NoServiceToken> {
        if self.0 { Ok(Token("a token".into())) } else { Err(NoServiceToken::Unreachable("down".to_owned())) }
    }
}

fn run() -> Run {
    let (user_id, personal) = (id("ann"), RegistrationPersonal { user_name: UserName::parse("Ann").unwrap() });
    let saga = SagaId::of_registration(&user_id, Uuid::nil());
    let process = Process::Registration(Registration::requested(&RegistrationRequested { user_id, personal }));
    let mut run = Run::begin(
        saga,
        process,
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Timestamp::default(),
    );
    run.learn(Uuid::from_u128(7), Timestamp::default(), |_| {});
    run
}

async fn take(commands: &CommandApi) -> Attempt {
    let run = run();
    let ask = run.process.ask(&Step::RegisterUser).unwrap();
    commands.take(&run.saga, &Step::RegisterUser, ask).await
}

type Seen = Arc<Mutex<Vec<(HeaderMap, serde_json::Value)>>>;

async fn answering(status: StatusCode, body: &'static str) -> (String, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let handler = async move |headers: HeaderMap, body_given: String| {
        kept.lock().unwrap().push((headers, serde_json::from_str(&body_given).unwrap()));
        (status, body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/internal/commands", post(handler))).await });
    (url, seen)
}

#[tokio::test]
async fn a_step_is_one_command_with_the_id_of_saga_and_step() {
    let (url, seen) = answering(StatusCode::OK, "{}").await;
    let commands = CommandApi::new(&url, Arc::new(Tokens(true))).unwrap();
    assert_eq!(take(&commands).await, Attempt::Known(Input::Taken(Outcome::Done)));
    assert_eq!(take(&commands).await, Attempt::Known(Input::Taken(Outcome::Done)));
    let seen = seen.lock().unwrap();
    let (headers, body) = &seen[0];
    let saga = run().saga.id;
    assert_eq!(headers["idempotency-key"], saga.command(&Step::RegisterUser).to_string());
    assert_eq!(headers["authorization"], "Bearer a token");
    assert_eq!(headers["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!((&body["actor"], &body["correlationId"]), (&"ann".into(), &saga.to_string().into()));
    assert_eq!(body["causationId"], Uuid::from_u128(7).to_string());
    assert_eq!(*body, seen[1].1, "every attempt asks for the same");
}

#[tokio::test]
async fn only_what_the_owner_decided_is_a_refusal() {
    let attempt = async |status, body| {
        let (url, _) = answering(status, body).await;
        take(&CommandApi::new(&url, Arc::new(Tokens(true))).unwrap()).await
    };
    let refused = attempt(StatusCode::CONFLICT, r#"{"code":"user-exists"}"#).await;
    assert!(
        matches!(&refused, Attempt::Known(Input::Taken(Outcome::Refused(code))) if code.as_str() == "user-exists"),
        "{refused:?}"
    );
    for (status, body) in [
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"outcome-unknown"}"#),
        (StatusCode::CONFLICT, "nonsense"),
        (StatusCode::BAD_GATEWAY, r#"{"code":"user-exists"}"#),
        (StatusCode::NOT_FOUND, r#"{"code":"route-not-found"}"#),
    ] {
        let attempt = attempt(status, body).await;
        assert!(matches!(attempt, Attempt::Unknown(_)), "{status} {body}: {attempt:?}");
    }
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS] {
        let attempt = attempt(status, r#"{"code":"token-expired"}"#).await;
        assert!(matches!(attempt, Attempt::NotMade(_)), "{status}: {attempt:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_without_a_token_or_to_nobody() {
    let (url, seen) = answering(StatusCode::OK, "{}").await;
    let without = CommandApi::new(&url, Arc::new(Tokens(false))).unwrap();
    assert!(matches!(take(&without).await, Attempt::NotMade(_)));
    assert!(seen.lock().unwrap().is_empty());
    let nobody = CommandApi::new("http://127.0.0.1:1", Arc::new(Tokens(true))).unwrap();
    assert!(matches!(take(&nobody).await, Attempt::NotMade(_)));
}
