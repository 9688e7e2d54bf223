//! Alert rules and dashboards, read by promtool, and held to the metrics that there are. What they answer on a running system is in
//! `e2e/tests/it/gateway/watched.rs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{folder, text, yaml};
use crate::tools;

const DASHBOARDS: &[&str] = &["overview.json", "log.json"];

fn dashboard(name: &str) -> Value {
    serde_json::from_str(&text(&format!("grafana/dashboards/{name}"))).unwrap()
}

/// The names of metrics in an expression: what begins as ours do.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_' || sign == ':'));
    words.filter(|word| word.starts_with("sarangbang_"))
}

#[test]
fn promtool_takes_rules_and_settings_and_each_alert_fires_when_it_must() {
    if !tools::have("promtool", "prometheus") {
        return;
    }
    let folder = folder().join("prometheus");
    tools::run(&folder, "promtool", &["check", "config", "prometheus.yml"]);
    tools::run(&folder, "promtool", &["check", "rules", "alerts.yml"]);
    tools::run(&folder, "promtool", &["test", "rules", "alerts.test.yml"]);
    let (rules, tests) = (text("prometheus/alerts.yml"), text("prometheus/alerts.test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "no test lets {alert} fire");
        assert!(tests.contains(&format!("alertname: {alert} ")), "no test keeps {alert} quiet");
    }
}

#[test]
fn every_metric_that_is_watched_is_one_of_ours() {
    let documented = std::fs::read_to_string(folder().join("../docs/metrics.md")).unwrap();
    let known: BTreeSet<&str> = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut texts = vec![text("prometheus/alerts.yml")];
    texts.extend(DASHBOARDS.iter().map(|name| dashboard(name).to_string()));
    let mut watched = 0;
    for metric in texts.iter().flat_map(|text| metrics(text)) {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| metric.strip_suffix(part)).unwrap_or(metric);
        assert!(known.contains(metric) || known.contains(base), "{metric} is not in docs/metrics.md");
        watched += 1;
    }
    assert!(watched > 0);
}

#[test]
fn every_reference_of_a_dashboard_resolves() {
    let sources = yaml("grafana/provisioning/datasources/prometheus.yml");
    let source = sources.get("datasources").and_then(|all| all.get(0)).unwrap();
    let (name, kind) = (source.get("name").unwrap().as_str(), source.get("type").unwrap().as_str());
    let mut ids = BTreeSet::new();
    for file in DASHBOARDS {
        let dashboard = dashboard(file);
        assert!(ids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "two dashboards with one id");
        let variable = &dashboard["templating"]["list"][0];
        assert_eq!(variable["current"]["text"].as_str(), name);
        assert_eq!(variable["query"].as_str(), kind);
        let wanted = format!("${{{}}}", variable["name"].as_str().unwrap());
        let panels = dashboard["panels"].as_array().unwrap();
        let mut places = BTreeSet::new();
        for panel in panels {
            assert_eq!(panel["datasource"]["uid"].as_str(), Some(wanted.as_str()), "{panel}");
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"].as_str(), Some(wanted.as_str()), "{target}");
            }
            assert!(!panel["description"].as_str().unwrap_or_default().is_empty(), "{} is not explained", panel["title"]);
            let at = &panel["gridPos"];
            assert!(places.insert((at["x"].to_string(), at["y"].to_string())), "two panels in one place: {at}");
        }
        let ids: BTreeSet<String> = panels.iter().map(|panel| panel["id"].to_string()).collect();
        assert_eq!(ids.len(), panels.len(), "two panels with one id");
    }
    let provider = text("grafana/provisioning/dashboards/sarangbang.yml");
    let mounted = text("compose/compose.yml");
    assert!(
        provider.contains("/var/lib/grafana/dashboards") && mounted.contains("../grafana/dashboards:/var/lib/grafana/dashboards")
    );
}
