//! Who signs tokens here, and how they are verified.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use infra::clock::Clock;
use infra::config::Config;
use infra::tokens::{Signer, Verifier};

use super::options;

/// The key that signs: made at the first start in development, given by name in production.
pub fn signer(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Signer>> {
    let file = options::key_file(config);
    // One that lies in the data folder from a time of development must not become a production key without a word.
    if config.production() && !(config.tokens.key_file.is_some() && file.exists()) {
        bail!(
            "tokens.key_file: production makes up no key; set it to an Ed25519 key in PEM form \
             (openssl genpkey -algorithm ed25519 -out FILE; chmod 600 FILE)"
        );
    }
    Ok(Arc::new(Signer::open(&file, &config.tokens.issuer, clock).context("tokens.key_file")?))
}

/// The key that is there already, for tools: they make none.
pub fn present_signer(config: &Config, clock: Arc<dyn Clock>) -> Result<Signer> {
    let file = options::key_file(config);
    if !file.exists() {
        bail!(
            "there is no signing key at {}; start the server first, name its key (tokens.key_file), or give --token-file",
            file.display()
        );
    }
    Signer::open(&file, &config.tokens.issuer, clock).context("tokens.key_file")
}

/// Verifies tokens that others sign: by the keys of `tokens.jwks_url`, else by the key file.
pub fn verifier(config: &Config, clock: Arc<dyn Clock>) -> Result<Verifier> {
    if let Some(url) = &config.tokens.jwks_url {
        return Ok(Verifier::remote(&config.tokens.issuer, url, clock)?);
    }
    let given = config.tokens.key_file.is_some() || !config.production();
    if given && options::key_file(config).exists() {
        return Ok(signer(config, clock)?.verifier());
    }
    bail!(
        "tokens.jwks_url: this role verifies tokens and knows no key; set it to auth-api's \
         http://…/user/.well-known/jwks.json, or tokens.key_file to the key that signs"
    )
}
