//! Metrics and their documentation name each other: what nobody can look up is not watched, and what is gone is watched in vain.

use std::collections::BTreeSet;

use super::documents::Repository;

/// The document with a row for each metric.
const DOCUMENT: &str = "docs/metrics.md";
/// What a metric's name stands behind in the code: the crate's macros, and the helpers of `infra/src/log/kafka/client.rs`.
const CALLS: &[&str] = &["counter!(", "gauge!(", "histogram!(", ".count(", ".gauge("];
/// How every metric begins.
const PREFIX: &str = "sarangbang_";

/// Everything that the one names and the other does not.
pub fn violations(repository: &Repository) -> Vec<String> {
    let (used, documented) = (used(&repository.code), documented(repository.document(DOCUMENT)));
    let missing = used.difference(&documented).map(|name| {
        format!("{name} is used and not documented: add it to infra/src/telemetry/catalogue.rs, then UPDATE_DOCS=1 cargo test -p infra catalogue")
    });
    let surplus = documented.difference(&used).map(|name| format!("{DOCUMENT}: {name} is not used anywhere"));
    missing.chain(surplus).collect()
}

fn used(code: &str) -> BTreeSet<&str> {
    let calls = CALLS.iter().flat_map(|call| code.split(call).skip(1));
    let literals = calls.filter_map(|after| after.trim_start().strip_prefix('"'));
    literals.filter_map(|literal| literal.split_once('"')).map(|(name, _)| name).filter(|name| name.starts_with(PREFIX)).collect()
}

fn documented(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name).filter(|name| name.starts_with(PREFIX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_only_one_of_the_two_names_is_found() {
        let code = "metrics::counter!(\"sarangbang_a_total\", \"x\" => 1); gauge!(\n    \"sarangbang_b\"); \
                    self.count(\"sarangbang_c_total\", 1); cookie(\"sarangbang_token\"); rows.count(); list.count(\"other\")";
        assert_eq!(used(code), BTreeSet::from(["sarangbang_a_total", "sarangbang_b", "sarangbang_c_total"]));
        let table = "| metric | kind |\n|---|---|\n| `sarangbang_a_total` | counter |\n| `sarangbang_gone` | gauge |\n";
        let repository = Repository::of(&[(DOCUMENT, table)], code);
        let found = violations(&repository);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("sarangbang_b ")), "{found:?}");
        assert!(found.contains(&"docs/metrics.md: sarangbang_gone is not used anywhere".to_owned()), "{found:?}");
    }
}
