//! What every command has beside its body: who asks, in whose name, under which id.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::command::Body;
use domain::{Command, CommandId, StreamId, UserId};
use infra::http::{Authenticated, Problem, trace};
use infra::tokens::Caller;
use uuid::Uuid;

use super::{Api, fault, idempotency};
use crate::bus::Outcome;

/// A caller with a valid token who keeps to the rate limit, and the id of the command.
#[derive(Debug)]
pub struct Asked {
    /// Who holds the token.
    pub caller: Caller,
    /// The command's id.
    pub id: CommandId,
}

/// What a command belongs to and comes from.
#[derive(Debug)]
pub struct Origin {
    /// The saga, or the command itself where it begins something.
    pub correlation_id: Uuid,
    /// The message or event that caused it.
    pub causation_id: Option<Uuid>,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, api).await?;
        api.rate_limit.check(&caller)?;
        let id = *parts.extensions.get::<CommandId>().ok_or_else(|| Problem::internal(&idempotency::MISSING))?;
        if id.is_derived() && !caller.scope.may_derive_ids() {
            return Err(idempotency::bad("Idempotency-Key of version 5 is for services and imports; choose one of version 7"));
        }
        Ok(Self { caller, id })
    }
}

impl Asked {
    /// In whose name: the caller's own, or with the `import` scope somebody else's.
    ///
    /// # Errors
    /// 403 for somebody else's name without the scope.
    pub fn actor(&self, on_behalf_of: Option<UserId>) -> Result<UserId, Problem> {
        match on_behalf_of {
            None => Ok(self.caller.user.clone()),
            Some(user) if self.caller.scope.import || user == self.caller.user => Ok(user),
            Some(_) => Err(not_allowed(&domain::NotAuthorised::OnBehalf)),
        }
    }
}

impl Api {
    /// Executes one command and waits for its outcome, but no longer than the settings say.
    pub(super) async fn execute(&self, asked: &Asked, actor: UserId, stream: StreamId, body: Body) -> Result<Outcome, Problem> {
        let origin = Origin { correlation_id: asked.id.as_uuid(), causation_id: None };
        self.execute_from(asked, &origin, actor, stream, body).await
    }

    /// As [`Self::execute`], for a command that something before it has caused.
    pub(super) async fn execute_from(
        &self,
        asked: &Asked,
        origin: &Origin,
        actor: UserId,
        stream: StreamId,
        body: Body,
    ) -> Result<Outcome, Problem> {
        let command = Command {
            hash: body.canonical_hash(&stream),
            stream,
            actor,
            id: asked.id,
            traceparent: trace::current().map(|context| context.to_string()),
            correlation_id: origin.correlation_id,
            causation_id: origin.causation_id,
            body,
        };
        command.authorise(&asked.caller.user, asked.caller.scope).map_err(|error| not_allowed(&error))?;
        let outcome = tokio::time::timeout(self.options.command_duration_max, self.bus.execute(&asked.caller, command)).await;
        outcome.unwrap_or(Err(crate::bus::Fault::OutcomeUnknown)).map_err(|error| fault::problem_of(&error))
    }
}

/// 403: the token does not allow it.
pub fn not_allowed(why: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "not-allowed").detail(why.to_string())
}
