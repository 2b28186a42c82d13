//! The controller of `ImageUpdateAutomation`: decides when a run is due and what it found, and tells of it.
//!
//! The work itself is that of the remote's [writer](crate::writers); here it is decided whether there is any, from
//! what the objects say and one listing of refs, and what the outcome means for the object.

mod decide;
mod inventory;
mod known;
mod policies;
mod run;
mod schedule;
mod source;
mod wording;
mod world;

use std::sync::Arc;
use std::time::Instant;

use api::automation::{ImageUpdateAutomation, ImageUpdateAutomationStatus};
use api::condition::{self, CommonStatus as _, Notice};
use api::keys::RECONCILE_REQUESTED_AT;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Action, ReconcileRequest, applier};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{PredicateConfig, WatchStreamExt as _, watcher};
use kube::{Resource as _, ResourceExt as _};
use tracing::Instrument as _;

use crate::chain::Chain;
use crate::cloud::CloudLogins;
use crate::cluster::{Memory, Report, Reporter, Shared, release};
use crate::nudge::Nudger;
use crate::process::logs::reconcile_span;
use crate::process::{Ending, Sync};
use crate::writers::Writers;
use known::Known;
use run::{Ended, Run, Step};
pub(crate) use source::checkout_ref;
use world::{World, source_of};

/// The name events are reported by; alerts match on it.
const CONTROLLER: &str = "image-automation-controller";

type Guarded = DeserializeGuard<ImageUpdateAutomation>;

/// What a reconcile works with.
struct Context {
    shared: Arc<Shared>,
    writers: Writers,
    logins: CloudLogins,
    world: Arc<World>,
    memory: Memory<ImageUpdateAutomationStatus>,
    known: Known,
    nudger: Nudger,
    /// All automations that are looked after.
    automations: reflector::Store<Guarded>,
}

/// Looks after all automations until it is told to end; what is under way is finished then, or abandoned.
pub async fn run(
    shared: Arc<Shared>,
    writers: Writers,
    logins: CloudLogins,
    synced: Sync,
    ending: Ending,
) {
    let options = Arc::clone(&shared.options);
    let (world, woken) = World::new();
    let (store, writer) = reflector::store();
    let world = Arc::new(world);
    let context = Arc::new(Context {
        memory: Memory::new(options.min_retry_delay, options.max_retry_delay),
        known: Known::default(),
        nudger: Nudger::new(shared.client.clone()),
        world: Arc::clone(&world),
        writers: writers.clone(),
        logins,
        automations: store.clone(),
        shared: Arc::clone(&shared),
    });
    let mut selected = watcher::Config::default();
    if let Some(labels) = &options.label_selector {
        selected = selected.labels(labels);
    }
    let automations = options.watched::<Guarded>(&shared.client);
    let gone = Arc::clone(&context);
    let changed = watcher(automations, selected)
        .default_backoff()
        .reflect(writer)
        .inspect_ok(move |event| gone.forget_deleted(event))
        .applied_objects()
        .predicate_filter(own_change, PredicateConfig::default())
        .map_ok(|object| ReconcileRequest::from(ObjectRef::from_obj(&object)));
    let queue = stream::select(changed, woken.map(|woken| Ok(woken.into())))
        .take_until(ending.stop.clone().cancelled_owned());
    let controller = async {
        tokio::select! {
            () = world.known() => synced.done(),
            () = ending.stop.cancelled() => return,
        }
        let reconcile = |object: Arc<Guarded>, context| {
            let namespace = object.namespace().unwrap_or_default();
            let span = reconcile_span("ImageUpdateAutomation", &namespace, &object.name_any());
            Box::pin(reconcile(object, context).instrument(span))
        };
        let config = controller::Config::default();
        applier(
            reconcile,
            retry,
            Arc::clone(&context),
            store.clone(),
            queue,
            config,
        )
        .for_each(|done| async {
            if let Err(controller::Error::QueueError(error)) = done {
                tracing::warn!(error = %Chain(&error), "cannot watch automations, trying again");
            }
        })
        .await;
    };
    tokio::select! {
        () = controller => {}
        () = world.follow(&shared, &store) => {}
        () = ending.abandon.cancelled() => {}
    }
    writers.stop();
}

