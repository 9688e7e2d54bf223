//! Numbers.

use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Series {
    /// The beginning of the range.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Its end, which is not in it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Every interval that the range touches, in order.
    pub buckets: Vec<Bucket>,
}

/// One interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bucket {
    /// When the whole interval begins; the first one may begin before the range.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How many there are within the range.
    pub count: u64,
}

/// A ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// The beginning of the range.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Its end, which is not in it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The highest first; of equals the first in the order of their keys.
    pub items: Vec<Counted>,
    /// What is not listed may have as many at most that the index did not tell. 0: the ranking is exact.
    pub error_max: u64,
}

/// One row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The word, the room's id, or the person's.
    pub key: String,
    /// How many messages.
    pub count: u64,
    /// The true number may be higher by as many. 0: it is exact.
    pub error_max: u64,
}
