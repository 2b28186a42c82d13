//! From what was seen to rows: which policy looks after a container, what is committed for it, and where it stands.

use std::collections::{BTreeMap, HashMap};

use api::marked_line::policy_of;
use engine::admission::keys::{DRIFT, MODE};
use engine::delivery::{
    self, Admission, AutomationFacts, Care, Facts, Known, MarkerFacts, Name, RunningFacts, Seen,
    Selects, Setter, Waiting, WorkloadFacts, judge,
};
use engine::drift::Label;
use engine::image::Reference;
use engine::tie;
use kube::Client;
use reconciler::resources::ObjectKey;

use super::appliers::{AppliedBy, Appliers};
use super::automations::Automations;
use super::checkout::{Checkout, Found};
use super::fleet::Fleet;
use super::lines::{Line, Lines, name};
use super::managers::{Entry, managers, set_by};
use super::next::next;
use super::pods::{RunningImages, running};
use super::scope::{Scope, Unmanaged};
use super::workload::{SeenImage, SeenWorkload};
use super::world::World;
use super::{
    Applied, Certainty, Committed, Origin, PolicyRow, Progress, Role, Row, Tie, UpdateRow,
};
use crate::commands::why::fix;

mod labels;

/// All that was seen.
pub(super) struct Join<'a> {
    pub(super) scope: &'a Scope,
    pub(super) world: &'a World,
    pub(super) fleet: &'a Fleet,
    pub(super) appliers: &'a Appliers,
    pub(super) lines: &'a Lines,
    pub(super) automations: &'a Automations<'a>,
    /// The files, where somebody has them.
    pub(super) checkout: Option<&'a Checkout>,
}

/// A container on its way to a row.
struct Draft<'a> {
    /// Its place among all.
    place: usize,
    /// The place of its workload in the fleet.
    at: usize,
    image: &'a SeenImage,
    label: Label,
    care: Care,
    tie: Option<Tie>,
    markers: Seen<MarkerFacts>,
    committed: Option<Committed>,
}

/// What stands around all containers of a policy.
struct Around<'a> {
    applied: &'a [Seen<AppliedBy>],
    automations: Seen<Vec<AutomationFacts>>,
    managers: &'a HashMap<usize, Vec<Entry>>,
}

