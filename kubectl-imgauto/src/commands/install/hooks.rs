//! Configurations of webhooks into the cluster, in steps that refuse nobody anything on the way.
//!
//! An entry that fails when its webhook is away refuses everything as long as the API server does not trust the webhook,
//! which writes the field caBundle once it finds the entry. So such an entry lets pass first, and fails only once it is
//! trusted.

use std::cell::RefCell;
use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::apply::{self, Applied, Way};
use crate::cluster::{Attempt, Cluster, refused};
use crate::error::CliError;
use crate::installation;
use crate::manifests::Object;
use crate::session::Session;

/// How often it is looked whether a webhook is trusted.
const PERIOD: Duration = Duration::from_millis(250);

/// Whether trust is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is.
    Waits,
    /// It is not; entries let pass until the next installation.
    GoesOn,
}

/// Applies configurations, and says what became of them.
pub(super) async fn apply(
    objects: &[&Object],
    way: Way,
    patience: Patience,
    session: &mut Session<'_>,
    cluster: &Cluster,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    let mut untrusted = Vec::new();
    for object in objects {
        let live = find(object, cluster).await?;
        let is_ready = way != Way::ForGood || is_trusted(live.as_ref(), object);
        let applied = if is_ready {
            apply::apply(&cluster.client, object, way).await?
        } else {
            untrusted.push(*object);
            apply::apply(&cluster.client, &lenient(object), way).await?
        };
        let (title, said) = (apply::title(object), super::said(applied, way));
        session.done(&format!("{title} {said}"));
    }
    if patience == Patience::GoesOn {
        for object in untrusted
            .into_iter()
            .filter(|object| lenient(object) != **object)
        {
            session.warn(&format!(
                "{} lets requests pass while the webhook is away, until `kubectl imgauto install` is run again",
                apply::title(object)
            ));
        }
        return Ok(());
    }
    if !untrusted.is_empty() {
        session.waiting("waiting until the API server trusts the webhook");
    }
    for object in untrusted {
        let title = apply::title(object);
        stage.replace(format!("{title} to be trusted by way of caBundle"));
        while !is_trusted(find(object, cluster).await?.as_ref(), object) {
            tokio::time::sleep(PERIOD).await;
        }
        session.done(&format!("{title} is trusted"));
        let applied = apply::apply(&cluster.client, object, way).await?;
        if applied != Applied::Unchanged {
            session.done(&format!(
                "{title} refuses what it cannot ask about in namespaces that enforce"
            ));
        }
    }
    Ok(())
}

async fn find(object: &Object, cluster: &Cluster) -> Result<Option<DynamicObject>, CliError> {
    let api = installation::objects_like(&cluster.client, object);
    api.get_opt(object.name()).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &apply::title(object),
            api_version: object.api_version(),
        };
        refused(&error, attempt)
    })
}

/// Whether the API server trusts every webhook of a configuration already.
fn is_trusted(live: Option<&DynamicObject>, wanted: &Object) -> bool {
    let entries = |value: &Value| value["webhooks"].as_array().cloned().unwrap_or_default();
    let live = live.map(|live| entries(&live.data)).unwrap_or_default();
    entries(&wanted.value).iter().all(|wanted| {
        let mut live = live.iter();
        let found = live.find(|live| live["name"] == wanted["name"]);
        let bundle = found.and_then(|found| found["clientConfig"]["caBundle"].as_str());
        bundle.is_some_and(|bundle| !bundle.is_empty())
    })
}

/// A configuration that refuses nothing when its webhook is away.
fn lenient(configuration: &Object) -> Object {
    let mut lenient = configuration.clone();
    let hooks = lenient.value.get_mut("webhooks");
    for hook in hooks.and_then(Value::as_array_mut).into_iter().flatten() {
        hook["failurePolicy"] = json!("Ignore");
    }
    lenient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::{GUARD, Settings, objects};

    fn guard() -> Object {
        let objects = objects(&Settings::whole("here")).into_iter();
        objects.rev().find(|object| object.name() == GUARD).unwrap()
    }

    fn live(object: &Object) -> DynamicObject {
        serde_json::from_value(object.value.clone()).unwrap()
    }

    #[test]
    fn a_configuration_is_trusted_when_all_of_its_entries_are() {
        let guard = guard();
        assert!(!is_trusted(None, &guard) && !is_trusted(Some(&live(&guard)), &guard));
        let mut there = live(&guard);
        let hooks = there.data["webhooks"].as_array_mut().unwrap();
        for hook in &mut *hooks {
            hook["clientConfig"]["caBundle"] = json!("YQ==");
        }
        hooks.reverse();
        assert!(is_trusted(Some(&there), &guard));
        there.data["webhooks"][0]["clientConfig"]["caBundle"] = json!("");
        assert!(!is_trusted(Some(&there), &guard));
        there.data["webhooks"].as_array_mut().unwrap().remove(0);
        assert!(
            !is_trusted(Some(&there), &guard),
            "one that is new is not trusted yet"
        );
    }

    #[test]
    fn nothing_fails_before_it_is_trusted() {
        let guard = guard();
        let lenient = lenient(&guard);
        assert_ne!(lenient, guard);
        for hook in lenient.value["webhooks"].as_array().unwrap() {
            assert_eq!(hook["failurePolicy"], "Ignore");
        }
    }
}
