//! auth-api: its database, its keys, its routes and its tasks.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use auth_api::{Identity, Keyring, Ports, Schedule};
use infra::lifecycle::Stage;
use infra::log::Log;

use super::services::Shared;
use super::{options, secrets, stores};

impl Shared<'_> {
    /// Accounts and sessions. Gives the keys.
    pub async fn identity(&mut self, log: Arc<dyn Log>) -> Result<Arc<Keyring>> {
        let (config, clock) = (self.config, Arc::clone(&self.clock));
        let credentials = stores::credentials(config).await?;
        let (sealing, service_secret) = (secrets::sealing_key(config)?, secrets::service_secret(config)?);
        let refusing = |verifier| self.refusing_revoked(verifier, &log);
        let (database, issuer) = (Arc::clone(&credentials), config.tokens.issuer.as_str());
        let keyring = Keyring::open(database, sealing, issuer, Arc::clone(&clock), Schedule::default(), refusing).await;
        let keyring = keyring.context("the signing keys")?;
        let ports = Ports { credentials, log, keyring: Arc::clone(&keyring), service_secret, clock };
        let identity = Identity::new(options::identity(config), ports)?;
        self.add(auth_api::router(identity.clone()), auth_api::internal_router(identity.clone()));
        let (relay, follower, rotated) = (identity.relay(), identity.follower(), Arc::clone(&keyring));
        self.lifecycle.spawn(Stage::Work, "the outbox of accounts", |stop| async move {
            relay.run(stop).await;
            Ok(())
        });
        self.lifecycle.spawn(Stage::Work, "what the log says of accounts", |stop| async move {
            follower.run(stop).await;
            Ok(())
        });
        self.lifecycle.spawn(Stage::Support, "the signing keys", |stop| async move {
            rotated.run(stop).await;
            Ok(())
        });
        self.lifecycle.spawn(Stage::Support, "the upkeep of accounts", |stop| async move {
            identity.keep_up(stop).await;
            Ok(())
        });
        Ok(keyring)
    }
}
