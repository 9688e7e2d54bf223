//! Registering and looking up people on the internal listener.

use command_api::bus::Fault;
use domain::command::Body;
use domain::room::Command as Room;
use domain::{Scope, StreamId, user as users};

use super::{ROOM, Reply, Service, user};

const SERVICE: Scope = Scope { import: false, admin: false, service: true };
const IMPORT: Scope = Scope { import: true, admin: false, service: false };
const BOB: &str = r#"{"userId": "Bob", "userName": "Bob"}"#;

#[tokio::test]
async fn a_service_registers_people_in_their_own_name() {
    let service = Service::new();
    for scope in [SERVICE, IMPORT] {
        let answer = service.ask_internal("POST", "/internal/users", scope, BOB).await;
        assert_eq!((answer.status, answer.body["userId"].as_str()), (201, Some("bob")));
        assert_eq!(
            (&answer.headers["location"], &answer.headers["read-token"]),
            (&"/chat/people/bob".parse().unwrap(), &"u3.812".parse().unwrap())
        );
        let command = service.only_command();
        assert_eq!((command.stream, command.actor), (StreamId::User(user("bob")), user("bob")));
        assert!(matches!(command.body, Body::User(users::Command::Register { registered_at: None, .. })));
    }
    let answer = service.ask_internal("POST", "/internal/users", SERVICE, r#"{"userId": "길동", "userName": "x"}"#).await;
    assert_eq!(answer.headers["location"], "/chat/people/%EA%B8%B8%EB%8F%99");
    service.answer_with(Reply::Fault(Fault::Refused(users::Refusal::UserExists.into())));
    assert_eq!(service.ask_internal("POST", "/internal/users", SERVICE, BOB).await.code(), (409, "user-exists"));
}

#[tokio::test]
async fn only_an_import_says_when_somebody_joined_and_people_register_nobody() {
    let service = Service::new();
    let old = r#"{"userId": "bob", "userName": "Bob", "registeredAt": "2004-11-15T12:18:00Z"}"#;
    assert_eq!(service.ask_internal("POST", "/internal/users", SERVICE, old).await.code(), (403, "not-allowed"));
    for scope in [Scope::default(), Scope { admin: true, ..Scope::default() }] {
        assert_eq!(service.ask_internal("POST", "/internal/users", scope, BOB).await.code(), (403, "not-allowed"));
        assert_eq!(service.ask_internal("GET", "/internal/users/bob", scope, "").await.code(), (403, "not-allowed"));
    }
    assert!(service.nothing_was_executed());
    assert_eq!(service.ask_internal("POST", "/internal/users", IMPORT, old).await.status, 201);
}

#[tokio::test]
async fn people_are_looked_up_by_their_normalised_id() {
    let service = Service::new();
    let answer = service.ask_internal("GET", "/internal/users/BOB", SERVICE, "").await;
    assert_eq!((answer.status, answer.body["userId"].as_str()), (200, Some("bob")));
    assert_eq!(service.ask_internal("GET", "/internal/users/nobody", SERVICE, "").await.code(), (404, "user-not-found"));
    assert_eq!(service.ask_internal("GET", "/internal/users/a%20b", SERVICE, "").await.code(), (400, "path-invalid"));
}

#[tokio::test]
async fn a_process_manager_takes_its_steps_and_nobody_else_does() {
    let service = Service::new();
    let step = |actor: &str, body: &str| {
        format!(
            r#"{{"actor": "{actor}", "stream": {{"room": "{ROOM}"}}, "body": {{"room": {body}}},
                "correlationId": "00000000-0000-0000-0000-000000000007"}}"#
        )
    };
    let close = step("bob", r#""close""#);
    assert_eq!(service.ask_internal("POST", "/internal/commands", SERVICE, &close).await.status, 200);
    let command = service.only_command();
    assert_eq!((command.actor, command.correlation_id.as_u128()), (user("bob"), 7));
    assert!(matches!(command.body, Body::Room(Room::Close)));

    for scope in [Scope::default(), IMPORT, Scope { admin: true, ..Scope::default() }] {
        assert_eq!(service.ask_internal("POST", "/internal/commands", scope, &close).await.code(), (403, "not-allowed"));
    }
    // A service speaks for nobody.
    let said = step("bob", r#"{"sendMessage": {"text": "I am Bob"}}"#);
    assert_eq!(service.ask_internal("POST", "/internal/commands", SERVICE, &said).await.code(), (403, "not-allowed"));
    assert_eq!(service.ask_internal("POST", "/internal/commands", SERVICE, &step("bob", r#""shout""#)).await.status, 422);
    assert!(service.nothing_was_executed());
}
