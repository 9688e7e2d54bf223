//! Mistakes that look plausible.

/// A mistake in the protocol. Each is caught by the search with a counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A successful delivery report is taken for an acknowledgement, without folding the log.
    TrustReport,
    /// A claim is recognised by what two claims may share (its epoch, or a node name given twice), not by its random id.
    ClaimByEpoch,
    /// A node serves as soon as its claim is written, before it has folded everything up to it.
    ServeBeforeFold,
    /// After a time-out the owner stays, and uses the sequence numbers again.
    ReuseSequence,
    /// The owner stays in its epoch although a record of its own was ignored.
    KeepEpoch,
    /// Repeats are looked for among confirmed commands only, not among those in flight.
    DedupeConfirmedOnly,
    /// A repeat of a command in flight is answered at once, with the outcome it will have.
    AnswerRepeatAtOnce,
    /// A refusal is answered at once, on state that includes what is in flight.
    RefuseAtOnce,
    /// A refusal is answered at once when nothing is in flight: a paused owner does so on old state.
    RefuseWhenIdle,
    /// A node that saw another's claim never claims again.
    StepDownForGood,
    /// A restart resumes from an offset alone, and takes the first record it meets for the next in line.
    CheckpointOffsetOnly,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TrustReport,
        Self::ClaimByEpoch,
        Self::ServeBeforeFold,
        Self::ReuseSequence,
        Self::KeepEpoch,
        Self::DedupeConfirmedOnly,
        Self::AnswerRepeatAtOnce,
        Self::RefuseAtOnce,
        Self::RefuseWhenIdle,
        Self::StepDownForGood,
        Self::CheckpointOffsetOnly,
    ];
}
