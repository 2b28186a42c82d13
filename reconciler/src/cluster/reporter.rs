//! How a reconcile is told: one write to the status, one event, one decision when to come back.

use std::borrow::Cow;
use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use api::condition::{self, CommonStatus, Notice as Change, Outcome};
use api::keys::RECONCILE_REQUESTED_AT;
use api::reason::Reason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{FIELD_MANAGER, Memory, Shared};
use crate::events::{self, Notice, Severity};

#[cfg(test)]
mod tests;

/// A reconcile that takes longer than this says so in the object's conditions.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What a reconcile came to.
pub struct Report<S> {
    /// The status with the fields that are the controller's own; conditions and what all kinds share are set here.
    pub status: S,
    /// How it ended.
    pub outcome: Outcome,
    /// What event there is to be.
    pub announce: Announce,
    /// When to come back.
    pub requeue: Requeue,
}

/// Which event a reconcile deserves.
pub enum Announce {
    /// The message of Ready, when it changed.
    Outcome,
    /// As [`Announce::Outcome`], and this text when nothing changed but somebody had asked.
    OrTrace(String),
    /// As [`Announce::Outcome`], and this text when nothing changed, whether or not somebody had asked.
    OrTraceAlways(String),
    /// This text, as good news, in any case.
    News(String),
}

/// When to come back to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// After this time.
    After(Duration),
    /// When it, or something it depends on, changes.
    OnChange,
    /// After the object's backoff, but not before this time has passed.
    Retry {
        /// What a server asked for, such as `Retry-After`; zero if nothing.
        at_least: Duration,
    },
}

impl Requeue {
    /// After the object's backoff.
    pub const BACKOFF: Self = Self::Retry {
        at_least: Duration::ZERO,
    };
}

/// A namespaced kind whose status has what all three kinds share.
pub trait Reported:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + HasStatus<Status: CommonStatus + Clone + Default + Serialize>
    + Clone
    + Debug
    + DeserializeOwned
{
}

impl<K> Reported for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + HasStatus<Status: CommonStatus + Clone + Default + Serialize>
        + Clone
        + Debug
        + DeserializeOwned
{
}

/// Tells of one reconcile of one object.
pub struct Reporter<'a, K: HasStatus> {
    shared: &'a Shared,
    memory: &'a Memory<K::Status>,
    controller: &'static str,
    object: &'a K,
    began: Instant,
    /// What the API server has, as far as is known.
    written: K::Status,
    before: K::Status,
}

impl<'a, K: Reported> Reporter<'a, K> {
    /// Begins to tell of a reconcile of `object`, in events by the name of `controller`.
    pub fn new(
        shared: &'a Shared,
        memory: &'a Memory<K::Status>,
        controller: &'static str,
        object: &'a K,
    ) -> Self {
        let before = memory
            .newer(object)
            .or_else(|| object.status().cloned())
            .unwrap_or_default();
        Self {
            shared,
            memory,
            controller,
            object,
            began: Instant::now(),
            written: before.clone(),
            before,
        }
    }

    /// Returns the status the reconcile began with; a new report is made from a copy.
    pub fn status(&self) -> &K::Status {
        &self.before
    }

    /// Returns the request for a reconcile that has not been answered yet.
    pub fn request(&self) -> Option<&str> {
        let asked = self.object.annotations().get(RECONCILE_REQUESTED_AT)?;
        let answered = self.before.last_handled_reconcile_at();
        (answered != Some(asked.as_str())).then_some(asked.as_str())
    }

    /// Whether the object was changed since it last ended ready or stalled.
    pub fn is_new_generation(&self) -> bool {
        self.before.observed_generation().unwrap_or(-1) != self.generation()
    }

    /// Returns what Reconciling says while nothing more is known than that work has begun.
    pub fn progress(&self) -> String {
        match self.is_new_generation() {
            true => format!(
                "processing object: new generation {} -> {}",
                self.before.observed_generation().unwrap_or(-1),
                self.generation()
            ),
            false => "reconciliation in progress".to_owned(),
        }
    }

