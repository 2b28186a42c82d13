//! What applies manifests to the cluster: Flux's Kustomizations and HelmReleases, and Argo CD's Applications.

use api::git_repository::GitReference;
use engine::branch::{CheckoutRef, Reference};
use engine::delivery::{ApplierFacts, Condition, ConditionStatus, Seen, SourceFacts};
use reconciler::resources::ObjectKey;
use serde::Deserialize;

use super::list::Kind;
use super::objects::{Lean, Objects, Reach};
use super::wire::{self, INSTANCE, Meta};
use super::workload::SeenWorkload;
use crate::error::CliError;

mod argo;

use argo::Application;

/// Everything that applies manifests, and where it gets them from.
#[derive(Debug, Default)]
pub(super) struct Appliers {
    kustomizations: Objects<Applier>,
    releases: Objects<Applier>,
    applications: Objects<Application>,
    repositories: Objects<Source>,
}

/// A Kustomization or HelmRelease.
#[derive(Debug, Deserialize)]
struct Applier {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    spec: ApplierSpec,
    #[serde(default)]
    status: ApplierStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ApplierSpec {
    suspend: bool,
    path: String,
    source_ref: Option<SourceReference>,
}

#[derive(Debug, Deserialize)]
struct SourceReference {
    kind: String,
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ApplierStatus {
    conditions: Vec<wire::Condition>,
    last_applied_revision: Option<String>,
}

/// A GitRepository.
#[derive(Debug, Deserialize)]
struct Source {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    spec: SourceSpec,
    #[serde(default)]
    status: SourceStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceSpec {
    suspend: bool,
    #[serde(rename = "ref")]
    reference: Option<GitReference>,
    #[serde(rename = "secretRef")]
    secret: Option<SecretReference>,
}

#[derive(Debug, Deserialize)]
struct SecretReference {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceStatus {
    conditions: Vec<wire::Condition>,
    artifact: Option<Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    revision: Option<String>,
}

/// What applies a workload.
#[derive(Debug)]
pub(super) struct AppliedBy {
    pub(super) facts: ApplierFacts,
    /// The directory its manifests are read from, from the root of the repository; `None` if it is not known.
    pub(super) path: Option<String>,
}

macro_rules! lean {
    ($($kind:ty),+) => {$(
        impl Lean for $kind {
            fn meta(&self) -> &Meta {
                &self.metadata
            }
        }
    )+};
}

lean!(Applier, Application, Source);

const GIT_REPOSITORY: &str = "GitRepository";

impl Appliers {
    /// Lists what of them the cluster has.
    pub(super) async fn fetch(
        reach: &Reach<'_>,
        missing: &mut Vec<String>,
    ) -> Result<Self, CliError> {
        let kustomization = Kind::new(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "kustomizations",
        );
        let release = Kind::new("helm.toolkit.fluxcd.io/v2", "HelmRelease", "helmreleases");
        let application = Kind::new("argoproj.io/v1alpha1", "Application", "applications");
        let repository = Kind::new(
            api::keys::SOURCE_API_VERSION,
            GIT_REPOSITORY,
            "gitrepositories",
        );
        let (kustomizations, releases, applications, repositories) = futures::try_join!(
            reach.lean::<Applier>(&kustomization),
            reach.lean::<Applier>(&release),
            reach.lean::<Application>(&application),
            reach.lean::<Source>(&repository),
        )?;
        let appliers = Self {
            kustomizations,
            releases,
            applications,
            repositories,
        };
        missing.extend(appliers.hidden());
        Ok(appliers)
    }

    /// What a GitRepository checks out; `None` if it is not known.
    pub(super) fn checkout_of(&self, repository: &ObjectKey) -> Option<Reference> {
        let spec = &self.repositories.found.get(repository)?.spec;
        Some(reference(spec.reference.as_ref()))
    }

    /// The Secret of a GitRepository; `None` if it has none, or is not known.
    pub(super) fn secret_of(&self, repository: &ObjectKey) -> Option<String> {
        let spec = &self.repositories.found.get(repository)?.spec;
        spec.secret.as_ref().map(|secret| secret.name.clone())
    }

