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
        /// A developer's machine: secrets are made up at the first start, and cookies go over plain HTTP too.
        Development = "development",
        /// Real people: secrets are given, nothing is made up.
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
    /// Where what one service keeps for itself is kept: the read model, accounts, the state of sagas.
    pub enum DatabaseKind {
        /// In a file of this process.
        Sqlite = "sqlite",
        /// In Postgres.
        Postgres = "postgres",
    }
}

words! {
    /// Where the search index is kept.
    pub enum SearchKind {
        /// In a file of this process.
        Sqlite = "sqlite",
        /// In Elasticsearch.
        Elasticsearch = "elasticsearch",
        /// Nowhere.
        Off = "off",
    }
}

words! {
    /// How long a time one index of messages covers.
    pub enum IndexPeriod {
        /// A day.
        Day = "day",
        /// A calendar month.
        Month = "month",
        /// A calendar year.
        Year = "year",
    }
}

words! {
    /// Who takes away what is too old.
    pub enum RetentionBy {
        /// This program.
        Program = "program",
        /// The cluster, by its index lifecycle management.
        Lifecycle = "lifecycle",
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
        /// What the program is for here. `production` refuses secrets that it would have to make up, and cookies without `Secure`.
        profile: Profile = Profile::Development, Kind::OneOf(Profile::WORDS);
        /// The name of this process in claims, logs and metrics. Unset: the machine's name and the internal port.
        name: Option<String> = None, Kind::Text;
        /// Where the embedded log, the SQLite files, the local state and, in development, the secrets are kept.
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
        /// What stands, with a dot, before the name of every topic and group. Another prefix is another, separate system on the same brokers.
        topic_prefix: String = "sarangbang".to_owned(), Kind::TopicPrefix;
        /// Partitions of `users.v1` and of `rooms.v1` each: fixed for life. The other topics have one. Unset: 2 embedded, 24 on Kafka.
        event_partitions: Option<u32> = None, Kind::Integer { min: 1, max: 1_000 };
        /// Replicas that each topic in Kafka must have; a cluster should set it to 3. Unset: 3 when as many brokers are up as the topics are made, else 1.
        replicas: Option<u32> = None, Kind::Integer { min: 1, max: 9 };
        /// How long a record may take to be confirmed by Kafka, retries included; then its outcome is unknown, and a new epoch begins.
        delivery_timeout_ms: u64 = 20_000, Kind::Integer { min: 1_000, max: 300_000 };
        /// How long a node may be silent before its partitions go to others. A fail-over takes this long, plus the replay.
        session_timeout_ms: u64 = 10_000, Kind::Integer { min: 1_000, max: 600_000 };
        /// Further properties of librdkafka that concern the way to the brokers: `security.…`, `sasl.…`, `ssl.…` and the like.
        kafka_properties: Properties = Properties::default(), Kind::Properties;
    }
}

section! {
    /// The read model: what queries read. It can be thrown away and is then built again from the log.
    pub struct ReadModel = "read_model" {
        /// `sqlite`: a file in the data folder, for one process. `postgres`: for any number of nodes.
        kind: DatabaseKind = DatabaseKind::Sqlite, Kind::OneOf(DatabaseKind::WORDS);
        /// The Postgres database, with user and password.
        postgres_url: Option<Secret> = None, Kind::Url(&["postgres", "postgresql"]);
        /// The Postgres schema of the first generation; a later one, built beside it, has `_g2` and so on behind the name, and what says which is live has `_control`.
        schema: String = "timeline".to_owned(), Kind::Identifier;
        /// Connections to Postgres at most, in each process and for each generation that it has open (two while one is rebuilt or kept), and two more.
        postgres_connections_max: u32 = 8, Kind::Integer { min: 2, max: 500 };
    }
}

