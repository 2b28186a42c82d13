//! One reconcile of a suspended object, which is suspended again afterwards, whatever happens.
//!
//! Neither Flux's controllers nor ours work on a suspended object, and a request that such an object carries is taken
//! for answered. So it has to be resumed for as long as it takes.

use std::cell::Cell;
use std::time::Duration;

use kube::ResourceExt as _;

use super::answered;
use crate::cluster::Cluster;
use crate::commands::objects::Objects;
use crate::commands::reconciliation::{self, Limit};
use crate::commands::suspension::{SWITCHER, Switch};
use crate::error::CliError;
use crate::image_kind::ImageKind;
use crate::session::Session;

/// How long suspending again may take, on top of all other limits.
const RESTORATION: Duration = Duration::from_secs(30);

/// Resumes an object, has it reconciled, and suspends it again.
pub(super) fn reconcile<K: ImageKind>(
    cluster: &Cluster,
    session: &mut Session<'_>,
    objects: &Objects<K>,
    object: &K,
    limit: Limit,
) -> Result<(), CliError> {
    let (kind, human, name) = (K::KIND, K::HUMAN, object.name_any());
    let namespace = &objects.namespace;
    let before = object.answered_request();
    // A request that is stopped half-way may have reached the server.
    let tried = Cell::new(false);
    let outcome = cluster.run(async {
        let work = async {
            session.note(&format!(
                "resuming {human} {name} in {namespace} namespace for one reconciliation"
            ));
            session.note(&format!(
                "annotating {kind} {name} in {namespace} namespace"
            ));
            let mut change = reconciliation::request();
            change["spec"] = Switch::Resume.change()["spec"].take();
            tried.set(true);
            let resumed = objects.change(&name, SWITCHER, &change);
            limit.bound(resumed).await?;
            session.done(&format!("{kind} annotated"));
            answered(session, objects, &name, before, limit).await
        };
        tokio::select! {
            done = work => done,
            () = told_to_end() => Err(CliError::interrupted()),
        }
    });
    if !tried.get() {
        return outcome;
    }
    let suspend = Switch::Suspend.change();
    let restoration = objects.change(&name, SWITCHER, &suspend);
    let late = || CliError::timed_out("no answer from the API server");
    match cluster.run_within(RESTORATION, restoration, late) {
        Ok(_) => {
            session.done(&format!("{human} suspended again"));
            outcome
        }
        Err(error) => {
            let word = K::NOUN.word();
            let left = CliError::failure(format!(
                "{human} {name} in {namespace} namespace is no longer suspended"
            ))
            .next(format!(
                "kubectl imgauto suspend {word} {name} -n {namespace}"
            ));
            let errors = outcome.err().into_iter().chain([left, error]);
            CliError::all(errors.collect())
        }
    }
}

/// Waits until the process is told to end in another way than with Ctrl-C.
#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}

/// There is no other way.
#[cfg(not(unix))]
async fn told_to_end() {
    std::future::pending().await
}
