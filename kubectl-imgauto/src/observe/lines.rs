//! The marked lines of Git: which of them stands behind which container, and which cannot work.

use std::collections::{BTreeMap, HashMap, HashSet};

use api::image_inventory::{Inventory, InventoryEntry, InventoryField};
use api::marked_line::{MarkedLine, Place, behind, lies_below, nearest};
use api::{ImageInventory, ImageUpdateAutomation};
use engine::delivery::{Marker, MarkerFacts, Name, Seen, Site, Stray};
use engine::image::Reference;
use engine::marker::FileScan;
use jiff::Timestamp;
use reconciler::resources::ObjectKey;

use super::automations::Automations;
use super::objects::Objects;
use super::workload::{SeenImage, SeenWorkload};
use super::world::SeenPolicy;
use super::{Committed, Origin};

mod marked;
mod stray;

pub(super) use stray::path_of;

/// How many lines of other containers are told of one policy: they are shown, and decide nothing.
const OTHERS: usize = 5;

/// A marked line that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) line: i64,
    pub(super) policy: ObjectKey,
    pub(super) place: Place,
    /// The part of the image that stands there, and its value.
    pub(super) field: InventoryField,
    pub(super) value: String,
    /// The commit that wrote the value.
    pub(super) commit: Option<String>,
    /// The automation that looks after it, if one says so.
    pub(super) automation: Option<ObjectKey>,
}

impl MarkedLine for Line {
    fn place(&self) -> &Place {
        &self.place
    }

    fn file(&self) -> &str {
        &self.file
    }

    fn value(&self) -> &str {
        &self.value
    }

    fn policy(&self) -> (&str, &str) {
        (&self.policy.namespace, &self.policy.name)
    }

    fn kept_in(&self) -> Option<&str> {
        let automation = self.automation.as_ref();
        automation.map(|key| key.namespace.as_str())
    }
}

/// A marker that cannot work, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) stray: Stray,
    pub(super) place: Place,
    /// The namespace of whoever says so.
    pub(super) told_in: Option<String>,
}

impl Lost {
    /// The namespace of the policy the marker names; empty if it cannot be read.
    fn policy_namespace(&self) -> &str {
        self.stray.setter.split(':').next().unwrap_or_default()
    }

    /// Whether it is the business of whoever looks after a policy.
    fn is_told_in(&self, policy: &ObjectKey) -> bool {
        let told_in = self.told_in.as_ref();
        told_in.is_none_or(|namespace| *namespace == policy.namespace)
    }

    /// Whether more than a name says that it stands on this workload.
    fn is_near(&self, seen: &SeenWorkload) -> bool {
        let told_in = self.told_in.as_ref();
        self.place.names_namespace()
            || told_in.is_none_or(|namespace| *namespace == seen.workload.namespace)
    }
}

/// The objects that say why a marker cannot work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) automations: &'a BTreeMap<ObjectKey, ImageUpdateAutomation>,
    pub(super) policies: &'a BTreeMap<ObjectKey, SeenPolicy>,
}

/// All marked lines that are known of.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Vec<Line>,
    lost: Vec<Lost>,
    /// Places in `lines`, by the name of the workload.
    by_workload: HashMap<String, Vec<usize>>,
    by_policy: BTreeMap<ObjectKey, Vec<usize>>,
    /// Places in `lost`, by the name of the workload and by that of the policy; an empty one if it cannot be read.
    lost_by_workload: HashMap<String, Vec<usize>>,
    lost_by_policy: HashMap<String, Vec<usize>>,
    /// The branch of each automation that has an inventory.
    branches: BTreeMap<ObjectKey, Option<String>>,
    /// Why lines may be missing, by the namespace of the policies.
    gaps: BTreeMap<String, Vec<String>>,
    known: Seen<Origin>,
}

