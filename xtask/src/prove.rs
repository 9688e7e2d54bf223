//! `cargo xtask prove NAME`: runs a test in its full size and writes what it found, with machine and commit, to `docs/proofs/`.
//!
//! Adding a proof: a test of any crate that takes its full size when `SARANGBANG_PROOF` names a file, and appends the rows of the
//! page to it as JSON, `["what", "value"]` a line (`e2e::proof` does both); and an entry in [`PROOFS`].

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{services, workspace};

struct Proof {
    name: &'static str,
    /// The crate that it is a test of. Tests of `e2e` get the program.
    package: &'static str,
    /// Which tests of the crate's integration suite it is; an empty filter is all of them.
    filter: &'static str,
    /// How many brokers it needs beside Postgres; none for the embedded default alone.
    brokers: u32,
    /// Whether it is made of the real chat logs.
    of_chatdata: bool,
    /// What is shown, for the head of the page.
    claim: &'static str,
}

/// The profile that proofs are built with.
const BUILD: &str = "the development profile, as ./run and ./test use it";

const PROOFS: &[Proof] = &[
    Proof {
        name: "import",
        package: "e2e",
        filter: "import::real_data",
        brokers: 3,
        of_chatdata: true,
        claim: "Every line of the real chat logs was imported through the commands and read back through the public queries: the \
                same room, mapped author, time to the millisecond, and text, in the same order and nothing besides; on the \
                embedded default, and on Kafka with Postgres.",
    },
    Proof {
        name: "import-one-broker",
        package: "e2e",
        filter: "import::real_data_on_kafka",
        brokers: 1,
        of_chatdata: true,
        claim: "The same on one broker with Postgres, as a small installation has it: every line of the real chat logs was imported \
                through the commands and read back exactly.",
    },
    Proof {
        name: "scale",
        package: "e2e",
        filter: "scale::",
        brokers: 0,
        of_chatdata: false,
        claim: "What size costs on the embedded default, in one process, through the public interface: a room of many members, a \
                person of many rooms, a room of many messages, a node of many sockets. `docs/scale.md` says what bounds what.",
    },
    Proof {
        name: "faults",
        package: "e2e",
        filter: "faults::",
        // It starts servers of its own, to kill them.
        brokers: 0,
        of_chatdata: true,
        claim: "Random faults were put, one after the other, upon three brokers, Postgres and two nodes of each role, under a steady \
                load made of the real chat logs; then a separate checker compared what had been acknowledged, what sockets had been \
                told, the log read by a plain Kafka consumer, and the read model. `SARANGBANG_FAULTS` says how many, \
                `SARANGBANG_FAULTS_SEED` which. A disk of the embedded log was filled too.",
    },
    Proof {
        name: "registrations",
        package: "e2e",
        filter: "registrations::",
        brokers: 3,
        of_chatdata: false,
        claim: "Registrations were asked for in the log, as auth-api asks for them, and taken through the saga on three brokers and Postgres, \
                while each of two orchestrators and the only command-api were killed with SIGKILL. Each ended in exactly one way: the person is in \
                the log by the command of that saga, or nothing of it is.",
    },
    Proof {
        name: "model",
        package: "model",
        filter: "",
        brokers: 0,
        of_chatdata: false,
        claim: "The write protocol was searched to the end of each of these bounds, through every interleaving, with the production \
                code of ownership, acceptance and pending answers; and each of the mistakes, built into that code, its \
                surroundings or its settings on purpose, was caught with a counterexample. To read the counterexamples: `cargo test -p model -- --nocapture`.",
    },
];

/// Runs one proof.
///
/// # Errors
/// When the proof fails, or something that it needs is missing.
pub fn run(name: &str) -> Result<()> {
    let known: Vec<&str> = PROOFS.iter().map(|proof| proof.name).collect();
    let proof = PROOFS.iter().find(|proof| proof.name == name).with_context(|| format!("{name}: the proofs are {known:?}"))?;
    let missing = proof.of_chatdata && std::env::var_os("SARANGBANG_CHATDATA").is_none();
    ensure!(!missing, "set SARANGBANG_CHATDATA to the folder with the real chat logs");
    if proof.package == "e2e" {
        complete(cargo().args(["build", "--locked", "--package", "server"]))?;
    }
    let folder = workspace::target().join("services-prove");
    let rows = if proof.brokers == 0 {
        measure(proof, Vec::new())?
    } else {
        services::up(&folder, proof.brokers, &services::LOG_AND_DATABASE)?;
        let rows = services::env(&folder).and_then(|env| measure(proof, env));
        services::down(&folder)?;
        rows?
    };
    let page = page(proof, &rows)?;
    let file = workspace::root().join(format!("docs/proofs/{}-{name}.md", today()));
    std::fs::create_dir_all(file.parent().context("no folder")?)?;
    std::fs::write(&file, page)?;
    println!("{}", file.display());
    Ok(())
}

fn measure(proof: &Proof, servers: Vec<(&'static str, String)>) -> Result<Vec<(String, String)>> {
    let results = workspace::target().join(format!("proof-{}.jsonl", proof.name));
    std::fs::write(&results, "")?;
    let began = Instant::now();
    let mut test = cargo();
    test.args(["test", "--locked", "--package", proof.package, "--test", "it", proof.filter]);
    test.args(["--", "--nocapture", "--test-threads", "1"]);
    test.env("SARANGBANG_PROOF", &results).env("SARANGBANG_TEST_REQUIRE_SERVERS", "1");
    test.envs(servers);
    complete(&mut test)?;
    let text = std::fs::read_to_string(&results)?;
    let mut rows: Vec<(String, String)> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(!rows.is_empty(), "the tests {} recorded nothing", proof.filter);
    rows.push(("the whole proof".to_owned(), format!("{:.0} s", began.elapsed().as_secs_f64())));
    Ok(rows)
}

fn page(proof: &Proof, rows: &[(String, String)]) -> Result<String> {
    let mut page = format!("# Proof: {}\n\n{}\n\nRepeat it: `cargo xtask prove {}`\n\n", proof.name, proof.claim, proof.name);
    page.push_str("| what | value |\n|---|---|\n");
    for (what, value) in machine(BUILD)?.iter().chain(rows) {
        writeln!(page, "| {what} | {value} |")?;
    }
    Ok(page)
}

/// Where and from what a page was made; `build` names the profile.
pub fn machine(build: &str) -> Result<Vec<(String, String)>> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        ""
    } else {
        ", with changes that were not committed"
    };
    Ok(vec![
        ("date".to_owned(), today()),
        ("commit".to_owned(), format!("{}{changed}", git(&["rev-parse", "HEAD"])?)),
        (
            "machine".to_owned(),
            format!("{cores} cores ({cpu}), {} GiB, Linux {}", memory_kib >> 20, read("/proc/sys/kernel/osrelease").trim()),
        ),
        ("build".to_owned(), build.to_owned()),
    ])
}

/// The day, for the name of a page.
#[expect(clippy::disallowed_methods, reason = "the date of a page is the real one; nothing of the system depends on it")]
pub fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

fn git(arguments: &[&str]) -> Result<String> {
    let out = Command::new("git").args(arguments).current_dir(workspace::root()).output().context("cannot start git")?;
    Ok(String::from_utf8(out.stdout)?.trim().to_owned())
}

/// Cargo, at the root of the checkout.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    command
}

/// Runs a command that must succeed.
pub fn complete(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
