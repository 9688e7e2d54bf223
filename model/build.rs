//! Makes a module of each mutant in `mutants/`: the production text with the mutant's lines changed, and the model's node beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Each file that a mutant may change, with the name of its module.
const FILES: [(&str, &str); 4] = [
    ("acceptance", "domain/src/acceptance.rs"),
    ("ownership", "command-api/src/partition/ownership.rs"),
    ("pending", "command-api/src/partition/pending.rs"),
    ("node", "model/src/node.rs"),
];

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let model = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = model.parent().ok_or("model has no parent folder")?;
    for file in FILES.map(|(_, file)| file).into_iter().chain(["model/build.rs", "model/mutants"]) {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let mut diffs: Vec<PathBuf> =
        fs::read_dir(model.join("mutants"))?.map(|entry| Ok(entry?.path())).collect::<Result<_, Fault>>()?;
    diffs.sort();
    let (mut modules, mut list) = (String::new(), String::new());
    for diff in &diffs {
        let name = diff.file_stem().and_then(|name| name.to_str()).ok_or("a mutant without a name")?;
        let text = fs::read_to_string(diff)?;
        let (mistake, change) = text.split_once("\n\n").ok_or_else(|| format!("{name}: no sentence before the change"))?;
        let mistake = mistake.replace('\n', " ");
        let module = name.replace('-', "_");
        writeln!(modules, "/// {mistake}\npub mod {module} {{")?;
        for (part, file) in FILES {
            writeln!(modules, "pub mod {part} {{\n{}\n}}", changed(root, file, name, change)?)?;
        }
        writeln!(modules, "}}")?;
        let search = format!("crate::search::search::<{module}::node::Node>");
        writeln!(list, "super::Mutant {{ name: {name:?}, mistake: {mistake:?}, change: {change:?}, search: {search} }},")?;
    }
    let all = format!("/// All of them.\npub fn all() -> Vec<super::Mutant> {{\nvec![\n{list}]\n}}\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("mutants.rs"), modules + &all)?;
    Ok(())
}

/// The text of `file` without its tests, after the hunks of `change` that concern it.
fn changed(root: &Path, file: &str, name: &str, change: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(root.join(file))?;
    let text = text.split_once("#[cfg(test)]").map_or(text.as_str(), |(text, _)| text);
    let mut text = text.replace("use domain::acceptance::", "use super::acceptance::");
    for hunk in hunks(change).iter().filter(|hunk| hunk.file == file) {
        if text.matches(&hunk.old).count() != 1 {
            return Err(format!("mutant {name}: {file} does not hold exactly once:\n{}", hunk.old).into());
        }
        text = text.replace(&hunk.old, &hunk.new);
    }
    Ok(text)
}

#[derive(Default)]
struct Hunk {
    file: String,
    old: String,
    new: String,
}

/// A hunk begins with `@@ FILE`; then each line stands after `-` (taken out), `+` (put in) or a space (stays).
fn hunks(change: &str) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    for line in change.lines() {
        if let Some(file) = line.strip_prefix("@@ ") {
            hunks.push(Hunk { file: file.to_owned(), ..Hunk::default() });
            continue;
        }
        let Some(hunk) = hunks.last_mut() else { continue };
        let (kind, rest) = line.split_at(line.len().min(1));
        if kind != "+" {
            hunk.old += rest;
            hunk.old.push('\n');
        }
        if kind != "-" {
            hunk.new += rest;
            hunk.new.push('\n');
        }
    }
    hunks
}
