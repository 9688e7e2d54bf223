//! One command against the decided state of its partition.

use std::time::Duration;

use domain::command::{Body, Context};
use domain::envelope::{Envelope, Event, Metadata, Version};
use domain::ids::PartitionId;
use domain::wire::event_id;
use domain::{Command, Decision, Epoch, Refusal, Sequence, StreamId, Timestamp, relation, room, user};
use infra::state_store;

use super::dedupe::{CommandKey, Executed, Table};
use super::owner::Pending;
use super::streams::{State, Streams};
use crate::bus::Fault;

/// What becomes of a command.
pub enum Verdict {
    /// Append this event.
    Append(Box<Envelope>),
    /// It was executed before, or is in flight: this is what it did.
    Repeat(Executed),
    /// All is so already; this is the stream's version.
    AlreadySo(Version),
    /// It is not executed. Refusals wait for a witness like any answer without an event.
    Refused(Fault),
}

/// Where and when a decision is made.
pub struct Moment {
    /// The partition.
    pub partition: PartitionId,
    /// The owner's epoch.
    pub epoch: Epoch,
    /// The sequence that an event would take.
    pub next: Sequence,
    /// The time, which becomes the event's.
    pub now: Timestamp,
    /// Within which repeats are recognised.
    pub window: Duration,
}

/// Decides `command` (rules 7, 8, 10, 15).
///
/// # Errors
/// Only when the local store fails.
pub fn decide(
    command: &Command,
    at: &Moment,
    streams: &mut Streams,
    pending: &Pending,
    table: &Table,
) -> Result<Verdict, state_store::Fault> {
    let key = CommandKey::new(&command.actor, command.id);
    if let Some(executed) = pending.known(&key, || table.find(&key))? {
        let same = executed.same_request(command.hash);
        return Ok(if same { Verdict::Repeat(executed) } else { Verdict::Refused(Fault::KeyReused) });
    }
    if key.older_than(at.window, at.now) {
        return Ok(Verdict::Refused(Fault::KeyTooOld { window: at.window }));
    }
    if streams.is_unreadable(&command.stream) {
        return Ok(Verdict::Refused(Fault::StreamUnreadable(command.stream.clone())));
    }
    let target = match (&command.stream, &command.body) {
        (StreamId::Room(room), Body::Room(body)) => match body.target() {
            Some(number) => streams.message(*room, number)?,
            None => None,
        },
        _ => None,
    };
    let context = Context { actor: &command.actor, command: command.id, now: at.now };
    let state = streams.state(&command.stream, at.next.saturating_sub(1))?;
    let version = state.version();
    let decided = match (state, &command.body) {
        (State::User(state), Body::User(body)) => wrap(user::decide(state, body, context), Event::User),
        (State::Relation(state), Body::Relation(body)) => match &command.stream {
            StreamId::Relation(pair) => wrap(relation::decide(state, pair, body, context), Event::Relation),
            _ => return Ok(Verdict::Refused(Fault::NotAllowed)),
        },
        (State::Room(state), Body::Room(body)) => wrap(room::decide(state, target.as_ref(), body, context), Event::Room),
        // The edge never builds such a command, and the internal listener checks what it is given.
        _ => return Ok(Verdict::Refused(Fault::NotAllowed)),
    };
    Ok(match decided {
        Ok(Decision::Event(event)) => Verdict::Append(Box::new(envelope(command, at, version + 1, event))),
        Ok(Decision::AlreadySo) => Verdict::AlreadySo(version),
        Err(refusal) => Verdict::Refused(Fault::Refused(refusal)),
    })
}

fn wrap<E, R: Into<Refusal>>(decided: Result<Decision<E>, R>, event: fn(E) -> Event) -> Result<Decision<Event>, Refusal> {
    match decided {
        Ok(Decision::Event(body)) => Ok(Decision::Event(event(body))),
        Ok(Decision::AlreadySo) => Ok(Decision::AlreadySo),
        Err(refusal) => Err(refusal.into()),
    }
}

fn envelope(command: &Command, at: &Moment, stream_version: Version, event: Event) -> Envelope {
    let metadata = Metadata {
        id: event_id(at.partition, at.epoch, at.next),
        time: at.now,
        epoch: at.epoch,
        sequence: at.next,
        stream_version,
        command_id: command.id,
        command_hash: command.hash,
        actor: command.actor.clone(),
        correlation_id: command.correlation_id,
        causation_id: command.causation_id,
        traceparent: command.traceparent.clone(),
    };
    Envelope { stream: command.stream.clone(), metadata, event }
}

/// The number of the message that an event is about.
pub const fn message_number(event: &Event) -> Option<room::Number> {
    match event {
        Event::Room(event) => event.message_number(),
        Event::User(_) | Event::Relation(_) => None,
    }
}
