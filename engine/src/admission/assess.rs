//! How each image of a workload stands to the policy that looks after it.

use std::collections::BTreeMap;

use super::{Knowledge, Namespace, Slot, Workload, keys};
use crate::catalog::Catalog;
use crate::delivery::Name;
use crate::drift::{Choice, Label, Outcome, outcome, wanted_digest};
use crate::image::{Reference, ReferenceError};
use crate::tie::{Candidate, Container, Dependency, LastResort, Origin, Tie};

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// An image, read.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) slot: Slot<'a>,
    pub(super) image: Result<Reference, ReferenceError>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(slot: Slot<'a>) -> Self {
        Self {
            slot,
            image: Reference::parse(slot.image),
        }
    }
}

/// How an image stands to the policy that looks after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding<'a> {
    pub(super) seen: &'a Seen<'a>,
    pub(super) declared: Declared<'a>,
    pub(super) tie: Tie<'a>,
    /// What the policy chose, if there is one.
    pub(super) choice: Option<Choice<'a>>,
    pub(super) outcome: Outcome,
    pub(super) access: Access,
}

/// Whether a policy may be used where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It may, or there is none.
    Granted,
    /// It belongs to another namespace and does not say that this one may.
    Refused,
}

/// What is known of policies and of the namespace of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// All policies.
    pub catalog: &'a Catalog,
    /// The namespace.
    pub namespace: Namespace<'a>,
    /// How far the absence of a policy can be believed.
    pub knowledge: Knowledge,
}

/// The policy, by namespace and name, that a marker in Git names for an image.
pub type Marker<'a> = (&'a str, &'a str);

/// How an image of a workload stands to the policy that looks after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The image, and where it is written.
    pub slot: Slot<'a>,
    /// The policy, if there is one.
    pub policy: Option<Name>,
    /// How it stands to it.
    pub outcome: Outcome,
    /// What that comes to in the label of the workload.
    pub label: Label,
    /// The digest it must have where it runs; `None` if nobody knows it.
    pub digest: Option<String>,
    /// What all of this depends on, besides the namespace and what is written in the workload.
    pub dependencies: Vec<Dependency>,
}

/// Tells of each image of a workload how it stands, in the order of the workload.
///
/// `marker` tells of markers that are known from inventories. Ephemeral containers do not count, as with
/// [`marks`](super::marks).
pub fn standings<'a>(
    known: Known<'_>,
    workload: &Workload<'a>,
    marker: impl Fn(&Slot<'a>) -> Option<Marker<'a>>,
) -> Vec<Standing<'a>> {
    let slots = super::marks::lasting(workload);
    slots
        .map(|slot| {
            let seen = Seen::new(*slot);
            let marker = marker(slot);
            let container = known.container(Declared::of(workload, slot), &seen, marker);
            let dependencies = container.dependencies().collect();
            let finding = known.assess(workload, &seen, marker);
            let image = seen.image.as_ref().ok();
            let digest = image.and_then(|image| wanted_digest(image, finding.choice.as_ref()));
            Standing {
                slot: *slot,
                policy: finding
                    .policy()
                    .map(|policy| Name::new(&policy.namespace, &policy.name)),
                outcome: finding.outcome,
                label: known.label(finding.outcome),
                digest: digest.map(str::to_owned),
                dependencies,
            }
        })
        .collect()
}

/// The label of a workload: the worst of how its images stand, and of what runs of them.
///
/// `running` tells of the containers of its pods: where the image is written in the pod, and the digest of the one that
/// runs. What runs by the name of an image and is another one is a mismatch. What runs by another name, as during a
/// rollout, is held only against what is written in its own pod.
pub fn label<'r>(
    standings: &[Standing<'_>],
    running: impl IntoIterator<Item = (Slot<'r>, &'r str)>,
) -> Label {
    let is_other = |slot: Slot<'_>, digest: &str| {
        let same = standings.iter().find(|standing| standing.slot == slot);
        match same {
            Some(standing) => standing.digest.as_deref().is_some_and(|own| own != digest),
            None => Reference::parse(slot.image)
                .is_ok_and(|image| wanted_digest(&image, None).is_some_and(|own| own != digest)),
        }
    };
    let written = standings.iter().map(|standing| standing.label);
    let mut running = running.into_iter();
    match running.any(|(slot, digest)| is_other(slot, digest)) {
        true => Label::Mismatch,
        false => written.max().unwrap_or(Label::None),
    }
}

impl<'a> Known<'a> {
    fn container(
        &self,
        declared: Declared<'a>,
        seen: &'a Seen<'a>,
        marker: Option<Marker<'a>>,
    ) -> Container<'a> {
        let wishes = self.namespace.wishes;
        Container {
            namespace: self.namespace.name,
            namespace_labels: wishes.map_or(&NO_LABELS, |wishes| &wishes.labels),
            marker,
            stated: declared.stated,
            default: declared.default,
            image: seen.image.as_ref().ok(),
            last_resort: LastResort::Unmanaged,
        }
    }

    /// Tells how an image of a workload stands to its policy.
    pub(super) fn assess(
        &self,
        workload: &Workload<'a>,
        seen: &'a Seen<'a>,
        marker: Option<Marker<'a>>,
    ) -> Finding<'a> {
        let declared = Declared::of(workload, &seen.slot);
        let container = self.container(declared, seen, marker);
        let (labels, image) = (container.namespace_labels, container.image);
        let tie = self.catalog.index().tie(&container);
        let choice = match tie {
            Tie::To(policy, _) => self.catalog.choice(policy),
            _ => None,
        };
        let access = match tie {
            Tie::To(policy, Origin::Annotation | Origin::Default)
                if policy.namespace != self.namespace.name && !policy.grants_to(labels) =>
            {
                Access::Refused
            }
            _ => Access::Granted,
        };
        Finding {
            seen,
            declared,
            tie,
            choice,
            outcome: outcome(&tie, image, choice.as_ref()),
            access,
        }
    }

    /// Whether a policy that was not found is not there.
    pub(super) fn is_complete(&self) -> bool {
        self.knowledge == Knowledge::Fresh && self.namespace.wishes.is_some()
    }

    /// What an image comes to in the label of the workload.
    pub(super) fn label(&self, outcome: Outcome) -> Label {
        match outcome {
            Outcome::Unmanaged | Outcome::MissingPolicy if !self.is_complete() => Label::Unknown,
            outcome => outcome.label(),
        }
    }
}

impl Finding<'_> {
    /// The policy, if there is one.
    pub(super) fn policy(&self) -> Option<&Candidate> {
        match self.tie {
            Tie::To(policy, _) => Some(policy),
            _ => None,
        }
    }
}

/// What people say about the policy of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared<'a> {
    /// For this image alone.
    pub(super) stated: Option<&'a str>,
    /// For all images of the workload, where nothing is said for this one alone.
    pub(super) default: Option<&'a str>,
}

impl<'a> Declared<'a> {
    pub(super) fn of(workload: &Workload<'a>, slot: &Slot<'_>) -> Self {
        let annotations = workload.annotations;
        let stated = annotations.get(&keys::stated(slot));
        let default = match stated {
            None => annotations.get(keys::POLICY),
            Some(_) => None,
        };
        Self { stated, default }
    }
}
