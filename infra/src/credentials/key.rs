//! Signing keys.

use domain::Timestamp;

use super::account::words;

words! {
    /// What a key is for now.
    KeyState {
        /// Known to all who verify, and not used yet.
        Next = "next",
        /// Signs.
        Current = "current",
        /// Signs no more; what it signed may still be good.
        Retired = "retired",
    }
}

/// A key pair, its private part sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// RFC 7638 thumbprint.
    pub id: String,
    /// What it is for now.
    pub state: KeyState,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
    /// Since when it is in this state.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A change of the keys.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A new one.
    Add(SigningKey),
    /// From one state to another.
    Move {
        /// Which.
        id: String,
        /// From where it must be.
        from: KeyState,
        /// To where it goes.
        to: KeyState,
        /// When.
        at: Timestamp,
    },
    /// One that nothing good is signed with any more.
    Drop(String),
}
