//! Archives of chats as JSONL: the real ones (`SARANGBANG_CHATDATA`) and one of our own making; and, written a second time from
//! `docs/import.md`, the rule by which names of an archive become user ids here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use domain::{CommandHash, UserId};
use serde::{Deserialize, Serialize};

/// The folder with the real archives.
pub const FOLDER_VARIABLE: &str = "SARANGBANG_CHATDATA";
const MEMBERSHIP: &str = ".membership";
const ENDING: &str = ".jsonl.zst";

/// One message of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The room's name there.
    pub room: String,
    /// The nickname there.
    pub user: String,
    /// RFC 3339, UTC, with milliseconds.
    pub at: String,
    /// What was said.
    pub text: String,
}

/// A file of messages, and the file of memberships that goes with it.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The file's name without endings: the name of the source.
    pub source: String,
    /// The messages.
    pub messages: PathBuf,
    /// The memberships.
    pub memberships: Option<PathBuf>,
}

impl Archive {
    /// Both files, to be given to `sarangbang import`.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.memberships.iter().chain([&self.messages]).map(|file| file.display().to_string()).collect()
    }
}

/// The real archives; none if the variable is not set.
///
/// # Errors
/// When the folder cannot be read or holds none.
pub fn real() -> Result<Vec<Archive>> {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) else { return Ok(Vec::new()) };
    let mut archives = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{FOLDER_VARIABLE}={}", folder.display()))? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        let Some(source) = name.strip_suffix(ENDING).filter(|source| !source.ends_with(MEMBERSHIP)) else { continue };
        let memberships = Some(folder.join(format!("{source}{MEMBERSHIP}{ENDING}"))).filter(|file| file.is_file());
        archives.push(Archive { source: source.to_owned(), messages: folder.join(&name), memberships });
    }
    ensure!(!archives.is_empty(), "there is no {ENDING} file in {}", folder.display());
    archives.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(archives)
}

/// The first `count` messages of an archive as an archive of its own with the same source name, and the memberships until then.
///
/// # Errors
/// When a file cannot be read or written.
pub fn beginning(archive: &Archive, count: usize, folder: &Path) -> Result<Archive> {
    let mut messages = read(&archive.messages)?;
    messages.truncate(count);
    let last = messages.last().map(|line| line.at.clone()).unwrap_or_default();
    let part = write(folder, &archive.source, &messages)?;
    let Some(file) = &archive.memberships else { return Ok(part) };
    #[derive(Deserialize)]
    struct Dated {
        at: String,
    }
    let copy = folder.join(format!("{}{MEMBERSHIP}.jsonl", archive.source));
    let mut out = File::create(&copy)?;
    for line in lines_of(file)? {
        let line = line?;
        if serde_json::from_str::<Dated>(&line)?.at <= last {
            writeln!(out, "{line}")?;
        }
    }
    Ok(Archive { memberships: Some(copy), ..part })
}

/// An archive of our own making, with everything that is awkward: names that differ only by case or are no user ids, Hangul,
/// texts of many lines, a room in which one person speaks, times that are the same.
///
/// # Errors
/// When it cannot be written.
pub fn made_up(folder: &Path) -> Result<Archive> {
    let speakers = ["ann", "Ann", "ANN", "밥", "me", "[x]`|^", "a/b", "with space", "~", &"long".repeat(16)];
    let texts = [
        "hello",
        "안녕하세요, 여러분!",
        "two\nlines\n\tand a tab",
        "한글 [brackets] \"quotes\"",
        "@ann what do you think?",
        "🧑‍🚀",
    ];
    let rooms = [
        "#kitchen",
        "사랑방",
        "a room with a name that is far too long for a room here, but archives do have such names: yes, they do",
    ];
    let mut lines = Vec::new();
    for (number, user) in (0_u32..120).zip(speakers.iter().cycle()) {
        let room = rooms.get(usize::from(number % 7 == 0) + usize::from(number % 11 == 0)).context("no room")?;
        let text = texts.get(number as usize % texts.len()).context("no text")?;
        // Three messages have the same time.
        let at = format!("2020-02-29T23:{:02}:00.{:03}Z", number / 3, number / 3 * 7 % 1000);
        lines.push(Line { room: (*room).to_owned(), user: (*user).to_owned(), at, text: format!("{text} ({number})") });
    }
    lines.push(Line { room: "alone".into(), user: "hermit".into(), at: "2020-03-01T00:00:00.000Z".into(), text: "…".into() });
    write(folder, "made-up", &lines)
}

