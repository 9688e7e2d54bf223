//! From the command line and the environment to the one configuration, and its table for people.

use anyhow::{Context as _, Result};
use comfy_table::{ContentArrangement, Table, presets};
use infra::config::{Flag, Loaded, Sources, load};

use crate::cli::Settings;

/// Reads the configuration.
///
/// # Errors
/// All that is wrong with it, at once.
pub fn read(settings: &Settings) -> Result<Loaded> {
    // Variables that are not Unicode cannot be settings; none of ours has such a name.
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let sources = Sources { file: settings.config.clone(), environment: environment.collect(), flags: flags(settings)? };
    Ok(load(&sources)?)
}

fn flags(settings: &Settings) -> Result<Vec<Flag>> {
    let mut flags = Vec::new();
    for pair in &settings.set {
        let (path, value) = pair.split_once('=').with_context(|| format!("--set {pair:?}: write it as section.name=value"))?;
        flags.push(Flag { flag: format!("--set {path}"), path: path.to_owned(), value: value.to_owned() });
    }
    let short = [
        ("--data-folder", "node.data_folder", &settings.data_folder),
        ("--listen", "node.public_listen", &settings.listen),
        ("--internal-listen", "node.internal_listen", &settings.internal_listen),
    ];
    for (flag, path, value) in short {
        flags.extend(value.as_ref().map(|value| Flag { flag: flag.to_owned(), path: path.to_owned(), value: value.clone() }));
    }
    Ok(flags)
}

/// The table of what is in force.
#[must_use]
pub fn table(loaded: &Loaded) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["setting", "value", "from"]);
    for row in loaded.rows() {
        let value = if row.value.is_empty() { "(unset)" } else { &row.value };
        table.add_row([row.setting, value, &row.source]);
    }
    // The table pads every line; nobody wants that in a file or a pipe.
    let lines: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
