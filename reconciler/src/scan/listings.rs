//! One listing for all objects that would list the same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use engine::image::Repository;
use sha2::{Digest as _, Sha256};

use super::Connection;
use crate::metrics::Metrics;
use crate::registry::{Listing, RegistryError, TagList, Validator};

#[cfg(test)]
mod tests;

/// How long a listing is kept for others who want the same.
const FRESH: Duration = Duration::from_secs(60);

/// How many tags are kept for others at most, of all repositories together.
const TAGS_LIMIT: usize = 50_000;

/// How long the mark of a listing is kept that nobody asks for again.
const FORGOTTEN: Duration = Duration::from_secs(48 * 3600);

/// What would be listed alike: by a client configured so, of a repository.
type Subject = ([u8; 32], Repository);

/// A digest of a listing as the registry gave it.
type Fingerprint = [u8; 32];

/// What the last scan of an object was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The listing.
    pub(super) listing: Fingerprint,
    /// The exclusion list that was applied to it.
    pub(super) exclusions: Vec<String>,
    /// The revision of what was left.
    pub(super) revision: String,
}

/// What a registry lists, to somebody who has seen a listing before.
#[derive(Clone, Debug)]
pub(super) enum Listed {
    /// The same; what it led to still holds.
    Same,
    /// Something else.
    Other {
        fingerprint: Fingerprint,
        list: Arc<TagList>,
    },
}

/// What a registry lists.
#[derive(Clone, Debug)]
struct Answer {
    fingerprint: Fingerprint,
    /// The tags; `None` if the registry said that they are those of this fingerprint.
    list: Option<Arc<TagList>>,
}

impl Answer {
    /// The answer to one asker; `None` if it lacks the tags that this one needs.
    fn for_asker(&self, ask: &Ask<'_>) -> Option<Listed> {
        let seen = ask.seen.filter(|seen| seen.listing == self.fingerprint);
        match (seen, &self.list) {
            (Some(_), _) => Some(Listed::Same),
            (None, Some(list)) => Some(Listed::Other {
                fingerprint: self.fingerprint,
                list: Arc::clone(list),
            }),
            (None, None) => None,
        }
    }
}

/// Who asks for a listing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// The way to the registry.
    pub(super) connection: &'a Connection,
    /// What is listed.
    pub(super) repository: &'a Repository,
    /// Since when the listing is due: one begun later will do, whoever asked for it.
    pub(super) due: SystemTime,
    /// The listing the asker has the tags of.
    pub(super) seen: Option<&'a Seen>,
    /// When the answer must be there.
    pub(super) deadline: tokio::time::Instant,
    /// Where it is counted how long the registry takes.
    pub(super) metrics: &'a Metrics,
}

/// Listings of late.
#[derive(Debug, Default)]
pub(super) struct Listings {
    /// How many tags are kept for others.
    kept: AtomicUsize,
    subjects: Mutex<HashMap<Subject, Arc<tokio::sync::Mutex<Known>>>>,
}

/// What is known of one subject.
#[derive(Debug, Default)]
struct Known {
    last: Option<Last>,
    mark: Option<(Validator, Fingerprint)>,
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Last {
    begun: SystemTime,
    ended: Instant,
    outcome: Result<Answer, RegistryError>,
}

impl Last {
    /// How many tags it keeps in memory.
    fn tags(&self) -> usize {
        let answer = self.outcome.as_ref().ok();
        let list = answer.and_then(|answer| answer.list.as_ref());
        list.map_or(0, |list| list.tags.len())
    }

