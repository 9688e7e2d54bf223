//! `sarangbang projections` and `sarangbang parked`: what an operator asks of a running system, over its internal listener.
//!
//! * [`client`] speaks to the listener; [`show`] puts the answers into words; [`follow`] stays with a rebuild.

mod client;
mod follow;
mod show;

use anyhow::{Result, bail};
use infra::config::Config;
use projectors::operations::Projection;
use serde_json::json;

use self::client::Client;
use crate::cli::{self, Parked, Projections};
use crate::say;

/// Runs a command about the read models.
pub async fn projections(asked: &Projections, config: &Config) -> Result<()> {
    match asked {
        Projections::Status { operator, json } => {
            let found: Vec<Projection> = Client::new(operator, config)?.get("/projections").await?;
            if *json {
                say::line(&serde_json::to_string_pretty(&found)?);
            } else {
                found.iter().flat_map(show::projection).for_each(|line| say::line(&line));
            }
            Ok(())
        }
        Projections::Rebuild { projection, hold, detach } => {
            let client = Client::new(&projection.operator, config)?;
            begin(&client, &projection.name, !hold).await?;
            if *detach {
                say::line("it is being built; `sarangbang projections status` shows how far it is");
                return Ok(());
            }
            follow::rebuild(&client, &projection.name).await
        }
        Projections::Pause(projection) => step(projection, config, "pause").await,
        Projections::Resume(projection) => step(projection, config, "resume").await,
        Projections::Abandon(projection) => step(projection, config, "abandon").await,
        Projections::Switch { projection, despite_differences } => {
            let client = Client::new(&projection.operator, config)?;
            let body = json!({ "by": projection.operator.by, "despiteDifferences": despite_differences });
            let asked = client.post::<Projection>(&path(&projection.name, "switch"), &body).await?;
            let Some(target) = asked.rebuild.map(|rebuild| rebuild.progress.generation) else { return Ok(()) };
            follow::switch(&client, &projection.name, target).await
        }
        Projections::SwitchBack(projection) => {
            let client = Client::new(&projection.operator, config)?;
            let asked: Projection =
                client.post(&path(&projection.name, "switch-back"), &json!({ "by": projection.operator.by })).await?;
            // Done already, when nothing is asked for any more.
            let target = asked.old.filter(|_| asked.switching_back).unwrap_or(asked.live).generation;
            follow::switch(&client, &projection.name, target).await
        }
        Projections::DropOld(projection) => step(projection, config, "drop-old").await,
    }
}

/// Begins a rebuild; where one is under way already, it is that one that is followed.
async fn begin(client: &Client, name: &str, switch: bool) -> Result<()> {
    let body = json!({ "by": client.by(), "switch": switch });
    match client.post::<Projection>(&path(name, "rebuild"), &body).await {
        Err(error) if client::code(&error) == Some("rebuild-under-way") => {
            say::progress("a rebuild is under way already");
            Ok(())
        }
        begun => begun.map(drop),
    }
}

async fn step(projection: &cli::Projection, config: &Config, step: &str) -> Result<()> {
    let client = Client::new(&projection.operator, config)?;
    let body = json!({ "by": projection.operator.by });
    let found: Projection = client.post(&path(&projection.name, step), &body).await?;
    show::projection(&found).iter().for_each(|line| say::line(line));
    Ok(())
}

fn path(name: &str, step: &str) -> String {
    format!("/projections/{name}/{step}")
}

/// Runs a command about parked events.
pub async fn parked(asked: &Parked, config: &Config) -> Result<()> {
    match asked {
        Parked::List { operator, limit, json } => {
            let path = format!("/parked?limit={limit}");
            let found: projectors::parked::Listed = Client::new(operator, config)?.get(&path).await?;
            if *json {
                say::line(&serde_json::to_string_pretty(&found)?);
            } else {
                say::line(&show::parked(&found));
            }
            Ok(())
        }
        Parked::Show(event) => {
            let client = Client::new(&event.operator, config)?;
            let found: serde_json::Value = client.get(&format!("/parked/{}", event.event)).await?;
            say::line(&serde_json::to_string_pretty(&found)?);
            Ok(())
        }
        Parked::Retry(event) => deal_with(event, config, "retry", "was applied").await,
        Parked::Discard(event) => deal_with(event, config, "discard", "is left out for good").await,
    }
}

async fn deal_with(event: &cli::Event, config: &Config, step: &str, outcome: &str) -> Result<()> {
    if event.event.contains(['/', '?', '#']) {
        bail!("{:?} is no id of an event; `sarangbang parked list` shows them", event.event);
    }
    let client = Client::new(&event.operator, config)?;
    client.command(&format!("/parked/{}/{step}", event.event), &json!({ "by": event.operator.by })).await?;
    say::line(&format!("{} {outcome}", event.event));
    Ok(())
}
