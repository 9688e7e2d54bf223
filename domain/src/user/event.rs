//! What can happen to a user.

use serde::{Deserialize, Serialize};

use crate::ids::RoomId;
use crate::text::{StatusText, UserName};
use crate::time::Timestamp;

/// A fact about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `sarangbang.user.registered.v1`
    Registered(Profile),
    /// `sarangbang.user.profile-changed.v1`: the whole profile as it is now.
    ProfileChanged(Profile),
    /// `sarangbang.user.mute-changed.v1`
    MuteChanged(MuteChanged),
    /// `sarangbang.user.visibility-changed.v1`
    VisibilityChanged(VisibilityChanged),
    /// `sarangbang.user.deactivated.v1`
    Deactivated(Deactivated),
}

/// The profile as it is after the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// When the person registered.
    pub registered_at: Timestamp,
    /// What is personal.
    pub personal: ProfilePersonal,
}

/// The personal part of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfilePersonal {
    /// The display name.
    pub user_name: UserName,
    /// The status text; empty when there is none.
    pub status_text: StatusText,
}

/// A room was muted, or is heard again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MuteChanged {
    /// Which room.
    pub room_id: RoomId,
    /// Whether it is muted now.
    pub muted: bool,
}

/// The person has switched presence off, or on again. Whether they are there at a moment is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisibilityChanged {
    /// Whether others are shown neither presence nor typing of theirs now.
    pub presence_hidden: bool,
}

/// The person left for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deactivated {
    /// When.
    pub deactivated_at: Timestamp,
}
