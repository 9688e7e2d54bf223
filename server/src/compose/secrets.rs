//! The secrets of a system, in files: what seals signing keys, and what services prove themselves by. And how tokens are verified.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use auth_api::Keyring;
use domain::UserId;
use infra::clock::Clock;
use infra::config::Config;
use infra::tokens::{AskedOfAuthApi, SealingKey, ServiceSecret, ServiceTokens, SignedHere, Verifier};

/// A secret: its setting, what it is called in the data folder, and how it is made.
pub struct Secret {
    /// The setting that names its file.
    pub setting: &'static str,
    /// The file: the one that is named, else the one in the data folder.
    pub file: PathBuf,
    /// Whether the setting names it.
    pub given: bool,
    /// The command that makes one.
    how: &'static str,
}

/// What seals the signing keys.
pub fn of_sealing(config: &Config) -> Secret {
    let how = "(umask 077; openssl rand -base64 32 > FILE)";
    secret(config, "auth.sealing_key_file", config.auth.sealing_key_file.as_ref(), "sealing.key", how)
}

/// What services and tools prove themselves by.
pub fn of_services(config: &Config) -> Secret {
    let how = "(umask 077; openssl rand -hex 32 > FILE)";
    secret(config, "auth.service_secret_file", config.auth.service_secret_file.as_ref(), "service.secret", how)
}

fn secret(config: &Config, setting: &'static str, file: Option<&PathBuf>, name: &str, how: &'static str) -> Secret {
    let given = file.is_some();
    Secret { setting, file: file.cloned().unwrap_or_else(|| config.node.data_folder.join(name)), given, how }
}

impl Secret {
    /// The file to be opened, and made where it is not there yet.
    fn usable(&self, config: &Config) -> Result<&PathBuf> {
        // One that lies in the data folder from a time of development must not become a production secret without a word.
        if config.production() && !(self.given && self.file.exists()) {
            bail!("{}: production makes up no secret; make one and name it: {}", self.setting, self.how);
        }
        Ok(&self.file)
    }
}

/// What seals the signing keys: made at the first start in development, given by name in production.
pub fn sealing_key(config: &Config) -> Result<SealingKey> {
    let secret = of_sealing(config);
    SealingKey::open(secret.usable(config)?).context(secret.setting)
}

/// The service secret, of auth-api and of services: made by the first that starts in development, given by name in production.
pub fn service_secret(config: &Config) -> Result<ServiceSecret> {
    let secret = of_services(config);
    ServiceSecret::open(secret.usable(config)?).context(secret.setting)
}

/// The service secret that is there already: tools make none.
pub fn present_service_secret(config: &Config) -> Result<ServiceSecret> {
    let secret = of_services(config);
    if !secret.file.exists() {
        bail!(
            "{}: there is no service secret at {}; start the system first (./run), or name its file",
            secret.setting,
            secret.file.display()
        );
    }
    ServiceSecret::open(&secret.file).context(secret.setting)
}

/// The tokens of the orchestrator, where this process signs.
pub fn signed_here(keyring: Arc<Keyring>) -> Result<Arc<dyn ServiceTokens>> {
    let service = UserId::parse(orchestrator::SERVICE)?;
    Ok(Arc::new(SignedHere { service, signer: Box::new(move || keyring.signer()) }))
}

/// The tokens of the orchestrator, asked of auth-api for the service secret.
pub fn asked_of_auth_api(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn ServiceTokens>> {
    let Some(auth_api) = &config.upstream.auth_api_url else {
        bail!("upstream.auth_api_url: services get their tokens there; set it to auth-api's internal listener")
    };
    let service = UserId::parse(orchestrator::SERVICE)?;
    Ok(Arc::new(AskedOfAuthApi::new(service, auth_api, service_secret(config)?, clock)?))
}

/// Verifies tokens that auth-api signs elsewhere.
pub fn verifier(config: &Config, clock: Arc<dyn Clock>) -> Result<Verifier> {
    match &config.tokens.jwks_url {
        Some(url) => Ok(Verifier::remote(&config.tokens.issuer, url, clock)?),
        None => bail!(
            "tokens.jwks_url: this role verifies tokens and must know where the keys are; set it to auth-api's \
             http://…/user/.well-known/jwks.json"
        ),
    }
}
