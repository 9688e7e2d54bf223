//! Whole systems: one process on its embedded default, or processes by role on Kafka and Postgres.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::Node;

/// Where each kind of request goes; behind a gateway all are the same.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Commands: `http://…`.
    pub command: String,
    /// Queries and the live feed.
    pub query: String,
    /// Sign-in.
    pub auth: String,
}

impl Addresses {
    /// All at one process.
    fn one(node: &Node) -> Self {
        let url = node.public_url();
        Self { command: url.clone(), query: url.clone(), auth: url }
    }
}

/// The servers that the tests were given.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Kafka's bootstrap brokers.
    pub kafka: String,
    /// The URL of a database.
    pub postgres: String,
}

impl Servers {
    /// Settings for a system on these servers, with topics and a schema that nobody else has.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let unique = infra::random::uuid_v4().simple().to_string();
        vec![
            ("log.kind", "kafka".to_owned()),
            ("log.brokers", self.kafka.clone()),
            ("log.topic_prefix", format!("e2e-{unique}")),
            ("log.event_partitions", PARTITIONS.to_string()),
            ("log.session_timeout_ms", SESSION_TIMEOUT_MS.to_string()),
            ("read_model.kind", "postgres".to_owned()),
            ("read_model.postgres_url", self.postgres.clone()),
            ("read_model.schema", format!("e2e_{unique}")),
            ("auth.kind", "postgres".to_owned()),
            ("auth.postgres_url", self.postgres.clone()),
            ("auth.schema", format!("e2e_auth_{unique}")),
            ("sagas.kind", "postgres".to_owned()),
            ("sagas.postgres_url", self.postgres.clone()),
            ("sagas.schema", format!("e2e_sagas_{unique}")),
        ]
    }
}

/// The servers named by the environment, or `None` with a line that says what is skipped.
///
/// # Errors
/// When they are missing although `SARANGBANG_TEST_REQUIRE_SERVERS=1`.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in the output of the tests")]
pub fn servers() -> Result<Option<Servers>> {
    let of = |name: &'static str| std::env::var(name).map_err(|_| name);
    match (of("SARANGBANG_TEST_KAFKA"), of("SARANGBANG_TEST_POSTGRES")) {
        (Ok(kafka), Ok(postgres)) => Ok(Some(Servers { kafka, postgres })),
        (Err(name), _) | (_, Err(name)) if servers_required() => bail!("{name} is not set, and servers are required"),
        (Err(name), _) | (_, Err(name)) => {
            eprintln!("skipped: {name} is not set");
            Ok(None)
        }
    }
}

/// The URL of Elasticsearch, or `None` with a line that says what is skipped.
///
/// # Errors
/// When it is missing although `SARANGBANG_TEST_REQUIRE_SERVERS=1`.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in the output of the tests")]
pub fn elasticsearch() -> Result<Option<String>> {
    const NAME: &str = "SARANGBANG_TEST_ELASTICSEARCH";
    match std::env::var(NAME) {
        Ok(url) => Ok(Some(url)),
        Err(_) if servers_required() => bail!("{NAME} is not set, and servers are required"),
        Err(_) => {
            eprintln!("skipped: {NAME} is not set");
            Ok(None)
        }
    }
}

/// Whether a test that lacks a server (or a browser) must fail instead of being skipped.
#[must_use]
pub fn servers_required() -> bool {
    std::env::var_os("SARANGBANG_TEST_REQUIRE_SERVERS").is_some_and(|value| value == "1")
}

/// An empty folder for one scenario, below the target folder: logs and data of the last run stay there to be looked at.
///
/// # Errors
/// When it cannot be made.
pub fn folder(tests: &Path, scenario: &str) -> Result<PathBuf> {
    let folder = tests.join("e2e").join(scenario);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Everything in one process on Kafka and Postgres: what a browser can be pointed at without a gateway.
pub struct OnServers {
    /// The one process.
    pub node: Node,
}

impl OnServers {
    /// Starts it with topics and a schema of its own.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(folder: &Path, servers: &Servers) -> Result<Self> {
        let mut node = Node::new("all", "all", folder, &servers.settings())?;
        node.start().await?;
        Ok(Self { node })
    }

    /// Where its requests go.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses::one(&self.node)
    }
}

/// Everything in one process on the embedded log and SQLite.
pub struct Embedded {
    /// The one process.
    pub node: Node,
}

impl Embedded {
    /// Starts it with data below `folder`.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// As [`Embedded::start`], with settings of its own.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_with(folder: &Path, settings: &[(&'static str, String)]) -> Result<Self> {
        let mut node = Node::new("all", "all", folder, settings)?;
        node.start().await?;
        Ok(Self { node })
    }

    /// Where its requests go.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses::one(&self.node)
    }
}

