//! The one place that draws random numbers.

use uuid::Uuid;

/// A fresh random UUID (version 4).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that draws random ids")]
pub fn uuid_v4() -> Uuid {
    Uuid::new_v4()
}

/// A fresh UUID that sorts by time (version 7): what the server gives to commands that bring no id.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that draws random ids")]
pub fn uuid_v7() -> Uuid {
    Uuid::now_v7()
}

/// A random duration between zero and `max`: back-off with full jitter.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that draws random numbers")]
pub fn jitter(max: std::time::Duration) -> std::time::Duration {
    max.mul_f64(rand::Rng::random::<f64>(&mut rand::rng()))
}

/// 32 bytes for a secret key, from the thread's cryptographic generator, which the operating system seeds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that draws random numbers")]
pub fn secret_bytes() -> [u8; 32] {
    rand::Rng::random(&mut rand::rng())
}
