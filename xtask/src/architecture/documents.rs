//! Rules for documents: what they point to exists. A protocol page that names a function which was renamed proves nothing.

use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Documents that speak of their own time: they may name what is gone.
const OF_THEIR_TIME: &[&str] = &["CHANGELOG.md", "docs/adr/", "docs/proofs/"];
/// A code span with such an ending and a slash names a file.
const FILES: &[&str] = &["rs", "js", "css", "html", "sql", "toml"];
/// From so many underscores on, a lower-case word names a function or a test and not a word of JSON.
const UNDERSCORES_MIN: usize = 3;

/// What git knows, as far as documents speak of it.
pub struct Repository {
    paths: BTreeSet<String>,
    documents: Vec<(String, String)>,
    /// The text of all code, one file behind the other.
    pub(super) code: String,
}

/// Reads the documents, and what they may point to.
pub fn read() -> Result<Repository> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(workspace::root());
    let out = git.output().context("cannot start git")?;
    ensure!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    let listed = String::from_utf8(out.stdout)?;
    let mut repository = Repository { paths: BTreeSet::new(), documents: Vec::new(), code: String::new() };
    for path in listed.split('\0') {
        let text = || std::fs::read_to_string(workspace::root().join(path));
        // A file that was deleted but not yet committed is still listed.
        if !workspace::root().join(path).is_file() {
            continue;
        }
        match path.rsplit_once('.') {
            Some((_, "md")) => repository.documents.push((path.to_owned(), text()?)),
            Some((_, "rs" | "js")) => repository.code.push_str(&text()?),
            _ => {}
        }
        repository.paths.insert(path.to_owned());
    }
    Ok(repository)
}

/// Everything that a document points to in vain.
pub fn violations(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (document, text) in &repository.documents {
        let mut complain = |number: usize, what: &str| found.push(format!("{document}:{number}: {what} is not there"));
        let of_its_time = OF_THEIR_TIME.iter().any(|time| document.starts_with(time));
        let mut fenced = false;
        for (line, number) in text.lines().zip(1..) {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            links(line).filter(|link| !repository.has_link(document, link)).for_each(|link| complain(number, link));
            if !of_its_time {
                let spans = line.split('`').skip(1).step_by(2);
                spans.filter(|span| !repository.has_named(span)).for_each(|span| complain(number, span));
            }
        }
    }
    found
}

/// The relative links of a line, without their place in the page.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    relative.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty())
}

impl Repository {
    /// The text of a document; nothing where there is none.
    pub(super) fn document(&self, path: &str) -> &str {
        self.documents.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// One with these documents and this code.
    #[cfg(test)]
    pub(super) fn of(documents: &[(&str, &str)], code: &str) -> Self {
        let documents = documents.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { paths: BTreeSet::new(), documents, code: code.to_owned() }
    }

    fn has_link(&self, document: &str, link: &str) -> bool {
        let folder = Path::new(document).parent().unwrap_or(Path::new(""));
        let mut parts = Vec::new();
        for component in folder.join(link).components() {
            match component {
                Component::ParentDir => drop(parts.pop()),
                Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
                _ => {}
            }
        }
        let path = parts.join("/");
        self.paths.contains(&path) || self.paths.iter().any(|known| known.starts_with(&format!("{path}/")))
    }

    /// Whether what a code span names is there. Most spans name nothing of the kind.
    fn has_named(&self, span: &str) -> bool {
        let word = |letter: char| letter.is_ascii_alphanumeric() || "_-./{},".contains(letter);
        let ending = span.rsplit_once('.').map(|(_, ending)| ending);
        if span.contains('/') && span.chars().all(word) && ending.is_some_and(|ending| FILES.contains(&ending)) {
            return alternatives(span).iter().all(|path| self.has_path(path));
        }
        let name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let is_name = span.chars().all(name) && span.matches('_').count() >= UNDERSCORES_MIN;
        !is_name || self.code.contains(span)
    }

    /// Whether there is such a file; its first folders may be left out.
    fn has_path(&self, path: &str) -> bool {
        self.paths.contains(path) || self.paths.iter().any(|known| known.ends_with(&format!("/{path}")))
    }
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn alternatives(span: &str) -> Vec<String> {
    let Some((before, (inner, after))) = span.split_once('{').and_then(|(b, rest)| Some((b, rest.split_once('}')?))) else {
        return vec![span.to_owned()];
    };
    inner.split(',').map(|each| format!("{before}{}{after}", each.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(document: &str, text: &str) -> Vec<String> {
        violations(&Repository {
            paths: ["docs/a.md", "infra/src/log/mod.rs", "infra/src/log/tail.rs", "README.md"].map(str::to_owned).into(),
            documents: vec![(document.to_owned(), text.to_owned())],
            code: "fn who_is_paused_is_fenced() {}".to_owned(),
        })
    }

    #[test]
    fn what_is_there_may_be_named() {
        let text = "[a](a.md#part) [up](../README.md) [folder](../infra/src) [web](https://example.org/x.md) `log/{mod,tail}.rs`\n\
                    `who_is_paused_is_fenced` `node.data_folder` `GET /chat/ws`\n```\n[gone](gone.md)\n```";
        assert_eq!(complaints("docs/a.md", text), [] as [&str; 0]);
    }

    #[test]
    fn what_is_gone_is_found_with_its_line() {
        let text = "\n[gone](gone.md) `log/gone.rs` `log/{mod,gone}.rs`\n`who_is_gone_is_fenced`";
        let gone = ["2: gone.md", "2: log/gone.rs", "2: log/{mod,gone}.rs", "3: who_is_gone_is_fenced"];
        assert_eq!(complaints("docs/a.md", text), gone.map(|what| format!("docs/a.md:{what} is not there")));
        assert_eq!(complaints("CHANGELOG.md", "`log/gone.rs`"), [] as [&str; 0]);
    }
}
