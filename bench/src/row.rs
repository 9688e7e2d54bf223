//! What a row of the bench is, and what a line of its table says.

use std::fmt;

use anyhow::Result;
use async_trait::async_trait;

use crate::scale::Scale;

/// The log that a row is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum On {
    /// The embedded one, in a folder of its own.
    Embedded,
    /// Kafka with one broker.
    Kafka1,
    /// Kafka with three brokers, everything on all three.
    Kafka3,
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Kafka1 => "kafka1",
            Self::Kafka3 => "kafka3",
        })
    }
}

/// Something that is measured.
#[async_trait(?Send)]
pub trait Row: Sync {
    /// How `--only` finds it.
    fn name(&self) -> &'static str;

    /// The logs on which it says something.
    fn on(&self) -> &'static [On];

    /// Measures it, against its limit in the same run.
    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>>;
}

/// In what a figure is counted, and how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things a second.
    PerSecond,
    /// Seconds, printed as milliseconds or microseconds.
    Seconds,
    /// Bytes, printed as KiB.
    Bytes,
}

/// What a figure must come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// At least so many times the limit.
    LimitTimesAtLeast(f64),
    /// At most so many times the limit.
    LimitTimesAtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Only reported.
    Reported,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// In what.
    pub unit: Unit,
    /// Ours: the median of the runs.
    pub figure: f64,
    /// The limit beside it: the median of its runs.
    pub limit: Option<f64>,
    /// What is to be reached.
    pub target: Target,
    /// The machine's load average (one minute) at the end of each run.
    pub load: Vec<f64>,
}

impl Line {
    /// The figure as a share of the limit.
    pub fn ratio(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.figure / limit)
    }

    /// Whether the target is reached; nothing where there is none.
    pub fn reached(&self) -> Option<bool> {
        match self.target {
            Target::LimitTimesAtLeast(least) => Some(self.ratio()? >= least),
            Target::LimitTimesAtMost(most) => Some(self.ratio()? <= most),
            Target::AtLeast(least) => Some(self.figure >= least),
            Target::AtMost(most) => Some(self.figure <= most),
            Target::Reported => None,
        }
    }
}
