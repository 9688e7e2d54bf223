//! The key that signs tokens, from a node's own files: for tests that need tokens of thousands of people.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use infra::clock::SystemClock;
use infra::credentials::{KeyState, sqlite};
use infra::tokens::{SealingKey, Signer};

/// The signer of the node with accounts in SQLite that has its files in `data`.
///
/// # Errors
/// When there is no such key.
pub async fn signer(data: &Path) -> Result<Signer> {
    let keys = sqlite::open(&data.join("auth.sqlite")).await?.keys().await?;
    let current = keys.into_iter().find(|key| key.state == KeyState::Current).context("no key signs")?;
    let seed = SealingKey::open(&data.join("sealing.key"))?.unseal(&current.id, &current.sealed)?;
    Ok(Signer::of_seed(&seed, "sarangbang", Arc::new(SystemClock))?)
}