    /// The answer to somebody who wants a listing begun since `due`, if this is one.
    fn answer(&self, ask: &Ask<'_>) -> Option<Result<Listed, RegistryError>> {
        if self.begun < ask.due || self.ended.elapsed() >= FRESH {
            return None;
        }
        match &self.outcome {
            Ok(answer) => answer.for_asker(ask).map(Ok),
            // Who has more time, or comes when the pause is over, may do better.
            Err(RegistryError::Timeout { .. } | RegistryError::Paused { .. }) => None,
            Err(error) => Some(Err(error.clone())),
        }
    }
}

impl Listings {
    /// Lists the tags of a repository, or takes a listing another asker has got meanwhile.
    pub(super) async fn list(&self, ask: Ask<'_>) -> Result<Listed, RegistryError> {
        let known = self.subject(&ask);
        // Whoever comes second waits here, and most times finds what was listed for the first.
        let Ok(mut known) = tokio::time::timeout_at(ask.deadline, known.lock()).await else {
            return list_alone(&ask).await;
        };
        known.asked = Some(Instant::now());
        if let Some(answer) = known.last.as_ref().and_then(|last| last.answer(&ask)) {
            return answer;
        }
        let (begun, since) = (SystemTime::now(), Instant::now());
        let outcome = known.ask(&ask).await;
        let host = ask.repository.registry();
        ask.metrics.registry_request(host, since.elapsed());
        let answer = match &outcome {
            Ok(answer) => answer.for_asker(&ask).map(Ok),
            Err(error) => Some(Err(error.clone())),
        };
        self.keep(
            &mut known,
            Last {
                begun,
                ended: Instant::now(),
                outcome,
            },
        );
        match answer {
            Some(answer) => answer,
            None => list_alone(&ask).await,
        }
    }

    /// Keeps a listing for others, unless many are kept already.
    fn keep(&self, known: &mut Known, last: Last) {
        let before = known.last.take().map_or(0, |last| last.tags());
        self.kept.fetch_sub(before, Ordering::Relaxed);
        if self.kept.load(Ordering::Relaxed) + last.tags() <= TAGS_LIMIT {
            self.kept.fetch_add(last.tags(), Ordering::Relaxed);
            known.last = Some(last);
        }
    }

    /// Lets go of tags that are kept for nobody, and of what has not been asked for in a long time.
    pub(super) fn prune(&self) {
        self.lock().retain(|_, known| {
            let Ok(mut known) = known.try_lock() else {
                return true;
            };
            if let Some(stale) = known.last.take_if(|last| last.ended.elapsed() >= FRESH) {
                self.kept.fetch_sub(stale.tags(), Ordering::Relaxed);
            }
            let asked = known.asked.is_some_and(|asked| asked.elapsed() < FORGOTTEN);
            known.last.is_some() || (asked && known.mark.is_some())
        });
    }

    fn subject(&self, ask: &Ask<'_>) -> Arc<tokio::sync::Mutex<Known>> {
        let subject = (ask.connection.fingerprint, ask.repository.clone());
        Arc::clone(self.lock().entry(subject).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Subject, Arc<tokio::sync::Mutex<Known>>>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Asks the registry; what it said last is compared where the registry can do that.
    async fn ask(&mut self, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        let client = &ask.connection.client;
        let mark = self.mark.as_ref();
        let mark = mark.filter(|(_, known)| ask.seen.is_some_and(|seen| seen.listing == *known));
        let mut list = match mark {
            None => client.list_tags(ask.repository, ask.deadline).await?,
            Some((validator, fingerprint)) => {
                let listing = client.list_tags_since(ask.repository, validator, ask.deadline);
                match listing.await? {
                    Listing::Changed(list) => list,
                    Listing::Unchanged => {
                        return Ok(Answer {
                            fingerprint: *fingerprint,
                            list: None,
                        });
                    }
                }
            }
        };
        let validator = list.validator.take();
        let fingerprint = fingerprint(&list);
        self.mark = validator.map(|validator| (validator, fingerprint));
        Ok(Answer {
            fingerprint,
            list: Some(Arc::new(list)),
        })
    }
}

/// Lists for one asker only.
async fn list_alone(ask: &Ask<'_>) -> Result<Listed, RegistryError> {
    let client = &ask.connection.client;
    let list = client.list_tags(ask.repository, ask.deadline).await?;
    Ok(Listed::Other {
        fingerprint: fingerprint(&list),
        list: Arc::new(list),
    })
}

fn fingerprint(list: &TagList) -> Fingerprint {
    let mut hash = Sha256::new();
    for tag in &list.tags {
        hash.update(tag);
        hash.update([b'\n']);
    }
    hash.finalize().into()
}
