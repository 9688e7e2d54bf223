//! `POST /user`: registers somebody, by a saga.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::UserId;
use domain::saga::{Envelope, Message, RegistrationPersonal, RegistrationRequested, SagaId, Step};
use domain::text::UserName;
use infra::credentials::{Attempt, AuditEvent, Entry, NewAccount, Outgoing, Progress, Registration, Reserved, Roles};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem, trace};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::registration::{RegistrationView, settled};
use crate::address::ClientAddress;
use crate::passwords::Password;
use crate::{Identity, log_line, outcome};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The most bytes of an e-mail address (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;

/// A person to be registered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// The permanent id.
    #[schema(value_type = String, example = "alice")]
    pub user_id: UserId,
    /// 8–128 characters, and hard to guess.
    pub password: Password,
    /// The display name, 1–80 characters; the user id where it is left out.
    #[schema(value_type = Option<String>)]
    pub user_name: Option<UserName>,
    /// Kept here alone: nobody else sees it, and no event carries it.
    pub email: Option<String>,
}

/// A person who was registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The permanent id, normalised.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The display name.
    #[schema(value_type = String)]
    user_name: UserName,
}

/// Registers somebody; 409 `user-exists` where the id is taken. Answers 201 when it is done soon, else 202 with a `Location` to ask
/// at. Does not sign in.
#[utoipa::path(
    post, path = "/user", tag = "people", request_body = Register,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header, description = "the same key again is the same registration; the first password counts")),
    responses((status = 201, body = Registered), (status = 202, body = RegistrationView), Problems)
)]
pub async fn register(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<Register>,
) -> Result<Response, Problem> {
    let key = key(&headers)?;
    let attempt = Attempt { subject: format!("registration/{address}"), policy: identity.0.options.registration_policy };
    let now = identity.now();
    if let Some(until) = identity.credentials().attempt(&[attempt], now).await.map_err(outcome::of_database)? {
        return Err(outcome::of_wait(until, now));
    }
    let asked_by = Entry { address: Some(address), ..Entry::new(AuditEvent::RegistrationRequested, None, now) };
    let user_name = name_of(&body)?;
    let registration = begin(&identity, body, key, Roles::default(), asked_by).await?;
    let registration = settled(&identity, registration).await?;
    answer(key, user_name, registration)
}

/// The display name that is asked for, or the id.
pub fn name_of(body: &Register) -> Result<UserName, Problem> {
    match &body.user_name {
        Some(name) => Ok(name.clone()),
        // An id is shorter than a name may be and has no character that a name may not have.
        None => UserName::parse(body.user_id.as_str()).map_err(|error| Problem::value("/userId", error.to_string())),
    }
}

/// Reserves the id and asks the orchestrator; the same key again finds what there is.
pub async fn begin(identity: &Identity, body: Register, key: Uuid, roles: Roles, entry: Entry) -> Result<Registration, Problem> {
    let email = body.email.as_deref().map(email).transpose()?;
    let user_name = name_of(&body)?;
    let user = body.user_id;
    let saga = SagaId::of_registration(&user, key);
    let request = digest(&user, &user_name, email.as_deref(), roles);
    let known = identity.credentials().registration(saga).await.map_err(outcome::of_database)?;
    let taken = known.is_none() && identity.credentials().account(&user).await.map_err(outcome::of_database)?.is_some();
    if taken {
        return Err(exists());
    }
    let names = [user.to_string(), user_name.to_string()].into_iter().chain(email.clone()).collect();
    let hashed = identity.0.passwords.hash(body.password, names).await.map_err(outcome::of_hashing)?;
    let password = hashed.map_err(|weak| outcome::of_weak("/password", weak))?;
    let personal = RegistrationPersonal { user_name };
    let message = Envelope {
        saga,
        time: entry.at,
        causation_id: None,
        traceparent: trace::current().map(|context| context.to_string()),
        message: Message::RegistrationRequested(RegistrationRequested { user_id: user.clone(), personal }),
    };
    let command = saga.command(&Step::RegisterUser);
    let message = Outgoing::from(&message);
    let new = NewAccount { user: user.clone(), password, email, roles, saga, command, request, message, at: entry.at };
    let entry = Entry { user: Some(user.clone()), ..entry };
    match identity.credentials().reserve(&new, &entry).await.map_err(outcome::of_database)? {
        Reserved::New => {
            log_line(&entry);
            identity.0.outbox.notify_one();
            Ok(Registration { saga, user, progress: Progress::Pending, reason: None, changed_at: entry.at })
        }
        Reserved::Known(registration) => Ok(registration),
        Reserved::Taken => Err(exists()),
        Reserved::OtherRequest => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")),
    }
}

fn answer(key: Uuid, user_name: UserName, registration: Registration) -> Result<Response, Problem> {
    let (status, location) = match registration.progress {
        Progress::Registered => (StatusCode::CREATED, "/user/me".to_owned()),
        Progress::Pending => (StatusCode::ACCEPTED, format!("/user/registrations/{}", registration.saga)),
        Progress::Refused => return Err(refused(&registration)),
    };
    let mut response = if status == StatusCode::CREATED {
        (status, Json(Registered { user_id: registration.user, user_name })).into_response()
    } else {
        (status, Json(RegistrationView::from(registration))).into_response()
    };
    for (name, value) in [(header::LOCATION, location), (IDEMPOTENCY_KEY, key.to_string())] {
        let value = HeaderValue::from_str(&value).map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn refused(registration: &Registration) -> Problem {
    match registration.reason.as_ref().map(domain::saga::ReasonCode::as_str) {
        Some("user-exists") | None => exists(),
        Some(_) => Problem::new(StatusCode::CONFLICT, "registration-refused"),
    }
}

fn exists() -> Problem {
    Problem::refused(&domain::Refusal::User(domain::user::Refusal::UserExists))
}

/// What was asked for, without the password: neither it nor anything made of it may be compared cheaply.
fn digest(user: &UserId, name: &UserName, email: Option<&str>, roles: Roles) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [user.as_str(), name.as_str(), email.unwrap_or_default(), &roles.to_string()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Only the form that everybody agrees on: whether it reaches somebody is shown by a message to it alone.
fn email(raw: &str) -> Result<String, Problem> {
    let raw = raw.trim();
    let parts = raw.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let proper = raw.len() <= EMAIL_BYTES_MAX && !raw.chars().any(|c| c.is_whitespace() || c.is_control());
    if parts.is_some() && proper { Ok(raw.to_owned()) } else { Err(Problem::value("/email", "it is no e-mail address")) }
}

/// The client's key, or a fresh one.
pub fn key(headers: &HeaderMap) -> Result<Uuid, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(infra::random::uuid_v7()) };
    let key = value.to_str().ok().filter(|raw| raw.len() == 36).and_then(|raw| Uuid::try_parse(raw).ok());
    key.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail("Idempotency-Key is a UUID"))
}
