//! Who still has handles of the folder on a thread of its own: fjall's lock is free only when the last handle is gone.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long closing waits: for the batch that is being written, and for reads that are under way.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Kept by a thread for as long as it has handles, and dropped after them.
#[derive(Clone)]
pub struct Hold(#[expect(dead_code, reason = "nothing is ever sent: its end is the message")] SyncSender<()>);

/// Tells when every [`Hold`] is gone.
pub struct Released(Mutex<Receiver<()>>);

/// The first hold, and what tells of the end of the last one.
pub fn hold() -> (Hold, Released) {
    let (held, released) = sync_channel(0);
    (Hold(held), Released(Mutex::new(released)))
}

impl Released {
    /// Waits, bounded, until nobody holds the folder any more.
    pub fn wait(&self) {
        let released = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if released.recv_timeout(CLOSE_WAIT_MAX) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the log is still written or read; its folder stays locked until that ends");
        }
    }
}
