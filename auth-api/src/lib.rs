//! Accounts with passwords, sessions and keys, over a database of their own.
//!
//! ```text
//! POST /user ─► reserve: pending account + outbox, one transaction ─► relay ─► sagas.v1 ─► orchestrator ─► command-api
//!                                                                                              │
//! account active ◄─ learn (one transaction with the checkpoint) ◄─ follow ◄─ users.v1 ◄────────┘ user.registered
//! session ended ─► outbox ─► relay ─► revoked.v1 ─► every verifier
//! ```
//!
//! Invariants:
//! * an account is active only once the log says that its person is registered, by the account's own command;
//! * roles are given by the command line alone: no public request names one;
//! * who asks learns nothing from an unknown user that a wrong password would not say, in the answer or in its time;
//! * everything that is said in the log goes through the outbox, in the transaction that makes it true.
//!
//! # How to add a route
//!
//! 1. Add one file under `http/` with the handler and its `#[utoipa::path]`.
//! 2. List it in `http/mod.rs`; the router and the OpenAPI document are made from the same list.

pub mod address;
pub mod follow;
pub mod http;
pub mod keyring;
mod outcome;
pub mod passwords;
pub mod refresh;
pub mod relay;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use domain::{Scope, Timestamp, UserId};
use infra::clock::Clock;
use infra::credentials::{Attempt, Credentials, Ended, Entry, Policy, Roles, Which};
use infra::log::Log;
use infra::tokens::{Grant, Issued, ServiceSecret, Verifier};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use passwords::Passwords;

pub use http::{internal_openapi, internal_router, openapi, router};
pub use keyring::{Keyring, Schedule};
pub use passwords::Pool;

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long an access token is good. What ends earlier is told to everybody who verifies.
    pub token_duration: Duration,
    /// How long a session lasts at most, however often it is renewed.
    pub session_duration: Duration,
    /// How long `POST /user` waits for the person to be registered before it answers 202.
    pub registration_wait_max: Duration,
    /// How much is hashed at once.
    pub pool: Pool,
    /// Whether browsers send the cookies over TLS alone.
    pub cookie_secure: bool,
    /// How failures to sign in as one account make wait.
    pub account_policy: Policy,
    /// How failures to sign in from one address make wait.
    pub address_policy: Policy,
    /// How registrations from one address make wait.
    pub registration_policy: Policy,
    /// Registrations that may be watched at once.
    pub streams_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        const MINUTE_MS: u32 = 60_000;
        Self {
            token_duration: Duration::from_secs(10 * 60),
            session_duration: Duration::from_secs(30 * 86_400),
            registration_wait_max: Duration::from_secs(3),
            pool: Pool { workers: 2, waiting_max: 64 },
            cookie_secure: true,
            // The longest wait is short for an account, because a stranger can bring it about; it still leaves a guesser 60 an hour.
            account_policy: Policy { free: 5, wait_ms_min: 1_000, wait_ms_max: MINUTE_MS, forget_after_ms: 60 * MINUTE_MS },
            address_policy: Policy { free: 30, wait_ms_min: 1_000, wait_ms_max: 15 * MINUTE_MS, forget_after_ms: 60 * MINUTE_MS },
            registration_policy: Policy {
                free: 100,
                wait_ms_min: 10_000,
                wait_ms_max: 15 * MINUTE_MS,
                forget_after_ms: 60 * MINUTE_MS,
            },
            streams_max: 1_000,
        }
    }
}

