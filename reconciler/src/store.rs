//! Tag lists of repositories, by the UID of the object they belong to.
//!
//! A cache: everything in it can be had again from the registries, so nothing it meets with is
//! worth more than a line in the log. A file that cannot be used is put aside, a directory that
//! cannot be written to is done without.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::{
    Database, Durability, ReadableDatabase as _, TableDefinition, TableError, WriteTransaction,
};
use tracing::warn;

use crate::chain::Chain;

mod entry;
mod file;
mod mailbox;
mod tags;
#[cfg(test)]
mod tests;

pub use mailbox::Mailbox;
pub use tags::Tags;

/// What the store knows of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTags {
    /// The image the tags were listed for, `registry/path`.
    pub canonical: String,
    /// The checksum of the tags, `sha256:<hex>`.
    pub revision: String,
    /// The tags that were kept, bytewise descending.
    pub tags: Tags,
}

/// Entries by UID. Their form carries a version of its own.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tags");

/// How long a write may wait for the next one that is made durable.
const DURABLE_AFTER: Duration = Duration::from_secs(5);

/// The store failed, twice in a row.
#[derive(Debug, thiserror::Error)]
#[error("tag store")]
pub struct StoreError(#[source] Box<redb::Error>);

/// Tag lists on disk, or in memory where there is no disk to use. Shared by the controllers.
#[derive(Debug)]
pub struct TagStore {
    /// Where the file is; `None` for a store in memory.
    directory: Option<PathBuf>,
    state: RwLock<State>,
    /// The objects whose entries this process wrote or found to be right.
    ///
    /// Others may be older than what a status tells of: the last writes of a process that was killed are lost.
    confirmed: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct State {
    database: Database,
    /// When a write was made durable last, and whether there were others since.
    durable: Durable,
}

#[derive(Clone, Copy, Debug)]
struct Durable {
    at: Instant,
    behind: Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nothing,
    Writes,
}

impl Durable {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            behind: Behind::Nothing,
        }
    }
}

/// What a [`TagStore::put`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was nothing for this object.
    New,
    /// There were other tags, or tags of another image.
    Changed,
    /// The same tags were there: nothing was written.
    Same,
}

