//! What is known of everybody's presence, from what all nodes say. Pure: it is told what time it is.
//!
//! Invariants:
//! * what no node has repeated for [`WORD_KEPT`] is over, whether or not anybody said so: a node that was killed takes the presence
//!   of its people with it;
//! * of people who are gone, when they were last seen is kept for [`LAST_SEEN_KEPT`]; of people who hide, only since when they do,
//!   and that no longer than somebody may still say otherwise;
//! * no more than `people_max` people and [`NODES_MAX`] nodes a person are remembered, whatever is said.

use std::collections::HashMap;

use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::record::{PresenceRecord, Said, Word, is_older};
use crate::dto::{Presence, PresenceState};
use crate::ws::limits::{LAST_SEEN_KEPT, NODES_MAX, WORD_KEPT};

/// Everybody of whom anything is known.
#[derive(Debug)]
pub struct Known {
    people: HashMap<UserId, Person>,
    people_max: usize,
}

#[derive(Debug, Clone, Default)]
struct Person {
    /// What each node said last, and when.
    nodes: Vec<(Uuid, PresenceState, Timestamp)>,
    last_seen: Timestamp,
    /// Since when the person hides: what was said earlier, and comes later by another way, counts no more.
    hidden_at: Option<Timestamp>,
}

/// Somebody's presence has changed.
pub type Changed = (UserId, Presence);

impl Known {
    /// Of at most so many people.
    #[must_use]
    pub fn new(people_max: usize) -> Self {
        Self { people: HashMap::new(), people_max }
    }

    /// The presence of `user`.
    #[must_use]
    pub fn of(&self, user: &UserId) -> Presence {
        self.people.get(user).map_or(Presence::UNKNOWN, Person::presence)
    }

    /// How many people are online or away.
    #[must_use]
    pub fn present(&self) -> usize {
        self.people.values().filter(|person| !person.nodes.is_empty()).count()
    }

    /// Takes in what a node said of its people; what changes by it.
    pub fn take(&mut self, record: PresenceRecord, now: Timestamp) -> Vec<Changed> {
        let PresenceRecord::People { node, at, people } = record else { return Vec::new() };
        // A node whose clock is ahead must not make its word last longer.
        let at = at.min(now);
        if is_older(at, LAST_SEEN_KEPT, now) {
            return Vec::new();
        }
        people.into_iter().filter_map(|Said { user_id, state }| self.hear(user_id, state, (node, at), now)).collect()
    }

    /// `user` has switched presence off.
    pub fn hide(&mut self, user: UserId, now: Timestamp) -> Option<Changed> {
        self.hear(user, Word::Hidden, (Uuid::nil(), now), now)
    }

    fn hear(&mut self, user: UserId, word: Word, (node, at): (Uuid, Timestamp), now: Timestamp) -> Option<Changed> {
        if !self.people.contains_key(&user) && !self.has_room() {
            metrics::counter!("sarangbang_presence_lost_total").increment(1);
            return None;
        }
        let before = self.of(&user);
        self.people.entry(user.clone()).or_default().hear(word, node, at, now);
        let after = self.of(&user);
        (before != after).then_some((user, after))
    }

    /// Lets go of what nobody has repeated, and of who was last seen too long ago; what changes by it.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Changed> {
        let mut changed = Vec::new();
        self.people.retain(|user, person| {
            let before = person.presence();
            person.nodes.retain(|(_, _, at)| !is_older(*at, WORD_KEPT, now));
            let kept = !person.nodes.is_empty() || !person.is_forgotten(now);
            let after = if kept { person.presence() } else { Presence::UNKNOWN };
            if before != after {
                changed.push((user.clone(), after));
            }
            kept
        });
        changed
    }

    /// Whether somebody new fits; makes room by forgetting those who were last seen longest ago.
    fn has_room(&mut self) -> bool {
        if self.people.len() < self.people_max {
            return true;
        }
        let mut gone: Vec<Timestamp> = self.people.values().filter(|p| p.nodes.is_empty()).map(|p| p.last_seen).collect();
        gone.sort_unstable();
        // A tenth at once, so that a node at its limit does not sort for each newcomer.
        let Some(until) = gone.get(gone.len() / 10).copied() else { return false };
        self.people.retain(|_, person| !person.nodes.is_empty() || person.last_seen > until);
        true
    }
}

impl Person {
    fn hear(&mut self, word: Word, node: Uuid, at: Timestamp, now: Timestamp) {
        if word == Word::Hidden {
            *self = Self { hidden_at: Some(at.max(self.hidden_at.unwrap_or(at))), ..Self::default() };
            return;
        }
        if self.hidden_at.is_some_and(|hidden_at| at <= hidden_at || word == Word::Gone) {
            return;
        }
        self.hidden_at = None;
        self.last_seen = self.last_seen.max(at);
        self.nodes.retain(|(known, _, _)| *known != node);
        let state = match word {
            Word::Online => PresenceState::Online,
            Word::Away => PresenceState::Away,
            Word::Gone | Word::Hidden => return,
        };
        if is_older(at, WORD_KEPT, now) {
            return;
        }
        if self.nodes.len() >= NODES_MAX {
            self.nodes.remove(0);
        }
        self.nodes.push((node, state, at));
    }

    /// Whether of somebody who is nowhere nothing need be kept any more.
    fn is_forgotten(&self, now: Timestamp) -> bool {
        match self.hidden_at {
            Some(at) => is_older(at, WORD_KEPT, now),
            None => is_older(self.last_seen, LAST_SEEN_KEPT, now),
        }
    }

    fn presence(&self) -> Presence {
        if self.hidden_at.is_some() {
            return Presence::UNKNOWN;
        }
        let states = || self.nodes.iter().map(|(_, state, _)| *state);
        if states().any(|state| state == PresenceState::Online) {
            return Presence { state: PresenceState::Online, last_seen_at: None };
        }
        if states().next().is_some() {
            return Presence { state: PresenceState::Away, last_seen_at: None };
        }
        Presence { state: PresenceState::Offline, last_seen_at: Some(self.last_seen) }
    }
}

#[cfg(test)]
mod tests;
