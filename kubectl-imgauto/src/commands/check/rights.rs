//! What the user may do, as the API server says.

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::report::{Category, Finding};
use crate::cluster::{Attempt, refused};
use crate::error::CliError;

/// A verb, and the kind it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Right {
    verb: &'static str,
    resource: &'static str,
    group: &'static str,
}

impl Right {
    /// The kind with its group, as kubectl names it.
    fn kind(self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

/// What rights are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see where images are on their way.
    Observe,
    /// To make and change the objects.
    Author,
    /// To install imgauto.
    Install,
}

const IMAGE: &str = api::keys::IMAGE_GROUP;
const RBAC: &str = "rbac.authorization.k8s.io";

/// The kinds of resources a purpose needs, and what it does with them.
struct Need {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
}

const OBSERVE: [Need; 5] = [
    need(&["list"], "", &["pods"]),
    need(
        &["list"],
        "apps",
        &["deployments", "statefulsets", "daemonsets", "replicasets"],
    ),
    need(&["list"], "batch", &["jobs", "cronjobs"]),
    need(
        &["list"],
        IMAGE,
        &[
            "imagerepositories",
            "imagepolicies",
            "imageupdateautomations",
        ],
    ),
    need(&["list"], api::keys::IMGAUTO_GROUP, &["imageinventories"]),
];

const AUTHOR: [Need; 1] = [need(
    &["get", "create", "patch"],
    IMAGE,
    &[
        "imagerepositories",
        "imagepolicies",
        "imageupdateautomations",
    ],
)];

const INSTALL: [Need; 5] = [
    need(&["get", "create", "patch"], "", &["namespaces"]),
    need(
        &["get", "create", "patch"],
        "apiextensions.k8s.io",
        &["customresourcedefinitions"],
    ),
    need(
        &["get", "create", "patch"],
        RBAC,
        &[
            "clusterroles",
            "clusterrolebindings",
            "roles",
            "rolebindings",
        ],
    ),
    need(
        &["get", "create", "patch"],
        "",
        &["serviceaccounts", "services"],
    ),
    need(
        &["list", "get", "create", "patch"],
        "apps",
        &["deployments"],
    ),
];

const fn need(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
) -> Need {
    Need {
        verbs,
        group,
        resources,
    }
}

impl Purpose {
    fn rights(self) -> Vec<Right> {
        let needs: &[Need] = match self {
            Self::Observe => &OBSERVE,
            Self::Author => &AUTHOR,
            Self::Install => &INSTALL,
        };
        let mut rights = Vec::new();
        for need in needs {
            for resource in need.resources {
                let of_verbs = need.verbs.iter().map(|verb| Right {
                    verb,
                    resource,
                    group: need.group,
                });
                rights.extend(of_verbs);
            }
        }
        rights
    }

    fn commands(self) -> &'static str {
        match self {
            Self::Observe => "status and verify",
            Self::Author => "create",
            Self::Install => "install",
        }
    }
}

/// What the user may do of what a purpose needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// What it is for.
    pub(super) purpose: Purpose,
    /// The namespace the user works in.
    pub(super) namespace: String,
    /// What is not allowed in all namespaces.
    pub(super) lacking_everywhere: Vec<Right>,
    /// What is not even allowed in that namespace.
    pub(super) lacking_here: Vec<Right>,
}

/// Asks what the user may do.
pub(super) async fn ask(
    client: &Client,
    purpose: Purpose,
    namespace: &str,
) -> Result<Held, CliError> {
    let rights = purpose.rights();
    let lacking_everywhere = lacking(client, &rights, None).await?;
    let lacking_here = lacking(client, &lacking_everywhere, Some(namespace)).await?;
    Ok(Held {
        purpose,
        namespace: namespace.to_owned(),
        lacking_everywhere,
        lacking_here,
    })
}

/// Returns those rights the user does not have; no namespace stands for all.
async fn lacking(
    client: &Client,
    rights: &[Right],
    namespace: Option<&str>,
) -> Result<Vec<Right>, CliError> {
    let answers = join_all(
        rights
            .iter()
            .map(|right| is_held(client, *right, namespace)),
    );
    let mut lacking = Vec::new();
    for (right, held) in rights.iter().zip(answers.await) {
        if !held? {
            lacking.push(*right);
        }
    }
    Ok(lacking)
}

