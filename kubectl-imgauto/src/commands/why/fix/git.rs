//! Lines, automations and pushes.

use std::fmt::Write as _;

use engine::delivery::{AutomationFacts, Name, Seen, Selects, Stray, StrayFault};
use engine::path::clamp;
use engine::version::Version;
use serde_json::json;

use super::shell::{replace, word};
use super::{Scene, all, imgauto, patch};

const KIND: &str = "imageupdateautomation";

impl Scene<'_> {
    fn automations(&self) -> &[AutomationFacts] {
        match self.facts.automations {
            Seen::Present(all) => all,
            Seen::Absent | Seen::Hidden(_) => &[],
        }
    }

    /// The automation that a judgement complains of: the one it names, else the first that takes the policy in.
    fn automation(&self) -> Option<&AutomationFacts> {
        let all = self.automations();
        let named = |automation: &&AutomationFacts| {
            let full = format!("ImageUpdateAutomation {}", automation.name);
            let rest = self.text.strip_prefix(&full);
            rest.is_some_and(|rest| rest.starts_with([' ', ':']))
        };
        all.iter().find(named).or_else(|| {
            let takes = |automation: &&AutomationFacts| automation.selects == Selects::Takes;
            all.iter().find(takes).or_else(|| all.first())
        })
    }

    fn strays(&self) -> &[Stray] {
        let markers = self.facts.markers.present();
        markers.map_or(&[], |markers| &markers.strays)
    }
}

/// Where the line is that has to be marked, only a checkout can tell.
pub(super) fn look_for_line(scene: &Scene<'_>) -> String {
    let object = match (scene.subject, scene.policy()) {
        (Some(subject), _) => subject.object(),
        (None, Some(policy)) => format!("policy/{} -n {}", policy.name, policy.namespace),
        (None, None) => "NOUN/NAME".to_owned(),
    };
    format!("kubectl imgauto why {object} --source .")
}

/// Corrects the name in the marker, or makes the policy it names.
pub(super) fn known_policy(scene: &Scene<'_>) -> Option<String> {
    let misspelt = scene.strays().iter().find_map(|stray| {
        let StrayFault::UnknownPolicy {
            similar: Some(similar),
        } = &stray.fault
        else {
            return None;
        };
        let mut parts = stray.setter.split(':');
        let (namespace, name) = parts.next().zip(parts.next())?;
        let line = stray.line?;
        Some(replace(
            &stray.file,
            line,
            &format!("\"{namespace}:{name}"),
            &format!("\"{namespace}:{similar}"),
        ))
    });
    misspelt.or_else(|| create_policy(scene, scene.policy()?))
}

/// Makes a repository and a policy of that name for the workload's image.
fn create_policy(scene: &Scene<'_>, policy: &Name) -> Option<String> {
    let Name { namespace, name } = policy;
    let image = scene.address()?;
    let rule = match scene
        .tag()
        .as_deref()
        .map(|tag| (tag, Version::from_tag(tag)))
    {
        Some((tag, Some(_))) => {
            let version = tag.strip_prefix('v').unwrap_or(tag);
            let version = version.split('+').next().unwrap_or(version);
            format!("--select-semver={}", word(&format!(">={version}")))
        }
        _ => "--select-alpha=asc".to_owned(),
    };
    all([
        format!(
            "kubectl imgauto create repository {name} --image={} -n {namespace}",
            word(&image)
        ),
        format!("kubectl imgauto create policy {name} --image-ref={name} {rule} -n {namespace}"),
    ])
}

