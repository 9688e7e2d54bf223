//! What was measured, by kind of fault.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::checker::{Kind, Report};
use crate::proof;

/// What one fault cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Which.
    pub fault: Fault,
    /// When it began, in microseconds as in the journals.
    pub began_us: u64,
    /// When it was made good.
    pub healed_us: u64,
    /// From its beginning until the last command was answered that had to wait for more than a second because of it.
    pub felt_for: Duration,
    /// From its end until every follower and every query node had everything that was acknowledged by then.
    pub reads_after: Duration,
    /// The longest that one command took meanwhile, retries included.
    pub longest_wait: Duration,
}

/// The numbers of a run.
#[derive(Debug)]
pub struct Tally {
    /// Each fault, in order.
    pub measured: Vec<Measured>,
    /// What the checker says.
    pub report: Report,
    /// Whether the load was made of the real logs.
    pub is_real: bool,
    /// The seed.
    pub seed: u64,
}

impl Tally {
    /// Lines for the page of the proof: what, and its value.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let count = |what: &str| self.report.counts.get(what).copied().unwrap_or_default().to_string();
        let wrong = |kinds: &[Kind]| kinds.iter().map(|kind| self.report.of(*kind)).sum::<usize>().to_string();
        let longest = self.measured.iter().map(|fault| fault.longest_wait).max().unwrap_or_default();
        let load = if self.is_real { "the real logs" } else { "made-up logs: SARANGBANG_CHATDATA was not set" };
        let mut rows = vec![
            ("seed".to_owned(), self.seed.to_string()),
            ("load".to_owned(), load.to_owned()),
            ("faults".to_owned(), self.measured.len().to_string()),
            ("messages acknowledged".to_owned(), count("messages acknowledged")),
            ("commands acknowledged, with edits, deletions and reactions".to_owned(), count("commands acknowledged")),
            ("deliberate repeats".to_owned(), count("answers to deliberate repeats")),
            ("lost".to_owned(), wrong(&[Kind::Lost])),
            ("doubled".to_owned(), wrong(&[Kind::Doubled])),
            ("reordered".to_owned(), wrong(&[Kind::Reordered])),
            ("not as acknowledged, or refused without reason".to_owned(), wrong(&[Kind::Changed, Kind::Refused])),
            ("gaps in numbers or versions".to_owned(), wrong(&[Kind::Gap])),
            ("rows unlike a fresh replay".to_owned(), wrong(&[Kind::Stale])),
            ("gaps and untruths on sockets".to_owned(), wrong(&[Kind::SocketGap, Kind::SocketUntrue])),
            (
                "sockets opened, frames in their chains".to_owned(),
                format!("{}, {}", count("sockets opened"), count("frames in chains")),
            ),
            ("rows compared with the replay".to_owned(), count("rows compared with the replay")),
            ("records of overtaken writers, ignored by all readers".to_owned(), count("records that do not count")),
            ("longest that one command took, retries included".to_owned(), seconds(longest)),
        ];
        let mut kinds: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
        for fault in &self.measured {
            kinds.entry(fault.fault.name()).or_default().push(fault);
        }
        rows.extend(kinds.into_iter().map(|(kind, faults)| {
            let of = |measure: fn(&Measured) -> Duration| median_and_longest(faults.iter().map(|fault| measure(fault)).collect());
            let value = format!(
                "{} times; commands felt it for {}; readers are current {} after its end; longest command {}",
                faults.len(),
                of(|fault| fault.felt_for),
                of(|fault| fault.reads_after),
                of(|fault| fault.longest_wait),
            );
            (kind.to_owned(), value)
        }));
        rows
    }

    /// Writes the lines to the page, if one is being made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self) -> Result<()> {
        self.rows().iter().try_for_each(|(what, value)| proof::record(what, value))
    }
}

fn median_and_longest(mut durations: Vec<Duration>) -> String {
    durations.sort_unstable();
    let median = durations.get(durations.len() / 2).copied().unwrap_or_default();
    let longest = durations.last().copied().unwrap_or_default();
    if durations.len() < 2 { seconds(longest) } else { format!("{} (longest {})", seconds(median), seconds(longest)) }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
