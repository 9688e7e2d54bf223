//! Facts of other streams, gathered before a command is made.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use domain::UserId;
use domain::command::Facts;
use domain::room::{MEMBERS_ADDED_MAX, Refusal};
use infra::http::Problem;

use super::asked::Asked;
use super::{Api, fault};
use crate::bus::Standing;

impl Api {
    /// Which of `users` exist and are active. More than one command may add are refused here, before their owners are asked.
    pub(super) async fn facts_about(&self, asked: &Asked, users: &[UserId]) -> Result<Facts, Problem> {
        if users.len() > MEMBERS_ADDED_MAX {
            return Err(Problem::refused(&Refusal::TooManyAdded { users: users.len() }.into()));
        }
        let active_users = self.within_time(self.bus.active_users(&asked.caller, users)).await?;
        Ok(Facts { active_users, ..Facts::default() })
    }

    /// Which of `users` exist and are active, and with whom of them `actor` stands in a block.
    pub(super) async fn facts_between(&self, asked: &Asked, actor: &UserId, users: &[UserId]) -> Result<Facts, Problem> {
        let facts = self.facts_about(asked, users).await?;
        Ok(Facts { blocked_users: self.blocked_users(asked, actor, users).await?, ..facts })
    }

    /// Whom of the candidates for mentions `actor` must not call, because of a block. An import tells what was said when it was said.
    pub(super) async fn facts_of_mentions(&self, asked: &Asked, actor: &UserId, users: &[UserId]) -> Result<Facts, Problem> {
        if users.is_empty() || asked.caller.scope.import {
            return Ok(Facts::default());
        }
        Ok(Facts { blocked_users: self.blocked_users(asked, actor, users).await?, ..Facts::default() })
    }

    async fn blocked_users(&self, asked: &Asked, actor: &UserId, users: &[UserId]) -> Result<BTreeSet<UserId>, Problem> {
        self.within_time(self.bus.blocked_users(&asked.caller, actor, users)).await
    }

    /// How `user` stands to `room`.
    pub(super) async fn standing(&self, asked: &Asked, room: domain::RoomId, user: &UserId) -> Result<Option<Standing>, Problem> {
        self.within_time(self.bus.standing(&asked.caller, room, user)).await
    }

    /// A question changes nothing, so that one without an answer in time is not an unknown outcome.
    async fn within_time<T>(&self, question: impl Future<Output = Result<T, crate::bus::Fault>>) -> Result<T, Problem> {
        match tokio::time::timeout(self.options.command_duration_max, question).await {
            Ok(answer) => answer.map_err(|error| fault::problem_of(&error)),
            Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-owner").detail("the owner did not answer in time")),
        }
    }
}
