//! Apache Kafka (`KRaft`, combined broker and controller) from its Maven artifacts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Kind;
use super::process::{Process, answers, complete, free_ports};
use super::state::{Node, State};
use crate::workspace;

const VERSION: &str = "4.3.1";
const LOG4J_VERSION: &str = "2.25.4";
/// Any valid id does: every set is a cluster of its own on ports of its own.
const CLUSTER_ID: &str = "q1Sh-9_ISia_zwGINzRvyQ";
/// Heap of a broker; 200–250 MiB resident with it.
const HEAP: &str = "384m";
const JAVA_MAJOR_MIN: u32 = 17;

/// Plans brokers with `ways`: each is a listener of its own, advertised at a port where nothing listens until somebody, such as a
/// proxy that cuts connections, listens there and leads to it.
pub fn plan(brokers: u32, ways: u32) -> Result<Vec<Node>> {
    let mut roles = ["broker", "controller"].map(str::to_owned).to_vec();
    roles.extend((1..=ways).flat_map(|way| [advertised(way), behind(way)]));
    let ports = free_ports(roles.len() * brokers as usize)?;
    let node = |(own, number): (&[u16], u32)| {
        let ports: BTreeMap<String, u16> = roles.iter().cloned().zip(own.iter().copied()).collect();
        Node { kind: Kind::Kafka, number, ports, data: None, process: None }
    };
    Ok(ports.chunks_exact(roles.len()).zip(1..).map(node).collect())
}

/// The role of the port that a way tells clients to come to.
fn advertised(way: u32) -> String {
    format!("way-{way}")
}

/// The role of the port where a way's listener is.
fn behind(way: u32) -> String {
    format!("behind-way-{way}")
}

/// The ways that a broker has.
fn ways(node: &Node) -> impl Iterator<Item = u32> {
    (1..).take_while(|way| node.port(&advertised(*way)) != 0)
}

pub fn start(state: &State, node: &Node) -> Result<Process> {
    check_java()?;
    let lib = install()?;
    let folder = state.node_folder(node);
    std::fs::create_dir_all(&folder)?;
    let (config, logging) = (folder.join("server.properties"), folder.join("log4j2.properties"));
    std::fs::write(&config, server_properties(state, node))?;
    std::fs::write(&logging, LOGGING)?;
    let java = || {
        let mut java = Command::new("java");
        java.arg(format!("-Dlog4j2.configurationFile={}", logging.display())).arg("-cp").arg(format!("{}/*", lib.display()));
        java
    };
    if !folder.join("data/meta.properties").exists() {
        let mut format = java();
        format
            .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&config);
        complete(format, &folder.join("format.log"))?;
    }
    let mut server = java();
    server.arg(format!("-Xms{HEAP}")).arg(format!("-Xmx{HEAP}"));
    server.args([
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "kafka.Kafka",
    ]);
    server.arg(&config).current_dir(&folder);
    // The start is recognised by a line of the log, which must be of this run.
    std::fs::write(state.log_file(node), "")?;
    Process::start(server, &state.log_file(node))
}

pub fn wait(state: &State, node: &Node) -> Result<()> {
    let process = node.process.as_ref().context("not started")?;
    let log = state.log_file(node);
    process.wait_until(&format!("kafka {}", node.number), &log, || {
        let text = std::fs::read(&log).unwrap_or_default();
        String::from_utf8_lossy(&text).contains("Kafka Server started") && answers(node.port("broker"))
    })
}

pub fn settings(state: &State) -> Vec<(&'static str, String)> {
    let brokers: Vec<String> = state.of(Kind::Kafka).map(|node| format!("127.0.0.1:{}", node.port("broker"))).collect();
    if brokers.is_empty() {
        return Vec::new();
    }
    // Ways apart by '/', their brokers by ',', each as the advertised port and the one behind it.
    let pair = |node: &Node, way| format!("{}:{}", node.port(&advertised(way)), node.port(&behind(way)));
    let first = state.of(Kind::Kafka).next();
    let all: Vec<String> = first
        .into_iter()
        .flat_map(ways)
        .map(|way| state.of(Kind::Kafka).map(|node| pair(node, way)).collect::<Vec<_>>().join(","))
        .collect();
    let ways = (!all.is_empty()).then(|| ("SARANGBANG_TEST_KAFKA_WAYS", all.join("/")));
    std::iter::once(("SARANGBANG_TEST_KAFKA", brokers.join(","))).chain(ways).collect()
}

