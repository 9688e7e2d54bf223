//! The limits of the live feed, in one place.

use std::time::Duration;

use crate::progress::WAIT_MAX;

/// What a socket, a person and this node may use. The defaults suit a node of 10,000 sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sockets on this node; one more is answered 503.
    pub sockets_max: usize,
    /// Sockets of one person on this node; one more is answered 429.
    pub sockets_per_user_max: usize,
    /// Subscriptions of one socket.
    pub subscriptions_max: usize,
    /// Frames that may wait for one socket; a client that is slower is cut off and resumes.
    pub queue_frames_max: usize,
    /// Bytes that may wait for one socket. Texts are shared among sockets, so this bounds what the client must fetch rather
    /// than what the node holds.
    pub queue_bytes_max: usize,
    /// How long a subscription, or a reaction on its way, waits for the read model.
    pub read_model_wait_max: Duration,
    /// Rows that a resuming subscription is sent; with more, the client reads the room anew.
    pub changes_max: u32,
    /// Bytes of the frames that it is sent.
    pub changes_bytes_max: usize,
    /// Frames a second that a client may send in the long run.
    pub frames_per_second_max: u32,
    /// Frames that it may send at once, for instance to subscribe to all of its rooms.
    pub frames_burst_max: u32,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// After which silence a socket is closed: more than two pings.
    pub idle_max: Duration,
    /// How long writing to a socket may take before the client counts as too slow.
    pub write_time_max: Duration,
    /// One-time tickets that may be open on this node.
    pub tickets_max: usize,
    /// People whose presence, or when they were last seen, this node remembers.
    pub presence_people_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sockets_max: 50_000,
            sockets_per_user_max: 20,
            subscriptions_max: 500,
            queue_frames_max: 1_024,
            queue_bytes_max: 1024 * 1024,
            read_model_wait_max: WAIT_MAX,
            changes_max: 1_000,
            changes_bytes_max: 4 * 1024 * 1024,
            frames_per_second_max: 20,
            frames_burst_max: 1_000,
            ping_interval: Duration::from_secs(30),
            idle_max: Duration::from_secs(75),
            write_time_max: Duration::from_secs(10),
            tickets_max: 10_000,
            presence_people_max: 100_000,
        }
    }
}

/// The most bytes a client's frame may have: the largest is a token.
pub const FRAME_BYTES_MAX: usize = 8 * 1024;
/// The buffer that a socket reads into. tungstenite's own default of 128 KiB would be most of an idle socket's memory.
pub const READ_BUFFER_BYTES: usize = 2 * 1024;
/// How many bytes are gathered before they are written.
pub const WRITE_BUFFER_BYTES: usize = 8 * 1024;
/// How many may be gathered while the client does not read: above any single frame.
pub const WRITE_BUFFER_BYTES_MAX: usize = 512 * 1024;
/// Items that a socket takes from its queue in one turn.
pub const TURN_ITEMS_MAX: usize = 32;
/// Live changes that wait for one joining subscription; with more, the client reads the room anew.
pub const JOIN_BUFFER_MAX: usize = 1_024;
/// Subscriptions of one socket that join at the same time; the others wait their turn.
pub const JOINS_PER_SOCKET_MAX: usize = 4;
/// Subscriptions of all sockets that read the read model at the same time.
pub const JOINS_READING_MAX: usize = 32;
/// Changes of one room that wait for the read model behind a reaction; with more, its readers start anew.
pub const HELD_MAX: usize = 1_024;
/// How often one person's typing in one room is passed on.
pub const TYPING_INTERVAL: Duration = Duration::from_secs(2);
/// How old a typing notice may be when it arrives here.
pub const TYPING_AGE_MAX: Duration = Duration::from_secs(10);
/// How many frames of the allowance a malformed one costs.
pub const MALFORMED_COST: u32 = 20;
/// How often this node looks what is to be said of its people: the latency of presence, and with [`RECORD_PEOPLE_MAX`] the bound on
/// what even the busiest clients make of it.
pub const PRESENCE_TURN: Duration = Duration::from_millis(250);
/// How often presence that lasts is said again.
pub const BEAT: Duration = Duration::from_secs(20);
/// How long a word about somebody holds when it is not said again: above two beats.
pub const WORD_KEPT: Duration = Duration::from_secs(50);
/// How long it is remembered when somebody was last seen, as long as the node runs.
pub const LAST_SEEN_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often is looked for what is over.
pub const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// Nodes that may say that one person is there.
pub const NODES_MAX: usize = 16;
/// People in one record of presence.
pub const RECORD_PEOPLE_MAX: usize = 200;
/// People in one frame of presence.
pub const FRAME_PEOPLE_MAX: usize = 200;
/// Friends whose presence somebody is shown.
pub const FRIENDS_MAX: u32 = 1_000;
/// People whose friends are read from the read model at the same time.
pub const CIRCLE_READS_MAX: usize = 8;
/// Typing of one person that waits until it is known whether they hide.
pub const TYPING_HELD_MAX: usize = 4;