impl Lines {
    /// Reads inventories.
    pub(super) fn of_inventories(
        inventories: Objects<ImageInventory>,
        known_of: Known<'_>,
    ) -> Self {
        let automations = known_of.automations;
        let known = match (&inventories.hidden, inventories.found.is_empty()) {
            (_, false) => Seen::Present(Origin::Inventory),
            (Some(sentence), true) => Seen::Hidden(sentence.clone()),
            (None, true) => Seen::Absent,
        };
        let mut gaps: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut gap =
            |key: &ObjectKey, text| gaps.entry(key.namespace.clone()).or_default().push(text);
        for key in automations
            .keys()
            .filter(|key| !inventories.found.contains_key(key))
        {
            gap(
                key,
                format!("the ImageUpdateAutomation {key} has no ImageInventory"),
            );
        }
        // A place is a repository, a file and a line.
        let mut live: HashSet<(String, String, i64)> = HashSet::new();
        let (mut lines, mut lost, mut branches) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (key, inventory) in inventories.found {
            let Inventory {
                source,
                entries,
                problems,
                unclaimed,
                truncated,
                ..
            } = inventory.spec;
            if let Some(left_out) = truncated.filter(|truncated| truncated.entries > 0) {
                let count = left_out.entries;
                gap(
                    &key,
                    format!("the ImageInventory {key} leaves out {count} entries"),
                );
            }
            let url = source.url;
            live.extend(
                entries
                    .iter()
                    .map(|entry| (url.clone(), entry.file.clone(), entry.line)),
            );
            lines.extend(entries.into_iter().map(|entry| line(entry, &key)));
            let problems = problems.into_iter().chain(unclaimed);
            lost.extend(problems.map(|problem| {
                let line = problem.line.unwrap_or_default();
                let place = (url.clone(), problem.file.clone(), line);
                (place, stray::lost(problem, &key, known_of))
            }));
            branches.insert(key, source.branch);
        }
        // A reconciler that looks after one namespace does not know whose lines others are.
        let lost = lost.into_iter().filter(|(place, _)| !live.contains(place));
        let lost = lost.map(|(_, lost)| lost).collect();
        Self::new(lines, lost, branches, gaps, known)
    }

    /// Reads the files of a checkout; automations say who looks after their lines.
    pub(super) fn of_checkout(
        marked: &[(String, FileScan)],
        known_of: Known<'_>,
        automations: &Automations<'_>,
    ) -> Self {
        let (mut lines, mut lost) = (Vec::new(), Vec::new());
        for (file, scan) in marked {
            marked::read(file, scan, known_of, automations, (&mut lines, &mut lost));
        }
        let known = Seen::Present(Origin::Checkout);
        Self::new(lines, lost, BTreeMap::new(), BTreeMap::new(), known)
    }

    fn new(
        lines: Vec<Line>,
        lost: Vec<Lost>,
        branches: BTreeMap<ObjectKey, Option<String>>,
        gaps: BTreeMap<String, Vec<String>>,
        known: Seen<Origin>,
    ) -> Self {
        let (mut by_workload, mut by_policy) = (HashMap::new(), BTreeMap::new());
        for (at, line) in lines.iter().enumerate() {
            by_policy
                .entry(line.policy.clone())
                .or_insert_with(Vec::new)
                .push(at);
            if let Place::Workload { name, .. } = &line.place {
                by_workload
                    .entry(name.clone())
                    .or_insert_with(Vec::new)
                    .push(at);
            }
        }
        let (mut lost_by_workload, mut lost_by_policy) = (HashMap::new(), HashMap::new());
        for (at, lost) in lost.iter().enumerate() {
            let policy = lost.stray.setter.split(':').nth(1).unwrap_or_default();
            lost_by_policy
                .entry(policy.to_owned())
                .or_insert_with(Vec::new)
                .push(at);
            if let Place::Workload { name, .. } = &lost.place {
                lost_by_workload
                    .entry(name.clone())
                    .or_insert_with(Vec::new)
                    .push(at);
            }
        }
        Self {
            lines,
            lost,
            by_workload,
            by_policy,
            lost_by_workload,
            lost_by_policy,
            branches,
            gaps,
            known,
        }
    }

    /// The lines that stand on a container's image. `path` is the directory the workload's manifests are read from.
    pub(super) fn own(
        &self,
        seen: &SeenWorkload,
        image: &SeenImage,
        path: Option<&str>,
    ) -> Vec<&Line> {
        let named = self.by_workload.get(&seen.workload.name);
        let named = named.into_iter().flatten().map(|at| &self.lines[*at]);
        behind(named, &seen.spot(image), path)
    }

