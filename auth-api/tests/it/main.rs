//! The development sign-in, over real sockets, with a command-api that knows what a test tells it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics, and says where")]

mod identity;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_api::{AuthApi, CommandApi, Options};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Scope, UserId, user::Refusal};
use infra::clock::SystemClock;
use infra::http::{Limits, Problem, layers};
use infra::tokens::{Grant, Signer, Verifier};
use serde_json::{Value, json};

/// Who is registered, by which command.
#[derive(Clone)]
struct People {
    registered: Arc<Mutex<BTreeMap<String, String>>>,
    verifier: Arc<Verifier>,
}

async fn register(State(people): State<People>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert!(people.verifier.verify(token).unwrap().scope.service, "with a service token");
    let (user, key) = (body["userId"].as_str().unwrap().to_owned(), headers["idempotency-key"].to_str().unwrap().to_owned());
    let mut registered = people.registered.lock().unwrap();
    if registered.entry(user).or_insert_with(|| key.clone()) == &key {
        return (StatusCode::CREATED, [("read-token", "u0.4")]).into_response();
    }
    Problem::refused(&Refusal::UserExists.into()).into_response()
}

async fn look_up(State(people): State<People>, Path(user): Path<String>) -> Response {
    if people.registered.lock().unwrap().contains_key(&user) {
        return StatusCode::OK.into_response();
    }
    Problem::refused(&Refusal::UserNotFound.into()).into_response()
}

struct Setup {
    url: String,
    internal_url: String,
    signer: Arc<Signer>,
    http: reqwest::Client,
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = layers::complete(router, Limits::default()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn setup() -> Setup {
    let signer = Arc::new(Signer::generate("test", Arc::new(SystemClock)).unwrap());
    let people = People { registered: Arc::default(), verifier: Arc::new(signer.verifier()) };
    let command_api =
        Router::new().route("/internal/users", post(register)).route("/internal/users/{userId}", get(look_up)).with_state(people);
    let command_api = format!("http://{}", serve(command_api).await);
    with_command_api(&command_api, signer).await
}

async fn with_command_api(url: &str, signer: Arc<Signer>) -> Setup {
    let options = Options {
        development: true,
        listen: "127.0.0.1:0".parse().unwrap(),
        cookie_secure: true,
        token_duration: Duration::from_secs(600),
    };
    let people = Arc::new(CommandApi::new(url, Arc::clone(&signer)).unwrap());
    let api = AuthApi::development(options, Arc::clone(&signer), people).unwrap();
    let url = format!("http://{}", serve(auth_api::router(api.clone())).await);
    let internal_url = format!("http://{}", serve(auth_api::internal_router(api)).await);
    Setup { url, internal_url, signer, http: reqwest::Client::new() }
}

impl Setup {
    async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, HeaderMap, Value) {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.unwrap()).await
    }
}

