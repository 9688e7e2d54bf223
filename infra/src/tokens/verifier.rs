//! Verifies tokens, with keys that are given or fetched from auth-api.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Validation};
use tokio::sync::Mutex;

use super::claims::{AUDIENCE, Claims, parse_scope};
use super::{Caller, Keys, Token};
use crate::clock::Clock;
use crate::revocation::{Revocations, Watched};

/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How far clocks may differ before a token counts as expired, in milliseconds.
pub const EXPIRY_LEEWAY_MS: i64 = 5_000;
/// The least time between two fetches of the keys, so that forged key ids cannot make us flood auth-api.
pub const REFETCH_INTERVAL_MIN: Duration = Duration::from_secs(5);
/// How long one fetch may take.
const FETCH_DURATION_MAX: Duration = Duration::from_secs(3);
/// The most bytes that a set of keys may have.
const SET_BYTES_MAX: usize = 64 * 1024;

/// Why a token is refused. Deliberately coarse: the caller learns no more than what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JWT of ours: form, algorithm or claims.
    #[error("the token is no token of ours")]
    Malformed,
    /// It names a key that is not known (any more).
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Signature, issuer or audience are wrong.
    #[error("the token's signature, issuer or audience is wrong")]
    Refused,
    /// It is over.
    #[error("the token is over")]
    Expired,
    /// Its session was ended, or its person shut out.
    #[error("the token's session was ended")]
    Revoked,
    /// The keys cannot be fetched now.
    #[error("the keys to check tokens with cannot be fetched now")]
    KeysUnavailable,
}

/// Verifies tokens.
pub struct Verifier {
    issuer: String,
    keys: RwLock<Arc<Keys>>,
    remote: Option<Remote>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
}

/// Where keys are fetched from, and how that went last. The lock also makes one fetch serve all who wait.
struct Remote {
    url: String,
    client: reqwest::Client,
    last: Mutex<Option<(Instant, Result<(), VerifyError>)>>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.issuer).field("keys", &self.keys()).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier with these keys and no others.
    #[must_use]
    pub fn fixed(issuer: &str, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        let keys = RwLock::new(Arc::new(keys));
        Self { issuer: issuer.to_owned(), keys, remote: None, revocations: Arc::default(), clock }
    }

    /// The same, refusing what `revocations` names.
    #[must_use]
    pub fn refusing(self, revocations: Arc<Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// Puts these keys in the place of those it has: for processes that keep the keys themselves.
    pub fn replace_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Tells, from now on, when the token of `caller` is revoked: for what lives longer than a request.
    #[must_use]
    pub fn watch(&self, caller: &Caller) -> Watched {
        self.revocations.watch(caller)
    }

    /// A verifier that fetches its keys from `url` when it first needs one, and again when a token names an unknown one. Keys once
    /// fetched stay, so that chat goes on while auth-api is down.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn remote(issuer: &str, url: &str, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(FETCH_DURATION_MAX).build()?;
        let remote = Remote { url: url.to_owned(), client, last: Mutex::new(None) };
        Ok(Self { remote: Some(remote), ..Self::fixed(issuer, Keys::default(), clock) })
    }

    /// Verifies with the keys that are known now.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, token: &str) -> Result<Caller, VerifyError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(VerifyError::TooLong);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| VerifyError::Malformed)?;
        if header.alg != Algorithm::EdDSA {
            return Err(VerifyError::Malformed);
        }
        let keys = self.keys();
        let key = keys.get(header.kid.as_deref().unwrap_or_default()).ok_or(VerifyError::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation()).map_err(|error| coarse(error.kind()))?.claims;

        let expires_at_ms = claims.exp.checked_mul(1000).ok_or(VerifyError::Malformed)?;
        if self.clock.now().as_millis() > expires_at_ms.saturating_add(EXPIRY_LEEWAY_MS) {
            return Err(VerifyError::Expired);
        }
        let issued_at = Timestamp::default().saturating_add_millis(claims.iat.saturating_mul(1000));
        if self.revocations.is_revoked(&claims.sub, claims.sid, issued_at) {
            return Err(VerifyError::Revoked);
        }
        Ok(Caller {
            user: claims.sub,
            scope: parse_scope(&claims.scope),
            session: claims.sid,
            issued_at,
            expires_at: Timestamp::default().saturating_add_millis(expires_at_ms),
            token: Token(token.into()),
        })
    }

    /// [`Self::verify`], and where the key is unknown, once more with the keys that auth-api has now.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify_fetching(&self, token: &str) -> Result<Caller, VerifyError> {
        match (self.verify(token), &self.remote) {
            (Err(VerifyError::UnknownKey), Some(remote)) => {
                self.fetch(remote).await?;
                self.verify(token)
            }
            (verified, _) => verified,
        }
    }

    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The end is checked by our own clock, which tests can set.
        validation.validate_exp = false;
        validation
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys, or says how that went a moment ago. Known keys stay when it fails: only who brings an unknown one is told
    /// to try again, because his key may be a new one of ours.
    async fn fetch(&self, remote: &Remote) -> Result<(), VerifyError> {
        let mut last = remote.last.lock().await;
        if let Some((at, result)) = *last
            && at.elapsed() < REFETCH_INTERVAL_MIN
        {
            return result;
        }
        let result = match remote.get().await {
            Ok(keys) => {
                self.replace_keys(keys);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(url = remote.url, error, "the keys of auth-api cannot be fetched");
                Err(VerifyError::KeysUnavailable)
            }
        };
        *last = Some((Instant::now(), result));
        result
    }
}

