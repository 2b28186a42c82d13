//! The workloads that were seen, and the images in their specs.

use api::WorkloadKind;
use api::marked_line::Spot;
use engine::admission::{List, Slot};
use engine::rollout;
use jiff::Timestamp;

use super::wire::{
    Condition, Container, Kept, Meta, Owner, PodSpec, PodStatus, Templated, TemplatedSpec,
    TemplatedStatus, condition,
};
use super::{Role, Workload};

/// A workload, as far as reports need it.
#[derive(Debug)]
pub(super) struct SeenWorkload {
    pub(super) workload: Workload,
    pub(super) uid: String,
    pub(super) created: Option<Timestamp>,
    pub(super) labels: Kept,
    pub(super) annotations: Kept,
    /// What controls it, if anything does.
    pub(super) controller: Option<Owner>,
    /// The images of its pods, in the order of the spec: init containers, containers, volumes.
    pub(super) images: Vec<SeenImage>,
    /// What tells how far its rollout is.
    pub(super) numbers: rollout::Workload,
}

/// An image in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenImage {
    /// Name of the container or volume.
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) image: String,
}

impl SeenImage {
    /// The image, as the engine sees it.
    pub(super) fn slot(&self) -> Slot<'_> {
        Slot {
            list: match self.role {
                Role::Main => List::Containers,
                Role::Init | Role::Sidecar => List::InitContainers,
                Role::Volume => List::Volumes,
            },
            name: &self.name,
            image: &self.image,
        }
    }
}

impl SeenWorkload {
    /// Where an image of it stands.
    pub(super) fn spot<'a>(&'a self, image: &'a SeenImage) -> Spot<'a> {
        Spot {
            kind: self.workload.kind,
            namespace: &self.workload.namespace,
            name: &self.workload.name,
            slot: image.slot(),
        }
    }

    /// Reads an object of a kind that has a template.
    pub(super) fn of(kind: WorkloadKind, mut object: Templated) -> Self {
        let pods = match object.spec.job_template.take() {
            Some(template) => template.spec.template.spec,
            None => std::mem::take(&mut object.spec.template.spec),
        };
        let numbers = numbers(kind, object.metadata.generation, object.spec, object.status);
        Self::new(kind, object.metadata, pods, numbers)
    }

    /// Reads a pod that nothing controls.
    pub(super) fn of_pod(meta: Meta, spec: PodSpec, status: &PodStatus) -> Self {
        let ready = condition(&status.conditions, "Ready");
        let pod = rollout::Pod {
            phase: status.phase.clone(),
            is_ready: ready.is_some_and(|ready| ready.status == "True"),
        };
        Self::new(WorkloadKind::Pod, meta, spec, rollout::Workload::Pod(pod))
    }

    fn new(kind: WorkloadKind, mut meta: Meta, pods: PodSpec, numbers: rollout::Workload) -> Self {
        let controller = meta.controller();
        Self {
            uid: meta.uid,
            created: meta.creation_timestamp.map(|time| time.0),
            workload: Workload {
                namespace: meta.namespace,
                kind,
                name: meta.name,
            },
            labels: meta.labels,
            annotations: meta.annotations,
            controller,
            images: images(pods),
            numbers,
        }
    }
}

/// Sorts out which numbers mean what in a kind.
fn numbers(
    kind: WorkloadKind,
    generation: i64,
    spec: TemplatedSpec,
    status: TemplatedStatus,
) -> rollout::Workload {
    let generations = rollout::Generations {
        current: generation,
        observed: status.observed_generation,
    };
    let desired = spec.replicas.unwrap_or(1);
    let strategy = match spec.update_strategy.name.as_deref() {
        None | Some("RollingUpdate") => rollout::Strategy::Rolling {
            partition: spec
                .update_strategy
                .rolling_update
                .and_then(|update| update.partition),
        },
        Some(_) => rollout::Strategy::OnDelete,
    };
    let is_suspended = spec.suspend == Some(true);
    match kind {
        WorkloadKind::Deployment => rollout::Workload::Deployment(rollout::Deployment {
            generations,
            desired,
            replicas: status.replicas,
            updated: status.updated_replicas,
            available: status.available_replicas,
            progressing: condition(&status.conditions, "Progressing")
                .map(|condition| condition.reason.clone()),
        }),
        WorkloadKind::StatefulSet => rollout::Workload::StatefulSet(rollout::StatefulSet {
            generations,
            strategy,
            desired,
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            current_revision: status.current_revision,
            update_revision: status.update_revision,
        }),
        WorkloadKind::DaemonSet => rollout::Workload::DaemonSet(rollout::DaemonSet {
            generations,
            strategy,
            desired: status.desired_number_scheduled,
            updated: status.updated_number_scheduled,
            available: status.number_available,
        }),
        WorkloadKind::CronJob => rollout::Workload::CronJob(rollout::CronJob {
            active: status.active.0,
            is_suspended,
        }),
        WorkloadKind::Job => rollout::Workload::Job(rollout::Job {
            desired: spec.completions.or(spec.parallelism).unwrap_or(1),
            active: status.active.0,
            ready: status.ready,
            succeeded: status.succeeded,
            is_suspended,
            end: status.conditions.into_iter().find_map(end_of),
        }),
        // A pod has no template, and is read elsewhere.
        WorkloadKind::ReplicaSet | WorkloadKind::Pod => {
            rollout::Workload::ReplicaSet(rollout::ReplicaSet {
                generations,
                desired,
                replicas: status.replicas,
                available: status.available_replicas,
            })
        }
    }
}

/// How a Job ended, if this condition says so.
fn end_of(condition: Condition) -> Option<rollout::JobEnd> {
    match (condition.name.as_str(), condition.status.as_str()) {
        ("Complete", "True") => Some(rollout::JobEnd::Complete),
        ("Failed", "True") => Some(rollout::JobEnd::Failed(condition.reason)),
        _ => None,
    }
}

/// Lists the images of a pod's spec; a container or volume without one is no image of anybody's.
pub(super) fn images(spec: PodSpec) -> Vec<SeenImage> {
    let init = spec.init_containers.into_iter().map(|container| {
        let role = match container.restart_policy.as_deref() {
            Some("Always") => Role::Sidecar,
            _ => Role::Init,
        };
        image_of(container, role)
    });
    let main = spec.containers.into_iter();
    let main = main.map(|container| image_of(container, Role::Main));
    let volumes = spec.volumes.into_iter().filter_map(|volume| {
        Some(SeenImage {
            name: volume.name,
            role: Role::Volume,
            image: volume.image?.reference,
        })
    });
    let all = init.chain(main).chain(volumes);
    all.filter(|image| !image.image.is_empty()).collect()
}

fn image_of(container: Container, role: Role) -> SeenImage {
    SeenImage {
        name: container.name,
        role,
        image: container.image,
    }
}

#[cfg(test)]
mod tests;
