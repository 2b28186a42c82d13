//! How one controller tells another about a repository.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::resources::ObjectKey;

/// Repositories somebody should look at. One that is in it already is not added again.
#[derive(Debug, Default)]
pub struct Mailbox {
    waiting: Mutex<BTreeSet<ObjectKey>>,
    filled: Notify,
}

impl Mailbox {
    /// Adds a repository.
    pub fn put(&self, repository: ObjectKey) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(repository);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits for a repository and takes it out. One reader at a time.
    pub async fn take(&self) -> ObjectKey {
        loop {
            let next = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.pop_first()
            };
            match next {
                Some(key) => return key,
                None => self.filled.notified().await,
            }
        }
    }
}
