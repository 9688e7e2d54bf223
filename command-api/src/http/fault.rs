//! The one mapping of the bus's faults to HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use infra::http::Problem;

use crate::bus::Fault;

/// When to try again where somebody else may be taking over.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The problem that `fault` is. Faults that somebody must look at are logged where they arise, not here.
pub fn problem_of(fault: &Fault) -> Problem {
    let unavailable = |code| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code).retry_after(RETRY_AFTER);
    let invalid = |code| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code);
    let problem = match fault {
        Fault::Refused(refusal) => return Problem::refused(refusal),
        Fault::NotAllowed => Problem::new(StatusCode::FORBIDDEN, "not-allowed"),
        Fault::KeyReused => invalid("idempotency-key-reused"),
        Fault::KeyTooOld { .. } => invalid("idempotency-key-too-old"),
        Fault::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "event-too-large"),
        Fault::Busy => unavailable("busy"),
        // Which partition it is tells a client nothing.
        Fault::NoOwner(_) => return unavailable("no-owner"),
        Fault::OutcomeUnknown => unavailable("outcome-unknown"),
        Fault::StreamUnreadable(_) => unavailable("stream-unreadable"),
    };
    problem.detail(fault.to_string())
}

#[cfg(test)]
mod tests {
    use domain::ids::{EventTopic, PartitionId};
    use domain::{Refusal, StreamId, UserId, room};

    use super::*;

    #[test]
    fn every_fault_is_a_problem_of_the_table() {
        let partition = PartitionId { topic: EventTopic::Rooms, number: 0 };
        let stream = StreamId::User(UserId::parse("alice").unwrap());
        for (fault, status, code) in [
            (Fault::Refused(Refusal::Room(room::Refusal::LastOwner)), 409, "last-owner"),
            (Fault::Refused(Refusal::Room(room::Refusal::NotAMember)), 403, "not-a-member"),
            (Fault::NotAllowed, 403, "not-allowed"),
            (Fault::KeyReused, 422, "idempotency-key-reused"),
            (Fault::KeyTooOld { window: Duration::from_secs(60) }, 422, "idempotency-key-too-old"),
            (Fault::TooLarge { bytes: 2, bytes_max: 1 }, 413, "event-too-large"),
            (Fault::Busy, 503, "busy"),
            (Fault::NoOwner(partition), 503, "no-owner"),
            (Fault::OutcomeUnknown, 503, "outcome-unknown"),
            (Fault::StreamUnreadable(stream), 503, "stream-unreadable"),
        ] {
            let problem = problem_of(&fault);
            assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
        }
    }
}
