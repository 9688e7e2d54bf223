//! What a user must remember in order to decide.

use std::collections::BTreeSet;

use super::Profile;
use crate::envelope::Version;
use crate::ids::RoomId;

/// A user. No profile: nobody registered this id yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The stream's version; 0 before registration.
    pub version: Version,
    /// The profile; nothing before registration.
    pub profile: Option<Profile>,
    /// Whether the person left for good.
    pub deactivated: bool,
    /// Rooms that the person does not want to hear of.
    pub muted: BTreeSet<RoomId>,
}
