//! What can be asked of a user.

use serde::{Deserialize, Serialize};

use crate::ids::RoomId;
use crate::text::{StatusText, UserName};
use crate::time::Timestamp;

/// A request to one user's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Come into being. Refused for everybody but the command that did it once the stream exists.
    Register {
        /// The display name.
        user_name: UserName,
        /// When the person joined, where an import knows better than the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registered_at: Option<Timestamp>,
    },
    /// Change the display name or the status text; what is `None` stays.
    ChangeProfile {
        /// The new display name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_name: Option<UserName>,
        /// The new status text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_text: Option<StatusText>,
    },
    /// Mute a room, or hear it again.
    SetMuted {
        /// Which room.
        room: RoomId,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Switch presence and typing off, or on again.
    SetVisibility {
        /// Whether others are shown neither from now on.
        presence_hidden: bool,
    },
    /// Leave for good.
    Deactivate,
}
