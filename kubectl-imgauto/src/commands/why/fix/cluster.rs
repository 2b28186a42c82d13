//! What applies manifests, and what runs.

use api::WorkloadKind;
use engine::delivery::{Name, SourceFacts};
use serde_json::json;

use super::shell::word;
use super::{Scene, all, patch};
use crate::observe::Role;

/// Makes the pods anew.
pub(super) fn restart(scene: &Scene<'_>) -> Option<String> {
    let subject = scene.subject?;
    let name = &subject.workload.name;
    Some(match subject.workload.kind {
        _ if subject.rolls() => format!("kubectl rollout restart {}", subject.object()),
        WorkloadKind::CronJob => format!(
            "kubectl create job {name}-again --from=cronjob/{name} -n {}",
            subject.workload.namespace
        ),
        // There is nothing that would make a Pod or a Job again: it is written back as it was.
        _ => format!(
            "kubectl get {} -o yaml | kubectl replace --force -f -",
            subject.object()
        ),
    })
}

/// Kind and name of an object, as reports write them: `Kustomization flux-system/apps`.
fn object(text: &str) -> Option<(&str, Name)> {
    let (kind, name) = text.split_once(' ')?;
    let (namespace, name) = name.split_once('/')?;
    Some((kind, Name::new(namespace, name)))
}

/// The name of a resource with its group, since others may be called alike.
fn resource(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    let group = match kind.as_str() {
        "kustomization" => "kustomize.toolkit.fluxcd.io",
        "helmrelease" => "helm.toolkit.fluxcd.io",
        "application" => "argoproj.io",
        _ => "source.toolkit.fluxcd.io",
    };
    format!("{kind}.{group}")
}

impl Scene<'_> {
    fn source(&self) -> Option<&SourceFacts> {
        self.facts.applier.present()?.source.present()
    }
}

/// Asks for what is committed to be fetched and applied now; by hand where nothing is known to do it.
pub(super) fn apply(scene: &Scene<'_>) -> Option<String> {
    let applier = scene.facts.applier.present();
    let source = scene.source().map(|source| source.name.as_str());
    let objects = source
        .into_iter()
        .chain(applier.map(|applier| applier.name.as_str()));
    let requests = objects.filter_map(object).map(|(kind, name)| {
        let Name { namespace, name } = name;
        let resource = resource(kind);
        let request = match kind {
            "Application" => "argocd.argoproj.io/refresh=normal".to_owned(),
            _ => format!("{}=\"$(date +%s)\"", api::keys::RECONCILE_REQUESTED_AT),
        };
        format!("kubectl annotate {resource} {name} -n {namespace} {request} --overwrite")
    });
    all(requests).or_else(|| by_hand(scene))
}

/// Applies the file, in a checkout; without one the image is set.
fn by_hand(scene: &Scene<'_>) -> Option<String> {
    let subject = scene.subject?;
    let markers = scene.facts.markers.present();
    let line = markers.and_then(|markers| {
        let mut live = markers.live.iter();
        live.find(|marker| marker.site == engine::delivery::Site::ThisContainer)
    });
    match line {
        Some(marker) => all([
            "git pull".to_owned(),
            format!(
                "kubectl apply -f {} -n {}",
                word(&marker.file),
                subject.workload.namespace
            ),
        ]),
        None => set_image(scene),
    }
}

/// Resumes what is suspended: the source, or what applies it.
pub(super) fn resume(scene: &Scene<'_>) -> Option<String> {
    let applier = scene.facts.applier.present()?;
    let source = scene.source().filter(|source| source.is_suspended);
    let own = applier.is_suspended.then_some(applier.name.as_str());
    let suspended = own
        .into_iter()
        .chain(source.map(|source| source.name.as_str()));
    all(suspended.filter_map(object).map(|(kind, name)| {
        let spec = match kind {
            "Application" => json!({"spec": {"syncPolicy": {"automated": {}}}}),
            _ => json!({"spec": {"suspend": false}}),
        };
        patch(&resource(kind), &name, &spec)
    }))
}

/// Sets the image to what Git says; what kubectl cannot set is applied again.
pub(super) fn set_image(scene: &Scene<'_>) -> Option<String> {
    let subject = scene.subject?;
    let image = wanted_image(scene)?;
    if subject.role == Role::Volume {
        let applier = scene.facts.applier.present();
        return applier.and_then(|_| apply(scene));
    }
    if subject.workload.kind == WorkloadKind::Job {
        return restart(scene);
    }
    Some(format!(
        "kubectl set image {} {}",
        subject.object(),
        word(&format!("{}={image}", subject.container))
    ))
}

/// The image as it is committed; where that is not known, as the policy wants it.
fn wanted_image(scene: &Scene<'_>) -> Option<String> {
    let latest = scene
        .facts
        .policy
        .present()
        .and_then(|policy| policy.latest.as_ref());
    let address = latest
        .map(|latest| latest.name.clone())
        .or_else(|| scene.address())?;
    let (tag, digest) = match &scene.facts.committed {
        Some(committed) => (committed.tag.clone(), committed.digest.clone()),
        None => {
            let latest = latest?;
            (Some(latest.tag.clone()), latest.digest.clone())
        }
    };
    let tag = tag.map_or_else(String::new, |tag| format!(":{tag}"));
    let digest = digest.map_or_else(String::new, |digest| format!("@{digest}"));
    Some(format!("{address}{tag}{digest}"))
}

/// Changes a key that the webhook looks at.
pub(super) fn admit(scene: &Scene<'_>) -> Option<String> {
    let (subject, policy) = (scene.subject?, scene.policy()?);
    Some(format!(
        "kubectl annotate {} imgauto.dev/policy={policy} --overwrite",
        subject.object()
    ))
}

/// Goes back to what ran before.
pub(super) fn undo(scene: &Scene<'_>) -> Option<String> {
    let subject = scene.subject?;
    if subject.rolls() {
        return Some(format!("kubectl rollout undo {}", subject.object()));
    }
    let previous = scene.facts.policy.present()?.previous.as_ref()?;
    match (subject.workload.kind, subject.role) {
        (WorkloadKind::Job, _) | (_, Role::Volume) => restart(scene),
        _ => Some(format!(
            "kubectl set image {} {}",
            subject.object(),
            word(&format!("{}={previous}", subject.container))
        )),
    }
}
