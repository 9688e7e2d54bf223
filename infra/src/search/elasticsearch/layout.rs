//! Which indices there are, and what they look like.
//!
//! | name | what |
//! |---|---|
//! | `PREFIX-chat-vS.G-YYYY.MM.DD` | messages that were sent in the period that begins on that day |
//! | `PREFIX-people-vS.G` | who registered when |
//! | `PREFIX-checkpoints-vS.G` | how far it has come |
//! | `PREFIX-chat`, `PREFIX-people`, `PREFIX-checkpoints` | aliases of the making that is live: what queries, people and dashboards read |
//!
//! A making is numbered by the form of documents, which is the program's ([`SCHEMA`]), and the setting `search.generation`.
//!
//! Fields are named as the Elastic Common Schema names them where it has one (`@timestamp`, `message`, `user.id`, `event.*`).

use std::fmt;

use chrono::{Datelike as _, NaiveDate};
use domain::Timestamp;
use serde_json::{Value, json};

use super::Options;
use crate::elasticsearch::{Client, Method};
use crate::search::{Fault, SCHEMA};

/// The period that one index of messages covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// One day (UTC).
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Period {
    /// The first day of the period that `day` lies in.
    fn begin(self, day: NaiveDate) -> NaiveDate {
        let begin = match self {
            Self::Day => Some(day),
            Self::Month => day.with_day(1),
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        };
        begin.unwrap_or(day)
    }

    /// The first day behind the period that begins on `begin`.
    fn end(self, begin: NaiveDate) -> NaiveDate {
        let months = |count| begin.checked_add_months(chrono::Months::new(count));
        let end = match self {
            Self::Day => begin.succ_opt(),
            Self::Month => months(1),
            Self::Year => months(12),
        };
        end.unwrap_or(NaiveDate::MAX)
    }

    /// The most days that it has.
    const fn days_max(self) -> u32 {
        match self {
            Self::Day => 1,
            Self::Month => 31,
            Self::Year => 366,
        }
    }
}

/// One making of the index. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Making {
    schema: u32,
    generation: u32,
}

impl fmt::Display for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.schema, self.generation)
    }
}

impl Making {
    /// The one that this program makes.
    pub(super) const fn of(generation: u32) -> Self {
        Self { schema: SCHEMA, generation }
    }

    fn parse(text: &str) -> Option<Self> {
        let (schema, generation) = text.strip_prefix('v')?.split_once('.')?;
        Some(Self { schema: schema.parse().ok()?, generation: generation.parse().ok()? })
    }
}

/// What a making consists of; their aliases are the prefix with these.
pub(super) const KINDS: [&str; 3] = [CHAT, PEOPLE, CHECKPOINTS];
const CHAT: &str = "chat";
const PEOPLE: &str = "people";
const CHECKPOINTS: &str = "checkpoints";

/// The names and shapes of one making.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: String,
    /// Which one.
    pub(super) making: Making,
    period: Period,
    shards: u32,
    replicas: u32,
    refresh_ms: u128,
    lifecycle_days: Option<u32>,
}

/// How days stand in the names of indices: as index lifecycle management reads them.
const DAY: &str = "%Y.%m.%d";

