//! Events that could not be applied. The topic `parked` holds what was parked and what became of it; the list is a fold of it.
//!
//! An event is known by its place in the log and by what lacks it ([`EventId`]), so that it stands in the list once for each, however often and by however many
//! generations of the read model it was parked.

mod ahead;
mod list;
mod record;
mod write;

pub(crate) use ahead::Ahead;
pub(crate) use list::fold;
pub use list::{Entry, Listed};
pub use record::{EventId, Model, Outcome};
pub(crate) use record::{ParkedRecord, Resolution};
pub(crate) use write::Parking;
