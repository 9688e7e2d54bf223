//! The whole: a log, a network, nodes, clients; and every step that may happen next.
//!
//! Long because it is one state and its steps, each only a few lines.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use foldhash::quality::FixedState;

use crate::protocol::{Asked, Node, Standing};
use crate::record::{Answer, COMMANDS, PROBE, Record, Sent};
use crate::scenario::{Budget, Network, Replicas, Scenario};
use crate::shared::{Shared, fingerprint};
use crate::step::Step;
use crate::truth::{Broken, Truth};

/// A record in the log, with the truth up to and with it.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// The fold of the log so far.
    pub truth: Truth,
}

/// The state of everything. Cheap to clone: what a step leaves alone is shared.
#[derive(Debug, Clone)]
pub struct World<N> {
    /// The log.
    pub log: Shared<Vec<Stored>>,
    /// Appends on their way, sorted: each may arrive, or never.
    pub network: Shared<Vec<Record>>,
    /// The nodes.
    pub nodes: Vec<Shared<N>>,
    /// How many records every replica in sync has. Counted only where records can vanish.
    pub replicated: u8,
    sessions: u8,
    claims: u8,
    budget: Budget,
    /// The sequence at which each command was acknowledged; 0 for not. Kept only where records can vanish: elsewhere what is
    /// true once stays true.
    acknowledged: [u8; COMMANDS],
    /// What went wrong, if anything did.
    pub broken: Option<Broken>,
}

fn of_log(log: &[Stored]) -> u64 {
    let mut hasher = FixedState::with_seed(1).build_hasher();
    log.iter().for_each(|stored| stored.record.hash(&mut hasher));
    hasher.finish()
}

