//! `docs/configuration.md`, made from the table of settings.

use std::fmt::Write as _;

use figment::Figment;
use figment::providers::Serialized;

use super::{Config, SECTIONS, Section};

const HEAD: &str =
    "<!-- Made by `sarangbang config --markdown` from infra/src/config/sections.rs; a test holds it to that. -->\n\
# Configuration

Every setting has a default with which `sarangbang all` runs on one machine. Later sources win:

1. the defaults below,
2. a TOML file: `--config FILE`, or `SARANGBANG_CONFIG=FILE`,
3. environment variables: `SARANGBANG_` + section + `__` + name, such as `SARANGBANG_LOG__KIND=kafka`,
4. flags: `--set section.name=value`, and the short ones that `sarangbang --help` lists.

An unknown name or a value that does not fit is refused at start, with the fix. `sarangbang config` prints what is in force and
where each value comes from; passwords are shown as `***`.

```toml
[node]
profile = \"production\"

[log]
kind = \"kafka\"
brokers = \"kafka-1:9092,kafka-2:9092\"
kafka_properties = { \"security.protocol\" = \"ssl\" }
```
";

/// The documentation of every setting.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    for section in &SECTIONS {
        section_into(&mut text, section, &defaults);
    }
    text
}

fn section_into(text: &mut String, section: &Section, defaults: &Figment) {
    let _infallible = write!(
        text,
        "\n## `[{}]`\n\n{}\n\n| setting | may be | default | what it does |\n|---|---|---|---|\n",
        section.name,
        section.about.trim()
    );
    for setting in section.settings {
        let default = defaults.find_value(setting.path).map(|value| setting.kind.shown(&value)).unwrap_or_default();
        let default = if default.is_empty() { "unset".to_owned() } else { format!("`{default}`") };
        let name = setting.path.rsplit('.').next().unwrap_or(setting.path);
        let _infallible = writeln!(
            text,
            "| `{name}` | {} | {default} | {} |",
            setting.kind.to_string().replace('|', "\\|"),
            setting.about.trim()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1` writes the file instead of comparing it.
    #[test]
    fn the_documentation_is_what_the_code_says() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
            std::fs::write(file, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(written == markdown(), "docs/configuration.md is out of date: UPDATE_DOCS=1 cargo test -p infra config");
    }
}
