//! Tokens: EdDSA JWTs, signed by auth-api, verified everywhere.
//!
//! Invariants: no other algorithm than EdDSA is ever accepted, whatever a token's header says; the key is chosen by `kid` among our
//! own; issuer, audience, end and revocation are checked on every use.

mod claims;
mod files;
mod keys;
mod sealing;
mod service;
mod signer;
mod verifier;

use std::sync::Arc;

use domain::{Scope, Timestamp, UserId};
use uuid::Uuid;

pub use jsonwebtoken::jwk::JwkSet;

pub use claims::{AUDIENCE, parse_scope, write_scope};
pub use keys::{KEYS_MAX, Keys};
pub use sealing::{Sealed, SealingKey};
pub use service::{ASKED_TOKEN_DURATION, AskedOfAuthApi, NoServiceToken, ServiceSecret, ServiceTokens, SignedHere};
pub use signer::{Grant, Issued, KeyFault, SERVICE_TOKEN_DURATION, Signer};
pub use verifier::{EXPIRY_LEEWAY_MS, REFETCH_INTERVAL_MIN, TOKEN_BYTES_MAX, Verifier, VerifyError};

/// Who calls, as a verified token says.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person, or the service's own name.
    pub user: UserId,
    /// What the token allows beyond acting as that person.
    pub scope: Scope,
    /// The session it belongs to; none for service tokens.
    pub session: Option<Uuid>,
    /// When it was issued, cut to whole seconds.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The token itself, for forwarding. Never logged: [`Token`] hides it.
    pub token: Token,
}

/// A token whose `Debug` hides it.
#[derive(Clone)]
pub struct Token(pub Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}
