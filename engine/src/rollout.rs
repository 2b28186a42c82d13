//! Whether a rollout is complete, by the rules `kubectl rollout status` has for each kind.

use std::fmt;

#[cfg(test)]
mod tests;

/// How far a rollout is, in pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// How many there are to be.
    pub desired: i32,
    /// How many are made from the newest template.
    pub updated: i32,
    /// How many are available, old ones included.
    pub available: i32,
    /// Whether it is complete.
    pub ending: Ending,
    /// The same in words, such as `1 of 2 updated`.
    pub text: String,
}

/// Whether a rollout is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is.
    Complete,
    /// It is under way.
    UnderWay,
    /// It does not get on.
    Failed,
    /// Pods are updated only when somebody deletes them, so there is no end to wait for: `OnDelete`.
    Refused,
}

/// The numbers of a workload that tell how far its rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Deployment.
    Deployment(Deployment),
    /// A StatefulSet.
    StatefulSet(StatefulSet),
    /// A DaemonSet.
    DaemonSet(DaemonSet),
    /// A ReplicaSet without owner.
    ReplicaSet(ReplicaSet),
    /// A CronJob; it has pods of its own only while a run lasts.
    CronJob(CronJob),
    /// A Job.
    Job(Job),
    /// A Pod without owner.
    Pod(Pod),
}

/// Which generation of a spec its controller has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generations {
    /// `metadata.generation`.
    pub current: i64,
    /// `status.observedGeneration`; 0 where it is absent.
    pub observed: i64,
}

impl Generations {
    fn are_level(self) -> bool {
        self.current <= self.observed
    }
}

/// The numbers of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// Its generations.
    pub generations: Generations,
    /// `spec.replicas`, 1 where it is absent.
    pub desired: i32,
    /// `status.replicas`.
    pub replicas: i32,
    /// `status.updatedReplicas`.
    pub updated: i32,
    /// `status.availableReplicas`.
    pub available: i32,
    /// The reason of the condition `Progressing`.
    pub progressing: Option<String>,
}

/// How a StatefulSet or DaemonSet replaces pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// `RollingUpdate`; a StatefulSet leaves the pods below this ordinal alone.
    Rolling {
        /// `partition`.
        partition: Option<i32>,
    },
    /// `OnDelete`, or a strategy that is not known.
    OnDelete,
}

/// The numbers of a StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSet {
    /// Its generations.
    pub generations: Generations,
    /// `spec.updateStrategy`.
    pub strategy: Strategy,
    /// `spec.replicas`, 1 where it is absent.
    pub desired: i32,
    /// `status.updatedReplicas`.
    pub updated: i32,
    /// `status.readyReplicas`.
    pub ready: i32,
    /// `status.availableReplicas`.
    pub available: i32,
    /// `status.currentRevision`.
    pub current_revision: String,
    /// `status.updateRevision`.
    pub update_revision: String,
}

/// The numbers of a DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSet {
    /// Its generations.
    pub generations: Generations,
    /// `spec.updateStrategy`.
    pub strategy: Strategy,
    /// `status.desiredNumberScheduled`.
    pub desired: i32,
    /// `status.updatedNumberScheduled`.
    pub updated: i32,
    /// `status.numberAvailable`.
    pub available: i32,
}

/// The numbers of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSet {
    /// Its generations.
    pub generations: Generations,
    /// `spec.replicas`, 1 where it is absent.
    pub desired: i32,
    /// `status.replicas`.
    pub replicas: i32,
    /// `status.availableReplicas`.
    pub available: i32,
}

/// The numbers of a CronJob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CronJob {
    /// How many runs are under way: the length of `status.active`.
    pub active: i32,
    /// `spec.suspend`.
    pub is_suspended: bool,
}

/// The numbers of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// `spec.completions`; where it is absent, `spec.parallelism`, and 1 where both are.
    pub desired: i32,
    /// `status.active`.
    pub active: i32,
    /// `status.ready`.
    pub ready: i32,
    /// `status.succeeded`.
    pub succeeded: i32,
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// The condition that ended it.
    pub end: Option<JobEnd>,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// The condition `Complete`.
    Complete,
    /// The condition `Failed`, with its reason.
    Failed(String),
}

/// The state of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `status.phase`.
    pub phase: String,
    /// Whether the condition `Ready` is true.
    pub is_ready: bool,
}

impl Workload {
    /// Tells how far the rollout is.
    pub fn rollout(&self) -> Rollout {
        match self {
            Self::Deployment(deployment) => deployment.rollout(),
            Self::StatefulSet(set) => set.rollout(),
            Self::DaemonSet(set) => set.rollout(),
            Self::ReplicaSet(set) => set.rollout(),
            Self::CronJob(cron_job) => cron_job.rollout(),
            Self::Job(job) => job.rollout(),
            Self::Pod(pod) => pod.rollout(),
        }
    }
}

const UNOBSERVED: &str = "waiting for the controller to see the change";

impl Deployment {
    fn rollout(&self) -> Rollout {
        let &Self {
            desired,
            updated,
            available,
            ..
        } = self;
        let (ending, text) = if !self.generations.are_level() {
            (Ending::UnderWay, UNOBSERVED.to_owned())
        } else if self.progressing.as_deref() == Some("ProgressDeadlineExceeded") {
            let text = format!(
                "exceeded its progress deadline, {}",
                of(updated, desired, "updated")
            );
            (Ending::Failed, text)
        } else if updated < desired {
            (Ending::UnderWay, of(updated, desired, "updated"))
        } else if self.replicas > updated {
            let old = self.replicas.saturating_sub(updated);
            (
                Ending::UnderWay,
                format!("{old} old {} pending termination", replicas(old)),
            )
        } else if available < updated {
            (Ending::UnderWay, of(available, updated, "available"))
        } else {
            (Ending::Complete, of(available, desired, "ready"))
        };
        Rollout {
            desired,
            updated,
            available,
            ending,
            text,
        }
    }
}