impl Layout {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            prefix: options.prefix.clone(),
            making: Making::of(options.generation),
            period: options.period,
            shards: options.shards,
            replicas: options.replicas,
            refresh_ms: options.refresh.as_millis(),
            lifecycle_days: options.lifecycle_days,
        }
    }

    /// What queries read of a kind.
    pub(super) fn alias(&self, kind: &str) -> String {
        format!("{}-{kind}", self.prefix)
    }

    pub(super) fn live_chats(&self) -> String {
        self.alias(CHAT)
    }

    pub(super) fn live_people(&self) -> String {
        self.alias(PEOPLE)
    }

    pub(super) fn live_checkpoints(&self) -> String {
        self.alias(CHECKPOINTS)
    }

    /// The index of a message that was sent at `at`.
    pub(super) fn chat(&self, at: Timestamp) -> String {
        let begin = self.period.begin(at.to_chrono().date_naive());
        format!("{}-{}-{}", self.alias(CHAT), self.making, begin.format(DAY))
    }

    /// All indices of messages of this making.
    pub(super) fn own_chats(&self) -> String {
        format!("{}-{}-*", self.alias(CHAT), self.making)
    }

    pub(super) fn own_people(&self) -> String {
        format!("{}-{}", self.alias(PEOPLE), self.making)
    }

    pub(super) fn own_checkpoints(&self) -> String {
        format!("{}-{}", self.alias(CHECKPOINTS), self.making)
    }

    /// All indices of messages of all makings.
    pub(super) fn all_chats(&self) -> String {
        format!("{}-v*", self.alias(CHAT))
    }

    /// The kind of an index or a template of ours; nothing for a name that is none.
    pub(super) fn kind_of(&self, name: &str) -> Option<&'static str> {
        KINDS.into_iter().find(|kind| name.strip_prefix(&self.alias(kind)).is_some_and(|rest| rest.starts_with("-v")))
    }

    /// The making that an index or a template of ours belongs to; nothing for a name that is none.
    pub(super) fn making_of(&self, name: &str) -> Option<Making> {
        let rest = name.strip_prefix(&self.alias(self.kind_of(name)?))?.strip_prefix('-')?;
        Making::parse(rest.split('-').next()?)
    }

    /// When the period of the index called `name` ends; nothing for one that holds no messages of ours.
    pub(super) fn end_of(&self, name: &str) -> Option<Timestamp> {
        let (_, day) = name.strip_prefix(&self.alias(CHAT))?.strip_prefix("-v")?.split_once('-')?;
        let end = self.period.end(NaiveDate::parse_from_str(day, DAY).ok()?);
        Timestamp::from_millis(end.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()).ok()
    }

    fn policy(&self) -> String {
        self.alias(CHAT)
    }

    /// What an index is made with, and whatever stands in `more`.
    fn settings(&self, shards: u32, more: Option<(&str, Value)>) -> Value {
        let settings = [
            ("number_of_shards", json!(shards)),
            ("number_of_replicas", json!(self.replicas)),
            ("refresh_interval", json!(format!("{}ms", self.refresh_ms))),
        ];
        settings.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn chat_template(&self, korean: bool, is_live: bool) -> Value {
        let lifecycle = json!({"lifecycle": {"name": self.policy(), "parse_origination_date": true}});
        let settings = self.settings(self.shards, self.lifecycle_days.map(|_| ("index", lifecycle)));
        self.template(&self.own_chats(), CHAT, &settings, &chat_mapping(korean), is_live)
    }

    fn template(&self, pattern: &str, kind: &str, settings: &Value, mapping: &Value, is_live: bool) -> Value {
        let aliases = if is_live { json!({self.alias(kind): {}}) } else { json!({}) };
        json!({
            "index_patterns": [pattern],
            "priority": 300,
            "template": {"settings": settings, "mappings": mapping, "aliases": aliases},
            "_meta": {"schema": SCHEMA},
        })
    }
}

/// `message` is analysed by Elastic's Korean analyser where the cluster has it, and by the standard one otherwise; `terms` and `grams` are
/// words of our own making, and the same everywhere.
fn chat_mapping(korean: bool) -> Value {
    json!({
        "dynamic": "strict",
        "_meta": {"schema": SCHEMA},
        "properties": {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"dataset": {"type": "keyword"}, "sequence": {"type": "long"}}},
            "room": {"properties": {"id": {"type": "keyword"}}},
            "number": {"type": "long"},
            "user": {"properties": {"id": {"type": "keyword"}}},
            "sender": {"type": "alias", "path": "user.id"},
            "message": {"type": "text", "analyzer": if korean { "nori" } else { "standard" }},
            "length": {"type": "integer"},
            "words": {"type": "keyword"},
            "mentions": {"type": "keyword"},
            "script": {"type": "keyword"},
            "edited_at": {"type": "date"},
            "deleted": {"type": "boolean"},
            "terms": {"type": "text", "analyzer": "whitespace"},
            "grams": {"type": "text", "analyzer": "whitespace"},
        },
    })
}

fn people_mapping() -> Value {
    json!({
        "dynamic": "strict",
        "properties": {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"dataset": {"type": "keyword"}, "sequence": {"type": "long"}}},
            "user": {"properties": {"id": {"type": "keyword"}}},
        },
    })
}

