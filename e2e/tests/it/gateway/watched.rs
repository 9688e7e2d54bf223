//! A real Prometheus scrapes the arrangement, and answers every expression of dashboards and alerts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use e2e::patience::{LATE, until};
use e2e::process::{Node, free_port};
use e2e::system::servers_required;
use reqwest::Url;
use serde_json::Value;
use tokio::process::{Child, Command};

/// Where the files are.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
const DASHBOARDS: &[&str] = &["overview.json", "log.json"];
/// What Grafana puts in place of its variable; several scrapes long.
const RATE_INTERVAL: &str = "20s";
/// So much of what the dashboards ask must have an answer here: the rest counts troubles, or belongs to the embedded log.
const ANSWERED_PERCENT_MIN: usize = 60;

/// Starts Prometheus on `nodes` (role and node), with our own alert rules, and asks it everything.
pub async fn by_prometheus(folder: &Path, nodes: &[(&str, &Node)]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let Some((url, _running)) = start(folder, nodes).await? else { return Ok(()) };
    let exposed = exposed(nodes).await?;
    let (mut asked, mut answered) = (0, 0);
    for expression in dashboards()? {
        let expression = expression.replace("$__rate_interval", RATE_INTERVAL);
        // What no process has counted yet has no answer; everything else must have one, once two scrapes have seen it.
        let is_there = metrics(&expression).any(|metric| exposed.contains(metric));
        let answer = || async { Ok(Some(ask(&url, &expression).await?).filter(|rows| !is_there || *rows > 0)) };
        let rows = until(&format!("an answer to {expression}"), LATE, answer).await?;
        asked += 1;
        answered += usize::from(rows > 0);
    }
    ensure!(answered * 100 >= asked * ANSWERED_PERCENT_MIN, "only {answered} of {asked} expressions have an answer");
    let rules = reqwest::get(url.join("/api/v1/rules")?).await?.json::<Value>().await?;
    let rules = rules.pointer("/data/groups/0/rules").and_then(Value::as_array).context("no rules")?;
    let written = std::fs::read_to_string(format!("{DEPLOY}/prometheus/alerts.yml"))?.matches("- alert: ").count();
    ensure!(rules.len() == written, "{} of {written} rules are loaded", rules.len());
    for rule in rules {
        let evaluated = || async {
            let health = one_rule(&url, rule).await?;
            ensure!(health != "err", "{rule}");
            Ok((health == "ok").then_some(()))
        };
        until("every rule was evaluated", LATE, evaluated).await?;
    }
    Ok(())
}

/// How the evaluation of a rule went.
async fn one_rule(url: &Url, rule: &Value) -> Result<String> {
    let rules = reqwest::get(url.join("/api/v1/rules")?).await?.json::<Value>().await?;
    let all = rules.pointer("/data/groups/0/rules").and_then(Value::as_array).context("no rules")?;
    let same = all.iter().find(|one| one.get("name") == rule.get("name")).context("the rule is gone")?;
    Ok(same.get("health").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn start(folder: &Path, nodes: &[(&str, &Node)]) -> Result<Option<(Url, Child)>> {
    let mut settings = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [\"{DEPLOY}/prometheus/alerts.yml\"]\n\
         scrape_configs:\n  - job_name: sarangbang\n    static_configs:\n"
    );
    for (role, node) in nodes {
        writeln!(settings, "      - {{ targets: [\"{}\"], labels: {{ role: {role} }} }}", node.internal_address())?;
    }
    let (file, log) = (folder.join("prometheus.yml"), File::create(folder.join("out.log"))?);
    std::fs::write(&file, settings)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={address}"));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let running = match command.spawn() {
        Ok(running) => running,
        Err(error) => {
            ensure!(!servers_required(), "prometheus is missing: apt-get install prometheus ({error})");
            eprintln!("skipped: prometheus is missing");
            return Ok(None);
        }
    };
    let url: Url = format!("http://{address}").parse()?;
    let scraped = || async { Ok((ask(&url, "up == 1").await? == nodes.len()).then_some(())) };
    until("Prometheus has scraped every process", LATE, scraped).await?;
    Ok(Some((url, running)))
}

/// How many rows an expression has now; a failure is an error.
async fn ask(url: &Url, expression: &str) -> Result<usize> {
    let mut query = url.join("/api/v1/query")?;
    query.query_pairs_mut().append_pair("query", expression);
    let answer: Value = reqwest::get(query).await?.json().await?;
    ensure!(answer.get("status").and_then(Value::as_str) == Some("success"), "{expression}: {answer}");
    Ok(answer.pointer("/data/result").and_then(Value::as_array).context("no rows")?.len())
}

/// The names of all series that the processes show.
async fn exposed(nodes: &[(&str, &Node)]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (_, node) in nodes {
        let text = node.metrics().await?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        names.extend(lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned));
    }
    Ok(names)
}

fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.filter(|word| word.starts_with("sarangbang_"))
}

/// Every expression of every panel.
fn dashboards() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in DASHBOARDS {
        let text = std::fs::read_to_string(format!("{DEPLOY}/grafana/dashboards/{name}"))?;
        let dashboard: Value = serde_json::from_str(&text)?;
        let panels = dashboard.get("panels").and_then(Value::as_array).context("no panels")?;
        let targets = panels.iter().filter_map(|panel| panel.get("targets")?.as_array()).flatten();
        all.extend(targets.filter_map(|target| target.get("expr")?.as_str()).map(str::to_owned));
    }
    ensure!(!all.is_empty(), "no expressions");
    Ok(all)
}
