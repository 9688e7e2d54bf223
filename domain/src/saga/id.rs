//! The id of a saga.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Step;
use crate::ids::{CommandId, Pair, UserId};

/// The name space of saga ids that are derived.
const SAGA_IDS: Uuid = Uuid::from_u128(0x2f6b_90d4_3a1c_4b57_8d0e_66c1_94be_1f7a);

/// One run of a saga: the record key in `sagas.v1`, and the correlation id of all that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SagaId(Uuid);

impl SagaId {
    /// An id that is known already.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The registration that a client asked for with `key` (its `Idempotency-Key`): the same request, the same saga.
    #[must_use]
    pub fn of_registration(user: &UserId, key: Uuid) -> Self {
        Self(Uuid::new_v5(&SAGA_IDS, format!("registration\0{user}\0{key}").as_bytes()))
    }

    /// The deactivation of `user`. Nobody leaves twice, so the person says it all.
    #[must_use]
    pub fn of_deactivation(user: &UserId) -> Self {
        Self(Uuid::new_v5(&SAGA_IDS, format!("deactivation\0{user}").as_bytes()))
    }

    /// The direct room of two people: one process for as long as they may block each other.
    #[must_use]
    pub fn of_direct_room(pair: &Pair) -> Self {
        Self(Uuid::new_v5(&SAGA_IDS, format!("direct-room\0{pair}").as_bytes()))
    }

    /// The id of the command that takes `step`: the same in every attempt.
    #[must_use]
    pub fn command(self, step: &Step) -> CommandId {
        CommandId::derived(&self.to_string(), &step.name())
    }

    /// The bare UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for SagaId {
    type Err = uuid::Error;
    fn from_str(raw: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(raw).map(Self)
    }
}