impl StatefulSet {
    fn rollout(&self) -> Rollout {
        let &Self {
            desired, updated, ..
        } = self;
        let told = |ending, text| Rollout {
            desired,
            updated,
            available: self.available,
            ending,
            text,
        };
        let Strategy::Rolling { partition } = self.strategy else {
            return told(Ending::Refused, on_delete(updated, desired));
        };
        if self.generations.observed == 0 || !self.generations.are_level() {
            return told(Ending::UnderWay, UNOBSERVED.to_owned());
        }
        if self.ready < desired {
            return told(Ending::UnderWay, of(self.ready, desired, "ready"));
        }
        match partition {
            Some(partition) => {
                let due = desired.saturating_sub(partition);
                if updated < due {
                    told(Ending::UnderWay, of(updated, due, "updated"))
                } else if partition > 0 {
                    let text = format!(
                        "{}, those below {partition} are left alone",
                        of(updated, desired, "updated")
                    );
                    told(Ending::Complete, text)
                } else {
                    told(Ending::Complete, of(self.ready, desired, "ready"))
                }
            }
            None if self.update_revision != self.current_revision => {
                told(Ending::UnderWay, of(updated, desired, "updated"))
            }
            None => told(Ending::Complete, of(self.ready, desired, "ready")),
        }
    }
}

impl DaemonSet {
    fn rollout(&self) -> Rollout {
        let &Self {
            desired,
            updated,
            available,
            ..
        } = self;
        let (ending, text) = if self.strategy == Strategy::OnDelete {
            (Ending::Refused, on_delete(updated, desired))
        } else if !self.generations.are_level() {
            (Ending::UnderWay, UNOBSERVED.to_owned())
        } else if updated < desired {
            (Ending::UnderWay, of(updated, desired, "updated"))
        } else if available < desired {
            (Ending::UnderWay, of(available, desired, "available"))
        } else {
            (Ending::Complete, of(available, desired, "ready"))
        };
        Rollout {
            desired,
            updated,
            available,
            ending,
            text,
        }
    }
}

impl ReplicaSet {
    fn rollout(&self) -> Rollout {
        let &Self {
            desired,
            replicas: made,
            available,
            ..
        } = self;
        let (ending, text) = if !self.generations.are_level() {
            (Ending::UnderWay, UNOBSERVED.to_owned())
        } else if made > desired {
            let old = made.saturating_sub(desired);
            (
                Ending::UnderWay,
                format!("{old} {} too many", replicas(old)),
            )
        } else if available < desired {
            (Ending::UnderWay, of(available, desired, "available"))
        } else {
            (Ending::Complete, of(available, desired, "ready"))
        };
        Rollout {
            desired,
            updated: made,
            available,
            ending,
            text,
        }
    }
}

impl CronJob {
    fn rollout(self) -> Rollout {
        let text = match (self.active, self.is_suspended) {
            (0, true) => "suspended".to_owned(),
            (0, false) => "takes effect at the next run".to_owned(),
            (1, _) => "1 run under way".to_owned(),
            (active, _) => format!("{active} runs under way"),
        };
        Rollout {
            desired: self.active,
            updated: self.active,
            available: self.active,
            ending: Ending::Complete,
            text,
        }
    }
}

impl Job {
    /// A Job that runs is as good as one that is complete: its image is what was asked for.
    fn rollout(&self) -> Rollout {
        let &Self {
            desired,
            active,
            ready,
            succeeded,
            ..
        } = self;
        let (ending, text) = match &self.end {
            Some(JobEnd::Failed(reason)) => (Ending::Failed, format!("failed: {reason}")),
            Some(JobEnd::Complete) => (Ending::Complete, of(succeeded, desired, "completed")),
            None if self.is_suspended => (Ending::Complete, "suspended".to_owned()),
            None if active > 0 && ready >= active => {
                (Ending::Complete, of(succeeded, desired, "completed"))
            }
            None => (Ending::UnderWay, of(ready, active.max(1), "running")),
        };
        Rollout {
            desired,
            updated: active.saturating_add(succeeded),
            available: ready.saturating_add(succeeded),
            ending,
            text,
        }
    }
}

impl Pod {
    fn rollout(&self) -> Rollout {
        let (ending, available) = match self.phase.as_str() {
            "Succeeded" => (Ending::Complete, 0),
            "Failed" => (Ending::Failed, 0),
            "Running" if self.is_ready => (Ending::Complete, 1),
            _ => (Ending::UnderWay, 0),
        };
        let text = match (ending, self.phase.as_str()) {
            (Ending::UnderWay, "Running") => "running, not ready".to_owned(),
            (_, "") => "not seen by a kubelet yet".to_owned(),
            (_, phase) => phase.to_ascii_lowercase(),
        };
        Rollout {
            desired: 1,
            updated: 1,
            available,
            ending,
            text,
        }
    }
}

fn of(some: i32, all: i32, what: impl fmt::Display) -> String {
    format!("{some} of {all} {what}")
}

fn on_delete(updated: i32, desired: i32) -> String {
    format!(
        "{}, the others when they are deleted (OnDelete)",
        of(updated, desired, "updated")
    )
}

const fn replicas(count: i32) -> &'static str {
    if count == 1 { "replica" } else { "replicas" }
}
