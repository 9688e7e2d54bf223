//! The report of an import, for people who want to look names up, and for programs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use domain::{RoomId, UserId};
use serde::Serialize;

use server::archive::lines::Refused;
use server::archive::plan::Plan;

/// All of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether everything was done.
    pub finished: bool,
    /// How long it took.
    pub seconds: f64,
    /// Messages of the files that can be imported.
    pub messages: u64,
    /// Messages that are there now.
    pub messages_done: u64,
    /// Of these: found there already.
    pub messages_found: u64,
    /// Messages a second, without those found.
    pub messages_per_second: u64,
    /// Comings and goings.
    pub memberships: u64,
    /// Departures that were left out, because whoever made a room stays in it.
    pub owners_stayed: u64,
    /// Lines that were refused, and people whose id belongs to somebody else.
    pub refused: Vec<Refused>,
    /// The sources by name.
    pub sources: BTreeMap<String, Source>,
}

/// One source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// User ids by nickname.
    pub people: BTreeMap<String, UserId>,
    /// Room ids by the room's name.
    pub rooms: BTreeMap<String, RoomId>,
}

impl Report {
    /// A report of what is planned, with nothing done yet.
    pub fn of(plans: &[Plan]) -> Self {
        let source = |plan: &Plan| Source {
            people: plan.people.values().map(|person| (person.nick.clone(), person.id.clone())).collect(),
            rooms: plan.rooms.iter().map(|room| (room.original.clone(), room.id)).collect(),
        };
        Self {
            messages: plans.iter().flat_map(|plan| &plan.rooms).map(|room| room.messages() as u64).sum(),
            owners_stayed: plans.iter().map(|plan| plan.owners_stayed).sum(),
            refused: plans.iter().flat_map(|plan| plan.refused.clone()).collect(),
            sources: plans.iter().map(|plan| (plan.source.clone(), source(plan))).collect(),
            ..Self::default()
        }
    }

    /// Writes it.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text + "\n").with_context(|| format!("the report {} cannot be written", file.display()))
    }
}
