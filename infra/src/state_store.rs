//! The local store of folded state: what an owner needs to decide, per partition, with the position it was folded to.
//!
//! It is a cache of the log: written without fsync, tied to the log's identity, and thrown away whenever in doubt. Invariant: a
//! commit writes rows and position as one atomic batch, so that a store that opens is always a state that the log went through.

use std::path::Path;

use domain::acceptance::Cursor;
use domain::ids::PartitionId;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};

use crate::log::Offset;

/// Raised when the layout of keys or values changes: an older store is folded anew.
const LAYOUT: &str = "3";
/// The key of the position; row keys start with a letter, so they never meet it.
const POSITION_KEY: &[u8] = &[0];
/// The key of the log's identity, in the keyspace `meta`.
const IDENTITY_KEY: &[u8] = b"identity";
/// What a partition gathers in memory before it goes into a file. With fjall's own 64 MiB, a node of 48 partitions would take 3 GiB, and each look-up
/// would walk through far more memory than a processor's cache holds.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// What went wrong with the local store.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store failed. The folder may be deleted: the log has everything.
    #[error("the local state store failed: {0}")]
    Store(#[from] fjall::Error),
    /// The folder cannot be prepared.
    #[error("the folder of the local state store cannot be prepared: {0}")]
    Folder(#[from] std::io::Error),
    /// Another process has the folder open.
    #[error("another process uses the folder of the local state store; each node needs a data folder of its own")]
    Locked,
    /// A value is not what this program writes.
    #[error("the local state store holds a value that cannot be read under the key {key:?}")]
    Damaged {
        /// Where.
        key: Vec<u8>,
    },
}

/// Where a partition's folded state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The offset of the next record to fold.
    pub next_offset: Offset,
    /// The state of the acceptance rule before that record.
    pub cursor: Cursor,
}

/// The store of one node.
#[derive(Clone)]
pub struct StateStore {
    database: Database,
}

impl StateStore {
    /// Opens the store in `folder`, empty if it belongs to another log or another version of this program.
    ///
    /// # Errors
    /// [`Fault`] when the folder cannot be used at all.
    pub fn open(folder: &Path, log_identity: &str, cache_bytes: u64) -> Result<Self, Fault> {
        // A version that knows other events may read what an earlier one could not, so it folds anew.
        let events = domain::CommandHash::of(domain::wire::EVENT_TYPES.join(" ").as_bytes());
        let wanted = format!("{LAYOUT} {events} {log_identity}");
        match Self::open_database(folder, cache_bytes) {
            Ok(database) if Self::identity(&database).as_deref() == Some(&wanted) => return Ok(Self { database }),
            // Another process works in the folder: emptying it would pull the ground from under it.
            Err(Fault::Store(fjall::Error::Locked)) => return Err(Fault::Locked),
            Ok(_) | Err(_) => {}
        }
        // Not ours, damaged or new: the log has everything, so start from nothing.
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => std::fs::create_dir_all(folder)?,
        }
        let database = Self::open_database(folder, cache_bytes)?;
        database.keyspace("meta", KeyspaceCreateOptions::default)?.insert(IDENTITY_KEY, wanted)?;
        Ok(Self { database })
    }

    fn open_database(folder: &Path, cache_bytes: u64) -> Result<Database, Fault> {
        Ok(Database::builder(folder).cache_size(cache_bytes).worker_threads(1).open()?)
    }

    fn identity(database: &Database) -> Option<String> {
        let meta = database.keyspace("meta", KeyspaceCreateOptions::default).ok()?;
        let value = meta.get(IDENTITY_KEY).ok()??;
        String::from_utf8(value.to_vec()).ok()
    }

    /// The store of one partition.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn partition(&self, id: PartitionId) -> Result<PartitionStore, Fault> {
        let name = id.to_string().replace('/', "-");
        let rows = self.database.keyspace(&name, || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))?;
        Ok(PartitionStore { database: self.database.clone(), rows })
    }
}

/// The folded state of one partition: rows by key.
#[derive(Clone)]
pub struct PartitionStore {
    database: Database,
    rows: Keyspace,
}

