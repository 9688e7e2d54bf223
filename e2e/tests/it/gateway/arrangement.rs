//! The whole arrangement: nginx before two command-api, two query-api, auth-api and front, on real Kafka and Postgres.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use deploy::gateway::Gateway as Files;
use e2e::checker::{Evidence, check, collect};
use e2e::gateway::{Gateway, is_here};
use e2e::live::Live;
use e2e::load::{self, Load, Nodes};
use e2e::patience::{LATE, SOON, until};
use e2e::person::{PASSWORD, Person};
use e2e::process::Node;
use e2e::raw::{RawRequest, RawSocket, ask, ask_from};
use e2e::system::{Cluster, Servers, servers};
use serde_json::Value;

use super::{client, watched};
use crate::scenarios::conversation;
use crate::stage;

/// Enough that both nodes of each kind work all the time; less than one address may ask.
const LOAD: load::Options =
    load::Options { rooms: 12, writers: 24, pause: Duration::from_millis(500), followers: 4, seed: 20_261_126 };
/// Commands that are acknowledged in peace before a node is killed, and after it is back.
const CALM: usize = 60;

struct Arrangement {
    cluster: Cluster,
    front: Node,
    gateway: Gateway,
}

impl Arrangement {
    async fn start(folder: &Path, servers: &Servers) -> Result<Self> {
        let told = ("telemetry.filter", "info,infra::http::layers=debug".to_owned());
        let cluster = Cluster::start_with(folder, servers, 2, &[("http.trusted_proxies", "127.0.0.1".to_owned()), told]).await?;
        // While the second projector joins, partitions change hands and queries are behind for seconds, which is told as 503: here
        // that is no news, and the scenarios do not ask twice.
        for node in &cluster.projectors {
            let works = || async { Ok(node.metrics().await?.contains("sarangbang_projector_lag_records{").then_some(())) };
            until("every projector has partitions", LATE, works).await?;
        }
        let mut front = Node::new("front", "front-1", folder, &[])?;
        front.start().await?;
        let gateway = Gateway::start(&folder.join("gateway"), services(&cluster, &front)).await?;
        Ok(Self { cluster, front, gateway })
    }

    /// Every process of the program, with its role.
    fn nodes(&self) -> Vec<(&'static str, &Node)> {
        let Cluster { auth, orchestrator, command, projectors, query, .. } = &self.cluster;
        let mut nodes = vec![("auth-api", auth), ("front", &self.front), ("orchestrator", orchestrator)];
        for (role, pair) in [("command-api", command), ("projectors", projectors), ("query-api", query)] {
            nodes.extend(pair.iter().map(|node| (role, node)));
        }
        nodes
    }
}

