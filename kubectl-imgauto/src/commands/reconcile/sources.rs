//! What an object depends on, in the order in which it has to be reconciled.

use std::collections::BTreeSet;
use std::fmt;

use api::{ImagePolicy, ImageUpdateAutomation};
use kube::api::ListParams;
use kube::core::Selector;
use kube::{Client, ResourceExt as _};

use crate::commands::objects::Objects;
use crate::commands::subjects::{Kind, Subject};
use crate::error::CliError;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object others depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A GitRepository.
    Git(Place),
    /// An ImageRepository.
    Repository(Place),
    /// An ImagePolicy.
    Policy(Place),
}

/// Returns what an object depends on.
pub(super) async fn of(
    client: &Client,
    namespace: &str,
    subject: &Subject,
) -> Result<Vec<Source>, CliError> {
    let policies = Objects::<ImagePolicy>::new(client, namespace);
    match subject.kind {
        Kind::Repository => Ok(Vec::new()),
        Kind::Policy => {
            let policy = policies.get(&subject.name).await?;
            Ok(vec![Source::Repository(repository(&policy, namespace))])
        }
        Kind::Update => {
            let updates = Objects::<ImageUpdateAutomation>::new(client, namespace);
            let update = updates.get(&subject.name).await?;
            let used = policies.list(&selected(&update)?).await?;
            Ok(in_order(&update, &used, namespace))
        }
    }
}

/// The policies an automation uses: those of its namespace that it selects.
fn selected(update: &ImageUpdateAutomation) -> Result<ListParams, CliError> {
    let wanted = ListParams::default();
    let Some(selector) = &update.spec.policy_selector else {
        return Ok(wanted);
    };
    let selector = Selector::try_from(selector.clone()).map_err(|error| {
        CliError::failure(format!(
            "cannot read spec.policySelector of ImageUpdateAutomation {}: {error}",
            update.name_any()
        ))
    })?;
    Ok(wanted.labels_from(&selector))
}

/// The source, then the repositories, then the policies, each once.
fn in_order(
    update: &ImageUpdateAutomation,
    policies: &[ImagePolicy],
    namespace: &str,
) -> Vec<Source> {
    let reference = &update.spec.source_ref;
    let git = Place {
        namespace: reference.namespace_or(namespace).to_owned(),
        name: reference.name.clone(),
    };
    let repositories: BTreeSet<Place> = policies
        .iter()
        .map(|policy| repository(policy, namespace))
        .collect();
    let policies = policies.iter().map(|policy| Place {
        namespace: namespace.to_owned(),
        name: policy.name_any(),
    });
    std::iter::once(Source::Git(git))
        .chain(repositories.into_iter().map(Source::Repository))
        .chain(policies.map(Source::Policy))
        .collect()
}

fn repository(policy: &ImagePolicy, namespace: &str) -> Place {
    let reference = &policy.spec.image_repository_ref;
    Place {
        namespace: reference.namespace_or(namespace).to_owned(),
        name: reference.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(name: &str, reference: serde_json::Value) -> ImagePolicy {
        let spec = json!({"imageRepositoryRef": reference, "policy": {}});
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
            "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap()
    }

    fn place(namespace: &str, name: &str) -> Place {
        Place {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn repositories_come_before_the_policies_that_choose_from_them() {
        let update = serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"name": "apps"},
            "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": "git"}},
        }));
        let policies = [
            policy("web", json!({"name": "web"})),
            policy("web-next", json!({"name": "web"})),
            policy("shared", json!({"name": "base", "namespace": "images"})),
        ];
        let want = [
            Source::Git(place("git", "fleet")),
            Source::Repository(place("apps", "web")),
            Source::Repository(place("images", "base")),
            Source::Policy(place("apps", "web")),
            Source::Policy(place("apps", "web-next")),
            Source::Policy(place("apps", "shared")),
        ];
        assert_eq!(in_order(&update.unwrap(), &policies, "apps"), want);
    }
}
