//! What [`judge`](super::judge) judges by: what was seen of one container and of all that stands behind it.
//!
//! Whoever looks at the world fills these in, and says of each part whether it could be seen at all:
//! what is hidden makes a link [`Unknown`](super::CheckVerdict::Unknown), never broken. Times are ages, so
//! that judging needs no clock. What many containers share is borrowed.

use std::time::Duration;

use super::Name;
use crate::change::LatestRef;
use crate::policy::{Policy, PolicyError};
use crate::rollout::Rollout;

/// Something that may or may not be there, or may not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is there.
    Present(T),
    /// It was looked for, and is not there.
    Absent,
    /// It could not be looked at, for this reason, such as `imagepolicies in apps cannot be listed`.
    Hidden(String),
}

impl<T> Seen<T> {
    /// The same, borrowed.
    pub fn as_ref(&self) -> Seen<&T> {
        match self {
            Self::Present(found) => Seen::Present(found),
            Self::Absent => Seen::Absent,
            Self::Hidden(why) => Seen::Hidden(why.clone()),
        }
    }

    /// What is there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Absent | Self::Hidden(_) => None,
        }
    }
}

/// All that was seen of one container; or of a policy alone, if there is no workload.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Who looks after the image.
    pub care: Care,
    /// The ImageRepository that the policy names; `Hidden` if the policy is not known.
    pub repository: Seen<&'a RepositoryFacts>,
    /// The policy.
    pub policy: Seen<&'a PolicyFacts>,
    /// The markers that name the policy; `Absent` if there is no inventory to find them in.
    pub markers: Seen<MarkerFacts>,
    /// The automations of the policy's namespace, also those that leave the policy out, in the order of their
    /// names. `Absent` means the same as none.
    pub automations: Seen<&'a [AutomationFacts]>,
    /// What is committed; `None` if it is not known.
    pub committed: Option<Committed>,
    /// What applies the workload; `Absent` if the workload does not say.
    pub applier: Seen<&'a ApplierFacts>,
    /// The workload and its pods; `None` where a policy is looked at by itself.
    pub workload: Option<WorkloadFacts>,
}

/// Who looks after an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Care {
    /// This policy, whether it is there or not.
    Policy(Name),
    /// One of these; which one is not said.
    Ambiguous(Vec<Name>),
    /// Nobody, because the workload says so.
    OptedOut,
    /// Nobody.
    Nobody,
}

/// An ImageRepository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// Its name.
    pub name: Name,
    /// `spec.image`, as written.
    pub image: String,
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// The condition `Ready`.
    pub ready: Option<Condition>,
    /// The last scan that succeeded.
    pub scan: Option<ScanFacts>,
    /// `spec.secretRef`: the Secret with credentials.
    pub secret: Option<String>,
    /// Whether `spec.accessFrom` lets other namespaces use it.
    pub is_shared: bool,
}

/// A scan that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanFacts {
    /// How many tags are left after exclusion.
    pub tags: i64,
    /// How long ago; `None` if the status does not say.
    pub age: Option<Duration>,
}

