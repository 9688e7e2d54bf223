//! `/internal/accounts`: what `sarangbang admin` does. A service token opens it; the gateway never routes here.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::{Timestamp, UserId};
use infra::credentials::{Account, AuditEvent, Ended, Entry, Progress, Role, Roles, StateChange, Which};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem, Query};
use infra::tokens::Caller;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::register::{self, Register};
use super::registration::{RegistrationView, settled};
use crate::passwords::Password;
use crate::{Identity, log_line, outcome};

/// The most accounts of one page.
const PAGE_MAX: u32 = 200;

/// An account, as an administrator sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Whose.
    #[schema(value_type = String)]
    user_id: UserId,
    /// `pending`, `active`, `disabled` or `deactivated`.
    state: &'static str,
    /// `admin`, or nothing.
    roles: Vec<String>,
    /// When it was reserved.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let roles = account.roles.to_string().split_whitespace().map(str::to_owned).collect();
        Self { user_id: account.user, state: account.state.word(), roles, created_at: account.created_at }
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountsView {
    /// By id.
    items: Vec<AccountView>,
}

/// Which accounts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Those after this id.
    #[param(value_type = Option<String>)]
    after: Option<UserId>,
    /// Administrators alone.
    #[serde(default)]
    admin: bool,
}

/// The roles of an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetRoles {
    /// Whether it is an administrator's.
    admin: bool,
}

/// A password that an administrator sets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetPassword {
    /// The password from now on.
    new: Password,
}

/// Lists accounts by id.
#[utoipa::path(
    get, path = "/internal/accounts", tag = "internal", params(Wanted), security(("bearer" = [])),
    responses((status = 200, body = AccountsView), Problems)
)]
pub async fn list(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Query(Wanted { after, admin }): Query<Wanted>,
) -> Result<Json<AccountsView>, Problem> {
    service(&caller)?;
    let role = admin.then_some(Role::Admin);
    let accounts = identity.credentials().accounts(after.as_ref(), role, PAGE_MAX).await.map_err(outcome::of_database)?;
    Ok(Json(AccountsView { items: accounts.into_iter().map(AccountView::from).collect() }))
}

/// Registers an administrator, by the same saga as everybody.
#[utoipa::path(
    post, path = "/internal/accounts", tag = "internal", request_body = Register, security(("bearer" = [])),
    responses((status = 201, body = RegistrationView), (status = 202, body = RegistrationView), Problems)
)]
pub async fn create(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<RegistrationView>), Problem> {
    service(&caller)?;
    let entry = Entry::new(AuditEvent::RegistrationRequested, None, identity.now());
    let entry = Entry { actor: Some(caller.user.to_string()), detail: Some(Role::Admin.word().to_owned()), ..entry };
    let registration = register::begin(&identity, body, register::key(&headers)?, Roles { admin: true }, entry).await?;
    let registration = settled(&identity, registration).await?;
    let done = registration.progress != Progress::Pending;
    Ok((if done { StatusCode::CREATED } else { StatusCode::ACCEPTED }, Json(registration.into())))
}

/// Shuts somebody out until further notice: their sessions end everywhere.
#[utoipa::path(
    post, path = "/internal/accounts/{userId}/disable", tag = "internal", params(("userId" = String, Path)),
    security(("bearer" = [])), responses((status = 204, description = "shut out"), Problems)
)]
pub async fn disable(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Path(user): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let change = StateChange::Disable(identity.ended(Which::All));
    change_state(&identity, &caller, &user, &change, AuditEvent::AccountDisabled).await
}

/// Lets somebody in again.
#[utoipa::path(
    post, path = "/internal/accounts/{userId}/enable", tag = "internal", params(("userId" = String, Path)),
    security(("bearer" = [])), responses((status = 204, description = "let in"), Problems)
)]
pub async fn enable(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Path(user): Path<UserId>,
) -> Result<StatusCode, Problem> {
    change_state(&identity, &caller, &user, &StateChange::Enable, AuditEvent::AccountEnabled).await
}

async fn change_state(
    identity: &Identity,
    caller: &Caller,
    user: &UserId,
    change: &StateChange,
    event: AuditEvent,
) -> Result<StatusCode, Problem> {
    let entry = entry_of(identity, caller, user, event)?;
    let changed = identity.credentials().change_state(user, change, &entry).await.map_err(outcome::of_database)?;
    done(identity, changed, &entry)
}

/// Sets another password and ends all sessions.
#[utoipa::path(
    put, path = "/internal/accounts/{userId}/password", tag = "internal", request_body = ResetPassword,
    params(("userId" = String, Path)), security(("bearer" = [])), responses((status = 204, description = "set"), Problems)
)]
pub async fn reset_password(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Path(user): Path<UserId>,
    Json(ResetPassword { new }): Json<ResetPassword>,
) -> Result<StatusCode, Problem> {
    let entry = entry_of(&identity, &caller, &user, AuditEvent::PasswordReset)?;
    let hashed = identity.0.passwords.hash(new, vec![user.to_string()]).await.map_err(outcome::of_hashing)?;
    let hashed = hashed.map_err(|weak| outcome::of_weak("/new", weak))?;
    let ends = Some(Ended { at: entry.at, ..identity.ended(Which::All) });
    let changed = identity.credentials().set_password(&user, None, &hashed, ends, &entry).await.map_err(outcome::of_database)?;
    done(&identity, changed, &entry)
}

/// Gives or takes the administrator's role. Sessions end, so that no token with the old rights is left.
#[utoipa::path(
    put, path = "/internal/accounts/{userId}/roles", tag = "internal", request_body = SetRoles,
    params(("userId" = String, Path)), security(("bearer" = [])), responses((status = 204, description = "set"), Problems)
)]
pub async fn set_roles(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Path(user): Path<UserId>,
    Json(SetRoles { admin }): Json<SetRoles>,
) -> Result<StatusCode, Problem> {
    let entry = entry_of(&identity, &caller, &user, AuditEvent::RolesChanged)?;
    let roles = Roles { admin };
    let entry = Entry { detail: Some(roles.to_string()), ..entry };
    let ended = identity.ended(Which::All);
    let changed = identity.credentials().set_roles(&user, roles, ended, &entry).await.map_err(outcome::of_database)?;
    done(&identity, changed, &entry)
}

fn entry_of(identity: &Identity, caller: &Caller, user: &UserId, event: AuditEvent) -> Result<Entry, Problem> {
    service(caller)?;
    Ok(Entry { actor: Some(caller.user.to_string()), ..Entry::new(event, Some(user.clone()), identity.now()) })
}

/// 404 where there is no account that this could be done to.
fn done(identity: &Identity, changed: bool, entry: &Entry) -> Result<StatusCode, Problem> {
    if !changed {
        return Err(Problem::new(StatusCode::NOT_FOUND, "account-not-found"));
    }
    log_line(entry);
    identity.0.outbox.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

fn service(caller: &Caller) -> Result<(), Problem> {
    if caller.scope.service {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed").detail("this takes a token with the scope `service`"))
}
