//! Objects as they are and as they change, for commands with `--watch`.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{BoxStream, SelectAll, StreamExt as _, select_all};
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Error, Event, watcher};
use serde_json::Value;

pub(in crate::commands) use super::fetch::value;
use super::rows::text;
use crate::cluster::{Attempt, refused};
use crate::error::CliError;
use crate::session::Session;

/// What is watched: some objects of one kind.
pub(in crate::commands) struct Watched {
    /// Where they are.
    pub(in crate::commands) api: Api<DynamicObject>,
    /// Which they are.
    pub(in crate::commands) config: watcher::Config,
    /// The kind.
    pub(in crate::commands) kind: String,
    /// The group and version of the kind.
    pub(in crate::commands) api_version: String,
}

/// Objects as they come.
pub(in crate::commands) struct Feed {
    watched: Vec<Watched>,
    changes: SelectAll<BoxStream<'static, Numbered>>,
    seen: Vec<Seen>,
}

/// What a watch says, with the place of the watch.
type Numbered = (usize, Result<Event<DynamicObject>, Error>);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::commands) enum Change {
    /// An object is there, or is other than before.
    Applied(Value),
    /// An object is gone; this is what it was.
    Gone(Value),
}

/// What is known of the objects of one watch.
#[derive(Default)]
struct Seen {
    objects: BTreeMap<Key, Value>,
    /// Which of them were met again, while all are listed anew.
    listed: Option<BTreeSet<Key>>,
    connection: Connection,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Connection {
    /// Nothing has come yet.
    #[default]
    Opening,
    Open,
    Lost,
}

/// Namespace and name.
type Key = (String, String);

impl Feed {
    /// Begins to watch.
    pub(in crate::commands) fn open(watched: Vec<Watched>) -> Self {
        let changes = watched.iter().enumerate().map(|(index, watched)| {
            let changes = watcher(watched.api.clone(), watched.config.clone()).default_backoff();
            changes.map(move |change| (index, change)).boxed()
        });
        Self {
            changes: select_all(changes),
            seen: watched.iter().map(|_| Seen::default()).collect(),
            watched,
        }
    }

    /// Waits for what happens next, which may be no more than that all objects are listed; `None` ends it.
    ///
    /// A connection that breaks is opened again, and the user is told once.
    pub(in crate::commands) async fn next(
        &mut self,
        session: &mut Session<'_>,
    ) -> Result<Option<Vec<Change>>, CliError> {
        while let Some((index, event)) = self.changes.next().await {
            let seen = &mut self.seen[index];
            match event {
                Ok(event) => return Ok(Some(seen.take(event))),
                Err(error) => {
                    if let Some(told) = seen.fails(&error, &self.watched[index])? {
                        session.warn(&told);
                    }
                }
            }
        }
        Ok(None)
    }

    /// All objects as they are known.
    pub(in crate::commands) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.seen.iter().flat_map(|seen| seen.objects.values())
    }

    /// Whether all objects are listed.
    pub(in crate::commands) fn is_settled(&self) -> bool {
        let settled = |seen: &Seen| seen.connection != Connection::Opening && seen.listed.is_none();
        self.seen.iter().all(settled)
    }
}

impl Seen {
    fn take(&mut self, event: Event<DynamicObject>) -> Vec<Change> {
        self.connection = Connection::Open;
        match event {
            Event::Init => {
                self.listed = Some(BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let object = value(object);
                let key = key(&object);
                if let Some(listed) = &mut self.listed {
                    listed.insert(key.clone());
                }
                let before = self.objects.insert(key, object.clone());
                // After a new list most objects are as they were.
                let is_known = before.is_some_and(|before| version(&before) == version(&object));
                if is_known {
                    Vec::new()
                } else {
                    vec![Change::Applied(object)]
                }
            }
            Event::Delete(object) => {
                let object = value(object);
                self.objects.remove(&key(&object));
                vec![Change::Gone(object)]
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let gone = self.objects.extract_if(.., |key, _| !listed.contains(key));
                gone.map(|(_, object)| Change::Gone(object)).collect()
            }
        }
    }

    /// What is said of an error that passes; the others end the feed.
    fn fails(&mut self, error: &Error, watched: &Watched) -> Result<Option<String>, CliError> {
        let attempt = |verb| Attempt {
            verb,
            what: &watched.kind,
            api_version: &watched.api_version,
        };
        let told = match error {
            Error::InitialListFailed(error) => Some(("list", error)),
            Error::WatchStartFailed(error) | Error::WatchFailed(error) => Some(("watch", error)),
            _ => None,
        };
        if let Some((verb, error)) = told {
            let is_final = match error {
                kube::Error::Api(status) => matches!(status.code, 400..=404 | 422),
                _ => self.connection == Connection::Opening,
            };
            if is_final {
                return Err(refused(error, attempt(verb)));
            }
        }
        let was = std::mem::replace(&mut self.connection, Connection::Lost);
        Ok((was == Connection::Open && told.is_some())
            .then(|| format!("lost the connection to the API server, trying again: {error}")))
    }
}

fn key(object: &Value) -> Key {
    let field = |pointer| text(object, pointer).to_owned();
    (field("/metadata/namespace"), field("/metadata/name"))
}

fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}