    /// The lines of a policy that hold values, not the images of workloads.
    fn values(&self, policy: &ObjectKey, path: Option<&str>) -> Vec<&Line> {
        let lines = self.of_policy(policy);
        let values = lines.filter(|line| line.place == Place::Values).collect();
        nearest(values, |line| lies_below(&line.file, path))
    }

    /// All lines of a policy.
    pub(super) fn of_policy(&self, policy: &ObjectKey) -> impl Iterator<Item = &Line> {
        let places = self.by_policy.get(policy).into_iter().flatten();
        places.map(|at| &self.lines[*at])
    }

    /// What is known of the markers of a policy, and of those on a container, if one is looked at.
    pub(super) fn facts(
        &self,
        policy: Option<&ObjectKey>,
        container: Option<(&SeenWorkload, &SeenImage)>,
        own: &[&Line],
    ) -> Seen<MarkerFacts> {
        match &self.known {
            Seen::Present(_) => {}
            Seen::Absent => return Seen::Absent,
            Seen::Hidden(sentence) => return Seen::Hidden(sentence.clone()),
        }
        let mut live: Vec<_> = own
            .iter()
            .map(|line| marker(line, Site::ThisContainer))
            .collect();
        if let Some(policy) = policy {
            let mut others = 0;
            for line in self.of_policy(policy).filter(|line| !own.contains(line)) {
                match line.place.label() {
                    None => live.push(marker(line, Site::Values)),
                    Some(label) if others < OTHERS => {
                        others += 1;
                        live.push(marker(line, Site::OtherContainer(label)));
                    }
                    Some(_) => {}
                }
            }
        }
        live.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        let gaps = policy.and_then(|policy| self.gaps.get(&policy.namespace));
        Seen::Present(MarkerFacts {
            strays: self.strays(policy, container, live.is_empty()),
            live,
            gaps: gaps.cloned().unwrap_or_default(),
        })
    }

    /// The markers that cannot work and are meant for a policy, or stand on a container. Those that cannot even be read
    /// may be meant for anything; they count only where nothing works.
    fn strays(
        &self,
        policy: Option<&ObjectKey>,
        container: Option<(&SeenWorkload, &SeenImage)>,
        nothing_works: bool,
    ) -> Vec<Stray> {
        let on_it = container.into_iter().flat_map(|(seen, image)| {
            let named = self.lost_by_workload.get(&seen.workload.name);
            let named = named.into_iter().flatten().copied();
            named.filter(move |at| {
                let lost = &self.lost[*at];
                let is_told_by_its_own = policy.is_some_and(|policy| lost.is_told_in(policy));
                lost.place.is(&seen.spot(image), &image.image)
                    && (is_told_by_its_own || lost.is_near(seen))
            })
        });
        let meant = policy.into_iter().flat_map(|policy| {
            let meant = self.lost_by_policy.get(&policy.name);
            let meant = meant.into_iter().flatten().filter(|at| {
                let lost = &self.lost[**at];
                lost.is_told_in(policy) || lost.policy_namespace() == policy.namespace
            });
            let unreadable = self.lost_by_policy.get("").filter(|_| nothing_works);
            let near = unreadable.into_iter().flatten();
            let near = near.filter(|at| self.lost[**at].is_told_in(policy));
            meant.chain(near.take(OTHERS)).copied()
        });
        let mut places: Vec<usize> = on_it.chain(meant).collect();
        places.sort_unstable();
        places.dedup();
        places
            .into_iter()
            .map(|at| self.lost[at].stray.clone())
            .collect()
    }