/// Processes by role on real servers. Each cluster has topics and a schema of its own.
pub struct Cluster {
    /// What stands, with a dot, before the name of each of its topics.
    pub topic_prefix: String,
    /// Its schema in Postgres.
    pub schema: String,
    /// Signs tokens.
    pub auth: Node,
    /// Takes the steps of sagas.
    pub orchestrator: Node,
    /// Own partitions, take commands.
    pub command: Vec<Node>,
    /// Build the read model.
    pub projectors: Vec<Node>,
    /// Answer queries.
    pub query: Vec<Node>,
}

/// A short session time-out, so that a fail-over is quick enough for a test.
pub const SESSION_TIMEOUT_MS: u64 = 6_000;
/// Few partitions, so that a start is quick; enough that two nodes share them.
pub const PARTITIONS: u32 = 4;

impl Cluster {
    /// Starts `nodes` processes of each role (one auth-api, one orchestrator).
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn start(folder: &Path, servers: &Servers, nodes: usize) -> Result<Self> {
        Self::start_with(folder, servers, nodes, &[]).await
    }

    /// As [`Cluster::start`], with settings of its own for every process.
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn start_with(folder: &Path, servers: &Servers, nodes: usize, own: &[(&'static str, String)]) -> Result<Self> {
        Self::start_adapted(folder, servers, nodes, own, |_, _, _| {}).await
    }

    /// As [`Cluster::start_with`]; `adapt` may change each node before its first start: it is given the role, and the node's number
    /// there, from 1.
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn start_adapted(
        folder: &Path,
        servers: &Servers,
        nodes: usize,
        own: &[(&'static str, String)],
        adapt: impl Fn(&str, usize, &mut Node),
    ) -> Result<Self> {
        let mut settings = [servers.settings().as_slice(), own].concat();
        let last = |name: &str| {
            let found = settings.iter().rev().find(|(setting, _)| *setting == name);
            found.map(|(_, value)| value.clone()).with_context(|| format!("no {name}"))
        };
        let (topic_prefix, schema) = (last("log.topic_prefix")?, last("read_model.schema")?);
        let mut auth = Node::new("auth-api", "auth-1", folder, &settings)?;
        settings.push(("tokens.jwks_url", format!("{}/user/.well-known/jwks.json", auth.public_url())));
        // Tools get their tokens from auth-api, for the secret that it makes at its first start.
        settings.push(("upstream.auth_api_url", auth.internal_url()));
        settings.push(("auth.service_secret_file", folder.join("auth-1").join("service.secret").display().to_string()));
        let role = |role: &str| -> Result<Vec<Node>> {
            let node = |number| {
                let mut node = Node::new(role, &format!("{role}-{number}"), folder, &settings)?;
                adapt(role, number, &mut node);
                Ok(node)
            };
            (1..=nodes).map(node).collect()
        };
        let (mut command, mut projectors, mut query) = (role("command-api")?, role("projectors")?, role("query-api")?);
        let first = command.first().context("no command-api")?;
        let mut orchestrator = Node::new("orchestrator", "orchestrator-1", folder, &settings)?;
        orchestrator.set("upstream.command_api_url", &first.internal_url());
        // The first command-api makes the topics; all others may start beside one another.
        auth.spawn()?;
        orchestrator.spawn()?;
        for node in command.iter_mut().chain(&mut projectors).chain(&mut query) {
            node.spawn()?;
        }
        auth.ready().await?;
        orchestrator.ready().await?;
        for node in command.iter_mut().chain(&mut projectors).chain(&mut query) {
            node.ready().await?;
        }
        Ok(Self { topic_prefix, schema, auth, orchestrator, command, projectors, query })
    }

    /// Where requests go, by the number of the command-api and the query-api node, from 0.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn addresses(&self, command: usize, query: usize) -> Result<Addresses> {
        let url = |nodes: &[Node], index: usize| nodes.get(index).map(Node::public_url).context("no such node");
        Ok(Addresses { command: url(&self.command, command)?, query: url(&self.query, query)?, auth: self.auth.public_url() })
    }

    /// The public addresses of all command-api nodes.
    #[must_use]
    pub fn command_urls(&self) -> Vec<String> {
        self.command.iter().map(Node::public_url).collect()
    }

    /// The public addresses of all query-api nodes.
    #[must_use]
    pub fn query_urls(&self) -> Vec<String> {
        self.query.iter().map(Node::public_url).collect()
    }
}
