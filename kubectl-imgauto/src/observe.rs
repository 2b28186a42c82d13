//! What the commands that look at a cluster see: one [`Row`] for each container of each workload.
//!
//! Observing is I/O and happens here and below; judging is [`engine::delivery`]; showing is each command's own.

use api::WorkloadKind;
use engine::delivery::{Judgement, Seen};
use engine::drift::Label;
pub(crate) use engine::rollout::Ending;
use engine::rollout::Rollout;
use jiff::Timestamp;
use reconciler::resources::ObjectKey;

use crate::cluster::Cluster;
use crate::error::CliError;

mod appliers;
mod automations;
mod checkout;
mod fleet;
mod items;
mod join;
mod lines;
mod list;
mod managers;
mod next;
mod objects;
mod pods;
mod scope;
mod wire;
mod workload;
mod world;

use appliers::Appliers;
use automations::Automations;
use checkout::Checkout;
use fleet::Fleet;
use join::Join;
use lines::{Known, Lines};
use objects::Reach;
pub(crate) use scope::{Breadth, Scope, Unmanaged};
use world::World;

/// Everything that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The containers, ordered by namespace, kind, name and place in the workload.
    pub(crate) rows: Vec<Row>,
    /// The policies that were asked for by name.
    pub(crate) policies: Vec<PolicyRow>,
    /// The automations that were asked for by name.
    pub(crate) updates: Vec<UpdateRow>,
    /// What could not be looked at, each in a sentence: the report is complete if there is none.
    pub(crate) missing: Vec<String>,
    /// When it was seen.
    pub(crate) at: Timestamp,
}

/// One container of a workload: wanted, committed, running.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The workload.
    pub(crate) workload: Workload,
    /// Name of the container, or of the volume.
    pub(crate) container: String,
    /// What the container is for.
    pub(crate) role: Role,
    /// The image, as the workload's spec names it.
    pub(crate) image: String,
    /// How it stands to its policy, in the words of the label that workloads are marked with.
    pub(crate) drift: Label,
    /// The policy that looks after the image.
    pub(crate) policy: Option<Tie>,
    /// What the policy chose.
    pub(crate) wanted: Option<Wanted>,
    /// What is committed; `None` if it is not known.
    pub(crate) git: Option<Committed>,
    /// What applies the manifests; `None` if the workload does not say.
    pub(crate) applied: Option<Applied>,
    /// What the pods run, the oldest first; several during a rollout.
    pub(crate) running: Vec<Running>,
    /// How far the rollout is; `None` for what does not roll out.
    pub(crate) rollout: Option<Progress>,
    /// Where it stands, and why.
    pub(crate) judgement: Judgement,
    /// A command that leads on; `None` if nothing has to be done.
    pub(crate) next: Option<String>,
}

/// A workload by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Workload {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its kind.
    pub(crate) kind: WorkloadKind,
    /// Its name.
    pub(crate) name: String,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// An ordinary container.
    Main,
    /// An init container that ends before the others begin.
    Init,
    /// An init container that keeps running.
    Sidecar,
    /// An image that is mounted as a volume.
    Volume,
}

/// The policy that looks after an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tie {
    /// The policy.
    pub(crate) policy: ObjectKey,
    /// How it is known.
    pub(crate) certainty: Certainty,
}

/// How something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// Somebody wrote it down: a marker or an annotation.
    Stated,
    /// It follows from names alone; shown with a tilde.
    Guessed,
}

/// What a policy chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The repository, as the ImageRepository names it.
    pub(crate) image: String,
    /// The tag.
    pub(crate) tag: String,
    /// The digest, if the policy reflects it.
    pub(crate) digest: Option<String>,
    /// The tag that was chosen before.
    pub(crate) previous: Option<String>,
    /// Since when it is chosen, as far as the policy says.
    pub(crate) since: Option<Timestamp>,
    /// The rule, such as `semver >=5.0.0`.
    pub(crate) rule: String,
    /// The last scan: how many tags, and when.
    pub(crate) scan: Option<Scan>,
}

/// The last scan of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// How many tags were found.
    pub(crate) tags: i64,
    /// When.
    pub(crate) at: Option<Timestamp>,
}

/// What is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The tag; `None` where only a digest stands there.
    pub(crate) tag: Option<String>,
    /// The digest, if one stands there.
    pub(crate) digest: Option<String>,
    /// The commit that wrote it, in hex.
    pub(crate) commit: Option<String>,
    /// The branch it is on.
    pub(crate) branch: Option<String>,
    /// The file, from the root of the repository.
    pub(crate) file: Option<String>,
    /// The line in it, counted from one.
    pub(crate) line: Option<i64>,
    /// When the automation pushed last.
    pub(crate) pushed_at: Option<Timestamp>,
    /// The ImageUpdateAutomation that looks after it.
    pub(crate) automation: Option<ObjectKey>,
    /// Who says so.
    pub(crate) origin: Origin,
}

