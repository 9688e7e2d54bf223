//! What a setting is: its name, what it may hold, and the macro that declares it once for code, checks and documentation.

use std::fmt;

use figment::value::{Num, Value};

use super::nearest::nearest;
use crate::http::client::TrustedProxies;

/// What a setting may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number between both ends.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
    /// Any text that is not empty.
    Text,
    /// A name made of lower-case letters, digits and `_` that begins with a letter: what stands in SQL without quotes.
    Identifier,
    /// The beginning of a topic's name: letters, digits, `.`, `_` and `-`, the last none of the signs.
    TopicPrefix,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `ADDRESS:PORT`, such as `127.0.0.1:8080` or `[::1]:8080`; port 0 takes any free one.
    Address,
    /// A file or folder.
    Path,
    /// A URL of one of these schemes. A password in it is never shown.
    Url(&'static [&'static str]),
    /// `HOST:PORT`, several separated by commas.
    Brokers,
    /// Addresses and networks, separated by commas.
    Networks,
    /// Names and texts: a table in the file, `a=b;c=d` elsewhere. Values whose name speaks of a secret are never shown.
    Properties,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `section.name`.
    pub path: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// What it may hold.
    pub kind: Kind,
}

/// The settings of one part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its settings, in the order of the documentation.
    pub settings: &'static [Setting],
}

impl Setting {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}{}", super::VARIABLE_PREFIX, self.path.replacen('.', "__", 1).to_uppercase())
    }
}

/// Declares a section: the struct that the program reads, its defaults, and the table that checks and documents it.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident = $section:literal {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr, $kind:expr; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $name {
            /// What the settings are called, may hold, and do.
            pub const SECTION: $crate::config::Section = $crate::config::Section {
                name: $section,
                about: concat!($($about),+),
                settings: &[ $( $crate::config::Setting {
                    path: concat!($section, ".", stringify!($field)),
                    about: concat!($($doc),+),
                    kind: $kind,
                }, )+ ],
            };
        }
    };
}
pub(super) use section;

impl Kind {
    /// Reads a text from the environment or a flag as a value of this kind; one that does not fit stays a text, and
    /// [`Self::check`] refuses it.
    pub(super) fn value_of(self, text: &str) -> Value {
        match self {
            Self::Integer { .. } => text.replace('_', "").parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
            Self::Bool => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
            Self::Properties => properties_of(text).unwrap_or_else(|| Value::from(text)),
            _ => Value::from(text),
        }
    }

    /// Whether `value` fits; what is wrong with it otherwise, without quoting what may be secret.
    pub(super) fn check(self, value: &Value) -> Result<(), String> {
        let fits = match (self, value) {
            (Self::Integer { min, max }, Value::Num(_, number)) => {
                whole(*number).is_some_and(|n| n >= u128::from(min) && n <= u128::from(max))
            }
            (Self::Bool, Value::Bool(..)) | (Self::Properties, Value::Dict(..)) => true,
            (Self::Text | Self::Path, Value::String(_, text)) => !text.trim().is_empty(),
            (Self::Identifier, Value::String(_, text)) => is_identifier(text),
            (Self::TopicPrefix, Value::String(_, text)) => is_topic_prefix(text),
            (Self::OneOf(names), Value::String(_, text)) => names.contains(&text.as_str()),
            (Self::Address, Value::String(_, text)) => text.parse::<std::net::SocketAddr>().is_ok(),
            (Self::Networks, Value::String(_, text)) => text.parse::<TrustedProxies>().is_ok(),
            (Self::Brokers, Value::String(_, text)) => text.split(',').all(is_host_and_port),
            (Self::Url(schemes), Value::String(_, text)) => {
                reqwest::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.complaint(value)) }
    }

    fn complaint(self, value: &Value) -> String {
        let found = match (self, value) {
            (Self::Url(_) | Self::Properties, _) => "what it has".to_owned(),
            (_, Value::String(_, text)) => format!("{text:?}"),
            (_, Value::Num(_, number)) => number.to_i128().map_or_else(|| "this number".to_owned(), |n| n.to_string()),
            (_, other) => other.to_actual().to_string(),
        };
        let hint = match (self, value) {
            (Self::OneOf(names), Value::String(_, text)) => {
                nearest(text, names.iter().copied()).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
            }
            _ => String::new(),
        };
        format!("{found} is not {self}{hint}")
    }

    /// The value for people: without what is secret.
    pub(super) fn shown(self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Empty(..)) => String::new(),
            (Self::Url(_), Value::String(_, text)) => without_password(text),
            (Self::Properties, Value::Dict(..)) => {
                let pairs = super::values::flatten(value);
                let shown = |(name, text): (&String, &String)| {
                    format!("{name}={}", if speaks_of_a_secret(name) { super::MASK } else { text })
                };
                pairs.iter().map(shown).collect::<Vec<_>>().join(";")
            }
            (_, Value::String(_, text)) => text.clone(),
            (_, Value::Bool(_, yes)) => yes.to_string(),
            (_, Value::Num(_, number)) => whole(*number).map(|n| n.to_string()).unwrap_or_default(),
            _ => super::MASK.to_owned(),
        }
    }
}

impl fmt::Display for Kind {
    /// What the setting may hold, as the second half of "… is not …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } if *max == u64::MAX => write!(f, "a whole number from {min}"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::Text => f.write_str("a text that is not empty"),
            Self::Identifier => f.write_str("a name of 1 to 48 lower-case letters, digits and _, beginning with a letter"),
            Self::TopicPrefix => f.write_str("1 to 100 letters, digits, ., _ and -, the last a letter or digit"),
            Self::OneOf(names) => f.write_str(&names.join(" or ")),
            Self::Address => f.write_str("an address with a port, such as 127.0.0.1:8080"),
            Self::Path => f.write_str("a path"),
            Self::Url(schemes) => write!(f, "a URL such as {}://host", schemes.join("://host or ")),
            Self::Networks => f.write_str("a list of addresses and networks such as 10.0.0.0/8,127.0.0.1"),
            Self::Brokers => f.write_str("a list such as host:9092,other:9092"),
            Self::Properties => f.write_str("a table of names and texts (name=text;name=text outside the file)"),
        }
    }
}

/// TOML's numbers are signed, those of Rust's defaults are not.
fn whole(number: Num) -> Option<u128> {
    number.to_u128().or_else(|| number.to_i128().and_then(|n| u128::try_from(n).ok()))
}

fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 48
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_topic_prefix(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric())
}

fn is_host_and_port(text: &str) -> bool {
    text.trim().rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn properties_of(text: &str) -> Option<Value> {
    let mut dict = figment::value::Dict::new();
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        dict.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    Some(Value::from(dict))
}

fn speaks_of_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token", "key.pem", "credential", "jaas"].iter().any(|word| name.contains(word))
}

fn without_password(text: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(text) else { return super::MASK.to_owned() };
    if url.password().is_some() && url.set_password(Some(super::MASK)).is_err() {
        return super::MASK.to_owned();
    }
    // Databases take passwords as parameters too.
    if url.query_pairs().any(|(name, _)| speaks_of_a_secret(&name)) {
        url.set_query(Some(super::MASK));
    }
    url.to_string()
}
