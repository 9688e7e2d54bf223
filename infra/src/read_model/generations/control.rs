//! The document that says which generation is live and what is being done about the others.

use std::collections::BTreeSet;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::Generation;
use crate::read_model::Fault;

/// What is decided about the generations. A later version of the program may add fields; this one then refuses to write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Control {
    /// The one that queries read.
    pub live: Generation,
    /// The one that was live before: kept, and fed on, until somebody says otherwise.
    pub old: Option<Generation>,
    /// The one that is being built.
    pub rebuild: Option<Rebuild>,
    /// Whether somebody asked to make `old` the live one again.
    pub switching_back: bool,
    /// Those that are given up and not yet taken away. Nobody writes them any more.
    pub dropping: BTreeSet<Generation>,
    /// The highest number ever given.
    pub last: Generation,
    /// What the comparison before the last switch found.
    pub verified: Option<Verification>,
}

/// A generation in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rebuild {
    /// Which.
    pub generation: Generation,
    /// How far it is.
    pub stage: Stage,
    /// Whether it rests: then nothing is written to it, and nothing is compared.
    pub paused: bool,
    /// Whether readers are to change over once it is verified.
    pub switch: bool,
    /// Since when.
    pub began_at: Timestamp,
    /// What the comparison found, once there was one.
    pub verification: Option<Verification>,
}

/// The steps of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It reads the log from the beginning, until it is near the end.
    Building,
    /// It stands still and is compared with the live one.
    Verifying,
    /// It is the same as the live one, or somebody accepted what differs. It is fed on.
    Verified,
    /// It differs, and waits for somebody to decide. It is fed on.
    Differs,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    /// When.
    pub at: Timestamp,
    /// Table by table.
    pub tables: Vec<Comparison>,
    /// Read positions that were taken over from the live generation, because compaction kept a lower one in the log.
    pub reads_taken_over: u64,
}

/// One table, in the live generation and in the new one, both at the same checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Comparison {
    /// Its name.
    pub table: String,
    /// Rows in the live generation.
    pub rows_live: u64,
    /// Rows in the new one.
    pub rows_new: u64,
    /// Whether the checksums over all rows are equal too.
    pub same: bool,
}

impl Verification {
    /// Whether no table differs.
    #[must_use]
    pub fn same(&self) -> bool {
        self.tables.iter().all(|table| table.same)
    }
}

impl Default for Control {
    fn default() -> Self {
        Self {
            live: Generation::FIRST,
            old: None,
            rebuild: None,
            switching_back: false,
            dropping: BTreeSet::new(),
            last: Generation::FIRST,
            verified: None,
        }
    }
}

impl Control {
    /// The generations that the projectors write.
    #[must_use]
    pub fn fed(&self) -> BTreeSet<Generation> {
        let building = self.rebuild.as_ref().filter(|rebuild| !rebuild.paused && rebuild.stage != Stage::Verifying);
        [Some(self.live), self.old, building.map(|rebuild| rebuild.generation)].into_iter().flatten().collect()
    }

    /// The generations that exist and are not given up.
    #[must_use]
    pub fn kept(&self) -> BTreeSet<Generation> {
        [Some(self.live), self.old, self.rebuild.as_ref().map(|rebuild| rebuild.generation)].into_iter().flatten().collect()
    }

    pub(in crate::read_model) fn to_text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|error| Fault::Rejected(error.to_string()))
    }
}

/// The document with its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Rises with every change.
    pub revision: u64,
    /// What is decided.
    pub control: Control,
}

impl Stated {
    pub(in crate::read_model) fn read(revision: i64, document: &str) -> Result<Self, Fault> {
        let control = serde_json::from_str(document)
            .map_err(|error| Fault::Unavailable(format!("the control document is not one of this version: {error}")))?;
        Ok(Self { revision: u64::try_from(revision).unwrap_or_default(), control })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_written_unless_it_rests_or_is_compared() {
        let (first, second) = (Generation::FIRST, Generation::FIRST.next());
        let rebuild = Rebuild {
            generation: second,
            stage: Stage::Building,
            paused: false,
            switch: true,
            began_at: Timestamp::default(),
            verification: None,
        };
        let with = |stage, paused| Control { rebuild: Some(Rebuild { stage, paused, ..rebuild.clone() }), ..Control::default() };
        for (stage, paused, fed) in [
            (Stage::Building, false, true),
            (Stage::Building, true, false),
            (Stage::Verifying, false, false),
            (Stage::Verified, false, true),
            (Stage::Differs, false, true),
        ] {
            let control = with(stage, paused);
            assert_eq!(control.fed().contains(&second), fed, "{stage:?} {paused}");
            assert_eq!(control.kept(), BTreeSet::from([first, second]));
        }
        let switched = Control { live: second, old: Some(first), ..Control::default() };
        assert_eq!(switched.fed(), BTreeSet::from([first, second]), "the old one is fed on");
    }

    #[test]
    fn what_a_later_version_wrote_is_not_misread() {
        let text = Control::default().to_text().unwrap();
        assert_eq!(Stated::read(7, &text).unwrap(), Stated { revision: 7, control: Control::default() });
        let later = text.replacen('{', r#"{"dreamtOf":1,"#, 1);
        assert!(matches!(Stated::read(7, &later), Err(Fault::Unavailable(_))));
    }
}
