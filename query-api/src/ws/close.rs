//! Why a socket closes, and the close code that says so. Codes of 4000 and above are our own.

use axum::extract::ws::{CloseCode, CloseFrame};

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// This node stops: connect again, and resume. 1001.
    Stopping,
    /// A frame is larger than the limit. 1009.
    FrameTooLarge,
    /// The token is over and no new one came: connect again with a new one, and resume. 4401.
    TokenExpired,
    /// The session of the token was ended, or the person shut out: sign in again. 4403.
    SessionEnded,
    /// Nothing was heard for too long. 4408.
    Idle,
    /// The client takes frames more slowly than they come: connect again, and resume. 4413.
    TooSlow,
    /// The client sends more than it may. 4429.
    TooManyFrames,
}

impl CutOff {
    /// Each with its code and its name, for the protocol's documentation.
    pub const ALL: [Self; 7] = [
        Self::Stopping,
        Self::FrameTooLarge,
        Self::TokenExpired,
        Self::SessionEnded,
        Self::Idle,
        Self::TooSlow,
        Self::TooManyFrames,
    ];

    /// The close code.
    #[must_use]
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Stopping => 1001,
            Self::FrameTooLarge => 1009,
            Self::TokenExpired => 4401,
            Self::SessionEnded => 4403,
            Self::Idle => 4408,
            Self::TooSlow => 4413,
            Self::TooManyFrames => 4429,
        }
    }

    /// The reason, also the metric's label.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::FrameTooLarge => "frame-too-large",
            Self::TokenExpired => "token-expired",
            Self::SessionEnded => "session-ended",
            Self::Idle => "idle",
            Self::TooSlow => "too-slow",
            Self::TooManyFrames => "too-many-frames",
        }
    }

    /// The close frame.
    #[must_use]
    pub fn frame(self) -> CloseFrame {
        CloseFrame { code: self.code(), reason: self.reason().into() }
    }
}