section! {
    /// The search index. Like the read model it is made from the log and can be thrown away.
    pub struct Search = "search" {
        /// `sqlite`: a file in the data folder of each process that runs `all`, which then holds everything. `elasticsearch`: for any number of nodes. `off`: there is no search. Unset: `sqlite` for `sarangbang all`, else `off`.
        kind: Option<SearchKind> = None, Kind::OneOf(SearchKind::WORDS);
        /// The Elasticsearch cluster (8.19 or 9), with user and password.
        elasticsearch_url: Option<Secret> = None, Kind::Url(&["http", "https"]);
        /// What the names of all indices and aliases begin with. Another prefix is another, separate index on the same cluster.
        index_prefix: String = "sarangbang".to_owned(), Kind::Identifier;
        /// Which making of the index is written, and read once it holds what the one before holds. Raise it on all nodes to have the index made anew beside the one that is read.
        generation: u32 = 1, Kind::Integer { min: 1, max: 1_000_000 };
        /// How long a time one index of messages covers, by when they were sent. Shorter ones let old messages go sooner and cost more memory.
        index_period: IndexPeriod = IndexPeriod::Month, Kind::OneOf(IndexPeriod::WORDS);
        /// Shards of a new index of messages.
        shards: u32 = 1, Kind::Integer { min: 1, max: 100 };
        /// Replicas of a new index; a cluster of one node can have none.
        replicas: u32 = 1, Kind::Integer { min: 0, max: 10 };
        /// How soon Elasticsearch shows what was written.
        refresh_ms: u64 = 1_000, Kind::Integer { min: 100, max: 600_000 };
        /// How long one request to Elasticsearch may take.
        request_ms_max: u64 = 20_000, Kind::Integer { min: 100, max: 300_000 };
        /// The most bytes of one bulk request.
        bulk_bytes_max: u64 = 4_194_304, Kind::Integer { min: 65_536, max: 104_857_600 };
        /// For how many days messages can be searched and counted, from when they were sent; they stay in the log and in the rooms. Unset: for ever.
        retention_days: Option<u32> = None, Kind::Integer { min: 1, max: 36_500 };
        /// Who takes away what is older. `program`: the search projector. `lifecycle`: Elasticsearch's index lifecycle management, where the cluster has it.
        retention_by: RetentionBy = RetentionBy::Program, Kind::OneOf(RetentionBy::WORDS);
    }
}

section! {
    /// Commands: how they wait, how long they are remembered, what they may cost.
    pub struct Command = "command" {
        /// How long a repeated `Idempotency-Key` is recognised. A client must not repeat a command for longer than this.
        idempotency_window_ms: u64 = 86_400_000, Kind::Integer { min: 10_000, max: 2_592_000_000 };
        /// Requests that may wait for one partition; more are answered 503 with `Retry-After`.
        queue_requests_max: u32 = 4_096, Kind::Integer { min: 1, max: 100_000 };
        /// Events of one partition that may be on their way to the log at once.
        in_flight_events_max: u32 = 4_096, Kind::Integer { min: 1, max: 100_000 };
        /// Memory for the state of rooms and people that are not in use right now, over all partitions of the process.
        state_cache_bytes_max: u64 = 134_217_728, Kind::Integer { min: 1_048_576, max: 1_099_511_627_776 };
        /// Memory for the blocks of the local store of that state.
        store_cache_bytes_max: u64 = 33_554_432, Kind::Integer { min: 1_048_576, max: 1_099_511_627_776 };
        /// Sessions towards the log that the partitions of a process share.
        producers: u32 = 2, Kind::Integer { min: 1, max: 32 };
        /// How long a command may take, finding its owner included, before its outcome is reported as unknown.
        execute_ms_max: u64 = 10_000, Kind::Integer { min: 100, max: 120_000 };
    }
}

