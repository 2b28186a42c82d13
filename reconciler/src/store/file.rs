//! The file of the store: opened, put aside, begun anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::{fs, io};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError};
use tracing::warn;

use super::ENTRIES;
use crate::chain::Chain;

/// The name of the file.
const NAME: &str = "tags.redb";

/// The name of a file that could not be used.
const DAMAGED: &str = "tags.redb.damaged";

/// What the database keeps in memory, in bytes. Reads go to the system's page cache behind it.
const CACHE_BYTES: usize = 8 << 20;

/// The size up to which a file is left as it is, in bytes.
const SMALL: u64 = 16 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] DatabaseError),
    /// The table of entries is another one than ours.
    #[error(transparent)]
    Foreign(#[from] redb::Error),
    /// The library gave up on it.
    #[error("the file makes no sense")]
    Nonsense,
}

impl OpenError {
    /// Whether the file itself is to blame, so that another one in its place would do.
    fn is_damage(&self) -> bool {
        match self {
            Self::Open(DatabaseError::DatabaseAlreadyOpen) => false,
            Self::Open(DatabaseError::Storage(redb::StorageError::Io(error))) => matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ),
            Self::Open(_) | Self::Foreign(_) | Self::Nonsense => true,
        }
    }
}

/// Opens the file, with another in its place if it is damaged, or does without one.
pub(super) fn open(directory: &Path) -> Database {
    match attempt(directory) {
        Ok(mut database) => {
            shrink(&mut database, directory);
            database
        }
        Err(error) if error.is_damage() => {
            warn!(
                error = %Chain(&error), file = %directory.join(NAME).display(),
                "the tag store cannot be used and is put aside; the tags are listed again when they are due"
            );
            begin_anew(directory)
        }
        Err(error) => without_file(directory, &error),
    }
}

/// Puts the file aside and opens a new one, or does without.
pub(super) fn begin_anew(directory: &Path) -> Database {
    let file = directory.join(NAME);
    // What cannot be renamed may still be removed; what can be neither is noticed by opening it.
    if fs::rename(&file, directory.join(DAMAGED)).is_err() {
        fs::remove_file(&file).ok();
    }
    attempt(directory).unwrap_or_else(|error| without_file(directory, &error))
}

/// A database in memory.
pub(super) fn in_memory() -> Database {
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(InMemoryBackend::new())
        .expect("an empty piece of memory is an empty database")
}

/// Compacts a file of which most is free.
pub(super) fn shrink(database: &mut Database, directory: &Path) {
    let size = fs::metadata(directory.join(NAME)).map_or(0, |file| file.len());
    if size <= SMALL {
        return;
    }
    let used = database.begin_write().map(|transaction| {
        let stats = transaction.stats();
        let used = stats.map(|stats| stats.stored_bytes() + stats.metadata_bytes());
        transaction.abort().ok();
        used.unwrap_or(u64::MAX)
    });
    if used.is_ok_and(|used| used < size / 4)
        && let Err(error) = database.compact()
    {
        warn!(error = %Chain(&error), "the tag store keeps more space than it needs");
    }
}

fn without_file(directory: &Path, error: &OpenError) -> Database {
    warn!(
        error = %Chain(error), directory = %directory.display(),
        "no tag store can be kept there; tags are kept in memory and listed again after a restart"
    );
    in_memory()
}

/// Opens the file and looks through all of it.
fn attempt(directory: &Path) -> Result<Database, OpenError> {
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Database, OpenError> {
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create(directory.join(NAME))?;
        let create_table = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            transaction.open_table(ENTRIES)?;
            transaction.commit()?;
            Ok(())
        };
        create_table()?;
        Ok(database)
    }));
    opened.unwrap_or(Err(OpenError::Nonsense))
}
