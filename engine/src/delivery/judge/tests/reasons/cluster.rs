use Reason::{
    AdmissionSkipped, ApplyFailed, ApplySuspended, ImagePullFailed, ManualChange, OtherManager,
    ProgressDeadlineExceeded, SourceOutdated,
};
use State::{Blocked, Committed, Degraded, Drifted, Suspended, Unknown};

use super::*;

/// Cases of what applies and runs.
pub(super) fn cases() -> Vec<Case> {
    [of_appliers(), of_setters(), of_rollouts()].concat()
}

fn of_appliers() -> Vec<Case> {
    vec![
        case(
            SourceOutdated,
            Committed,
            World::unapplied().with(|world| {
                world.automation().last_push.as_mut().unwrap().age = seconds(3600);
            }),
            "1.9.0 is committed and not applied yet, Kustomization flux-system/apps is at main@0000000, the workload has 1.8.4; pushed 60m ago",
        ),
        case(
            SourceOutdated,
            Blocked,
            World::unapplied().with(|world| {
                let source = there(&mut world.applier().source);
                source.ready = refused("GitOperationFailed", "failed to checkout: no route");
            }),
            "GitRepository flux-system/flux-system: failed to checkout: no route",
        ),
        case(
            ApplyFailed,
            Blocked,
            World::unapplied().with(|world| {
                world.applier().ready =
                    refused("BuildFailed", "kustomize build failed:\n  no such file");
            }),
            "Kustomization flux-system/apps: kustomize build failed: no such file",
        ),
        case(
            ApplySuspended,
            Suspended,
            World::unapplied().with(|world| world.applier().is_suspended = true),
            "Kustomization flux-system/apps is suspended",
        ),
        case(
            ApplySuspended,
            Suspended,
            World::new().with(|world| there(&mut world.applier().source).is_suspended = true),
            "GitRepository flux-system/flux-system is suspended",
        ),
    ]
}

fn of_setters() -> Vec<Case> {
    let set_by = |manager: &str| {
        World::new().with(|world| {
            world.workload = Some(workload("2.3.9"));
            world.workload().setter = setter(manager);
        })
    };
    vec![
        case(
            ManualChange,
            Drifted,
            set_by("kubectl-set"),
            "the workload has 2.3.9, Git has 1.9.0; image set by \"kubectl-set\" 3m ago",
        ),
        case(
            ManualChange,
            Drifted,
            // Whoever applied by hand what a Kustomization looks after.
            set_by("kubectl-client-side-apply"),
            "the workload has 2.3.9, Git has 1.9.0; image set by \"kubectl-client-side-apply\" 3m ago",
        ),
        case(
            OtherManager,
            Drifted,
            set_by("keel"),
            "the workload has 2.3.9, Git has 1.9.0; image set by \"keel\" 3m ago",
        ),
        case(
            AdmissionSkipped,
            Unknown,
            World::new().with(|world| {
                world.workload().admission = Admission::Unmarked("enforce".to_owned());
            }),
            "the namespace asks for enforce, and the workload was admitted without the webhook",
        ),
    ]
}

fn of_rollouts() -> Vec<Case> {
    vec![
        case(
            ImagePullFailed,
            Degraded,
            World::new().with(|world| {
                world.workload().rollout = rollout(Ending::UnderWay, "1 of 2 updated");
                world.workload().waiting =
                    vec![waiting("ImagePullBackOff", "Back-off pulling image")];
                // Nobody blames the webhook for a tag that is not there.
                world.workload().admission = Admission::Unmarked("warn".to_owned());
            }),
            "1 pod cannot pull ghcr.io/acme/web:1.9.0 (ImagePullBackOff): Back-off pulling image",
        ),
        case(
            ImagePullFailed,
            Degraded,
            World::new().with(|world| {
                world.workload().waiting = vec![waiting("InvalidImageName", "")];
            }),
            "1 pod cannot start: \"ghcr.io/acme/web:1.9.0\" is no image",
        ),
        case(
            ProgressDeadlineExceeded,
            Degraded,
            World::new().with(|world| {
                world.workload().rollout = rollout(
                    Ending::Failed,
                    "exceeded its progress deadline, 1 of 2 updated",
                );
                world.workload().waiting = vec![waiting("CrashLoopBackOff", "")];
            }),
            "exceeded its progress deadline, 1 of 2 updated, 1 pod waits: CrashLoopBackOff",
        ),
    ]
}
