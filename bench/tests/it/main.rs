//! Every row runs and prints its lines: a quick run of the bench, whose numbers mean nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and says where")]

use std::process::Command;

/// Runs every row on one log, or only some; gives the table that went into the page.
fn quick(on: &str, only: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    let out = bench.args(["--quick", "--on", on, "--only", only, "--page"]).arg(&page).output().unwrap();
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
    says(
        &quick("embedded", ""),
        &[
            "durable commands, 64 in flight",
            "replay",
            "a message after 1000 in its room",
            "projection, SQLite, rows",
            "a page of 50 from 2000 messages, SQLite, p99",
            "POST to socket, 20 in the room, p99",
            "50 sockets, memory of an idle one",
        ],
    );
}

#[test]
fn every_row_runs_on_kafka() {
    if servers() {
        says(
            &quick("kafka3", ""),
            &[
                "SendMessage at the pipeline, 64 in flight",
                "SendMessage at the pipeline, p99 at half load",
                "SendMessage over HTTP, 64 connections",
                "POST to socket, 1 in the room, p50",
            ],
        );
    }
}

#[test]
fn rows_on_postgres_run() {
    if servers() {
        says(&quick("kafka1", "projection"), &["projection, Postgres, rows"]);
        says(&quick("kafka1", "history"), &["a page of 50 from 2000 messages, Postgres, p99"]);
    }
}

/// Whether Kafka and Postgres are there.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in the output of the tests")]
fn servers() -> bool {
    let missing = ["SARANGBANG_TEST_KAFKA", "SARANGBANG_TEST_POSTGRES"].into_iter().find(|name| std::env::var_os(name).is_none());
    let Some(missing) = missing else { return true };
    let required = std::env::var_os("SARANGBANG_TEST_REQUIRE_SERVERS").is_some_and(|value| value == "1");
    assert!(!required, "{missing} is not set, and servers are required");
    eprintln!("skipped: {missing} is not set");
    false
}
