//! The one mapping of the database's and the hashing's faults to HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use domain::Timestamp;
use infra::credentials::Fault;
use infra::http::Problem;

use crate::passwords::{self, Weak};

/// The database fails.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub fn of_database(fault: Fault) -> Problem {
    match fault {
        Fault::Unavailable(_) => {
            tracing::warn!(%fault, "a request about accounts cannot be served");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service-unavailable")
        }
        Fault::Rejected(_) | Fault::CheckpointMoved(_) => Problem::internal(&fault),
    }
}

/// Nothing was hashed.
pub fn of_hashing(fault: passwords::Fault) -> Problem {
    match fault {
        passwords::Fault::Busy => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
            .detail("too many passwords are being checked")
            .retry_after(Duration::from_secs(1)),
        passwords::Fault::Defect => Problem::internal(&fault),
    }
}

/// The password is too weak.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub fn of_weak(pointer: &'static str, weak: Weak) -> Problem {
    Problem::value(pointer, weak.to_string())
}

/// Somebody must wait.
pub fn of_wait(until: Timestamp, now: Timestamp) -> Problem {
    let ms = until.as_millis().saturating_sub(now.as_millis()).max(0).cast_unsigned();
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "sign-in-delayed").retry_after(Duration::from_millis(ms))
}
