//! What is the same for all namespaces: how the webhook is set up.

use std::collections::BTreeSet;

use super::{Owner, Requester, Review};

/// The group of the kubelets.
const NODES: &str = "system:nodes";

/// Namespaces whose workloads a cluster cannot do without.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Who writes for whom in a cluster that is set up as usual: ServiceAccount in `kube-system`, group and kind of the owner.
const CONTROLLERS: [(&str, &str, &str); 7] = [
    ("deployment-controller", "apps", "Deployment"),
    ("replicaset-controller", "apps", "ReplicaSet"),
    ("statefulset-controller", "apps", "StatefulSet"),
    ("daemon-set-controller", "apps", "DaemonSet"),
    ("cronjob-controller", "batch", "CronJob"),
    ("job-controller", "batch", "Job"),
    ("replication-controller", "", "ReplicationController"),
];

/// All controllers at once, where they have no ServiceAccounts of their own.
const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";

/// How the webhook is set up.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Namespaces that are left alone, the one of the webhook among them.
    pub exempt_namespaces: BTreeSet<String>,
    /// Whether workloads are marked.
    pub marked: Marked,
    /// The user that keeps marks fresh after a workload was written.
    pub marker: Option<String>,
    /// Who writes what others own.
    pub controllers: Vec<Controller>,
    /// Whether what they write is checked again.
    pub owned: Owned,
    /// Groups whose overrides count.
    pub overriders: BTreeSet<String>,
    /// What becomes of an image whose policy is named and is not there.
    pub missing_policy: Response,
    /// What becomes of an image that wants no policy where policies are required.
    pub opted_out: Response,
}

/// Whether workloads are marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marked {
    /// They are.
    #[default]
    Yes,
    /// They are not.
    No,
}

/// A user that writes pods and workloads from the templates of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The user, as the API server authenticates it.
    pub user: String,
    /// The API group of the owners.
    pub group: String,
    /// The kind of the owners.
    pub kind: String,
}

/// Whether what a controller writes is checked, though the template it writes from was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owned {
    /// It is let in: a pod must be able to come back whenever it is lost.
    #[default]
    Trusted,
    /// It is checked. Pods may be missing then.
    Checked,
}

/// What becomes of something that may be harmless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Response {
    /// It is let in.
    #[default]
    Tolerate,
    /// It is refused.
    Refuse,
}

impl Default for Rules {
    fn default() -> Self {
        let of = |user: String, group: &str, kind: &str| Controller {
            user,
            group: group.to_owned(),
            kind: kind.to_owned(),
        };
        let controllers = CONTROLLERS.iter().flat_map(|(account, group, kind)| {
            [
                of(
                    format!("system:serviceaccount:kube-system:{account}"),
                    group,
                    kind,
                ),
                of(CONTROLLER_MANAGER.to_owned(), group, kind),
            ]
        });
        Self {
            exempt_namespaces: SYSTEM_NAMESPACES.map(str::to_owned).into(),
            marked: Marked::default(),
            marker: None,
            controllers: controllers.collect(),
            owned: Owned::default(),
            overriders: BTreeSet::new(),
            missing_policy: Response::default(),
            opted_out: Response::default(),
        }
    }
}

impl Rules {
    /// Whether a workload that this controls is marked in a namespace that asks for it.
    ///
    /// Only what nobody controls is: pods and ReplicaSets that are made from a template are as numerous as short-lived.
    pub fn marks(&self, namespace: &str, owner: Option<Owner<'_>>) -> bool {
        self.marked == Marked::Yes && owner.is_none() && !self.exempt_namespaces.contains(namespace)
    }

    /// Whether a request is none of our business. Goes by what the API server knows, never by what was submitted alone.
    pub(super) fn exempts(&self, review: &Review<'_>) -> bool {
        let node = || review.requester.is_in(NODES);
        self.exempt_namespaces.contains(review.namespace.name)
            || (review.object.is_mirror && node())
    }

    /// The owner of what is written, if it is its controller that writes it.
    pub(super) fn trusts<'a>(&self, review: &Review<'a>) -> Option<Owner<'a>> {
        let owner = review.object.owner?;
        let writes = |controller: &Controller| {
            controller.user == review.requester.user
                && controller.group == owner.group
                && controller.kind == owner.kind
        };
        let trusted = self.owned == Owned::Trusted && self.controllers.iter().any(writes);
        trusted.then_some(owner)
    }

    /// Whether the overrides of whoever sends a request count.
    pub(super) fn may_override(&self, requester: &Requester<'_>) -> bool {
        self.overriders.iter().any(|group| requester.is_in(group))
    }
}

impl Requester<'_> {
    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }
}
