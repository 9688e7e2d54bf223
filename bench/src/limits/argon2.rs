//! Argon2id alone, with the parameters of a sign-in, on as many threads as a sign-in has.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::load::Operation;

/// Memory in KiB, passes and lanes, and the bytes that come out, as in `auth-api`.
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);
const OUTPUT_BYTES: usize = 32;

/// Hashes one password.
pub struct BareArgon2 {
    hasher: Argon2<'static>,
    threads: Arc<Semaphore>,
}

impl BareArgon2 {
    /// On `threads` threads.
    ///
    /// # Errors
    /// Where the parameters are none.
    pub fn new(threads: usize) -> Result<Self> {
        let (memory_kib, passes, lanes) = PARAMETERS;
        let params = Params::new(memory_kib, passes, lanes, Some(OUTPUT_BYTES)).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { hasher: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), threads: Arc::new(Semaphore::new(threads)) })
    }
}

impl Operation for BareArgon2 {
    async fn run(&self, _: usize) -> Result<()> {
        let _thread = self.threads.acquire().await?;
        let hasher = self.hasher.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let mut hash = [0; OUTPUT_BYTES];
            hasher.hash_password_into(b"correct horse battery staple", b"salt of sixteen.", &mut hash)
        });
        hashed.await?.map_err(|error| anyhow!("{error}"))
    }
}
