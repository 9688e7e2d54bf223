//! Programs that these tests ask: not everybody has them, and whoever must have them says so.

use std::path::Path;
use std::process::Command;

/// What no package of Debian 12 has in a version that is new enough: whoever lacks it is not held up.
const NOT_IN_DEBIAN: &[&str] = &["kubectl"];

/// Whether `program` is here. Missing, the test says so and ends; where servers are required it fails.
pub fn have(program: &str, package: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    let required = std::env::var_os("SARANGBANG_TEST_REQUIRE_SERVERS").is_some_and(|value| value == "1");
    assert!(found || !required || NOT_IN_DEBIAN.contains(&program), "{program} is missing: apt-get install {package}");
    if !found {
        eprintln!("skipped: {program} is missing ({package})");
    }
    found
}

/// Runs a program in `folder`, to success; what it wrote to standard output.
pub fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).current_dir(folder).output();
    let out = out.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let complained = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program} {arguments:?}: {}\n{said}\n{complained}", out.status);
    said
}