    /// Waits for `work`; if it takes longer than a second, the object says that it is `progress` that is going on.
    ///
    /// # Errors
    ///
    /// When the API server does not take the status. The work is given up then.
    pub async fn watch<T>(
        &mut self,
        progress: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, kube::Error> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(WORTH_TELLING) => {}
        }
        let mut status = self.written.clone();
        let conditions =
            condition::progressing(status.conditions(), progress, self.generation(), &now());
        *status.conditions_mut() = conditions;
        self.write(status).await?;
        Ok(work.await)
    }

    /// Ends the reconcile: writes what changed, queues the event, says when to come back.
    ///
    /// # Errors
    ///
    /// When the API server does not take the status.
    pub async fn conclude(&mut self, report: Report<K::Status>) -> Result<Action, kube::Error> {
        let asked = self.request().is_some() || self.is_new_generation();
        let change = condition::notice(self.before.conditions(), &report.outcome);
        let status = self.completed(report.status, &report.outcome);
        self.write(status).await?;
        self.observe();
        if let Some((severity, message)) =
            announced(report.announce, change, &report.outcome, asked)
        {
            self.announce(severity, report.outcome.reason(), message);
        }
        Ok(self.action(report.requeue))
    }

    /// Writes a status as it is, for a suspended object: no condition changes and nobody is told.
    ///
    /// # Errors
    ///
    /// When the API server does not take the status.
    pub async fn record(&mut self, mut status: K::Status) -> Result<Action, kube::Error> {
        if condition::is_true(status.conditions(), api::keys::READY) {
            status.set_observed_generation(self.generation());
        }
        self.write(status).await?;
        self.observe();
        Ok(Action::await_change())
    }

    fn completed(&self, mut status: K::Status, outcome: &Outcome) -> K::Status {
        let generation = self.generation();
        let before = self.written.conditions();
        *status.conditions_mut() = condition::concluded(before, outcome, generation, &now());
        match outcome {
            Outcome::Ready { .. } | Outcome::Stalled { .. } => {
                status.set_observed_generation(generation);
            }
            Outcome::Failed { .. } => {}
        }
        if let Some(request) = self.request() {
            status.set_last_handled_reconcile_at(request.to_owned());
        }
        status
    }

    async fn write(&mut self, status: K::Status) -> Result<(), kube::Error> {
        let Some(change) = difference(&to_json(&self.written), &to_json(&status)) else {
            return Ok(());
        };
        let namespace = self.object.namespace().unwrap_or_default();
        let objects = Api::<K>::namespaced(self.shared.client.clone(), &namespace);
        // The UID keeps the status of one object from a namesake that took its place.
        let patch = json!({ "metadata": { "uid": self.object.uid() }, "status": change });
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let name = self.object.name_any();
        match objects
            .patch_status(&name, &params, &Patch::Merge(&patch))
            .await
        {
            Err(kube::Error::Api(refusal)) if refusal.is_not_found() => {}
            other => self.memory.wrote(&other?, status.clone()),
        }
        self.written = status;
        Ok(())
    }

    fn observe(&self) {
        let namespace = self.object.namespace().unwrap_or_default();
        let name = self.object.name_any();
        if let Cow::Borrowed(kind) = K::kind(&()) {
            let took = self.began.elapsed();
            self.shared
                .metrics
                .reconciled(kind, &namespace, &name, took);
        }
    }

    fn announce(&self, severity: Severity, reason: Reason, message: String) {
        self.shared.events.send(Notice {
            regarding: self.object.object_ref(&()),
            controller: self.controller,
            severity,
            reason: reason.as_str(),
            message,
            metadata: events::metadata(self.object),
        });
    }

    fn action(&self, requeue: Requeue) -> Action {
        let uid = self.object.uid().unwrap_or_default();
        match requeue {
            Requeue::Retry { at_least } => Action::requeue(self.memory.failed(&uid).max(at_least)),
            Requeue::After(time) => {
                self.memory.recovered(&uid);
                Action::requeue(time)
            }
            Requeue::OnChange => {
                self.memory.recovered(&uid);
                Action::await_change()
            }
        }
    }

    fn generation(&self) -> i64 {
        self.object.meta().generation.unwrap_or_default()
    }
}

/// Returns the event that is due, if there is one.
fn announced(
    announce: Announce,
    change: Change,
    outcome: &Outcome,
    asked: bool,
) -> Option<(Severity, String)> {
    let message = || outcome.message().to_owned();
    match (announce, change) {
        (Announce::News(text), _) => Some((Severity::Info, text)),
        (_, Change::Normal) => Some((Severity::Info, message())),
        (_, Change::Warning) => Some((Severity::Error, message())),
        (Announce::OrTrace(text), Change::Unchanged)
            if asked && matches!(outcome, Outcome::Ready { .. }) =>
        {
            Some((Severity::Trace, text))
        }
        (Announce::OrTraceAlways(text), Change::Unchanged)
            if matches!(outcome, Outcome::Ready { .. }) =>
        {
            Some((Severity::Trace, text))
        }
        (
            Announce::Outcome | Announce::OrTrace(_) | Announce::OrTraceAlways(_),
            Change::Unchanged,
        ) => None,
    }
}

/// Returns the JSON merge patch that leads from `before` to `after`, if they differ.
fn difference(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return (before != after).then(|| after.clone());
    };
    let mut patch = Map::new();
    for (key, value) in new {
        let change = match old.get(key) {
            Some(known) => difference(known, value),
            None => Some(value.clone()),
        };
        patch.extend(change.map(|change| (key.clone(), change)));
    }
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn to_json<S: Serialize>(status: &S) -> Value {
    serde_json::to_value(status).expect("a status has string keys and numbers JSON knows")
}

/// Returns the time in whole seconds, as objects have it.
fn now() -> Time {
    let seconds = Timestamp::now().as_second();
    Time(Timestamp::from_second(seconds).expect("now is within the range of timestamps"))
}