/// Names the automation's namespace in the marker; a policy that is only elsewhere is copied there.
pub(super) fn own_namespace(scene: &Scene<'_>) -> Option<String> {
    let (stray, own) = scene.strays().iter().find_map(|stray| match &stray.fault {
        StrayFault::OtherNamespace { automation } => Some((stray, automation)),
        _ => None,
    })?;
    let mut parts = stray.setter.split(':');
    let (other, name) = parts.next().zip(parts.next())?;
    let old = format!("\"{other}:{name}");
    let edit = replace(&stray.file, stray.line?, &old, &format!("\"{own}:{name}"));
    let policy = scene.policy()?;
    if policy.namespace == *own {
        return Some(edit);
    }
    let copy = |noun: &str, object: &str| {
        format!(
            "kubectl imgauto export {noun} {object} -n {other} | sed 's|^  namespace: {other}$|  namespace: {own}|' \
             | kubectl apply -f -"
        )
    };
    let repository = scene
        .facts
        .policy
        .present()
        .map(|policy| &policy.repository);
    let beside = repository.filter(|repository| repository.namespace == policy.namespace);
    let repository = beside.map(|repository| copy("repository", &repository.name));
    let policy = copy("policy", &policy.name);
    all(repository.into_iter().chain([policy, edit]))
}

/// Widens the path to the nearest directory that holds the file too.
pub(super) fn path(scene: &Scene<'_>) -> Option<String> {
    let automation = scene.automation()?;
    let markers = scene.facts.markers.present();
    let outside = scene
        .strays()
        .iter()
        .find(|stray| matches!(stray.fault, StrayFault::OutsidePath(_)))
        .map(|stray| stray.file.as_str());
    let live = markers.and_then(|markers| Some(markers.live.first()?.file.as_str()));
    let wide = match outside.or(live) {
        Some(file) => covering(&automation.path, file),
        None => String::new(),
    };
    let path = format!("./{wide}");
    Some(patch(
        KIND,
        &automation.name,
        &json!({"spec": {"update": {"path": path}}}),
    ))
}

/// The deepest directory that holds both a directory and a file.
fn covering(directory: &str, file: &str) -> String {
    let (directory, file) = (clamp(directory), clamp(file));
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let shared = directory
        .split('/')
        .zip(folder.split('/'))
        .take_while(|(one, other)| one == other)
        .map(|(part, _)| part);
    shared.collect::<Vec<_>>().join("/")
}

/// Gives the policy the labels an automation asks for, lets it take all policies in, or makes one.
pub(super) fn selector(scene: &Scene<'_>) -> Option<String> {
    let policy = scene.policy()?;
    let Some(automation) = scene.automation() else {
        return Some(create_automation(scene, policy));
    };
    if automation.selector.is_empty() {
        let all = json!({"spec": {"policySelector": null}});
        return Some(patch(KIND, &automation.name, &all));
    }
    let mut command = format!(
        "kubectl label imagepolicy {} -n {}",
        policy.name, policy.namespace
    );
    for label in &automation.selector {
        let _ = write!(command, " {}", word(label));
    }
    Some(format!("{command} --overwrite"))
}

fn create_automation(scene: &Scene<'_>, policy: &Name) -> String {
    let namespace = &policy.namespace;
    let applier = scene.facts.applier.present();
    let source = applier.and_then(|applier| applier.source.present());
    let source = source.and_then(|source| source.name.strip_prefix("GitRepository "));
    let (from, source) = source
        .and_then(|source| source.split_once('/'))
        .unwrap_or((namespace, "flux-system"));
    let elsewhere = match from == namespace {
        true => String::new(),
        false => format!(" --git-repo-namespace={from}"),
    };
    format!(
        "kubectl imgauto create update {namespace} --git-repo-ref={source}{elsewhere} --git-repo-path=./ --checkout-branch=main \
         --push-branch=main --author-name=imgauto --author-email=imgauto@users.noreply.github.com -n {namespace}"
    )
}

pub(super) fn template(scene: &Scene<'_>) -> Option<String> {
    let built_in = json!({"spec": {"git": {"commit": {"messageTemplate": null}}}});
    Some(patch(KIND, &scene.automation()?.name, &built_in))
}

pub(super) fn resume(scene: &Scene<'_>) -> Option<String> {
    Some(imgauto("resume", "update", &scene.automation()?.name))
}

