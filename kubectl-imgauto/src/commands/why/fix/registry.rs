//! Repositories that are not scanned.

use engine::delivery::{Facts, Name, RepositoryFacts};
use engine::image::{Reference, Repository};
use serde_json::json;

use super::shell::word;
use super::{Scene, all, imgauto, patch};

const KIND: &str = "imagerepository";

/// The repository the policy names, whether it is there or not.
fn named<'a>(facts: &'a Facts<'_>) -> Option<&'a Name> {
    let there = facts
        .repository
        .present()
        .map(|repository| &repository.name);
    there.or_else(|| facts.policy.present().map(|policy| &policy.repository))
}

/// Gets a repository to be scanned: makes it, resumes it, opens it, corrects its address, or else asks for a scan.
pub(super) fn ready(scene: &Scene<'_>) -> Option<String> {
    let name = named(scene.facts)?;
    let Some(repository) = scene.facts.repository.present() else {
        return match scene
            .text
            .contains("cross-namespace references have been blocked")
        {
            true => move_over(scene, name),
            false => create(scene, name),
        };
    };
    if repository.is_suspended {
        return Some(imgauto("resume", "repository", name));
    }
    if scene
        .text
        .contains("cross-namespace references have been blocked")
    {
        return move_over(scene, name);
    }
    if scene.text.contains("access denied") {
        return share(scene, repository);
    }
    match elsewhere(scene, repository) {
        Some(image) => Some(patch(KIND, name, &json!({"spec": {"image": image}}))),
        None => Some(imgauto("reconcile", "repository", name)),
    }
}

fn create(scene: &Scene<'_>, name: &Name) -> Option<String> {
    let chosen = scene.facts.policy.present()?.latest.as_ref();
    let image = scene.address().or_else(|| Some(chosen?.name.clone()))?;
    let Name { namespace, name } = name;
    Some(format!(
        "kubectl imgauto create repository {name} --image={} -n {namespace}",
        word(&image)
    ))
}

/// Lets the policy use a repository of its own namespace.
fn move_over(scene: &Scene<'_>, name: &Name) -> Option<String> {
    let policy = scene.policy()?;
    let own = Name::new(&policy.namespace, &name.name);
    let reference = json!({"spec": {"imageRepositoryRef": {"namespace": null}}});
    all([
        create(scene, &own)?,
        patch("imagepolicy", policy, &reference),
    ])
}

/// Lets the policy's namespace use the repository.
fn share(scene: &Scene<'_>, repository: &RepositoryFacts) -> Option<String> {
    let selector = json!({
        "matchLabels": {"kubernetes.io/metadata.name": scene.policy()?.namespace}
    });
    if !repository.is_shared {
        let grant = json!({"spec": {"accessFrom": {"namespaceSelectors": [selector]}}});
        return Some(patch(KIND, &repository.name, &grant));
    }
    // Those who may use it already still may.
    let path = "/spec/accessFrom/namespaceSelectors/-";
    let grant = json!([{"op": "add", "path": path, "value": selector}]);
    let Name { namespace, name } = &repository.name;
    Some(format!(
        "kubectl patch {KIND} {name} -n {namespace} --type=json -p {}",
        word(&grant.to_string())
    ))
}

/// The address of the workload's image, where the repository has another one that the registry does not know.
fn elsewhere(scene: &Scene<'_>, repository: &RepositoryFacts) -> Option<String> {
    let is_unknown = [
        "NAME_UNKNOWN",
        "NAME_INVALID",
        "status code 404",
        "could not parse",
    ]
    .iter()
    .any(|text| scene.text.contains(text))
        || scene.text.contains("should not include");
    let workload = scene.facts.workload.as_ref().filter(|_| is_unknown)?;
    let reference = Reference::parse(&workload.image).ok()?;
    let is_same = Repository::parse(&repository.image)
        .is_ok_and(|repository| reference.same_repository(&repository));
    scene.address().filter(|_| !is_same)
}

/// Makes the Secret with credentials, names it where none is named, and scans.
pub(super) fn login(scene: &Scene<'_>) -> Option<String> {
    let repository = scene.facts.repository.present()?;
    let Name { namespace, name } = &repository.name;
    let host = Repository::parse(&repository.image).ok()?;
    let server = match host.registry() {
        "index.docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    let new = format!("{name}-registry");
    let secret = repository.secret.as_deref().unwrap_or(&new);
    let create = format!(
        "kubectl create secret docker-registry {secret} -n {namespace} --docker-server={server} \
         --docker-username=\"$REGISTRY_USER\" --docker-password=\"$REGISTRY_PASSWORD\" \
         --dry-run=client -o yaml | kubectl apply -f -"
    );
    let reference = json!({"spec": {"secretRef": {"name": secret}}});
    let named = repository.secret.is_none();
    let name_it = named.then(|| patch(KIND, &repository.name, &reference));
    let scan = imgauto("reconcile", "repository", &repository.name);
    all([Some(create), name_it, Some(scan)].into_iter().flatten())
}

/// Scans again.
pub(super) fn again(scene: &Scene<'_>) -> Option<String> {
    Some(imgauto("reconcile", "repository", named(scene.facts)?))
}
