//! What the gateway does to requests, seen from both sides of it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use deploy::gateway::Gateway as Files;
use e2e::gateway::{Gateway, is_here};
use e2e::raw::{RawAnswer, RawRequest, ask, ask_from};
use futures_util::future::join_all;
use serde_json::Value;

use super::client;
use super::echo::{Echo, Manner};
use crate::{Stage, stage};

/// Sign-ins that an address may make at once, as in gateway.conf.
const BURST: usize = 50;
/// More than that, and than what is allowed in the seconds that they may take.
const TOO_MANY: usize = 300;

/// The gateway before services that echo: two of each kind that there are two of.
struct Ground {
    gateway: Gateway,
    command: [Echo; 2],
    query: [Echo; 2],
    _others: [Echo; 3],
    _stage: Stage,
}

/// `None` where nginx is not installed.
async fn ground(name: &str, first: Manner, second: Manner) -> Result<Option<Ground>> {
    if !is_here()? {
        return Ok(None);
    }
    let stage = stage(name).await?;
    let command = [Echo::start("command-1", first).await?, Echo::start("command-2", second).await?];
    let query = [Echo::start("query-1", first).await?, Echo::start("query-2", second).await?];
    let (auth, front) = (Echo::start("auth", Manner::Answers).await?, Echo::start("front", Manner::Answers).await?);
    let orchestrator = Echo::start("orchestrator", Manner::Answers).await?;
    let services = Files {
        listen: String::new(),
        command: command.iter().map(|node| node.address.clone()).collect(),
        query: query.iter().map(|node| node.address.clone()).collect(),
        orchestrator: vec![orchestrator.address.clone()],
        auth: auth.address.clone(),
        front: front.address.clone(),
    };
    let gateway = Gateway::start(&stage.folder, services).await?;
    Ok(Some(Ground { gateway, command, query, _others: [auth, front, orchestrator], _stage: stage }))
}

