//! Speed against its limits. `cargo xtask bench` builds this with optimisation, starts the servers and writes the page; run by
//! hand, it measures and prints.
//!
//! Each line of the table is a figure of ours beside its limit: the barest thing that does the same (a librdkafka producer, a
//! group commit of fjall, plain SQL). Both are measured in the same run, in turns ([`runs::in_turns`]): so a noisy minute hits
//! both, and the ratio says more than either number. A line without a limit stands for itself.
//!
//! # How to add a row
//!
//! 1. One file under `rows/` with a type that implements [`row::Row`]: its name, the logs it is measured on, and `measure`, which
//!    gives its lines.
//! 2. Take a world from [`world`] (a log of its own with rooms in it), or from [`feed`] (the program in a process of its own, and
//!    sockets), a load from [`load`], and measure with
//!    [`runs::in_turns`]. [`scale::Scale`] says how much: a `--quick` run takes a few seconds and only shows that the row works.
//! 3. Add it to [`rows::ALL`].
//!
//! A row that falls short stays in the table; the page, or `docs/benchmarks.md`, says why.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its user on standard output")]

mod canned;
mod feed;
mod http_load;
mod limits;
mod load;
mod read_model;
mod row;
mod rows;
mod runs;
mod scale;
mod table;
mod world;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use row::{On, Row};
use scale::Scale;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures rows of the table.
#[derive(Parser)]
struct Arguments {
    /// Shows that everything runs, in a few seconds a row; the numbers mean nothing.
    #[arg(long)]
    quick: bool,
    /// Only the rows with this in their name.
    #[arg(long)]
    only: Option<String>,
    /// Only on this log (default: on the embedded one, and on Kafka where `SARANGBANG_TEST_KAFKA` names the brokers).
    #[arg(long, value_enum)]
    on: Option<On>,
    /// Append the table to this file, as Markdown.
    #[arg(long)]
    page: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let scale = if arguments.quick { Scale::Quick } else { Scale::Full };
    let on = arguments.on.unwrap_or(On::Embedded);
    let wanted = |row: &&&dyn Row| arguments.only.as_ref().is_none_or(|only| row.name().contains(only.as_str()));
    let rows: Vec<_> = rows::ALL.iter().filter(wanted).filter(|row| row.on().contains(&on)).collect();
    ensure!(!rows.is_empty(), "no such row on {on}; there are {:?}", rows::ALL.iter().map(|row| row.name()).collect::<Vec<_>>());
    // As a service runs: with its log lines and metrics. The folders that rows leave behind are removed while stores still tidy up,
    // which fjall's tables warn about.
    let telemetry = infra::telemetry::Options {
        json: false,
        colour: false,
        filter: "info,fjall=warn,lsm_tree=error".to_owned(),
        node: "bench".to_owned(),
        version: env!("CARGO_PKG_VERSION"),
    };
    infra::telemetry::start(&telemetry)?;
    // Thousands of sockets are as many open files; a system that refuses says so when they are opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    table::print_head();
    for row in rows {
        let measured = runtime.block_on(row.measure(on, scale));
        for line in measured.with_context(|| format!("the row {} on {on}", row.name()))? {
            table::print(&line, on);
            if let Some(page) = &arguments.page {
                table::append(page, &line, on)?;
            }
        }
    }
    Ok(())
}