async fn read(answer: reqwest::Response) -> (u16, HeaderMap, Value) {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn somebody_registers_signs_in_and_signs_out() {
    let setup = setup().await;
    let (status, _, problem) = setup.post("/user/login", &json!({"userId": "Alice"}), &[]).await;
    assert_eq!((status, &problem["code"]), (401, &json!("sign-in-failed")));

    let (status, headers, body) = setup.post("/user", &json!({"userId": "Alice"}), &[]).await;
    assert_eq!((status, body), (201, json!({"userId": "alice", "userName": "alice"})));
    assert_eq!(headers["read-token"], "u0.4");
    assert!(!headers.contains_key("set-cookie"));

    let (status, headers, body) = setup.post("/user/login/", &json!({"userId": "Alice"}), &[]).await;
    assert_eq!((status, body["userId"].as_str(), &headers["cache-control"]), (200, Some("alice"), &"no-store".parse().unwrap()));
    let cookie = headers["set-cookie"].to_str().unwrap();
    for part in ["sarangbang_token=ey", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/", "; Max-Age=600"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let caller = setup.signer.verifier().verify(body["token"].as_str().unwrap()).unwrap();
    assert_eq!((caller.user.as_str(), caller.scope, caller.session.is_some()), ("alice", Scope::default(), true));

    let cookie = cookie.split(';').next().unwrap();
    let me = setup.http.get(format!("{}/user/me", setup.url)).header("cookie", cookie).send().await.unwrap();
    let (status, _, me) = read(me).await;
    assert_eq!((status, &me["userId"], &me["scope"]), (200, &json!("alice"), &json!([])));

    let origin = setup.url.as_str();
    let (status, _, problem) =
        setup.post("/user/logout", &json!({}), &[("cookie", cookie), ("origin", "http://evil.example")]).await;
    assert_eq!((status, &problem["code"]), (403, &json!("csrf-refused")));
    let (status, headers, _) =
        setup.post("/user/logout", &json!({}), &[("cookie", cookie), ("origin", origin), ("x-sarangbang-csrf", "1")]).await;
    assert_eq!(status, 204);
    assert!(headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn a_user_id_is_taken_once_but_a_repeat_has_the_first_outcome() {
    let setup = setup().await;
    let key = [("idempotency-key", "01890a5d-ac96-774b-bcce-b302099a8057")];
    let bob = json!({"userId": "bob", "userName": "Bob"});
    assert_eq!(setup.post("/user/", &bob, &key).await.0, 201);
    let (status, headers, _) = setup.post("/user", &bob, &key).await;
    assert_eq!((status, headers["idempotency-key"].to_str().unwrap()), (201, key[0].1));
    let (status, _, problem) = setup.post("/user", &bob, &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user-exists")));
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let setup = setup().await;
    for (path, body, headers, status, code) in [
        ("/user", json!({"userId": "a b"}), vec![], 422, "value-invalid"),
        ("/user", json!({"userId": "a", "admin": true}), vec![], 422, "value-invalid"),
        ("/user", json!({"userId": "a"}), vec![("idempotency-key", "x")], 400, "header-invalid"),
        ("/user/login", json!([]), vec![], 422, "value-invalid"),
        ("/user/login", json!({"userId": "a"}), vec![("x-forwarded-for", "203.0.113.9")], 403, "local-only"),
        ("/user/login", json!({"userId": "a"}), vec![("host", "evil.example")], 403, "local-only"),
        ("/user", json!({"userId": "a"}), vec![("host", "evil.example")], 403, "local-only"),
    ] {
        let (got, _, problem) = setup.post(path, &body, &headers).await;
        assert_eq!((got, problem["code"].as_str().unwrap()), (status, code), "{path} {body} {headers:?}");
    }
    let (status, _, problem) = read(setup.http.get(format!("{}/user/me", setup.url)).send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (401, &json!("token-missing")));
}

#[tokio::test]
async fn a_verifier_elsewhere_fetches_the_keys() {
    let setup = setup().await;
    let url = format!("{}/user/.well-known/jwks.json", setup.url);
    let verifier = Verifier::remote("test", &url, Arc::new(SystemClock)).unwrap();
    let alice = Grant::person(UserId::parse("alice").unwrap(), Duration::from_secs(60));
    let token = setup.signer.issue(&alice).unwrap().token;
    assert_eq!(verifier.verify_fetching(&token.0).await.unwrap().user.as_str(), "alice");
    let set: Value = setup.http.get(format!("{url}/")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&set["keys"][0]["kty"], &set["keys"][0]["alg"]), (&json!("OKP"), &json!("EdDSA")));
    assert!(set["keys"][0]["d"].is_null(), "the private part stays here");
}

#[tokio::test]
async fn tools_get_import_tokens_with_a_service_token_and_nothing_more() {
    let setup = setup().await;
    let ask = async |scope: Scope, body: Value| {
        let user = UserId::parse("import").unwrap();
        let grant = Grant { user, scope, session: None, duration: Duration::from_secs(60) };
        let token = setup.signer.issue(&grant).unwrap().token;
        let url = format!("{}/internal/tokens", setup.internal_url);
        read(setup.http.post(url).bearer_auth(&*token.0).json(&body).send().await.unwrap()).await
    };
    let service = Scope { service: true, ..Scope::default() };
    let wish = json!({"userId": "import", "scope": ["import"], "seconds": 120});
    let (status, _, body) = ask(service, wish.clone()).await;
    assert_eq!(status, 200);
    let caller = setup.signer.verifier().verify(body["token"].as_str().unwrap()).unwrap();
    assert_eq!(caller.scope, Scope { import: true, ..Scope::default() });
    for scope in [Scope::default(), Scope { import: true, admin: true, service: false }] {
        assert_eq!(ask(scope, wish.clone()).await.0, 403);
    }
    for (field, value) in
        [("scope", json!(["admin"])), ("scope", json!(["service"])), ("seconds", json!(0)), ("seconds", json!(u64::MAX))]
    {
        let mut wish = wish.clone();
        wish[field] = value;
        assert_eq!(ask(service, wish).await.0, 422, "{field}");
    }
    let url = format!("{}/internal/tokens", setup.internal_url);
    assert_eq!(setup.http.post(url).json(&wish).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn without_command_api_people_are_told_to_try_again() {
    let signer = Arc::new(Signer::generate("test", Arc::new(SystemClock)).unwrap());
    let setup = with_command_api("http://127.0.0.1:1", signer).await;
    for (path, body) in [("/user", json!({"userId": "alice"})), ("/user/login", json!({"userId": "alice"}))] {
        let (status, headers, problem) = setup.post(path, &body, &[]).await;
        assert_eq!((status, &problem["code"]), (503, &json!("service-unavailable")), "{path}");
        assert!(headers.contains_key("retry-after"));
    }
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    for document in [auth_api::openapi(), auth_api::internal_openapi()] {
        let text = serde_json::to_string(&document).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let names: Vec<_> = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(names.contains(&"Problem"), "{names:?}");
        for name in names {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
