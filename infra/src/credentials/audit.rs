//! Security events: a line in the audit table for each, and the same as a log line by whoever writes it.

use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::account::words;

/// The most rows of a table that one call of [`super::Credentials::tidy`] takes away.
pub const TIDY_ROWS_MAX: u32 = 500;

words! {
    /// What happened.
    AuditEvent {
        /// Somebody asked to be registered.
        RegistrationRequested = "registration-requested",
        /// The person is registered; the account is active.
        AccountActivated = "account-activated",
        /// The registration was refused; the reservation was released.
        RegistrationRefused = "registration-refused",
        /// Somebody signed in.
        SignedIn = "signed-in",
        /// Somebody could not sign in.
        SignInFailed = "sign-in-failed",
        /// Somebody must wait before trying again.
        SignInDelayed = "sign-in-delayed",
        /// Sessions were renewed. Written for refused renewals alone: good ones come every few minutes.
        SessionRenewed = "session-renewed",
        /// Sessions were ended by their person.
        SessionsEnded = "sessions-ended",
        /// An old refresh token was used: its session was ended.
        RefreshReused = "refresh-reused",
        /// The person chose another password.
        PasswordChanged = "password-changed",
        /// An administrator set another password.
        PasswordReset = "password-reset",
        /// The stored form of the password was renewed with stronger parameters.
        PasswordRehashed = "password-rehashed",
        /// An administrator shut the person out.
        AccountDisabled = "account-disabled",
        /// An administrator let the person in again.
        AccountEnabled = "account-enabled",
        /// The person leaves for good.
        AccountDeactivated = "account-deactivated",
        /// The account's roles were changed.
        RolesChanged = "roles-changed",
        /// A service or tool was given a token.
        TokenIssued = "token-issued",
    }
}

/// A line to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AuditEvent,
    /// Whose account; nothing where that is not known.
    pub user: Option<UserId>,
    /// Who did it, if not the person: `admin` for the command line, a service's name.
    pub actor: Option<String>,
    /// In which session.
    pub session: Option<Uuid>,
    /// From which network address.
    pub address: Option<String>,
    /// A code that says more.
    pub detail: Option<String>,
}

impl Entry {
    /// A line about `user`.
    #[must_use]
    pub const fn new(event: AuditEvent, user: Option<UserId>, at: Timestamp) -> Self {
        Self { at, event, user, actor: None, session: None, address: None, detail: None }
    }
}

/// A line as it was written. The event is a word, because a later version may know more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// Who did it, if not the person.
    pub actor: Option<String>,
    /// In which session.
    pub session: Option<Uuid>,
    /// From which network address.
    pub address: Option<String>,
    /// A code that says more.
    pub detail: Option<String>,
}