impl Ground {
    async fn ask(&self, method: &str, target: &str) -> Result<Value> {
        let answer = ask(&self.gateway.url(), &RawRequest::new(method, target).bytes()).await?;
        ensure!(answer.status == 200, "{method} {target}: {answer:?}");
        Ok(answer.json())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Which kind of service: `command-1` and `command-2` are one.
fn kind(answer: &Value) -> &str {
    text(answer, "/service").split('-').next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_goes_to_its_service() -> Result<()> {
    let Some(ground) = ground("gateway-routes", Manner::Answers, Manner::Answers).await? else { return Ok(()) };
    for (method, target, service, arrives) in [
        ("GET", "/chat/rooms?limit=1", "query", "/chat/rooms?limit=1"),
        ("HEAD", "/chat/rooms", "query", "/chat/rooms"),
        ("POST", "/chat/rooms", "command", "/chat/rooms"),
        ("PATCH", "/chat/people/me", "command", "/chat/people/me"),
        ("PUT", "/chat/rooms/1/messages/2/reactions/%F0%9F%91%8D", "command", "/chat/rooms/1/messages/2/reactions/%F0%9F%91%8D"),
        ("DELETE", "/chat/rooms/1/messages/2", "command", "/chat/rooms/1/messages/2"),
        ("GET", "/chat/admin/sagas?kind=registration", "orchestrator", "/chat/admin/sagas?kind=registration"),
        ("POST", "/chat/admin/sagas/7/retry", "orchestrator", "/chat/admin/sagas/7/retry"),
        ("GET", "/chat/admin/parked", "query", "/chat/admin/parked"),
        ("POST", "/chat/ws-ticket", "query", "/chat/ws-ticket"),
        ("GET", "/chat/ws?ticket=1", "query", "/chat/ws?ticket=1"),
        // With a slash at the end or without; a POST stays a POST.
        ("POST", "/user", "auth", "/user"),
        ("POST", "/user/", "auth", "/user"),
        ("POST", "/user/login", "auth", "/user/login"),
        ("POST", "/user/login/", "auth", "/user/login"),
        ("GET", "/user/.well-known/jwks.json", "auth", "/user/.well-known/jwks.json"),
        ("GET", "/user/registrations/7/events/", "auth", "/user/registrations/7/events"),
        ("GET", "/", "front", "/"),
        ("GET", "/username", "front", "/username"),
        ("GET", "/chatter", "front", "/chatter"),
        ("GET", "/docs/", "front", "/docs/"),
    ] {
        let request = RawRequest::new(method, target).body("a body".as_bytes());
        let answer = ask(&ground.gateway.url(), &request.bytes()).await?;
        ensure!(answer.status == 200, "{method} {target}: {answer:?}");
        // An answer to HEAD has no body: then the service itself is asked what it saw.
        let seen = match method {
            "HEAD" => ground.query.iter().flat_map(Echo::seen).find(|seen| text(seen, "/method") == "HEAD").context("no HEAD")?,
            _ => answer.json(),
        };
        ensure!(kind(&seen) == service, "{method} {target} went to {seen}");
        ensure!(text(&seen, "/target") == arrives && text(&seen, "/method") == method, "{method} {target} became {seen}");
        ensure!(text(&seen, "/body") == "a body", "{seen}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_hear_who_asks_from_the_gateway_alone() -> Result<()> {
    let Some(ground) = ground("gateway-headers", Manner::Answers, Manner::Answers).await? else { return Ok(()) };
    for target in ["/chat/rooms", "/chat/ws", "/user/me", "/"] {
        let request = RawRequest::new("GET", target)
            .header("x-real-ip", "203.0.113.1")
            .header("x-forwarded-for", "203.0.113.1, 203.0.113.2")
            .header("x-forwarded-for", "203.0.113.3")
            .header("x-forwarded-proto", "https")
            .header("forwarded", "for=203.0.113.1")
            .header("cookie", "sarangbang_token=1")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let seen = ask_from(client(1, 7), &ground.gateway.url(), &request.bytes()).await?.json();
        for (name, value) in [
            ("x-real-ip", "127.0.1.7"),
            ("x-forwarded-for", "127.0.1.7"),
            ("x-forwarded-proto", "http"),
            ("forwarded", ""),
            ("host", "localhost"),
            ("connection", ""),
            ("cookie", "sarangbang_token=1"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ] {
            ensure!(text(&seen, &format!("/headers/{name}")) == value, "{name} of {target}: {seen}");
        }
    }
    // The port stays in Host: Origin is compared with it.
    let bytes = b"GET /chat/rooms HTTP/1.1\r\nhost: chat.example:8080\r\nconnection: close\r\n\r\n";
    let seen = ask(&ground.gateway.url(), bytes).await?.json();
    ensure!(text(&seen, "/headers/host") == "chat.example:8080", "{seen}");
    let upgrade = RawRequest::new("GET", "/chat/ws").header("upgrade", "WebSocket").header("sec-websocket-key", "1");
    let seen = ask(&ground.gateway.url(), &upgrade.bytes()).await?.json();
    ensure!(text(&seen, "/headers/upgrade") == "websocket" && text(&seen, "/headers/connection") == "upgrade", "{seen}");
    let other = RawRequest::new("GET", "/chat/rooms").header("upgrade", "h2c");
    let seen = ask(&ground.gateway.url(), &other.bytes()).await?.json();
    ensure!(text(&seen, "/headers/upgrade").is_empty() && text(&seen, "/headers/connection").is_empty(), "{seen}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_stays_with_its_nodes() -> Result<()> {
    let Some(ground) = ground("gateway-sticky", Manner::Answers, Manner::Answers).await? else { return Ok(()) };
    let mut nodes = Vec::new();
    for network in [1, 2] {
        let mut met = BTreeSet::new();
        for number in 1..=20 {
            for (method, target) in
                [("GET", "/chat/rooms"), ("POST", "/chat/rooms"), ("POST", "/chat/ws-ticket"), ("GET", "/chat/ws")]
            {
                let request = RawRequest::new(method, target).bytes();
                let seen = ask_from(client(network, number), &ground.gateway.url(), &request).await?.json();
                met.insert(text(&seen, "/service").to_owned());
            }
        }
        ensure!(met.len() == 2, "one command-api and one query-api, not {met:?}");
        nodes.push(met);
    }
    ensure!(nodes.first() != nodes.last(), "both networks were sent to {nodes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_has_a_key_so_that_another_node_can_be_asked() -> Result<()> {
    let Some(ground) = ground("gateway-dying", Manner::Dies, Manner::Answers).await? else { return Ok(()) };
    for network in 1..=8 {
        for method in ["GET", "POST", "PATCH"] {
            let answer =
                ask_from(client(network, 1), &ground.gateway.url(), &RawRequest::new(method, "/chat/rooms").bytes()).await?;
            ensure!(answer.status == 200, "{method}: {answer:?}");
        }
    }
    let [dying, good] = &ground.command;
    ensure!(!dying.seen().is_empty(), "no network was led to the node that dies");
    let key = |seen: &Value| text(seen, "/headers/idempotency-key").to_owned();
    let tried_again: BTreeSet<String> = dying.seen().iter().map(key).collect();
    let done: BTreeSet<String> = good.seen().iter().map(key).collect();
    ensure!(tried_again.is_subset(&done) && done.len() == good.seen().len(), "{tried_again:?} and {done:?}");
    for made in &done {
        let id = uuid::Uuid::parse_str(made).with_context(|| made.clone())?;
        ensure!(id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122, "{id}");
        ensure!(id.to_string() == *made, "{made} is not of the form that the services take");
    }
    ensure!(ground.query.iter().flat_map(Echo::seen).all(|seen| key(&seen).is_empty()), "a query needs no key");
    // A key of the client's own is left alone.
    let own = "0197a6b0-0000-7000-8000-000000000001";
    let seen = ask(&ground.gateway.url(), &RawRequest::new("POST", "/chat/rooms").header("idempotency-key", own).bytes()).await?;
    ensure!(key(&seen.json()) == own, "{seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_answers_is_the_answer() -> Result<()> {
    let Some(ground) = ground("gateway-refusing", Manner::Refuses, Manner::Refuses).await? else { return Ok(()) };
    let answer = ask(&ground.gateway.url(), &RawRequest::new("POST", "/chat/rooms").bytes()).await?;
    ensure!(answer.status == 503 && text(&answer.json(), "/code") == "overloaded", "{answer:?}");
    let asked: usize = ground.command.iter().map(|node| node.seen().len()).sum();
    ensure!(asked == 1, "a node that is overloaded is not helped by doubling what it refuses: {asked} were asked");
    Ok(())
}

/// The form of every problem, and that `code` is one of the services' own.
fn problem(answer: &RawAnswer, status: u16, code: &str) -> Result<()> {
    let body = answer.json();
    let known = infra::http::problem::find(code).context("no such code")?;
    ensure!(answer.status == status && known.status == status, "{answer:?}");
    ensure!(answer.header("content-type") == Some("application/problem+json"), "{answer:?}");
    ensure!(text(&body, "/code") == code && text(&body, "/title") == known.title, "{body}");
    ensure!(text(&body, "/type") == format!("urn:sarangbang:problem:{code}") && body["status"] == status, "{body}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_told_in_the_form_of_the_services() -> Result<()> {
    let Some(ground) = ground("gateway-limits", Manner::Answers, Manner::Answers).await? else { return Ok(()) };
    let url = ground.gateway.url();
    let body = |bytes: usize| RawRequest::new("POST", "/chat/rooms").body(vec![b'x'; bytes]).bytes();
    ensure!(ask(&url, &body(1024 * 1024)).await?.status == 200, "a body of 1 MiB is taken");
    problem(&ask(&url, &body(1024 * 1024 + 1)).await?, 413, "body-too-large")?;

    let sign_in = RawRequest::new("POST", "/user/login").bytes();
    // All at once: however slow the machine is, the limit has no time to recover.
    let answers = join_all((0..TOO_MANY).map(|_| ask_from(client(3, 1), &url, &sign_in))).await;
    let answers: Vec<RawAnswer> = answers.into_iter().collect::<Result<_>>()?;
    let refused = answers.iter().find(|answer| answer.status != 200).context("sign-ins without a limit")?.clone();
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    ensure!(taken > BURST, "only {taken} of a burst of {BURST} were taken");
    problem(&refused, 429, "rate-limited")?;
    ensure!(refused.header("retry-after") == Some("1"), "{refused:?}");
    ensure!(ask_from(client(3, 2), &url, &sign_in).await?.status == 200, "another address has a limit of its own");

    // Half of a head, and half of a body: both are waited for, but not for ever.
    let (head, rest) = tokio::join!(
        ask(&url, b"GET /chat/rooms HT"),
        ask(&url, b"POST /chat/rooms HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf")
    );
    ensure!([0, 408].contains(&head?.status) && [0, 408].contains(&rest?.status), "half a request was answered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_no_node_answers_the_client_is_told_what_that_means() -> Result<()> {
    let Some(ground) = ground("gateway-none", Manner::Dies, Manner::Dies).await? else { return Ok(()) };
    let url = ground.gateway.url();
    for (method, code) in [("GET", "service-unavailable"), ("POST", "outcome-unknown")] {
        let answer = ask(&url, &RawRequest::new(method, "/chat/rooms").bytes()).await?;
        problem(&answer, 503, code)?;
        ensure!(answer.header("retry-after") == Some("1"), "{answer:?}");
    }
    ensure!(text(&ground.ask("GET", "/").await?, "/service") == "front", "the page is there all the same");
    Ok(())
}