impl Context {
    fn forget_deleted(&self, event: &watcher::Event<Guarded>) {
        let watcher::Event::Delete(object) = event else {
            return;
        };
        let uid = object.uid().unwrap_or_default();
        self.memory.forget(&uid);
        self.known.forget(&uid);
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let metrics = &self.shared.metrics;
        metrics.forget("ImageUpdateAutomation", &namespace, &name);
    }
}

/// What of an automation calls for a reconcile when it changes: neither its status nor its labels.
fn own_change(object: &Guarded) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let meta = object.meta();
    let asked = meta.annotations.as_ref();
    let mut hasher = DefaultHasher::new();
    meta.generation.hash(&mut hasher);
    asked
        .and_then(|all| all.get(RECONCILE_REQUESTED_AT))
        .hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    Some(hasher.finish())
}

fn retry(object: Arc<Guarded>, error: &kube::Error, context: Arc<Context>) -> Action {
    tracing::error!(
        name = object.name_any(),
        namespace = object.namespace(),
        error = %Chain(error),
        "Reconciler error"
    );
    let uid = object.uid().unwrap_or_default();
    Action::requeue(context.memory.failed(&uid))
}

async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let object = match &object.0 {
        Ok(object) => object,
        Err(error) => {
            tracing::error!(
                name = error.metadata.name,
                namespace = error.metadata.namespace,
                error = error.error,
                "the ImageUpdateAutomation cannot be read"
            );
            return Ok(Action::await_change());
        }
    };
    let uid = object.uid().unwrap_or_default();
    if object.meta().deletion_timestamp.is_some() {
        release(&context.shared.client, object).await?;
        return Ok(Action::await_change());
    }
    let mut reporter = Reporter::new(&context.shared, &context.memory, CONTROLLER, object);
    let before = reporter.status().clone();
    if object.spec.suspend {
        return reporter.record(before).await;
    }
    let asked = reporter.request().is_some() || reporter.is_new_generation();
    let generation = context.world.repository_generation(&source_of(object));
    let run = Run {
        context: &context,
        object,
        status: &before,
        is_new: reporter.is_new_generation(),
        by_source: context.known.source_changed(&uid, generation),
        due: context.known.due(&uid, asked, Instant::now()),
    };
    let (progress, started) = (reporter.progress(), now());
    let mut step = reporter.watch(&progress, run.begin()).await?;
    if let Step::Submitted(mut submitted) = step {
        // Waiting for others is not worth telling.
        submitted.submission.begun().await;
        step = reporter.watch(&progress, run.finish(*submitted)).await?;
    }
    let Step::Ended(ended) = step else {
        return Ok(Action::await_change());
    };
    if let Some(next) = ended.next() {
        context.known.plan(&uid, next);
    }
    let report = report(&before, ended, asked, started, progress);
    reporter.conclude(report).await
}

/// Turns the end of a run into what is written and told.
fn report(
    before: &ImageUpdateAutomationStatus,
    ended: Ended,
    asked: bool,
    started: Time,
    progress: String,
) -> Report<ImageUpdateAutomationStatus> {
    let outcome = ended.outcome(progress);
    let mut status = ended.status(before);
    let told = condition::notice(before.conditions(), &outcome) != Notice::Unchanged;
    // An idle run leaves no trace: not even the time it was made.
    if asked || told || status != *before {
        status.last_automation_run_time = Some(started);
    }
    Report {
        announce: ended.announce(),
        requeue: ended.requeue(Instant::now()),
        status,
        outcome,
    }
}

/// Returns the time in whole seconds, as objects have it.
fn now() -> Time {
    let seconds = Timestamp::now().as_second();
    Time(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
}
