//! Public keys by their ids, and their form on the wire (RFC 7517, a JWK set).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};

/// The most keys that a set may hold.
pub const KEYS_MAX: usize = 16;
/// The bytes of an Ed25519 public key.
const ED25519_BYTES: usize = 32;

/// The Ed25519 keys that tokens may be signed with.
#[derive(Clone, Default)]
pub struct Keys(BTreeMap<String, DecodingKey>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Keys {
    /// The usable keys of `set`: Ed25519 ones that have an id. Others are passed over, because a set may hold keys for others.
    #[must_use]
    pub fn of_set(set: &JwkSet) -> Self {
        Self(set.keys.iter().filter_map(usable).take(KEYS_MAX).collect())
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&DecodingKey> {
        self.0.get(id)
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let id = jwk.common.key_id.clone()?;
    let AlgorithmParameters::OctetKeyPair(parameters) = &jwk.algorithm else { return None };
    if parameters.curve != EllipticCurve::Ed25519 {
        return None;
    }
    // The library would panic on a shorter key.
    let bytes = URL_SAFE_NO_PAD.decode(&parameters.x).ok().filter(|bytes| bytes.len() == ED25519_BYTES)?;
    Some((id, DecodingKey::from_ed_der(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ed25519_keys_with_an_id_are_taken() {
        let set: JwkSet = serde_json::from_value(serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "good", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "11qYAYKxCrfVS_7T"},
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
        ]}))
        .unwrap();
        assert_eq!(format!("{:?}", Keys::of_set(&set)), r#"{"good"}"#);
    }
}