impl<'a> Join<'a> {
    /// Makes the rows; of workloads with another image than the committed one it is asked who set it.
    pub(super) async fn rows(&self, client: &Client) -> Vec<Row> {
        let workloads = &self.fleet.workloads;
        let applied: Vec<_> = workloads
            .iter()
            .map(|seen| self.appliers.of(seen))
            .collect();
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for (at, applied) in applied.iter().enumerate() {
            let path = applied
                .present()
                .and_then(|applied| applied.path.as_deref());
            let labels = labels::of(self, &workloads[at]);
            for (image, label) in workloads[at].images.iter().zip(labels) {
                let place = drafts.len();
                drafts.extend(self.draft((place, at), (image, label), path));
            }
        }
        self.find_unmarked(&mut drafts);
        let managers = self.managers(client, &drafts).await;
        // What automations think of a policy is the same for all of its containers, and too much to keep for all policies.
        drafts.sort_by(|a, b| a.policy().cmp(&b.policy()));
        let mut rows = Vec::with_capacity(drafts.len());
        for group in drafts.chunk_by_mut(|a, b| a.policy() == b.policy()) {
            let policy = group.first().and_then(|first| first.policy().cloned());
            let around = Around {
                applied: &applied,
                automations: self.automations_of(policy.as_ref()),
                managers: &managers,
            };
            rows.extend(
                group
                    .iter_mut()
                    .map(|draft| (draft.place, self.row(draft, &around))),
            );
        }
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Looks at the policies that were asked for by name, by themselves.
    pub(super) fn policies(&self) -> Vec<PolicyRow> {
        let asked = self.scope.policies.iter();
        asked
            .map(|key| {
                let taken = self.automations_of(Some(key));
                self.policy(key, &taken)
            })
            .collect()
    }

    /// Looks at the automations that were asked for by name, by themselves.
    pub(super) fn updates(&self) -> Vec<UpdateRow> {
        let update = |key: &ObjectKey| UpdateRow {
            policies: match self.world.automations.seen(key) {
                Seen::Present(_) => Seen::Present(self.policies_of(key)),
                Seen::Absent => Seen::Absent,
                Seen::Hidden(sentence) => Seen::Hidden(sentence),
            },
            update: key.clone(),
        };
        self.scope.updates.iter().map(update).collect()
    }

    /// The policies an automation takes in, judged as if no other automation did.
    fn policies_of(&self, update: &ObjectKey) -> Vec<PolicyRow> {
        let known = self.world.policies.found.iter();
        let beside = known.filter(|(key, _)| key.namespace == update.namespace);
        let rows = beside.filter_map(|(key, policy)| {
            let all = self.automations.facts(key, &policy.labels);
            let own = all.into_iter().filter(|one| one.name == name(update));
            let own: Vec<_> = own.collect();
            let taken = own.iter().any(|one| one.selects == Selects::Takes);
            taken.then(|| self.policy(key, &Seen::Present(own)))
        });
        rows.collect()
    }

    fn policy(&self, key: &ObjectKey, taken: &Seen<Vec<AutomationFacts>>) -> PolicyRow {
        let seen = self.world.policy(key);
        // By itself it stands for all of its lines.
        let lines: Vec<&Line> = self.lines.of_policy(key).collect();
        let committed = self.committed(&lines, key, None);
        let facts = Facts {
            care: Care::Policy(name(key)),
            repository: self.world.repository(&seen),
            policy: map(&seen, |seen| &seen.facts),
            markers: self.lines.facts(Some(key), None, &[]),
            automations: map(taken, Vec::as_slice),
            committed: committed.as_ref().map(committed_facts),
            applier: Seen::Absent,
            workload: None,
        };
        let judgement = judge(&facts);
        PolicyRow {
            policy: key.clone(),
            wanted: seen.present().and_then(|seen| seen.wanted.clone()),
            git: committed,
            next: fix::command(&facts, &judgement, None),
            judgement,
        }
    }

    /// Finds out who looks after an image; `None` if it is not looked at.
    fn draft(
        &self,
        (place, at): (usize, usize),
        (image, label): (&'a SeenImage, Label),
        path: Option<&str>,
    ) -> Option<Draft<'a>> {
        let seen = &self.fleet.workloads[at];
        let own = self.lines.own(seen, image, path);
        let (care, tie) = self.care(seen, image, &own);
        let policy = tie.as_ref().map(|tie| &tie.policy);
        let nobody = matches!(care, Care::Nobody | Care::OptedOut);
        if nobody && self.scope.unmanaged == Unmanaged::Hidden {
            return None;
        }
        let markers = self.lines.facts(policy, Some((seen, image)), &own);
        let committed = policy.and_then(|policy| self.committed(&own, policy, path));
        Some(Draft {
            place,
            at,
            image,
            label,
            care,
            tie,
            markers,
            committed,
        })
    }

    /// Ties a container to its policy: by its marker, else by annotations, else by names.
    fn care(&self, seen: &SeenWorkload, image: &SeenImage, own: &[&Line]) -> (Care, Option<Tie>) {
        let index = self.world.catalog.index();
        let reference = Reference::parse(&image.image).ok();
        let marker = policy_of(own);
        // A marker that does not work still says what was meant, if there is such a policy.
        let covers = |namespace: &str, name: &str| {
            let repository = index
                .policy(namespace, name)
                .map(|policy| &policy.repository);
            let same = |image: &Reference| {
                repository.is_some_and(|repository| {
                    let repository = repository.as_ref();
                    repository.is_some_and(|repository| image.same_repository(repository))
                })
            };
            reference.as_ref().is_some_and(same)
        };
        let meant = self.lines.named_on(seen, image, covers);
        let there = meant.filter(|(namespace, name)| index.policy(namespace, name).is_some());
        let annotation = |domain: &str| seen.annotations.get(&format!("{domain}/{}", image.name));
        let stated = match image.role {
            Role::Volume => annotation("volume-policy.imgauto.dev"),
            Role::Main | Role::Init | Role::Sidecar => annotation("policy.imgauto.dev"),
        };
        let mut container = tie::Container {
            namespace: &seen.workload.namespace,
            namespace_labels: self.world.labels_of(&seen.workload.namespace),
            marker: marker.or(there),
            stated,
            default: seen.annotations.get("imgauto.dev/policy"),
            image: reference.as_ref(),
            last_resort: tie::LastResort::Guess,
        };
        let mut found = index.tie(&container);
        if let (tie::Tie::Unmanaged, Some(_)) = (found, meant) {
            container.marker = meant;
            found = index.tie(&container);
        }
        care_of(found)
    }

    fn committed(
        &self,
        own: &[&Line],
        policy: &ObjectKey,
        path: Option<&str>,
    ) -> Option<Committed> {
        let pushed = |automation: &ObjectKey| {
            let status = self
                .world
                .automations
                .found
                .get(automation)?
                .status
                .as_ref()?;
            status.last_push_time.as_ref().map(|time| time.0)
        };
        self.lines.committed(own, policy, path, pushed).or_else(|| {
            // Where all lines are known and none of them is this container's, nothing is committed for it.
            let seen = self.world.policy(policy);
            let labels = &seen
                .present()
                .filter(|_| !self.lines.are_complete(&policy.namespace))?
                .labels;
            self.automations.committed(policy, labels)
        })
    }

    fn automations_of(&self, policy: Option<&ObjectKey>) -> Seen<Vec<AutomationFacts>> {
        let Some(policy) = policy else {
            return Seen::Absent;
        };
        let seen = self.world.policy(policy);
        let none = BTreeMap::new();
        let labels = seen.present().map_or(&none, |seen| &seen.labels);
        let found = self.automations.facts(policy, labels);
        match (&self.world.automations.hidden, found.is_empty()) {
            (Some(sentence), true) => Seen::Hidden(sentence.clone()),
            (None, true) => Seen::Absent,
            (_, false) => Seen::Present(found),
        }
    }

    /// Says of containers without a marked line which line of the checkout their image comes from.
    fn find_unmarked(&self, drafts: &mut [Draft<'_>]) {
        let workload = |draft: &Draft<'_>| &self.fleet.workloads[draft.at].workload;
        let open: Vec<&str> = drafts
            .iter()
            .filter(|draft| draft.committed.is_none())
            .map(|draft| workload(draft).name.as_str())
            .collect();
        let Some(checkout) = self.checkout.filter(|_| !open.is_empty()) else {
            return;
        };
        let images = checkout.images_of(&open);
        for draft in drafts.iter_mut().filter(|draft| draft.committed.is_none()) {
            let workload = workload(draft);
            let found = images.get(&(workload.kind, workload.name.clone()));
            let found = found.into_iter().flatten().find(|found| {
                let namespace = found.namespace.as_ref();
                found.container == draft.image.name
                    && namespace.is_none_or(|namespace| *namespace == workload.namespace)
            });
            draft.committed = found.map(unmarked);
        }
    }

    /// Asks who wrote to the workloads whose image is not the committed one, by their place in the fleet.
    async fn managers(&self, client: &Client, drafts: &[Draft<'_>]) -> HashMap<usize, Vec<Entry>> {
        let drifted = drafts.iter().filter(|draft| draft.is_drifted());
        let mut places: Vec<usize> = drifted.map(|draft| draft.at).collect();
        places.dedup();
        let workloads: Vec<_> = places.iter().map(|at| &self.fleet.workloads[*at]).collect();
        let answers = managers(client, &workloads).await;
        places.into_iter().zip(answers).collect()
    }

    fn row(&self, draft: &mut Draft<'_>, around: &Around<'_>) -> Row {
        let seen = &self.fleet.workloads[draft.at];
        let policy = draft
            .policy()
            .map(|key| self.world.policy(key))
            .unwrap_or(Seen::Absent);
        let applied = &around.applied[draft.at];
        let (batches, counting) = self.fleet.batches(seen);
        let images = running(&batches, &draft.image.name, counting);
        let entries = around
            .managers
            .get(&draft.at)
            .map_or(&[][..], Vec::as_slice);
        let rollout = seen.numbers.rollout();
        let facts = Facts {
            care: draft.care.clone(),
            repository: self.world.repository(&policy),
            policy: map(&policy, |seen| &seen.facts),
            markers: std::mem::replace(&mut draft.markers, Seen::Absent),
            automations: map(&around.automations, Vec::as_slice),
            committed: draft.committed.as_ref().map(committed_facts),
            applier: map(applied, |applied| &applied.facts),
            workload: Some(WorkloadFacts {
                image: draft.image.image.clone(),
                setter: set_by(entries, seen.workload.kind, draft.image).map(|set| Setter {
                    age: self.world.age_of(set.at),
                    manager: set.manager,
                }),
                running: self.running_facts(&images),
                waiting: waiting_facts(&images),
                rollout: Some(rollout.clone()),
                admission: self.admission(seen),
            }),
        };
        let judgement = judge(&facts);
        Row {
            workload: seen.workload.clone(),
            container: draft.image.name.clone(),
            role: draft.image.role,
            image: draft.image.image.clone(),
            drift: draft.label,
            policy: draft.tie.take(),
            wanted: policy.present().and_then(|seen| seen.wanted.clone()),
            git: draft.committed.take(),
            applied: applied.present().map(|applied| Applied {
                by: applied.facts.name.clone(),
                revision: applied.facts.revision.clone(),
            }),
            running: images.running,
            rollout: Some(Progress::from(&rollout)),
            next: next(&facts, &judgement, seen, draft.image),
            judgement,
        }
    }

    fn running_facts(&self, images: &RunningImages) -> Seen<Vec<RunningFacts>> {
        if let Some(sentence) = &self.fleet.hidden_pods {
            return Seen::Hidden(sentence.clone());
        }
        let running = images.running.iter().map(|running| RunningFacts {
            tag: running.tag.clone(),
            digest: running.digest.clone(),
            pods: running.pods,
            ready: running.ready,
        });
        Seen::Present(running.collect())
    }

    fn admission(&self, seen: &SeenWorkload) -> Admission {
        let mode = self.world.labels_of(&seen.workload.namespace).get(MODE);
        match mode.map(String::as_str) {
            _ if seen.labels.get(DRIFT).is_some() => Admission::Marked,
            Some(mode @ ("warn" | "enforce")) => Admission::Unmarked(mode.to_owned()),
            _ => Admission::NotAsked,
        }
    }
}

impl Draft<'_> {
    fn policy(&self) -> Option<&ObjectKey> {
        self.tie.as_ref().map(|tie| &tie.policy)
    }

    /// Whether the workload has another image than the one that is committed.
    fn is_drifted(&self) -> bool {
        let reference = Reference::parse(&self.image.image).ok();
        let differs = |committed: &Option<String>, has: fn(&Reference) -> Option<&str>| {
            let is = reference.as_ref().and_then(has);
            committed
                .as_deref()
                .is_some_and(|committed| is != Some(committed))
        };
        self.committed.as_ref().is_some_and(|committed| {
            differs(&committed.tag, Reference::tag) || differs(&committed.digest, Reference::digest)
        })
    }
}

/// The same for what is there.
fn map<'s, T, U>(seen: &'s Seen<T>, make: impl FnOnce(&'s T) -> U) -> Seen<U> {
    match seen {
        Seen::Present(found) => Seen::Present(make(found)),
        Seen::Absent => Seen::Absent,
        Seen::Hidden(sentence) => Seen::Hidden(sentence.clone()),
    }
}

/// Says who looks after a container, for judging and for showing.
fn care_of(found: tie::Tie<'_>) -> (Care, Option<Tie>) {
    let tied = |namespace: &str, policy: &str, origin: tie::Origin| {
        let tie = Tie {
            policy: ObjectKey::new(namespace, policy),
            certainty: match origin.is_stated() {
                true => Certainty::Stated,
                false => Certainty::Guessed,
            },
        };
        (Care::Policy(name(&tie.policy)), Some(tie))
    };
    match found {
        tie::Tie::To(policy, origin) => tied(&policy.namespace, &policy.name, origin),
        tie::Tie::Missing(namespace, policy, origin) => tied(namespace, policy, origin),
        tie::Tie::Ambiguous(several) => {
            let names = several
                .iter()
                .map(|policy| Name::new(&policy.namespace, &policy.name));
            (Care::Ambiguous(names.collect()), None)
        }
        tie::Tie::OptedOut => (Care::OptedOut, None),
        tie::Tie::Unmanaged => (Care::Nobody, None),
    }
}

/// What a line holds that no marker stands on.
fn unmarked(found: &Found) -> Committed {
    let reference = Reference::parse(&found.image).ok();
    let part = |read: fn(&Reference) -> Option<&str>| {
        let part = reference.as_ref().and_then(read);
        part.map(str::to_owned)
    };
    Committed {
        tag: part(Reference::tag),
        digest: part(Reference::digest),
        commit: None,
        branch: None,
        file: Some(found.file.clone()),
        line: Some(found.line),
        pushed_at: None,
        automation: None,
        origin: Origin::Checkout,
    }
}

fn committed_facts(committed: &Committed) -> delivery::Committed {
    delivery::Committed {
        tag: committed.tag.clone(),
        digest: committed.digest.clone(),
        commit: committed.commit.clone(),
        branch: committed.branch.clone(),
        known: match committed.origin {
            Origin::Checkout | Origin::Inventory => Known::Read,
            Origin::Status => Known::Inferred,
        },
    }
}

fn waiting_facts(images: &RunningImages) -> Vec<Waiting> {
    let waiting = images.waiting.iter().map(|waiting| Waiting {
        reason: waiting.reason.clone(),
        message: waiting.message.clone(),
        image: waiting.image.clone(),
        pods: waiting.pods,
    });
    waiting.collect()
}
