//! `cargo xtask check-licences`: every crate we build with has a licence that `deny.toml` allows, and comes from crates.io.
//!
//! `cargo deny check` does this and more, and reads the same file; but it takes minutes to compile and comes as no package that
//! is new enough (the wheel on PyPI, 0.14, does not know the licence Unicode-3.0). So ./test runs this, and `cargo deny check`,
//! advisories included, is for those who have it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for our own crates.
    source: Option<String>,
}

/// Checks all of them and prints every violation.
///
/// # Errors
/// When there is one, or the workspace or `deny.toml` cannot be read.
pub fn run() -> Result<()> {
    let allowed = allowed(&std::fs::read_to_string(workspace::root().join("deny.toml")).context("cannot read deny.toml")?);
    ensure!(!allowed.is_empty(), "deny.toml allows no licence");
    let packages = read()?;
    let violations: Vec<String> = packages.iter().filter_map(|package| violation(package, &allowed)).collect();
    for violation in &violations {
        println!("{violation}");
    }
    ensure!(violations.is_empty(), "{} crates must not be used", violations.len());
    println!("licences: {} crates are free to use", packages.len());
    Ok(())
}

fn read() -> Result<Vec<Package>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Only what is built here: crates for other systems need not even be fetched.
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()?]).current_dir(workspace::root());
    let out = command.output().context("cannot start cargo")?;
    ensure!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: Metadata = serde_json::from_slice(&out.stdout)?;
    Ok(metadata.packages)
}

fn host() -> Result<String> {
    let out = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc names no host")
}

/// The list `allow` of the section `[licenses]`.
fn allowed(text: &str) -> Vec<String> {
    let list = text
        .split_once("[licenses]")
        .and_then(|(_, rest)| rest.split_once("allow = ["))
        .and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.unwrap_or_default();
    list.split(',').map(|entry| entry.trim().trim_matches('"').to_owned()).filter(|entry| !entry.is_empty()).collect()
}

fn violation(package: &Package, allowed: &[String]) -> Option<String> {
    let Package { name, version, license, source } = package;
    if source.as_deref().is_some_and(|source| source != REGISTRY) {
        return Some(format!("{name} {version} does not come from crates.io"));
    }
    match license {
        None => Some(format!("{name} {version} names no licence")),
        Some(expression) if satisfied(expression, allowed) => None,
        Some(expression) => Some(format!("{name} {version}: {expression} is not allowed by deny.toml")),
    }
}

/// Whether an SPDX expression can be met with allowed licences. `/` is the old way to write `OR`.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    alternatives(&tokens, &mut at, allowed) && at == tokens.len()
}

fn alternatives(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = together(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= together(tokens, at, allowed);
    }
    met
}

fn together(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = licence(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= licence(tokens, at, allowed);
    }
    met
}

fn licence(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(first) = tokens.get(*at) else { return false };
    *at += 1;
    if *first == "(" {
        let met = alternatives(tokens, at, allowed);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut name = (*first).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (tokens.get(*at), tokens.get(*at + 1)) {
        name = format!("{first} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(license: Option<&str>, source: &str) -> Package {
        Package {
            name: "some".to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: Some(source.to_owned()),
        }
    }

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = allowed("[licenses]\nallow = [\n  \"MIT\",\n  \"Apache-2.0 WITH LLVM-exception\",\n  \"Zlib\",\n]\n");
        assert_eq!(allowed.len(), 3);
        for met in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND Zlib", "Apache-2.0 WITH LLVM-exception OR X"] {
            assert!(satisfied(met, &allowed), "{met}");
        }
        for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "MIT AND (GPL-3.0 OR X)", "(MIT", ""] {
            assert!(!satisfied(unmet, &allowed), "{unmet}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_or_from_elsewhere_is_found() {
        let allowed = ["MIT".to_owned()];
        assert_eq!(violation(&package(Some("MIT"), REGISTRY), &allowed), None);
        assert!(violation(&package(None, REGISTRY), &allowed).is_some());
        assert!(violation(&package(Some("GPL-3.0"), REGISTRY), &allowed).is_some());
        assert!(violation(&package(Some("MIT"), "git+https://example.org/some"), &allowed).is_some());
    }
}