    fn hidden(&self) -> impl Iterator<Item = String> {
        let hidden = [
            &self.kustomizations.hidden,
            &self.releases.hidden,
            &self.applications.hidden,
            &self.repositories.hidden,
        ];
        hidden
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Finds what applies a workload, by the labels and annotations it left there.
    pub(super) fn of(&self, seen: &SeenWorkload) -> Seen<AppliedBy> {
        let label = |key: &str| seen.labels.get(key);
        let key = |group: &str| {
            let name = label(&format!("{group}/name"))?;
            Some(ObjectKey::new(label(&format!("{group}/namespace"))?, name))
        };
        if let Some(key) = key(KUSTOMIZE) {
            return present(&self.kustomizations, &key, |applier| {
                self.kustomization(&key, applier)
            });
        }
        if let Some(key) = key(HELM) {
            return present(&self.releases, &key, |release| self.release(&key, release));
        }
        let tracked = seen
            .annotations
            .get(argo::TRACKING)
            .map(argo::application_of);
        let named = tracked.or_else(|| label(argo::LABEL));
        if let Some(name) = named {
            let found = self.applications.found.iter();
            let mut named = found.filter(|(key, _)| argo::goes_by(key, name));
            if let Some((key, application)) = named.next() {
                return Seen::Present(application.applied_by(key));
            }
            return self
                .applications
                .hidden
                .clone()
                .map_or(Seen::Absent, Seen::Hidden);
        }
        // Others use the same label, so that the Application has to know the workload.
        let instance = label(INSTANCE);
        let mut owners = self.applications.found.iter().filter(|(key, application)| {
            instance.is_some_and(|name| argo::goes_by(key, name))
                && application.manages(&seen.workload)
        });
        match owners.next() {
            Some((key, application)) => Seen::Present(application.applied_by(key)),
            None => Seen::Absent,
        }
    }

    fn kustomization(&self, key: &ObjectKey, applier: &Applier) -> AppliedBy {
        let reference = applier.spec.source_ref.as_ref();
        let reference = reference.filter(|reference| reference.kind == GIT_REPOSITORY);
        let source = reference.map_or(Seen::Absent, |reference| {
            let namespace = reference.namespace.as_ref().filter(|name| !name.is_empty());
            let namespace = namespace.unwrap_or(&key.namespace);
            let key = ObjectKey::new(namespace, &reference.name);
            present(&self.repositories, &key, |source| source.facts(&key))
        });
        AppliedBy {
            facts: ApplierFacts {
                name: format!("Kustomization {key}"),
                managers: vec!["kustomize-controller".to_owned()],
                is_suspended: applier.spec.suspend,
                ready: ready(&applier.status.conditions, applier.metadata.generation),
                revision: applier.status.last_applied_revision.clone(),
                source,
            },
            path: Some(engine::path::clamp(&applier.spec.path)),
        }
    }

    /// What a release says of itself, and of where it comes from the Kustomization that applies it.
    fn release(&self, key: &ObjectKey, release: &Applier) -> AppliedBy {
        let label = |name: &str| release.metadata.labels.get(&format!("{KUSTOMIZE}/{name}"));
        let parent = label("namespace").zip(label("name"));
        let parent = parent.map(|(namespace, name)| ObjectKey::new(namespace, name));
        let parent = parent.as_ref().and_then(|key| {
            let found = self.kustomizations.found.get(key)?;
            Some(self.kustomization(key, found))
        });
        let (parent, path) = match parent {
            Some(parent) => (Some(parent.facts), parent.path),
            None => (None, None),
        };
        let suspended_above = parent.as_ref().is_some_and(|parent| parent.is_suspended);
        AppliedBy {
            facts: ApplierFacts {
                name: format!("HelmRelease {key}"),
                managers: vec!["helm-controller".to_owned(), "helm".to_owned()],
                is_suspended: release.spec.suspend || suspended_above,
                ready: ready(&release.status.conditions, release.metadata.generation),
                revision: parent.as_ref().and_then(|parent| parent.revision.clone()),
                source: parent.map_or(Seen::Absent, |parent| parent.source),
            },
            path,
        }
    }
}

const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";

/// Looks for an object among those of its kind.
fn present<T, F>(objects: &Objects<T>, key: &ObjectKey, facts: impl FnOnce(&T) -> F) -> Seen<F> {
    match objects.seen(key) {
        Seen::Present(found) => Seen::Present(facts(found)),
        Seen::Absent => Seen::Absent,
        Seen::Hidden(sentence) => Seen::Hidden(sentence),
    }
}

impl Source {
    fn facts(&self, key: &ObjectKey) -> SourceFacts {
        let artifact = self.status.artifact.as_ref();
        SourceFacts {
            name: format!("{GIT_REPOSITORY} {key}"),
            is_suspended: self.spec.suspend,
            ready: ready(&self.status.conditions, self.metadata.generation),
            revision: artifact.and_then(|artifact| artifact.revision.clone()),
        }
    }
}

/// What counts of a reference in an object.
pub(super) fn reference(written: Option<&GitReference>) -> Reference {
    let written = written.map(|written| CheckoutRef {
        branch: written.branch.clone(),
        tag: written.tag.clone(),
        semver: written.semver.clone(),
        name: written.name.clone(),
        commit: written.commit.clone(),
    });
    Reference::of(written.as_ref())
}

/// The condition Ready of an object of this generation.
fn ready(conditions: &[wire::Condition], generation: i64) -> Option<Condition> {
    let ready = wire::condition(conditions, api::keys::READY)?;
    Some(Condition {
        status: ConditionStatus::parse(&ready.status),
        reason: ready.reason.clone(),
        message: ready.message.clone(),
        is_outdated: ready
            .observed_generation
            .is_some_and(|seen| seen < generation),
    })
}

#[cfg(test)]
mod tests;