async fn is_held(client: &Client, right: Right, namespace: Option<&str>) -> Result<bool, CliError> {
    let attributes = ResourceAttributes {
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.to_owned()),
        resource: Some(right.resource.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    let answer = answer.map_err(|error| {
        let attempt = Attempt {
            verb: "create",
            what: "SelfSubjectAccessReview",
            api_version: "authorization.k8s.io/v1",
        };
        refused(&error, attempt)
    })?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Judges what the user may do.
pub(super) fn judge(held: &Held) -> Finding {
    let commands = held.purpose.commands();
    let Held {
        purpose, namespace, ..
    } = held;
    if held.lacking_everywhere.is_empty() {
        let text = format!("you may do what {commands} needs");
        return Finding::good(Category::Cluster, plural(&text, *purpose));
    }
    let (text, rights) = if held.lacking_here.is_empty() {
        let text =
            format!("you may do what {commands} needs in {namespace}, but not in all namespaces");
        (text, &held.lacking_everywhere)
    } else {
        let text = format!("you may not do what {commands} needs");
        (text, &held.lacking_here)
    };
    let text = plural(&text, *purpose);
    // Who may only look can still use the rest; who may do everything in one namespace, too.
    let fatal = match purpose {
        Purpose::Observe => !held.lacking_here.is_empty(),
        Purpose::Author => false,
        Purpose::Install => true,
    };
    let finding = if fatal {
        Finding::bad(Category::Cluster, text)
    } else {
        Finding::warning(Category::Cluster, text)
    };
    let lines = in_words(rights);
    let finding = lines.into_iter().fold(finding, |finding, line| {
        finding.at(format!("not allowed: {line}"))
    });
    finding.hint("kubectl auth can-i --list")
}

/// Names rights: the verbs, then the kinds they are about.
fn in_words(rights: &[Right]) -> Vec<String> {
    let mut by_kind: Vec<(String, Vec<&str>)> = Vec::new();
    for right in rights {
        let kind = right.kind();
        match by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, verbs)) => verbs.push(right.verb),
            None => by_kind.push((kind, vec![right.verb])),
        }
    }
    let mut by_verbs: Vec<(String, Vec<String>)> = Vec::new();
    for (kind, verbs) in by_kind {
        let verbs = verbs.join(", ");
        match by_verbs.iter_mut().find(|(known, _)| *known == verbs) {
            Some((_, kinds)) => kinds.push(kind),
            None => by_verbs.push((verbs, vec![kind])),
        }
    }
    let lines = by_verbs.into_iter();
    lines
        .map(|(verbs, kinds)| format!("{verbs} {}", kinds.join(", ")))
        .collect()
}

/// Two commands need, one needs.
fn plural(text: &str, purpose: Purpose) -> String {
    match purpose {
        Purpose::Observe => text.replace(" needs", " need"),
        Purpose::Author | Purpose::Install => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::report::Verdict;

    const PODS: Right = Right {
        verb: "list",
        resource: "pods",
        group: "",
    };
    const DEPLOYMENTS: Right = Right {
        verb: "list",
        resource: "deployments",
        group: "apps",
    };

    fn held(purpose: Purpose, everywhere: &[Right], here: &[Right]) -> Finding {
        judge(&Held {
            purpose,
            namespace: "team".to_owned(),
            lacking_everywhere: everywhere.to_vec(),
            lacking_here: here.to_vec(),
        })
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let finding = held(Purpose::Observe, &[PODS, DEPLOYMENTS], &[PODS, DEPLOYMENTS]);
        assert_eq!(finding.verdict, Verdict::Bad);
        assert_eq!(finding.text, "you may not do what status and verify need");
        assert_eq!(finding.detail, ["not allowed: list pods, deployments.apps"]);
    }

    #[test]
    fn one_namespace_is_enough_to_work_but_not_to_install() {
        let finding = held(Purpose::Observe, &[PODS], &[]);
        assert_eq!(finding.verdict, Verdict::Warning);
        let text = "you may do what status and verify need in team, but not in all namespaces";
        assert_eq!(finding.text, text);
        assert_eq!(
            held(Purpose::Author, &[PODS], &[PODS]).verdict,
            Verdict::Warning
        );
        assert_eq!(held(Purpose::Install, &[PODS], &[]).verdict, Verdict::Bad);
        assert_eq!(held(Purpose::Install, &[], &[]).verdict, Verdict::Good);
    }

    #[test]
    fn rights_are_told_by_verbs() {
        let get = Right {
            verb: "get",
            ..PODS
        };
        assert_eq!(
            in_words(&[PODS, get, DEPLOYMENTS]),
            ["list, get pods", "list deployments.apps"]
        );
    }

    #[test]
    fn every_purpose_needs_something() {
        for purpose in [Purpose::Observe, Purpose::Author, Purpose::Install] {
            assert!(!purpose.rights().is_empty());
        }
    }
}
