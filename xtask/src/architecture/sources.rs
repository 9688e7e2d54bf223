//! Rules for single files: their length, no silenced lints, nothing left for later.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Above this a file explains itself in its first [`HEAD_LINES`] lines.
const LINES_MAX: usize = 400;
/// The explanation is a sentence that begins so.
const REASON: &str = "Long because ";
const HEAD_LINES: usize = 30;
/// What is read: what people write by hand.
const HAND_WRITTEN: &[&str] = &["rs", "sh", "js", "css", "html", "toml", "yml", "yaml", "sql"];
const SCRIPTS: &[&str] = &["test", "run", ".ci/run"];

/// One hand-written file of the repository.
pub struct File {
    path: String,
    text: String,
}

/// Reads what git knows, so that build output never counts.
pub fn read() -> Result<Vec<File>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(workspace::root());
    let out = git.output().context("cannot start git")?;
    ensure!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    let mut files = Vec::new();
    for path in String::from_utf8(out.stdout)?.split('\0').filter(|path| is_hand_written(path)) {
        // A file that was deleted but not yet committed is still listed.
        if let Ok(text) = std::fs::read_to_string(workspace::root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

/// Everything that one file breaks, with its line.
pub fn violations(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    let explained = file.text.lines().take(HEAD_LINES).any(|line| line.contains(REASON));
    if lines > LINES_MAX && !explained {
        found.push(format!("{}: {lines} lines; split it, or say at its head \"{REASON}…\"", file.path));
    }
    for (line, number) in file.text.lines().zip(1..) {
        for (pattern, advice) in forbidden().iter().filter(|(pattern, _)| has(line, pattern)) {
            found.push(format!("{}:{number}: {pattern} {advice}", file.path));
        }
    }
    found
}

/// The patterns, put together here so that this file does not find itself.
fn forbidden() -> [(String, &'static str); 5] {
    [
        (["#[", "allow("].concat(), "silences a lint for ever; use #[expect(…, reason = \"…\")]"),
        (["#![", "allow("].concat(), "silences a lint for ever; use #![expect(…, reason = \"…\")]"),
        (["#[", "ignore"].concat(), "is a test that nobody runs"),
        (["TO", "DO"].concat(), "belongs into an issue"),
        (["FIX", "ME"].concat(), "belongs into an issue"),
    ]
}

/// Finds a word as a word, an attribute anywhere.
fn has(line: &str, pattern: &str) -> bool {
    let wordy = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    line.match_indices(pattern).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + pattern.len()..).and_then(|text| text.chars().next());
        pattern.starts_with('#') || !before.is_some_and(wordy) && !after.is_some_and(wordy)
    })
}

fn is_hand_written(path: &str) -> bool {
    let vendored = path.contains("/vendor/") || path.contains("/migrations/");
    let known = path.rsplit_once('.').is_some_and(|(_, extension)| HAND_WRITTEN.contains(&extension));
    !vendored && (known || SCRIPTS.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: String) -> File {
        File { path: "infra/src/some.rs".to_owned(), text }
    }

    #[test]
    fn a_long_file_explains_itself() {
        let long = "line\n".repeat(LINES_MAX + 1);
        assert_eq!(violations(&file(long.clone())).len(), 1);
        assert_eq!(violations(&file(format!("//! {REASON}one table belongs together.\n{long}"))), Vec::<String>::new());
        assert_eq!(violations(&file("line\n".repeat(LINES_MAX))), Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_pattern_is_found_with_its_line() {
        for (pattern, _) in forbidden() {
            let found = violations(&file(format!("fine\n// {pattern}: later\n")));
            assert_eq!(found.len(), 1, "{pattern}");
            assert!(found.iter().all(|violation| violation.starts_with("infra/src/some.rs:2: ")));
        }
    }

    #[test]
    fn a_word_is_found_only_as_a_word() {
        assert_eq!(violations(&file(["MASTO", "DON\n"].concat())), Vec::<String>::new());
    }
}
