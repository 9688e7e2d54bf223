//! Elasticsearch from its Maven artifact for tests: the real server without what is Elastic's own (lifecycle management, data streams,
//! scripts). A small plugin of ours adds the Korean analyser, as a real installation has it by `analysis-nori`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Kind;
use super::account::{as_user, data_elsewhere, prepare_home};
use super::process::{Process, answers, complete, free_ports};
use super::state::{Node, State};
use crate::workspace;

const VERSION: &str = "8.19.21";
/// The Lucene that this version is built with.
const LUCENE_VERSION: &str = "9.12.2";
/// 700–780 MiB resident with it.
const HEAP: &str = "512m";
const PLUGIN: &str = include_str!("AnalysisPlugin.java");

pub fn plan() -> Result<Vec<Node>> {
    let ports: BTreeMap<String, u16> = ["http", "transport"].into_iter().map(str::to_owned).zip(free_ports(2)?).collect();
    Ok(vec![Node { kind: Kind::Elasticsearch, number: 1, ports, data: data_elsewhere("elasticsearch"), process: None }])
}

pub fn start(state: &State, node: &Node) -> Result<Process> {
    let installed = install()?;
    let folder = state.node_folder(node);
    std::fs::create_dir_all(&folder)?;
    let home = node.data.clone().unwrap_or_else(|| folder.join("home"));
    let server = home.join("server");
    if !server.join("bin").is_dir() {
        // A copy of its own, since it runs as another user and writes into its folder.
        std::fs::create_dir_all(&home)?;
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(installed.join(format!("elasticsearch-{VERSION}"))).arg(&server);
        complete(copy, &folder.join("copy.log"))?;
    }
    std::fs::write(server.join("config/elasticsearch.yml"), settings_file(node, &home))?;
    // Compiled by the first compiler alone it starts twice as quickly, and is slower at its peak, which tests do not see.
    let options = format!("-Xms{HEAP}\n-Xmx{HEAP}\n-XX:TieredStopAtLevel=1\n");
    std::fs::create_dir_all(server.join("config/jvm.options.d"))?;
    std::fs::write(server.join("config/jvm.options.d/tests.options"), options)?;
    let temporary = home.join("temporary");
    std::fs::create_dir_all(&temporary)?;
    prepare_home(&home)?;
    let mut java = as_user(&server.join("bin/elasticsearch"), &server)?;
    java.env("ES_JAVA_HOME", java_home()?).env("CLI_JAVA_OPTS", "-XX:TieredStopAtLevel=1");
    // Otherwise it makes a folder in the machine's temporary one, and leaves it there.
    java.env("ES_TMPDIR", &temporary);
    // What the caller's shell says of Java is not for this server.
    java.env_remove("ES_JAVA_OPTS").env_remove("JAVA_TOOL_OPTIONS");
    std::fs::write(state.log_file(node), "")?;
    Process::start(java, &state.log_file(node))
}

pub fn wait(state: &State, node: &Node) -> Result<()> {
    let process = node.process.as_ref().context("not started")?;
    let log = state.log_file(node);
    process.wait_until("elasticsearch", &log, || {
        let text = std::fs::read(&log).unwrap_or_default();
        String::from_utf8_lossy(&text).contains("started {") && answers(node.port("http"))
    })
}

pub fn settings(state: &State) -> Vec<(&'static str, String)> {
    let url = |node: &Node| format!("http://127.0.0.1:{}", node.port("http"));
    state.of(Kind::Elasticsearch).map(|node| ("SARANGBANG_TEST_ELASTICSEARCH", url(node))).collect()
}

fn settings_file(node: &Node, home: &Path) -> String {
    format!(
        "cluster.name: sarangbang-test
node.name: test-1
path.data: {home}/data
path.logs: {home}/logs
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
discovery.type: single-node
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: true
",
        home = home.display(),
        http = node.port("http"),
        transport = node.port("transport"),
    )
}