section! {
    /// Limits of every HTTP request.
    pub struct Http = "http" {
        /// The largest body, where a route does not state its own limit (a message, the members of a new room).
        body_bytes_max: u64 = 65_536, Kind::Integer { min: 1_024, max: 16_777_216 };
        /// How long a request may take until its answer begins.
        request_ms_max: u64 = 30_000, Kind::Integer { min: 100, max: 300_000 };
        /// Requests in progress on one listener; more are answered 503.
        requests_max: u32 = 4_096, Kind::Integer { min: 1, max: 1_000_000 };
        /// Where the gateways are: what they say about a client's address (`X-Forwarded-For`) is believed, what anybody else says is not. Unset: nobody is believed.
        trusted_proxies: Option<String> = None, Kind::Networks;
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
        /// Open sockets in one process; one more is answered 503.
        sockets_max: u32 = 50_000, Kind::Integer { min: 1, max: 1_000_000 };
        /// Open sockets of one person in one process; one more is answered 429.
        sockets_per_user_max: u32 = 20, Kind::Integer { min: 1, max: 10_000 };
        /// Rooms that one socket may follow.
        subscriptions_max: u32 = 500, Kind::Integer { min: 1, max: 100_000 };
        /// Frames that may wait for one slow client before it is cut off; it can resume.
        queue_frames_max: u32 = 1_024, Kind::Integer { min: 16, max: 100_000 };
        /// Bytes that may wait for one slow client.
        queue_bytes_max: u64 = 1_048_576, Kind::Integer { min: 65_536, max: 1_073_741_824 };
        /// Changes that a resuming client is sent; with more it is told to read the room anew.
        changes_max: u32 = 1_000, Kind::Integer { min: 1, max: 10_000 };
        /// Bytes of the frames that a resuming client is sent; with more it is told to read the room anew.
        changes_bytes_max: u64 = 4_194_304, Kind::Integer { min: 65_536, max: 1_073_741_824 };
        /// Frames a second that a client may send in the long run.
        frames_per_second_max: u32 = 20, Kind::Integer { min: 1, max: 100_000 };
        /// Frames that a client may send at once, for instance to follow all of its rooms.
        frames_burst_max: u32 = 1_000, Kind::Integer { min: 1, max: 100_000 };
        /// How often the server asks whether the client is still there.
        ping_ms: u64 = 30_000, Kind::Integer { min: 100, max: 600_000 };
        /// After which silence a socket is closed; more than two pings.
        idle_ms_max: u64 = 75_000, Kind::Integer { min: 300, max: 3_600_000 };
        /// How long writing to a socket may take before the client counts as too slow.
        write_ms_max: u64 = 10_000, Kind::Integer { min: 100, max: 600_000 };
        /// One-time tickets that may be open in one process.
        tickets_max: u32 = 10_000, Kind::Integer { min: 1, max: 1_000_000 };
    }
}

section! {
    /// Tokens: what they say, and how they are verified. auth-api signs them, with keys that it keeps in its database and changes by itself.
    pub struct Tokens = "tokens" {
        /// The `iss` of every token.
        issuer: String = "sarangbang".to_owned(), Kind::Text;
        /// Where roles other than auth-api fetch the keys that verify tokens: auth-api's `http://…/user/.well-known/jwks.json`. `all` needs it not.
        jwks_url: Option<String> = None, Kind::Url(&["http", "https"]);
        /// How long a token of a person is good; its session is renewed before that. What ends earlier is told to everybody at once.
        lifetime_ms: u64 = 600_000, Kind::Integer { min: 10_000, max: 86_400_000 };
        /// Whether cookies are sent over HTTPS alone. Unset: no in development, yes in production.
        secure_cookies: Option<bool> = None, Kind::Bool;
    }
}

