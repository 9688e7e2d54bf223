//! A counterexample, told: one line a step, with the log as every reader sees it.

use std::fmt;

use crate::protocol::{Node, Standing};
use crate::record::{Answer, Kind, Record};
use crate::scenario::{Replicas, Scenario};
use crate::step::Step;
use crate::truth::{Ask, Broken};
use crate::world::World;

/// A history that ends badly.
#[derive(Debug)]
pub struct Story {
    /// What is broken at its end.
    pub broken: Broken,
    lines: Vec<Line>,
    asks: String,
}

#[derive(Debug)]
struct Line {
    happens: String,
    log: String,
    on_the_way: String,
}

impl Story {
    /// Tells what happens in `steps`, from the beginning of `scenario`.
    #[must_use]
    pub fn tell<N: Node>(scenario: &Scenario, steps: &[Step], broken: Broken) -> Self {
        let mut world = World::<N>::new(scenario);
        let (mut lines, mut words) = (Vec::new(), Words::default());
        for step in steps {
            let mut given = Vec::new();
            let Some(next) = world.after(*step, scenario, &mut given) else { break };
            if let Step::Claim(node) = step {
                words.claimants.push(name(*node));
            }
            let happens = [vec![words.happens(*step, &world, &next)], given.iter().map(said).collect()].concat().join("; ");
            lines.push(Line { happens, log: words.log(&next, scenario), on_the_way: words.list(&next.network) });
            world = next;
        }
        let asks = (0..scenario.commands).filter_map(|command| {
            let what = match scenario.asks.get(usize::from(command))? {
                Ask::Take => "takes the name, if it is free",
                Ask::Release => "releases the name, if it is taken",
                Ask::Append => "appends to the list",
            };
            Some(format!("c{command} {what}"))
        });
        Self { broken, lines, asks: asks.collect::<Vec<_>>().join(", ") }
    }
}

impl Story {
    /// How many steps it has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.lines.len()
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = |text: fn(&Line) -> &str| self.lines.iter().map(|line| text(line).chars().count()).max().unwrap_or_default();
        let (happens, log) = (wide(|line| &line.happens), wide(|line| &line.log).max(3));
        writeln!(f, "      {:<happens$}  {:<log$}  on the way", "", "log")?;
        for (line, number) in self.lines.iter().zip(1..) {
            writeln!(f, "  {number:>2}. {:<happens$}  {:<log$}  {}", line.happens, line.log, line.on_the_way)?;
        }
        writeln!(f, "  => {}", self.broken.told())?;
        write!(f, "     Commands: {}. What is in parentheses is ignored by every reader.", self.asks)
    }
}

fn name(node: u8) -> char {
    char::from(b'A'.saturating_add(node))
}

/// What records are called.
#[derive(Debug, Default)]
struct Words {
    /// Who made each claim.
    claimants: Vec<char>,
}

impl Words {
    /// One step in words: from the world before it to the world after it.
    fn happens<N: Node>(&self, step: Step, before: &World<N>, after: &World<N>) -> String {
        let sent = || {
            let new = after.network.iter().find(|record| !before.network.contains(record));
            new.map(|record| self.token(record)).unwrap_or_default()
        };
        let stored = |offset: u8| {
            let stored = before.log.get(usize::from(offset));
            stored.map(|stored| self.token(&stored.record)).unwrap_or_default()
        };
        match step {
            Step::Claim(who) => format!("{} claims: {}", name(who), sent()),
            Step::Ask(who, command) if after.network.len() > before.network.len() => {
                format!("{} is asked for c{command} and appends {}", name(who), sent())
            }
            Step::Ask(who, command) => format!("{} is asked for c{command} and appends nothing", name(who)),
            Step::Barrier(who) => format!("{} appends {} for the answers that wait", name(who), sent()),
            Step::Read(who) => {
                let offset = before.nodes.get(usize::from(who)).map_or(0, |node| node.memory().read);
                format!("{} reads {}{}", name(who), stored(offset), became(who, before, after))
            }
            Step::Report(who, index) => {
                let record = self.in_flight(before, who, index);
                format!("{} gets the report of {record} with its offset{}", name(who), became(who, before, after))
            }
            Step::ReportWithoutOffset(who, index) => {
                let record = self.in_flight(before, who, index);
                format!("{} gets a report of success without offset for {record}{}", name(who), became(who, before, after))
            }
            Step::ReportCounted(who, index, counted) => {
                let record = self.in_flight(before, who, index);
                format!("{} gets a report of {record} at offset {counted}, counted{}", name(who), became(who, before, after))
            }
            Step::Fail(who) => format!("{} gets no report in time{}", name(who), became(who, before, after)),
            Step::Crash(who) => format!("{} dies and starts again from its store", name(who)),
            Step::CrashAndForget(who) => format!("{} dies and starts again without its store", name(who)),
            Step::Arrive(index) => {
                let record = before.network.get(usize::from(index)).map(|record| self.token(record)).unwrap_or_default();
                format!("{record} arrives at offset {}", before.log.len())
            }
            Step::Copy(offset) => format!("the broker takes {} a second time", stored(offset)),
            Step::Replicate => "the followers fetch one record more".to_owned(),
            Step::Elect(kept) => format!("the leader dies; the new one has {kept} of its {} records", before.log.len()),
        }
    }

    fn in_flight<N: Node>(&self, world: &World<N>, who: u8, index: u8) -> String {
        let sent = world.nodes.get(usize::from(who)).and_then(|node| node.in_flight().nth(usize::from(index)));
        let mut known = world.log.iter().map(|stored| &stored.record).chain(world.network.iter());
        known.find(|record| Some(record.sent) == sent).map(|record| self.token(record)).unwrap_or_default()
    }

    /// `claim:2·B` for B's claim of epoch 2, `2/3·c1` for the event of c1 at epoch 2 and sequence 3.
    fn token(&self, record: &Record) -> String {
        let Record { epoch, sequence, kind, .. } = record;
        match kind {
            Kind::Claim { id } => format!("claim:{epoch}·{}", self.claimants.get(usize::from(*id)).unwrap_or(&'?')),
            Kind::Event { command, .. } => format!("{epoch}/{sequence}·c{command}"),
            Kind::Barrier => format!("{epoch}/{sequence}·barrier"),
        }
    }

    fn list(&self, records: &[Record]) -> String {
        records.iter().map(|record| self.token(record)).collect::<Vec<_>>().join(" ")
    }

    /// What readers ignore stands in parentheses; the bar stands where replication has come to.
    fn log<N: Node>(&self, world: &World<N>, scenario: &Scenario) -> String {
        let each = (0..).zip(world.log.iter()).map(|(offset, stored)| {
            let record = self.token(&stored.record);
            let record = if stored.truth.counted { record } else { format!("({record})") };
            let bar = scenario.replicas != Replicas::Settled && offset == world.replicated;
            if bar { format!("| {record}") } else { record }
        });
        each.collect::<Vec<_>>().join(" ")
    }
}

fn became<N: Node>(who: u8, before: &World<N>, after: &World<N>) -> &'static str {
    let standing = |world: &World<N>| world.nodes.get(usize::from(who)).map(|node| node.standing());
    if standing(before) == standing(after) {
        return "";
    }
    match standing(after) {
        Some(Standing::Owning) => " and owns the partition",
        Some(Standing::Ended) => " and gives its epoch up",
        Some(Standing::Following) => " and only follows",
        Some(Standing::Claiming) | None => "",
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Done { command, sequence } => format!("client: \"c{command} is done at sequence {sequence}\""),
        Answer::Refused { command, .. } => format!("client: \"c{command} is refused\""),
    }
}
