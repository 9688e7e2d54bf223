//! `POST /internal/service-tokens`: gives a service of ours its own token.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::{Scope, Timestamp, UserId};
use infra::credentials::{AuditEvent, Entry};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem, auth};
use infra::tokens::{ASKED_TOKEN_DURATION, Grant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::ClientAddress;
use crate::{Identity, log_line, outcome};

/// Which service asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueServiceToken {
    /// Its name, such as `orchestrator`: whom its commands are said to come from.
    #[schema(value_type = String)]
    service: UserId,
}

/// A service's token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTokenIssued {
    /// For `Authorization: Bearer`.
    token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Gives a token of the scope `service` to who brings the service secret in `Authorization: Bearer`.
#[utoipa::path(
    post, path = "/internal/service-tokens", tag = "internal", request_body = IssueServiceToken, security(("bearer" = [])),
    responses((status = 200, body = ServiceTokenIssued), Problems)
)]
pub async fn issue(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(IssueServiceToken { service }): Json<IssueServiceToken>,
) -> Result<Json<ServiceTokenIssued>, Problem> {
    let given = auth::given_token(&headers).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "token-missing"))?;
    let entry = Entry { address: Some(address), ..Entry::new(AuditEvent::TokenIssued, Some(service.clone()), identity.now()) };
    if !identity.0.service_secret.is(given) {
        log_line(&Entry { event: AuditEvent::SignInFailed, detail: Some("service secret".to_owned()), ..entry });
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-invalid"));
    }
    let entry = Entry { detail: Some("service".to_owned()), ..entry };
    identity.credentials().audit(&entry).await.map_err(outcome::of_database)?;
    log_line(&entry);
    let scope = Scope { service: true, ..Scope::default() };
    let grant = Grant { user: service, scope, session: None, duration: ASKED_TOKEN_DURATION };
    let issued = identity.0.keyring.signer().issue(&grant).map_err(|error| Problem::internal(&error))?;
    Ok(Json(ServiceTokenIssued { token: issued.token.0.to_string(), expires_at: issued.expires_at }))
}
