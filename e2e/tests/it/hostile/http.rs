//! Every route of the OpenAPI document × every hostile shape.
//!
//! Each operation has a room and a person of its own, so that what one of them is let do (archive it, leave it, sign out) hides
//! nothing from another.

use anyhow::{Context, Result, ensure};
use e2e::person::Person;
use e2e::raw::{self, RawAnswer, RawRequest};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::operations::{self, Body, Operation, is_allowed};
use super::{check, shapes, start, works_on};
use crate::stage;

/// Requests at once.
const PARALLEL: usize = 8;
/// How many wrong answers a failure shows.
const SHOWN_MAX: usize = 40;
/// With fewer the document was not read as it should be.
const REQUESTS_MIN: usize = 3_000;

/// A request, and what must come of it.
struct Case {
    what: String,
    request: RawRequest,
    /// The only code that may be answered; nothing where it depends on the route.
    code: Option<&'static str>,
    /// Where the problem must point to.
    pointer: Option<String>,
}

impl Case {
    fn new(operation: &Operation, what: impl Into<String>, request: RawRequest) -> Self {
        Self { what: format!("{}: {}", operation.name(), what.into()), request, code: None, pointer: None }
    }

    fn must_be(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    async fn ask(self, url: &str) -> Result<()> {
        let bytes = self.request.bytes();
        let answer = raw::ask(url, &bytes).await.with_context(|| self.what.clone())?;
        check(&self.what, &answer, &String::from_utf8_lossy(&bytes))?;
        let body = answer.json();
        let shown = || format!("{}: {} {body}", self.what, answer.status);
        if let Some(code) = self.code {
            ensure!(body.get("code") == Some(&json!(code)), "expected {code}\n{}", shown());
        }
        if let Some(pointer) = &self.pointer {
            let found = body.pointer("/errors/0/pointer").and_then(Value::as_str).unwrap_or_default();
            ensure!(found.starts_with(pointer.as_str()), "expected {pointer}\n{}", shown());
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_survives_every_shape() -> Result<()> {
    let stage = stage("hostile-http").await?;
    let mut system = start(&stage.folder).await?;
    let at = system.addresses();
    Person::sign_in(&at, "bob").await?;
    let (mut asked, mut wrong) = (0, Vec::new());
    for (number, operation) in operations::all(&at.query).await?.into_iter().enumerate() {
        let name = format!("ann-{number}");
        let mut ann = Person::sign_in(&at, &name).await?;
        if operation.path.starts_with("/chat/admin") {
            // Only an administrator is told what is wrong with a question there.
            system.node.tool(&["admin", "grant", &name], &[]).await?;
            ann = Person::sign_in(&at, &name).await?;
        }
        let room = ann.create_room("public", "hostile").await?;
        ann.add_member(&room, "bob").await?;
        ann.send(&room, "hello").await?;
        let cases = cases(&operation, &room, &ann.token);
        asked += cases.len();
        let answers = stream::iter(cases).map(async |case: Case| case.ask(&at.query).await).buffer_unordered(PARALLEL);
        wrong.extend(answers.filter_map(async |answer| answer.err()).collect::<Vec<_>>().await);
    }
    let shown: Vec<String> = wrong.iter().take(SHOWN_MAX).map(|error| format!("{error:#}")).collect();
    ensure!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), shown.join("\n"));
    ensure!(asked >= REQUESTS_MIN, "only {asked} requests");
    works_on(&system.node, &at).await?;
    system.node.stop().await
}

fn cases(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let mut cases = paths(operation, room, token);
    cases.extend(queries(operation, room, token));
    cases.extend(headers(operation, room, token));
    cases.extend(methods(operation, room, token));
    match &operation.body {
        Some(body) => {
            cases.extend(bodies(operation, room, token));
            cases.extend(fields(operation, body, room, token));
        }
        None => {
            // Nobody asks for a body here: whatever comes is left alone, or refused in an orderly way.
            let request = operation.request(room, token).header("content-type", "application/json");
            cases.push(Case::new(operation, "a body that nobody asks for", request.body(b"{".repeat(100_000))));
        }
    }
    cases
}

fn paths(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for parameter in operation.parameters_in("path") {
        for value in shapes::IN_PATH.iter().map(|value| (*value).to_owned()).chain(["x".repeat(20_000)]) {
            let request = operation.request_to(&operation.target(room, &parameter.name, &value), token);
            let case = Case::new(operation, format!("{}={value:.40}", parameter.name), request);
            cases.push(if parameter.is_strict() { case.must_be("path-invalid") } else { case });
        }
        for value in shapes::NUMBERS {
            let request = operation.request_to(&operation.target(room, &parameter.name, value), token);
            cases.push(Case::new(operation, format!("{}={value}", parameter.name), request));
        }
    }
    cases
}

fn queries(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let ask = |query: &str| operation.request_to(&format!("{}?{query}", operation.target(room, "", "")), token);
    let mut cases = vec![Case::new(operation, "an unknown parameter", ask("surprise=1"))];
    for parameter in operation.parameters_in("query") {
        let name = parameter.name.as_str();
        // What never parses is refused for that; a text, such as a prefix, may be anything.
        let strict = parameter.is_strict() || name == "cursor";
        for value in shapes::IN_QUERY.iter().map(|value| (*value).to_owned()).chain(["A".repeat(20_000)]) {
            let case = Case::new(operation, format!("?{name}={value:.40}"), ask(&format!("{name}={value}")));
            // Without a handshake /chat/ws refuses for its headers; its ticket is then not looked at.
            cases.push(if strict && operation.path != "/chat/ws" { case.must_be("query-invalid") } else { case });
        }
        for value in shapes::NUMBERS {
            cases.push(Case::new(operation, format!("?{name}={value}"), ask(&format!("{name}={value}"))));
        }
        let twice = Case::new(operation, format!("{name} twice"), ask(&format!("{name}=1&{name}=1")));
        cases.push(if operation.path == "/chat/ws" { twice } else { twice.must_be("query-invalid") });
        if name == "limit" {
            let too_many = Case::new(operation, "too many rows", ask("limit=201"));
            cases.extend([
                too_many.must_be("query-invalid"),
                Case::new(operation, "no rows", ask("limit=0")).must_be("query-invalid"),
            ]);
        }
    }
    cases
}

fn headers(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let ask = || operation.request(room, token);
    for parameter in operation.parameters_in("header") {
        let (name, values) = match parameter.name.as_str() {
            "Idempotency-Key" => ("idempotency-key", shapes::keys()),
            "Read-After" => ("read-after", shapes::read_afters()),
            other => panic!("say in shapes.rs what a bad {other} is"),
        };
        for value in values {
            let what = format!("{name}: {:.40}", String::from_utf8_lossy(&value));
            let case = Case::new(operation, what, ask().header(name, value));
            cases.push(if operation.path.starts_with("/chat") { case.must_be("header-invalid") } else { case });
        }
        if name == "idempotency-key" && operation.path.starts_with("/chat") {
            let (one, other) = (e2e::person::key().to_string(), e2e::person::key().to_string());
            let twice = ask().header(name, one).header(name, other);
            cases.push(Case::new(operation, "two keys", twice).must_be("header-invalid"));
        }
    }
    for value in shapes::authorizations() {
        let what = format!("authorization: {:.40}", String::from_utf8_lossy(&value));
        let mut request = ask();
        request.headers.retain(|(name, _)| name != "authorization");
        cases.push(Case::new(operation, what, request.header("authorization", value)));
    }
    let mut nobody = ask();
    nobody.headers.retain(|(name, _)| name != "authorization");
    cases.push(Case::new(operation, "no token", nobody.clone()));
    for cookie in
        [b"sarangbang_token=".to_vec(), b"sarangbang_token=a.b.c; sarangbang_token=d.e.f".to_vec(), b"\xff=\xff;;;=".to_vec()]
    {
        cases.push(Case::new(operation, "a cookie", nobody.clone().header("cookie", cookie)));
    }
    let two = Case::new(operation, "two tokens", ask().header("authorization", "Bearer x"));
    cases.push(if operation.path.starts_with("/user") { two } else { two.must_be("token-invalid") });
    cases.push(Case::new(operation, "a strange trace", ask().header("traceparent", b"00-\xff-\xff-zz".to_vec())));
    cases.push(Case::new(
        operation,
        "a forged origin",
        ask().header("origin", "http://evil.example").header("x-forwarded-for", "::1"),
    ));
    cases
}

fn methods(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let target = operation.target(room, "", "");
    let ask = |method: &str| RawRequest::new(method, target.clone()).header("authorization", format!("Bearer {token}"));
    ["BREW", "TRACE", "PROPFIND", "get", "X".repeat(2_000).as_str()]
        .into_iter()
        .map(|method| Case::new(operation, format!("method {method:.20}"), ask(method)).must_be("method-not-allowed"))
        .collect()
}

fn bodies(operation: &Operation, room: &str, token: &str) -> Vec<Case> {
    let ask = || operation.request(room, token);
    let mut cases: Vec<_> = shapes::raw_bodies()
        .into_iter()
        .map(|raw| Case::new(operation, format!("the body {}", raw.what), ask().body(raw.bytes)).must_be(raw.code))
        .collect();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "", "json"]
    {
        let mut request = ask();
        request.headers.retain(|(name, _)| name != "content-type");
        let request = request.header("content-type", kind);
        cases.push(Case::new(operation, format!("content type {kind:?}"), request).must_be("media-type-unsupported"));
    }
    let mut twice = ask();
    twice.headers.retain(|(name, _)| name != "content-type");
    let twice = twice.header("content-type", b"\xff\xff".to_vec());
    cases.push(Case::new(operation, "a content type that is no text", twice).must_be("media-type-unsupported"));
    cases
}

fn fields(operation: &Operation, body: &Body, room: &str, token: &str) -> Vec<Case> {
    let ask = |fields: &serde_json::Map<String, Value>| operation.request(room, token).body(json!(fields).to_string());
    let mut cases = Vec::new();
    for surprise in ["surprise", "__proto__", "a/b~c", "", "\u{0}", &"x".repeat(10_000)] {
        let mut fields = body.base.clone();
        fields.insert(surprise.to_owned(), json!(1));
        cases.push(Case::new(operation, format!("the unknown field {surprise:.20?}"), ask(&fields)).must_be("value-invalid"));
    }
    for (name, schema) in &body.properties {
        for value in shapes::values() {
            let mut fields = body.base.clone();
            fields.insert(name.clone(), value.clone());
            let shown: String = value.to_string().chars().take(40).collect();
            let mut case = Case::new(operation, format!("{name}={shown}"), ask(&fields));
            if !is_allowed(schema, &value) {
                case = case.must_be("value-invalid");
                case.pointer = Some(format!("/{name}"));
            }
            cases.push(case);
        }
        let twice = json!(body.base.get(name).cloned().unwrap_or_default()).to_string();
        let mut rest = body.base.clone();
        rest.remove(name);
        let rest = json!(rest).to_string();
        let separator = if rest == "{}" { "" } else { "," };
        let bytes = format!(r#"{{"{name}":{twice},"{name}":{twice}{separator}{}"#, rest.trim_start_matches('{'));
        cases.push(
            Case::new(operation, format!("{name} twice"), operation.request(room, token).body(bytes)).must_be("value-invalid"),
        );
    }
    cases
}

/// The answer is nobody's business but that of the code that reads it here.
#[test]
fn the_check_finds_what_it_looks_for() {
    let problem = |status: u16, code: &str, detail: &str| RawAnswer {
        status,
        headers: vec![("content-type".to_owned(), "application/problem+json".to_owned())],
        body: json!({"type": format!("urn:sarangbang:problem:{code}"), "code": code, "detail": detail, "traceId": "x"})
            .to_string()
            .into(),
    };
    assert!(check("", &problem(400, "body-malformed", "no"), "").is_ok());
    for bad in [
        problem(500, "internal-error", "no"),
        problem(503, "busy", "no"),
        problem(400, "unheard-of", "no"),
        problem(404, "body-malformed", "no"),
        problem(400, "body-malformed", "expected struct SendMessage"),
        problem(400, "body-malformed", "at /root/x.rs:12"),
        problem(400, "body-malformed", "no such table (SQLite)"),
        RawAnswer { headers: Vec::new(), ..problem(400, "body-malformed", "no") },
        RawAnswer { body: b"{}".to_vec(), ..problem(400, "body-malformed", "no") },
        RawAnswer { status: 0, headers: Vec::new(), body: Vec::new() },
    ] {
        assert!(check("", &bad, "").is_err(), "{bad:?}");
    }
}
