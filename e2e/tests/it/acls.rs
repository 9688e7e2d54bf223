//! Who may write what: a broker with the settings of `deploy/compose`, given its rules by `kafka/acls.sh`, and asked with the
//! sign-ins that `secrets.sh` makes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::patience::{LATE, until};
use e2e::process::free_port;
use e2e::system::servers;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_yaml_ng::Value;
use tokio::process::{Child, Command};

use crate::stage;

const COMPOSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/compose");
/// Each topic, and the one service that may write to it; sagas are spoken of by two.
const WRITERS: &[(&str, &[&str])] = &[
    ("users.v1", &["command-api"]),
    ("rooms.v1", &["command-api"]),
    ("owners.v1", &["command-api"]),
    ("reads.v1", &["command-api"]),
    ("parked.v1", &["projectors"]),
    ("presence.v1", &["query-api"]),
    ("revoked.v1", &["auth-api"]),
    ("sagas.v1", &["auth-api", "orchestrator"]),
];
const USERS: &[&str] = &["command-api", "projectors", "query-api", "auth-api", "orchestrator", "kafka-ui"];
const WAIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_command_api_writes_events() -> Result<()> {
    // The real servers are not asked, but where they are, so is what a broker needs.
    if servers()?.is_none() {
        return Ok(());
    }
    let stage = stage("acls").await?;
    let secrets = stage.folder.join("secrets");
    complete(Command::new("sh").arg(format!("{COMPOSE}/secrets.sh")).arg(&secrets)).await?;
    let (address, _broker) = broker(&stage.folder, &secrets).await?;
    let admin: AdminClient<_> = client(&address, &secrets, "admin")?.create()?;
    let topics: Vec<String> = WRITERS.iter().map(|(topic, _)| format!("sarangbang.{topic}")).collect();
    let wanted: Vec<NewTopic<'_>> = topics.iter().map(|topic| NewTopic::new(topic, 1, TopicReplication::Fixed(1))).collect();
    let made = || async { Ok(Some(admin.create_topics(&wanted, &AdminOptions::new()).await?)) };
    until("the topics", LATE, made).await?;
    let tool = tool(&stage.folder)?;
    let mut rules = Command::new("sh");
    rules.arg(format!("{COMPOSE}/kafka/acls.sh")).env("BOOTSTRAP", &address).env("PREFIX", "sarangbang");
    rules.env("ADMIN", secrets.join("kafka-admin.properties")).env("KAFKA_ACLS", tool);
    complete(&mut rules).await?;

    for user in USERS {
        let producer: FutureProducer = client(&address, &secrets, user)?.set("message.timeout.ms", "20000").create()?;
        for ((_, writers), topic) in WRITERS.iter().zip(&topics) {
            let sent = producer.send(FutureRecord::<str, str>::to(topic).payload("a word"), WAIT).await;
            let refused = match sent {
                Ok(_) => false,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed), _)) => true,
                Err((error, _)) => return Err(error).context(format!("{user} to {topic}")),
            };
            ensure!(refused != writers.contains(user), "{user} to {topic}: refused is {refused}");
        }
    }
    Ok(())
}

fn client(address: &str, secrets: &Path, user: &str) -> Result<ClientConfig> {
    let password = std::fs::read_to_string(secrets.join(format!("kafka-{user}")))?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("security.protocol", "sasl_plaintext").set("sasl.mechanism", "PLAIN");
    config.set("sasl.username", user).set("sasl.password", password);
    Ok(config)
}

/// One broker with the settings of the first one of the compose file, but for what needs three of them.
async fn broker(folder: &Path, secrets: &Path) -> Result<(String, Child)> {
    let ports: BTreeMap<&str, u16> =
        [("9092", free_port()?), ("9093", free_port()?), ("8097", free_port()?)].into_iter().collect();
    let port = |known: &str| ports.get(known).copied().unwrap_or_default();
    let mut settings = String::new();
    for (name, value) in environment()? {
        let Some(name) = name.strip_prefix("KAFKA_").filter(|name| !["OPTS", "HEAP_OPTS"].contains(name)) else { continue };
        let alone = |value: &str| match value {
            _ if name.contains("REPLICATION_FACTOR") || name.contains("MIN_ISR") || name == "MIN_INSYNC_REPLICAS" => {
                "1".to_owned()
            }
            _ if name == "CONTROLLER_QUORUM_VOTERS" => format!("1@127.0.0.1:{}", port("9093")),
            _ if name == "LOG_DIRS" => folder.join("data").display().to_string(),
            other => ports.iter().fold(other.to_owned(), |text, (known, own)| {
                let here = format!("127.0.0.1:{own}");
                [format!("kafka1:{known}"), format!("localhost:{known}"), format!(":{known}")]
                    .iter()
                    .fold(text, |text, there| if text.contains(&here) { text } else { text.replace(there, &here) })
            }),
        };
        // As the image does it: two underscores are one.
        let name = name.to_lowercase().replace("__", "\0").replace('_', ".").replace('\0', "_");
        settings.push_str(&format!("{name}={}\n", alone(&value)));
    }
    let file = folder.join("server.properties");
    std::fs::write(&file, settings)?;
    complete(java()?.args(["kafka.tools.StorageTool", "format", "-t", "q1Sh-9_ISia_zwGINzRvyQ", "-c"]).arg(&file)).await?;
    let log = std::fs::File::create(folder.join("broker.log"))?;
    let mut server = java()?;
    server.env("JDK_JAVA_OPTIONS", format!("-Djava.security.auth.login.config={}", secrets.join("kafka-jaas.conf").display()));
    server.arg("kafka.Kafka").arg(&file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let broker = server.spawn().context("cannot start Java")?;
    let answers = || async { Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port("9092"))).ok().map(|_| ())) };
    until("the broker", LATE, answers).await?;
    Ok((format!("127.0.0.1:{}", port("9092")), broker))
}

/// What the compose file tells the first broker.
fn environment() -> Result<BTreeMap<String, String>> {
    let mut file: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(format!("{COMPOSE}/compose.yml"))?)?;
    file.apply_merge()?;
    let environment = file.get("services").and_then(|all| all.get("kafka1")?.get("environment")).context("no environment")?;
    Ok(serde_yaml_ng::from_value(environment.clone())?)
}

/// The jars that `cargo xtask services` fetched.
fn jars() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = cache.or_else(home).context("no home")?.join("sarangbang");
    let kafka = std::fs::read_dir(&folder)?.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("kafka-"));
    Ok(kafka.context("no Kafka: cargo xtask services up")?.path().join("lib"))
}

fn java() -> Result<Command> {
    let mut java = Command::new("java");
    java.args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp"]).arg(format!("{}/*", jars()?.display()));
    Ok(java)
}

/// What is `kafka-acls.sh` in the image.
fn tool(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("kafka-acls");
    let class = "org.apache.kafka.tools.AclCommand";
    let call = format!("exec java -Xmx128m -XX:TieredStopAtLevel=1 -cp '{}/*' {class} \"$@\"", jars()?.display());
    std::fs::write(&file, format!("#!/bin/sh\n{call}\n"))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok(file)
}

async fn complete(command: &mut Command) -> Result<()> {
    let out = command.stdin(Stdio::null()).output().await?;
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    ensure!(out.status.success(), "{command:?}: {}\n{said}\n{complained}", out.status);
    Ok(())
}
