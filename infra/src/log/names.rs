//! The header names that every event has, so that they are neither spelled out on disk nor allocated for each record.

use std::borrow::Cow;

/// The known names. The embedded log writes a name as its place in this list: entries are never changed, moved or removed, and
/// new ones go to the end.
pub const KNOWN: &[&str] = &[
    "ce_id",
    "ce_source",
    "ce_specversion",
    "ce_type",
    "ce_time",
    "ce_subject",
    "content-type",
    "ce_epoch",
    "ce_partitionseq",
    "ce_streamversion",
    "ce_commandid",
    "ce_commandhash",
    "ce_actor",
    "ce_correlationid",
    "ce_causationid",
    "traceparent",
];

/// The name, without allocating where it is known.
pub fn shared(name: &str) -> Cow<'static, str> {
    KNOWN.iter().find(|known| **known == name).map_or_else(|| Cow::Owned(name.to_owned()), |known| Cow::Borrowed(*known))
}
