//! `sarangbang doctor`: what is reachable, and what to do about what is not. It changes nothing.

mod machine;
mod servers;

use std::fmt;
use std::process::ExitCode;

use infra::config::Loaded;

use crate::say;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was looked at.
    pub what: &'static str,
    /// How it is, and what to do where it is not well.
    pub found: String,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, what, found: found.into() }
    }
    fn warn(what: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Warn, what, found: found.into() }
    }
    fn fail(what: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Fail, what, found: found.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        write!(f, "{level:4}  {:15}{}", self.what, self.found)
    }
}

/// Looks at everything that the configuration names; fails if anything does not work.
pub async fn run(loaded: &Loaded) -> ExitCode {
    let config = &loaded.config;
    let changed = loaded.rows().iter().filter(|row| row.source != "default").count();
    let profile = config.node.profile.word();
    let mut findings = vec![Finding::ok("configuration", format!("{profile}; {changed} settings differ from their defaults"))];
    findings.extend(machine::look(config).await);
    findings.extend(servers::look(config).await);
    findings.iter().for_each(|finding| say::line(&finding.to_string()));
    match findings.iter().map(|finding| finding.level).max() {
        Some(Level::Fail) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
