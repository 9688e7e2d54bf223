//! Passwords: Argon2id on a bounded pool of threads, and what a good password is.
//!
//! Invariants: hashing never runs on a thread of the async runtime, and never more of it at once than there are workers; what waits
//! is bounded too, and more is refused as busy. Verifying against nothing takes as long as against a stored password.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use serde::Deserialize;
use tokio::sync::Semaphore;
use zxcvbn::zxcvbn;

/// The least characters of a new password (NIST SP 800-63B).
pub const CHARACTERS_MIN: usize = 8;
/// The most characters of any password: bounded, because everything is.
pub const CHARACTERS_MAX: usize = 128;
/// The least score of zxcvbn, of 0 to 4: ten thousand million guesses would not be enough.
const SCORE_MIN: u8 = 3;
/// Memory in KiB, passes and lanes: OWASP's recommendation for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password as somebody typed it. Its `Debug` hides it.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(hidden)")
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl Password {
    /// The form that is hashed: PRECIS `OpaqueString` (RFC 8265), so that the same keys on another keyboard are the same password.
    fn normal(&self) -> Option<String> {
        if self.0.chars().count() > CHARACTERS_MAX {
            return None;
        }
        OpaqueString::enforce(self.0.as_str()).ok().map(std::borrow::Cow::into_owned)
    }
}

/// Why no password was hashed or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// As many wait as may. Nothing was done.
    #[error("too many passwords are being checked")]
    Busy,
    /// It cannot be hashed; it would be a defect.
    #[error("a password cannot be hashed")]
    Defect,
}

/// Why a new password is refused, for the person who chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short or too long.
    #[error("a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters")]
    Length,
    /// A control character, or the like.
    #[error("a password has no control characters")]
    Characters,
    /// Too easy to guess.
    #[error("this password is too easy to guess: {0}")]
    Guessable(String),
}

/// What verifying came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is the password.
    Good {
        /// Whether it was stored with weaker parameters than today's.
        outdated: bool,
    },
    /// It is not.
    Bad,
}

/// How much is hashed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Passwords that are hashed at once. Each takes a core and 19 MiB.
    pub workers: usize,
    /// Passwords that may wait for that.
    pub waiting_max: usize,
}

/// Hashes and verifies.
pub struct Passwords {
    hasher: Argon2<'static>,
    /// Verified against where there is nothing to verify against.
    dummy: Arc<str>,
    workers: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Passwords {
    /// With OWASP's parameters.
    ///
    /// # Errors
    /// [`Fault::Defect`].
    pub fn new(pool: Pool) -> Result<Self, Fault> {
        Self::with(pool, Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| Fault::Defect)?)
    }

    fn with(pool: Pool, params: Params) -> Result<Self, Fault> {
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&hasher, "nobody's password")?;
        let workers = Arc::new(Semaphore::new(pool.workers));
        let places = Arc::new(Semaphore::new(pool.workers + pool.waiting_max));
        Ok(Self { hasher, dummy: dummy.into(), workers, places })
    }

    /// Hashes a new password, if it is a good one. `known` are words that a guesser would try first: the person's names.
    ///
    /// # Errors
    /// [`Fault`]; what is wrong with the password comes as the inner result.
    pub async fn hash(&self, password: Password, known: Vec<String>) -> Result<Result<String, Weak>, Fault> {
        let hasher = self.hasher.clone();
        self.work(move || match check(&password, &known) {
            Ok(normal) => hash(&hasher, &normal).map(Ok),
            Err(weak) => Ok(Err(weak)),
        })
        .await
    }

    /// Hashes a password that was verified, to store it anew.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn store(&self, password: Password) -> Result<String, Fault> {
        let hasher = self.hasher.clone();
        self.work(move || hash(&hasher, &password.normal().ok_or(Fault::Defect)?)).await
    }

    /// Verifies `password` against what is stored; against nothing it is always bad, and takes as long.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Result<Verified, Fault> {
        let (hasher, exists) = (self.hasher.clone(), stored.is_some());
        let stored: Arc<str> = stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        self.work(move || {
            let parsed = PasswordHash::new(&stored).map_err(|_| Fault::Defect)?;
            // What cannot be a password is compared too, so that it takes as long.
            let (normal, possible) = password.normal().map_or_else(|| (String::new(), false), |normal| (normal, true));
            let equal = hasher.verify_password(normal.as_bytes(), &parsed).is_ok();
            Ok(if equal && possible && exists { Verified::Good { outdated: outdated(&hasher, &parsed) } } else { Verified::Bad })
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Fault::Busy)?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Fault::Busy)?;
        // The permits go along: a request that was given up still occupies its worker until it is done.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, worker);
            work()
        });
        done.await.map_err(|_| Fault::Defect)?
    }
}

