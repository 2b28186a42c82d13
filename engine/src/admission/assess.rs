//! How each image of a workload stands to the policy that looks after it.

use std::collections::BTreeMap;

use super::{Knowledge, Namespace, Slot, Workload, keys};
use crate::catalog::Catalog;
use crate::drift::{Choice, Label, Outcome, outcome};
use crate::image::{Reference, ReferenceError};
use crate::tie::{Candidate, Container, LastResort, Origin, Tie};

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

/// What may be asked about policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) namespace: Namespace<'a>,
    pub(super) knowledge: Knowledge,
}

impl<'a> Known<'a> {
    /// Tells how an image of a workload stands to its policy.
    pub(super) fn assess(&self, workload: &Workload<'a>, seen: &'a Seen<'a>) -> Finding<'a> {
        let declared = Declared::of(workload, &seen.slot);
        let wishes = self.namespace.wishes;
        let labels = wishes.map_or(&NO_LABELS, |wishes| &wishes.labels);
        let image = seen.image.as_ref().ok();
        let tie = self.catalog.index().tie(&Container {
            namespace: self.namespace.name,
            namespace_labels: labels,
            marker: None,
            stated: declared.stated,
            default: declared.default,
            image,
            last_resort: LastResort::Unmanaged,
        });
        let choice = match tie {
            Tie::To(policy, _) => self.catalog.choice(policy),
            _ => None,
        };
        let access = match tie {
            Tie::To(policy, Origin::Annotation | Origin::Default)
                if policy.namespace != self.namespace.name && !grants(policy, labels) =>
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

fn grants(policy: &Candidate, labels: &BTreeMap<String, String>) -> bool {
    policy.grants.iter().any(|grant| {
        grant
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    })
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
