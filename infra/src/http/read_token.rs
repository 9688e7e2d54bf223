//! Read tokens: how far a reader must be to see one's own write.

use std::fmt;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::Sequence;
use domain::ids::EventTopic;

use super::Problem;

/// The most tokens that one `Read-After` may hold.
pub const READ_AFTER_MAX: usize = 32;
/// The header that a command answers with.
pub const READ_TOKEN: &str = "read-token";
/// The header that a query takes: tokens separated by commas.
pub const READ_AFTER: &str = "read-after";

/// A place in one partition, such as `r3.812`: topic letter, partition, sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReadToken {
    /// The topic.
    pub topic: EventTopic,
    /// The partition's number.
    pub partition: u32,
    /// The sequence that must be applied.
    pub sequence: Sequence,
}

/// It is no read token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a read token looks like r3.812")]
pub struct ReadTokenError;

impl fmt::Display for ReadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}.{}", self.topic.letter(), self.partition, self.sequence)
    }
}

impl FromStr for ReadToken {
    type Err = ReadTokenError;

    fn from_str(raw: &str) -> Result<Self, ReadTokenError> {
        let mut letters = raw.chars();
        let letter = letters.next().ok_or(ReadTokenError)?;
        let topic = EventTopic::ALL.into_iter().find(|topic| topic.letter() == letter).ok_or(ReadTokenError)?;
        let (partition, sequence) = letters.as_str().split_once('.').ok_or(ReadTokenError)?;
        // `parse` alone would also take a sign.
        if !partition.bytes().chain(sequence.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(ReadTokenError);
        }
        let partition = partition.parse().map_err(|_| ReadTokenError)?;
        let sequence = sequence.parse().map_err(|_| ReadTokenError)?;
        Ok(Self { topic, partition, sequence })
    }
}

/// Extracts the `Read-After` header: the tokens that a query must wait for; none when there is no such header.
#[derive(Debug, Clone, Default)]
pub struct ReadAfter(pub Vec<ReadToken>);

impl<S: Send + Sync> FromRequestParts<S> for ReadAfter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let bad = |why: String| Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail(format!("Read-After: {why}"));
        let mut tokens = Vec::new();
        for value in parts.headers.get_all(READ_AFTER) {
            let text = value.to_str().map_err(|_| bad(ReadTokenError.to_string()))?;
            for raw in text.split(',').map(str::trim).filter(|raw| !raw.is_empty()) {
                if tokens.len() == READ_AFTER_MAX {
                    return Err(bad(format!("at most {READ_AFTER_MAX} tokens")));
                }
                tokens.push(raw.parse().map_err(|error: ReadTokenError| bad(error.to_string()))?);
            }
        }
        Ok(Self(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_as_written() {
        let token = ReadToken { topic: EventTopic::Rooms, partition: 3, sequence: 812 };
        assert_eq!(token.to_string(), "r3.812");
        assert_eq!("r3.812".parse(), Ok(token));
        for bad in ["", "r", "x3.8", "r3", "r3.", "r.8", "r+3.8", "r3.-8", "r3.8.1", "r3.99999999999999999999999", "é3.8"] {
            assert_eq!(bad.parse::<ReadToken>(), Err(ReadTokenError), "{bad}");
        }
    }

    #[tokio::test]
    async fn several_come_in_one_header_up_to_a_limit() {
        let extract = async |header: String| {
            let (mut parts, ()) = axum::http::Request::builder().header(READ_AFTER, header).body(()).unwrap().into_parts();
            ReadAfter::from_request_parts(&mut parts, &())
                .await
                .map(|after| after.0.len())
                .map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(extract("r3.812, u0.4".to_owned()).await, Ok(2));
        assert_eq!(extract("r3.812, nonsense".to_owned()).await, Err(400));
        assert_eq!(extract("r1.1,".repeat(READ_AFTER_MAX + 1)).await, Err(400));
    }
}
