//! What is refused, what wins, and what is hidden.

use std::io::Write as _;

use super::*;
use crate::config::{Kind, LogKind};

fn sources(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> (Sources, tempfile::NamedTempFile) {
    let mut written = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let flag = |(path, value): &(&str, &str)| Flag {
        flag: format!("--set {path}"),
        path: (*path).to_owned(),
        value: (*value).to_owned(),
    };
    let sources = Sources {
        file: Some(written.path().to_owned()),
        environment: environment.iter().map(own).collect(),
        flags: flags.iter().map(flag).collect(),
    };
    (sources, written)
}

fn refusal(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    let (sources, _written) = sources(file, environment, flags);
    load(&sources).map(|loaded| loaded.config).unwrap_err().to_string()
}

#[test]
fn the_defaults_fit() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.rows().iter().all(|row| row.source == "default"), "{:?}", loaded.rows());
    assert_eq!(loaded.rows().len(), settings().count());
}

#[test]
fn later_sources_win_and_are_named() {
    let file = "[http]\nbody_bytes_max = 2048\nrequests_max = 8\n[rate]\ncommands_burst = 7";
    let environment = [("SARANGBANG_HTTP__REQUESTS_MAX", "9"), ("SARANGBANG_RATE__COMMANDS_BURST", "8"), ("PATH", "/bin")];
    let (sources, written) = sources(file, &environment, &[("rate.commands_burst", "1_000")]);
    let loaded = load(&sources).unwrap();
    let config = &loaded.config;
    assert_eq!((config.http.body_bytes_max, config.http.requests_max, config.rate.commands_burst), (2_048, 9, 1_000));
    let source = |name: &str| loaded.rows().iter().find(|row| row.setting == name).unwrap().source.clone();
    assert_eq!(source("http.body_bytes_max"), format!("file {}", written.path().display()));
    assert_eq!(source("http.requests_max"), "environment SARANGBANG_HTTP__REQUESTS_MAX");
    assert_eq!(source("rate.commands_burst"), "flag --set rate.commands_burst");
    assert_eq!(source("ws.ping_ms"), "default");
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one_and_its_source() {
    let refused = refusal("[logg]\nkind = 'kafka'\n", &[("SARANGBANG_LOG__KNID", "x")], &[("ws.body_bytes_max", "1")]);
    assert!(refused.contains("logg.kind: no setting has this name; did you mean log.kind? (from file "), "{refused}");
    assert!(
        refused.contains("log.knid: no setting has this name; did you mean log.kind? (from environment SARANGBANG_LOG__KNID)")
    );
    assert!(refused.contains("ws.body_bytes_max: no setting has this name; did you mean"), "{refused}");
    let refused = refusal("colour = 'blue'", &[], &[]);
    assert!(refused.contains("colour: no setting has this name"), "{refused}");
}

#[test]
fn a_variable_with_one_underscore_too_few_is_refused_and_foreign_ones_are_left_alone() {
    let refused = refusal("", &[("SARANGBANG_LOG_KIND", "kafka")], &[]);
    assert!(refused.contains("did you mean SARANGBANG_LOG__KIND?"), "{refused}");
    let (sources, _file) = sources("", &[("SARANGBANG_SERVICE_HOST", "10.0.0.1"), ("SARANGBANG_TEST_KAFKA", "x:1")], &[]);
    load(&sources).unwrap();
}

/// For every setting at once: something that cannot fit is refused under its own name, with what would fit.
#[test]
fn every_setting_refuses_what_does_not_fit() {
    for setting in settings() {
        let bad = match setting.kind {
            Kind::Integer { .. } => "many",
            Kind::Text | Kind::Path => " ",
            Kind::Bool
            | Kind::TopicPrefix
            | Kind::Identifier
            | Kind::OneOf(_)
            | Kind::Address
            | Kind::Url(_)
            | Kind::Brokers
            | Kind::Networks
            | Kind::Properties => "no, \"!",
        };
        let refused = refusal("", &[(&setting.variable(), bad)], &[]);
        let expected = format!("is not {}", setting.kind);
        assert!(refused.contains(&format!("{}: ", setting.path)) && refused.contains(&expected), "{}: {refused}", setting.path);
        assert!(refused.contains(&format!("from environment {}", setting.variable())), "{refused}");
    }
}

#[test]
fn ranges_types_and_words_are_checked_all_at_once() {
    let file = "[log]\nkind = 'kafak'\nsession_timeout_ms = 5\n[node]\ndrain_ms_max = '20s'\n[rate]\ncommands_burst = -1\n";
    let refused = refusal(file, &[], &[]);
    assert!(refused.contains("log.kind: \"kafak\" is not embedded or kafka; did you mean \"kafka\"?"), "{refused}");
    assert!(refused.contains("is not a whole number from 1000 to 600000"), "{refused}");
    assert!(refused.contains("node.drain_ms_max: \"20s\" is not a whole number"), "{refused}");
    assert!(refused.contains("rate.commands_burst: -1 is not a whole number from 1 to"), "{refused}");
    let broken = refusal("[log\nkind = 1", &[], &[]);
    assert!(broken.contains("file ") && broken.contains(".toml"), "{broken}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let environment = vec![("SARANGBANG_CONFIG".to_owned(), "/nowhere/sarangbang.toml".to_owned())];
    let refused = load(&Sources { environment, ..Sources::default() }).map(|l| l.config).unwrap_err().to_string();
    assert!(refused.contains("/nowhere/sarangbang.toml: the configuration file cannot be read"), "{refused}");
}

#[test]
fn secrets_are_hidden_in_the_table_in_complaints_and_in_debug() {
    let environment = [
        ("SARANGBANG_READ_MODEL__KIND", "postgres"),
        ("SARANGBANG_READ_MODEL__POSTGRES_URL", "postgres://chat:hunter2@db/chat"),
        ("SARANGBANG_LOG__KAFKA_PROPERTIES", "sasl.username=chat;sasl.password=hunter2"),
    ];
    let (sources, _file) = sources("", &environment, &[]);
    let loaded = load(&sources).unwrap();
    let rows: Vec<_> = loaded.rows().iter().map(|row| row.value.as_str()).collect();
    assert!(rows.contains(&"postgres://chat:***@db/chat") && rows.contains(&"sasl.password=***;sasl.username=chat"), "{rows:?}");
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    assert_eq!(loaded.config.read_model.postgres_url.unwrap().reveal(), "postgres://chat:hunter2@db/chat");
    let refused = refusal("", &[("SARANGBANG_READ_MODEL__POSTGRES_URL", "mysql://chat:hunter2@db")], &[]);
    assert!(refused.contains("read_model.postgres_url") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn librdkafka_properties_may_be_written_with_and_without_quotes() {
    for file in [
        "[log.kafka_properties]\n\"socket.timeout.ms\" = 5000",
        "[log.kafka_properties]\nsocket.timeout.ms = 5000",
        "[log]\nkafka_properties = { 'socket.timeout.ms' = '5000' }",
    ] {
        let (sources, _file) = sources(file, &[], &[]);
        let properties = load(&sources).unwrap().config.log.kafka_properties.0;
        assert_eq!(properties.into_iter().collect::<Vec<_>>(), [("socket.timeout.ms".to_owned(), "5000".to_owned())]);
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_the_fix() {
    for (environment, expected) in [
        (vec![("SARANGBANG_LOG__KIND", "kafka")], "log.brokers: Kafka needs its brokers"),
        (vec![("SARANGBANG_LOG__BROKERS", "a:1")], "log.brokers: brokers are given"),
        (vec![("SARANGBANG_READ_MODEL__KIND", "postgres")], "read_model.postgres_url: Postgres needs its URL"),
        (
            vec![("SARANGBANG_HTTP__TRUSTED_PROXIES", "gateway")],
            "http.trusted_proxies: \"gateway\" is not a list of addresses and networks",
        ),
        (vec![("SARANGBANG_SAGAS__KIND", "postgres")], "sagas.postgres_url: Postgres needs its URL"),
        (vec![("SARANGBANG_SAGAS__POSTGRES_URL", "postgres://h/d")], "sagas.postgres_url: a database is given"),
        (vec![("SARANGBANG_AUTH__KIND", "postgres")], "auth.postgres_url: Postgres needs its URL"),
        (vec![("SARANGBANG_AUTH__POSTGRES_URL", "postgres://h/d")], "auth.postgres_url: a database is given"),
        (vec![("SARANGBANG_HTTP__REQUEST_MS_MAX", "2000")], "auth.registration_wait_ms_max: it must be less"),
        (vec![("SARANGBANG_NODE__INTERNAL_LISTEN", "0.0.0.0:8081")], "node.internal_url: other nodes cannot reach"),
        (vec![("SARANGBANG_NODE__INTERNAL_LISTEN", "127.0.0.1:8080")], "node.internal_listen: it must not be"),
    ] {
        let refused = refusal("", &environment, &[]);
        assert!(refused.contains(expected), "{environment:?}: {refused}");
    }
    let production = [("SARANGBANG_NODE__PROFILE", "production"), ("SARANGBANG_TOKENS__SECURE_COOKIES", "false")];
    let refused = refusal("", &production, &[]);
    assert!(refused.contains("cookies without `Secure`"), "{refused}");
    let (sources, _file) = sources(
        "[node]\nprofile='production'\npublic_listen='0.0.0.0:80'\n[auth]\nsealing_key_file='/k'\n[log]\nkind='kafka'\nbrokers='a:1'",
        &[],
        &[],
    );
    let config = load(&sources).unwrap().config;
    assert!(config.production() && config.log.kind == LogKind::Kafka);
}

/// The table and the structs are made by one macro, but the sections are listed by hand.
#[test]
fn every_field_has_a_setting_and_every_setting_a_field() {
    let fields = serde_json::to_value(Config::default()).unwrap();
    let mut from_structs: Vec<String> = Vec::new();
    for (section, value) in fields.as_object().unwrap() {
        from_structs.extend(value.as_object().unwrap().keys().map(|name| format!("{section}.{name}")));
    }
    let mut from_table: Vec<String> = settings().map(|setting| setting.path.to_owned()).collect();
    from_structs.sort();
    from_table.sort();
    assert_eq!(from_structs, from_table);
}
