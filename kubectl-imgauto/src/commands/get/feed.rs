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
        if !matches!(event, Event::Init) {
            // The beginning of a list is told before the server is asked for it.
            self.connection = Connection::Open;
        }
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
            let is_refusal = matches!(
                error,
                kube::Error::Api(status) if matches!(status.code, 400..=404 | 422)
            );
            let is_final = is_refusal || self.connection == Connection::Opening;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitStatus;
    use kube::core::{ApiResource, Status};

    fn object(name: &str, version: &str) -> DynamicObject {
        let resource = ApiResource::erase::<api::ImagePolicy>(&());
        let mut object = DynamicObject::new(name, &resource).within("apps");
        object.metadata.resource_version = Some(version.to_owned());
        object
    }

    fn names(changes: &[Change]) -> Vec<String> {
        let said = changes.iter().map(|change| match change {
            Change::Applied(object) => format!("+{}", text(object, "/metadata/name")),
            Change::Gone(object) => format!("-{}", text(object, "/metadata/name")),
        });
        said.collect()
    }

    /// All that is told of some events.
    fn told(
        seen: &mut Seen,
        events: impl IntoIterator<Item = Event<DynamicObject>>,
    ) -> Vec<String> {
        let told = events.into_iter().map(|event| names(&seen.take(event)));
        told.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_new_list_tells_what_changed_since_the_last() {
        let mut seen = Seen::default();
        let first = [
            Event::Init,
            Event::InitApply(object("a", "1")),
            Event::InitApply(object("b", "2")),
            Event::InitDone,
            Event::Apply(object("a", "3")),
        ];
        assert_eq!(told(&mut seen, first), ["+a", "+b", "+a"]);
        let second = [
            Event::Init,
            Event::InitApply(object("a", "3")),
            Event::InitApply(object("c", "4")),
            Event::InitDone,
            Event::Delete(object("c", "5")),
        ];
        assert_eq!(told(&mut seen, second), ["+c", "-b", "-c"]);
        assert_eq!(seen.objects.len(), 1);
    }

    fn refusal(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status {
            code,
            message: "no".to_owned(),
            ..Status::default()
        }))
    }

    #[test]
    fn only_what_passes_is_waited_for() {
        let client = tokio::runtime::Runtime::new().unwrap();
        let _guard = client.enter();
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = kube::Client::try_from(config).unwrap();
        let resource = ApiResource::erase::<api::ImagePolicy>(&());
        let watched = Watched {
            api: Api::all_with(client, &resource),
            config: watcher::Config::default(),
            kind: "ImagePolicy".to_owned(),
            api_version: resource.api_version,
        };
        let mut seen = Seen::default();
        let forbidden = Error::InitialListFailed(refusal(403));
        let error = seen.fails(&forbidden, &watched).unwrap_err();
        assert_eq!(error.status(), ExitStatus::No);
        // A server that is busy is asked again, and the user is told of it once.
        let busy = Error::WatchStartFailed(refusal(503));
        seen.take(Event::Init);
        assert!(seen.fails(&busy, &watched).is_err());
        seen.take(Event::InitDone);
        assert!(seen.fails(&busy, &watched).unwrap().is_some());
        assert!(seen.fails(&busy, &watched).unwrap().is_none());
        let gone = Error::WatchStartFailed(refusal(403));
        assert!(seen.fails(&gone, &watched).is_err());
    }
}
