//! What one follower parked beyond its checkpoint, so that a retry of the batch does not park it again.

use std::collections::BTreeSet;

use infra::log::{Fault, Offset};
use metrics::counter;
use tracing::error;

use super::{Model, Parking};
use crate::partition::Feed;
use crate::reading::{Content, Item};

pub(crate) struct Ahead {
    model: Model,
    feed: Feed,
    parked: BTreeSet<Offset>,
}

impl Ahead {
    pub(crate) const fn of(model: Model, feed: Feed) -> Self {
        Self { model, feed, parked: BTreeSet::new() }
    }

    /// Parks `item`, unless that was done already.
    pub(crate) async fn park(&mut self, parking: &Parking, item: &Item, error: &str, cause: &'static str) -> Result<(), Fault> {
        let offset = item.stored.offset;
        if self.parked.contains(&offset) {
            return Ok(());
        }
        parking.park(self.model, self.feed, item, error).await?;
        self.parked.insert(offset);
        let projection = self.model.name();
        counter!("sarangbang_events_parked_total", "projection" => projection, "cause" => cause).increment(1);
        error!(projection, partition = %self.feed.partition, offset, cause, error, "an event cannot be applied and was parked");
        Ok(())
    }

    /// Parks those that are effective and not to be understood.
    pub(crate) async fn park_undecodable(&mut self, parking: &Parking, items: &[Item]) -> Result<(), Fault> {
        for item in items {
            if let Content::Undecodable(error) = &item.content {
                self.park(parking, item, error, "undecodable").await?;
            }
        }
        Ok(())
    }

    /// The checkpoint stands at `next`: what is before it is not read again.
    pub(crate) fn passed(&mut self, next: Offset) {
        self.parked = self.parked.split_off(&next);
    }
}