    /// What is committed for a container whose own lines are `own`: there, or in values that its policy has all set alike.
    ///
    /// `pushed` tells when an automation pushed last.
    pub(super) fn committed(
        &self,
        own: &[&Line],
        policy: &ObjectKey,
        path: Option<&str>,
        pushed: impl Fn(&ObjectKey) -> Option<Timestamp>,
    ) -> Option<Committed> {
        let Seen::Present(origin) = self.known else {
            return None;
        };
        let lines = match own {
            [] => self.values(policy, path),
            own => own.to_vec(),
        };
        let (tag_line, tag) = agreed(&lines, tag_in)?;
        let (digest_line, digest) = agreed(&lines, digest_in)?;
        let line = tag_line.or(digest_line)?;
        let automation = line.automation.clone();
        let branch = automation.as_ref().and_then(|key| self.branches.get(key));
        Some(Committed {
            tag,
            digest,
            commit: line.commit.clone(),
            branch: branch.cloned().flatten(),
            file: Some(line.file.clone()),
            line: Some(line.line),
            pushed_at: automation.as_ref().and_then(pushed),
            automation,
            origin,
        })
    }

    /// The policy, by namespace and name, that a marker on a container names although it does not work.
    ///
    /// `covers` tells whether a policy is there and for the container's image, which ties markers to containers of other
    /// namespaces.
    pub(super) fn named_on(
        &self,
        seen: &SeenWorkload,
        image: &SeenImage,
        covers: impl Fn(&str, &str) -> bool,
    ) -> Option<(&str, &str)> {
        let named = self.lost_by_workload.get(&seen.workload.name);
        let named = named.into_iter().flatten().map(|at| &self.lost[*at]);
        let mut on_it = named.filter(|lost| lost.place.is(&seen.spot(image), &image.image));
        on_it.find_map(|lost| {
            let mut parts = lost.stray.setter.split(':');
            let (namespace, name) = parts.next().zip(parts.next())?;
            (lost.is_near(seen) || covers(namespace, name)).then_some((namespace, name))
        })
    }

    /// Whether the lines of all automations of a namespace are known.
    pub(super) fn are_complete(&self, namespace: &str) -> bool {
        self.known.present().is_some() && !self.gaps.contains_key(namespace)
    }
}

/// The one value that all lines which hold one agree on, and the first of them; `None` if they do not agree.
fn agreed<'a>(
    lines: &[&'a Line],
    read: fn(&Line) -> Option<String>,
) -> Option<(Option<&'a Line>, Option<String>)> {
    let mut found: Option<(&Line, String)> = None;
    for line in lines {
        match (read(line), &found) {
            (None, _) => {}
            (Some(value), None) => found = Some((line, value)),
            (Some(value), Some((_, known))) if value == *known => {}
            (Some(_), Some(_)) => return None,
        }
    }
    Some(found.map_or((None, None), |(line, value)| (Some(line), Some(value))))
}

fn tag_in(line: &Line) -> Option<String> {
    match line.field {
        InventoryField::Tag => Some(line.value.clone()),
        InventoryField::Reference => {
            let reference = Reference::parse(&line.value).ok()?;
            reference.tag().map(str::to_owned)
        }
        InventoryField::Name | InventoryField::Digest => None,
    }
}

fn digest_in(line: &Line) -> Option<String> {
    let digest = match line.field {
        InventoryField::Digest => Some(line.value.clone()),
        InventoryField::Reference => {
            let reference = Reference::parse(&line.value).ok()?;
            reference.digest().map(str::to_owned)
        }
        InventoryField::Name | InventoryField::Tag => None,
    };
    digest.filter(|digest| !digest.is_empty())
}

fn marker(line: &Line, site: Site) -> Marker {
    Marker {
        file: line.file.clone(),
        line: line.line,
        site,
        automation: line.automation.as_ref().map(name),
    }
}

/// An object's name in the words of the engine.
pub(super) fn name(key: &ObjectKey) -> Name {
    Name::new(&key.namespace, &key.name)
}

fn line(entry: InventoryEntry, automation: &ObjectKey) -> Line {
    let place = Place::of(
        entry.api_version.as_deref(),
        entry.kind.as_deref(),
        entry.namespace,
        entry.name,
        entry.container,
    );
    Line {
        file: entry.file,
        line: entry.line,
        policy: ObjectKey::new(&automation.namespace, entry.policy),
        place,
        field: entry.field,
        value: entry.value,
        commit: entry.commit,
        automation: Some(automation.clone()),
    }
}

#[cfg(test)]
mod tests;
