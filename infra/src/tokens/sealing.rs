//! Seals the private keys that stand in a database, so that its backups sign nothing.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::KeyFault;
use super::files;
use crate::random;

/// The bytes of a nonce, which stands before what it sealed.
const NONCE_BYTES: usize = 24;

/// The key that seals others: XChaCha20-Poly1305, whose nonces are long enough to be drawn at random. Its `Debug` shows nothing.
pub struct SealingKey(XChaCha20Poly1305);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(hidden)")
    }
}

/// What was sealed cannot be opened: it was sealed with another key, for another name, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed key cannot be opened: was it sealed with another sealing key?")]
pub struct Sealed;

impl SealingKey {
    /// The key in `file` (32 bytes in Base64), which is made, readable by its owner alone, if it is not there.
    ///
    /// # Errors
    /// [`KeyFault`]; a key that others may read is refused.
    pub fn open(file: &Path) -> Result<Self, KeyFault> {
        let text = files::open_secret(file, || STANDARD.encode(random::secret_bytes()) + "\n")?;
        let bytes = std::str::from_utf8(&text).ok().and_then(|text| STANDARD.decode(text.trim()).ok());
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::of_bytes).ok_or_else(|| KeyFault::Sealing { path: file.display().to_string() })
    }

    /// A fresh key that is kept nowhere: for tests.
    #[must_use]
    pub fn generate() -> Self {
        Self::of_bytes(random::secret_bytes())
    }

    fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(bytes)))
    }

    /// Seals `secret` for `name`: under another name it cannot be opened.
    ///
    /// # Errors
    /// [`Sealed`], which would be a defect.
    pub fn seal(&self, name: &str, secret: &[u8; 32]) -> Result<Vec<u8>, Sealed> {
        let mut nonce = [0; NONCE_BYTES];
        nonce.iter_mut().zip(random::secret_bytes()).for_each(|(to, from)| *to = from);
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: name.as_bytes() }).map_err(|_| Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `name`.
    ///
    /// # Errors
    /// [`Sealed`].
    pub fn unseal(&self, name: &str, sealed: &[u8]) -> Result<[u8; 32], Sealed> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Sealed)?;
        let payload = Payload { msg: sealed, aad: name.as_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Sealed)?.try_into().map_err(|_| Sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealing.key");
        let (key, secret) = (SealingKey::open(&file).unwrap(), [7; 32]);
        let sealed = key.seal("key 1", &secret).unwrap();
        assert!(!sealed.windows(8).any(|part| part == [7; 8]) && sealed != key.seal("key 1", &secret).unwrap());
        assert_eq!(SealingKey::open(&file).unwrap().unseal("key 1", &sealed), Ok(secret), "the file is kept");
        assert_eq!(key.unseal("key 2", &sealed), Err(Sealed));
        assert_eq!(SealingKey::generate().unseal("key 1", &sealed), Err(Sealed));
        for place in [0, 30, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(key.unseal("key 1", &damaged), Err(Sealed), "{place}");
        }
        assert_eq!(key.unseal("key 1", &sealed[..20]), Err(Sealed));
        std::fs::write(&file, "too short").unwrap();
        assert!(matches!(SealingKey::open(&file), Err(KeyFault::Sealing { .. })));
    }
}
