//! Parked events: looked at, tried again, discarded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Envelope;
use domain::ids::EventTopic;
use domain::wire::Entry as WireEntry;
use infra::clock::{Clock as _, SystemClock};
use infra::log::{StoredRecord, Topic};
use infra::read_model::generations::Stage;
use infra::read_model::{Changes, Fault};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{Error, Operations};
use crate::parked::{Entry, EventId, Listed, Model, Outcome, Resolution, fold};
use crate::{Refusal, search, timeline};

/// How long the log may take to give one record.
const RECORD_WAIT: Duration = Duration::from_secs(10);

/// A parked event with its record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The event.
    #[serde(flatten)]
    pub entry: Entry,
    /// The key.
    pub key: String,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The value, if it is JSON.
    pub value: Option<Value>,
    /// The value as text, if it is not.
    pub text: Option<String>,
}

impl Operations {
    /// The first `limit` events that wait for somebody.
    ///
    /// # Errors
    /// [`Error::Fault`].
    pub async fn parked(&self, limit: usize) -> Result<Listed, Error> {
        let open = self.parked_events().await?;
        Ok(Listed { total: open.len(), items: open.into_values().take(limit).collect() })
    }

    /// One of them, with its record.
    ///
    /// # Errors
    /// [`Refusal::NotParked`]; [`Error::Fault`].
    pub async fn parked_event(&self, id: &str) -> Result<Shown, Error> {
        let entry = self.waiting(id).await?;
        let record = self.record(entry.id).await?.record;
        let value = serde_json::from_slice(&record.value).ok();
        let text = value.is_none().then(|| String::from_utf8_lossy(&record.value).into_owned());
        let headers = record.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value).into_owned()));
        Ok(Shown { entry, key: String::from_utf8_lossy(&record.key).into_owned(), headers: headers.collect(), value, text })
    }

    /// Applies the event to what lacks it: the index, or generations of the timeline. Rows that a later event made stay as they are.
    ///
    /// # Errors
    /// [`Refusal::NotParked`], [`Refusal::StillRefused`], [`Refusal::Verifying`], [`Refusal::NoSearch`]; [`Error::Fault`]: it may be applied, and still stand
    /// in the list; trying again is harmless.
    pub async fn retry(&self, id: &str, by: &str) -> Result<(), Error> {
        let entry = self.waiting(id).await?;
        match entry.id.model {
            Model::Timeline => self.retry_on_timeline(&entry, by).await,
            Model::Search => self.retry_on_index(&entry, by).await,
        }
    }

    async fn retry_on_index(&self, entry: &Entry, by: &str) -> Result<(), Error> {
        let search = self.search.as_ref().ok_or(Refusal::NoSearch)?;
        let stored = self.record(entry.id).await?;
        let mut documents = Vec::new();
        if let Some(envelope) = event(entry.id, &stored)? {
            documents.extend(search::project(&envelope));
        }
        match search.write(&documents).await?.into_iter().next() {
            Some(refused) => Err(Refusal::StillRefused(refused.reason).into()),
            None => self.resolved(entry, &stored, Outcome::Applied, by).await,
        }
    }

    async fn retry_on_timeline(&self, entry: &Entry, by: &str) -> Result<(), Error> {
        let control = self.shared.control.read().await?.control;
        if control.rebuild.is_some_and(|rebuild| rebuild.stage == Stage::Verifying) {
            return Err(Refusal::Verifying.into());
        }
        let stored = self.record(entry.id).await?;
        let mut changes = Changes::default();
        if let Some(envelope) = event(entry.id, &stored)? {
            timeline::project(&envelope, &mut changes);
        }
        for generation in &entry.generations {
            match self.shared.models.get(*generation).await?.amend(&changes).await {
                Err(Fault::Rejected(error)) => return Err(Refusal::StillRefused(error).into()),
                amended => amended?,
            }
        }
        self.resolved(entry, &stored, Outcome::Applied, by).await
    }

    /// Leaves the event out for good: a rebuild does not bring it back into the list.
    ///
    /// # Errors
    /// [`Refusal::NotParked`]; [`Error::Fault`].
    pub async fn discard(&self, id: &str, by: &str) -> Result<(), Error> {
        let entry = self.waiting(id).await?;
        let stored = self.record(entry.id).await?;
        self.resolved(&entry, &stored, Outcome::Discarded, by).await
    }

    pub(super) async fn parked_events(&self) -> Result<BTreeMap<EventId, Entry>, Error> {
        let kept = self.shared.control.read().await?.control.kept();
        Ok(fold(&*self.shared.log).await?.open(&kept))
    }

    async fn waiting(&self, id: &str) -> Result<Entry, Error> {
        let refused = || Refusal::NotParked(id.to_owned());
        let event = id.parse::<EventId>().map_err(|()| refused())?;
        self.parked_events().await?.remove(&event).ok_or_else(|| refused().into())
    }

    /// The record in the log: the copy in the topic `parked` may lack its value.
    async fn record(&self, id: EventId) -> Result<StoredRecord, Error> {
        let mut tail = self.shared.log.tail(id.partition, id.offset).await?;
        let records = tail.next(1, RECORD_WAIT).await?;
        let stored = records.into_iter().next().filter(|stored| stored.offset == id.offset);
        stored.ok_or_else(|| infra::log::Fault::Unavailable(format!("the log does not give the record {id}")).into())
    }

    async fn resolved(&self, entry: &Entry, stored: &StoredRecord, outcome: Outcome, by: &str) -> Result<(), Error> {
        let key = String::from_utf8_lossy(&stored.record.key);
        let generations: BTreeSet<_> = entry.generations.clone();
        let resolution = Resolution { outcome, generations, by: by.to_owned(), at: SystemClock.now() };
        self.shared.parking.resolve(entry.id, &key, resolution).await?;
        info!(event = %entry.id, ?outcome, by, "an operator dealt with a parked event");
        Ok(())
    }
}

/// The event of the record; nothing for a claim or a barrier.
fn event(id: EventId, stored: &StoredRecord) -> Result<Option<Envelope>, Refusal> {
    let topic = EventTopic::ALL.into_iter().find(|topic| Topic::from(*topic) == id.partition.topic);
    let topic = topic.ok_or_else(|| Refusal::NotParked(id.to_string()))?;
    match stored.record.decode(topic) {
        Ok(WireEntry::Event(envelope)) => Ok(Some(envelope)),
        Ok(WireEntry::Barrier | WireEntry::Claim { .. }) => Ok(None),
        Err(error) => Err(Refusal::StillRefused(error.to_string())),
    }
}
