//! `sarangbang import`: sends archives of chats through the ordinary commands, and reads them back.
//!
//! * [`server::archive`] reads the files and says what is to be done, in the same way each time;
//! * [`api`] is the server as an import sees it; [`people`] registers, [`room`] imports a room from where it stands;
//! * [`verify`] reads everything back; [`report`] and [`progress`] tell about it.
//!
//! Rules for people: `docs/import.md`.

mod api;
mod people;
mod progress;
mod report;
mod room;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Result, bail};
use infra::config::Config;
use server::archive::lines::{self, Refused};
use server::archive::plan::{self, Plan};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::api::{Addresses, Api, TokenSource};
use self::report::Report;
use self::room::{Counts, Remaining, Run};
use crate::admin::Accounts;
use crate::{cli, say};

/// Registrations at once.
const REGISTRATIONS_PARALLEL: usize = 64;
/// Refused lines that are printed; the report has all.
const REFUSED_SHOWN: usize = 20;

/// Runs the command.
pub async fn run(options: &cli::Import, config: &Config) -> Result<()> {
    let plans = lines::archives(&options.files)?.iter().map(plan::plan).collect::<Result<Vec<_>>>()?;
    let (addresses, source) = whereabouts(options, config)?;
    let api = Arc::new(Api::connect(addresses, source, usize::from(options.parallel) + REGISTRATIONS_PARALLEL).await?);
    for plan in &plans {
        let messages: usize = plan.rooms.iter().map(plan::Room::messages).sum();
        let (people, rooms) = (plan.people.len(), plan.rooms.len());
        say::line(&format!("{}: {messages} messages of {people} people in {rooms} rooms", plan.source));
    }
    if options.verify { compare(options, api, plans).await } else { import(options, api, plans).await }
}

fn whereabouts(options: &cli::Import, config: &Config) -> Result<(Addresses, TokenSource)> {
    let http = |address: &str| format!("http://{address}");
    let trimmed = |url: &String| url.trim_end_matches('/').to_owned();
    let commands = options.url.as_ref().map_or_else(|| http(&config.node.public_listen), trimmed);
    let internal = options.internal_url.as_ref().or(config.upstream.command_api_url.as_ref());
    let internal = internal.map_or_else(|| http(&config.node.internal_listen), trimmed);
    let queries = options.query_url.as_ref().map_or_else(|| commands.clone(), trimmed);
    let source = match &options.token_file {
        Some(file) => TokenSource::File(file.clone()),
        None => TokenSource::Asked(Box::new(Accounts::new(options.auth_url.as_deref(), config)?)),
    };
    Ok((Addresses { commands, queries, internal }, source))
}

async fn import(options: &cli::Import, api: Arc<Api>, plans: Vec<Plan>) -> Result<()> {
    let mut report = Report::of(&plans);
    if options.stop_at_refusal
        && let Some(first) = report.refused.first()
    {
        bail!("{}: {}; nothing was imported", first.line, first.reason);
    }
    let run = Run { api, counts: Arc::default(), stop: CancellationToken::new(), stop_at_refusal: options.stop_at_refusal };
    let interrupt = run.stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say::progress("stopping after the commands that are under way; the same command goes on from there");
            interrupt.cancel();
        }
    });
    let begin = Instant::now();
    let outcome = rooms_and_people(options, &run, plans, &mut report).await;
    conclude(&run.counts, begin, &mut report);
    report.finished = outcome.is_ok() && !run.stop.is_cancelled();
    report.write(&options.report)?;
    summarise(options, &report);
    outcome?;
    if !report.finished {
        bail!("not finished; the same command goes on from there");
    }
    if report.messages_done + report.memberships == 0 && !report.refused.is_empty() {
        bail!("nothing was imported: every line was refused");
    }
    Ok(())
}

