//! The rebuild of a read model: a new generation is fed beside the live one, compared with it, and switched to in one step.
//!
//! What is to be done stands in the control document alone (`infra::read_model::generations`), and every step is one
//! compare-and-set of it ([`steps`]). So a crash anywhere leaves one live generation and a rebuild that goes on where it was:
//! the new generation has its own checkpoints. Feeding is shared among the nodes like all projecting; the steps are taken by the
//! node that [`conductor`] names. Two that believe it of themselves do no harm.

mod conductor;
mod steps;
mod verify;

pub(crate) use conductor::{all_partitions, conduct};
pub use steps::Refusal;
pub(crate) use steps::{abandon, begin, drop_old, pause, resume, switch, switch_back};

/// The name of the one read model that there is.
pub const TIMELINE: &str = "timeline";
