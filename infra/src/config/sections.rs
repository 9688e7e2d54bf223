//! Every setting, section by section. The documentation (`docs/configuration.md`) is made from this file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::setting::{Kind, section};
use super::values::{Properties, Secret};

/// Declares a setting that is one of several words.
macro_rules! words {
    ($(#[doc = $about:literal])+ pub enum $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $( $(#[doc = $doc])+ #[serde(rename = $word)] $variant, )+ }
        impl $name {
            /// The words.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// This one's word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }
    };
}

words! {
    /// What the program is for here.
    pub enum Profile {
        /// A developer's machine: sign-in by id alone, on loopback.
        Development = "development",
        /// Real people: keys are given, nothing is made up.
        Production = "production",
    }
}

words! {
    /// Where events are kept.
    pub enum LogKind {
        /// In a folder of this process.
        Embedded = "embedded",
        /// In Kafka.
        Kafka = "kafka",
    }
}

words! {
    /// Where the read model is kept.
    pub enum ReadModelKind {
        /// In a file of this process.
        Sqlite = "sqlite",
        /// In Postgres.
        Postgres = "postgres",
    }
}

words! {
    /// The form of log lines.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line, for machines.
        Json = "json",
    }
}

section! {
    /// This process: what it is for, where it listens, where it keeps its files.
    pub struct Node = "node" {
        /// What the program is for here. `production` refuses the development sign-in and keys that it would have to make up.
        profile: Profile = Profile::Development, Kind::OneOf(Profile::WORDS);
        /// The name of this process in claims, logs and metrics. Unset: the machine's name and the internal port.
        name: Option<String> = None, Kind::Text;
        /// Where the embedded log, the SQLite files, the local state and the development key are kept.
        data_folder: PathBuf = PathBuf::from("data"), Kind::Path;
        /// Where people and the gateway come in.
        public_listen: String = "127.0.0.1:8080".to_owned(), Kind::Address;
        /// Where health, metrics, forwarding between nodes and the command-line tools come in. Never route it to the outside.
        internal_listen: String = "127.0.0.1:8081".to_owned(), Kind::Address;
        /// How other nodes reach the internal listener of this one. Unset: `http://` and `node.internal_listen`.
        internal_url: Option<String> = None, Kind::Url(&["http", "https"]);
        /// How long a planned stop may take to hand over and to finish what was begun.
        drain_ms_max: u64 = 20_000, Kind::Integer { min: 100, max: 600_000 };
    }
}

section! {
    /// The log: the one place where events are kept for ever.
    pub struct Log = "log" {
        /// `embedded`: in the data folder, for one process. `kafka`: in a Kafka cluster, for any number of nodes.
        kind: LogKind = LogKind::Embedded, Kind::OneOf(LogKind::WORDS);
        /// The Kafka brokers to begin with.
        brokers: Option<String> = None, Kind::Brokers;
        /// What stands before every topic's name. Another prefix is another, separate system on the same brokers.
        topic_prefix: String = "sarangbang.".to_owned(), Kind::Text;
        /// Partitions of `users.v1`: fixed for the topic's life. Unset: 2 embedded, 24 on Kafka.
        users_partitions: Option<u32> = None, Kind::Integer { min: 1, max: 1_000 };
        /// Partitions of `rooms.v1`: fixed for the topic's life. Unset: 2 embedded, 24 on Kafka.
        rooms_partitions: Option<u32> = None, Kind::Integer { min: 1, max: 1_000 };
        /// Partitions of each other topic (owners, reads, revoked, sagas, parked, presence). Unset: 2 embedded, 24 on Kafka.
        other_partitions: Option<u32> = None, Kind::Integer { min: 1, max: 1_000 };
        /// Copies of each partition in Kafka. Unset: 3, or as many as there are brokers if these are fewer.
        replication: Option<u32> = None, Kind::Integer { min: 1, max: 9 };
        /// How long a node may be silent before its partitions go to others. A fail-over takes this long, plus the replay.
        session_timeout_ms: u64 = 10_000, Kind::Integer { min: 1_000, max: 600_000 };
        /// Further properties for every Kafka client, such as `security.protocol`, handed to librdkafka as they are.
        kafka_properties: Properties = Properties::default(), Kind::Properties;
    }
}

section! {
    /// The read model: what queries read. It can be thrown away and is then built again from the log.
    pub struct ReadModel = "read_model" {
        /// `sqlite`: a file in the data folder, for one process. `postgres`: for any number of nodes.
        kind: ReadModelKind = ReadModelKind::Sqlite, Kind::OneOf(ReadModelKind::WORDS);
        /// The Postgres database, with user and password.
        postgres_url: Option<Secret> = None, Kind::Url(&["postgres", "postgresql"]);
        /// The Postgres schema; a new version of a read model is built in a schema of its own.
        schema: String = "timeline".to_owned(), Kind::Identifier;
        /// Connections to the database at most, in each process.
        connections_max: u32 = 8, Kind::Integer { min: 2, max: 500 };
    }
}

section! {
    /// Commands: how they wait, how long they are remembered, what they may cost.
    pub struct Command = "command" {
        /// How long a repeated `Idempotency-Key` is recognised.
        idempotency_window_ms: u64 = 86_400_000, Kind::Integer { min: 60_000, max: 2_592_000_000 };
        /// Commands that may wait for one partition; more are answered 503 with `Retry-After`.
        queue_commands_max: u32 = 1_024, Kind::Integer { min: 1, max: 100_000 };
        /// Events of one partition that may be on their way to the log at once.
        in_flight_events_max: u32 = 1_024, Kind::Integer { min: 1, max: 100_000 };
        /// Memory for the state of rooms and people, over all partitions of the process.
        cache_bytes_max: u64 = 67_108_864, Kind::Integer { min: 1_048_576, max: u64::MAX };
        /// Producers that the partitions of a process share.
        producers: u32 = 2, Kind::Integer { min: 1, max: 32 };
        /// How long a command may take, forwarding included, before its outcome is reported as unknown.
        execute_ms_max: u64 = 10_000, Kind::Integer { min: 100, max: 120_000 };
    }
}

section! {
    /// Limits of every HTTP request.
    pub struct Http = "http" {
        /// The largest body.
        body_bytes_max: u64 = 131_072, Kind::Integer { min: 1_024, max: 16_777_216 };
        /// How deep the JSON of a body may be nested.
        depth_max: u32 = 16, Kind::Integer { min: 2, max: 128 };
        /// How long a request may take in all.
        request_ms_max: u64 = 15_000, Kind::Integer { min: 100, max: 300_000 };
        /// How long a query may wait for its read model (`Read-After`).
        read_after_ms_max: u64 = 2_000, Kind::Integer { min: 0, max: 30_000 };
    }
}

section! {
    /// How many commands a person may send. Tokens of the `import` scope are exempt.
    pub struct Rate = "rate" {
        /// Commands of one person, in the long run.
        commands_per_second: u32 = 20, Kind::Integer { min: 1, max: 1_000_000 };
        /// Commands of one person, at once.
        commands_burst: u32 = 60, Kind::Integer { min: 1, max: 1_000_000 };
    }
}

section! {
    /// Limits of the live feed.
    pub struct Ws = "ws" {
        /// Open sockets in one process.
        connections_max: u32 = 10_000, Kind::Integer { min: 1, max: 1_000_000 };
        /// Open sockets of one person in one process.
        connections_per_user_max: u32 = 16, Kind::Integer { min: 1, max: 10_000 };
        /// Rooms that one socket may follow.
        subscriptions_max: u32 = 500, Kind::Integer { min: 1, max: 100_000 };
        /// The largest frame that a client may send.
        frame_bytes_max: u64 = 16_384, Kind::Integer { min: 256, max: 1_048_576 };
        /// Frames that may wait for one slow client before it is cut off; it can resume.
        buffer_frames_max: u32 = 1_024, Kind::Integer { min: 16, max: 100_000 };
        /// Changes that a client may have missed and still catch up with; beyond it is told to resync.
        catch_up_changes_max: u32 = 1_000, Kind::Integer { min: 1, max: 10_000 };
        /// How often the server asks whether the client is still there; twice without an answer closes the socket.
        ping_ms: u64 = 20_000, Kind::Integer { min: 1_000, max: 600_000 };
    }
}

section! {
    /// Tokens: who signs them and how they are verified.
    pub struct Tokens = "tokens" {
        /// The `iss` of every token.
        issuer: String = "sarangbang".to_owned(), Kind::Text;
        /// The Ed25519 key (PEM) that signs tokens. Unset in development: made in the data folder at the first start.
        key_file: Option<PathBuf> = None, Kind::Path;
        /// Where the keys are fetched from that verify tokens. Unset: the own key file, where this process has one.
        jwks_url: Option<String> = None, Kind::Url(&["http", "https"]);
        /// How long a token of a person is good.
        lifetime_ms: u64 = 43_200_000, Kind::Integer { min: 10_000, max: 2_592_000_000 };
        /// Whether anyone may sign in by naming an id. Unset: yes in development, no in production, where it is refused.
        development_sign_in: Option<bool> = None, Kind::Bool;
        /// Whether cookies are sent over HTTPS alone. Unset: no in development, yes in production.
        secure_cookies: Option<bool> = None, Kind::Bool;
        /// The origin that browsers show for this system, such as `https://chat.example.org`, for the check against CSRF. Unset: the `Host` of the request.
        public_origin: Option<String> = None, Kind::Url(&["http", "https"]);
    }
}

section! {
    /// Where the other services are, for roles that run apart. `all` needs none of them.
    pub struct Upstream = "upstream" {
        /// The internal listener of a command-api.
        command_api_url: Option<String> = None, Kind::Url(&["http", "https"]);
        /// The internal listener of an auth-api.
        auth_api_url: Option<String> = None, Kind::Url(&["http", "https"]);
    }
}

section! {
    /// What the process tells about itself.
    pub struct Telemetry = "telemetry" {
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text, Kind::OneOf(LogFormat::WORDS);
        /// Which lines are written, as `tracing` filters say it: `info`, `info,command_api=debug`, …
        filter: String = "info".to_owned(), Kind::Text;
        /// Whether log lines carry colours. Unset: when standard error is a terminal.
        colour: Option<bool> = None, Kind::Bool;
    }
}