fn services(cluster: &Cluster, front: &Node) -> Files {
    let all = |nodes: &[Node]| nodes.iter().map(Node::public_address).collect();
    Files {
        listen: String::new(),
        command: all(&cluster.command),
        query: all(&cluster.query),
        orchestrator: vec![cluster.orchestrator.public_address()],
        auth: cluster.auth.public_address(),
        front: front.public_address(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_arrangement_behind_the_gateway() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    if !is_here()? {
        return Ok(());
    }
    let stage = stage("gateway").await?;
    let mut system = Arrangement::start(&stage.folder, &servers).await?;
    pages_and_sign_in(&system).await?;
    let at = system.gateway.addresses();
    conversation::what_is_written_arrives(&at).await?;
    conversation::a_repeat_changes_nothing(&at).await?;
    conversation::who_is_removed_is_cut_off(&at).await?;
    conversation::a_client_resumes_where_it_was(&at).await?;
    clients_stay_with_their_nodes(&system).await?;
    only_the_gateway_is_believed(&system).await?;
    open_sockets_outlive_a_reload(&mut system).await?;
    one_of_each_pair_is_killed_under_load(&mut system, &servers, &stage.folder).await?;
    watched::by_prometheus(&stage.folder.join("prometheus"), &system.nodes()).await
}

async fn pages_and_sign_in(system: &Arrangement) -> Result<()> {
    let url = system.gateway.url();
    let page = ask(&url, &RawRequest::new("GET", "/").bytes()).await?;
    ensure!(page.status == 200 && String::from_utf8_lossy(&page.body).contains("<html"), "{page:?}");
    ensure!(page.header("content-security-policy").is_some(), "what front says of its pages passes: {:?}", page.headers);
    for slash in ["", "/"] {
        let body = format!("{{\"userId\":\"slash{}\",\"password\":\"{PASSWORD}\"}}", slash.len());
        let request = |path: &str| {
            let target = format!("{path}{slash}");
            RawRequest::new("POST", target).header("content-type", "application/json").body(body.as_bytes()).bytes()
        };
        let registered = ask(&url, &request("/user")).await?;
        ensure!((200..300).contains(&registered.status), "a registration is not redirected: {registered:?}");
        let signed_in = ask(&url, &request("/user/login")).await?;
        ensure!(signed_in.status == 200, "{signed_in:?}");
    }
    let sagas = ask(&url, &RawRequest::new("GET", "/chat/admin/sagas").bytes()).await?;
    ensure!(sagas.status == 401, "sagas are shown to nobody who has not signed in: {sagas:?}");
    let keys = ask(&url, &RawRequest::new("GET", "/user/.well-known/jwks.json").bytes()).await?;
    ensure!(keys.status == 200 && keys.json().pointer("/keys/0/kid").is_some(), "{keys:?}");
    Ok(())
}

/// Requests, ticket and socket of one network meet one node of each kind; the other network meets the other ones.
async fn clients_stay_with_their_nodes(system: &Arrangement) -> Result<()> {
    let url = system.gateway.url();
    let ann = Person::sign_in(&system.gateway.addresses(), "sticky").await?;
    let bearer = format!("Bearer {}", ann.token);
    for network in [1, 2] {
        for number in 1..=10 {
            let of = |method, target| RawRequest::new(method, target).header("authorization", bearer.as_bytes()).bytes();
            let rooms = ask_from(client(network, number), &url, &of("GET", "/chat/rooms")).await?;
            ensure!(rooms.status == 200, "{rooms:?}");
            let ticket = ask_from(client(network, number), &url, &of("POST", "/chat/ws-ticket")).await?.json();
            let ticket = ticket.get("ticket").and_then(Value::as_str).context("no ticket")?;
            // The ticket is good on the node that issued it alone: another address of the network is led there too.
            RawSocket::open_by_ticket(client(network, number + 100), &url, ticket).await?;
        }
    }
    let lines = system.gateway.lines()?;
    let met = |network: &str| -> BTreeSet<String> {
        let lines = lines.iter().filter(|line| line.client.starts_with(network) && line.path.starts_with("/chat/"));
        lines.map(|line| line.upstream.clone()).collect()
    };
    let (one, other) = (met("127.0.1."), met("127.0.2."));
    ensure!(one.len() == 1 && other.len() == 1 && one != other, "{one:?} and {other:?}");
    Ok(())
}

/// The services take the client's address from the gateway, and from nobody else.
async fn only_the_gateway_is_believed(system: &Arrangement) -> Result<()> {
    let lied = |from: u8| RawRequest::new("GET", "/chat/rooms").header("x-forwarded-for", format!("203.0.113.{from}")).bytes();
    let node = system.cluster.query.first().context("no query-api")?;
    ask_from(client(5, 5), &node.public_url(), &lied(1)).await?;
    ask_from(client(6, 6), &system.gateway.url(), &lied(2)).await?;
    let told = || async {
        let logs = system.cluster.query.iter().map(Node::log).collect::<Result<Vec<_>>>()?.concat();
        ensure!(!logs.contains("203.0.113."), "somebody was believed who is no gateway");
        Ok((logs.contains("client=127.0.5.5") && logs.contains("client=127.0.6.6")).then_some(()))
    };
    until("both requests, by their clients", SOON, told).await
}

async fn open_sockets_outlive_a_reload(system: &mut Arrangement) -> Result<()> {
    let ann = Person::sign_in(&system.gateway.addresses(), "reload").await?;
    let room = ann.create_room("private", "before the reload").await?;
    let mut live = Live::open(&ann).await?;
    live.subscribe(&room, None).await?;
    system.gateway.reload(services(&system.cluster, &system.front)).await?;
    ann.send(&room, "after the reload").await?;
    let heard = live.next_message(&room).await?;
    ensure!(heard.get("text").and_then(Value::as_str) == Some("after the reload"), "{heard}");
    Ok(())
}

/// Clients know the gateway alone. One process of each kind that there are two of is killed, and started again.
async fn one_of_each_pair_is_killed_under_load(system: &mut Arrangement, servers: &Servers, folder: &Path) -> Result<()> {
    let url = system.gateway.url();
    let from = (1..=8).map(|network| client(network, 1).into()).collect();
    let nodes = Nodes { command: vec![url.clone()], query: vec![url.clone()], auth: url, from };
    let journals = folder.join("evidence");
    let mut load = Load::start(&journals, &nodes, &LOAD).await?;
    load.more(CALM).await?;
    for pair in [&mut system.cluster.command, &mut system.cluster.query, &mut system.cluster.projectors] {
        let node = pair.first_mut().context("no node")?;
        node.kill().await?;
        let killed_us = load.progress().now_us();
        load.wait("every partition serves after the kill", |progress| progress.serves_since(killed_us)).await?;
        let versions = load.progress().versions();
        load.wait("the followers are current", |progress| progress.followed_to(&versions)).await?;
        node.start().await?;
        load.more(CALM).await?;
    }
    load.finish().await?;
    let mut evidence = Evidence::journals(&journals)?;
    let reader = Person::sign_in(&system.gateway.addresses(), "checker").await?;
    // Both query nodes must have everything: asked past the gateway.
    evidence.rooms = collect::rooms(&evidence.deeds, &reader, &system.cluster.query_urls()).await?;
    evidence.log = Some(collect::log(&servers.kafka, &system.cluster.topic_prefix).await?);
    evidence.save(&journals)?;
    let report = check(&evidence);
    ensure!(report.is_clean(), "{report}");
    let skipped = system.gateway.lines()?.iter().filter(|line| line.upstream.contains(", ")).count();
    ensure!(skipped > 0, "no request met a node that was gone: the gateway was not tried");
    said(&format!("{report}\n{skipped} requests were sent to a second node"));
    Ok(())
}

fn said(line: &str) {
    eprintln!("{line}");
}