fn hash(hasher: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let salt = *infra::random::uuid_v4().as_bytes();
    hasher.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|_| Fault::Defect)
}

fn outdated(hasher: &Argon2<'_>, stored: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(stored) else { return true };
    let today = hasher.params();
    params.m_cost() < today.m_cost() || params.t_cost() < today.t_cost() || params.p_cost() != today.p_cost()
}

/// Says whether a new password is good enough, and gives the form that is hashed.
fn check(password: &Password, known: &[String]) -> Result<String, Weak> {
    let characters = password.0.chars().count();
    if !(CHARACTERS_MIN..=CHARACTERS_MAX).contains(&characters) {
        return Err(Weak::Length);
    }
    let normal = password.normal().ok_or(Weak::Characters)?;
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let estimate = zxcvbn(&normal, &known);
    if u8::from(estimate.score()) >= SCORE_MIN {
        return Ok(normal);
    }
    let advice = estimate.feedback().map(|feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
    });
    Err(Weak::Guessable(advice.filter(|advice| !advice.is_empty()).unwrap_or_else(|| "choose a longer one".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: Pool = Pool { workers: 1, waiting_max: 1 };
    const GOOD: &str = "correct horse battery staple";

    fn password(typed: &str) -> Password {
        Password(typed.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_verified_and_nothing_else_is() {
        let passwords = Passwords::new(POOL).unwrap();
        let stored = passwords.hash(password(GOOD), vec![]).await.unwrap().unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, passwords.hash(password(GOOD), vec![]).await.unwrap().unwrap(), "each has its own salt");
        let verify = async |typed: &str, stored| passwords.verify(password(typed), stored).await.unwrap();
        assert_eq!(verify(GOOD, Some(&*stored)).await, Verified::Good { outdated: false });
        for bad in ["", "x", "Correct horse battery staple", &"x".repeat(1_000), "a\u{0}b"] {
            assert_eq!(verify(bad, Some(&*stored)).await, Verified::Bad, "{bad:?}");
        }
        assert_eq!(verify("nobody's password", None).await, Verified::Bad, "not even the dummy's own");
        assert!(!format!("{:?}", password(GOOD)).contains("horse"));
    }

    #[tokio::test]
    async fn the_same_keys_on_another_keyboard_are_the_same_password() {
        let passwords = Passwords::new(POOL).unwrap();
        let stored = passwords.hash(password("café crème et pain grillé"), vec![]).await.unwrap().unwrap();
        let decomposed = "cafe\u{301} cre\u{300}me et pain grille\u{301}";
        assert_eq!(passwords.verify(password(decomposed), Some(&stored)).await, Ok(Verified::Good { outdated: false }));
    }

    #[tokio::test]
    async fn what_was_stored_with_less_is_outdated() {
        let weak = Passwords::with(POOL, Params::new(8_192, 1, 1, None).unwrap()).unwrap();
        let stored = weak.hash(password(GOOD), vec![]).await.unwrap().unwrap();
        let today = Passwords::new(POOL).unwrap();
        assert_eq!(today.verify(password(GOOD), Some(&stored)).await, Ok(Verified::Good { outdated: true }));
        assert_eq!(weak.verify(password(GOOD), Some(&stored)).await, Ok(Verified::Good { outdated: false }));
        assert_eq!(today.verify(password(GOOD), Some("nonsense")).await, Err(Fault::Defect));
    }

    #[test]
    fn what_a_guesser_tries_first_is_refused() {
        let known = ["minsu-kim".to_owned(), "Minsu Kim".to_owned()];
        for (typed, why) in
            [("short", Weak::Length), (&*"x".repeat(129), Weak::Length), ("tab\tand more of it", Weak::Characters)]
        {
            assert_eq!(check(&password(typed), &known), Err(why), "{typed}");
        }
        for typed in ["password", "12345678", "qwertyuiop", "minsu-kim1", "aaaaaaaaaaaa"] {
            assert!(matches!(check(&password(typed), &known), Err(Weak::Guessable(_))), "{typed}");
        }
        for typed in [GOOD, "다람쥐 헌 쳇바퀴에 타고파", "x7#Qm2!vLp9$"] {
            assert!(check(&password(typed), &known).is_ok(), "{typed}");
        }
    }

    #[tokio::test]
    async fn beyond_those_who_may_wait_it_is_busy() {
        let passwords = Passwords::new(POOL).unwrap();
        let all = futures_util::future::join_all((0..5).map(|_| passwords.verify(password(GOOD), None))).await;
        assert_eq!(all.iter().filter(|outcome| **outcome == Ok(Verified::Bad)).count(), 2);
        assert_eq!(all.iter().filter(|outcome| **outcome == Err(Fault::Busy)).count(), 3);
        assert_eq!(passwords.verify(password(GOOD), None).await, Ok(Verified::Bad), "the places are free again");
    }
}
