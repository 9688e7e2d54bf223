//! What is said in `sagas.v1`: auth-api asks, the orchestrator tells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::text::UserName;
use crate::wire::DecodeError;

/// One message of one saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `sarangbang.saga.registration-requested.v1`, by auth-api, which holds the pending credentials.
    RegistrationRequested(RegistrationRequested),
    /// `sarangbang.saga.person-registered.v1`, by the orchestrator: the saga is over.
    PersonRegistered(PersonRegistered),
    /// `sarangbang.saga.registration-refused.v1`, by the orchestrator: the saga is over, and auth-api forgets the credentials.
    RegistrationRefused(RegistrationRefused),
    /// `sarangbang.saga.deactivation-requested.v1`, by auth-api, which has closed the account and ended its sessions.
    DeactivationRequested(DeactivationRequested),
    /// `sarangbang.saga.person-deactivated.v1`, by the orchestrator: the saga is over.
    PersonDeactivated(PersonDeactivated),
}

/// Somebody wants to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationRequested {
    /// The permanent id that is reserved.
    pub user_id: UserId,
    /// What is personal.
    pub personal: RegistrationPersonal,
}

/// The personal part of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationPersonal {
    /// The display name.
    pub user_name: UserName,
}

/// The person is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonRegistered {
    /// Who.
    pub user_id: UserId,
}

/// The person is not in the log, and never will be by this saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationRefused {
    /// Who wanted to be registered.
    pub user_id: UserId,
    /// Why not: the code of the refusal, such as `user-exists`, or `saga-aborted` by an administrator.
    pub reason: ReasonCode,
}

/// Somebody leaves for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeactivationRequested {
    /// Who.
    pub user_id: UserId,
}

/// The person has left all rooms, and the log says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonDeactivated {
    /// Who.
    pub user_id: UserId,
}

/// The most characters of a reason's code.
const REASON_CHARACTERS_MAX: usize = 64;

/// Why a saga was refused: a stable code of lower-case letters, digits and `-`, as in `docs/problems.md`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReasonCode(String);

/// It is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason's code has 1 to {REASON_CHARACTERS_MAX} lower-case letters, digits and hyphens")]
pub struct ReasonCodeError;

impl ReasonCode {
    /// Checks `raw`.
    ///
    /// # Errors
    /// [`ReasonCodeError`].
    pub fn parse(raw: &str) -> Result<Self, ReasonCodeError> {
        let proper = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if raw.is_empty() || raw.len() > REASON_CHARACTERS_MAX || !raw.bytes().all(proper) {
            return Err(ReasonCodeError);
        }
        Ok(Self(raw.to_owned()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
impl TryFrom<String> for ReasonCode {
    type Error = ReasonCodeError;
    fn try_from(raw: String) -> Result<Self, ReasonCodeError> {
        Self::parse(&raw)
    }
}
impl From<ReasonCode> for String {
    fn from(code: ReasonCode) -> Self {
        code.0
    }
}

macro_rules! message_types {
    ($( $variant:ident = $name:literal ),* $(,)?) => {
        /// Every message type that this version writes.
        pub const MESSAGE_TYPES: &[&str] = &[$($name),*];

        impl Message {
            /// The versioned CloudEvents type.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }

            /// The JSON body.
            pub(super) fn to_json(&self) -> Vec<u8> {
                match self { $( Self::$variant(body) => crate::wire::to_json(body), )* }
            }

            /// Reads the body of a message of the type `message_type`.
            ///
            /// # Errors
            /// [`DecodeError::UnknownType`] or [`DecodeError::BadBody`].
            pub fn from_json(message_type: &str, body: &[u8]) -> Result<Self, DecodeError> {
                let bad = |error: serde_json::Error| DecodeError::bad_body(message_type, &error);
                match message_type {
                    $( $name => serde_json::from_slice(body).map(Self::$variant).map_err(bad), )*
                    _ => Err(DecodeError::unknown_type(message_type)),
                }
            }
        }
    };
}

message_types! {
    RegistrationRequested = "sarangbang.saga.registration-requested.v1",
    PersonRegistered = "sarangbang.saga.person-registered.v1",
    RegistrationRefused = "sarangbang.saga.registration-refused.v1",
    DeactivationRequested = "sarangbang.saga.deactivation-requested.v1",
    PersonDeactivated = "sarangbang.saga.person-deactivated.v1",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_code_and_no_prose() {
        assert_eq!(ReasonCode::parse("user-exists").unwrap().as_str(), "user-exists");
        for raw in ["", "User", "user exists", "안녕", &"x".repeat(65)] {
            assert_eq!(ReasonCode::parse(raw), Err(ReasonCodeError), "{raw:?}");
        }
    }
}
