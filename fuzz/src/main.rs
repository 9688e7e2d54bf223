//! Fuzzes one target for a while: what `cargo xtask fuzz` runs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use fuzz::engine::{Until, run};
use fuzz::{corpus, targets};

/// Fuzz one target.
#[derive(Parser)]
struct Arguments {
    /// Which; a wrong name lists them.
    target: String,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of an earlier run, to repeat it.
    #[arg(long)]
    seed: Option<u64>,
}

#[expect(clippy::print_stdout, reason = "a command-line tool talks to its user on standard output")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let target = targets::find(&arguments.target).with_context(|| {
        let known: Vec<_> = targets::ALL.iter().map(|target| format!("{}: {}", target.name, target.about)).collect();
        format!("no target {}; there are\n  {}", arguments.target, known.join("\n  "))
    })?;
    let seed = arguments.seed.unwrap_or_else(targets::random_seed);
    println!("{} for {} s, seed {seed}", target.name, arguments.seconds);
    let corpus: Vec<_> = corpus::read(target.name)?.into_iter().map(|(_, input)| input).collect();
    let report = run(target, &corpus, seed, Until::Elapsed(Duration::from_secs(arguments.seconds)));
    println!("{} inputs, {} signatures", report.runs, report.signatures);
    if let Some(broken) = report.broken {
        let file = corpus::keep_finding(target.name, &broken.input)?;
        bail!("broken: {}\n  input: {}\n  {:?}", broken.message, file.display(), String::from_utf8_lossy(&broken.input));
    }
    Ok(())
}
