//! `cargo xtask cluster`: the whole arrangement on one machine. nginx before two nodes of each role, on three brokers and Postgres.
//!
//! Everything is below one folder, on loopback; only the gateway's port is chosen by whoever starts it. Adding a role: a line in
//! [`MEMBERS`], in the order of the start.

mod member;
mod state;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use deploy::gateway::{self, Gateway, nginx};

use crate::services::process::{Process, Signal, answers, free_ports};
use crate::{prove, services, workspace};
use member::Member;
use state::State;

/// Which roles, and how many nodes of each, in the order of their start.
const MEMBERS: &[(&str, u32)] =
    &[("auth-api", 1), ("command-api", 2), ("projectors", 2), ("query-api", 2), ("orchestrator", 2), ("front", 1)];
/// Brokers: what production has.
const BROKERS: u32 = 3;

/// `cluster` and what follows it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where everything of it is kept (default: target/cluster)
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start what is not running, and wait until it answers
    Up {
        /// The port of the gateway
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// The program to run (default: builds target/debug/sarangbang)
        #[arg(long)]
        program: Option<PathBuf>,
    },
    /// Stop everything, and remove its data
    Down {
        /// Leave the data in place; the next `up` continues with it
        #[arg(long)]
        keep: bool,
    },
    /// What runs, where, and how much memory it takes
    Status,
    /// End one node with SIGKILL
    Kill {
        /// Its role, such as command-api
        role: String,
        /// Which of its nodes, from 1
        number: u32,
    },
    /// End one node in an orderly way
    Stop {
        /// Its role, such as command-api
        role: String,
        /// Which of its nodes, from 1
        number: u32,
    },
    /// Start one node again
    Start {
        /// Its role, such as command-api
        role: String,
        /// Which of its nodes, from 1
        number: u32,
    },
}

/// Runs one action.
///
/// # Errors
/// Says what is missing, or which process did not start and the end of its log.
pub fn run(arguments: Arguments) -> Result<()> {
    let folder = arguments.folder.unwrap_or_else(|| workspace::target().join("cluster"));
    let mut state = State::lock(&folder)?;
    match arguments.action {
        Action::Up { port, program } => up(&mut state, port, program),
        Action::Down { keep } => down(&mut state, keep),
        Action::Status => {
            status(&state);
            Ok(())
        }
        Action::Kill { role, number } => end(&mut state, &role, number, Signal::Kill),
        Action::Stop { role, number } => end(&mut state, &role, number, Signal::Terminate),
        Action::Start { role, number } => {
            state.member(&role, number)?;
            start_missing(&mut state, Some((role.as_str(), number)))
        }
    }
}

fn up(state: &mut State, port: u16, program: Option<PathBuf>) -> Result<()> {
    ensure!(Command::new(gateway::program()).arg("-v").output().is_ok(), "nginx is missing: apt-get install nginx-light");
    if state.members.is_empty() {
        plan(state, port)?;
    }
    ensure!(state.port == port, "the gateway of {} is at port {}: `cluster down` first", state.folder.display(), state.port);
    state.program = match program {
        Some(program) => std::path::absolute(program)?,
        None => {
            prove::complete(prove::cargo().args(["build", "--locked", "--package", "server"]))?;
            workspace::target().join("debug/sarangbang")
        }
    };
    state.save()?;
    let env = services::ensure(&state.folder.join("services"), BROKERS, &services::LOG_AND_DATABASE)?;
    std::fs::write(state.configuration(), configuration(state, &env)?)?;
    start_missing(state, None)?;
    status(state);
    println!("open http://127.0.0.1:{}", state.port);
    Ok(())
}

fn plan(state: &mut State, port: u16) -> Result<()> {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("port {port}: take another by --port"))?;
    drop(held);
    state.port = port;
    for (role, nodes) in MEMBERS {
        for number in 1..=*nodes {
            state.members.push(Member::new(role, number, &free_ports(2)?)?);
        }
    }
    Ok(())
}

