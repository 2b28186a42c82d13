//! What mends a broken link: for each reason the command that does it, ready to be pasted into a shell.
//!
//! Pure. `status` shows the same commands as its next step.

mod cluster;
mod git;
mod policy;
mod registry;
pub(super) mod shell;
#[cfg(test)]
mod tests;

use api::WorkloadKind;
use engine::delivery::{Care, Facts, Judgement, Name, Reason, State};

use crate::observe::{Role, Workload};
use shell::word;

/// A container of a workload, as commands name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) container: &'a str,
    pub(crate) role: Role,
}

/// The command that mends what a judgement found, or leads on where it takes its time; `None` where there is nothing to do,
/// or no command can know what is right.
///
/// `subject` is the container that was judged; without one a policy was judged by itself.
pub(crate) fn command(
    facts: &Facts<'_>,
    judgement: &Judgement,
    subject: Option<&Subject<'_>>,
) -> Option<String> {
    let scene = Scene {
        facts,
        text: &judgement.message,
        subject,
    };
    let Some(reason) = judgement.reason else {
        return match judgement.state {
            State::UpdateAvailable => git::run(&scene),
            State::RollingOut => {
                subject.map(|subject| format!("kubectl imgauto verify {} --wait", subject.object()))
            }
            _ => name_one(facts, subject),
        };
    };
    match reason {
        Reason::RepositoryNotReady => registry::ready(&scene),
        Reason::AuthFailed => registry::login(&scene),
        Reason::RateLimited => registry::again(&scene),
        Reason::NoTagMatches | Reason::ExtractFailed | Reason::InvalidPattern => {
            policy::rule(&scene)
        }
        Reason::PolicySuspended => policy::resume(&scene),
        Reason::DigestMoved => cluster::restart(&scene),
        Reason::MarkerMissing => Some(git::look_for_line(&scene)),
        Reason::MarkerUnknownPolicy => git::known_policy(&scene),
        Reason::MarkerWrongNamespace => git::own_namespace(&scene),
        Reason::PathExcluded => git::path(&scene),
        Reason::SelectorExcludes => git::selector(&scene),
        Reason::TemplateInvalid => git::template(&scene),
        Reason::AutomationSuspended => git::resume(&scene),
        Reason::AutomationStalled => git::stalled(&scene),
        Reason::PushRejected => git::push(&scene),
        Reason::PushBranchNotMerged => git::merge(&scene),
        Reason::SourceOutdated | Reason::ApplyFailed => cluster::apply(&scene),
        Reason::ApplySuspended => cluster::resume(&scene),
        Reason::ManualChange | Reason::OtherManager => cluster::set_image(&scene),
        Reason::AdmissionSkipped => cluster::admit(&scene),
        Reason::ImagePullFailed | Reason::ProgressDeadlineExceeded => cluster::undo(&scene),
    }
}

/// What has to be done about a reason, in a few words that lead to the command.
pub(crate) fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::RepositoryNotReady => "get the ImageRepository to be scanned",
        Reason::AuthFailed => "give the ImageRepository credentials the registry takes",
        Reason::RateLimited => "it is scanned again by itself; credentials usually allow more",
        Reason::NoTagMatches => "see what the tags are, and let the policy allow one of them",
        Reason::ExtractFailed => {
            "see what the tags are, and let the filter pass those only that hold the value"
        }
        Reason::InvalidPattern => "write a rule that can be used",
        Reason::PolicySuspended => "resume the policy",
        Reason::DigestMoved => "make the pods anew, so that the tag is pulled again",
        Reason::MarkerMissing => "mark the line that holds the image, and commit it",
        Reason::MarkerUnknownPolicy => "name a policy that is there, or make the one that is named",
        Reason::MarkerWrongNamespace => {
            "name a policy of the automation's namespace in the marker, and commit it"
        }
        Reason::PathExcluded => "let the automation update the directory of the file",
        Reason::SelectorExcludes => "let an automation take the policy in",
        Reason::TemplateInvalid => "go back to the built-in message, or write another template",
        Reason::AutomationSuspended => "resume the automation",
        Reason::AutomationStalled => "mend what the automation complains of",
        Reason::PushRejected => "let the automation push, or push to a branch of its own",
        Reason::PushBranchNotMerged => "merge the branch, in a checkout",
        Reason::SourceOutdated => "let the newest commit be applied now",
        Reason::ApplyFailed => "mend the manifests it complains of, and apply them again",
        Reason::ApplySuspended => "resume what applies the manifests",
        Reason::ManualChange => "go back to what Git says",
        Reason::OtherManager => {
            "go back to what Git says, and stop the other program from changing it"
        }
        Reason::AdmissionSkipped => "change the workload in a way the webhook looks at",
        Reason::ImagePullFailed => {
            "go back to the image before, and see whether the new one is there"
        }
        Reason::ProgressDeadlineExceeded => {
            "go back to the image before, and see why the new one does not come up"
        }
    }
}

