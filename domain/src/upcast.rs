//! Old forms of events become current when they are read. What stands in the log is never rewritten.
//!
//! # How to change an event's stored form
//!
//! 1. Give the changed payload a new type name (`….v2`) in `wire.rs`; the golden file of the old one stays as it is.
//! 2. Add a [`Step`] from the old name to the new one to [`STEPS`].
//!
//! Optional fields that older readers may ignore are a new version too: whether a reader may ignore a field is seldom sure.

use serde_json::Value;

/// From one version of an event type to the next.
pub struct Step {
    /// The old type name, with its version.
    pub from: &'static str,
    /// The name that follows it.
    pub to: &'static str,
    /// Turns an old body into the next one. It must be total: what it does not understand it leaves, and reading the result then
    /// says what is wrong.
    pub body: fn(Value) -> Value,
}

/// Every step there is. None yet: all types are at their first version.
pub const STEPS: &[Step] = &[];

/// The body of `event_type` in the form of the next version that `steps` knows, with that version's name; nothing when the type
/// has no successor.
///
/// # Errors
/// When the body is no JSON.
pub fn next(steps: &[Step], event_type: &str, body: &[u8]) -> serde_json::Result<Option<(&'static str, Vec<u8>)>> {
    let Some(step) = steps.iter().find(|step| step.from == event_type) else { return Ok(None) };
    let body = (step.body)(serde_json::from_slice(body)?);
    Ok(Some((step.to, serde_json::to_vec(&body)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::wire::{DecodeError, EVENT_TYPES};

    /// Forms that never existed in production: two versions before the current one.
    const TEST_STEPS: &[Step] = &[
        Step {
            from: "sarangbang.room.member-left.v-1",
            to: "sarangbang.room.member-left.v0",
            body: |body| serde_json::json!({ "who": body }),
        },
        Step {
            from: "sarangbang.room.member-left.v0",
            to: "sarangbang.room.member-left.v1",
            body: |body| serde_json::json!({ "userId": body.get("who") }),
        },
    ];

    #[test]
    fn an_older_form_is_read_through_all_its_steps() {
        let current = Event::from_json("sarangbang.room.member-left.v1", br#"{"userId":"alice"}"#).unwrap();
        for (event_type, body) in
            [("sarangbang.room.member-left.v0", r#"{"who":"alice"}"#), ("sarangbang.room.member-left.v-1", r#""alice""#)]
        {
            assert_eq!(Event::from_json_through(TEST_STEPS, event_type, body.as_bytes()), Ok(current.clone()), "{event_type}");
        }
    }

    #[test]
    fn what_no_step_leads_on_from_is_unknown_and_what_cannot_be_read_is_bad() {
        let read = |event_type, body: &[u8]| Event::from_json_through(TEST_STEPS, event_type, body);
        assert!(matches!(read("sarangbang.room.member-left.v2", b"{}"), Err(DecodeError::UnknownType(_))));
        assert!(matches!(read("sarangbang.room.member-left.v0", b"{}"), Err(DecodeError::BadBody { .. })));
        assert!(matches!(read("sarangbang.room.member-left.v0", b"{"), Err(DecodeError::BadBody { .. })));
        // Without the steps, as in production, nobody knows the old form.
        assert!(matches!(Event::from_json("sarangbang.room.member-left.v0", b"{}"), Err(DecodeError::UnknownType(_))));
    }

    #[test]
    fn a_step_that_leads_back_ends() {
        let circle = [Step { from: "a", to: "b", body: |body| body }, Step { from: "b", to: "a", body: |body| body }];
        assert!(matches!(Event::from_json_through(&circle, "a", b"{}"), Err(DecodeError::UnknownType(_))));
    }

    #[test]
    fn the_steps_lead_from_what_is_old_to_what_is_current() {
        for step in STEPS {
            assert!(!EVENT_TYPES.contains(&step.from), "{} is current: it needs no step", step.from);
            let mut event_type = step.to;
            for _ in STEPS {
                event_type = STEPS.iter().find(|step| step.from == event_type).map_or(event_type, |step| step.to);
            }
            assert!(EVENT_TYPES.contains(&event_type), "{} ends at {event_type}, which nobody knows", step.from);
        }
    }
}
