//! Processes that outlive this one: started in a group of their own, found again by pid *and* start time.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How long a server may take to answer after its start. Generous: the machine may be busy compiling.
const START_SECONDS_MAX: u64 = 180;
/// How long an orderly stop may take before SIGKILL.
const STOP_SECONDS_MAX: u64 = 30;
const POLL: Duration = Duration::from_millis(100);
const PAGE_BYTES: u64 = 4096;

/// A process that this tool started, perhaps in an earlier call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its pid; may since belong to somebody else.
    pub id: u32,
    /// Clock ticks from boot to its start, which tells it from a later process with the same pid.
    started: u64,
}

/// What to tell a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// SIGTERM
    Terminate,
    /// SIGINT
    Interrupt,
    /// SIGKILL
    Kill,
}

impl Process {
    /// Starts a command in the background, its output appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(log)?;
        let errors = out.try_clone()?;
        // A group of its own: Ctrl-C in the terminal must not reach it, only `down` ends it.
        command.stdin(Stdio::null()).stdout(out).stderr(errors).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let id = child.id();
        let (_, started) =
            stat(id).with_context(|| format!("{:?} ended at once, see {}", command.get_program(), log.display()))?;
        Ok(Self { id, started })
    }

    /// Whether this very process still runs. A zombie does not.
    pub fn is_alive(&self) -> bool {
        stat(self.id).is_some_and(|(state, started)| started == self.started && state != 'Z')
    }

    /// Sends a signal, if it is still this process that has the pid.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Kill => "KILL",
        };
        // What is killed takes its children along, which are of its group: Elasticsearch's server is the child of a launcher.
        let whom = if matches!(signal, Signal::Kill) { format!("-{}", self.id) } else { self.id.to_string() };
        // The shell's own `kill`: a bare Debian has no program of that name, and this workspace forbids unsafe code.
        let status = Command::new("sh").arg("-c").arg(format!("kill -s {name} -- {whom}")).status()?;
        ensure!(status.success() || !self.is_alive(), "cannot send SIG{name} to {}", self.id);
        Ok(())
    }

    /// Waits until it has ended; after [`STOP_SECONDS_MAX`] it is killed.
    pub fn wait_for_end(&self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        while self.is_alive() {
            if Instant::now() > patience {
                self.signal(Signal::Kill)?;
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Resident memory of the largest process of its group, which may be a child; 0 when it has ended.
    pub fn resident_bytes(&self) -> u64 {
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| group(*id) == Some(self.id)).map(resident_bytes).max().unwrap_or_default()
    }

    /// Waits for a condition while the process lives; on failure the error carries the end of its log.
    pub fn wait_until(&self, what: &str, log: &Path, ready: impl Fn() -> bool) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !ready() {
            if !self.is_alive() {
                bail!("{what} ended while starting:\n{}", tail(log));
            }
            if Instant::now() > patience {
                bail!("{what} did not answer within {START_SECONDS_MAX} s:\n{}", tail(log));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Runs a command to its end, its output kept in `log`; the error shows it.
pub fn complete(mut command: Command, log: &Path) -> Result<()> {
    let out = File::create(log)?;
    let errors = out.try_clone()?;
    let program = command.get_program().to_owned();
    let status = command.stdin(Stdio::null()).stdout(out).stderr(errors).status();
    let status = status.with_context(|| format!("cannot start {program:?}"))?;
    ensure!(status.success(), "{program:?} failed ({status}):\n{}", tail(log));
    Ok(())
}

/// So many different free loopback ports. Another program may take one before it is used; then the start says so.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether somebody listens there.
pub fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).is_ok()
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}

fn resident_bytes(id: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * PAGE_BYTES
}

/// The group of a process.
fn group(id: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
}

/// State letter and start time from `/proc/PID/stat`, counted after the command's closing parenthesis (which may itself hold anything).
fn stat(id: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time_too() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let mut command = Command::new("sleep");
        command.arg("600");
        let process = Process::start(command, &log).unwrap();
        assert!(process.is_alive());
        let other = Process { started: process.started + 1, ..process };
        assert!(!other.is_alive(), "the pid now belongs to somebody else");
        other.signal(Signal::Kill).unwrap();
        assert!(process.is_alive(), "a process that is not ours was left alone");
        process.signal(Signal::Kill).unwrap();
        process.wait_for_end().unwrap();
        assert!(!process.is_alive());
        std::fs::remove_file(log).unwrap();
    }
}
