//! Every row runs and prints its lines: a quick run of the bench, whose numbers mean nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and says where")]

use std::process::Command;

/// Runs every row on one log; gives the table that went into the page.
fn quick(on: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    let out = bench.args(["--quick", "--on", on, "--page"]).arg(&page).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    std::fs::read_to_string(page).unwrap()
}

fn says(table: &str, figures: &[&str]) {
    for figure in figures {
        assert!(table.lines().any(|line| line.starts_with(&format!("| {figure}"))), "no line for {figure:?} in\n{table}");
    }
}

#[test]
fn every_row_runs_on_the_embedded_log() {
    says(&quick("embedded"), &["durable commands, 64 in flight", "replay", "a message after 1000 in its room"]);
}

#[test]
fn every_row_runs_on_kafka() {
    if std::env::var_os("SARANGBANG_TEST_KAFKA").is_none() {
        assert!(
            std::env::var_os("SARANGBANG_TEST_REQUIRE_SERVERS").is_none_or(|value| value != "1"),
            "SARANGBANG_TEST_KAFKA is not set, and servers are required"
        );
        eprintln!("skipped: SARANGBANG_TEST_KAFKA is not set");
        return;
    }
    says(&quick("kafka3"), &["SendMessage at the pipeline, 64 in flight", "SendMessage at the pipeline, p99 at half load"]);
}
