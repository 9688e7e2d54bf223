//! Which indices there are, and what they look like.
//!
//! | name | what |
//! |---|---|
//! | `PREFIX-chat-gN-YYYY.MM.DD` | messages of generation N that were sent in the period that begins on that day |
//! | `PREFIX-people-gN` | who registered when |
//! | `PREFIX-checkpoints-gN` | how far generation N has come |
//! | `PREFIX-chat`, `PREFIX-people` | aliases of the generation that is live: what people and dashboards read |
//!
//! Fields are named as the Elastic Common Schema names them where it has one (`@timestamp`, `message`, `user.id`, `event.*`).

use chrono::{Datelike as _, NaiveDate};
use domain::Timestamp;
use elasticsearch::http::Method;
use serde_json::{Value, json};

use super::Options;
use super::client::Client;
use crate::read_model::generations::Generation;
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

/// The names and shapes of one generation.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: String,
    generation: Generation,
    period: Period,
    shards: u32,
    replicas: u32,
    refresh_ms: u128,
    lifecycle_days: Option<u32>,
}

/// How days stand in the names of indices: as index lifecycle management reads them.
const DAY: &str = "%Y.%m.%d";

impl Layout {
    pub(super) fn new(options: &Options, generation: Generation) -> Self {
        Self {
            prefix: options.prefix.clone(),
            generation,
            period: options.period,
            shards: options.shards,
            replicas: options.replicas,
            refresh_ms: options.refresh.as_millis(),
            lifecycle_days: options.lifecycle_days,
        }
    }

    /// The index of a message that was sent at `at`.
    pub(super) fn chat(&self, at: Timestamp) -> String {
        let begin = self.period.begin(at.to_chrono().date_naive());
        format!("{}-chat-g{}-{}", self.prefix, self.generation, begin.format(DAY))
    }

    /// All indices of messages.
    pub(super) fn chats(&self) -> String {
        format!("{}-chat-g{}-*", self.prefix, self.generation)
    }

    /// When the period of the index called `name` ends; nothing for one that is none of these.
    pub(super) fn end_of(&self, name: &str) -> Option<Timestamp> {
        let day = name.strip_prefix(&format!("{}-chat-g{}-", self.prefix, self.generation))?;
        let end = self.period.end(NaiveDate::parse_from_str(day, DAY).ok()?);
        Timestamp::from_millis(end.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()).ok()
    }

    pub(super) fn people(&self) -> String {
        format!("{}-people-g{}", self.prefix, self.generation)
    }

    pub(super) fn checkpoints(&self) -> String {
        format!("{}-checkpoints-g{}", self.prefix, self.generation)
    }

    fn policy(&self) -> String {
        format!("{}-chat", self.prefix)
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

    fn chat_template(&self, korean: bool) -> Value {
        let lifecycle = json!({"lifecycle": {"name": self.policy(), "parse_origination_date": true}});
        let settings = self.settings(self.shards, self.lifecycle_days.map(|_| ("index", lifecycle)));
        json!({
            "index_patterns": [self.chats()],
            "priority": 300,
            "template": {"settings": settings, "mappings": chat_mapping(korean), "aliases": {format!("{}-chat", self.prefix): {}}},
            "_meta": {"schema": SCHEMA},
        })
    }

    fn other_template(&self, name: &str, mapping: &Value, aliases: &Value) -> Value {
        let settings = self.settings(1, None);
        json!({
            "index_patterns": [name],
            "priority": 300,
            "template": {"settings": settings, "mappings": mapping, "aliases": aliases},
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

/// Puts the templates, by which indices are made with the first document that belongs into them.
pub(super) async fn prepare(client: &Client, layout: &Layout) -> Result<(), Fault> {
    let korean = has_korean(client).await?;
    if !korean {
        tracing::info!("the cluster has no analyser for Korean (nori): texts are searched by our own terms alone");
    }
    if let Some(days) = layout.lifecycle_days {
        let min_age = format!("{}d", days.saturating_add(layout.period.days_max()));
        let phases = json!({"hot": {"actions": {}}, "delete": {"min_age": min_age, "actions": {"delete": {}}}});
        let policy = json!({"policy": {"phases": phases}});
        client.must(Method::Put, &format!("/_ilm/policy/{}", layout.policy()), Some(&policy)).await?;
    }
    let put = async |name: &str, template: Value| {
        client.must(Method::Put, &format!("/_index_template/{name}"), Some(&template)).await.map(drop)
    };
    let (prefix, generation) = (&layout.prefix, layout.generation);
    put(&format!("{prefix}-chat-g{generation}"), layout.chat_template(korean)).await?;
    let aliases = json!({format!("{prefix}-people"): {}});
    put(&layout.people(), layout.other_template(&layout.people(), &people_mapping(), &aliases)).await?;
    put(&layout.checkpoints(), layout.other_template(&layout.checkpoints(), &checkpoint_mapping(), &json!({}))).await
}

/// Whether the cluster can analyse Korean.
async fn has_korean(client: &Client) -> Result<bool, Fault> {
    let text = json!({"analyzer": "nori", "text": "한국"});
    Ok(client.send(Method::Post, "/_analyze", Some(&text)).await?.status < 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(period: Period, lifecycle_days: Option<u32>) -> Layout {
        Layout {
            prefix: "t".to_owned(),
            generation: Generation::FIRST,
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
            (Period::Day, "t-chat-g1-2024.02.29", "2024-03-01T00:00:00.000Z"),
            (Period::Month, "t-chat-g1-2024.02.01", "2024-03-01T00:00:00.000Z"),
            (Period::Year, "t-chat-g1-2024.01.01", "2025-01-01T00:00:00.000Z"),
        ] {
            let layout = layout(period, None);
            let name = layout.chat(at("2024-02-29T23:59:59.999Z"));
            assert_eq!((name.as_str(), layout.end_of(&name)), (index, Some(at(end))));
        }
        let month = layout(Period::Month, None);
        for other in ["t-chat-g2-2024.02.01", "t-chat-g1-x", "t-people-g1", "other"] {
            assert_eq!(month.end_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_clusters_own_lifecycle_is_asked_for_only_where_it_is_wanted() {
        assert!(layout(Period::Month, None).chat_template(true)["template"]["settings"].get("index").is_none());
        let template = layout(Period::Month, Some(30)).chat_template(false);
        assert_eq!(template["template"]["settings"]["index"]["lifecycle"]["name"], "t-chat");
        assert_eq!(template["template"]["mappings"]["properties"]["message"]["analyzer"], "standard");
    }
}
