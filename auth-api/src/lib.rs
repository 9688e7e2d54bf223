//! Who people are: registration, sign-in, tokens and keys under `/user`.
//!
//! Until passwords and sessions exist, this is the *development sign-in*: a user id is all it asks for. So it works on one machine
//! alone: [`AuthApi::development`] refuses a listener that is not loopback and any profile but development, and every request is
//! checked again ([`http::local`]). The routes, their bodies, the cookie and the token stay as they are when a database of
//! credentials replaces what is behind them.
//!
//! That is [`identity`], which is whole and not yet served: it needs the orchestrator.
//!
//! # How to add a route
//!
//! 1. Add one file under `http/` with the handler and its `#[utoipa::path]`.
//! 2. List it in `http/mod.rs`; the router and the OpenAPI document are made from the same list.

pub mod http;
pub mod identity;
pub mod people;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use domain::UserId;
use infra::tokens::{Grant, Issued, Signer, Verifier};

pub use http::{internal_openapi, internal_router, openapi, router};
pub use people::{CommandApi, People};

/// Settings of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether the process runs under the development profile.
    pub development: bool,
    /// Where the public listener is.
    pub listen: SocketAddr,
    /// Whether browsers send the cookie over TLS alone.
    pub cookie_secure: bool,
    /// How long a person's token is good for.
    pub token_duration: Duration,
}

/// Why the development sign-in is not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// It asks for no password, so that a production profile must not have it.
    #[error(
        "the development sign-in asks for no password and is not offered under the production profile; it is replaced by issue C's sign-in"
    )]
    Production,
    /// Others than the people on this machine could reach it.
    #[error(
        "the development sign-in asks for no password and is not offered on {0}: let the public listener listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
}

/// The service.
#[derive(Clone)]
pub struct AuthApi {
    people: Arc<dyn People>,
    signer: Arc<Signer>,
    verifier: Arc<Verifier>,
    options: Options,
}

impl FromRef<AuthApi> for Arc<Verifier> {
    fn from_ref(api: &AuthApi) -> Self {
        Self::clone(&api.verifier)
    }
}

impl AuthApi {
    /// The development sign-in.
    ///
    /// # Errors
    /// [`NotOffered`] where others than the people on this machine could use it.
    pub fn development(options: Options, signer: Arc<Signer>, people: Arc<dyn People>) -> Result<Self, NotOffered> {
        if !options.development {
            return Err(NotOffered::Production);
        }
        if !options.listen.ip().is_loopback() {
            return Err(NotOffered::NotLoopback(options.listen));
        }
        let verifier = Arc::new(signer.verifier());
        Ok(Self { people, signer, verifier, options })
    }

    fn issue(&self, grant: &Grant) -> Result<Issued, infra::http::Problem> {
        self.signer.issue(grant).map_err(|error| infra::http::Problem::internal(&error))
    }

    /// A token for a person who has signed in, with a new session.
    fn sign_in(&self, user: UserId) -> Result<Issued, infra::http::Problem> {
        let session = Some(infra::random::uuid_v4());
        self.issue(&Grant { session, ..Grant::person(user, self.options.token_duration) })
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use domain::CommandId;
    use domain::text::UserName;
    use infra::clock::SystemClock;

    use super::*;

    struct Nobody;
    #[async_trait]
    impl People for Nobody {
        async fn register(&self, _: CommandId, _: &UserId, _: &UserName) -> Result<people::Registered, people::Fault> {
            Err(people::Fault::Unreachable)
        }
        async fn is_active(&self, _: &UserId) -> Result<bool, people::Fault> {
            Ok(false)
        }
    }

    #[test]
    fn it_is_offered_in_development_on_loopback_alone() {
        let offered = |development, listen: &str| {
            let signer = Arc::new(Signer::generate("test", Arc::new(SystemClock)).unwrap());
            let listen = listen.parse().unwrap();
            let options = Options { development, listen, cookie_secure: false, token_duration: Duration::from_secs(60) };
            AuthApi::development(options, signer, Arc::new(Nobody)).map(drop)
        };
        assert_eq!(offered(true, "127.0.0.1:8080"), Ok(()));
        assert_eq!(offered(true, "[::1]:8080"), Ok(()));
        assert_eq!(offered(false, "127.0.0.1:8080"), Err(NotOffered::Production));
        for exposed in ["0.0.0.0:8080", "[::]:8080", "192.168.0.4:8080"] {
            assert_eq!(offered(true, exposed), Err(NotOffered::NotLoopback(exposed.parse().unwrap())));
        }
    }
}
