//! The pods that were seen, and what they run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine::admission::{List, Slot};
use engine::drift::running_digest;
use engine::image::Reference;
use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::wire::{ContainerState, ContainerStatus, PodObject};
use super::workload::{SeenImage, images};
use super::{Role, Running};

/// A pod, as far as reports need it.
#[derive(Debug)]
pub(super) struct SeenPod {
    /// UID of what controls it; of the pod itself if nothing does.
    pub(super) owner: Arc<str>,
    /// What controls it, such as `ReplicaSet podinfo-6c9d7f`.
    maker: Option<Arc<str>>,
    created: Option<Timestamp>,
    life: Life,
    containers: Vec<SeenContainer>,
}

/// Whether a pod counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Its containers run, or are to run.
    Lives,
    /// It is about to go.
    Leaves,
    /// Its containers ended, and it stays to be looked at.
    Ended,
}

/// A container of a pod, or an image it mounts.
#[derive(Debug)]
struct SeenContainer {
    name: Arc<str>,
    list: List,
    /// The image as the spec names it.
    written: Arc<str>,
    /// The image as the status names it, or as the spec does where the status has none that can be read.
    image: Arc<str>,
    digest: Option<Arc<str>>,
    is_ready: bool,
    /// Whether the image was there to be run, even if what ran of it has ended.
    has_run: bool,
    waiting: Option<Box<(String, String)>>,
}

/// Texts that many pods have in common, each kept once.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn keep(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }
}

impl SeenPod {
    /// Keeps what is needed of a pod, but for what controls it, which may be read from `object` before.
    pub(super) fn of(object: PodObject, texts: &mut Texts) -> Self {
        let mut meta = object.metadata;
        let controller = meta.controller();
        let revision = meta.labels.get(REVISION);
        let maker = controller.as_ref().map(|owner| match revision {
            // A StatefulSet labels its pods with the name of the revision, a DaemonSet with its hash.
            Some(hash) if owner.kind == "DaemonSet" => {
                format!("ControllerRevision {}-{hash}", owner.name)
            }
            Some(name) if owner.kind == "StatefulSet" => format!("ControllerRevision {name}"),
            _ => format!("{} {}", owner.kind, owner.name),
        });
        let life = match object.status.phase.as_str() {
            "Succeeded" | "Failed" => Life::Ended,
            _ if meta.deletion_timestamp.is_some() => Life::Leaves,
            _ => Life::Lives,
        };
        let owner = controller.map_or(meta.uid, |owner| owner.uid);
        let mut statuses = object.status.container_statuses;
        statuses.extend(object.status.init_container_statuses);
        // What is mounted has no status of its own: it is there when something runs.
        let mounted = ContainerStatus {
            ready: statuses.iter().all(|status| status.ready),
            state: ContainerState {
                running: statuses.iter().any(has_run).then_some(IgnoredAny),
                ..ContainerState::default()
            },
            ..ContainerStatus::default()
        };
        let containers = images(object.spec).into_iter().map(|spec| {
            let own = statuses.iter().find(|status| status.name == spec.name);
            let status = match spec.role {
                Role::Volume => Some(&mounted),
                Role::Main | Role::Init | Role::Sidecar => own,
            };
            SeenContainer::of(&spec, status.unwrap_or(&ContainerStatus::default()), texts)
        });
        let containers = containers.collect();
        Self {
            owner: texts.keep(&owner),
            maker: maker.map(|maker| texts.keep(&maker)),
            created: meta.creation_timestamp.map(|time| time.0),
            life,
            containers,
        }
    }
}

/// The label by which StatefulSets and DaemonSets tell apart the pods of their revisions.
const REVISION: &str = "controller-revision-hash";

/// Whether the image of a container was there to be run.
fn has_run(status: &ContainerStatus) -> bool {
    let state = &status.state;
    !status.image_id.is_empty() || state.running.is_some() || state.terminated.is_some()
}

impl SeenContainer {
    fn of(spec: &SeenImage, status: &ContainerStatus, texts: &mut Texts) -> Self {
        // A runtime that knows no name for the image any more tells its id.
        let told = Reference::parse(&status.image).ok();
        let told = told.filter(|_| !status.image.starts_with("sha256:"));
        let image = match told {
            Some(_) => &status.image,
            None => &spec.image,
        };
        let digest = running_digest(&status.image_id).or_else(|| running_digest(image));
        let waiting = status.state.waiting.as_ref();
        let slot = spec.slot();
        Self {
            name: texts.keep(slot.name),
            list: slot.list,
            written: texts.keep(slot.image),
            digest: digest.map(|digest| texts.keep(digest)),
            image: texts.keep(image),
            is_ready: status.ready,
            has_run: has_run(status),
            waiting: waiting
                .map(|waiting| Box::new((waiting.reason.clone(), waiting.message.clone()))),
        }
    }
}

