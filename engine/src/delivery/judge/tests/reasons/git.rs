use Reason::{
    AutomationStalled, AutomationSuspended, MarkerMissing, MarkerUnknownPolicy,
    MarkerWrongNamespace, PathExcluded, PushBranchNotMerged, PushRejected, SelectorExcludes,
    TemplateInvalid,
};
use State::{Blocked, Suspended};

use super::*;

/// Cases of markers, automations and pushes.
pub(super) fn cases() -> Vec<Case> {
    [
        of_missing_markers(),
        of_wrong_markers(),
        of_reach(),
        of_standstill(),
        of_pushes(),
    ]
    .concat()
}

fn of_missing_markers() -> Vec<Case> {
    vec![
        case(
            MarkerMissing,
            Blocked,
            World::behind().with(|world| world.markers().live.clear()),
            "no line names flux-system:web",
        ),
        case(
            MarkerMissing,
            Blocked,
            World::behind().with(|world| {
                let whose = "deployment/api, container api".to_owned();
                world.markers().live[0].site = Site::OtherContainer(whose);
            }),
            "no line names flux-system:web for this container; clusters/my-cluster/web.yaml:21 does for deployment/api, container api",
        ),
        case(
            MarkerMissing,
            Blocked,
            astray(
                "flux-system:web",
                StrayFault::Unusable("text around the marker".to_owned()),
            ),
            "clusters/my-cluster/web.yaml:21: text around the marker",
        ),
    ]
}

fn of_wrong_markers() -> Vec<Case> {
    vec![
        case(
            MarkerUnknownPolicy,
            Blocked,
            astray(
                "flux-system:wbe",
                StrayFault::UnknownPolicy {
                    similar: Some("web".to_owned()),
                },
            ),
            "clusters/my-cluster/web.yaml:21 names flux-system:wbe, which is not there: did you mean web?",
        ),
        case(
            MarkerUnknownPolicy,
            Blocked,
            astray(
                "flux-system:web",
                StrayFault::UnknownPolicy { similar: None },
            )
            .with(|world| {
                world.policy = Seen::Absent;
                world.repository = Seen::Hidden("there is no such ImagePolicy".to_owned());
            }),
            "clusters/my-cluster/web.yaml:21 names flux-system:web, which is not there",
        ),
        case(
            MarkerUnknownPolicy,
            Blocked,
            World::behind().with(|world| {
                world.policy = Seen::Absent;
                world.repository = Seen::Hidden("there is no such ImagePolicy".to_owned());
                world.markers = Seen::Absent;
            }),
            "there is no ImagePolicy flux-system/web",
        ),
        case(
            MarkerWrongNamespace,
            Blocked,
            astray(
                "apps:web",
                StrayFault::OtherNamespace {
                    automation: "flux-system".to_owned(),
                },
            ),
            "clusters/my-cluster/web.yaml:21 names apps:web, and the automation is in flux-system, where only policies of that namespace count",
        ),
    ]
}

fn of_reach() -> Vec<Case> {
    vec![
        case(
            PathExcluded,
            Blocked,
            astray(
                "flux-system:web",
                StrayFault::OutsidePath("clusters/staging/".to_owned()),
            ),
            "ImageUpdateAutomation flux-system/apps only updates ./clusters/staging",
        ),
        case(
            PathExcluded,
            Blocked,
            stuck(
                "UpdateFailed",
                "failed to apply policies: walking path for files: lstat clusters: no such file or directory",
            ),
            "ImageUpdateAutomation flux-system/apps only updates ./clusters/my-cluster, which is not in the repository",
        ),
        case(
            SelectorExcludes,
            Blocked,
            World::behind().with(|world| world.automation().selects = Selects::LeavesOut),
            "ImageUpdateAutomation flux-system/apps leaves the policy out by its policySelector",
        ),
        case(
            SelectorExcludes,
            Blocked,
            astray("flux-system:web", StrayFault::NotSelected),
            "ImageUpdateAutomation flux-system/apps leaves the policy out by its policySelector",
        ),
        case(
            SelectorExcludes,
            Blocked,
            World::behind().with(|world| world.automations = Seen::Absent),
            "there is no ImageUpdateAutomation in namespace flux-system",
        ),
    ]
}

fn of_standstill() -> Vec<Case> {
    let stalled = |reason: &str, message: &str| {
        World::behind().with(|world| {
            world.automation().ready = refused(reason, message);
            world.automation().stalled = condition(ConditionStatus::True, reason, message);
        })
    };
    vec![
        case(
            TemplateInvalid,
            Blocked,
            stalled(
                "RemovedTemplateField",
                "template uses removed '.Updated' field.",
            ),
            "ImageUpdateAutomation flux-system/apps: template uses removed '.Updated' field.",
        ),
        case(
            TemplateInvalid,
            Blocked,
            stuck(
                "GitOperationFailed",
                "failed to update source: unable to create commit message template from spec: template: commit message:1: bad",
            ),
            "ImageUpdateAutomation flux-system/apps: failed to update source: unable to create commit message template from spec: template: commit message:1: bad",
        ),
        case(
            AutomationSuspended,
            Suspended,
            World::new().with(|world| world.automation().is_suspended = true),
            "ImageUpdateAutomation flux-system/apps is suspended",
        ),
        case(
            AutomationStalled,
            Blocked,
            stalled("AccessDenied", "can't access 'GitRepository/a/b'"),
            "ImageUpdateAutomation flux-system/apps: can't access 'GitRepository/a/b'",
        ),
        case(
            AutomationStalled,
            Blocked,
            stuck(
                "GitOperationFailed",
                "failed to checkout source: unable to clone 'https://git/a.git': authentication required: ",
            ),
            "ImageUpdateAutomation flux-system/apps: failed to checkout source: unable to clone 'https://git/a.git': authentication required:",
        ),
    ]
}

fn of_pushes() -> Vec<Case> {
    vec![
        case(
            PushRejected,
            State::Blocked,
            stuck(
                "GitOperationFailed",
                "failed to update source: failed to push to remote: command error on refs/heads/main: pre-receive hook declined",
            ),
            "ImageUpdateAutomation flux-system/apps: failed to update source: failed to push to remote: command error on refs/heads/main: pre-receive hook declined",
        ),
        case(
            PushBranchNotMerged,
            State::Blocked,
            World::unapplied().with(|world| {
                world.automation().push_branch = Some("image-updates".to_owned());
            }),
            "ImageUpdateAutomation flux-system/apps pushed to image-updates, which is not merged into main yet",
        ),
    ]
}
