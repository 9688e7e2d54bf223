//! Registration: auth-api holds pending credentials; the person is registered in the log; auth-api activates or forgets.
//!
//! ```text
//! requested ─► register-user ─┬─ done ────► tell person-registered ────► completed
//!                             ├─ refused ─► tell registration-refused ─► compensated
//!                             └─ unknown ─► register-user again, same command id
//! ```
//!
//! A time-out never compensates: an outcome that nobody knows may be a person in the log.

use domain::UserId;
use domain::saga::{Message, Outcome, PersonRegistered, ReasonCode, RegistrationRefused, RegistrationRequested, Step};
use domain::text::UserName;
use serde::{Deserialize, Serialize};

use super::{Effect, End, Input};

/// The reason that auth-api is told when an administrator gave up.
const ABORTED: &str = "saga-aborted";

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    user_id: UserId,
    user_name: UserName,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    Registering,
    TellingRegistered,
    TellingRefused { reason: ReasonCode, aborted: bool },
    Over(End),
}

impl Registration {
    /// Begins.
    #[must_use]
    pub fn requested(request: &RegistrationRequested) -> Self {
        let RegistrationRequested { user_id, personal } = request.clone();
        Self { user_id, user_name: personal.user_name, stage: Stage::Registering }
    }

    /// Who is registered.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The display name that the person is registered with.
    #[must_use]
    pub const fn user_name(&self) -> &UserName {
        &self.user_name
    }

    pub(super) fn react(&self) -> Option<Effect> {
        let user_id = self.user_id.clone();
        match &self.stage {
            Stage::Registering => Some(Effect::Take(Step::RegisterUser)),
            Stage::TellingRegistered => Some(Effect::Tell(Message::PersonRegistered(PersonRegistered { user_id }))),
            Stage::TellingRefused { reason, .. } => {
                let reason = reason.clone();
                Some(Effect::Tell(Message::RegistrationRefused(RegistrationRefused { user_id, reason })))
            }
            Stage::Over(_) => None,
        }
    }

    pub(super) fn evolve(&mut self, input: &Input) {
        let next = match (&self.stage, input) {
            (Stage::Registering, Input::Taken(Outcome::Done)) => Stage::TellingRegistered,
            (Stage::Registering, Input::Taken(Outcome::Refused(reason))) => {
                Stage::TellingRefused { reason: reason.clone(), aborted: false }
            }
            (Stage::Registering, Input::Aborted) => match ReasonCode::parse(ABORTED) {
                Ok(reason) => Stage::TellingRefused { reason, aborted: true },
                Err(_) => return,
            },
            (Stage::TellingRegistered, Input::Told) => Stage::Over(End::Completed),
            (Stage::TellingRefused { aborted: true, .. }, Input::Told) => Stage::Over(End::Aborted),
            (Stage::TellingRefused { reason, aborted: false }, Input::Told) => Stage::Over(End::Compensated(reason.clone())),
            _ => return,
        };
        self.stage = next;
    }

    pub(super) const fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Over(end) => Some(end),
            _ => None,
        }
    }

    pub(super) const fn may_be_aborted(&self) -> bool {
        matches!(self.stage, Stage::Registering)
    }
}

#[cfg(test)]
mod tests {
    use domain::saga::RegistrationPersonal;

    use super::*;

    fn requested() -> Registration {
        let personal = RegistrationPersonal { user_name: UserName::parse("Ann").unwrap() };
        Registration::requested(&RegistrationRequested { user_id: UserId::parse("ann").unwrap(), personal })
    }
    fn after(inputs: &[Input]) -> Registration {
        let mut process = requested();
        inputs.iter().for_each(|input| process.evolve(input));
        process
    }
    fn refused() -> Input {
        Input::Taken(Outcome::Refused(ReasonCode::parse("user-exists").unwrap()))
    }
    fn told(process: &Registration) -> &'static str {
        match process.react() {
            Some(Effect::Tell(message)) => message.type_name(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_person_is_registered_and_that_is_told() {
        let taken = after(&[Input::Taken(Outcome::Done)]);
        assert_eq!(told(&taken), "sarangbang.saga.person-registered.v1");
        let over = after(&[Input::Taken(Outcome::Done), Input::Told]);
        assert_eq!((over.end(), over.react()), (Some(&End::Completed), None));
    }

    #[test]
    fn a_refusal_compensates_and_a_time_out_never_does() {
        let unknown = after(&[Input::Taken(Outcome::Unknown), Input::Taken(Outcome::Unknown)]);
        assert_eq!(unknown, requested());
        let refused = after(&[Input::Taken(Outcome::Unknown), refused()]);
        assert_eq!(told(&refused), "sarangbang.saga.registration-refused.v1");
        let mut over = refused;
        over.evolve(&Input::Told);
        assert!(matches!(over.end(), Some(End::Compensated(reason)) if reason.as_str() == "user-exists"));
    }

    #[test]
    fn what_comes_late_or_twice_changes_nothing() {
        let registered = after(&[Input::Taken(Outcome::Done)]);
        for late in [refused(), Input::Taken(Outcome::Done), Input::Aborted, Input::Waited] {
            assert_eq!(after(&[Input::Taken(Outcome::Done), late.clone()]), registered, "{late:?}");
        }
        assert_eq!(after(&[Input::Told]), requested());
    }

    #[test]
    fn giving_up_tells_auth_api_to_forget() {
        let aborted = after(&[Input::Aborted]);
        assert_eq!(told(&aborted), "sarangbang.saga.registration-refused.v1");
        assert_eq!(after(&[Input::Aborted, Input::Told]).end(), Some(&End::Aborted));
        assert!(!aborted.may_be_aborted());
    }
}