section! {
    /// Accounts, passwords and sessions: auth-api's own. The service secret concerns whoever needs a token of its own, too.
    pub struct Auth = "auth" {
        /// `sqlite`: a file in the data folder, for one process. `postgres`: for any number of nodes.
        kind: DatabaseKind = DatabaseKind::Sqlite, Kind::OneOf(DatabaseKind::WORDS);
        /// The Postgres database, with user and password; best one that no other service may reach.
        postgres_url: Option<Secret> = None, Kind::Url(&["postgres", "postgresql"]);
        /// The Postgres schema.
        schema: String = "auth".to_owned(), Kind::Identifier;
        /// Connections to Postgres at most, in each process.
        postgres_connections_max: u32 = 8, Kind::Integer { min: 2, max: 500 };
        /// The key (32 bytes in Base64, readable by its owner alone) that seals the signing keys in the database. Unset in development: `sealing.key` in the data folder, made at the first start.
        sealing_key_file: Option<PathBuf> = None, Kind::Path;
        /// The secret (32 characters or more, readable by its owner alone) by which services and command-line tools get tokens from auth-api. Unset in development: `service.secret` in the data folder, made at the first start.
        service_secret_file: Option<PathBuf> = None, Kind::Path;
        /// How long somebody stays signed in without the password, however often the session is renewed.
        session_ms_max: u64 = 2_592_000_000, Kind::Integer { min: 60_000, max: 31_536_000_000 };
        /// How long `POST /user` waits for the registration before it answers 202.
        registration_wait_ms_max: u64 = 3_000, Kind::Integer { min: 0, max: 25_000 };
        /// Passwords that are hashed at once. Each takes a thread, 19 MiB and some 20 to 40 ms.
        hashing_threads: u32 = 2, Kind::Integer { min: 1, max: 256 };
        /// Passwords that may wait to be hashed; more are answered 503.
        hashing_waiting_max: u32 = 64, Kind::Integer { min: 0, max: 10_000 };
        /// Wrong passwords in a row for one account that cost no wait.
        account_failures_free: u32 = 5, Kind::Integer { min: 0, max: 1_000_000 };
        /// The longest wait for one account. Short, because a stranger can bring it about.
        account_wait_ms_max: u32 = 60_000, Kind::Integer { min: 1_000, max: 86_400_000 };
        /// Wrong passwords in a row from one address (IPv6: one /64) that cost no wait.
        address_failures_free: u32 = 30, Kind::Integer { min: 0, max: 1_000_000 };
        /// The longest wait for one address.
        address_wait_ms_max: u32 = 900_000, Kind::Integer { min: 1_000, max: 86_400_000 };
        /// Registrations from one address within an hour that cost no wait.
        registrations_free: u32 = 100, Kind::Integer { min: 0, max: 1_000_000 };
    }
}

section! {
    /// Sagas: what takes several steps in several services, such as a registration. The orchestrator's own.
    pub struct Sagas = "sagas" {
        /// `sqlite`: a file in the data folder, for one process. `postgres`: for any number of nodes.
        kind: DatabaseKind = DatabaseKind::Sqlite, Kind::OneOf(DatabaseKind::WORDS);
        /// The Postgres database, with user and password.
        postgres_url: Option<Secret> = None, Kind::Url(&["postgres", "postgresql"]);
        /// The Postgres schema.
        schema: String = "sagas".to_owned(), Kind::Identifier;
        /// Connections to Postgres at most, in each process.
        postgres_connections_max: u32 = 8, Kind::Integer { min: 2, max: 500 };
    }
}

section! {
    /// Where the other services are, for roles and tools that run apart. `all` needs none of them.
    pub struct Upstream = "upstream" {
        /// The internal listener of a command-api: where people are registered, and where sagas take their steps.
        command_api_url: Option<String> = None, Kind::Url(&["http", "https"]);
        /// The internal listener of an auth-api: where services and tools get their tokens, and `admin` finds the accounts.
        auth_api_url: Option<String> = None, Kind::Url(&["http", "https"]);
    }
}

section! {
    /// What the process tells about itself.
    pub struct Telemetry = "telemetry" {
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text, Kind::OneOf(LogFormat::WORDS);
        /// Which lines are written, as `tracing` filters say it: `info`, `info,command_api=debug`, …
        filter: String = "info,fjall=warn,lsm_tree=warn".to_owned(), Kind::Text;
        /// Whether log lines carry colours. Unset: when standard error is a terminal.
        colour: Option<bool> = None, Kind::Bool;
    }
}
