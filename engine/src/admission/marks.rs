//! The marks of a workload: a label that says how its images stand, and annotations that say by which policies.

use std::collections::BTreeMap;

use super::assess::{Known, Seen};
use super::{Knowledge, List, Mode, Namespace, Part, Review, Rules, Slot, Texts, Workload, keys};
use crate::catalog::Catalog;
use crate::drift::Label;

/// The most the annotations of an object may hold, keys included, in bytes; beyond it the API server refuses the object.
pub const ANNOTATION_LIMIT: usize = 256 * 1024;

/// What is written to a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// How its images stand: the worst of them.
    pub drift: Label,
    /// The policies that were found, by the key of the annotation.
    pub resolved: BTreeMap<String, String>,
}

/// One change of a label or an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The key gets this value, whether it is there or not.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The key, which is there, goes.
    Remove {
        /// The key.
        key: String,
    },
}

/// The changes that make an object carry its marks; each list in the order of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Changes of labels.
    pub labels: Vec<Edit>,
    /// Changes of annotations.
    pub annotations: Vec<Edit>,
}

impl Edits {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// What is to be done about the marks of a request's object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marking {
    /// Nothing: it carries the marks it should, or none are its.
    Done,
    /// These changes.
    Edits(Edits),
    /// Nothing, since the annotations would become more than an object may hold.
    TooLarge,
}

/// Tells the marks of a workload from its images, whatever it carries.
///
/// Ephemeral containers do not count: what somebody looks into a pod with says nothing about the pod.
pub fn marks(
    catalog: &Catalog,
    namespace: Namespace<'_>,
    knowledge: Knowledge,
    workload: &Workload<'_>,
) -> Marks {
    let (mut drift, mut resolved) = (Label::None, BTreeMap::new());
    for slot in lasting(workload) {
        let known = Known {
            catalog,
            namespace,
            knowledge,
        };
        let seen = Seen::new(*slot);
        let finding = known.assess(workload, &seen, None);
        drift = drift.max(known.label(finding.outcome));
        if let (Some(policy), Some(key)) = (finding.policy(), keys::resolved(slot)) {
            let name = format!("{}/{}", policy.namespace, policy.name);
            resolved.entry(key).or_insert(name);
        }
    }
    Marks { drift, resolved }
}

/// Tells what is to be done about the marks of a request's object.
///
/// An object whose images and policies are what they were keeps the marks it had, whatever was sent; so a request that
/// changes nothing is answered with nothing. Only what nobody controls is marked: pods and ReplicaSets that are made
/// from a template are as numerous as short-lived.
pub fn mark(
    review: &Review<'_>,
    catalog: &Catalog,
    knowledge: Knowledge,
    rules: &Rules,
) -> Marking {
    if !is_marked(review, rules) {
        return Marking::Done;
    }
    let object = &review.object;
    let edits = match &review.before {
        Some(before) if same_inputs(before, object) => {
            let system = before.annotations.ours();
            let resolved: Vec<_> = system.filter(|(key, _)| keys::is_resolved(key)).collect();
            edits(object, before.labels.get(keys::DRIFT), &resolved)
        }
        _ => {
            let marks = marks(catalog, review.namespace, knowledge, object);
            let resolved = marks.resolved.iter();
            let resolved: Vec<_> = resolved
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            edits(object, Some(marks.drift.as_str()), &resolved)
        }
    };
    if edits.is_empty() {
        Marking::Done
    } else if size_after(object.annotations, &edits.annotations) > ANNOTATION_LIMIT {
        Marking::TooLarge
    } else {
        Marking::Edits(edits)
    }
}

fn is_marked(review: &Review<'_>, rules: &Rules) -> bool {
    let known_as_off = review.namespace.wishes.is_some() && review.namespace.mode == Mode::Off;
    rules.marks(review.namespace.name, review.object.owner)
        && review.part == Part::Whole
        && rules.marker.as_deref() != Some(review.requester.user)
        && !known_as_off
        && !rules.exempts(review)
}

/// The images that belong to the workload for good.
pub(super) fn lasting<'a>(workload: &Workload<'a>) -> impl Iterator<Item = &'a Slot<'a>> + use<'a> {
    let slots = workload.slots.iter();
    slots.filter(|slot| slot.list != List::EphemeralContainers)
}

/// Whether all that marks are made of is the same.
fn same_inputs(before: &Workload<'_>, object: &Workload<'_>) -> bool {
    let declared = |workload: &Workload<'_>| -> Vec<(String, String)> {
        let ours = workload.annotations.ours();
        ours.filter(|(key, _)| keys::is_declared(key))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let sorted = |workload: &Workload<'_>| {
        let mut slots: Vec<_> = lasting(workload)
            .map(|slot| (slot.list, slot.name.to_owned(), slot.image.to_owned()))
            .collect();
        slots.sort_unstable();
        slots
    };
    declared(before) == declared(object)
        && (lasting(before).eq(lasting(object)) || sorted(before) == sorted(object))
}

/// The changes after which an object has this label, these annotations, and no other marks.
fn edits(object: &Workload<'_>, drift: Option<&str>, resolved: &[(&str, &str)]) -> Edits {
    let labels = match (drift, object.labels.get(keys::DRIFT)) {
        (Some(wanted), found) if found != Some(wanted) => vec![set(keys::DRIFT, wanted)],
        (None, Some(_)) => vec![remove(keys::DRIFT)],
        _ => Vec::new(),
    };
    let mut changes: BTreeMap<&str, Edit> = object
        .annotations
        .ours()
        .filter(|(key, _)| keys::is_resolved(key))
        .map(|(key, _)| (key, remove(key)))
        .collect();
    for (key, value) in resolved {
        if object.annotations.get(key) == Some(value) {
            changes.remove(key);
        } else {
            changes.insert(key, set(key, value));
        }
    }
    Edits {
        labels,
        annotations: changes.into_values().collect(),
    }
}

fn set(key: &str, value: &str) -> Edit {
    Edit::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn remove(key: &str) -> Edit {
    Edit::Remove {
        key: key.to_owned(),
    }
}

/// The size of annotations after changes.
fn size_after(annotations: &Texts<'_>, edits: &[Edit]) -> usize {
    let entry = |key: &str| {
        annotations
            .get(key)
            .map_or(0, |value| key.len() + value.len())
    };
    let (mut more, mut less) = (0, 0);
    for edit in edits {
        match edit {
            Edit::Set { key, value } => {
                more += key.len() + value.len();
                less += entry(key);
            }
            Edit::Remove { key } => less += entry(key),
        }
    }
    (annotations.size() + more).saturating_sub(less)
}
