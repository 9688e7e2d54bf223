//! Judges a run by what was journaled, shown and written: was anything that was promised lost, doubled, moved, or told wrongly?
//!
//! It shares no code with the program under test, and nothing but the journals' form with the load client: it reads the public
//! queries, the journals of sockets, and the log through a plain Kafka consumer, with the published acceptance rule written anew
//! ([`replay`]). `sarangbang-check` runs it on a folder of evidence; [`mutation`] shows that it can fail.
//!
//! # How to add a check
//!
//! A function beside those of [`deeds`], [`rows`] or [`sockets`] that reports to [`Report::find`], and a
//! [`mutation::Mutation`] that it must find.

pub mod collect;
mod deeds;
pub mod evidence;
pub mod mutation;
pub mod replay;
mod rows;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use evidence::Evidence;
use replay::Replay;

/// Findings that a report shows of each kind; all are counted.
const SHOWN_OF_EACH_KIND: usize = 5;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Acknowledged, and not there.
    Lost,
    /// There twice, or there although nobody asked.
    Doubled,
    /// Acknowledged before something else was asked for, and behind it now.
    Reordered,
    /// Numbers or versions that are not dense.
    Gap,
    /// Not as it was acknowledged: another number, version or text, or another answer to a repeat.
    Changed,
    /// Refused although it was right, or refused and there all the same.
    Refused,
    /// The read model is not what a fresh replay of the log is.
    Stale,
    /// A socket's chain is broken, or something was never told.
    SocketGap,
    /// A socket was told what never was.
    SocketUntrue,
}

/// What the checker has to say.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What is wrong, by kind.
    pub findings: BTreeMap<Kind, Vec<String>>,
    /// What was looked at, by name.
    pub counts: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many findings of a kind there are.
    #[must_use]
    pub fn of(&self, kind: Kind) -> usize {
        self.findings.get(&kind).map_or(0, Vec::len)
    }

    fn find(&mut self, kind: Kind, what: String) {
        self.findings.entry(kind).or_default().push(what);
    }

    fn count(&mut self, what: &'static str, more: usize) {
        *self.counts.entry(what).or_default() += more;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>10} {what}")?;
        }
        for (kind, findings) in &self.findings {
            writeln!(f, "{:>10} {kind:?}", findings.len())?;
            for finding in findings.iter().take(SHOWN_OF_EACH_KIND) {
                writeln!(f, "           - {finding}")?;
            }
        }
        write!(f, "{}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}

/// Judges the evidence.
#[must_use]
pub fn check(evidence: &Evidence) -> Report {
    let mut report = Report::default();
    let replay = evidence.log.as_deref().map(|log| Replay::of(log, &mut report));
    if let Some(replay) = &replay {
        report.count("records that count", replay.effective);
        report.count("records that do not count", replay.ignored);
        deeds::against_log(&evidence.deeds, replay, &mut report);
        rows::against_replay(&evidence.rooms, replay, &mut report);
        sockets::against_replay(&evidence.heard, replay, &mut report);
    }
    deeds::among_themselves(&evidence.deeds, &mut report);
    deeds::against_rooms(&evidence.deeds, &evidence.rooms, &mut report);
    sockets::chains(&evidence.heard, &evidence.rooms, &mut report);
    report
}
