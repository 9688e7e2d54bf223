//! The whole: a log, a network, nodes, clients; and every step that may happen next.

use std::hash::Hash;

use command_api::partition::ownership::Phase;
use domain::Cursor;

use crate::mutant::Mutant;
use crate::node::{Answer, InFlight, Node, claim_id_of, owning};
use crate::scenario::{Network, Scenario};
use crate::truth::{Broken, State, Truth};

/// The commands of a run; the last one is the probe with which [`World::serves`] asks whether anything still works.
pub const COMMANDS: usize = 4;
/// The probe.
pub const PROBE: usize = COMMANDS - 1;

/// A record in the log or on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// The writer's epoch, or the one claimed.
    pub epoch: u8,
    /// Its sequence; 0 for a claim.
    pub sequence: u8,
    /// What it is.
    pub kind: RecordKind,
    /// Its producer session.
    pub session: u8,
    /// Its place in that session, from 0.
    pub produced: u8,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A claim.
    Claim {
        /// Its fresh id.
        id: u8,
    },
    /// A command's event, decided on a state.
    Event {
        /// The command.
        command: usize,
        /// The state that it was decided on.
        basis: State,
    },
    /// A barrier.
    Barrier,
}

/// What is left of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Claims.
    pub claims: u8,
    /// Crashes.
    pub crashes: u8,
    /// Time-outs.
    pub doubts: u8,
    /// Copies of records that the broker takes again.
    pub copies: u8,
}

/// The state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The log.
    pub log: Vec<Record>,
    /// Appends on their way: each may arrive, or never.
    pub network: Vec<Record>,
    /// The next record that the broker takes of each session; `None` before its first.
    expected: Vec<Option<u8>>,
    /// The nodes.
    pub nodes: Vec<Node>,
    sessions: u8,
    claim_ids: u8,
    budget: Budget,
    /// What went wrong, if anything did.
    pub broken: Option<Broken>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node claims, whoever told it to.
    Claim(usize),
    /// A client brings a command to a node.
    Ask(usize, usize),
    /// A node writes a barrier for the answers that wait.
    Barrier(usize),
    /// A node folds the next record.
    Read(usize),
    /// A node gets a successful report for what it has in flight at the index (only mistakes listen).
    Report(usize, usize),
    /// A node loses patience with an append.
    Doubt(usize),
    /// A node dies and starts again.
    Crash(usize),
    /// An append arrives.
    Arrive(usize),
    /// The broker takes a copy of a record again.
    Copy(usize),
}

