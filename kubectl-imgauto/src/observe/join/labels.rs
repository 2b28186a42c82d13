//! What the images of a workload come to in its label, by the rule of those who write it.

use std::collections::BTreeMap;

use api::marked_line::policy_of;
use engine::admission::{
    Knowledge, Known, Mode, Namespace, Slot, Standing, Texts, Workload, label, standings,
};
use engine::drift::Label;

use super::Join;
use crate::observe::pods::digests;
use crate::observe::workload::SeenWorkload;

/// Tells it of each image, in the order of the workload.
pub(super) fn of(join: &Join<'_>, seen: &SeenWorkload) -> Vec<Label> {
    let namespace = &seen.workload.namespace;
    let wishes = join.world.wishes_of(namespace);
    let known = Known {
        catalog: &join.world.catalog,
        namespace: Namespace {
            name: namespace,
            wishes: wishes.as_ref(),
            mode: wishes.as_ref().map_or(Mode::Off, |wishes| wishes.mode),
        },
        knowledge: match &join.world.policies.hidden {
            None => Knowledge::Fresh,
            // There may be policies that are not seen.
            Some(_) => Knowledge::Stale,
        },
    };
    let slots: Vec<Slot<'_>> = seen.images.iter().map(|image| image.slot()).collect();
    let workload = Workload {
        labels: &texts(&seen.labels.0),
        annotations: &texts(&seen.annotations.0),
        slots: &slots,
        owner: None,
        is_mirror: false,
    };
    let marker = |slot: &Slot<'_>| {
        let image = seen.images.iter().find(|image| image.slot() == *slot)?;
        // Who writes the label does not know where the manifests of a workload lie.
        policy_of(&join.lines.own(seen, image, None))
    };
    let standings = standings(known, &workload, marker);
    let (batches, _) = join.fleet.batches(seen);
    let of_one = |standing: &Standing<'_>| {
        let own = digests(&batches).filter(|(running, _)| is_at(running, &standing.slot));
        label(std::slice::from_ref(standing), own)
    };
    standings.iter().map(of_one).collect()
}

/// Whether two images are written in the same place.
fn is_at(one: &Slot<'_>, other: &Slot<'_>) -> bool {
    (one.list, one.name) == (other.list, other.name)
}

fn texts(all: &BTreeMap<String, String>) -> Texts<'_> {
    let pairs = all.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
