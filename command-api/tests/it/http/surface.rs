//! The surface as a whole: routes, their documentation and their protection agree.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ROOM, Service};

/// Every operation of an OpenAPI document.
fn operations(document: &utoipa::openapi::OpenApi) -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(document).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    found
}

fn filled(path: &str) -> String {
    path.replace("{roomId}", ROOM).replace("{userId}", "bob").replace("{number}", "1").replace("{emoji}", "%F0%9F%91%8D")
}

#[tokio::test]
async fn every_documented_route_is_there_and_takes_nobody_without_a_token() {
    let service = Service::new();
    for (method, path, _) in operations(&command_api::openapi()) {
        let answer = service.ask_with(&method, &filled(&path), &[], b"{}").await;
        assert_eq!(answer.code(), (401, "token-missing"), "{method} {path}");
        let answer = service.ask_with(&method, &filled(&path), &[("authorization", "Bearer a.b.c")], b"{}").await;
        assert_eq!(answer.code(), (401, "token-invalid"), "{method} {path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"sarangbang\"");
    }
    assert!(service.nothing_was_executed());
}

/// The routes for writes of `shared/api.md` that there are. Another one is a change of the public surface.
#[test]
fn the_surface_is_the_one_agreed_on() {
    let public: BTreeSet<_> =
        operations(&command_api::openapi()).into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let agreed = [
        "DELETE /chat/blocks/{userId}",
        "DELETE /chat/friends/{userId}",
        "DELETE /chat/rooms/{roomId}/members/{userId}",
        "DELETE /chat/rooms/{roomId}/messages/{number}",
        "DELETE /chat/rooms/{roomId}/messages/{number}/reactions/{emoji}",
        "PATCH /chat/people/me",
        "PATCH /chat/rooms/{roomId}",
        "PATCH /chat/rooms/{roomId}/members/{userId}",
        "PATCH /chat/rooms/{roomId}/messages/{number}",
        "POST /chat/rooms",
        "POST /chat/rooms/{roomId}/archive",
        "POST /chat/rooms/{roomId}/messages",
        "PUT /chat/blocks/{userId}",
        "PUT /chat/friends/{userId}",
        "PUT /chat/rooms/{roomId}/members/{userId}",
        "PUT /chat/rooms/{roomId}/messages/{number}/reactions/{emoji}",
        "PUT /chat/rooms/{roomId}/read",
    ];
    assert_eq!(public, agreed.into_iter().map(str::to_owned).collect());
    let internal: Vec<_> =
        operations(&command_api::internal_openapi()).into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(internal, ["POST /internal/commands", "POST /internal/users", "GET /internal/users/{userId}"]);
}

#[test]
fn every_operation_documents_its_parameters_and_problems() {
    for (method, path, operation) in
        operations(&command_api::openapi()).into_iter().chain(operations(&command_api::internal_openapi()))
    {
        let documented: BTreeSet<_> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["in"] == "path")
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(documented, in_path, "{method} {path}");
        for status in ["400", "401", "403", "404", "409", "413", "415", "422", "429", "503"] {
            assert!(operation["responses"][status].is_object(), "{method} {path} does not document {status}");
        }
    }
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    for document in [command_api::openapi(), command_api::internal_openapi()] {
        let text = serde_json::to_string(&document).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let names: BTreeSet<_> =
            text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(names.contains("Problem") && names.contains("Answer"), "{names:?}");
        for name in names {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
