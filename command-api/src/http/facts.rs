//! Facts of other streams, gathered before a command is made.

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
        Ok(Facts { active_users })
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