/// The Java that has the compiler: `/usr/bin/javac` leads there.
fn java_home() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let compiler = std::env::split_paths(&path).map(|folder| folder.join("javac")).find(|file| file.exists());
    let compiler = compiler.context("the Java compiler is missing: apt-get install openjdk-17-jdk-headless")?;
    let home = compiler.canonicalize()?.parent().and_then(Path::parent).map(Path::to_owned);
    home.context("javac is not in the bin folder of a Java installation")
}

/// The folder with the unpacked server and its plugin; fetched by Maven once a machine.
fn install() -> Result<PathBuf> {
    let folder = workspace::cache().join(format!("elasticsearch-{VERSION}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = workspace::cache().join(format!("elasticsearch-{VERSION}.{}.partial", std::process::id()));
    std::fs::create_dir_all(&partial)?;
    println!("fetching Elasticsearch {VERSION} (102 MB) into {}", folder.display());
    std::fs::write(partial.join("pom.xml"), pom())?;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=."]).current_dir(&partial);
    complete(maven, &partial.join("mvn.log"))
        .context("Maven could not fetch Elasticsearch (apt-get install maven, and a way to a Maven repository)")?;
    let mut unzip = Command::new(java_home()?.join("bin/jar"));
    unzip.args(["xf", &format!("elasticsearch-{VERSION}.zip")]).current_dir(&partial);
    complete(unzip, &partial.join("unzip.log"))?;
    let server = partial.join(format!("elasticsearch-{VERSION}"));
    // `jar` keeps no permissions.
    let mut executable = Command::new("sh");
    executable.arg("-c").arg("chmod +x bin/* && find . -path '*/platform/*' -type f -exec chmod +x {} +").current_dir(&server);
    complete(executable, &partial.join("chmod.log"))?;
    add_plugin(&partial, &server)?;
    match std::fs::rename(&partial, &folder) {
        Ok(()) => Ok(folder),
        // Another call was quicker; its folder was renamed into place complete.
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&partial).map(|()| folder).map_err(Into::into),
        Err(error) => Err(error).with_context(|| format!("cannot move {} into place", partial.display())),
    }
}

/// Compiles our plugin against this version, and puts it where the server finds it.
fn add_plugin(partial: &Path, server: &Path) -> Result<()> {
    let plugin = server.join("plugins/sarangbang");
    let (source, classes) = (partial.join("AnalysisPlugin.java"), partial.join("classes"));
    std::fs::create_dir_all(&plugin)?;
    std::fs::write(&source, PLUGIN)?;
    let nori = format!("lucene-analysis-nori-{LUCENE_VERSION}.jar");
    let class_path = format!("{}/lib/*:{}", server.display(), partial.join(&nori).display());
    let mut compiler = Command::new(java_home()?.join("bin/javac"));
    compiler.args(["-nowarn", "-proc:none", "--release", "17", "-cp", &class_path, "-d"]).arg(&classes).arg(&source);
    complete(compiler, &partial.join("javac.log"))?;
    let mut archive = Command::new(java_home()?.join("bin/jar"));
    archive.arg("cf").arg(plugin.join("plugin.jar")).arg("-C").arg(&classes).arg(".");
    complete(archive, &partial.join("jar.log"))?;
    std::fs::copy(partial.join(&nori), plugin.join(&nori))?;
    let descriptor = format!(
        "description=The Korean analyser and an answer to GET /\nversion=1.0.0\nname=sarangbang\n\
         classname=sarangbang.AnalysisPlugin\njava.version=17\nelasticsearch.version={VERSION}\n"
    );
    Ok(std::fs::write(plugin.join("plugin-descriptor.properties"), descriptor)?)
}

fn pom() -> String {
    const ALONE: &str = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>";
    let dependency = |group: &str, name: &str, version: &str, kind: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>\
             <type>{kind}</type>{ALONE}</dependency>"
        )
    };
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>sarangbang</groupId><artifactId>elasticsearch</artifactId>\
         <version>1</version><packaging>pom</packaging><dependencies>{}{}</dependencies></project>",
        dependency("org.elasticsearch.distribution.integ-test-zip", "elasticsearch", VERSION, "zip"),
        dependency("org.apache.lucene", "lucene-analysis-nori", LUCENE_VERSION, "jar"),
    )
}