/// The one file of settings of all processes.
fn configuration(state: &State, env: &[(&'static str, String)]) -> Result<String> {
    let server = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).with_context(|| format!("no {name}"))
    };
    let first = |role: &str| state.members.iter().find(|member| member.role == role).with_context(|| format!("no {role}"));
    Ok(format!(
        "[http]
trusted_proxies = \"127.0.0.1\"

[log]
kind = \"kafka\"
brokers = \"{kafka}\"

[read_model]
kind = \"postgres\"
postgres_url = \"{postgres}\"

[sagas]
kind = \"postgres\"
postgres_url = \"{postgres}\"

[auth]
kind = \"postgres\"
postgres_url = \"{postgres}\"
sealing_key_file = \"{folder}/sealing.key\"
service_secret_file = \"{folder}/service.secret\"

[tokens]
jwks_url = \"http://127.0.0.1:{auth}/user/.well-known/jwks.json\"

[upstream]
command_api_url = \"http://127.0.0.1:{command}\"
auth_api_url = \"http://127.0.0.1:{auth_internal}\"
",
        kafka = server("SARANGBANG_TEST_KAFKA")?,
        postgres = server("SARANGBANG_TEST_POSTGRES")?,
        folder = state.folder.display(),
        auth = first("auth-api")?.public,
        auth_internal = first("auth-api")?.internal,
        command = first("command-api")?.internal,
    ))
}

/// Starts those that do not run, all at once, then waits for each; then the gateway.
fn start_missing(state: &mut State, only: Option<(&str, u32)>) -> Result<()> {
    let mut started = Vec::new();
    for index in 0..state.members.len() {
        let member = state.members.get(index).context("no such member")?;
        let is_wanted = only.is_none_or(|(role, number)| member.role == role && member.number == number);
        if !is_wanted || member.process.as_ref().is_some_and(Process::is_alive) {
            continue;
        }
        let process = member.start(&state.folder, &state.program, &state.configuration())?;
        if let Some(member) = state.members.get_mut(index) {
            member.process = Some(process);
        }
        // Saved at once: whatever happens next, `down` knows this process.
        state.save()?;
        started.push(index);
    }
    for index in started {
        let member = state.members.get(index).context("no such member")?;
        member.wait(&state.folder)?;
        println!("{member} is ready");
    }
    start_gateway(state)
}

fn start_gateway(state: &mut State) -> Result<()> {
    if state.gateway.as_ref().is_some_and(Process::is_alive) {
        return Ok(());
    }
    let of = |role: &str| -> Vec<String> {
        state.members.iter().filter(|member| member.role == role).map(|member| format!("127.0.0.1:{}", member.public)).collect()
    };
    let single = |role: &str| of(role).into_iter().next().with_context(|| format!("no {role}"));
    let gateway = Gateway {
        listen: format!("127.0.0.1:{}", state.port),
        command: of("command-api"),
        query: of("query-api"),
        orchestrator: of("orchestrator"),
        auth: single("auth-api")?,
        front: single("front")?,
    };
    let folder = state.folder.join("gateway");
    gateway.write(&folder)?;
    let (port, log) = (state.port, folder.join("out.log"));
    let process = Process::start(nginx(&folder), &log)?;
    state.gateway = Some(process.clone());
    state.save()?;
    process.wait_until("nginx", &log, || answers(port))
}

fn end(state: &mut State, role: &str, number: u32, signal: Signal) -> Result<()> {
    let member = state.member(role, number)?;
    let process = member.process.take().with_context(|| format!("{role} {number} was not started"))?;
    process.signal(signal)?;
    process.wait_for_end()?;
    println!("{role} {number} ended by {signal:?}");
    state.save()
}

fn down(state: &mut State, keep: bool) -> Result<()> {
    let ending = state.members.iter().rev().filter_map(|member| member.process.as_ref());
    let all: Vec<Process> = state.gateway.iter().chain(ending).cloned().collect();
    // The gateway first, so that nobody asks those who stop; the others all at once: each hands over what it has.
    all.iter().try_for_each(|process| process.signal(Signal::Terminate))?;
    all.iter().try_for_each(Process::wait_for_end)?;
    state.gateway = None;
    state.members.iter_mut().for_each(|member| member.process = None);
    state.save()?;
    services::stop(&state.folder.join("services"), keep)?;
    if !keep {
        state.remove()?;
    }
    println!("stopped");
    Ok(())
}

fn status(state: &State) {
    if state.members.is_empty() {
        println!("nothing was started in {}", state.folder.display());
    }
    for member in &state.members {
        println!("{member:<54} {}", described(member.process.as_ref(), &member.log(&state.folder)));
    }
    if !state.members.is_empty() {
        let gateway = format!("gateway (127.0.0.1:{})", state.port);
        println!("{gateway:<54} {}", described(state.gateway.as_ref(), &state.folder.join("gateway/out.log")));
        println!("brokers and database: cargo xtask services --folder {} status", state.folder.join("services").display());
    }
}

fn described(process: Option<&Process>, log: &Path) -> String {
    match process.filter(|process| process.is_alive()) {
        Some(process) => format!("pid {}, {} MiB, log {}", process.id, process.resident_bytes() >> 20, log.display()),
        None => format!("does not run, log {}", log.display()),
    }
}
