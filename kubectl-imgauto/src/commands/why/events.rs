//! What controllers said of the objects on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
use reconciler::resources::ObjectKey;
use serde::Serialize;

use super::chain::Chain;
use crate::cluster::{Attempt, refused};
use crate::commands::events::age;
use crate::error::CliError;

/// How many events are told of one chain, the newest of them.
const LIMIT: usize = 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// How long ago it was seen last, in kubectl's short words.
    age: String,
    #[serde(rename = "type")]
    severity: String,
    reason: String,
    /// Kind and name of the object, such as `ImagePolicy/web`.
    object: String,
    message: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            age,
            severity,
            reason,
            object,
            message,
        } = self;
        write!(f, "{age} ago  {severity}  {reason}  {object}: {message}")
    }
}

/// Adds to each chain the events of its objects: one list for each namespace answers for all of them.
pub(super) async fn tell(
    client: &Client,
    chains: &mut [Chain<'_>],
    now: Timestamp,
) -> Result<(), CliError> {
    let namespaces: BTreeSet<&str> = chains.iter().flat_map(namespaces).collect();
    let lists = namespaces.into_iter().map(|namespace| async move {
        let api = Api::<Event>::namespaced(client.clone(), namespace);
        let found = api.list(&ListParams::default()).await.map_err(|error| {
            let attempt = Attempt {
                verb: "list",
                what: "Event",
                api_version: "v1",
            };
            refused(&error, attempt)
        })?;
        Ok::<_, CliError>((namespace.to_owned(), found.items))
    });
    let events: BTreeMap<String, Vec<Event>> = try_join_all(lists).await?.into_iter().collect();
    for chain in chains {
        let objects = objects(chain);
        let about = events.iter().flat_map(|(namespace, events)| {
            let objects = &objects;
            events
                .iter()
                .filter(move |event| objects.iter().any(|object| object.is(namespace, event)))
        });
        let mut about: Vec<_> = about.collect();
        about.sort_by_key(|event| time(event));
        let newest = about.len().saturating_sub(LIMIT);
        chain.events = about[newest..]
            .iter()
            .map(|event| told(event, now))
            .collect();
    }
    Ok(())
}

/// An object, or all that are named after it: the pods and ReplicaSets of a workload.
struct Object<'a> {
    kinds: &'a [&'static str],
    namespace: &'a str,
    name: &'a str,
    names: Names,
}

/// Which names are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// This one.
    Own,
    /// This one and those that begin with it and a dash.
    Derived,
}

impl Object<'_> {
    fn is(&self, namespace: &str, event: &Event) -> bool {
        let object = &event.involved_object;
        let (kind, name) = (object.kind.as_deref(), object.name.as_deref());
        let (Some(kind), Some(name)) = (kind, name) else {
            return false;
        };
        let derived = || {
            let rest = name.strip_prefix(self.name);
            self.names == Names::Derived && rest.is_some_and(|rest| rest.starts_with('-'))
        };
        namespace == self.namespace
            && self.kinds.contains(&kind)
            && (name == self.name || derived())
    }
}

fn namespaces<'a>(chain: &'a Chain<'_>) -> impl Iterator<Item = &'a str> {
    let workload = chain.row.map(|row| row.workload.namespace.as_str());
    let keys = [chain.policy.as_ref(), chain.update, automation(chain)];
    let keys = keys.into_iter().flatten().map(|key| key.namespace.as_str());
    workload.into_iter().chain(keys)
}

fn automation<'a>(chain: &'a Chain<'_>) -> Option<&'a ObjectKey> {
    chain.row?.git.as_ref()?.automation.as_ref()
}

fn objects<'a>(chain: &'a Chain<'_>) -> Vec<Object<'a>> {
    const OF_WORKLOADS: &[&str] = &[
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "CronJob",
        "Job",
        "Pod",
    ];
    let workload = chain.row.map(|row| Object {
        kinds: OF_WORKLOADS,
        namespace: &row.workload.namespace,
        name: &row.workload.name,
        names: Names::Derived,
    });
    let own = |kinds: &'static [&'static str], key: &'a ObjectKey| Object {
        kinds,
        namespace: &key.namespace,
        name: &key.name,
        names: Names::Own,
    };
    let policy = chain.policy.as_ref();
    // A policy and its repository are mostly called alike; another one's events are those of its own chain.
    let policy = policy.map(|key| own(&["ImagePolicy", "ImageRepository"], key));
    let update = chain.update.or(automation(chain));
    let update = update.map(|key| own(&["ImageUpdateAutomation"], key));
    [workload, policy, update].into_iter().flatten().collect()
}

fn time(event: &Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    series
        .map(|time| time.0)
        .or(last)
        .or(event.event_time.as_ref().map(|time| time.0))
}

fn told(event: &Event, now: Timestamp) -> Told {
    let object = &event.involved_object;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let message = text(&event.message);
    Told {
        age: age(time(event), now),
        severity: text(&event.type_),
        reason: text(&event.reason),
        object: format!("{}/{}", text(&object.kind), text(&object.name)),
        message: message.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
