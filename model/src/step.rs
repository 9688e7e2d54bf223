//! What may happen next.

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node claims, whatever the assignment says.
    Claim(u8),
    /// A client brings a command to a node.
    Ask(u8, u8),
    /// A node writes a barrier for the answers that wait.
    Barrier(u8),
    /// A node folds the next record.
    Read(u8),
    /// A node gets the report that its record in flight at the index is stored, with the offset.
    Report(u8, u8),
    /// The same, without an offset: the report of a repeated or an implied success.
    ReportWithoutOffset(u8, u8),
    /// The same, with an offset that was counted on from a missing one, as librdkafka does within a batch: −1, 0, 1, …
    ReportCounted(u8, u8, u8),
    /// A node gets a report of failure, or loses patience.
    Fail(u8),
    /// A node dies and starts again from its local store.
    Crash(u8),
    /// A node dies, loses its local store, and starts again with nothing.
    CrashAndForget(u8),
    /// An append arrives.
    Arrive(u8),
    /// The broker takes a copy of a record again.
    Copy(u8),
    /// The followers fetch one record more.
    Replicate,
    /// Another replica becomes the leader, which has so many records.
    Elect(u8),
}
