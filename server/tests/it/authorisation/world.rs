//! The world that the table speaks of: people with accounts, rooms, and one address that serves all of it.

use std::time::Duration;

use domain::UserId;
use domain::saga::SagaId;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{DEACTIVATED, Forge, Role};
use super::services::Services;
use super::table::Row;

/// Stands in the name of each room and in each message: nobody else may ever see it.
pub const SECRET: &str = "geheim";

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Everybody who has an account.
const PEOPLE: [&str; 9] = ["eve", "mia", "mo", "olga", "adam", "milo", "vera", "bert", DEACTIVATED];
/// Under which key everybody was registered: it makes the registration's id.
const REGISTRATION_KEY: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);

/// Everything, running.
pub struct World {
    pub forge: Forge,
    pub services: Services,
    http: reqwest::Client,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub text: String,
    /// The `Read-Token`, if there is one.
    pub read_token: Option<String>,
}

/// A private room with everybody in it, and one message.
pub struct Room {
    pub id: String,
}

/// Somebody has signed in.
pub struct SignedIn {
    pub token: String,
    pub session: Uuid,
    refresh_token: String,
}

/// What somebody's password is.
pub fn password(user: &str) -> String {
    format!("{user} and the correct horse battery")
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, read_token) = (response.status().as_u16(), header("read-token"));
        let content_type = header("content-type").unwrap_or_default();
        Self { status, content_type, read_token, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Status and body, but for what is different in each answer.
    pub fn without_trace(&self) -> (u16, Value) {
        let mut json = self.json();
        if let Some(fields) = json.as_object_mut() {
            fields.remove("traceId");
        }
        (self.status, json)
    }
}

impl Room {
    /// A room that is not there.
    pub fn nowhere() -> Self {
        Self { id: infra::random::uuid_v4().to_string() }
    }
}

impl World {
    pub async fn new() -> Self {
        let forge = Forge::new();
        let services = Services::start(&forge).await;
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let world = Self { forge, services, http };
        for registered in join_all(PEOPLE.map(|user| world.register(user))).await {
            assert_eq!(registered.status, 201, "{}", registered.text);
        }
        world
    }

    async fn register(&self, user: &str) -> Answer {
        let body = json!({"userId": user, "userName": user, "password": password(user)}).to_string();
        let request = self.http.post(self.url("/user")).header("idempotency-key", REGISTRATION_KEY.to_string());
        Answer::of(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.services.address)
    }

    /// A good token.
    pub fn token(&self, user: &str) -> String {
        self.forge.good(user)
    }

    /// One request.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>, token: Option<&str>) -> Answer {
        self.send(method, &self.url(path), body, token, None).await
    }

    /// One request to another listener.
    pub async fn ask_at(&self, url: &str, method: &str, body: Option<&str>, token: Option<&str>) -> Answer {
        self.send(method, url, body, token, None).await
    }

    /// Asks for a socket, to see how that is refused.
    pub async fn handshake(&self, query: &str, token: Option<&str>) -> Answer {
        let mut request = self.http.get(self.url(&format!("/chat/ws{query}")));
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")] {
            request = request.header(name, value);
        }
        request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn send(&self, method: &str, url: &str, body: Option<&str>, token: Option<&str>, after: Option<&str>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(after) = after {
            request = request.header("Read-After", after);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// What must work.
    pub async fn command(&self, user: &str, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.ask(method, path, Some(&body.to_string()), Some(&self.token(user))).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer
    }

    /// Makes a private room with an owner, a moderator, two members, and a message of the first of them, and waits until queries show it.
    pub async fn room(&self) -> Room {
        let [owner, moderator, member, other] = [Role::Owner, Role::Moderator, Role::Member, Role::Another].map(Role::user);
        let wish = json!({"kind": "private", "name": format!("{SECRET} room"), "members": [moderator, member, other]});
        let made = self.command(owner, "POST", "/chat/rooms", &wish).await;
        let id = made.json()["roomId"].as_str().unwrap().to_owned();
        self.command(owner, "PATCH", &format!("/chat/rooms/{id}/members/{moderator}"), &json!({"role": "moderator"})).await;
        let said = json!({"text": format!("{SECRET} @{other}")});
        let sent = self.command(member, "POST", &format!("/chat/rooms/{id}/messages"), &said).await;
        let (url, read_after) = (self.url(&format!("/chat/rooms/{id}")), sent.read_token.unwrap());
        until("the room is there", async || {
            self.send("GET", &url, None, Some(&self.token(owner)), Some(&read_after)).await.status == 200
        })
        .await;
        Room { id }
    }

    /// A row's request as `role` makes it: path and body, with `room` in it.
    pub async fn request(&self, row: &Row, role: Role, room: &Room) -> (String, Option<String>) {
        let path = format!("{}{}", row.path, row.query).replace("{roomId}", &room.id).replace("{number}", "1");
        let mut path = path.replace("{emoji}", "%F0%9F%91%8D").replace("{userId}", row.user);
        let registration = SagaId::of_registration(&UserId::parse("olga").unwrap(), REGISTRATION_KEY).to_string();
        if row.path.starts_with("/user/sessions/") {
            // Whoever asks for another's asks for one of the first member.
            let whose = if role == Role::Another { Role::Member } else { role };
            path = path.replace("{id}", &self.log_in(whose.user()).await.session.to_string());
        }
        let path = path.replace("{id}", &registration).replace("{sagaId}", &registration);
        let Some(body) = row.another.filter(|_| role == Role::Another).or(row.body) else { return (path, None) };
        let fresh = format!("n{}", infra::random::uuid_v4().simple());
        let body = body.replace("{fresh}", &fresh).replace("{me}", role.user()).replace("{password}", &password(role.user()));
        if !body.contains("{refresh}") {
            return (path, Some(body));
        }
        let refresh = self.log_in(role.user()).await.refresh_token;
        (path, Some(body.replace("{refresh}", &refresh)))
    }

    /// Signs in with a password.
    pub async fn log_in(&self, user: &str) -> SignedIn {
        let wish = json!({"userId": user, "password": password(user)}).to_string();
        let answer = self.ask("POST", "/user/login", Some(&wish), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (json, text) = (answer.json(), |value: &Value| value.as_str().unwrap().to_owned());
        let session = json["sessionId"].as_str().unwrap().parse().unwrap();
        SignedIn { token: text(&json["token"]), refresh_token: text(&json["refreshToken"]), session }
    }

    /// Ends the session of a token; somebody else sees to it that it holds.
    pub async fn log_out(&self, token: &str) {
        let answer = self.ask("POST", "/user/logout", None, Some(token)).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }

    /// Somebody leaves for good; waits until it holds for the tokens that they have.
    pub async fn deactivate(&self, user: &str) {
        let before = if user == DEACTIVATED { self.forge.deactivated.clone() } else { self.token(user) };
        let body = json!({"password": password(user)}).to_string();
        let left = self.ask("DELETE", "/user/me", Some(&body), Some(&before)).await;
        assert_eq!(left.status, 202, "{}", left.text);
        until("the token is refused", async || self.ask("GET", "/chat/rooms", None, Some(&before)).await.status == 401).await;
    }

    pub async fn stop(self) {
        self.services.stop().await;
    }
}

/// Waits for a condition.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = tokio::time::Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
