//! Puts the layers on one another, and checks what comes out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Provider};

use super::nearest::nearest;
use super::{Config, FILE_VARIABLE, Setting, VARIABLE_PREFIX, coherence, setting, settings};

/// Where settings come from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file given by `--config`; else the environment may name one.
    pub file: Option<PathBuf>,
    /// The environment: name and value.
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub flags: Vec<Flag>,
}

/// One setting from the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// How it was written there, such as `--listen`.
    pub flag: String,
    /// The setting it sets.
    pub path: String,
    /// Its value.
    pub value: String,
}

/// A configuration in which everything fits, and where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    rows: Vec<Row>,
}

/// One line of the table of what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The setting's name.
    pub setting: &'static str,
    /// Its value, secrets masked; empty when unset.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its name, as it was written.
    pub setting: String,
    /// What is wrong, and what to do.
    pub reason: String,
    /// Where it came from; empty when it concerns several settings.
    pub source: String,
}

/// All that is wrong with a configuration. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.setting, problem.reason)?;
            if !problem.source.is_empty() {
                write!(f, " (from {})", problem.source)?;
            }
        }
        Ok(())
    }
}
impl std::error::Error for Problems {}

impl Loaded {
    /// What is in force, in the order of the documentation.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// Reads the configuration.
///
/// # Errors
/// [`Problems`]: everything that is wrong, at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let figment = layered(sources, &mut problems);
    let found: Dict = figment.extract().map_err(|error| Problems(syntax(error)))?;
    let origin = |path: &str| origin_of(&figment, sources, path);
    problems.extend(misfits(&found, &origin));
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let config: Config = figment.extract().map_err(|error| Problems(syntax(error)))?;
    let incoherent = coherence::check(&config);
    if !incoherent.is_empty() {
        return Err(Problems(incoherent));
    }
    let row = |setting: &'static Setting| Row {
        setting: setting.path,
        value: figment.find_value(setting.path).map(|value| setting.kind.shown(&value)).unwrap_or_default(),
        source: origin(setting.path),
    };
    Ok(Loaded { config, rows: settings().map(row).collect() })
}

fn layered(sources: &Sources, problems: &mut Vec<Problem>) -> Figment {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    if let Some((file, named_by)) = file(sources) {
        match std::fs::metadata(&file) {
            Ok(_) => figment = figment.merge(Toml::file_exact(&file)),
            Err(error) => problems.push(Problem {
                setting: file.display().to_string(),
                reason: format!("the configuration file cannot be read: {error}; create it, or leave {named_by} away"),
                source: named_by.to_owned(),
            }),
        }
    }
    let (from_environment, strange) = environment(&sources.environment);
    problems.extend(strange);
    let from_flags = Layer::new(FLAGS, sources.flags.iter().map(|flag| (flag.path.as_str(), &*flag.value)));
    figment.merge(from_environment).merge(from_flags)
}

fn file(sources: &Sources) -> Option<(PathBuf, &'static str)> {
    let by_variable = || {
        let (_, path) = sources.environment.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty())?;
        Some((PathBuf::from(path), FILE_VARIABLE))
    };
    sources.file.clone().map(|path| (path, "--config")).or_else(by_variable)
}

/// The layer of the environment, by which the source of a value is told.
const ENVIRONMENT: &str = "environment";
/// The layer of the command line.
const FLAGS: &str = "flags";

/// Settings given as texts.
struct Layer {
    name: &'static str,
    dict: Dict,
}

impl Layer {
    fn new<'a>(name: &'static str, values: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut sections: BTreeMap<&str, Dict> = BTreeMap::new();
        for (path, text) in values {
            // What no setting is called keeps its text: the check of names refuses it, with its source.
            let value = setting(path).map_or_else(|| Value::from(text), |setting| setting.kind.value_of(text));
            let (section, name) = path.split_once('.').unwrap_or((path, ""));
            sections.entry(section).or_default().insert(name.to_owned(), value);
        }
        Self { name, dict: sections.into_iter().map(|(name, dict)| (name.to_owned(), Value::from(dict))).collect() }
    }
}
impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }
    fn data(&self) -> figment::Result<Map<figment::Profile, Dict>> {
        Ok(figment::Profile::Default.collect(self.dict.clone()))
    }
}

