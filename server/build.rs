//! Finds the commit that is built: what `SARANGBANG_BUILD_COMMIT` says (an image is built without `.git`), else by reading `.git`
//! alone; outside a checkout the commit is said to be unknown.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// How many digits of a commit are told.
const DIGITS: usize = 12;
/// Whoever builds without a checkout says the commit here.
const GIVEN: &str = "SARANGBANG_BUILD_COMMIT";

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let given = env::var(GIVEN).ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| folder.parent().and_then(commit)).unwrap_or_else(|| "unknown".to_owned());
    let short: String = commit.chars().take(DIGITS).collect();
    say(&format!("cargo::rustc-env=SARANGBANG_COMMIT={short}"));
    say("cargo::rerun-if-changed=build.rs");
    say(&format!("cargo::rerun-if-env-changed={GIVEN}"));
}

fn say(line: &str) {
    println!("{line}");
}

fn commit(root: &Path) -> Option<String> {
    let git = git_folder(&root.join(".git"))?;
    let head = watched(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    // In a worktree the branches live in the folder that it shares with the others.
    let common = fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    watched(&common.join(name)).map(|text| text.trim().to_owned()).or_else(|| packed(&common, name))
}

/// The text of a file, and the wish to be run again when it changes. Of a file that is not there the wish would never end.
fn watched(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    say(&format!("cargo::rerun-if-changed={}", file.display()));
    Some(text)
}

/// `.git` itself, or the folder that it names in a worktree.
fn git_folder(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let text = fs::read_to_string(path).ok()?;
    Some(path.parent()?.join(text.trim().strip_prefix("gitdir: ")?))
}

fn packed(common: &Path, name: &str) -> Option<String> {
    let refs = watched(&common.join("packed-refs"))?;
    let line = refs.lines().find(|line| line.ends_with(&format!(" {name}")))?;
    line.split(' ').next().map(str::to_owned)
}