/// Has the automation run now.
pub(super) fn run(scene: &Scene<'_>) -> Option<String> {
    Some(imgauto("reconcile", "update", &scene.automation()?.name))
}

/// Whether a Git server's words are about who asks.
fn is_about_login(text: &str) -> bool {
    const LOGIN: &[&str] = &[
        "authentication required",
        "authorization failed",
        "ssh: handshake failed",
        "takes none of",
        "failed to get auth secret",
        "403",
        "401",
        "permission",
        "write access",
        "read-only",
        "deploy key",
    ];
    let text = text.to_ascii_lowercase();
    LOGIN.iter().any(|word| text.contains(word))
}

/// What mends an automation that cannot even check out: credentials, or what its condition names.
pub(super) fn stalled(scene: &Scene<'_>) -> Option<String> {
    let automation = scene.automation()?;
    let text = scene.text;
    if is_about_login(text) {
        return login(automation);
    }
    if text.contains("couldn't find remote ref") || text.contains("reference not found") {
        let branch = json!({"spec": {"git": {"checkout": {"ref": {"branch": "main"}}}}});
        return Some(patch(KIND, &automation.name, &branch));
    }
    if text.contains("policy selector") {
        let all = json!({"spec": {"policySelector": null}});
        return Some(patch(KIND, &automation.name, &all));
    }
    let Name { namespace, name } = &automation.name;
    // A condition that lasts needs a change only a person can make; one that may pass needs another try.
    let lasts = automation.stalled.is_some();
    Some(match lasts {
        true => format!("kubectl edit {KIND} {name} -n {namespace}"),
        false => imgauto("reconcile", "update", &automation.name),
    })
}

/// What mends a push by what the server said: credentials, or a branch that takes pushes, or another try.
pub(super) fn push(scene: &Scene<'_>) -> Option<String> {
    const PROTECTED: &[&str] = &["hook declined", "protected", "GH006", "GH013", "prohibited"];
    let automation = scene.automation()?;
    if PROTECTED.iter().any(|word| scene.text.contains(word)) {
        let branch = format!("imgauto-{}", automation.name.name);
        let push = json!({"spec": {"git": {"push": {"branch": branch}}}});
        return Some(patch(KIND, &automation.name, &push));
    }
    match is_about_login(scene.text) {
        true => login(automation),
        false => Some(imgauto("reconcile", "update", &automation.name)),
    }
}

/// Makes the Secret with credentials, names it where none is named, and runs the automation.
fn login(automation: &AutomationFacts) -> Option<String> {
    let source = &automation.source;
    let Name { namespace, name } = source;
    let new = format!("{name}-git");
    let secret = automation.source_secret.as_deref().unwrap_or(&new);
    let create = format!(
        "kubectl create secret generic {secret} -n {namespace} --from-literal=username=\"$GIT_USER\" \
         --from-literal=password=\"$GIT_PASSWORD\" --dry-run=client -o yaml | kubectl apply -f -"
    );
    let reference = json!({"spec": {"secretRef": {"name": secret}}});
    let named = automation.source_secret.is_none();
    let name_it = named.then(|| patch("gitrepository", source, &reference));
    let run = imgauto("reconcile", "update", &automation.name);
    all([Some(create), name_it, Some(run)].into_iter().flatten())
}

/// Merges the push branch, in a checkout.
pub(super) fn merge(scene: &Scene<'_>) -> Option<String> {
    let automation = scene.automation()?;
    let from = word(automation.push_branch.as_ref()?);
    let into = automation.checkout_branch.as_deref().unwrap_or("main");
    let into = word(into);
    all([
        format!("git fetch origin {into} {from}"),
        format!("git switch {into}"),
        format!("git merge --ff-only origin/{into}"),
        format!("git merge --no-edit origin/{from}"),
        format!("git push origin {into}"),
    ])
}
