//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The version and the commit that was built.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SARANGBANG_COMMIT"), ")");

/// Sarangbang: a chat whose every message is a durable event.
#[derive(Debug, Parser)]
#[command(name = "sarangbang", version = VERSION, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Every setting is described in docs/configuration.md; `sarangbang config` shows what is in force.")]
pub struct Cli {
    /// Settings from the command line.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that every command takes.
#[derive(Debug, Args)]
pub struct Settings {
    /// The TOML file with the settings (else SARANGBANG_CONFIG names it)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting; wins over file and environment; may be repeated
    #[arg(long, global = true, value_name = "SECTION.NAME=VALUE")]
    pub set: Vec<String>,
    /// Short for --set node.data_folder=…
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_folder: Option<String>,
    /// Short for --set node.public_listen=…
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Short for --set node.internal_listen=…
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub internal_listen: Option<String>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[expect(clippy::enum_variant_names, reason = "a role is called as its crate is")]
pub enum Command {
    /// The whole system in one process
    All,
    /// Takes commands over HTTP and owns partitions of the log
    CommandApi,
    /// Builds the read model from the log
    Projectors,
    /// Answers queries and feeds live sockets
    QueryApi,
    /// Signs people in
    AuthApi,
    /// Takes the steps of sagas: registrations, departures, direct rooms across blocks
    Orchestrator,
    /// Serves the web pages
    Front,
    /// Sends archives of chats through the ordinary commands
    Import(Import),
    /// Makes and manages accounts: the only way to an administrator's role
    #[command(subcommand)]
    Admin(Admin),
    /// Shows the read models, and builds one anew beside the one that is live
    #[command(subcommand)]
    Projections(Projections),
    /// Shows the events that could not be applied, and deals with them
    #[command(subcommand)]
    Parked(Parked),
    /// Says what is reachable, and what to do about what is not
    Doctor,
    /// Asks the process with the same settings whether it is ready; for containers and scripts
    Health,
    /// Prints the settings in force and where each comes from
    Config(Config),
    /// Prints the OpenAPI document of the HTTP routes
    Openapi,
    /// Prints the AsyncAPI document of the events and of the live feed
    Asyncapi,
}

/// Options of `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// The documentation of all settings (docs/configuration.md) instead
    #[arg(long)]
    pub markdown: bool,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// JSONL files, one message a line (`.jsonl`, `.jsonl.zst`); `NAME.membership.jsonl` goes with `NAME.jsonl`
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where commands and queries go [default: http:// and node.public_listen]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Where queries go, if not where commands go
    #[arg(long, value_name = "URL")]
    pub query_url: Option<String>,
    /// The internal listener of command-api, where people are registered [default: upstream.command_api_url, else http:// and node.internal_listen]
    #[arg(long, value_name = "URL")]
    pub internal_url: Option<String>,
    /// The internal listener of auth-api, which gives the token [default: upstream.auth_api_url, else http:// and node.internal_listen]
    #[arg(long, value_name = "URL")]
    pub auth_url: Option<String>,
    /// A file with a token of the `import` scope [default: one that auth-api gives for the service secret]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Rooms that are imported at once; within a room there is an order, and one message at a time
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub parallel: u16,
    /// Stop at the first line that is refused instead of reporting it and going on
    #[arg(long)]
    pub stop_at_refusal: bool,
    /// Write nothing: read everything back and compare it with the files
    #[arg(long)]
    pub verify: bool,
    /// Where the report goes: counts, refused lines, and how names were mapped (JSON)
    #[arg(long, value_name = "FILE", default_value = "sarangbang-import.json")]
    pub report: PathBuf,
}

/// What `admin` can do.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Registers an administrator, and prints the password that was made for them
    Create {
        #[command(flatten)]
        account: Account,
        /// The display name [default: the user id]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        password: PasswordFile,
    },
    /// Lists administrators
    List {
        #[command(flatten)]
        auth: AuthApi,
        /// All accounts
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Shuts somebody out until further notice; their sessions end everywhere within a second
    Disable(Account),
    /// Lets somebody in again
    Enable(Account),
    /// Sets another password, and prints it; all sessions end
    ResetPassword {
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        password: PasswordFile,
    },
    /// Makes somebody an administrator; their sessions end, so that they sign in anew
    Grant(Account),
    /// Takes the administrator's role away; their sessions end
    Revoke(Account),
}

/// Whose account.
#[derive(Debug, Args)]
pub struct Account {
    /// The user id
    #[arg(value_name = "USER")]
    pub user: String,
    #[command(flatten)]
    pub auth: AuthApi,
}

/// Where accounts are.
#[derive(Debug, Args)]
pub struct AuthApi {
    /// The internal listener of auth-api [default: upstream.auth_api_url, else http:// and node.internal_listen]
    #[arg(long, value_name = "URL")]
    pub auth_url: Option<String>,
}

/// A password that somebody chose.
#[derive(Debug, Args)]
pub struct PasswordFile {
    /// A file whose first line is the password, `-` for standard input [default: one is made and printed]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Where the tools for operators go.
#[derive(Debug, Args)]
pub struct Operator {
    /// The internal listener of a process with projectors [default: http:// and node.internal_listen]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Who asks: a name for the logs and the records of parked events
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "operator")]
    pub by: String,
}

/// What `projections` can do.
#[derive(Debug, Subcommand)]
pub enum Projections {
    /// How far each generation has come, and what waits for a word
    Status {
        #[command(flatten)]
        operator: Operator,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Builds a new generation beside the live one, compares the two, and switches to the new one
    Rebuild {
        #[command(flatten)]
        projection: Projection,
        /// Do not switch: wait for `switch`
        #[arg(long)]
        hold: bool,
        /// Do not stay to show how far it is
        #[arg(long)]
        detach: bool,
    },
    /// Lets a rebuild rest
    Pause(Projection),
    /// Lets a rebuild go on
    Resume(Projection),
    /// Gives a rebuild up and takes away what it built
    Abandon(Projection),
    /// Switches to the new generation once it is verified
    Switch {
        #[command(flatten)]
        projection: Projection,
        /// Accept whatever differs, unlooked at
        #[arg(long)]
        despite_differences: bool,
    },
    /// Switches back to the generation that was live before
    SwitchBack(Projection),
    /// Takes the generation away that was live before
    DropOld(Projection),
}

/// Which read model.
#[derive(Debug, Args)]
pub struct Projection {
    /// The read model; `timeline` is the one that there is
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub operator: Operator,
}

/// What `parked` can do.
#[derive(Debug, Subcommand)]
pub enum Parked {
    /// Those that wait for somebody
    List {
        #[command(flatten)]
        operator: Operator,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One of them, with its record (JSON)
    Show(Event),
    /// Applies it after all; rows that a later event made stay as they are
    Retry(Event),
    /// Leaves it out for good
    Discard(Event),
}

/// Which event.
#[derive(Debug, Args)]
pub struct Event {
    /// Its place in the log, as `list` shows it, such as rooms.v1-0-123
    #[arg(value_name = "EVENT")]
    pub event: String,
    #[command(flatten)]
    pub operator: Operator,
}
