//! What a user must remember in order to decide.

use std::collections::BTreeSet;

use super::Profile;
use crate::envelope::Version;
use crate::ids::{CommandId, RoomId};

/// A user. No profile: nobody registered this id yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The stream's version; 0 before registration.
    pub version: Version,
    /// The profile; nothing before registration.
    pub profile: Option<Profile>,
    /// The command that registered the person: its repeat is a success, however late it comes.
    pub registered_by: Option<CommandId>,
    /// Whether the person left for good.
    pub deactivated: bool,
    /// Rooms that the person does not want to hear of.
    pub muted: BTreeSet<RoomId>,
    /// Whether they have switched presence off.
    #[serde(default)]
    pub presence_hidden: bool,
}