/// What the service stands on.
pub struct Ports {
    /// Its database.
    pub credentials: Arc<dyn Credentials>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Its keys.
    pub keyring: Arc<Keyring>,
    /// How services prove who they are.
    pub service_secret: ServiceSecret,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The service, shared by all requests.
#[derive(Clone)]
pub struct Identity(Arc<Parts>);

struct Parts {
    credentials: Arc<dyn Credentials>,
    log: Arc<dyn Log>,
    keyring: Arc<Keyring>,
    service_secret: ServiceSecret,
    passwords: Passwords,
    clock: Arc<dyn Clock>,
    options: Options,
    /// Rung when something is in the outbox.
    outbox: Arc<Notify>,
    /// Rung when the log has said something about accounts.
    learnt: Arc<Notify>,
    streams: Arc<Semaphore>,
}

impl FromRef<Identity> for Arc<Verifier> {
    fn from_ref(identity: &Identity) -> Self {
        identity.0.keyring.verifier()
    }
}

impl Identity {
    /// Puts the service together.
    ///
    /// # Errors
    /// [`passwords::Fault::Defect`].
    pub fn new(options: Options, ports: Ports) -> Result<Self, passwords::Fault> {
        let Ports { credentials, log, keyring, service_secret, clock } = ports;
        let passwords = Passwords::new(options.pool)?;
        let streams = Arc::new(Semaphore::new(options.streams_max));
        let (outbox, learnt) = Default::default();
        let parts = Parts { credentials, log, keyring, service_secret, passwords, clock, options, outbox, learnt, streams };
        Ok(Self(Arc::new(parts)))
    }

    /// What sends the outbox; to be run as long as the service.
    #[must_use]
    pub fn relay(&self) -> relay::Relay {
        let Parts { credentials, log, clock, outbox, .. } = &*self.0;
        relay::Relay::new(Arc::clone(credentials), Arc::clone(log), Arc::clone(clock), Arc::clone(outbox))
    }

    /// What follows the log; to be run as long as the service.
    #[must_use]
    pub fn follower(&self) -> follow::Follower {
        follow::Follower {
            credentials: Arc::clone(&self.0.credentials),
            log: Arc::clone(&self.0.log),
            clock: Arc::clone(&self.0.clock),
            token_duration_ms: self.token_duration_ms(),
            learnt: Arc::clone(&self.0.learnt),
        }
    }

    fn credentials(&self) -> &dyn Credentials {
        &*self.0.credentials
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn token_duration_ms(&self) -> i64 {
        i64::try_from(self.0.options.token_duration.as_millis()).unwrap_or(i64::MAX)
    }

    /// The end of sessions now.
    fn ended(&self, which: Which) -> Ended {
        let at = self.now();
        Ended { which, at, tokens_until: at.saturating_add_millis(self.token_duration_ms()) }
    }

    /// An access token of a session. Its rights are those of the account, whatever the request said.
    fn issue(&self, user: UserId, session: Uuid, roles: Roles) -> Result<Issued, infra::http::Problem> {
        let scope = Scope { admin: roles.admin, ..Scope::default() };
        let grant = Grant { user, scope, session: Some(session), duration: self.0.options.token_duration };
        self.0.keyring.signer().issue(&grant).map_err(|error| infra::http::Problem::internal(&error))
    }

    fn attempt_of_account(&self, user: &UserId) -> Attempt {
        Attempt { subject: format!("account/{user}"), policy: self.0.options.account_policy }
    }

    fn attempt_of_address(&self, address: &str) -> Attempt {
        Attempt { subject: format!("address/{address}"), policy: self.0.options.address_policy }
    }
}

/// The log line of a security event: the same as in the audit table. By the target, an operator can send these lines elsewhere.
fn log_line(entry: &Entry) {
    let Entry { event, user, actor, session, address, detail, .. } = entry;
    let show = |value: Option<String>| value.unwrap_or_default();
    tracing::info!(
        target: "sarangbang::security",
        event = event.word(),
        user = show(user.as_ref().map(ToString::to_string)),
        actor = show(actor.clone()),
        session = show(session.map(|session| session.to_string())),
        address = show(address.clone()),
        detail = show(detail.clone()),
        "security event"
    );
    metrics::counter!("sarangbang_security_events_total", "event" => event.word()).increment(1);
}
