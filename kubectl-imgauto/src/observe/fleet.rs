//! The workloads of a cluster and their pods, fetched side by side.

use std::collections::{HashMap, HashSet};

use api::WorkloadKind;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;

use super::list::{Kind, Listed, Query, list};
use super::pods::{Batch, Counting, Pods, SeenPod, Texts};
use super::scope::Scope;
use super::wire::{Bare, PodObject, Templated};
use super::workload::SeenWorkload;
use crate::error::CliError;

/// How many objects are asked for one by one at a time.
const AT_ONCE: usize = 8;

/// The annotation that numbers the ReplicaSets of a Deployment, and says which one it is at.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The workloads that are looked at, and what runs of them.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    pub(super) workloads: Vec<SeenWorkload>,
    /// Why pods could not be looked at, if they could not.
    pub(super) hidden_pods: Option<String>,
    pods: Pods,
    /// What stands between a workload and its pods, by the UID of the workload: ReplicaSets and Jobs.
    between: HashMap<String, Vec<Between>>,
}

/// A ReplicaSet of a Deployment, or a Job of a CronJob.
#[derive(Debug)]
struct Between {
    uid: String,
    /// The greater the newer.
    revision: i64,
}

/// Pods, and the bare ones among them as workloads.
#[derive(Default)]
struct PodsSeen {
    pods: Vec<SeenPod>,
    bare: Vec<SeenWorkload>,
    hidden: Option<String>,
}

/// ReplicaSets of Deployments, and those of nobody as workloads.
type BetweenSeen = (HashMap<String, Vec<Between>>, Vec<SeenWorkload>);

impl Fleet {
    /// Fetches what is in a scope; what may not be seen is said in `missing`.
    pub(super) async fn fetch(
        client: &Client,
        scope: &Scope,
        missing: &mut Vec<String>,
    ) -> Result<Self, CliError> {
        let fetch = Fetch { client, scope };
        let (deployments, stateful_sets, daemon_sets, cron_jobs, replica_sets, jobs, pods) = futures::try_join!(
            fetch.templated(WorkloadKind::Deployment),
            fetch.templated(WorkloadKind::StatefulSet),
            fetch.templated(WorkloadKind::DaemonSet),
            fetch.templated(WorkloadKind::CronJob),
            fetch.replica_sets(),
            fetch.jobs(),
            fetch.pods(),
        )?;
        let mut fleet = Self::default();
        for (found, said) in [deployments, stateful_sets, daemon_sets, cron_jobs] {
            fleet.workloads.extend(found);
            missing.extend(said);
        }
        for ((between, bare), said) in [replica_sets, jobs] {
            fleet.between.extend(between);
            fleet.workloads.extend(bare);
            missing.extend(said);
        }
        fleet.workloads.extend(pods.bare);
        missing.extend(pods.hidden.clone());
        fleet.hidden_pods = pods.hidden;
        fleet.pods = Pods::new(pods.pods);
        fleet.workloads.retain(|seen| scope.wants(&seen.workload));
        fleet.workloads.sort_by(|a, b| a.workload.cmp(&b.workload));
        Ok(fleet)
    }

    /// The pods of a workload, by what they were made from, and which of them count.
    pub(super) fn batches(&self, seen: &SeenWorkload) -> (Vec<Batch<'_>>, Counting) {
        let between = self.between.get(&seen.uid).map_or(&[][..], Vec::as_slice);
        let batches = between.iter().map(|between| Batch {
            revision: between.revision,
            pods: self.pods.of(&between.uid),
        });
        match seen.workload.kind {
            WorkloadKind::Deployment => (batches.collect(), Counting::Living),
            // What an earlier Job ran is history.
            WorkloadKind::CronJob => {
                let last = batches.max_by_key(|batch| batch.revision);
                (last.into_iter().collect(), Counting::AlsoEnded)
            }
            kind => {
                let counting = match kind {
                    WorkloadKind::Job | WorkloadKind::Pod => Counting::AlsoEnded,
                    _ => Counting::Living,
                };
                let pods = self.pods.of(&seen.uid);
                (vec![Batch { revision: 0, pods }], counting)
            }
        }
    }
}

/// What is found, and what is not allowed.
type Told<T> = (T, Option<String>);

struct Fetch<'a> {
    client: &'a Client,
    scope: &'a Scope,
}

