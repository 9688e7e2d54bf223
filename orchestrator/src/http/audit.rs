//! Who may ask, and the line that asking leaves in the log.

use axum::http::StatusCode;
use infra::http::Problem;
use infra::tokens::Caller;

/// Lets administrators through, and writes down what they ask for.
///
/// # Errors
/// 403 for everybody else.
pub fn administrator(caller: &Caller, what: &str, about: &str) -> Result<(), Problem> {
    let user = caller.user.as_str();
    if caller.scope.admin {
        tracing::info!(user, what, about, "an administrator asked");
        return Ok(());
    }
    tracing::warn!(user, what, about, "refused: not an administrator");
    Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed").detail("this takes a token with the scope `admin`"))
}
