//! The compose file, read by docker-compose itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_yaml_ng::Value;

use crate::files::{folder, text, yaml};
use crate::tools;

const FILE: &str = "compose/compose.yml";

/// What the seed's file has, under today's names; and what is more.
const SERVICES: &[&str] = &[
    "nginx",
    "auth-api",
    "command-api-1",
    "command-api-2",
    "projectors-1",
    "projectors-2",
    "query-api-1",
    "query-api-2",
    "orchestrator-1",
    "orchestrator-2",
    "front",
    "kafka1",
    "kafka2",
    "kafka3",
    "postgres-auth",
    "postgres-timeline",
    "elasticsearch",
    "kibana",
    "grafana",
    "prometheus",
    "kafka-ui",
];

fn services(file: &Value) -> BTreeMap<String, Value> {
    serde_yaml_ng::from_value(file.get("services").cloned().expect("services")).unwrap()
}

/// Secrets and `env`, as an operator makes them.
fn secrets() -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    tools::run(&folder(), "sh", &["compose/secrets.sh", made.path().to_str().unwrap()]);
    made
}

#[test]
fn docker_compose_takes_the_file() {
    if !tools::have("docker-compose", "docker-compose") || !tools::have("openssl", "openssl") {
        return;
    }
    let made = secrets();
    let env = made.path().join("env").display().to_string();
    let configured = tools::run(&folder(), "docker-compose", &["--env-file", &env, "-f", FILE, "config"]);
    let configured: Value = serde_yaml_ng::from_str(&configured).unwrap();
    let services = services(&configured);
    for name in SERVICES {
        let service = services.get(*name).unwrap_or_else(|| panic!("no service {name}"));
        assert!(service.get("healthcheck").is_some(), "{name} has no health check");
        assert_eq!(service.get("restart"), Some(&Value::from("unless-stopped")), "{name}");
    }
    // Whoever has not run secrets.sh is told so.
    let without = Command::new("docker-compose").args(["-f", FILE, "config"]).current_dir(folder()).output().unwrap();
    assert!(!without.status.success() && String::from_utf8_lossy(&without.stderr).contains("secrets.sh"), "{without:?}");
}

#[test]
fn every_image_is_pinned_and_every_volume_kept() {
    let file = yaml(FILE);
    let volumes = file.get("volumes").and_then(Value::as_mapping).unwrap();
    let mut mounted = BTreeSet::new();
    for (name, service) in services(&file) {
        let merged = merged(&service);
        let image = merged.get("image").and_then(Value::as_str).unwrap_or_else(|| panic!("{name}: no image"));
        let tag = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_else(|| panic!("{image} has no version"));
        let own = image.starts_with("sarangbang:");
        assert!(own || (tag.starts_with(|first: char| first.is_ascii_digit() || first == 'v') && tag.contains('.')), "{image}");
        for volume in merged.get("volumes").and_then(Value::as_sequence).into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            if source.starts_with('.') {
                assert!(source == "../kibana" || Path::new(&folder().join("compose").join(source)).exists(), "{name}: {source}");
            } else {
                assert!(volumes.contains_key(source), "{name}: {source} is no volume");
                assert!(mounted.insert(source.to_owned()), "{source} belongs to two services");
            }
        }
    }
    assert_eq!(mounted.len(), volumes.len(), "a volume that nobody mounts");
}

/// A mapping with what `<<` brings into it, which may itself begin with `<<`.
fn merged(service: &Value) -> Value {
    let mut merged = service.clone();
    while merged.get("<<").is_some() {
        merged.apply_merge().unwrap();
    }
    merged
}

#[test]
fn no_secret_stands_in_the_file() {
    let text = text(FILE);
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let is_assigned = |name: &str| line.to_lowercase().contains(name);
        if !(is_assigned("password") || is_assigned("secret")) {
            continue;
        }
        let by_file = ["/run/secrets", "secrets:", "./secrets/", "secrets.sh", "kibana_system/_password", "source: "];
        assert!(by_file.iter().any(|way| line.contains(way)), "{line}");
    }
    assert!(text.contains("SARANGBANG_USER:?"), "nobody runs it without having made secrets");
    // Two machines have different ones, and a second call changes nothing.
    if !tools::have("openssl", "openssl") {
        return;
    }
    let (one, other) = (secrets(), secrets());
    let read = |made: &tempfile::TempDir, name: &str| std::fs::read_to_string(made.path().join(name)).unwrap();
    for name in ["elastic", "postgres-timeline", "kafka-jaas.conf", "sealing-key", "service-secret", "command-api.toml"] {
        assert_ne!(read(&one, name), read(&other, name), "{name}");
        let before = read(&one, name);
        tools::run(&folder(), "sh", &["compose/secrets.sh", one.path().to_str().unwrap()]);
        assert_eq!(read(&one, name), before, "{name} was made anew");
    }
}

#[test]
fn the_gateway_goes_to_services_that_are_there() {
    let services = services(&yaml(FILE));
    let upstreams = text("nginx/upstreams.conf");
    let named: BTreeSet<&str> =
        upstreams.split("server ").skip(1).filter_map(|rest| rest.split_once(":8080")).map(|(name, _)| name).collect();
    let expected = BTreeSet::from([
        "auth-api",
        "command-api-1",
        "command-api-2",
        "front",
        "orchestrator-1",
        "orchestrator-2",
        "query-api-1",
        "query-api-2",
    ]);
    assert_eq!(named, expected);
    assert!(named.iter().all(|name| services.contains_key(*name)));
    let scraped = text("prometheus/prometheus.yml");
    for name in
        SERVICES.iter().filter(|name| ["-api", "projectors", "orchestrator", "front"].iter().any(|part| name.contains(part)))
    {
        assert!(scraped.contains(&format!("{name}:8081")), "{name} is not scraped");
    }
}
