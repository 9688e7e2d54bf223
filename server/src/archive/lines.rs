//! Reads the files: one JSON object a line, plain or compressed with zstd.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use domain::Timestamp;
use domain::text::MessageText;
use serde::Deserialize;
use serde_json::error::Category;

/// The most bytes of a line: more than the longest message in JSON that escapes every character.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// What stands at the end of the name of a file of memberships.
const MEMBERSHIP: &str = ".membership";

/// One archive: a file of messages, and possibly one of memberships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The source's name: the file's name without folder and endings.
    pub source: String,
    /// The messages.
    pub messages: PathBuf,
    /// The memberships.
    pub memberships: Option<PathBuf>,
}

/// A line that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in its file, from 1.
    pub number: u64,
    /// The room's name there.
    pub room: String,
    /// The nickname.
    pub user: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Somebody said something.
    Said(MessageText),
    /// Somebody came.
    Joined,
    /// Somebody went.
    Left,
    /// Somebody goes on under another name.
    Renamed(String),
}

/// A line that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Its file and number.
    pub line: String,
    /// Why not.
    pub reason: String,
}

/// Sorts files into archives, and refuses what does not belong together.
///
/// # Errors
/// What does not.
pub fn archives(files: &[PathBuf]) -> Result<Vec<Archive>> {
    let mut archives: Vec<Archive> = Vec::new();
    let mut memberships = Vec::new();
    for file in files {
        let stem = stem(file)?;
        match stem.strip_suffix(MEMBERSHIP) {
            Some(source) => memberships.push((source.to_owned(), file.clone())),
            None if archives.iter().any(|archive| archive.source == stem) => {
                bail!(
                    "{}: there is another file of the source {stem}; the source's name is the file's, so rename one",
                    file.display()
                )
            }
            None => archives.push(Archive { source: stem, messages: file.clone(), memberships: None }),
        }
    }
    for (source, file) in memberships {
        let Some(archive) = archives.iter_mut().find(|archive| archive.source == source) else {
            bail!("{}: give {source}.jsonl too, since memberships are imported with their messages", file.display())
        };
        if archive.memberships.replace(file).is_some() {
            bail!("there are two files of memberships of the source {source}");
        }
    }
    Ok(archives)
}

fn stem(file: &Path) -> Result<String> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".zst").unwrap_or(name);
    match name.strip_suffix(".jsonl") {
        Some(stem) if !stem.is_empty() => Ok(stem.to_owned()),
        _ => bail!("{}: expected a file called NAME.jsonl or NAME.jsonl.zst", file.display()),
    }
}

/// Reads all of `file`; lines that cannot be imported are told apart.
///
/// # Errors
/// When the file cannot be read, or is no archive.
pub fn read(file: &Path) -> Result<(Vec<Line>, Vec<Refused>)> {
    let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let bytes: Box<dyn Read> = if file.extension().is_some_and(|ending| ending == "zst") {
        Box::new(zstd::Decoder::new(opened)?)
    } else {
        Box::new(opened)
    };
    read_lines(bytes, &file.display().to_string())
}

/// Reads what `bytes` give, as the file called `name`.
///
/// # Errors
/// As [`read`].
pub fn read_lines(bytes: impl Read, name: &str) -> Result<(Vec<Line>, Vec<Refused>)> {
    let mut reader = BufReader::with_capacity(256 * 1024, bytes);
    let (mut lines, mut refused) = (Vec::new(), Vec::new());
    let mut raw = Vec::new();
    for number in 1.. {
        raw.clear();
        let count = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut raw);
        let count = count.with_context(|| format!("{name}:{number} cannot be read"))?;
        if count == 0 {
            break;
        }
        if raw.trim_ascii().is_empty() {
            continue;
        }
        if raw.last() != Some(&b'\n') && u64::try_from(count).unwrap_or(u64::MAX) >= LINE_BYTES_MAX {
            bail!("{name}:{number} is longer than {LINE_BYTES_MAX} bytes; this is no archive of messages");
        }
        match parse(&raw, number) {
            Ok(line) => lines.push(line),
            Err(reason) => refused.push(Refused { line: format!("{name}:{number}"), reason }),
        }
    }
    Ok((lines, refused))
}

