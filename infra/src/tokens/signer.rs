//! Signs tokens with the key in a file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Scope, Timestamp, UserId};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use uuid::Uuid;

use super::claims::{AUDIENCE, Claims, write_scope};
use super::{Keys, Token, Verifier, files};
use crate::clock::Clock;
use crate::random;

/// How long a service's own token is good for: one call, and a slow clock on the other side.
pub const SERVICE_TOKEN_DURATION: Duration = Duration::from_secs(60);

/// What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The file cannot be read or made.
    #[error("the key {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Others than the owner may read the file.
    #[error("the key {path} may be read by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// Which file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not an Ed25519 key.
    #[error("no Ed25519 key in PKCS #8 PEM form: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
    /// It is no sealing key.
    #[error("{path} holds no sealing key: 32 bytes in Base64")]
    Sealing {
        /// Which file.
        path: String,
    },
    /// A secret that could be guessed.
    #[error("the secret in {path} is too short: it needs {characters_min} characters, drawn at random")]
    ShortSecret {
        /// Which file.
        path: String,
        /// How many it needs.
        characters_min: usize,
    },
}

/// What a token shall say.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who.
    pub user: UserId,
    /// What it allows beyond acting as that person.
    pub scope: Scope,
    /// The session it belongs to.
    pub session: Option<Uuid>,
    /// How long it is good for; cut to whole seconds.
    pub duration: Duration,
}

impl Grant {
    /// A person's token without further rights.
    #[must_use]
    pub fn person(user: UserId, duration: Duration) -> Self {
        Self { user, scope: Scope::default(), session: None, duration }
    }

    /// A service's own token for one call to another service.
    #[must_use]
    pub fn service(name: UserId) -> Self {
        let scope = Scope { service: true, ..Scope::default() };
        Self { user: name, scope, session: None, duration: SERVICE_TOKEN_DURATION }
    }
}

/// A signed token.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Signs tokens. Its `Debug` shows the key's id alone.
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
    key_id: String,
    issuer: String,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Signer {
    /// The key in `file` (PKCS #8 PEM), which is made, readable by its owner alone, if it is not there.
    ///
    /// # Errors
    /// [`KeyFault`]; a key that others may read is refused.
    pub fn open(file: &Path, issuer: &str, clock: Arc<dyn Clock>) -> Result<Self, KeyFault> {
        let pem = files::open_secret(file, || pem_of(&random::secret_bytes()))?;
        Self::of_pem(&pem, issuer, clock)
    }

    /// A fresh key that is kept nowhere: for tests.
    ///
    /// # Errors
    /// [`KeyFault::Key`], which would be a defect.
    pub fn generate(issuer: &str, clock: Arc<dyn Clock>) -> Result<Self, KeyFault> {
        Self::of_seed(&random::secret_bytes(), issuer, clock)
    }

    /// The key that this Ed25519 seed makes.
    ///
    /// # Errors
    /// [`KeyFault::Key`], which would be a defect.
    pub fn of_seed(seed: &[u8; 32], issuer: &str, clock: Arc<dyn Clock>) -> Result<Self, KeyFault> {
        Self::of_pem(pem_of(seed).as_bytes(), issuer, clock)
    }

    fn of_pem(pem: &[u8], issuer: &str, clock: Arc<dyn Clock>) -> Result<Self, KeyFault> {
        let key = EncodingKey::from_ed_pem(pem)?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
        // RFC 7638: the same key has the same id everywhere, without anybody giving it one.
        let key_id = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(key_id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public, key_id, issuer: issuer.to_owned(), clock })
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When signing fails, which would be a defect.
    pub fn issue(&self, grant: &Grant) -> Result<Issued, jsonwebtoken::errors::Error> {
        self.sign(grant, AUDIENCE)
    }

    fn sign(&self, grant: &Grant, audience: &str) -> Result<Issued, jsonwebtoken::errors::Error> {
        let iat = self.clock.now().as_millis() / 1000;
        let exp = iat.saturating_add(i64::try_from(grant.duration.as_secs()).unwrap_or(i64::MAX));
        let claims = Claims {
            sub: grant.user.clone(),
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            iat,
            exp,
            jti: random::uuid_v4(),
            sid: grant.session,
            scope: write_scope(grant.scope),
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = Token(jsonwebtoken::encode(&header, &claims, &self.key)?.into());
        Ok(Issued { token, expires_at: Timestamp::default().saturating_add_millis(exp.saturating_mul(1000)) })
    }

    /// The key's id, the `kid` of its tokens.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public key, for everybody who verifies.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// A verifier that knows this key: for processes that hold the key themselves.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::fixed(&self.issuer, Keys::of_set(&self.jwks()), Arc::clone(&self.clock))
    }
}

/// The key in PKCS #8 PEM form, which `openssl pkey` reads too.
fn pem_of(seed: &[u8; 32]) -> String {
    let der = [PKCS8_PREFIX.as_slice(), seed].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    use super::*;
    use crate::clock::SystemClock;

    impl Signer {
        /// A token with a good signature that is not for us.
        pub(in crate::tokens) fn sign_for_audience(&self, audience: &str) -> String {
            let alice = UserId::parse("alice").unwrap();
            self.sign(&Grant::person(alice, Duration::from_secs(60)), audience).unwrap().token.0.to_string()
        }
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/signing.pem");
        let open = || Signer::open(&file, "test", Arc::new(SystemClock));
        let first = open().unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no draft is left");
        assert_eq!(open().unwrap().key_id, first.key_id);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open(), Err(KeyFault::Exposed { mode: 0o644, .. })));
        fs::remove_file(&file).unwrap();
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).unwrap().write_all(b"nonsense").unwrap();
        assert!(matches!(open(), Err(KeyFault::Key(_))));
    }
}