impl Fetch<'_> {
    fn kind(kind: WorkloadKind) -> Kind {
        Kind::new(kind.api_version(), kind.kind(), kind.plural())
    }

    /// Everything of a kind in the namespace.
    fn everything(&self) -> Query {
        Query {
            namespace: self.scope.namespace.clone(),
            ..Query::default()
        }
    }

    /// What is looked at of a kind.
    fn chosen(&self, kind: WorkloadKind) -> Query {
        Query {
            labels: self.scope.selector.clone(),
            name: self.scope.only_name(kind).map(str::to_owned),
            ..self.everything()
        }
    }

    async fn templated(&self, kind: WorkloadKind) -> Result<Told<Vec<SeenWorkload>>, CliError> {
        if !self.scope.wants_kind(kind) {
            return Ok((Vec::new(), None));
        }
        let query = self.chosen(kind);
        let keep = |object: Templated| Some(SeenWorkload::of(kind, object));
        Ok(told(
            list(self.client, &Self::kind(kind), &query, keep).await?,
        ))
    }

    /// The UIDs of what the selector selects; `None` if there is no selector.
    async fn selected(&self, kind: WorkloadKind) -> Result<Option<HashSet<String>>, CliError> {
        if self.scope.selector.is_none() {
            return Ok(None);
        }
        let kind_ = Self::kind(kind).metadata_only();
        let keep = |object: Bare| Some(object.metadata.uid);
        let found = list(self.client, &kind_, &self.chosen(kind), keep).await?;
        Ok(Some(told(found).0.into_iter().collect()))
    }

    /// Old ReplicaSets outnumber everything else, and of those of Deployments the metadata says enough.
    async fn replica_sets(&self) -> Result<Told<BetweenSeen>, CliError> {
        let kind = WorkloadKind::ReplicaSet;
        let wants_bare = self.scope.wants_kind(kind);
        if !wants_bare && !self.scope.wants_kind(WorkloadKind::Deployment) {
            return Ok(Told::default());
        }
        let keep = |object: Bare| Some(object.metadata);
        let (metadata, everything) = (Self::kind(kind).metadata_only(), self.everything());
        let listed = list(self.client, &metadata, &everything, keep);
        let (listed, selected) = futures::try_join!(listed, self.selected(kind))?;
        let (found, said) = told(listed);
        let mut between: HashMap<String, Vec<Between>> = HashMap::new();
        let mut bare = Vec::new();
        for mut meta in found {
            match meta.controller() {
                Some(owner) if owner.kind == WorkloadKind::Deployment.kind() => {
                    let revision = meta.annotations.get(REVISION);
                    let revision = revision.and_then(|number| number.parse().ok());
                    between.entry(owner.uid).or_default().push(Between {
                        uid: meta.uid,
                        revision: revision.unwrap_or_default(),
                    });
                }
                Some(_) => {}
                None => bare.push(meta),
            }
        }
        bare.retain(|meta| {
            let selected = selected.as_ref().is_none_or(|all| all.contains(&meta.uid));
            let name = self.scope.only_name(kind);
            wants_bare && selected && name.is_none_or(|name| name == meta.name)
        });
        let whole = stream::iter(bare).map(|meta| async move {
            let query = Query {
                namespace: Some(meta.namespace),
                name: Some(meta.name),
                labels: None,
            };
            let keep = |object: Templated| Some(SeenWorkload::of(kind, object));
            list(self.client, &Self::kind(kind), &query, keep).await
        });
        let whole: Vec<_> = whole.buffer_unordered(AT_ONCE).try_collect().await?;
        let whole = whole.into_iter().flat_map(|listed| told(listed).0);
        Ok(((between, whole.collect()), said))
    }

    /// Jobs are looked at for themselves and for the CronJobs that made them.
    async fn jobs(&self) -> Result<Told<BetweenSeen>, CliError> {
        let kind = WorkloadKind::Job;
        let wants_jobs = self.scope.wants_kind(kind);
        if !wants_jobs && !self.scope.wants_kind(WorkloadKind::CronJob) {
            return Ok(Told::default());
        }
        let keep = |object: Templated| Some(SeenWorkload::of(kind, object));
        let (kind_, everything) = (Self::kind(kind), self.everything());
        let listed = list(self.client, &kind_, &everything, keep);
        let (listed, selected) = futures::try_join!(listed, self.selected(kind))?;
        let (jobs, said) = told(listed);
        let mut between: HashMap<String, Vec<Between>> = HashMap::new();
        let mut own = Vec::new();
        for job in jobs {
            match &job.controller {
                Some(owner) if owner.kind == WorkloadKind::CronJob.kind() => {
                    let made = job.created.map_or(0, jiff::Timestamp::as_second);
                    between.entry(owner.uid.clone()).or_default().push(Between {
                        uid: job.uid,
                        revision: made,
                    });
                }
                Some(_) => {}
                None if selected.as_ref().is_none_or(|all| all.contains(&job.uid)) => own.push(job),
                None => {}
            }
        }
        own.retain(|_| wants_jobs);
        Ok(((between, own), said))
    }

    async fn pods(&self) -> Result<PodsSeen, CliError> {
        let kind = WorkloadKind::Pod;
        let wants_bare = self.scope.wants_kind(kind);
        let mut texts = Texts::default();
        let keep = |object: PodObject| {
            let owners = &object.metadata.owner_references;
            let is_bare = wants_bare && !owners.iter().any(|owner| owner.controller);
            let bare = is_bare.then(|| {
                let (meta, spec) = (object.metadata.clone(), object.spec.clone());
                // Few are, so that the others need not have room for it.
                Box::new(SeenWorkload::of_pod(meta, spec, &object.status))
            });
            Some((SeenPod::of(object, &mut texts), bare))
        };
        let (kind_, everything) = (Self::kind(kind), self.everything());
        let listed = list(self.client, &kind_, &everything, keep);
        let (listed, selected) = futures::try_join!(listed, self.selected(kind))?;
        let (found, hidden) = told(listed);
        let (pods, bare): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let mut bare: Vec<_> = bare.into_iter().flatten().map(|seen| *seen).collect();
        if let Some(selected) = selected {
            bare.retain(|seen| selected.contains(&seen.uid));
        }
        Ok(PodsSeen { pods, bare, hidden })
    }
}

fn told<T>(listed: Listed<T>) -> Told<Vec<T>> {
    let mut missing = Vec::new();
    let found = listed.or_missing(&mut missing);
    (found, missing.pop())
}