/// The variables that are settings: `SARANGBANG_SECTION__NAME`. One that names a setting but for its underscores is a slip and
/// refused; other variables with our prefix are not ours to judge (Kubernetes adds `…_SERVICE_HOST` and the like).
fn environment(variables: &[(String, String)]) -> (Layer, Vec<Problem>) {
    let mut values = Vec::new();
    let mut slips = Vec::new();
    for (variable, value) in variables {
        let Some(rest) = variable.strip_prefix(VARIABLE_PREFIX) else { continue };
        let squeezed = |text: &str| text.to_lowercase().replace(['_', '.'], "");
        match rest.split_once("__") {
            Some((section, name)) => values.push((format!("{}.{}", section.to_lowercase(), name.to_lowercase()), value.as_str())),
            None => slips.extend(settings().find(|setting| squeezed(setting.path) == squeezed(rest)).map(|setting| Problem {
                setting: variable.clone(),
                reason: format!("no setting has this name; did you mean {}?", setting.variable()),
                source: "environment".to_owned(),
            })),
        }
    }
    let layer = Layer::new(ENVIRONMENT, values.iter().map(|(path, value)| (path.as_str(), *value)));
    (layer, slips)
}

/// Names that no setting has, and values that do not fit.
fn misfits(found: &Dict, origin: &dyn Fn(&str) -> String) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (section, value) in found {
        let Some(dict) = value.as_dict() else {
            problems.push(unknown(section, origin(section)));
            continue;
        };
        for (name, value) in dict {
            let path = format!("{section}.{name}");
            match setting(&path) {
                None => problems.push(unknown(&path, origin(&path))),
                Some(_) if matches!(value, Value::Empty(..)) => {}
                Some(setting) => problems.extend(setting.kind.check(value).err().map(|reason| Problem {
                    setting: path.clone(),
                    reason,
                    source: origin(&path),
                })),
            }
        }
    }
    problems
}

fn unknown(path: &str, source: String) -> Problem {
    let last = path.rsplit('.').next().unwrap_or(path);
    // A right name in a wrong section is nearer than any other.
    let same_name = settings().map(|setting| setting.path).find(|known| known.rsplit('.').next() == Some(last));
    let hint = nearest(path, settings().map(|setting| setting.path))
        .or(same_name)
        .map_or_else(|| "`sarangbang config` lists all settings".to_owned(), |known| format!("did you mean {known}?"));
    Problem { setting: path.to_owned(), reason: format!("no setting has this name; {hint}"), source }
}

fn origin_of(figment: &Figment, sources: &Sources, path: &str) -> String {
    let Some(metadata) = figment.find_metadata(path) else { return String::new() };
    let variable = || {
        let wanted = format!("{VARIABLE_PREFIX}{}", path.replacen('.', "__", 1));
        let found = sources.environment.iter().find(|(name, _)| name.eq_ignore_ascii_case(&wanted));
        found.map_or(wanted, |(name, _)| name.clone())
    };
    match &*metadata.name {
        name if name == ENVIRONMENT => format!("environment {}", variable()),
        name if name == FLAGS => {
            let flag = sources.flags.iter().rev().find(|flag| flag.path == path);
            format!("flag {}", flag.map_or("", |flag| &flag.flag))
        }
        _ => file_of(metadata).unwrap_or_else(|| "default".to_owned()),
    }
}

fn file_of(metadata: &Metadata) -> Option<String> {
    Some(format!("file {}", metadata.source.as_ref()?.file_path()?.display()))
}

/// What TOML itself says about a file that is none.
fn syntax(error: figment::Error) -> Vec<Problem> {
    let problem = |error: figment::Error| Problem {
        setting: error.path.join("."),
        reason: error.kind.to_string().trim().to_owned(),
        source: error.metadata.as_ref().and_then(file_of).unwrap_or_default(),
    };
    error.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests;
