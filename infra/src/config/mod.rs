//! The one configuration: defaults, then a TOML file, then the environment, then flags; later ones win.
//!
//! Guarantees:
//! * a name that no setting has is refused, with the nearest one that exists;
//! * a value that does not fit is refused, with what would fit and where it came from; all complaints are told at once;
//! * what is in force can be shown with the source of each value ([`Loaded::rows`]), and shows no secret.
//!
//! # How to add a setting
//!
//! 1. Add it to its section in `sections.rs`: its doc comment becomes its documentation.
//! 2. What depends on other settings is checked in `coherence.rs`.
//! 3. Map it to the service's `Options` in `server/src/compose/`.
//! 4. `UPDATE_DOCS=1 cargo test -p infra config` writes `docs/configuration.md` anew.

mod coherence;
mod document;
mod layers;
mod nearest;
mod sections;
mod setting;
mod values;

pub use document::markdown;
pub use layers::{Flag, Loaded, Problem, Problems, Row, Sources, load};
pub use sections::{
    Auth, Command, DatabaseKind, Http, IndexPeriod, Log, LogFormat, LogKind, Node, Profile, Rate, ReadModel, RetentionBy, Sagas,
    Search, SearchKind, Telemetry, Tokens, Upstream, Ws,
};
pub use setting::{Kind, Section, Setting};
pub use values::{Properties, Secret};

/// What stands before the name of every environment variable that is a setting.
pub const VARIABLE_PREFIX: &str = "SARANGBANG_";
/// The environment variable that names the file.
pub const FILE_VARIABLE: &str = "SARANGBANG_CONFIG";
/// What is shown in place of a secret.
pub const MASK: &str = "***";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This process.
    pub node: Node,
    /// The log.
    pub log: Log,
    /// The read model.
    pub read_model: ReadModel,
    /// The search index.
    pub search: Search,
    /// Commands.
    pub command: Command,
    /// HTTP limits.
    pub http: Http,
    /// Rate limits.
    pub rate: Rate,
    /// The live feed's limits.
    pub ws: Ws,
    /// Tokens.
    pub tokens: Tokens,
    /// Accounts, passwords and sessions.
    pub auth: Auth,
    /// The state of sagas.
    pub sagas: Sagas,
    /// Other services.
    pub upstream: Upstream,
    /// Logs and metrics.
    pub telemetry: Telemetry,
}

/// The sections in the order of the documentation.
pub const SECTIONS: [Section; 13] = [
    Node::SECTION,
    Log::SECTION,
    ReadModel::SECTION,
    Search::SECTION,
    Command::SECTION,
    Http::SECTION,
    Rate::SECTION,
    Ws::SECTION,
    Tokens::SECTION,
    Auth::SECTION,
    Sagas::SECTION,
    Upstream::SECTION,
    Telemetry::SECTION,
];

/// All settings.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The setting called `path`.
#[must_use]
pub fn setting(path: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.path == path)
}

impl Config {
    /// Whether this is a production system.
    #[must_use]
    pub fn production(&self) -> bool {
        self.node.profile == Profile::Production
    }
}