impl<N: Node> World<N> {
    /// The beginning.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            log: Shared::new(Vec::new(), |log: &Vec<_>| of_log(log)),
            network: Shared::new(Vec::new(), fingerprint),
            nodes: vec![Shared::new(N::fresh(), fingerprint); scenario.nodes],
            replicated: 0,
            sessions: 0,
            claims: 0,
            budget: scenario.budget,
            acknowledged: [0; COMMANDS],
            broken: None,
        }
    }

    /// Equal for equal worlds, and for worlds that differ only in which node is which. Different worlds collide with a
    /// probability of 2⁻⁶⁴ a pair.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut nodes = [0; 3];
        for (place, node) in nodes.iter_mut().zip(&self.nodes) {
            *place = node.fingerprint();
        }
        nodes.sort_unstable();
        let Self { log, network, nodes: _, replicated, sessions, claims, budget, acknowledged, broken } = self;
        fingerprint(&(
            (nodes, log.fingerprint(), network.fingerprint()),
            (replicated, sessions, claims, budget, acknowledged, broken),
        ))
    }

    /// Every step that might be possible now; [`Self::after`] says which are.
    pub fn steps(&self, scenario: &Scenario, steps: &mut Vec<Step>) {
        steps.clear();
        for (node, place) in self.nodes.iter().zip(0..) {
            steps.extend([Step::Read(place), Step::Claim(place), Step::Barrier(place), Step::Fail(place), Step::Crash(place)]);
            steps.push(Step::CrashAndForget(place));
            steps.extend((0..scenario.commands).map(|command| Step::Ask(place, command)));
            for (sent, index) in node.in_flight().zip(0..) {
                steps.extend([Step::Report(place, index), Step::ReportWithoutOffset(place, index)]);
                steps.extend((0..sent.place).map(|counted| Step::ReportCounted(place, index, counted)));
            }
        }
        steps.extend((0..small(self.network.len())).map(Step::Arrive));
        if self.budget.copies > 0 {
            steps.extend((0..self.len()).map(Step::Copy));
        }
        if scenario.replicas != Replicas::Settled {
            steps.push(Step::Replicate);
            steps.extend((self.replicated..self.len()).map(Step::Elect));
        }
    }

    /// The world after `step`; nothing when it is not possible. Answers that it gives to clients are added to `given`.
    #[must_use]
    pub fn after(&self, step: Step, scenario: &Scenario, given: &mut Vec<Answer>) -> Option<Self> {
        let mut world = self.clone();
        match step {
            Step::Claim(node) => world.claim(node, scenario)?,
            Step::Ask(node, command) => world.ask(node, command, scenario, given)?,
            Step::Barrier(node) => world.barrier(node, scenario)?,
            Step::Read(node) => world.read(node, scenario, given)?,
            Step::Report(node, index) => {
                let offset = Some(world.stored_at(node, index, scenario)?);
                world.report(node, index, offset, scenario, given)?;
            }
            Step::ReportWithoutOffset(node, index) => {
                world.implied(node, index, scenario)?;
                world.report(node, index, None, scenario, given)?;
            }
            Step::ReportCounted(node, index, counted) => {
                world.implied(node, index, scenario)?;
                world.report(node, index, Some(counted), scenario, given)?;
            }
            Step::Fail(node) => world.fail(node)?,
            Step::Crash(node) => {
                world.budget.crashes = world.budget.crashes.checked_sub(1)?;
                world.node(node, |node| *node = node.restarted())?;
            }
            Step::CrashAndForget(node) => {
                world.budget.crashes = world.budget.crashes.checked_sub(1)?;
                world.node(node, |node| *node = N::fresh())?;
            }
            Step::Arrive(index) => world.arrive(index, scenario)?,
            Step::Copy(offset) => {
                world.budget.copies = world.budget.copies.checked_sub(1)?;
                let copy = world.log.get(usize::from(offset))?.record;
                world.store(copy, scenario);
            }
            Step::Replicate => {
                world.replicated = (world.replicated < world.len()).then_some(world.replicated + 1)?;
            }
            Step::Elect(kept) => world.elect(kept, scenario)?,
        }
        world.check(scenario);
        Some(world)
    }

    /// How many records the log has.
    fn len(&self) -> u8 {
        small(self.log.len())
    }

    /// How many records a reader gets: those below the high watermark.
    fn readable(&self, scenario: &Scenario) -> u8 {
        match scenario.replicas {
            Replicas::Settled | Replicas::OneInSync | Replicas::ReadPastHighWatermark => self.len(),
            Replicas::TwoInSync => self.replicated,
        }
    }

    /// How many records a producer gets reports for.
    fn reported(&self, scenario: &Scenario) -> u8 {
        match scenario.replicas {
            Replicas::Settled | Replicas::OneInSync => self.len(),
            Replicas::TwoInSync | Replicas::ReadPastHighWatermark => self.replicated,
        }
    }

    /// What is true after so many records.
    fn truth(&self, length: u8) -> Option<Truth> {
        match length.checked_sub(1) {
            Some(last) => self.log.get(usize::from(last)).map(|stored| stored.truth),
            None => Some(Truth::default()),
        }
    }

    fn node<R>(&mut self, node: u8, change: impl FnOnce(&mut N) -> R) -> Option<R> {
        Some(self.nodes.get_mut(usize::from(node))?.changed(fingerprint, change))
    }

    fn peek(&self, node: u8) -> Option<&N> {
        self.nodes.get(usize::from(node)).map(|node| &**node)
    }

    fn has_room(&self, scenario: &Scenario) -> Option<()> {
        (self.log.len() + self.network.len() < scenario.records_max).then_some(())
    }

    fn send(&mut self, record: Record) {
        self.network.changed(fingerprint, |network| {
            network.push(record);
            network.sort_unstable();
        });
    }

    fn claim(&mut self, node: u8, scenario: &Scenario) -> Option<()> {
        self.has_room(scenario)?;
        self.budget.claims = self.budget.claims.checked_sub(1)?;
        if !self.peek(node)?.memory().claim_due {
            return None;
        }
        let (id, fresh_session) = (self.claims, self.sessions + 1);
        let record = self.node(node, |node| node.claim(id, fresh_session))??;
        self.claims += 1;
        self.sessions = self.sessions.max(record.sent.session);
        self.send(record);
        Some(())
    }

    fn ask(&mut self, node: u8, command: u8, scenario: &Scenario, given: &mut Vec<Answer>) -> Option<()> {
        let asked_at = self.readable(scenario);
        let peek = self.peek(node)?;
        if peek.standing() != Standing::Owning || peek.in_flight().count() >= scenario.in_flight_max {
            return None;
        }
        let waited = peek.has_unwitnessed();
        match self.node(node, |node| node.ask(command, &scenario.asks, asked_at))?? {
            Asked::Appended(record) => {
                self.has_room(scenario)?;
                self.send(record);
            }
            // One answer that waits is enough: more would only multiply worlds.
            Asked::Waits if waited => return None,
            Asked::Waits => {}
        }
        self.give(node, scenario, given)
    }

    fn barrier(&mut self, node: u8, scenario: &Scenario) -> Option<()> {
        self.has_room(scenario)?;
        if !self.peek(node)?.has_unwitnessed() {
            return None;
        }
        let record = self.node(node, N::barrier)??;
        self.send(record);
        Some(())
    }

    fn read(&mut self, node: u8, scenario: &Scenario, given: &mut Vec<Answer>) -> Option<()> {
        let offset = self.peek(node)?.memory().read;
        if offset >= self.readable(scenario) {
            return None;
        }
        let record = self.log.get(usize::from(offset))?.record;
        self.node(node, |node| node.fold(&record, &scenario.asks))?;
        self.give(node, scenario, given)
    }

    fn sent(&self, node: u8, index: u8) -> Option<Sent> {
        self.peek(node)?.in_flight().nth(usize::from(index))
    }

    /// The records that can be reported.
    fn settled(&self, scenario: &Scenario) -> impl Iterator<Item = &Record> {
        self.log.iter().take(usize::from(self.reported(scenario))).map(|stored| &stored.record)
    }

    fn stored_at(&self, node: u8, index: u8, scenario: &Scenario) -> Option<u8> {
        let sent = self.sent(node, index)?;
        self.settled(scenario).position(|record| record.sent == sent).map(small)
    }

    /// What came before a stored record of its session is reported as stored too, by implication.
    fn implied(&self, node: u8, index: u8, scenario: &Scenario) -> Option<()> {
        let sent = self.sent(node, index)?;
        let implies = |later: Sent| later.session == sent.session && later.place >= sent.place;
        self.settled(scenario).any(|record| implies(record.sent)).then_some(())
    }

    fn report(&mut self, node: u8, index: u8, offset: Option<u8>, scenario: &Scenario, given: &mut Vec<Answer>) -> Option<()> {
        let sent = self.sent(node, index)?;
        let heeded = self.node(node, |node| node.reported(sent, offset, &scenario.asks))?;
        heeded.then(|| self.give(node, scenario, given))?
    }

    fn fail(&mut self, node: u8) -> Option<()> {
        self.budget.failures = self.budget.failures.checked_sub(1)?;
        matches!(self.peek(node)?.standing(), Standing::Claiming | Standing::Owning).then(|| self.node(node, N::failed))?
    }

    fn arrive(&mut self, index: u8, scenario: &Scenario) -> Option<()> {
        let record = *self.network.get(usize::from(index))?;
        // Kafka takes any first record of a session that it does not know, and then only the next in line.
        let last = self.log.iter().rfind(|stored| stored.record.sent.session == record.sent.session);
        let is_next = last.is_none_or(|last| last.record.sent.place + 1 == record.sent.place);
        if scenario.network == Network::Ordered && !is_next {
            return None;
        }
        self.network.changed(fingerprint, |network| network.remove(usize::from(index)));
        self.store(record, scenario);
        Some(())
    }

    fn store(&mut self, record: Record, scenario: &Scenario) {
        let before = self.log.last().map_or_else(Truth::default, |last| last.truth);
        let truth = before.after::<N>(&record, &scenario.asks);
        self.log.changed(|log| of_log(log), |log| log.push(Stored { record, truth }));
    }

    /// What only the old leader had is gone; its producers send it again.
    fn elect(&mut self, kept: u8, scenario: &Scenario) -> Option<()> {
        self.budget.elections = self.budget.elections.checked_sub(1)?;
        let dropped = self.log.changed(|log| of_log(log), |log| log.split_off(usize::from(kept)));
        dropped.iter().for_each(|stored| self.send(stored.record));
        let gone = (0..).zip(self.acknowledged).any(|(command, at)| at != 0 && self.executed(command) != at);
        if gone {
            self.broken = Some(Broken::AcknowledgedVanished);
        }
        (scenario.replicas != Replicas::Settled).then_some(())
    }

    fn executed(&self, command: usize) -> u8 {
        self.log.last().and_then(|last| last.truth.executed.get(command).copied()).unwrap_or_default()
    }

    /// The answers of a node reach their clients: are they true?
    fn give(&mut self, node: u8, scenario: &Scenario, given: &mut Vec<Answer>) -> Option<()> {
        let due = self.node(node, N::take_due)?;
        for answer in &due {
            match *answer {
                Answer::Done { command, sequence } => {
                    if self.executed(usize::from(command)) != sequence {
                        self.broken = Some(Broken::AcknowledgedNotEffective);
                    }
                    if scenario.replicas != Replicas::Settled
                        && let Some(acknowledged) = self.acknowledged.get_mut(usize::from(command))
                    {
                        *acknowledged = sequence;
                    }
                }
                Answer::Refused { command, basis, asked_at } => {
                    let ask = *scenario.asks.get(usize::from(command))?;
                    let was = |length| self.truth(length).is_some_and(|truth| truth.state.concerned(ask) == basis);
                    if !(asked_at..=self.readable(scenario)).any(was) {
                        self.broken = Some(Broken::RefusedUntruly);
                    }
                }
            }
        }
        given.extend(due);
        Some(())
    }

    fn check(&mut self, scenario: &Scenario) {
        let of_log = self.log.last().and_then(|last| last.truth.broken);
        self.broken = self.broken.or(of_log);
        for node in &self.nodes {
            let memory = node.memory();
            let Some(truth) = self.truth(memory.read) else {
                self.broken = self.broken.or(Some(Broken::ReadVanished));
                continue;
            };
            if (truth.state, truth.executed) != (memory.state, memory.executed) {
                let broken = if scenario.budget.elections > 0 { Broken::ReadVanished } else { Broken::FoldsDiffer };
                self.broken = self.broken.or(Some(broken));
            }
        }
    }

    /// No more faults, and `node` is the one assigned: can it get a command acknowledged? `late` lets everything that is still on
    /// its way from others arrive at the worst moment, right after its claim.
    #[must_use]
    pub fn serves(&self, node: u8, late: bool, scenario: &Scenario) -> bool {
        let free = Scenario { records_max: usize::MAX, ..scenario.clone() };
        let mut world = self.clone();
        world.budget = Budget { claims: u8::MAX, crashes: 0, failures: u8::MAX, copies: 0, elections: 0 };
        let mut late = late;
        let mut given = Vec::new();
        for _ in 0..120 {
            if given.iter().any(|answer| matches!(answer, Answer::Done { command: PROBE, .. })) {
                return true;
            }
            let Some(peek) = world.peek(node) else { return false };
            let own = peek.memory().session;
            if late && peek.standing() == Standing::Owning {
                late = false;
                let (others, mine): (Vec<Record>, _) = world.network.iter().partition(|record| record.sent.session != own);
                world.network = Shared::new(mine, fingerprint);
                others.into_iter().for_each(|record| world.store(record, scenario));
                continue;
            }
            let arrive =
                world.network.iter().position(|record| record.sent.session == own).map(|index| Step::Arrive(small(index)));
            // The report of what is stored comes some time: only what is not can end in a time-out.
            let missing = peek.in_flight().any(|sent| world.log.iter().all(|stored| stored.record.sent != sent));
            let fails = missing || peek.standing() == Standing::Claiming;
            let wanted = [
                Some(Step::Replicate),
                Some(Step::Read(node)),
                Some(Step::Claim(node)),
                arrive,
                Some(Step::Ask(node, PROBE)),
                Some(Step::Barrier(node)),
                fails.then_some(Step::Fail(node)),
            ];
            match wanted.into_iter().flatten().find_map(|step| world.after(step, &free, &mut given)) {
                Some(next) => world = next,
                None => return false,
            }
        }
        false
    }
}

fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
