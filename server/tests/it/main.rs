//! The program as a person meets it on the command line, and what all services do together.

mod departures;
mod registrations;
mod world;

mod authorisation;

use std::process::{Command, Output};

/// The program, with no settings but those given here.
#[expect(clippy::expect_used, reason = "a helper of tests may fail a test")]
fn sarangbang(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sarangbang"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SARANGBANG_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied()).output().expect("the program was built with this test")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_of_the_program_and_of_its_tools() {
    insta::assert_snapshot!("help", said(&sarangbang(&["--help"], &[])));
    insta::assert_snapshot!("help_import", said(&sarangbang(&["import", "--help"], &[])));
}

#[test]
fn the_version_names_the_commit() {
    let version = said(&sarangbang(&["--version"], &[]));
    let commit = version.trim().strip_suffix(')').and_then(|rest| rest.split_once(" (")).map(|(_, commit)| commit.to_owned());
    assert!(commit.is_some_and(|commit| commit == "unknown" || commit.len() == 12), "{version}");
}

#[test]
fn the_table_of_settings_shows_sources_and_hides_passwords() {
    let environment =
        [("SARANGBANG_READ_MODEL__KIND", "postgres"), ("SARANGBANG_READ_MODEL__POSTGRES_URL", "postgres://chat:hunter2@db/chat")];
    let table = said(&sarangbang(&["config", "--listen", "127.0.0.1:9"], &environment));
    let row = |name: &str| table.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    assert!(row("node.public_listen").ends_with("flag --listen"), "{table}");
    assert!(row("read_model.postgres_url").contains("postgres://chat:***@db/chat"), "{table}");
    assert!(row("read_model.postgres_url").ends_with("environment SARANGBANG_READ_MODEL__POSTGRES_URL"), "{table}");
    assert!(row("ws.ping_ms").ends_with("default") && !table.contains("hunter2"));
}

#[test]
fn a_bad_setting_stops_every_command_with_its_name_and_the_fix() {
    for command in ["all", "command-api", "config", "doctor"] {
        let refused = complained(&sarangbang(&[command, "--set", "log.knid=kafka"], &[]));
        assert!(
            refused.contains("log.knid: no setting has this name; did you mean log.kind? (from flag --set log.knid)"),
            "{refused}"
        );
    }
    let refused = complained(&sarangbang(&["all", "--set", "log.kind"], &[]));
    assert!(refused.contains("write it as section.name=value"), "{refused}");
}

#[test]
fn roles_say_what_they_cannot_do_alone() {
    for (role, setting) in [("command-api", "log.kind"), ("projectors", "log.kind"), ("query-api", "log.kind")] {
        let refused = complained(&sarangbang(&[role], &[]));
        assert!(refused.contains(setting) && refused.contains("sarangbang all"), "{refused}");
    }
}

#[test]
fn a_port_that_is_taken_and_a_missing_secret_are_told_with_the_fix() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let refused =
        complained(&sarangbang(&["all", "--data-folder", data, "--listen", &taken, "--internal-listen", "127.0.0.1:0"], &[]));
    assert!(refused.contains(&format!("node.public_listen: cannot listen on {taken}")), "{refused}");

    let archive = folder.path().join("a.jsonl");
    std::fs::write(&archive, "").unwrap();
    let refused = complained(&sarangbang(&["import", archive.to_str().unwrap(), "--data-folder", data], &[]));
    assert!(refused.contains("there is no service secret") && refused.contains("./run"), "{refused}");
}

#[test]
fn the_doctor_fails_where_something_does_not_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let ports = ["--data-folder", data, "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"];
    let healthy = said(&sarangbang(&[&["doctor"][..], &ports].concat(), &[]));
    assert!(healthy.lines().all(|line| line.starts_with("OK") || line.starts_with("WARN")), "{healthy}");
    // Nothing listens on port 1.
    let ill =
        ["doctor", "--set", "read_model.kind=postgres", "--set", "read_model.postgres_url=postgres://x:hunter2@127.0.0.1:1/x"];
    let ill = sarangbang(&[&ill[..], &ports].concat(), &[]);
    let text = String::from_utf8_lossy(&ill.stdout).into_owned();
    assert!(!ill.status.success() && text.contains("FAIL  Postgres") && !text.contains("hunter2"), "{text}");
}
