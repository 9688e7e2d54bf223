//! The keys that sign tokens: one signs, one comes next and is known already, and those that signed before stay known as long as
//! what they signed may be good. So keys change without signing anybody out.
//!
//! They are kept in the database, sealed, so that any number of nodes shares them; each node looks there once in a while.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::Timestamp;
use infra::clock::Clock;
use infra::credentials::{Credentials, Fault, KeyChange, KeyState, SigningKey};
use infra::random;
use infra::tokens::{JwkSet, KeyFault, Keys, Sealed, SealingKey, Signer, Verifier};
use tokio_util::sync::CancellationToken;

/// How often a node looks for changed keys.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// How often opening tries to be, or to hear of, the first node that makes a key.
const OPENINGS_MAX: u32 = 10;

/// When keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key signs.
    pub signs_ms: i64,
    /// How long a key is known at least before it signs: longer than others keep the set without asking again.
    pub known_before_ms: i64,
    /// How long a key is known after it signed: longer than any token is good.
    pub known_after_ms: i64,
}

impl Default for Schedule {
    fn default() -> Self {
        const HOUR_MS: i64 = 3_600_000;
        // Tokens for tools are good for a day at most.
        Self { signs_ms: 30 * 24 * HOUR_MS, known_before_ms: HOUR_MS, known_after_ms: 25 * HOUR_MS }
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum NoKeys {
    /// The database.
    #[error(transparent)]
    Database(#[from] Fault),
    /// A stored key cannot be opened.
    #[error(transparent)]
    Sealed(#[from] Sealed),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// Others change the keys all the time; it would be a defect.
    #[error("no key signs")]
    NoneSigns,
}

/// The keys of one node.
pub struct Keyring {
    credentials: Arc<dyn Credentials>,
    sealing: SealingKey,
    issuer: String,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    ring: RwLock<Ring>,
    verifier: Arc<Verifier>,
}

#[derive(Clone)]
struct Ring {
    signer: Arc<Signer>,
    public: JwkSet,
}

impl Keyring {
    /// The keys in the database; the first one is made where there is none. `refusing` makes the verifier that always knows them.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn open(
        credentials: Arc<dyn Credentials>,
        sealing: SealingKey,
        issuer: &str,
        clock: Arc<dyn Clock>,
        schedule: Schedule,
        refusing: impl FnOnce(Verifier) -> Arc<Verifier>,
    ) -> Result<Arc<Self>, NoKeys> {
        let verifier = refusing(Verifier::fixed(issuer, Keys::default(), Arc::clone(&clock)));
        // Replaced before anybody sees it; making it once saves an `Option` everywhere.
        let signer = Arc::new(Signer::generate(issuer, Arc::clone(&clock))?);
        let ring = RwLock::new(Ring { public: signer.jwks(), signer });
        let keyring = Self { credentials, sealing, issuer: issuer.to_owned(), clock, schedule, ring, verifier };
        for attempt in 1.. {
            match keyring.look().await {
                Err(NoKeys::Database(Fault::Rejected(_))) if attempt < OPENINGS_MAX => {}
                looked => return looked.map(|()| Arc::new(keyring)),
            }
        }
        Err(NoKeys::NoneSigns)
    }

    /// The key that signs now.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner).signer)
    }

    /// The public keys, for everybody who verifies.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).public.clone()
    }

    /// A verifier that always knows the keys.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier)
    }

    /// Looks for changed keys, and changes them when it is time, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        while tokio::time::timeout(LOOK_INTERVAL, stop.cancelled()).await.is_err() {
            match self.look().await {
                // Another node was first; the next look finds what it did.
                Ok(()) | Err(NoKeys::Database(Fault::Rejected(_))) => {}
                Err(error) => tracing::warn!(%error, "the signing keys cannot be looked at; the known ones stay in use"),
            }
        }
    }

    /// One look: what is due is done, then what is there is taken.
    ///
    /// # Errors
    /// [`NoKeys`]; [`Fault::Rejected`] within it when another node was first.
    pub async fn look(&self) -> Result<(), NoKeys> {
        let keys = self.credentials.keys().await?;
        let due = due(&keys, self.clock.now(), self.schedule);
        let keys = if due.is_empty() {
            keys
        } else {
            let changes = due.into_iter().map(|due| self.change(due)).collect::<Result<Vec<_>, NoKeys>>()?;
            self.credentials.change_keys(&changes).await?;
            tracing::info!(changes = changes.len(), "the signing keys were changed");
            self.credentials.keys().await?
        };
        self.take(&keys)
    }

    fn take(&self, keys: &[SigningKey]) -> Result<(), NoKeys> {
        let (mut signs, mut public) = (None, Vec::new());
        for key in keys {
            let seed = self.sealing.unseal(&key.id, &key.sealed)?;
            let signer = Signer::of_seed(&seed, &self.issuer, Arc::clone(&self.clock))?;
            public.extend(signer.jwks().keys);
            if key.state == KeyState::Current {
                signs = Some(Arc::new(signer));
            }
        }
        let (signer, public) = (signs.ok_or(NoKeys::NoneSigns)?, JwkSet { keys: public });
        self.verifier.replace_keys(Keys::of_set(&public));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Ring { signer, public };
        Ok(())
    }

    fn change(&self, due: Due) -> Result<KeyChange, NoKeys> {
        let at = self.clock.now();
        Ok(match due {
            Due::Add(state) => {
                let seed = random::secret_bytes();
                let id = Signer::of_seed(&seed, &self.issuer, Arc::clone(&self.clock))?.key_id().to_owned();
                KeyChange::Add(SigningKey { sealed: self.sealing.seal(&id, &seed)?, id, state, changed_at: at })
            }
            Due::Move { id, from, to } => KeyChange::Move { id, from, to, at },
            Due::Drop(id) => KeyChange::Drop(id),
        })
    }
}