impl Remote {
    async fn get(&self) -> Result<Keys, String> {
        let answer = self.client.get(&self.url).send().await.and_then(reqwest::Response::error_for_status);
        let mut answer = answer.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if bytes.len() + chunk.len() > SET_BYTES_MAX {
                return Err(format!("the set has more than {SET_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let set: JwkSet = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let keys = Keys::of_set(&set);
        if keys.is_empty() { Err("the set holds no usable key".to_owned()) } else { Ok(keys) }
    }
}

fn coarse(kind: &ErrorKind) -> VerifyError {
    match kind {
        ErrorKind::InvalidSignature | ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => VerifyError::Refused,
        ErrorKind::ExpiredSignature => VerifyError::Expired,
        _ => VerifyError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use domain::{Scope, UserId};

    use super::*;
    use crate::revocation::Revocation;
    use crate::tokens::{Grant, Signer};

    /// A clock that stands where it is put.
    struct Stopped(AtomicI64);
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst)).unwrap()
        }
    }

    fn setup() -> (Arc<Stopped>, Signer, Verifier, String) {
        let clock = Arc::new(Stopped(AtomicI64::new(1_000_000_000_000)));
        let signer = Signer::generate("test", Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let (verifier, token) = (signer.verifier(), issue(&signer));
        (clock, signer, verifier, token)
    }
    fn issue(signer: &Signer) -> String {
        let scope = Scope { import: true, ..Scope::default() };
        let user = UserId::parse("alice").unwrap();
        let grant = Grant { user, scope, session: None, duration: Duration::from_secs(60) };
        signer.issue(&grant).unwrap().token.0.to_string()
    }
    /// The token with header and claims changed and the signature kept.
    fn forged(token: &str, header: &str, claims: &str) -> String {
        let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut part = |change: &str| {
            let old: serde_json::Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
            let mut new = old.as_object().unwrap().clone();
            new.extend(serde_json::from_str::<serde_json::Map<_, _>>(change).unwrap());
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&new).unwrap())
        };
        format!("{}.{}.{}", part(header), part(claims), token.rsplit('.').next().unwrap())
    }

    #[test]
    fn a_good_token_says_who_calls_until_it_is_over() {
        let (clock, _, verifier, token) = setup();
        let caller = verifier.verify(&token).unwrap();
        assert_eq!((caller.user.as_str(), caller.scope.import, caller.scope.service), ("alice", true, false));
        assert_eq!(caller.expires_at.as_millis(), 1_000_000_060_000);
        assert!(!format!("{caller:?}").contains(&token));
        clock.0.fetch_add(60_000 + EXPIRY_LEEWAY_MS, Ordering::SeqCst);
        assert!(verifier.verify(&token).is_ok());
        clock.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(verifier.verify(&token).unwrap_err(), VerifyError::Expired);
    }

    #[test]
    fn a_token_of_an_ended_session_is_refused_and_another_is_not() {
        let (clock, signer, _, _) = setup();
        let revocations = Arc::new(Revocations::default());
        let verifier = signer.verifier().refusing(Arc::clone(&revocations));
        let [ended, other] = [1, 2].map(|number| {
            let grant = Grant::person(UserId::parse("alice").unwrap(), Duration::from_secs(60));
            signer.issue(&Grant { session: Some(uuid::Uuid::from_u128(number)), ..grant }).unwrap().token.0
        });
        let caller = verifier.verify(&ended).unwrap();
        assert_eq!(caller.issued_at, clock.now());
        let until = caller.expires_at;
        revocations.add(&Revocation::Session { session_id: caller.session.unwrap(), user_id: caller.user, until }, clock.now());
        assert_eq!(verifier.verify(&ended).unwrap_err(), VerifyError::Revoked);
        assert!(verifier.verify(&other).is_ok());
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let (_, _, verifier, token) = setup();
        let signature_cut = token.rsplit_once('.').unwrap().0;
        for (bad, why) in [
            (String::new(), VerifyError::Malformed),
            ("a.b.c".to_owned(), VerifyError::Malformed),
            (forged(&token, r#"{"alg": "none"}"#, "{}"), VerifyError::Malformed),
            (forged(&token, r#"{"alg": "HS256"}"#, "{}"), VerifyError::Malformed),
            (forged(&token, r#"{"alg": "ES256"}"#, "{}"), VerifyError::Malformed),
            (forged(&token, r#"{"kid": "other"}"#, "{}"), VerifyError::UnknownKey),
            (forged(&token, "{}", r#"{"sub": "bob"}"#), VerifyError::Refused),
            (forged(&token, "{}", r#"{"scope": "admin"}"#), VerifyError::Refused),
            (forged(&token, "{}", r#"{"exp": 9999999999}"#), VerifyError::Refused),
            (format!("{signature_cut}."), VerifyError::Refused),
            (signature_cut.to_owned(), VerifyError::Malformed),
            (format!("{token}{}", "A".repeat(TOKEN_BYTES_MAX)), VerifyError::TooLong),
        ] {
            assert_eq!(verifier.verify(&bad).unwrap_err(), why, "{bad}");
        }
    }

    #[test]
    fn a_symmetric_signature_made_with_the_public_key_is_refused() {
        let (_, signer, verifier, token) = setup();
        let public = serde_json::to_value(signer.jwks()).unwrap()["keys"][0].clone();
        let secret = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
        let header = jsonwebtoken::Header { kid: public["kid"].as_str().map(str::to_owned), ..Default::default() };
        let forged = jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(&secret)).unwrap();
        assert_eq!(verifier.verify(&forged).unwrap_err(), VerifyError::Malformed);
    }

    #[test]
    fn issuer_and_audience_are_checked_under_a_good_signature() {
        let (clock, signer, _, token) = setup();
        let elsewhere = Verifier::fixed("elsewhere", Keys::of_set(&signer.jwks()), Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(elsewhere.verify(&token).unwrap_err(), VerifyError::Refused);
        let stranger = Signer::generate("test", clock).unwrap();
        assert_eq!(stranger.verifier().verify(&token).unwrap_err(), VerifyError::UnknownKey);
        for audience in ["another", ""] {
            let foreign = signer.sign_for_audience(audience);
            assert_eq!(signer.verifier().verify(&foreign).unwrap_err(), VerifyError::Refused);
        }
    }

    #[tokio::test]
    async fn keys_are_fetched_when_needed_and_not_for_every_forged_id() {
        let (clock, signer, _, token) = setup();
        let (asked, set) = (Arc::new(AtomicUsize::new(0)), serde_json::to_vec(&signer.jwks()).unwrap());
        let asked_here = Arc::clone(&asked);
        let router = Router::new().route(
            "/jwks.json",
            get(async move || {
                asked_here.fetch_add(1, Ordering::SeqCst);
                set
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });

        let verifier = Verifier::remote("test", &url, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        assert_eq!(verifier.verify(&token).unwrap_err(), VerifyError::UnknownKey);
        let (one, other) = tokio::join!(verifier.verify_fetching(&token), verifier.verify_fetching(&token));
        assert!(one.is_ok() && other.is_ok());
        for _ in 0..10 {
            let unknown = forged(&token, r#"{"kid": "other"}"#, "{}");
            assert_eq!(verifier.verify_fetching(&unknown).await.unwrap_err(), VerifyError::UnknownKey);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        server.abort();
        assert!(verifier.verify_fetching(&token).await.is_ok(), "known keys need no auth-api");

        let unreachable = Verifier::remote("test", "http://127.0.0.1:1/jwks.json", clock).unwrap();
        assert_eq!(unreachable.verify_fetching(&token).await.unwrap_err(), VerifyError::KeysUnavailable);
    }
}
