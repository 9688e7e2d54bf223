//! What is asked of a partition's owner: on this node by its queue, on another one by HTTP with the caller's own token.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::{Pair, PartitionId};
use domain::{Command, Refusal, RoomId, StreamId, UserId};
use infra::tokens::Caller;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::bus::{Fault, Outcome, Standing};
use crate::partition::{Handle, Request};

/// A question to an owner. Asking it twice is safe.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// Execute a command. Shared, because it is kept for asking again and never changed.
    #[serde(with = "shared")]
    Execute(Arc<Command>),
    /// Which of these people exist and are active?
    ActiveUsers(Vec<UserId>),
    /// Which of these pairs have a block between them?
    Blocked(Vec<Pair>),
    /// How does a person stand to a room?
    Standing {
        /// The room.
        room: RoomId,
        /// The person.
        user: UserId,
    },
}

/// A shared command is written as the command itself.
mod shared {
    use std::sync::Arc;

    use domain::Command;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(command: &Arc<Command>, serializer: S) -> Result<S::Ok, S::Error> {
        command.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Command>, D::Error> {
        Command::deserialize(deserializer).map(Arc::new)
    }
}

/// An owner's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// To [`Question::Execute`].
    Outcome(Outcome),
    /// To [`Question::ActiveUsers`].
    ActiveUsers(Vec<UserId>),
    /// To [`Question::Blocked`].
    Blocked(Vec<Pair>),
    /// To [`Question::Standing`].
    Standing(Option<Standing>),
}

/// A question on its way to another node: the sender says which partition it takes for that node's.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The partition, as `rooms.v1/3`.
    pub partition: String,
    /// The question.
    pub question: Question,
}

/// An owner's "no" on its way back. What the asker handles itself (no owner here) is the status 421 instead.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Denial {
    /// A business "no".
    Refused(Refusal),
    /// See [`Fault::NotAllowed`].
    NotAllowed,
    /// See [`Fault::KeyReused`].
    KeyReused,
    /// See [`Fault::KeyTooOld`].
    KeyTooOld {
        /// The window in milliseconds.
        window_ms: u64,
    },
    /// See [`Fault::TooLarge`].
    TooLarge {
        /// The event's size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// See [`Fault::Busy`].
    Busy,
    /// See [`Fault::OutcomeUnknown`].
    OutcomeUnknown,
    /// See [`Fault::StreamUnreadable`].
    StreamUnreadable {
        /// The stream: a question may be about several.
        stream: StreamId,
    },
}

impl Denial {
    /// The form of `fault` between nodes; nothing when this node is not the owner.
    pub fn of(fault: Fault) -> Option<Self> {
        Some(match fault {
            Fault::Refused(refusal) => Self::Refused(refusal),
            Fault::NotAllowed => Self::NotAllowed,
            Fault::KeyReused => Self::KeyReused,
            Fault::KeyTooOld { window } => Self::KeyTooOld { window_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX) },
            Fault::TooLarge { bytes, bytes_max } => Self::TooLarge { bytes, bytes_max },
            Fault::Busy => Self::Busy,
            Fault::OutcomeUnknown => Self::OutcomeUnknown,
            Fault::StreamUnreadable(stream) => Self::StreamUnreadable { stream },
            Fault::NoOwner(_) => return None,
        })
    }

    fn into_fault(self) -> Fault {
        match self {
            Self::Refused(refusal) => Fault::Refused(refusal),
            Self::NotAllowed => Fault::NotAllowed,
            Self::KeyReused => Fault::KeyReused,
            Self::KeyTooOld { window_ms } => Fault::KeyTooOld { window: Duration::from_millis(window_ms) },
            Self::TooLarge { bytes, bytes_max } => Fault::TooLarge { bytes, bytes_max },
            Self::Busy => Fault::Busy,
            Self::OutcomeUnknown => Fault::OutcomeUnknown,
            Self::StreamUnreadable { stream } => Fault::StreamUnreadable(stream),
        }
    }
}

impl Question {
    /// Asks the owner on this node. A task that ends meanwhile leaves the outcome unknown; asking again settles it.
    pub async fn ask_here(self, handle: &Handle, partition: PartitionId, deadline: Instant) -> Result<Reply, Fault> {
        async fn answer<T>(receiver: oneshot::Receiver<Result<T, Fault>>, deadline: Instant) -> Result<T, Fault> {
            match tokio::time::timeout_at(deadline, receiver).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(Fault::OutcomeUnknown),
            }
        }
        if handle.is_closed() {
            return Err(Fault::NoOwner(partition));
        }
        match self {
            Self::Execute(command) => {
                let (reply, receiver) = oneshot::channel();
                handle.send(Request::Execute { command, reply });
                answer(receiver, deadline).await.map(Reply::Outcome)
            }
            Self::ActiveUsers(users) => {
                let (reply, receiver) = oneshot::channel();
                handle.send(Request::ActiveUsers { users, reply });
                answer(receiver, deadline).await.map(Reply::ActiveUsers)
            }
            Self::Blocked(pairs) => {
                let (reply, receiver) = oneshot::channel();
                handle.send(Request::Blocked { pairs, reply });
                answer(receiver, deadline).await.map(Reply::Blocked)
            }
            Self::Standing { room, user } => {
                let (reply, receiver) = oneshot::channel();
                handle.send(Request::Standing { room, user, reply });
                answer(receiver, deadline).await.map(Reply::Standing)
            }
        }
    }

    /// Asks the owner at `url`.
    pub async fn ask_there(
        &self,
        client: &reqwest::Client,
        url: &str,
        caller: &Caller,
        partition: PartitionId,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        let asked = Asked { partition: partition.to_string(), question: self.clone() };
        let request = client
            .post(format!("{url}{}", super::internal::ASK_PATH))
            .bearer_auth(&caller.token.0)
            .timeout(deadline.saturating_duration_since(Instant::now()))
            .json(&asked);
        let response = match request.send().await {
            Ok(response) => response,
            // A connection that was never made carried nothing.
            Err(error) if error.is_connect() => return Err(Fault::NoOwner(partition)),
            Err(error) => {
                tracing::warn!(%partition, url, error = %error.without_url(), "another node did not answer");
                return Err(Fault::OutcomeUnknown);
            }
        };
        match response.status() {
            StatusCode::OK => response.json().await.map_err(|_| Fault::OutcomeUnknown),
            StatusCode::MISDIRECTED_REQUEST => Err(Fault::NoOwner(partition)),
            StatusCode::CONFLICT => match response.json::<Denial>().await {
                Ok(denial) => Err(denial.into_fault()),
                Err(_) => Err(Fault::OutcomeUnknown),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::NotAllowed),
            status => {
                tracing::warn!(%partition, url, %status, "another node could not take a forwarded request");
                Err(Fault::OutcomeUnknown)
            }
        }
    }
}