/// A change that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    Add(KeyState),
    Move { id: String, from: KeyState, to: KeyState },
    Drop(String),
}

/// What is due at `now`.
fn due(keys: &[SigningKey], now: Timestamp, schedule: Schedule) -> Vec<Due> {
    let of = |state| keys.iter().find(|key| key.state == state);
    let since = |key: &SigningKey, ms: i64| now.as_millis().saturating_sub(key.changed_at.as_millis()) >= ms;
    let mut due = Vec::new();
    match (of(KeyState::Current), of(KeyState::Next)) {
        (None, _) => due.push(Due::Add(KeyState::Current)),
        (Some(current), Some(next)) if since(current, schedule.signs_ms) && since(next, schedule.known_before_ms) => {
            let go = |key: &SigningKey, from, to| Due::Move { id: key.id.clone(), from, to };
            due.push(go(current, KeyState::Current, KeyState::Retired));
            due.push(go(next, KeyState::Next, KeyState::Current));
            due.push(Due::Add(KeyState::Next));
        }
        (Some(_), None) => due.push(Due::Add(KeyState::Next)),
        (Some(_), Some(_)) => {}
    }
    let over = |key: &&SigningKey| key.state == KeyState::Retired && since(key, schedule.known_after_ms);
    due.extend(keys.iter().filter(over).map(|key| Due::Drop(key.id.clone())));
    due
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use domain::UserId;
    use infra::credentials::sqlite;
    use infra::tokens::{Grant, VerifyError};

    use super::*;

    /// A clock that stands where it is put.
    struct Stopped(AtomicI64);
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst)).unwrap()
        }
    }

    const SCHEDULE: Schedule = Schedule { signs_ms: 100_000, known_before_ms: 10_000, known_after_ms: 50_000 };

    #[tokio::test]
    async fn keys_change_without_signing_anybody_out_on_any_node() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Stopped(AtomicI64::new(1_700_000_000_000)));
        let open = async |sealing| {
            let credentials = sqlite::open(&folder.path().join("auth.db")).await.unwrap();
            Keyring::open(credentials, sealing, "test", Arc::clone(&clock) as Arc<dyn Clock>, SCHEDULE, Arc::new).await
        };
        let file = folder.path().join("sealing.key");
        let sealing = || SealingKey::open(&file).unwrap();
        // Nodes that start together agree on one key.
        let (one, other) = tokio::join!(open(sealing()), open(sealing()));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.signer().key_id(), other.signer().key_id());
        assert!(matches!(open(SealingKey::generate()).await, Err(NoKeys::Sealed(_))));

        let first = one.signer().key_id().to_owned();
        let token = |keyring: &Keyring| {
            let grant = Grant::person(UserId::parse("ann").unwrap(), Duration::from_secs(600));
            keyring.signer().issue(&grant).unwrap().token.0
        };
        let (mut signing, mut signed) = (first.clone(), vec![token(&one)]);
        let mut changes = 0;
        for _ in 0..30 {
            clock.0.fetch_add(11_000, Ordering::SeqCst);
            one.look().await.unwrap();
            if one.signer().key_id() != signing {
                // The other node has not looked since, and knows the key all the same.
                assert!(other.verifier().verify(&token(&one)).is_ok());
                signing = one.signer().key_id().to_owned();
                changes += 1;
            }
            signed.push(token(&one));
            // What was signed within the last 50 s is good, whichever key signed it.
            for token in signed.iter().rev().take(5) {
                assert!(one.verifier().verify(token).is_ok());
            }
            other.look().await.unwrap();
            assert_eq!(one.signer().key_id(), other.signer().key_id());
            assert!(one.jwks().keys.len() <= 3);
        }
        assert_eq!(changes, 3);
        let known = |id: &str| one.jwks().keys.iter().any(|key| key.common.key_id.as_deref() == Some(id));
        assert!(!known(&first) && known(&signing));
        assert_eq!(one.verifier().verify(&signed[0]).unwrap_err(), VerifyError::UnknownKey);
    }

    #[test]
    fn a_next_key_that_is_not_known_long_enough_waits() {
        let at = |ms| Timestamp::from_millis(ms).unwrap();
        let key = |id: &str, state, ms| SigningKey { id: id.to_owned(), state, sealed: vec![], changed_at: at(ms) };
        let keys = [key("a", KeyState::Current, 0), key("b", KeyState::Next, 95_000)];
        assert_eq!(due(&keys, at(104_999), SCHEDULE), []);
        assert_eq!(due(&keys, at(105_000), SCHEDULE).len(), 3);
        // A clock that went back makes nothing due.
        assert_eq!(due(&keys, at(0), SCHEDULE), []);
    }
}