impl World {
    /// The beginning.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            log: Vec::new(),
            network: Vec::new(),
            expected: Vec::new(),
            nodes: vec![Node::fresh(); scenario.nodes],
            sessions: 0,
            claim_ids: 0,
            budget: scenario.budget,
            broken: None,
        }
    }

    /// Everything but the nodes.
    pub fn without_nodes(&self) -> impl Hash + '_ {
        let Self { log, network, expected, nodes: _, sessions, claim_ids, budget, broken } = self;
        (log, network, expected, sessions, claim_ids, budget, broken)
    }

    /// Every step that might be possible now; [`Self::after`] says which are.
    #[must_use]
    pub fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        let mut steps = Vec::new();
        for (node, memory) in self.nodes.iter().enumerate() {
            steps.extend([Step::Read(node), Step::Claim(node), Step::Barrier(node), Step::Doubt(node), Step::Crash(node)]);
            steps.extend((0..scenario.commands).map(|command| Step::Ask(node, command)));
            if scenario.mutant == Some(Mutant::TrustReport) {
                steps.extend((0..memory.pending.len()).map(|index| Step::Report(node, index)));
            }
        }
        steps.extend((0..self.network.len()).map(Step::Arrive));
        steps.extend((0..self.log.len()).map(Step::Copy));
        steps
    }

    /// The world after `step`; nothing when it is not possible.
    #[must_use]
    pub fn after(&self, step: Step, scenario: &Scenario) -> Option<Self> {
        let mut world = self.clone();
        match step {
            Step::Claim(node) => world.claim(node, scenario)?,
            Step::Ask(node, command) => world.ask(node, command, scenario)?,
            Step::Barrier(node) => world.barrier(node, scenario)?,
            Step::Read(node) => world.read(node, scenario)?,
            Step::Report(node, index) => world.report(node, index, scenario)?,
            Step::Doubt(node) => world.doubt(node, scenario)?,
            Step::Crash(node) => {
                world.budget.crashes = world.budget.crashes.checked_sub(1)?;
                let memory = world.nodes.get_mut(node)?;
                *memory = memory.restarted(scenario.mutant);
            }
            Step::Arrive(index) => world.arrive(index, scenario)?,
            Step::Copy(offset) => {
                world.budget.copies = world.budget.copies.checked_sub(1)?;
                let copy = *world.log.get(offset)?;
                world.log.push(copy);
            }
        }
        world.check(scenario);
        Some(world)
    }

    fn room(&self, scenario: &Scenario) -> Option<()> {
        (self.log.len() + self.network.len() < scenario.records_max).then_some(())
    }

    fn claim(&mut self, node: usize, scenario: &Scenario) -> Option<()> {
        self.room(scenario)?;
        self.budget.claims = self.budget.claims.checked_sub(1)?;
        let memory = self.nodes.get_mut(node)?;
        if memory.retired || memory.unsure || matches!(memory.ownership.phase(), Phase::Owning { .. } | Phase::Claiming { .. }) {
            return None;
        }
        let id = self.claim_ids;
        self.claim_ids += 1;
        self.sessions += 1;
        self.expected.push(None);
        (memory.session, memory.produced) = (self.sessions, 1);
        let epoch = u8::try_from(memory.ownership.begin_claim(claim_id_of(id))).ok()?;
        let kind = RecordKind::Claim { id };
        self.network.push(Record { epoch, sequence: 0, kind, session: self.sessions, produced: 0 });
        Some(())
    }

    fn ask(&mut self, node: usize, command: usize, scenario: &Scenario) -> Option<()> {
        let asked_at = u8::try_from(self.log.len()).ok()?;
        let ask = *scenario.asks.get(command)?;
        let memory = self.nodes.get_mut(node)?;
        let (epoch, sequence) = memory.next()?;
        let confirmed = memory.executed.get(command).copied().filter(|sequence| *sequence != 0);
        let in_flight = memory.pending.iter().find(|record| record.command == Some(command)).map(|record| record.sequence);
        let in_flight = in_flight.filter(|_| scenario.mutant != Some(Mutant::DedupeConfirmedOnly));
        if let Some(sequence) = confirmed.or(in_flight) {
            let answer = Answer::Done { command, sequence };
            if scenario.mutant == Some(Mutant::AnswerRepeatAtOnce) {
                self.give(answer, scenario);
                return Some(());
            }
            return self.witness(node, answer);
        }
        let state = memory.decided(&scenario.asks);
        if !state.allows(ask) {
            let answer = Answer::Refused { command, state, asked_at };
            let at_once = match scenario.mutant {
                Some(Mutant::RefuseAtOnce) => true,
                Some(Mutant::RefuseWhenIdle) => memory.pending.is_empty(),
                _ => false,
            };
            if at_once {
                self.give(answer, scenario);
                return Some(());
            }
            return self.witness(node, answer);
        }
        let record = Record {
            epoch,
            sequence,
            kind: RecordKind::Event { command, basis: state },
            session: memory.session,
            produced: memory.produced,
        };
        self.append(node, record, Some(command), scenario)
    }

    fn witness(&mut self, node: usize, answer: Answer) -> Option<()> {
        let memory = self.nodes.get_mut(node)?;
        // One waiting answer of a kind is enough: more would only multiply states.
        if !memory.unwitnessed.is_empty() {
            return None;
        }
        memory.unwitnessed.push(answer);
        Some(())
    }

    fn barrier(&mut self, node: usize, scenario: &Scenario) -> Option<()> {
        let memory = self.nodes.get(node)?;
        if memory.unwitnessed.is_empty() {
            return None;
        }
        let (epoch, sequence) = memory.next()?;
        let record = Record { epoch, sequence, kind: RecordKind::Barrier, session: memory.session, produced: memory.produced };
        self.append(node, record, None, scenario)
    }

    fn append(&mut self, node: usize, record: Record, command: Option<usize>, scenario: &Scenario) -> Option<()> {
        self.room(scenario)?;
        let memory = self.nodes.get_mut(node)?;
        if memory.pending.len() >= scenario.in_flight_max {
            return None;
        }
        memory.ownership.drawn();
        memory.produced += 1;
        let mut answers = std::mem::take(&mut memory.unwitnessed);
        answers.extend(command.map(|command| Answer::Done { command, sequence: record.sequence }));
        memory.pending.push(InFlight { sequence: record.sequence, command, produced: record.produced, answers });
        self.network.push(record);
        self.network.sort_unstable();
        Some(())
    }

    fn read(&mut self, node: usize, scenario: &Scenario) -> Option<()> {
        let memory = self.nodes.get_mut(node)?;
        let record = *self.log.get(usize::from(memory.read))?;
        let ask = match record.kind {
            RecordKind::Event { command, .. } => scenario.asks.get(command).copied(),
            _ => None,
        };
        let due = memory.read(&record, scenario.mutant, ask);
        for answer in due {
            self.give(answer, scenario);
        }
        Some(())
    }

    fn report(&mut self, node: usize, index: usize, scenario: &Scenario) -> Option<()> {
        let memory = self.nodes.get_mut(node)?;
        let record = memory.pending.get(index)?;
        let stored = self.log.iter().any(|stored| stored.session == memory.session && stored.produced == record.produced);
        if !stored || record.answers.is_empty() {
            return None;
        }
        let answers = std::mem::take(&mut memory.pending.get_mut(index)?.answers);
        for answer in answers {
            self.give(answer, scenario);
        }
        Some(())
    }

    fn doubt(&mut self, node: usize, scenario: &Scenario) -> Option<()> {
        self.budget.doubts = self.budget.doubts.checked_sub(1)?;
        let memory = self.nodes.get_mut(node)?;
        let waits = match memory.ownership.phase() {
            Phase::Claiming { .. } => true,
            Phase::Owning { .. } => !memory.pending.is_empty(),
            Phase::Following | Phase::Ended => false,
        };
        waits.then(|| memory.doubt(scenario.mutant))
    }

    fn arrive(&mut self, index: usize, scenario: &Scenario) -> Option<()> {
        let record = *self.network.get(index)?;
        let expected = self.expected.get_mut(usize::from(record.session).checked_sub(1)?)?;
        // Kafka takes any first record of a session it does not know, and then only the next in line.
        let taken = match scenario.network {
            Network::Ordered => expected.is_none_or(|next| next == record.produced),
            Network::Chaos => true,
        };
        if !taken {
            return None;
        }
        *expected = Some(record.produced + 1);
        self.network.remove(index);
        self.log.push(record);
        if scenario.mutant == Some(Mutant::ServeBeforeFold) && matches!(record.kind, RecordKind::Claim { .. }) {
            let memory = self.nodes.iter_mut().find(|node| node.session == record.session)?;
            memory.ownership = owning(Cursor { epoch: u64::from(record.epoch), ..memory.ownership.cursor() });
        }
        Some(())
    }

    /// An answer reaches its client: is it true?
    fn give(&mut self, answer: Answer, scenario: &Scenario) {
        match answer {
            Answer::Done { command, sequence } => {
                if Truth::of(&self.log, &scenario.asks).executed.get(command) != Some(&sequence) {
                    self.broken = Some(Broken::AcknowledgedNotEffective);
                }
            }
            Answer::Refused { command, state, asked_at } => {
                let Some(ask) = scenario.asks.get(command) else { return };
                let concerned =
                    |length| Truth::of(self.log.get(..length).unwrap_or(&self.log), &scenario.asks).state.concerned(*ask);
                if !(usize::from(asked_at)..=self.log.len()).any(|length| concerned(length) == state.concerned(*ask)) {
                    self.broken = Some(Broken::RefusedUntruly);
                }
            }
        }
    }

    fn check(&mut self, scenario: &Scenario) {
        self.broken = self.broken.or(Truth::of(&self.log, &scenario.asks).broken);
        for node in self.nodes.iter().filter(|node| !node.unsure) {
            let read = Truth::of(self.log.get(..usize::from(node.read)).unwrap_or(&self.log), &scenario.asks);
            let same = (read.state, read.executed) == (node.state, node.executed);
            // The mistake under test folds by another rule on purpose while it serves too early; its cursor is no news.
            let same_cursor = read.cursor == node.ownership.cursor() || scenario.mutant == Some(Mutant::ServeBeforeFold);
            if !(same && same_cursor) {
                self.broken = self.broken.or(Some(Broken::FoldsDiffer));
            }
        }
    }

    /// No more faults, and `node` is the one assigned: can it get a command acknowledged? `late` lets everything that is still on
    /// its way from others arrive at the worst moment, right after its claim.
    #[must_use]
    pub fn serves(&self, node: usize, late: bool, scenario: &Scenario) -> bool {
        let free = Scenario { records_max: usize::MAX, commands: COMMANDS, ..scenario.clone() };
        let mut world = self.clone();
        world.budget = Budget { claims: u8::MAX, crashes: 0, doubts: u8::MAX, copies: 0 };
        let mut late = late;
        for _ in 0..200 {
            let Some(memory) = world.nodes.get(node) else { return false };
            if memory.executed.get(PROBE).is_some_and(|sequence| *sequence != 0) {
                return true;
            }
            let own = memory.session;
            if late && matches!(memory.ownership.phase(), Phase::Owning { .. }) {
                late = false;
                let (others, mine) = world.network.iter().partition(|record| record.session != own);
                world.network = mine;
                world.log.extend::<Vec<_>>(others);
                continue;
            }
            let arrive = world.network.iter().position(|record| record.session == own).map(Step::Arrive);
            let wanted =
                [Some(Step::Read(node)), Some(Step::Claim(node)), arrive, Some(Step::Ask(node, PROBE)), Some(Step::Doubt(node))];
            match wanted.into_iter().flatten().find_map(|step| world.after(step, &free)) {
                Some(next) => world = next,
                None => return false,
            }
        }
        false
    }
}
