//! Accounts and their registration.

use std::fmt;
use std::str::FromStr;

use domain::saga::{ReasonCode, SagaId};
use domain::{CommandId, Timestamp, UserId};

use super::{Ended, Outgoing};

/// A word in a column that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds a word that this version does not know")]
pub struct UnknownWord;

/// Declares the words of a column.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }
        impl $name {
            /// The word in the database, in logs and in answers.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::credentials::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word { $( $word => Ok(Self::$variant), )+ _ => Err($crate::credentials::UnknownWord) }
            }
        }
    };
}
pub(super) use words;

words! {
    /// How an account stands.
    AccountState {
        /// The id is reserved, and the person is not in the log yet.
        Pending = "pending",
        /// The person may sign in.
        Active = "active",
        /// An administrator has shut the person out, until further notice.
        Disabled = "disabled",
        /// The person has left for good; no credentials are left.
        Deactivated = "deactivated",
    }
}

words! {
    /// How a registration stands.
    Progress {
        /// Not decided yet.
        Pending = "pending",
        /// The person is registered and can sign in.
        Registered = "registered",
        /// It was refused; nothing of it is left but this.
        Refused = "refused",
    }
}

words! {
    /// What an account may do beyond acting as its person. Given by the command line alone.
    Role {
        /// May read numbers and envelopes through `/chat/admin`.
        Admin = "admin",
    }
}

/// The roles of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    /// [`Role::Admin`].
    pub admin: bool,
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.admin { Role::Admin.word() } else { "" })
    }
}
impl FromStr for Roles {
    type Err = UnknownWord;
    fn from_str(words: &str) -> Result<Self, UnknownWord> {
        let mut roles = Self::default();
        for word in words.split_whitespace() {
            match word.parse()? {
                Role::Admin => roles.admin = true,
            }
        }
        Ok(roles)
    }
}

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub user: UserId,
    /// How it stands.
    pub state: AccountState,
    /// Argon2id in PHC form; none once the person has left.
    pub password: Option<String>,
    /// The e-mail address, if one was given.
    pub email: Option<String>,
    /// What it may do beyond acting as its person.
    pub roles: Roles,
    /// When it was reserved.
    pub created_at: Timestamp,
}

impl fmt::Debug for Account {
    /// Neither password nor address: this may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).field("state", &self.state).finish_non_exhaustive()
    }
}

/// An account that is asked for.
#[derive(Clone)]
pub struct NewAccount {
    /// The id that is to be reserved.
    pub user: UserId,
    /// Argon2id in PHC form.
    pub password: String,
    /// The e-mail address, if one was given.
    pub email: Option<String>,
    /// What it may do from the beginning.
    pub roles: Roles,
    /// Its registration.
    pub saga: SagaId,
    /// The command that registers the person: only its event activates the account.
    pub command: CommandId,
    /// A digest of what was asked for, without the password: the same saga with another one is refused.
    pub request: [u8; 32],
    /// The request to the orchestrator.
    pub message: Outgoing,
    /// When.
    pub at: Timestamp,
}

/// What became of the wish to reserve an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is reserved now.
    New,
    /// This saga was there already.
    Known(Registration),
    /// The id is somebody else's, or reserved by another registration.
    Taken,
    /// The saga was there already, and asked for something else.
    OtherRequest,
}

/// How a registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its saga.
    pub saga: SagaId,
    /// Who is to be registered.
    pub user: UserId,
    /// How it stands.
    pub progress: Progress,
    /// Why it was refused.
    pub reason: Option<ReasonCode>,
    /// Since when it stands so.
    pub changed_at: Timestamp,
}

/// What the log says about accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A person was registered, by this command.
    Registered {
        /// Who.
        user: UserId,
        /// By which command.
        command: CommandId,
        /// When.
        at: Timestamp,
    },
    /// A registration was refused: the reservation is released.
    Refused {
        /// Which.
        saga: SagaId,
        /// Why.
        reason: ReasonCode,
        /// When.
        at: Timestamp,
    },
    /// A person left for good.
    Deactivated {
        /// Who.
        user: UserId,
        /// The end of their sessions, in case they have any.
        ended: Ended,
    },
}

/// A change of an account's state.
#[derive(Debug, Clone)]
pub enum StateChange {
    /// Active → disabled; sessions end.
    Disable(Ended),
    /// Disabled → active.
    Enable,
    /// Active or disabled → deactivated; sessions end, credentials go, and the request to the orchestrator is sent.
    Deactivate(Ended, Outgoing),
}