/// The pods by the UID of what controls them.
#[derive(Debug, Default)]
pub(super) struct Pods(HashMap<Arc<str>, Vec<SeenPod>>);

impl Pods {
    /// Sorts pods by what controls them.
    pub(super) fn new(pods: Vec<SeenPod>) -> Self {
        let mut by_owner: HashMap<_, Vec<_>> = HashMap::new();
        for pod in pods {
            by_owner
                .entry(Arc::clone(&pod.owner))
                .or_default()
                .push(pod);
        }
        Self(by_owner)
    }

    /// The pods that one object controls.
    pub(super) fn of(&self, uid: &str) -> &[SeenPod] {
        self.0.get(uid).map_or(&[], Vec::as_slice)
    }
}

/// Pods made from one template, and how new that is: the newest has the greatest number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) revision: i64,
    pub(super) pods: &'a [SeenPod],
}

/// Which pods count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// Those that run.
    Living,
    /// Those that ended as well: of a Job, that is its purpose.
    AlsoEnded,
}

/// What one container's pods run, and what they wait for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RunningImages {
    /// What runs, the oldest template first.
    pub(super) running: Vec<Running>,
    /// What does not come up.
    pub(super) waiting: Vec<WaitingImage>,
}

/// Containers that wait for the same thing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WaitingImage {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) image: String,
    pub(super) pods: u32,
}

/// The containers of the pods that live and whose images are known by digest: where the image is written, and the digest.
pub(super) fn digests<'a>(batches: &[Batch<'a>]) -> impl Iterator<Item = (Slot<'a>, &'a str)> {
    let pods = batches.iter().flat_map(|batch| batch.pods);
    let living = pods.filter(|pod| pod.life == Life::Lives);
    let containers = living.flat_map(|pod| &pod.containers);
    containers.filter_map(|container| {
        let slot = Slot {
            list: container.list,
            name: &container.name,
            image: &container.written,
        };
        Some((slot, container.digest.as_deref()?))
    })
}

/// Counts what the container `name` runs in some pods.
pub(super) fn running(batches: &[Batch<'_>], name: &str, counting: Counting) -> RunningImages {
    let mut found = RunningImages::default();
    let mut ages: Vec<(i64, Option<Timestamp>)> = Vec::new();
    let pods = batches
        .iter()
        .flat_map(|batch| batch.pods.iter().map(|pod| (batch.revision, pod)));
    for (revision, pod) in pods {
        let counts = pod.life != Life::Ended || counting == Counting::AlsoEnded;
        let container = pod
            .containers
            .iter()
            .find(|container| &*container.name == name);
        let Some(container) = container.filter(|_| counts) else {
            continue;
        };
        if pod.life == Life::Lives
            && let Some(waiting) = &container.waiting
        {
            found.wait(container, waiting);
        }
        let digest = container.digest.as_deref();
        if !container.has_run {
            continue;
        }
        let same = |running: &Running| {
            running.image == *container.image
                && running.digest.as_deref() == digest
                && running.owner.as_deref() == pod.maker.as_deref()
        };
        let at = found.running.iter().position(same).unwrap_or_else(|| {
            found.running.push(container.running(pod));
            ages.push((revision, pod.created));
            ages.len() - 1
        });
        ages[at] = ages[at].min((revision, pod.created));
        found.running[at].pods += 1;
        found.running[at].ready += u32::from(container.is_ready);
    }
    let mut order: Vec<usize> = (0..ages.len()).collect();
    order.sort_by_key(|at| ages[*at]);
    found.running = order.iter().map(|at| found.running[*at].clone()).collect();
    found
}

impl SeenContainer {
    fn running(&self, pod: &SeenPod) -> Running {
        let reference = Reference::parse(&self.image).ok();
        let tag = reference.as_ref().and_then(Reference::tag);
        Running {
            image: self.image.to_string(),
            tag: tag.map(str::to_owned),
            digest: self.digest.as_deref().map(str::to_owned),
            pods: 0,
            ready: 0,
            owner: pod.maker.as_deref().map(str::to_owned),
        }
    }
}

impl RunningImages {
    fn wait(&mut self, container: &SeenContainer, waiting: &(String, String)) {
        let (reason, message) = waiting;
        let same =
            |known: &&mut WaitingImage| known.reason == *reason && known.image == *container.image;
        match self.waiting.iter_mut().find(same) {
            Some(known) => known.pods += 1,
            None => self.waiting.push(WaitingImage {
                reason: reason.clone(),
                message: message.clone(),
                image: container.image.to_string(),
                pods: 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