/// Replication, in-sync minimum and quorum follow from the number of brokers. Unclean election is off and eligible leader
/// replicas are on by default in a cluster that is new in this version.
fn server_properties(state: &State, node: &Node) -> String {
    let voters: Vec<String> =
        state.of(Kind::Kafka).map(|node| format!("{}@127.0.0.1:{}", node.number, node.port("controller"))).collect();
    let (replicas, in_sync) = if voters.len() >= 3 { (3, 2) } else { (1, 1) };
    let (broker, controller) = (node.port("broker"), node.port("controller"));
    let listeners = |port: fn(u32) -> String| -> String {
        ways(node).map(|way| format!(",WAY{way}://127.0.0.1:{}", node.port(&port(way)))).collect()
    };
    let protocols: String = ways(node).map(|way| format!(",WAY{way}:PLAINTEXT")).collect();
    format!(
        "process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{behind}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=6
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
",
        number = node.number,
        voters = voters.join(","),
        behind = listeners(behind),
        advertised = listeners(advertised),
        data = state.node_folder(node).join("data").display(),
    )
}

const LOGGING: &str = "rootLogger.level=INFO
rootLogger.appenderRef.s.ref=S
appender.s.type=Console
appender.s.name=S
appender.s.layout.type=PatternLayout
appender.s.layout.pattern=[%d] %p %m (%c)%n
";

fn check_java() -> Result<()> {
    let out =
        Command::new("java").arg("-version").output().context("Java is missing: apt-get install openjdk-17-jre-headless")?;
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let version = text.split('"').nth(1).unwrap_or_default();
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    ensure!(major >= JAVA_MAJOR_MIN, "Kafka {VERSION} needs Java {JAVA_MAJOR_MIN} or newer, this is {version:?}");
    Ok(())
}

/// The folder with the jars; fetched by Maven once a machine.
fn install() -> Result<PathBuf> {
    let folder = workspace::cache().join(format!("kafka-{VERSION}"));
    let lib = folder.join("lib");
    if lib.is_dir() {
        return Ok(lib);
    }
    let partial = workspace::cache().join(format!("kafka-{VERSION}.{}.partial", std::process::id()));
    std::fs::create_dir_all(&partial)?;
    println!("fetching Kafka {VERSION} (45 MB) into {}", folder.display());
    std::fs::write(partial.join("pom.xml"), pom())?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"])
        .current_dir(&partial);
    complete(maven, &partial.join("mvn.log"))
        .context("Maven could not fetch Kafka (apt-get install maven, and a way to a Maven repository)")?;
    match std::fs::rename(&partial, &folder) {
        Ok(()) => Ok(lib),
        // Another call was quicker; its folder was renamed into place complete.
        Err(_) if lib.is_dir() => drop_partial(&partial).map(|()| lib),
        Err(error) => Err(error).with_context(|| format!("cannot move {} into place", partial.display())),
    }
}

fn drop_partial(partial: &Path) -> Result<()> {
    Ok(std::fs::remove_dir_all(partial)?)
}

fn pom() -> String {
    let dependency = |group: &str, name: &str, version: &str, more: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>{more}</dependency>"
        )
    };
    let without_connect = "<exclusions><exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion></exclusions>";
    let dependencies = [
        dependency("org.apache.kafka", "kafka_2.13", VERSION, ""),
        dependency("org.apache.kafka", "kafka-tools", VERSION, without_connect),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION, ""),
        dependency("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION, ""),
    ];
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>sarangbang</groupId><artifactId>kafka</artifactId>\
         <version>1</version><packaging>pom</packaging><dependencies>{}</dependencies></project>",
        dependencies.concat()
    )
}