/// Asks where every room stands, registers whoever is still needed, and imports the rooms side by side.
async fn rooms_and_people(options: &cli::Import, run: &Run, plans: Vec<Plan>, report: &mut Report) -> Result<()> {
    let total = report.messages;
    let parallel = usize::from(options.parallel);
    let mut rooms = Vec::new();
    for mut plan in plans {
        let open: Vec<Remaining> = in_parallel(parallel, std::mem::take(&mut plan.rooms), |room| {
            let run = run.clone();
            async move { room::remaining(&run, room).await }
        })
        .await?;
        let needed: BTreeMap<_, _> = open.iter().flat_map(Remaining::people).map(|person| (person.id.clone(), person)).collect();
        if !needed.is_empty() {
            say::progress(&format!("{}: registering {} people", plan.source, needed.len()));
        }
        let taken = people::register(&run.api, &plan.source, needed.into_values(), REGISTRATIONS_PARALLEL);
        let taken = taken.await?;
        if options.stop_at_refusal
            && let Some(first) = taken.first()
        {
            bail!("{}: {}", first.line, first.reason);
        }
        report.refused.extend(taken);
        rooms.extend(open);
    }
    // The room with most to do begins first: it alone decides how long everything takes.
    rooms.sort_by_key(|remaining| std::cmp::Reverse(remaining.steps().len()));
    let imported = in_parallel(parallel, rooms, |remaining| {
        let run = run.clone();
        async move { room::import(&run, &remaining).await }
    });
    let refused: Vec<Vec<Refused>> = tokio::select! {
        imported = imported => imported?,
        () = progress::show("importing", &run.counts, total) => Vec::new(),
    };
    report.refused.extend(refused.into_iter().flatten());
    Ok(())
}

async fn compare(options: &cli::Import, api: Arc<Api>, plans: Vec<Plan>) -> Result<()> {
    let begin = Instant::now();
    let mut report = Report::of(&plans);
    let counts: Arc<Counts> = Arc::default();
    let rooms: Vec<_> = plans.into_iter().flat_map(|plan| plan.rooms).collect();
    let count = rooms.len();
    let compared = in_parallel(usize::from(options.parallel), rooms, |room| {
        let (api, counts) = (Arc::clone(&api), Arc::clone(&counts));
        async move { verify::room(&api, &room, |seen| _ = counts.done.fetch_add(seen, Ordering::Relaxed)).await }
    });
    let compared: Vec<verify::Compared> = tokio::select! {
        compared = compared => compared?,
        () = progress::show("comparing", &counts, report.messages) => Vec::new(),
    };
    conclude(&counts, begin, &mut report);
    let same: u64 = compared.iter().map(|room| room.same).sum();
    let differences: Vec<_> = compared.into_iter().flat_map(|room| room.differences).collect();
    for difference in differences.iter().take(REFUSED_SHOWN) {
        say::line(&format!("  {difference}"));
    }
    say::line(&format!(
        "{same} of {} messages in {count} rooms are as in the files (room, author, time, text), and so are the members of {}",
        report.messages,
        if differences.is_empty() { "all rooms" } else { "the other rooms" },
    ));
    if !differences.is_empty() || same != report.messages {
        bail!("what is there differs from the files");
    }
    Ok(())
}

fn conclude(counts: &Counts, begin: Instant, report: &mut Report) {
    report.seconds = begin.elapsed().as_secs_f64();
    report.messages_done = counts.done.load(Ordering::Relaxed);
    report.messages_found = counts.found.load(Ordering::Relaxed);
    report.memberships = counts.memberships.load(Ordering::Relaxed);
    report.messages_per_second = progress::per_second(report.messages_done - report.messages_found, report.seconds);
}

fn summarise(options: &cli::Import, report: &Report) {
    for refused in report.refused.iter().take(REFUSED_SHOWN) {
        say::line(&format!("  refused: {}: {}", refused.line, refused.reason));
    }
    let Report { messages, messages_done, messages_found, memberships, messages_per_second, seconds, .. } = report;
    say::line(&format!(
        "{messages_done} of {messages} messages are there ({messages_found} were before), {memberships} came or went, {} refused; \
         {seconds:.1} s, {messages_per_second} messages a second",
        report.refused.len(),
    ));
    say::line(&format!("how names were mapped, and everything refused: {}", options.report.display()));
}

/// Runs `work` on every item, at most `parallel` at once; the first error ends it.
async fn in_parallel<I, O, E, F>(parallel: usize, items: Vec<I>, work: impl Fn(I) -> F) -> Result<Vec<O>>
where
    O: Send + 'static,
    E: Into<anyhow::Error> + Send + 'static,
    F: Future<Output = Result<O, E>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(parallel));
    let mut tasks = JoinSet::new();
    for item in items {
        let (permits, work) = (Arc::clone(&permits), work(item));
        // Tasks start in their order, because a semaphore is fair.
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            work.await
        });
    }
    let mut outcomes = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        outcomes.push(ended?.map_err(Into::into)?);
    }
    Ok(outcomes)
}