/// A long archive of our own making: `rooms` rooms with `messages` messages each.
///
/// # Errors
/// When it cannot be written.
pub fn long(folder: &Path, rooms: usize, messages: usize) -> Result<Archive> {
    let line = |number: usize| Line {
        room: format!("#room-{}", number % rooms.max(1)),
        user: format!("nick{}", number % 23),
        at: format!("2020-03-01T{:02}:{:02}:{:02}.000Z", number / 3_600 % 24, number / 60 % 60, number % 60),
        // Many say the same: no message may be recognised by its text alone.
        text: format!("line {}", number % 5),
    };
    write(folder, "long", &(0..rooms * messages).map(line).collect::<Vec<_>>())
}

/// An archive of one room, `#crowd`, that `members` people came into before one of them spoke.
///
/// # Errors
/// When it cannot be written.
pub fn crowd(folder: &Path, members: usize) -> Result<Archive> {
    let at = "2020-03-02T00:00:00.000Z";
    let line = |user: String| Line { room: "#crowd".into(), user, at: at.into(), text: "so many!".into() };
    let archive = write(folder, "crowd", &[line("nick0".to_owned())])?;
    let memberships = folder.join(format!("crowd{MEMBERSHIP}.jsonl"));
    let mut out = std::io::BufWriter::new(File::create(&memberships)?);
    for number in 0..members {
        writeln!(out, r##"{{"room":"#crowd","user":"nick{number}","at":"2020-03-01T00:00:00.000Z","event":"joined"}}"##)?;
    }
    out.flush()?;
    Ok(Archive { memberships: Some(memberships), ..archive })
}

/// All messages of a file.
///
/// # Errors
/// When it cannot be read.
pub fn read(file: &Path) -> Result<Vec<Line>> {
    lines_of(file)?.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// The messages of each room, in order.
#[must_use]
pub fn by_room(lines: Vec<Line>) -> BTreeMap<String, Vec<Line>> {
    let mut rooms: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        rooms.entry(line.room.clone()).or_default().push(line);
    }
    rooms
}

/// The user id of a nickname: `nick.source` where that is a user id as it stands; else what is left of it, `~` and a digest.
///
/// # Errors
/// When the source's name would need a digest of its own: no file of the tests has such a name.
pub fn user_id(source: &str, nick: &str) -> Result<String> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    ensure!(source.len() <= 32 && source.chars().all(plain), "{source:?} is no plain name of a source");
    let as_it_stands = format!("{nick}.{source}");
    let is_id = |id: &str| UserId::parse(id).is_ok_and(|parsed| parsed.as_str() == id);
    if !nick.is_empty() && nick.chars().count() <= 31 && !nick.contains('~') && is_id(&as_it_stands) {
        return Ok(as_it_stands);
    }
    let digest: String = CommandHash::of(format!("{source}\0{nick}").as_bytes()).to_string().chars().take(10).collect();
    let lower = nick.to_lowercase();
    let kept: String = lower.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).take(20).collect();
    let readable = format!("{kept}~{digest}.{source}");
    Ok(if UserId::parse(&readable).is_ok() { readable } else { format!("~{digest}.{source}") })
}

fn write(folder: &Path, source: &str, lines: &[Line]) -> Result<Archive> {
    std::fs::create_dir_all(folder)?;
    let messages = folder.join(format!("{source}.jsonl"));
    let text: Vec<String> = lines.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    std::fs::write(&messages, text.join("\n") + "\n")?;
    Ok(Archive { source: source.to_owned(), messages, memberships: None })
}

fn lines_of(file: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let packed = file.extension().is_some_and(|ending| ending == "zst");
    let bytes: Box<dyn Read> = if packed { Box::new(zstd::Decoder::new(opened)?) } else { Box::new(opened) };
    Ok(BufReader::new(bytes).lines())
}