impl TagStore {
    /// Opens `tags.redb` in `directory`, or creates it.
    ///
    /// A file that is damaged or not ours is put aside. Where no file can be had, tags are kept in memory. Both are logged.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        Self::with(file::open(directory), Some(directory.to_owned()))
    }

    /// A store that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(file::in_memory(), None)
    }

    fn with(database: Database, directory: Option<PathBuf>) -> Self {
        Self {
            directory,
            state: RwLock::new(State {
                database,
                durable: Durable::now(),
            }),
            confirmed: Mutex::default(),
        }
    }

    /// Keeps the tags of an object in place of those it had.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn put(&self, uid: &str, canonical: &str, tags: &Tags) -> Result<Put, StoreError> {
        let value = entry::encode(canonical, tags);
        let put = self.attempt(|state| {
            let before = read(&state.database, uid, |value| {
                entry::header(value).map(|header| header.is(canonical, &tags.checksum()))
            })?;
            let done = match before.flatten() {
                Some(true) => return Ok((Put::Same, None)),
                Some(false) => Put::Changed,
                None => Put::New,
            };
            let durable = write(state, |transaction| {
                let mut table = transaction.open_table(ENTRIES)?;
                table.insert(uid, value.as_slice())?;
                Ok(())
            })?;
            Ok((done, Some(durable)))
        })?;
        self.confirmed().insert(uid.to_owned());
        Ok(put)
    }

    /// The tags of an object; `None` if they are not known.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn get(&self, uid: &str) -> Result<Option<StoredTags>, StoreError> {
        self.attempt(|state| {
            let found = read(&state.database, uid, entry::decode)?;
            Ok((found.flatten(), None))
        })
    }

    /// The tags of an object, if they are of this image and not older than `told`, the revision its status tells of.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn current(
        &self,
        uid: &str,
        canonical: &str,
        told: Option<&str>,
    ) -> Result<Option<StoredTags>, StoreError> {
        let stored = self.get(uid)?;
        Ok(stored.filter(|stored| {
            stored.canonical == canonical && self.is_current(uid, &stored.revision, told)
        }))
    }

    /// Whether [`Self::current`] finds tags, without reading them.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn holds_current(
        &self,
        uid: &str,
        canonical: &str,
        told: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.attempt(|state| {
            let found = read(&state.database, uid, |value| {
                entry::header(value).is_some_and(|header| {
                    header.canonical == canonical && self.is_current(uid, &header.revision(), told)
                })
            })?;
            Ok((found.unwrap_or(false), None))
        })
    }

    fn is_current(&self, uid: &str, revision: &str, told: Option<&str>) -> bool {
        told == Some(revision) || self.confirmed().contains(uid)
    }

    fn confirmed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether tags of this image are known for an object, without reading them.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn holds(&self, uid: &str, canonical: &str) -> Result<bool, StoreError> {
        self.attempt(|state| {
            let found = read(&state.database, uid, |value| {
                entry::header(value).is_some_and(|header| header.canonical == canonical)
            })?;
            Ok((found.unwrap_or(false), None))
        })
    }

    /// Forgets an object.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn remove(&self, uid: &str) -> Result<(), StoreError> {
        self.attempt(|state| {
            let durable = write(state, |transaction| {
                transaction.open_table(ENTRIES)?.remove(uid)?;
                Ok(())
            })?;
            Ok(((), Some(durable)))
        })?;
        self.confirmed().remove(uid);
        Ok(())
    }

    /// Forgets every object but these, and gives space back where most of the file is free.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn retain(&self, uids: &HashSet<String>) -> Result<(), StoreError> {
        self.attempt(|state| {
            let durable = write(state, |transaction| {
                let mut table = transaction.open_table(ENTRIES)?;
                table.retain(|uid, _| uids.contains(uid))?;
                Ok(())
            })?;
            Ok(((), Some(durable)))
        })?;
        self.confirmed().retain(|uid| uids.contains(uid));
        if let Some(directory) = &self.directory {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            file::shrink(&mut state.database, directory);
        }
        Ok(())
    }

    /// Makes what was written durable. Called now and then, and at the end.
    ///
    /// # Errors
    /// When the store fails and does not come back when it is begun anew.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.attempt(|state| {
            if state.durable.behind == Behind::Nothing {
                return Ok(((), None));
            }
            let transaction = state.database.begin_write()?;
            transaction.commit()?;
            Ok(((), Some(Durable::now())))
        })
    }

    /// Does something, and does it again with a new database when the one at hand fails.
    fn attempt<T>(
        &self,
        action: impl Fn(&State) -> Result<(T, Option<Durable>), redb::Error>,
    ) -> Result<T, StoreError> {
        let first = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            action(&state)
        };
        let error = match first {
            Ok((value, None)) => return Ok(value),
            Ok((value, Some(durable))) => {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                state.durable = durable;
                return Ok(value);
            }
            Err(error) => error,
        };
        warn!(
            error = %Chain(&error),
            "the tag store failed and is begun anew; the tags are listed again when they are due"
        );
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // The file is locked by the database that failed, which has to go first.
        state.database = file::in_memory();
        if let Some(directory) = &self.directory {
            state.database = file::begin_anew(directory);
        }
        state.durable = Durable::now();
        let (value, durable) = action(&state).map_err(|error| StoreError(Box::new(error)))?;
        state.durable = durable.unwrap_or(state.durable);
        Ok(value)
    }
}

impl Drop for TagStore {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            warn!(error = %Chain(&error), "the last tags were not kept");
        }
    }
}

/// Looks at the value of one object.
fn read<T>(
    database: &Database,
    uid: &str,
    look: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(ENTRIES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = table.get(uid)?;
    Ok(found.map(|value| look(value.value())))
}

/// Changes the table. Of a storm of changes only one in a while waits for the disk.
fn write(
    state: &State,
    change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<Durable, redb::Error> {
    let mut transaction = state.database.begin_write()?;
    let due = state.durable.at.elapsed() >= DURABLE_AFTER;
    if !due {
        transaction.set_durability(Durability::None)?;
    }
    change(&transaction)?;
    transaction.commit()?;
    Ok(if due {
        Durable::now()
    } else {
        Durable {
            behind: Behind::Writes,
            ..state.durable
        }
    })
}
