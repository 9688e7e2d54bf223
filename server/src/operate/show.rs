//! How read models and parked events look to a person.

use std::collections::BTreeSet;

use comfy_table::{ContentArrangement, Table, presets};
use infra::read_model::generations::{Generation, Stage, Verification};
use projectors::operations::{Progress, Projection, Rebuilding};
use projectors::parked::Listed;

/// A read model in a few lines.
pub fn projection(found: &Projection) -> Vec<String> {
    let Projection { name, kind, live, old, rebuild, switching_back, dropping, verified, parked } = found;
    let mut lines = vec![format!("{name} ({kind})"), format!("  live      generation {}", progress(live))];
    if let Some(old) = old {
        let back = if *switching_back { "; switching back to it" } else { "" };
        lines.push(format!("  old       generation {}{back}", progress(old)));
    }
    if let Some(rebuild) = rebuild {
        lines.push(format!("  building  generation {}; {}", progress(&rebuild.progress), stage(rebuild)));
        lines.extend(rebuild.verification.iter().flat_map(verification));
    }
    if !dropping.is_empty() {
        lines.push(format!("  leaving   generation {}", listed(dropping)));
    }
    if let Some(verified) = verified.as_ref().filter(|_| rebuild.is_none()) {
        let same = if verified.same() { "the same" } else { "differences that were accepted" };
        lines.push(format!("  verified  before the last switch, at {}: {same}", verified.at));
    }
    lines.push(match parked {
        0 => "  parked    nothing".to_owned(),
        count => format!("  parked    {count} events wait for somebody: sarangbang parked list"),
    });
    lines
}

fn progress(progress: &Progress) -> String {
    let Progress { generation, records_done, records_total, records_left } = progress;
    match records_left {
        0 => format!("{generation}, all {records_total} records read"),
        left => format!("{generation}, {records_done} of {records_total} records read, {left} left"),
    }
}

fn stage(rebuild: &Rebuilding) -> &'static str {
    match (rebuild.stage, rebuild.paused) {
        (_, true) => "paused",
        (Stage::Building, _) => "reading the log",
        (Stage::Verifying, _) => "being compared with the live one",
        (Stage::Verified, _) if rebuild.switch => "verified, switching",
        (Stage::Verified, _) => "verified, waits for `switch`",
        (Stage::Differs, _) => "differs, waits for `switch --despite-differences` or `abandon`",
    }
}

/// The comparison, table by table.
pub fn verification(found: &Verification) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["    table", "live", "new", "checksums"]);
    for row in &found.tables {
        let checksums = if row.same { "same" } else { "DIFFER" };
        table.add_row([format!("    {}", row.table), row.rows_live.to_string(), row.rows_new.to_string(), checksums.to_owned()]);
    }
    let mut lines: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    if found.reads_taken_over > 0 {
        lines.push(format!(
            "    {} read positions were looked at again, because the log holds lower ones: they were taken over",
            found.reads_taken_over
        ));
    }
    lines
}

/// The list of parked events.
pub fn parked(found: &Listed) -> String {
    if found.items.is_empty() {
        return "nothing is parked".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["event", "type", "stream", "lacking in generation", "times", "error"]);
    for entry in &found.items {
        let unknown = || "?".to_owned();
        table.add_row([
            entry.id.to_string(),
            entry.event_type.clone().unwrap_or_else(unknown),
            entry.subject.clone().unwrap_or_else(unknown),
            listed(&entry.generations),
            entry.times.to_string(),
            entry.error.clone(),
        ]);
    }
    let lines: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n{} of {} events", lines.join("\n"), found.items.len(), found.total)
}

fn listed(generations: &BTreeSet<Generation>) -> String {
    generations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