/// A row as it was read: its key and its value.
pub type StoredRow = (Vec<u8>, Vec<u8>);
/// A row to write: its key, and its value, or nothing to remove it.
pub type Row = (Vec<u8>, Option<Vec<u8>>);

impl PartitionStore {
    /// Where the state stands; the default (the beginning) when there is none.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn position(&self) -> Result<Position, Fault> {
        let Some(value) = self.rows.get(POSITION_KEY)? else { return Ok(Position::default()) };
        let (chunks, []) = value.as_chunks::<8>() else { return Err(Fault::Damaged { key: POSITION_KEY.to_vec() }) };
        let [next_offset, epoch, sequence] = chunks else { return Err(Fault::Damaged { key: POSITION_KEY.to_vec() }) };
        Ok(Position {
            next_offset: u64::from_be_bytes(*next_offset),
            cursor: Cursor { epoch: u64::from_be_bytes(*epoch), sequence: u64::from_be_bytes(*sequence) },
        })
    }

    /// The value of one row.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.rows.get(key)?.map(|value| value.to_vec()))
    }

    /// The rows whose keys start with `prefix`, in order, at most `rows_max`.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn scan(&self, prefix: &[u8], rows_max: usize) -> Result<Vec<StoredRow>, Fault> {
        let mut found = Vec::new();
        for guard in self.rows.prefix(prefix).take(rows_max) {
            let (key, value) = guard.into_inner()?;
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    /// The last of the keys that start with `prefix`.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn last_key(&self, prefix: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let last = self.rows.prefix(prefix).next_back();
        Ok(last.map(fjall::Guard::key).transpose()?.map(|key| key.to_vec()))
    }

    /// Writes rows and moves the position, all or nothing.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn commit(&self, rows: impl IntoIterator<Item = Row>, position: Position) -> Result<(), Fault> {
        let mut batch = self.database.batch();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(&self.rows, key, value),
                None => batch.remove(&self.rows, key),
            }
        }
        let numbers = [position.next_offset, position.cursor.epoch, position.cursor.sequence];
        batch.insert(&self.rows, POSITION_KEY, numbers.map(u64::to_be_bytes).concat());
        Ok(batch.commit()?)
    }

    /// Forgets everything: the next fold starts at the beginning of the log.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub fn clear(&self) -> Result<(), Fault> {
        Ok(self.rows.clear()?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::EventTopic;

    use super::*;

    const PARTITION: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 3 };

    #[test]
    fn rows_and_position_survive_a_restart_and_another_log_starts_from_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let position = Position { next_offset: 7, cursor: Cursor { epoch: 2, sequence: 5 } };
        {
            let store = StateStore::open(folder.path(), "log-a", 1 << 20).unwrap().partition(PARTITION).unwrap();
            assert_eq!(store.position().unwrap(), Position::default());
            store.commit([(b"a1".to_vec(), Some(b"x".to_vec())), (b"a2".to_vec(), Some(b"y".to_vec()))], position).unwrap();
            store.commit([(b"a2".to_vec(), None)], position).unwrap();
        }
        {
            let store = StateStore::open(folder.path(), "log-a", 1 << 20).unwrap().partition(PARTITION).unwrap();
            assert_eq!(store.position().unwrap(), position);
            assert_eq!(store.scan(b"a", 10).unwrap(), [(b"a1".to_vec(), b"x".to_vec())]);
            assert_eq!((store.last_key(b"a").unwrap(), store.last_key(b"b").unwrap()), (Some(b"a1".to_vec()), None));
        }
        let store = StateStore::open(folder.path(), "log-b", 1 << 20).unwrap().partition(PARTITION).unwrap();
        assert_eq!(store.position().unwrap(), Position::default());
        assert_eq!(store.get(b"a1").unwrap(), None);
    }

    #[test]
    fn a_folder_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::open(folder.path(), "log-a", 1 << 20).unwrap();
        let rows = store.partition(PARTITION).unwrap();
        rows.commit([(b"a1".to_vec(), Some(b"x".to_vec()))], Position::default()).unwrap();
        assert!(matches!(StateStore::open(folder.path(), "log-a", 1 << 20), Err(Fault::Locked)));
        assert_eq!(rows.get(b"a1").unwrap(), Some(b"x".to_vec()));
    }
}