fn checkpoint_mapping() -> Value {
    json!({
        "dynamic": "strict",
        "properties": {
            "topic": {"type": "keyword"},
            "partition": {"type": "long"},
            "next_offset": {"type": "long"},
            "epoch": {"type": "long"},
            "sequence": {"type": "long"},
        },
    })
}

/// Puts the policy by which the cluster takes away old indices, where it is to.
pub(super) async fn put_lifecycle(client: &Client, layout: &Layout) -> Result<(), Fault> {
    let Some(days) = layout.lifecycle_days else { return Ok(()) };
    let min_age = format!("{}d", days.saturating_add(layout.period.days_max()));
    let phases = json!({"hot": {"actions": {}}, "delete": {"min_age": min_age, "actions": {"delete": {}}}});
    let policy = json!({"policy": {"phases": phases}});
    client.must(Method::Put, &format!("/_ilm/policy/{}", layout.policy()), Some(&policy)).await?;
    Ok(())
}

/// Puts the templates of this making; what is made by them has the aliases if it is live.
pub(super) async fn put_templates(client: &Client, layout: &Layout, korean: bool, is_live: bool) -> Result<(), Fault> {
    let (people, checkpoints, one_shard) = (layout.own_people(), layout.own_checkpoints(), layout.settings(1, None));
    let templates = [
        (format!("{}-{}", layout.alias(CHAT), layout.making), layout.chat_template(korean, is_live)),
        (people.clone(), layout.template(&people, PEOPLE, &one_shard, &people_mapping(), is_live)),
        (checkpoints.clone(), layout.template(&checkpoints, CHECKPOINTS, &one_shard, &checkpoint_mapping(), is_live)),
    ];
    for (name, template) in templates {
        client.must(Method::Put, &format!("/_index_template/{name}"), Some(&template)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(period: Period, lifecycle_days: Option<u32>) -> Layout {
        Layout {
            prefix: "t".to_owned(),
            making: Making { schema: 1, generation: 2 },
            period,
            shards: 1,
            replicas: 0,
            refresh_ms: 1_000,
            lifecycle_days,
        }
    }

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(json!(text)).unwrap()
    }

    #[test]
    fn messages_are_dated_by_the_period_of_their_sending() {
        for (period, index, end) in [
            (Period::Day, "t-chat-v1.2-2024.02.29", "2024-03-01T00:00:00.000Z"),
            (Period::Month, "t-chat-v1.2-2024.02.01", "2024-03-01T00:00:00.000Z"),
            (Period::Year, "t-chat-v1.2-2024.01.01", "2025-01-01T00:00:00.000Z"),
        ] {
            let layout = layout(period, None);
            let name = layout.chat(at("2024-02-29T23:59:59.999Z"));
            assert_eq!((name.as_str(), layout.end_of(&name)), (index, Some(at(end))));
        }
        let month = layout(Period::Month, None);
        for other in ["t-chat-v1.2-x", "t-people-v1.2", "t-chat-2024.02.01", "other"] {
            assert_eq!(month.end_of(other), None, "{other}");
        }
    }

    #[test]
    fn names_tell_their_making_and_the_later_is_greater() {
        let layout = layout(Period::Month, None);
        let making = |schema, generation| Some(Making { schema, generation });
        assert_eq!(layout.making_of("t-chat-v1.2-2024.02.01"), making(1, 2));
        assert_eq!(layout.making_of("t-chat-v1.10"), making(1, 10));
        assert_eq!(layout.making_of(&layout.own_checkpoints()), Some(layout.making));
        for other in ["t-chat", "t-chatter-v1.2", "t-lag-v1.2", "u-chat-v1.2", "t-chat-v1", "t-people-vx.y"] {
            assert_eq!(layout.making_of(other), None, "{other}");
        }
        assert!(making(1, 10) > making(1, 9) && making(2, 1) > making(1, 10));
    }

    #[test]
    fn the_clusters_own_lifecycle_is_asked_for_only_where_it_is_wanted() {
        assert!(layout(Period::Month, None).chat_template(true, true)["template"]["settings"].get("index").is_none());
        let template = layout(Period::Month, Some(30)).chat_template(false, false);
        assert_eq!(template["template"]["settings"]["index"]["lifecycle"]["name"], "t-chat");
        assert_eq!(template["template"]["mappings"]["properties"]["message"]["analyzer"], "standard");
        assert_eq!(template["template"]["aliases"], json!({}), "nobody reads it");
    }
}