/// A condition of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `status`.
    pub status: ConditionStatus,
    /// `reason`.
    pub reason: String,
    /// `message`.
    pub message: String,
    /// Whether the object has changed since: what the condition says is of an older generation.
    pub is_outdated: bool,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`, or anything else.
    Unknown,
}

impl ConditionStatus {
    /// Reads `status`.
    pub fn parse(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// An ImagePolicy.
#[derive(Clone, Debug)]
pub struct PolicyFacts {
    /// Its name.
    pub name: Name,
    /// The ImageRepository it names, whether it is there or not.
    pub repository: Name,
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// The condition `Ready`.
    pub ready: Option<Condition>,
    /// `status.latestRef`.
    pub latest: Option<LatestRef>,
    /// `status.observedPreviousRef`.
    pub previous: Option<LatestRef>,
    /// How long ago it chose the latest, as far as the status says.
    pub age: Option<Duration>,
    /// The rule and the filter, or why they cannot be used.
    pub rule: Result<Policy, PolicyError>,
}

/// The markers that matter to a policy, from inventories or from the files of a checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkerFacts {
    /// The markers that work and name the policy, in the order of files and lines.
    pub live: Vec<Marker>,
    /// Those that cannot work and are meant for this policy or stand on this container.
    pub strays: Vec<Stray>,
    /// Why there may be markers that were not seen, each in words that follow `may hold more:`, such as
    /// `the ImageInventory flux-system/apps leaves out 12 entries`. An automation that has no inventory yet
    /// is such a gap, unless no automation has one: then there are no [`MarkerFacts`] at all.
    pub gaps: Vec<String>,
}

/// A marker that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, counted from one.
    pub line: i64,
    /// What it stands on.
    pub site: Site,
    /// The automation whose inventory it is in; `None` for a checkout.
    pub automation: Option<Name>,
}

/// What a marker stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// The image of the very container that is looked at.
    ThisContainer,
    /// The image of another container, such as `deployment/api, container api`. Only where that is sure: a
    /// kustomization may have changed the name on the way.
    OtherContainer(String),
    /// Values that images are made from: a kustomization's `images`, a HelmRelease's `values` and the like.
    /// They may stand behind any container.
    Values,
}

/// A marker that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, counted from one; `None` if the file as a whole cannot be used.
    pub line: Option<i64>,
    /// The policy as the marker names it, such as `apps:web` or `apps:web:tag`; empty if it cannot be read.
    pub setter: String,
    /// The automation that says so; `None` for a checkout.
    pub automation: Option<Name>,
    /// Why it cannot work.
    pub fault: StrayFault,
}

/// Why a marker cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrayFault {
    /// There is no policy of that name.
    UnknownPolicy {
        /// A policy of similar name.
        similar: Option<String>,
    },
    /// It names a policy of another namespace than this one, the automation's.
    OtherNamespace {
        /// The automation's namespace.
        automation: String,
    },
    /// The file lies outside what the automation updates: this path.
    OutsidePath(String),
    /// The automation's `policySelector` leaves the policy out.
    NotSelected,
    /// It is misspelt, misplaced, or in a file that is no YAML; what is wrong, in words.
    Unusable(String),
}

/// An ImageUpdateAutomation of the policy's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationFacts {
    /// Its name.
    pub name: Name,
    /// Whether its `policySelector` takes the policy in.
    pub selects: Selects,
    /// The labels its `policySelector` asks for, such as `team=web`; expressions are left out.
    pub selector: Vec<String>,
    /// The GitRepository it works on.
    pub source: Name,
    /// The Secret of the GitRepository, as far as it is known.
    pub source_secret: Option<String>,
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// `spec.update.path` as written; empty for the root.
    pub path: String,
    /// The condition `Ready`.
    pub ready: Option<Condition>,
    /// The condition `Stalled`.
    pub stalled: Option<Condition>,
    /// The branch that is checked out, as far as it is known.
    pub checkout_branch: Option<String>,
    /// The branch that is pushed to; `None` if it is the one that is checked out.
    pub push_branch: Option<String>,
    /// The last push.
    pub last_push: Option<Push>,
    /// How long ago it ran last.
    pub last_run: Option<Duration>,
    /// What the policy had chosen when it ran last: `status.observedPolicies`.
    pub observed: Option<LatestRef>,
}

/// Whether a selector takes a policy in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selects {
    /// It does, or there is none.
    Takes,
    /// It does not.
    LeavesOut,
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The commit, in hex.
    pub commit: String,
    /// How long ago.
    pub age: Option<Duration>,
}

/// What is committed for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The tag; `None` where only a digest stands there.
    pub tag: Option<String>,
    /// The digest, if one stands there.
    pub digest: Option<String>,
    /// The commit that wrote it, in hex.
    pub commit: Option<String>,
    /// The branch it is on.
    pub branch: Option<String>,
    /// How it is known.
    pub known: Known,
}

/// How it is known what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The line was read.
    Read,
    /// An automation says that it wrote what the policy had chosen; the line was not seen.
    Inferred,
}

/// What applies a workload: a Kustomization, a HelmRelease, an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplierFacts {
    /// Kind and name, such as `Kustomization flux-system/apps`.
    pub name: String,
    /// The field managers it writes as, such as `kustomize-controller`.
    pub managers: Vec<String>,
    /// Whether it is suspended, or does not sync by itself.
    pub is_suspended: bool,
    /// The condition `Ready`, or what comes to the same.
    pub ready: Option<Condition>,
    /// The revision it applied last, such as `main@sha1:3f9c2ab…`; `None` if it is not known.
    pub revision: Option<String>,
    /// Where it gets manifests from; `Absent` if it does not say.
    pub source: Seen<SourceFacts>,
}

/// A GitRepository or another source of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Kind and name, such as `GitRepository flux-system/flux-system`.
    pub name: String,
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// The condition `Ready`.
    pub ready: Option<Condition>,
    /// The revision it has, such as `main@sha1:3f9c2ab…`.
    pub revision: Option<String>,
}

/// A workload's container, and what runs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadFacts {
    /// The image, as the workload's spec names it.
    pub image: String,
    /// Who set it last; `None` if nobody is named.
    pub setter: Option<Setter>,
    /// What the pods run, the oldest first; pods that ended do not count. `Hidden` if pods cannot be listed.
    pub running: Seen<Vec<RunningFacts>>,
    /// What containers wait for, of the pods that do not come up.
    pub waiting: Vec<Waiting>,
    /// How far the rollout is, by [`crate::rollout`]; `None` for what does not roll out.
    pub rollout: Option<Rollout>,
    /// Whether the webhook looked at it.
    pub admission: Admission,
}

/// Who set the image of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setter {
    /// The field manager, such as `kubectl-set`.
    pub manager: String,
    /// How long ago it wrote to the object.
    pub age: Option<Duration>,
}

/// What some of the pods run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningFacts {
    /// The tag, from the container's `image` in the pod's status; where that has none, from the pod's spec.
    pub tag: Option<String>,
    /// The digest, from the container's `imageID`.
    pub digest: Option<String>,
    /// How many pods run it.
    pub pods: u32,
    /// How many of them are ready.
    pub ready: u32,
}

/// A container that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason, such as `ImagePullBackOff`.
    pub reason: String,
    /// The message.
    pub message: String,
    /// The image it waits for.
    pub image: String,
    /// How many pods have it.
    pub pods: u32,
}

/// Whether the webhook looked at a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its namespace does not ask for it, or that is not known.
    NotAsked,
    /// The workload carries the webhook's label.
    Marked,
    /// Its namespace asks for it in this mode, `warn` or `enforce`, and the workload carries no label.
    Unmarked(String),
}
