//! What the log says to sagas: pure. Which record begins or changes which one.

use domain::acceptance::{Cursor, Verdict};
use domain::ids::{EventTopic, Pair};
use domain::relation;
use domain::saga::{DeactivationRequested, Envelope, Message, RegistrationRequested, SagaId};
use domain::wire::{DecodeError, Entry, Record};
use domain::{Event, StreamId, Timestamp};
use uuid::Uuid;

use crate::process::{Deactivation, DirectRoom, Process, Registration};
use crate::run::Run;

/// The types of events of users that concern a saga; others are not even decoded.
const CONCERNING: [&str; 2] = ["sarangbang.relation.blocked.v1", "sarangbang.relation.unblocked.v1"];

/// Something that a saga learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Which saga.
    pub saga: SagaId,
    /// The id of the message or event.
    cause: Uuid,
    traceparent: Option<String>,
    said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Register(RegistrationRequested),
    Deactivate(DeactivationRequested),
    Related(Pair, relation::Event),
}

impl Lesson {
    /// What a record of `sagas.v1` says, if it is for us.
    ///
    /// # Errors
    /// [`DecodeError`] for what is no message of a saga, or one of a later version.
    pub fn of_message(record: &Record) -> Result<Option<Self>, DecodeError> {
        let envelope = Envelope::of_record(record)?;
        let cause = envelope.id();
        let said = match envelope.message {
            Message::RegistrationRequested(request) => Said::Register(request),
            Message::DeactivationRequested(request) => Said::Deactivate(request),
            // Our own.
            Message::PersonRegistered(_) | Message::RegistrationRefused(_) | Message::PersonDeactivated(_) => return Ok(None),
        };
        Ok(Some(Self { saga: envelope.saga, cause, traceparent: envelope.traceparent, said }))
    }

    /// What a record of `users.v1` says, if it counts and is for us; moves the `cursor`.
    ///
    /// # Errors
    /// [`DecodeError`] for an event that this version cannot read.
    pub fn of_event(cursor: &mut Cursor, record: &Record) -> Result<Option<Self>, DecodeError> {
        let counts = matches!(cursor.accept(record.mark()), Verdict::Effective);
        if !counts || !record.header("ce_type").is_some_and(|name| CONCERNING.contains(&name)) {
            return Ok(None);
        }
        let Entry::Event(envelope) = record.decode(EventTopic::Users)? else { return Ok(None) };
        let (StreamId::Relation(pair), Event::Relation(event)) = (envelope.stream, envelope.event) else { return Ok(None) };
        Ok(Some(Self {
            saga: SagaId::of_direct_room(&pair),
            cause: envelope.metadata.id,
            traceparent: envelope.metadata.traceparent,
            said: Said::Related(pair, event),
        }))
    }

    /// Teaches it to the saga, which begins where there is none yet. Says whether that changed anything: what is asked for twice is begun once.
    pub fn teach(&self, run: &mut Option<Run>, now: Timestamp) -> bool {
        let begin = |process| {
            let mut run = Run::begin(self.saga, process, self.traceparent.clone(), now);
            run.learn(self.cause, now, |_| {});
            run
        };
        match (&self.said, run.as_mut()) {
            (Said::Related(_, event), Some(run)) => {
                run.learn(self.cause, now, |process| {
                    if let Process::DirectRoom(process) = process {
                        process.related(event);
                    }
                });
            }
            (Said::Related(pair, event), None) => {
                let mut process = DirectRoom::of(pair.clone());
                process.related(event);
                *run = Some(begin(Process::DirectRoom(process)));
            }
            (Said::Register(_) | Said::Deactivate(_), Some(_)) => return false,
            (Said::Register(request), None) => *run = Some(begin(Process::Registration(Registration::requested(request)))),
            (Said::Deactivate(request), None) => *run = Some(begin(Process::Deactivation(Deactivation::requested(request)))),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use domain::UserId;
    use domain::saga::RegistrationPersonal;
    use domain::text::UserName;
    use infra::saga_state::Progress;

    use super::*;

    fn requested() -> Envelope {
        let user_id = UserId::parse("ann").unwrap();
        let saga = SagaId::of_registration(&user_id, Uuid::nil());
        let personal = RegistrationPersonal { user_name: UserName::parse("Ann").unwrap() };
        let message = Message::RegistrationRequested(RegistrationRequested { user_id, personal });
        Envelope { saga, time: Timestamp::default(), causation_id: None, traceparent: None, message }
    }

    #[test]
    fn a_message_that_stands_there_twice_begins_one_saga() {
        let record = requested().to_record();
        let lesson = Lesson::of_message(&record).unwrap().unwrap();
        let mut run = None;
        assert!(lesson.teach(&mut run, Timestamp::default()));
        let begun = run.clone().unwrap();
        assert_eq!((begun.saga.progress, begun.saga.step_name.as_deref()), (Progress::Running, Some("register-user")));
        assert_eq!(begun.saga.cause, Some(requested().id()));
        assert!(!lesson.teach(&mut run, Timestamp::default()));
        assert_eq!(run, Some(begun));
    }

    #[test]
    fn nothing_of_personal_data_but_the_name_is_remembered_and_it_is_read_back() {
        let lesson = Lesson::of_message(&requested().to_record()).unwrap().unwrap();
        let mut run = None;
        lesson.teach(&mut run, Timestamp::default());
        let run = run.unwrap();
        assert_eq!(Run::read(run.saga.clone()).unwrap(), run);
        assert_eq!(run.saga.process, r#"{"registration":{"userId":"ann","userName":"Ann","stage":"registering"}}"#);
    }
}