/// What a line may hold.
const FIELDS: [&str; 6] = ["room", "user", "at", "text", "event", "to"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    room: String,
    user: String,
    at: Timestamp,
    text: Option<String>,
    event: Option<Event>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Event {
    Joined,
    Left,
    Nick,
}

fn parse(raw: &[u8], number: u64) -> Result<Line, String> {
    // What serde says may quote the text, which may be anybody's; its place is enough to find it.
    let place = |error: serde_path_to_error::Error<serde_json::Error>| {
        let (path, error) = (error.path().to_string(), error.inner());
        // A name that is none of ours may be anything, of any length.
        let field = FIELDS.iter().find(|field| path == **field).map(|field| format!("the field {field}, ")).unwrap_or_default();
        let kind = match error.classify() {
            Category::Data => "a value of another kind, or one too many or missing",
            Category::Syntax | Category::Eof | Category::Io => "no JSON",
        };
        format!("this is not a line of an archive: {kind} ({field}column {})", error.column())
    };
    let mut json = serde_json::Deserializer::from_slice(raw);
    let raw: Raw = serde_path_to_error::deserialize(&mut json).map_err(place)?;
    json.end().map_err(|error| format!("this is not a line of an archive: something follows (column {})", error.column()))?;
    let what = match (raw.text, raw.event, raw.to) {
        (Some(text), None, None) => What::Said(MessageText::parse(&text).map_err(|error| format!("the text: {error}"))?),
        (None, Some(Event::Joined), None) => What::Joined,
        (None, Some(Event::Left), None) => What::Left,
        (None, Some(Event::Nick), Some(to)) => What::Renamed(to),
        _ => return Err("a line has either a text, or an event (with `to` for nick)".to_owned()),
    };
    let name = |name: &str| !name.is_empty() && name.chars().count() <= 200 && !name.contains(char::is_control);
    if !name(&raw.room) {
        return Err("the room's name has 1 to 200 characters, none of them a control character".to_owned());
    }
    Ok(Line { number, room: raw.room, user: raw.user, at: raw.at, what })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &str = r##"{"room":"#a","user":"Bo","at":"2004-11-15T12:18:00.000Z","text":"안녕"}

{"room":"#a","user":"Bo","at":"2004-11-15T12:18:01.000Z","event":"nick","to":"Bo2"}
{"room":"#a","user":"Bo","at":"2004-11-15T12:18:02.000Z","text":"a\u0000b"}
{"room":"#a","user":"Bo","at":"yesterday","text":"x"}
{"room":"#a","user":"Bo","at":"2004-11-15T12:18:03.000Z"}
{"room":"#a","user":"Bo","at":"2004-11-15T12:18:04.000Z","text":"last"}"##;

    #[test]
    fn plain_and_compressed_files_read_the_same_and_bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("x.jsonl");
        std::fs::write(&plain, TEXT).unwrap();
        let packed = folder.path().join("x.jsonl.zst");
        let mut encoder = zstd::Encoder::new(File::create(&packed).unwrap(), 3).unwrap();
        encoder.write_all(TEXT.as_bytes()).unwrap();
        encoder.finish().unwrap();

        let (lines, refused) = read(&plain).unwrap();
        assert_eq!(read(&packed).unwrap().0, lines);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3, 7]);
        assert_eq!(lines[0].what, What::Said(MessageText::parse("안녕").unwrap()));
        assert_eq!(lines[1].what, What::Renamed("Bo2".to_owned()));
        let named: Vec<_> = refused.iter().map(|bad| (bad.line.rsplit(':').next().unwrap(), bad.reason.as_str())).collect();
        assert_eq!(named[0], ("4", "the text: it contains the control character U+0000"));
        assert!(named[1].0 == "5" && named[1].1.contains("the field at, "), "{named:?}");
        assert!(named[2].0 == "6" && named[2].1.starts_with("a line has either"), "{named:?}");
    }

    #[test]
    fn memberships_join_their_messages_and_strange_files_are_refused() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = archives(&paths(&["d/b.membership.jsonl.zst", "d/a.jsonl", "d/b.jsonl.zst"])).unwrap();
        let found: Vec<_> = found.iter().map(|archive| (archive.source.as_str(), archive.memberships.is_some())).collect();
        assert_eq!(found, [("a", false), ("b", true)]);
        for bad in [&["a.txt"][..], &["a.jsonl", "x/a.jsonl.zst"], &["a.membership.jsonl"], &[".jsonl"]] {
            assert!(archives(&paths(bad)).is_err(), "{bad:?}");
        }
    }
}
