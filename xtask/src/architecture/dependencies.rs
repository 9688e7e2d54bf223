//! Who may know whom: `domain ← infra ← services ← server`, and only `infra` names the stores.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace;

/// They meet at the log, the read models and over HTTP, never by import.
const SERVICES: &[&str] = &["command-api", "projectors", "query-api", "auth-api", "orchestrator", "front"];
/// Only `infra` speaks to these; the black-box tests and the load generator may look behind the curtain.
const STORES: &[&str] = &["rdkafka", "sqlx", "elasticsearch", "fjall"];
const STORE_USERS: &[&str] = &["infra", "bench", "e2e"];
/// What would bring I/O, a clock or randomness into the domain.
const IMPURE: &[&str] = &["tokio", "axum", "reqwest", "rand", "getrandom", "tracing", "metrics", "moka", "governor"];

/// One crate of the workspace with all it asks for: to run, to test and to build.
pub struct Crate {
    name: String,
    dependencies: Vec<String>,
}

/// Asks cargo.
pub fn read() -> Result<Vec<Crate>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        dependencies: Vec<Dependency>,
    }
    #[derive(Deserialize)]
    struct Dependency {
        name: String,
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]).current_dir(workspace::root());
    let out = command.output().context("cannot start cargo")?;
    ensure!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: Metadata = serde_json::from_slice(&out.stdout)?;
    let names = |dependencies: Vec<Dependency>| dependencies.into_iter().map(|dependency| dependency.name).collect();
    Ok(metadata
        .packages
        .into_iter()
        .map(|package| Crate { name: package.name, dependencies: names(package.dependencies) })
        .collect())
}

/// Every dependency that breaks the directions.
pub fn violations(crates: &[Crate]) -> Vec<String> {
    let ours = |name: &str| crates.iter().any(|one| one.name == name);
    let mut found = Vec::new();
    for one in crates {
        let Some(allowed) = may_import(&one.name) else {
            found.push(format!("{}: a new crate must be given its place in xtask/src/architecture/dependencies.rs", one.name));
            continue;
        };
        for dependency in &one.dependencies {
            if ours(dependency) && !allowed.contains(&dependency.as_str()) {
                found.push(format!("{} must not depend on {dependency}", one.name));
            }
            if STORES.contains(&dependency.as_str()) && !STORE_USERS.contains(&one.name.as_str()) {
                found.push(format!("{} must not depend on {dependency}: only infra names a store", one.name));
            }
            if one.name == "domain" && IMPURE.contains(&dependency.as_str()) {
                found.push(format!("domain must not depend on {dependency}: it is pure"));
            }
        }
    }
    found
}

/// Our own crates that a crate may import; `None` if nobody said so yet.
fn may_import(name: &str) -> Option<Vec<&'static str>> {
    let below = vec!["domain", "infra"];
    match name {
        "domain" | "deploy" => Some(Vec::new()),
        // It starts the gateway.
        "xtask" => Some(vec!["deploy"]),
        "infra" => Some(vec!["domain"]),
        "e2e" => Some([below, vec!["deploy"]].concat()),
        // It measures each service from within, and the whole program as the black-box tests start it.
        "bench" => Some([below, vec!["e2e"], SERVICES.to_vec()].concat()),
        // It searches the interleavings of the production state machine itself.
        "model" => Some(vec!["domain", "command-api"]),
        // It feeds bytes to whatever reads bytes of others.
        "fuzz" => Some(vec!["domain", "infra", "command-api", "query-api", "server"]),
        "server" => Some([below, SERVICES.to_vec()].concat()),
        service if SERVICES.contains(&service) => Some(below),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, dependencies: &[&str]) -> Crate {
        Crate { name: name.to_owned(), dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// A house in order, into which each test builds one mistake.
    fn house(wrong: Crate) -> Vec<Crate> {
        let right = [
            one("domain", &["serde"]),
            one("infra", &["domain", "sqlx", "rdkafka"]),
            one("query-api", &["domain", "infra", "axum"]),
            one("command-api", &["domain", "infra"]),
            one("server", &["domain", "infra", "query-api", "command-api"]),
            one("e2e", &["infra", "rdkafka"]),
        ];
        let mut crates: Vec<Crate> = right.into_iter().filter(|good| good.name != wrong.name).collect();
        crates.push(wrong);
        crates
    }

    #[test]
    fn a_house_in_order_passes() {
        assert_eq!(violations(&house(one("xtask", &["clap"]))), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_is_found() {
        let mistakes = [
            (one("domain", &["infra"]), "domain must not depend on infra"),
            (one("domain", &["tokio"]), "domain must not depend on tokio: it is pure"),
            (one("infra", &["command-api"]), "infra must not depend on command-api"),
            (one("query-api", &["command-api"]), "query-api must not depend on command-api"),
            (one("query-api", &["sqlx"]), "query-api must not depend on sqlx: only infra names a store"),
            (one("query-api", &["server"]), "query-api must not depend on server"),
            (one("e2e", &["server"]), "e2e must not depend on server"),
            (one("bench", &["server"]), "bench must not depend on server"),
        ];
        for (mistake, expected) in mistakes {
            assert_eq!(violations(&house(mistake)), vec![expected.to_owned()]);
        }
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        assert_eq!(violations(&house(one("helpers", &[]))).len(), 1);
    }
}