/// Who says what is committed, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The files of a checkout.
    Checkout,
    /// The inventory that the reconciler keeps.
    Inventory,
    /// The status of an ImageUpdateAutomation; shown with a tilde.
    Status,
}

/// What applies the manifests of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Kind and name, such as `Kustomization flux-system/apps`.
    pub(crate) by: String,
    /// The revision it applied last, such as `main@3f9c2ab`; `None` if it is not known.
    pub(crate) revision: Option<String>,
}

/// What some of the pods run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// The image as the pod's status names it.
    pub(crate) image: String,
    /// Its tag; `None` where there is none.
    pub(crate) tag: Option<String>,
    /// Its digest, from the container's `imageID`.
    pub(crate) digest: Option<String>,
    /// How many pods run it.
    pub(crate) pods: u32,
    /// How many of them are ready.
    pub(crate) ready: u32,
    /// What made the pods, such as `ReplicaSet podinfo-6c9d7f`.
    pub(crate) owner: Option<String>,
}

/// How far a rollout is, in pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many there are to be.
    pub(crate) desired: i32,
    /// How many are made from the newest template.
    pub(crate) updated: i32,
    /// How many are available, old ones included.
    pub(crate) available: i32,
    /// Whether it is complete, by kubectl's rules for the kind.
    pub(crate) end: Ending,
}

impl From<&Rollout> for Progress {
    fn from(rollout: &Rollout) -> Self {
        Self {
            desired: rollout.desired,
            updated: rollout.updated,
            available: rollout.available,
            end: rollout.ending,
        }
    }
}

/// A policy by itself.
#[derive(Clone, Debug)]
pub(crate) struct PolicyRow {
    /// The policy, whether it is there or not.
    pub(crate) policy: ObjectKey,
    /// What it chose.
    pub(crate) wanted: Option<Wanted>,
    /// What is committed for it; `None` if it is not known, or not the same everywhere.
    pub(crate) git: Option<Committed>,
    /// Where it stands, and why.
    pub(crate) judgement: Judgement,
    /// A command that leads on; `None` if nothing has to be done.
    pub(crate) next: Option<String>,
}

/// An automation by itself.
#[derive(Clone, Debug)]
pub(crate) struct UpdateRow {
    /// The automation.
    pub(crate) update: ObjectKey,
    /// The policies it takes in, judged as if no other automation did; `Absent` if there is no such automation.
    pub(crate) policies: Seen<Vec<PolicyRow>>,
}

/// Looks at the workloads of a scope and at all that stands behind them.
///
/// What the user may not see is told in [`Report::missing`]. Fails when the API server does not answer, and when the cluster has none
/// of the kinds that choose images.
pub(crate) async fn report(cluster: &Cluster, scope: &Scope) -> Result<Report, CliError> {
    let client = &cluster.client;
    let at = Timestamp::now();
    let checkout = scope.source.as_deref().map(Checkout::read).transpose()?;
    let mut namespaces = vec![api::keys::DEFAULT_NAMESPACE.to_owned()];
    namespaces.extend(scope.namespace.clone());
    let named = scope.policies.iter().chain(&scope.updates);
    namespaces.extend(named.map(|key| key.namespace.clone()));
    namespaces.sort_unstable();
    namespaces.dedup();
    let reach = Reach { client, namespaces };
    let (mut of_world, mut of_appliers, mut of_fleet) = (Vec::new(), Vec::new(), Vec::new());
    let (mut world, appliers, fleet) = futures::try_join!(
        World::fetch(&reach, at, &mut of_world),
        Appliers::fetch(&reach, &mut of_appliers),
        async {
            match scope.breadth {
                Breadth::Workloads => Fleet::fetch(client, scope, &mut of_fleet).await,
                Breadth::Policies => Ok(Fleet::default()),
            }
        },
    )?;
    let inventories = std::mem::take(&mut world.inventories);
    let world = world;
    let known = Known {
        automations: &world.automations.found,
        policies: &world.policies.found,
    };
    let automations = Automations::new(&world, &appliers);
    let lines = match &checkout {
        Some(checkout) => Lines::of_checkout(&checkout.marked, known, &automations),
        None => Lines::of_inventories(inventories, known),
    };
    let join = Join {
        scope,
        world: &world,
        fleet: &fleet,
        appliers: &appliers,
        lines: &lines,
        automations: &automations,
        checkout: checkout.as_ref(),
    };
    Ok(Report {
        rows: join.rows(client).await,
        policies: join.policies(),
        updates: join.updates(),
        missing: [of_fleet, of_world, of_appliers].concat(),
        at,
    })
}
