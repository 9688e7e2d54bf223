//! Refresh tokens: 256 random bits, of which the database holds the digest alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infra::credentials::Digest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A refresh token. Its `Debug` hides it.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct RefreshToken(String);

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(hidden)")
    }
}

impl From<&str> for RefreshToken {
    fn from(given: &str) -> Self {
        Self(given.to_owned())
    }
}

impl RefreshToken {
    /// A fresh one.
    #[must_use]
    pub fn fresh() -> Self {
        Self(URL_SAFE_NO_PAD.encode(infra::random::secret_bytes()))
    }

    /// What the database knows it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The token itself, for the one who may have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_and_none_is_shown() {
        let (one, other) = (RefreshToken::fresh(), RefreshToken::fresh());
        assert!(one.reveal().len() == 43 && one.reveal() != other.reveal());
        assert_eq!(one.digest(), RefreshToken::from(one.reveal()).digest());
        assert_ne!(one.digest(), other.digest());
        assert!(!format!("{one:?}{:?}", one.digest()).contains(one.reveal()));
    }
}
