//! Stays with a rebuild until it is done or needs somebody: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use infra::read_model::generations::{Generation, Stage};
use projectors::operations::{Projection, Rebuilding};

use super::client::Client;
use super::show;
use crate::say;

/// How often it is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How long a switch may take before somebody should look.
const SWITCH_MAX: Duration = Duration::from_secs(60);
const STYLE: &str = "generation {msg} [{bar:32}] {pos}/{len} records, {per_sec}, {eta} left";

/// Follows the rebuild until readers changed over, it waits for a word, or it is gone. Ending this ends no rebuild.
pub async fn rebuild(client: &Client, name: &str) -> Result<()> {
    let mut shown = Shown::default();
    let mut building = None;
    loop {
        let now: Projection = client.get(&format!("/projections/{name}")).await?;
        let Some(rebuild) = &now.rebuild else {
            drop(shown);
            return ended(&now, building);
        };
        building = Some(rebuild.progress.generation);
        let held = rebuild.stage == Stage::Verified && !rebuild.switch;
        if held || rebuild.stage == Stage::Differs || rebuild.paused {
            drop(shown);
            return waits(&now, rebuild);
        }
        shown.show(rebuild);
        tokio::time::sleep(LOOK).await;
    }
}

fn ended(now: &Projection, building: Option<Generation>) -> Result<()> {
    if building.is_some_and(|generation| generation != now.live.generation) {
        bail!("the rebuild was given up; generation {} stays live", now.live.generation);
    }
    now.verified.iter().flat_map(show::verification).for_each(|line| say::line(&line));
    switched(now);
    Ok(())
}

fn waits(now: &Projection, rebuild: &Rebuilding) -> Result<()> {
    show::projection(now).iter().for_each(|line| say::line(line));
    if rebuild.stage == Stage::Differs {
        bail!("generation {} differs from the live one, which stays live", rebuild.progress.generation);
    }
    Ok(())
}

/// Waits until readers changed over to `target`.
pub async fn switch(client: &Client, name: &str, target: Generation) -> Result<()> {
    let begin = Instant::now();
    loop {
        let now: Projection = client.get(&format!("/projections/{name}")).await?;
        if now.live.generation == target {
            switched(&now);
            return Ok(());
        }
        if begin.elapsed() > SWITCH_MAX {
            show::projection(&now).iter().for_each(|line| say::line(line));
            bail!("not switched after {} s; it is as soon as it can be", SWITCH_MAX.as_secs());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn switched(now: &Projection) {
    say::line(&format!("generation {} of {} is live", now.live.generation, now.name));
    if let Some(old) = &now.old {
        say::line(&format!("generation {} is kept and fed on: `switch-back` or `drop-old`, when you know", old.generation));
    }
}

/// What is on the screen; gone when it is dropped.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    line_at: Option<Instant>,
}

impl Shown {
    fn show(&mut self, rebuild: &Rebuilding) {
        let progress = &rebuild.progress;
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| bar(progress.generation));
            bar.set_length(progress.records_total);
            bar.set_position(progress.records_done);
        } else if self.line_at.is_none_or(|at| at.elapsed() >= LINE_INTERVAL) {
            self.line_at = Some(Instant::now());
            let projectors::operations::Progress { generation, records_done, records_total, .. } = progress;
            say::progress(&format!("generation {generation}: {records_done} of {records_total} records"));
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(generation: Generation) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_message(generation.to_string());
    match ProgressStyle::with_template(STYLE) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