/// What a fix is made of.
struct Scene<'a> {
    facts: &'a Facts<'a>,
    /// What the judgement says.
    text: &'a str,
    subject: Option<&'a Subject<'a>>,
}

impl Scene<'_> {
    fn policy(&self) -> Option<&Name> {
        match &self.facts.care {
            Care::Policy(name) => Some(name),
            Care::Ambiguous(_) | Care::OptedOut | Care::Nobody => None,
        }
    }

    /// The tag of the image in the workload's spec, or else the one the policy chose last.
    fn tag(&self) -> Option<String> {
        let spec = self.facts.workload.as_ref();
        let spec = spec.and_then(|workload| engine::image::Reference::parse(&workload.image).ok());
        let tag = spec.and_then(|reference| reference.tag().map(str::to_owned));
        tag.or_else(|| {
            let policy = self.facts.policy.present()?;
            Some(policy.latest.as_ref()?.tag.clone())
        })
    }

    /// The address of the workload's image, without tag and digest.
    fn address(&self) -> Option<String> {
        let image = &self.facts.workload.as_ref()?.image;
        let (image, _) = image.split_once('@').unwrap_or((image, ""));
        let slash = image.rfind('/').map_or(0, |slash| slash + 1);
        let colon = image[slash..].find(':').map(|colon| slash + colon);
        Some(image[..colon.unwrap_or(image.len())].to_owned())
    }
}

impl Subject<'_> {
    /// `deploy/web -n apps`, as kubectl takes it.
    fn object(&self) -> String {
        let Workload {
            namespace,
            kind,
            name,
        } = self.workload;
        format!("{}/{name} -n {namespace}", kind.short())
    }

    /// Whether kubectl can roll it out and back.
    fn rolls(&self) -> bool {
        matches!(
            self.workload.kind,
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet
        )
    }
}

/// Says which of several policies is meant.
fn name_one(facts: &Facts<'_>, subject: Option<&Subject<'_>>) -> Option<String> {
    let Care::Ambiguous(policies) = &facts.care else {
        return None;
    };
    let (policy, subject) = (policies.first()?, subject?);
    let domain = match subject.role {
        Role::Volume => "volume-policy",
        Role::Main | Role::Init | Role::Sidecar => "policy",
    };
    Some(format!(
        "kubectl annotate {} {domain}.imgauto.dev/{}={policy}",
        subject.object(),
        subject.container
    ))
}

/// `kubectl patch KIND NAME -n NAMESPACE --type=merge -p 'PATCH'`.
fn patch(kind: &str, name: &Name, patch: &serde_json::Value) -> String {
    let Name { namespace, name } = name;
    format!(
        "kubectl patch {kind} {name} -n {namespace} --type=merge -p {}",
        word(&patch.to_string())
    )
}

/// `kubectl imgauto VERB NOUN NAME -n NAMESPACE`.
fn imgauto(verb: &str, noun: &str, name: &Name) -> String {
    let Name { namespace, name } = name;
    format!("kubectl imgauto {verb} {noun} {name} -n {namespace}")
}

/// Several commands as one that stops where one fails.
fn all(commands: impl IntoIterator<Item = String>) -> Option<String> {
    let commands: Vec<String> = commands.into_iter().collect();
    (!commands.is_empty()).then(|| commands.join(" && "))
}
