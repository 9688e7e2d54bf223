//! How the read models stand, and their rebuild.

use std::collections::BTreeSet;

use infra::clock::{Clock as _, SystemClock};
use infra::log::Offset;
use infra::read_model::generations::{Control, Generation, Stage, Verification};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Error, Operations};
use crate::Refusal;
use crate::parked::Model;
use crate::rebuild::{self, TIMELINE};

/// A read model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Projection {
    /// Its name.
    pub name: String,
    /// `postgres` or `sqlite`.
    pub kind: String,
    /// The generation that queries read.
    pub live: Progress,
    /// The one that was live before, while it is kept.
    pub old: Option<Progress>,
    /// The one that is being built.
    pub rebuild: Option<Rebuilding>,
    /// Whether it was asked to make `old` the live one again.
    pub switching_back: bool,
    /// Those that are given up and not yet gone.
    pub dropping: BTreeSet<Generation>,
    /// What the comparison before the last switch found.
    pub verified: Option<Verification>,
    /// Events that could not be applied and wait for somebody.
    pub parked: usize,
}

/// How far a generation has come, over all partitions of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Which.
    pub generation: Generation,
    /// The sum of its positions in the partitions.
    pub records_done: Offset,
    /// The sum of the partitions' ends. Of a compacted topic, records that are gone count too.
    pub records_total: Offset,
    /// What it lacks.
    pub records_left: Offset,
}

/// A generation in the making.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebuilding {
    /// How far it has come.
    #[serde(flatten)]
    pub progress: Progress,
    /// Which step it is at.
    pub stage: Stage,
    /// Whether it rests.
    pub paused: bool,
    /// Whether readers change over by themselves once it is verified.
    pub switch: bool,
    /// Since when.
    pub began_at: domain::Timestamp,
    /// What the comparison found, once there was one.
    pub verification: Option<Verification>,
}

impl Operations {
    /// All read models.
    ///
    /// # Errors
    /// [`Error::Fault`].
    pub async fn projections(&self) -> Result<Vec<Projection>, Error> {
        let Control { live, old, rebuild, switching_back, dropping, verified, .. } = self.shared.control.read().await?.control;
        let rebuild = match rebuild {
            None => None,
            Some(rebuild) => Some(Rebuilding {
                progress: self.progress(rebuild.generation).await?,
                stage: rebuild.stage,
                paused: rebuild.paused,
                switch: rebuild.switch,
                began_at: rebuild.began_at,
                verification: rebuild.verification,
            }),
        };
        let old = match old {
            None => None,
            Some(old) => Some(self.progress(old).await?),
        };
        let live = self.progress(live).await?;
        let parked = self.parked_events().await?.into_keys().filter(|id| id.model == Model::Timeline).count();
        let (name, kind) = (TIMELINE.to_owned(), self.shared.models.kind().to_owned());
        Ok(vec![Projection { name, kind, live, old, rebuild, switching_back, dropping, verified, parked }])
    }

    /// One read model.
    ///
    /// # Errors
    /// [`Refusal::UnknownProjection`]; [`Error::Fault`].
    pub async fn projection(&self, name: &str) -> Result<Projection, Error> {
        known(name)?;
        self.projections().await?.pop().ok_or_else(|| Refusal::UnknownProjection(name.to_owned()).into())
    }

    async fn progress(&self, generation: Generation) -> Result<Progress, Error> {
        let checkpoints = match self.shared.models.find(generation).await? {
            Some(timeline) => timeline.checkpoints().await?,
            // This node has not heard of it yet.
            None => Vec::new(),
        };
        let mut progress = Progress { generation, records_done: 0, records_total: 0, records_left: 0 };
        for partition in rebuild::all_partitions(&*self.shared.log) {
            let end = self.shared.log.end(partition).await?;
            let at = checkpoints.iter().find(|(known, _)| *known == partition).map_or(0, |(_, at)| at.next_offset);
            progress.records_done += at.min(end);
            progress.records_total += end;
            progress.records_left += end.saturating_sub(at);
        }
        Ok(progress)
    }

    /// Begins to build a new generation beside the live one. With `switch`, readers change over by themselves once it is verified.
    ///
    /// # Errors
    /// [`Refusal::UnderWay`], [`Refusal::OldKept`]; [`Error::Fault`].
    pub async fn rebuild(&self, name: &str, switch: bool, by: &str) -> Result<(), Error> {
        self.about(name, "rebuild", by, |control| rebuild::begin(control, SystemClock.now(), switch)).await
    }

    /// Lets the rebuild rest.
    ///
    /// # Errors
    /// [`Refusal::NoRebuild`]; [`Error::Fault`].
    pub async fn pause(&self, name: &str, by: &str) -> Result<(), Error> {
        self.about(name, "pause", by, rebuild::pause).await
    }

    /// Lets the rebuild go on.
    ///
    /// # Errors
    /// As [`Operations::pause`].
    pub async fn resume(&self, name: &str, by: &str) -> Result<(), Error> {
        self.about(name, "resume", by, rebuild::resume).await
    }

    /// Gives the rebuild up; what was built is taken away.
    ///
    /// # Errors
    /// As [`Operations::pause`].
    pub async fn abandon(&self, name: &str, by: &str) -> Result<(), Error> {
        self.about(name, "abandon", by, rebuild::abandon).await
    }

    /// Lets readers change over once the new generation is verified; or unverified, `despite_differences`.
    ///
    /// # Errors
    /// [`Refusal::NoRebuild`], [`Refusal::Differs`]; [`Error::Fault`].
    pub async fn switch(&self, name: &str, despite_differences: bool, by: &str) -> Result<(), Error> {
        self.about(name, "switch", by, |control| rebuild::switch(control, despite_differences)).await
    }

    /// Lets readers change back to the generation that was live before.
    ///
    /// # Errors
    /// [`Refusal::NoOld`]; [`Error::Fault`].
    pub async fn switch_back(&self, name: &str, by: &str) -> Result<(), Error> {
        self.about(name, "switch-back", by, rebuild::switch_back).await
    }

    /// Gives up the generation that was live before; it is taken away once nobody can be reading it any more.
    ///
    /// # Errors
    /// As [`Operations::switch_back`].
    pub async fn drop_old(&self, name: &str, by: &str) -> Result<(), Error> {
        self.about(name, "drop-old", by, rebuild::drop_old).await
    }

    async fn about(
        &self,
        name: &str,
        what: &'static str,
        by: &str,
        step: impl Fn(&Control) -> Result<Control, Refusal>,
    ) -> Result<(), Error> {
        known(name)?;
        self.decide(step).await?;
        info!(projection = name, what, by, "an operator decided about a read model");
        Ok(())
    }
}

fn known(name: &str) -> Result<(), Refusal> {
    if name == TIMELINE { Ok(()) } else { Err(Refusal::UnknownProjection(name.to_owned())) }
}
