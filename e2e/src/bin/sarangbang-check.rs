//! Judges a folder of evidence: `sarangbang-check FOLDER`, or collects log and rooms first and puts them beside the journals.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its user on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use e2e::checker::{Evidence, check, collect};
use e2e::person::Person;
use e2e::system::Addresses;

/// Was anything that Sarangbang promised lost, doubled, moved, or told wrongly?
///
/// FOLDER holds the journals of a load client (deeds.jsonl, heard.jsonl). With --query it first reads the rooms of all query
/// nodes, and with --kafka the log, and keeps them there too (rooms.jsonl, log.jsonl); without, it takes those that are there.
/// It ends with 1 when something is wrong.
#[derive(Parser)]
struct Arguments {
    /// Where the evidence is.
    folder: PathBuf,
    /// The address of a query-api node; may be repeated.
    #[arg(long, requires = "auth")]
    query: Vec<String>,
    /// The address of auth-api, for the sign-in of somebody who reads.
    #[arg(long)]
    auth: Option<String>,
    /// Kafka's brokers.
    #[arg(long, requires = "query")]
    kafka: Option<String>,
    /// The topics' prefix.
    #[arg(long, default_value = "sarangbang")]
    prefix: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let evidence = match arguments.query.first() {
        Some(_) => collected(&arguments).await?,
        None => Evidence::load(&arguments.folder)?,
    };
    let report = check(&evidence);
    println!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn collected(arguments: &Arguments) -> Result<Evidence> {
    let mut evidence = Evidence::journals(&arguments.folder)?;
    let (query, auth) = (arguments.query.first().cloned(), arguments.auth.clone());
    let (query, auth) = (query.context("no query node")?, auth.context("no auth-api")?);
    let reader = Person::sign_in(&Addresses { command: auth.clone(), query, auth }, "checker").await?;
    evidence.rooms = collect::rooms(&evidence.deeds, &reader, &arguments.query).await?;
    if let Some(brokers) = &arguments.kafka {
        evidence.log = Some(collect::log(brokers, &arguments.prefix).await?);
    }
    evidence.save(&arguments.folder)?;
    Ok(evidence)
}
