//! Who owns which partition, as far as this node knows: its own partitions for certain, others by the hints in `owners`.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{PoisonError, RwLock};

use domain::Epoch;
use domain::ids::PartitionId;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::partition::{Handle, Role};

/// A record of the `owners` topic: a hint, never a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerHint {
    /// The owner's name.
    pub node: String,
    /// Its internal listener.
    pub url: String,
    /// The epoch it owns or owned.
    pub epoch: Epoch,
    /// Who may claim at once, because the owner is leaving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

/// The way to an owner.
pub enum Route {
    /// A partition owner of this node.
    Here(Handle),
    /// The internal listener of another node.
    There(String),
}

/// A partition of this node.
struct Here {
    handle: Handle,
    role: Role,
}

/// The routing table.
pub struct Routing {
    node: String,
    here: RwLock<HashMap<PartitionId, Here>>,
    hints: RwLock<HashMap<PartitionId, OwnerHint>>,
    version: watch::Sender<u64>,
}

impl Routing {
    /// An empty table for the node `node`.
    pub fn new(node: String) -> Self {
        Self { node, here: RwLock::default(), hints: RwLock::default(), version: watch::Sender::new(0) }
    }

    /// The way to the owner of `partition`, if any is known to serve.
    pub fn route(&self, partition: PartitionId) -> Option<Route> {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Here { handle, role: Role::Owner(_) }) = here.get(&partition) {
            return Some(Route::Here(handle.clone()));
        }
        let hints = self.hints.read().unwrap_or_else(PoisonError::into_inner);
        let hint = hints.get(&partition).filter(|hint| hint.node != self.node)?;
        Some(Route::There(hint.url.clone()))
    }

    /// Resolves when the table changes after this call.
    pub fn changed(&self) -> impl Future<Output = ()> + use<> {
        let mut version = self.version.subscribe();
        async move {
            let _ = version.changed().await;
        }
    }

    /// Resolves when the way to the owner of `partition` is not, or not any more, the one to `url`.
    pub async fn leads_elsewhere(&self, partition: PartitionId, url: &str) {
        loop {
            let changed = self.changed();
            match self.route(partition) {
                Some(Route::There(now)) if now == url => changed.await,
                _ => return,
            }
        }
    }

    /// Notes how this node stands to `partition`.
    pub fn set_here(&self, partition: PartitionId, handle: Handle, role: Role) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).insert(partition, Here { handle, role });
        self.version.send_modify(|version| *version += 1);
    }

    /// This node has nothing more to do with `partition`.
    pub fn remove_here(&self, partition: PartitionId) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        self.version.send_modify(|version| *version += 1);
    }

    /// Notes a hint, unless it is older than the one known.
    pub fn set_hint(&self, partition: PartitionId, hint: OwnerHint) {
        let mut hints = self.hints.write().unwrap_or_else(PoisonError::into_inner);
        if hints.get(&partition).is_none_or(|known| known.epoch <= hint.epoch) {
            hints.insert(partition, hint);
            drop(hints);
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// The names of other nodes that own something, in order.
    pub fn other_nodes(&self) -> Vec<String> {
        let hints = self.hints.read().unwrap_or_else(PoisonError::into_inner);
        let mut nodes: Vec<_> = hints.values().map(|hint| hint.node.clone()).filter(|node| *node != self.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::EventTopic;
    use futures_util::FutureExt;

    use super::*;

    const PARTITION: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };
    fn hint(node: &str, epoch: Epoch) -> OwnerHint {
        OwnerHint { node: node.to_owned(), url: format!("http://{node}"), epoch, successor: None }
    }

    #[test]
    fn an_older_hint_does_not_replace_a_newer_one_and_the_own_name_leads_nowhere() {
        let routing = Routing::new("me".to_owned());
        routing.set_hint(PARTITION, hint("b", 2));
        routing.set_hint(PARTITION, hint("a", 1));
        assert!(matches!(routing.route(PARTITION), Some(Route::There(url)) if url == "http://b"));
        assert_eq!(routing.other_nodes(), ["b"]);
        routing.set_hint(PARTITION, hint("me", 3));
        assert!(routing.route(PARTITION).is_none(), "this node does not own it (any more), whatever the hint says");
    }

    #[tokio::test]
    async fn the_way_leads_elsewhere_once_another_owner_is_known() {
        let routing = Routing::new("me".to_owned());
        routing.set_hint(PARTITION, hint("a", 1));
        let mut waiting = std::pin::pin!(routing.leads_elsewhere(PARTITION, "http://a"));
        assert!(waiting.as_mut().now_or_never().is_none());
        routing.set_hint(PARTITION, OwnerHint { successor: Some("b".to_owned()), ..hint("a", 1) });
        assert!(waiting.as_mut().now_or_never().is_none(), "who is leaving serves until it is relieved");
        routing.set_hint(PARTITION, hint("b", 2));
        waiting.await;
    }
}
