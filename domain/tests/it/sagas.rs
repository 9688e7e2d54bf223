//! The messages of `sagas.v1`: what another service reads stays readable, twice is the same as once, and nothing strange gets in.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::Timestamp;
use domain::saga::{
    DeactivationRequested, Envelope, MESSAGE_TYPES, Message, PersonDeactivated, PersonRegistered, ReasonCode,
    RegistrationPersonal, RegistrationRefused, RegistrationRequested, SagaId,
};
use domain::text::UserName;
use domain::wire::{DecodeError, Record};
use uuid::Uuid;

use crate::golden::{read, written};
use crate::scene::user;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden_sagas"].iter().collect()
}

/// One message of every type, in the order of `MESSAGE_TYPES`.
pub fn samples() -> Vec<Envelope> {
    let user_id = user("alice");
    let key = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
    let (registration, deactivation) = (SagaId::of_registration(&user_id, key), SagaId::of_deactivation(&user_id));
    let personal = RegistrationPersonal { user_name: UserName::parse("Alice Kim").unwrap() };
    let reason = ReasonCode::parse("user-exists").unwrap();
    let messages = [
        (registration, Message::RegistrationRequested(RegistrationRequested { user_id: user_id.clone(), personal })),
        (registration, Message::PersonRegistered(PersonRegistered { user_id: user_id.clone() })),
        (registration, Message::RegistrationRefused(RegistrationRefused { user_id: user_id.clone(), reason })),
        (deactivation, Message::DeactivationRequested(DeactivationRequested { user_id: user_id.clone() })),
        (deactivation, Message::PersonDeactivated(PersonDeactivated { user_id })),
    ];
    let envelope = |(saga, message)| Envelope {
        saga,
        time: Timestamp::from_millis(1_700_000_005_000).unwrap(),
        causation_id: Some(Uuid::from_u128(3)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        message,
    };
    messages.into_iter().map(envelope).collect()
}

#[test]
fn every_message_is_written_as_it_always_was() {
    for envelope in samples() {
        let name = envelope.message.type_name();
        let path = folder().join(format!("{name}.json"));
        let now = written(&envelope.to_record());
        if !path.exists() && std::env::var_os("SARANGBANG_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &now).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("{} is missing; for a new type, run the test once with SARANGBANG_WRITE_GOLDEN=1", path.display())
        });
        assert_eq!(now, golden, "the form of {name} has changed: other services read it; make a new version instead");
    }
}

#[test]
fn every_message_ever_written_is_read_and_written_back_to_the_byte() {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let envelope = Envelope::of_record(&read(&text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(written(&envelope.to_record()), text, "{}", path.display());
        seen.insert(envelope.message.type_name());
    }
    assert_eq!(seen, MESSAGE_TYPES.iter().copied().collect(), "a golden file for each type");
    assert!(samples().iter().map(|envelope| envelope.message.type_name()).eq(MESSAGE_TYPES.iter().copied()));
}

#[test]
fn twice_is_the_same_message_and_another_saga_another() {
    let of = |user: &str| Envelope { saga: SagaId::of_deactivation(&crate::scene::user(user)), ..samples().swap_remove(3) };
    // Another relay may send it later, with another trace: it stays the same message.
    let again = Envelope { traceparent: None, time: Timestamp::default(), ..of("alice") };
    assert_eq!(of("alice").id(), again.id());
    assert_ne!(of("alice").id(), of("bob").id());
    let ids: BTreeSet<_> = samples().iter().map(Envelope::id).collect();
    assert_eq!(ids.len(), samples().len());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let good = samples().swap_remove(0).to_record();
    let with = |header: &str, value: &str| {
        let mut record = good.clone();
        record.headers.iter_mut().filter(|(name, _)| name == header).for_each(|(_, old)| *old = value.as_bytes().to_vec());
        record
    };
    let other = Uuid::from_u128(9).to_string();
    for record in [
        with("ce_subject", &other),
        with("ce_correlationid", &other),
        with("ce_id", &other),
        Record { key: other.into_bytes(), ..good.clone() },
        // The same body is a fine deactivation, but the id is that of a registration.
        with("ce_type", "sarangbang.saga.deactivation-requested.v1"),
    ] {
        assert_eq!(Envelope::of_record(&record), Err(DecodeError::Misplaced));
    }
    assert!(matches!(Envelope::of_record(&with("ce_type", "sarangbang.saga.x.v1")), Err(DecodeError::UnknownType(_))));
    assert_eq!(Envelope::of_record(&Record::default()), Err(DecodeError::MissingHeader("ce_type")));
    let empty = Record { value: b"{}".to_vec(), ..good.clone() };
    assert!(matches!(Envelope::of_record(&empty), Err(DecodeError::BadBody { .. })));
    assert!(Envelope::of_record(&good).is_ok());
}
