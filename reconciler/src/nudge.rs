//! After a push: whatever applies manifests is told, so that it need not wait for its next look at Git.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::git_repository::GitRepository;
use api::keys::RECONCILE_REQUESTED_AT;
use engine::branch::Reference;
use git2::Oid;
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::chain::Chain;
use crate::cluster::FIELD_MANAGER;

mod address;

pub(crate) use address::same_repository;

/// Annotation by which Argo CD is asked to look at Git again.
const ARGO_REFRESH: &str = "argocd.argoproj.io/refresh";

/// How long it is remembered that there is no Argo CD, or that we may not see it.
const ABSENT: Duration = Duration::from_secs(10 * 60);

/// Pushes remembered at most.
const REMEMBERED: usize = 1000;

/// Tells whatever applies manifests of pushes; clones are the same.
#[derive(Clone)]
pub struct Nudger {
    client: Client,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    /// The tip each branch of a remote was told of last: several automations push together.
    tips: HashMap<(String, String), Oid>,
    /// When it was found out that there is no Argo CD.
    no_argo: Option<Instant>,
}

impl Nudger {
    /// Tells with the rights of `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            told: Arc::default(),
        }
    }

    /// Tells those of `repositories`, and the applications of Argo CD, that track `branch` of the remote at `url`; nobody
    /// waits for it, and it is done once for each tip.
    pub fn pushed(&self, repositories: Vec<Arc<GitRepository>>, url: &str, branch: &str, tip: Oid) {
        let branch_of = (url.to_owned(), branch.to_owned());
        let ask_argo = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.tips.get(&branch_of) == Some(&tip) {
                return;
            }
            if told.tips.len() >= REMEMBERED {
                told.tips.clear();
            }
            told.tips.insert(branch_of, tip);
            told.no_argo.is_none_or(|since| since.elapsed() >= ABSENT)
        };
        let (nudger, url, branch) = (self.clone(), url.to_owned(), branch.to_owned());
        tokio::spawn(async move {
            nudger.tell_flux(&repositories, &url, &branch).await;
            if ask_argo {
                nudger.tell_argo(&url, &branch).await;
            }
        });
    }

    async fn tell_flux(&self, repositories: &[Arc<GitRepository>], url: &str, branch: &str) {
        let asked = Timestamp::now().to_string();
        for repository in repositories {
            if !tracks(repository, url, branch) {
                continue;
            }
            let (namespace, name) = (
                repository.namespace().unwrap_or_default(),
                repository.name_any(),
            );
            let api = Api::<GitRepository>::namespaced(self.client.clone(), &namespace);
            if let Err(error) = api
                .patch_metadata(
                    &name,
                    &params(),
                    &annotation(RECONCILE_REQUESTED_AT, &asked),
                )
                .await
            {
                tracing::warn!(name, namespace, error = %Chain(&error), "cannot ask for a reconcile of the GitRepository");
            }
        }
    }

    async fn tell_argo(&self, url: &str, branch: &str) {
        let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
        let resource = ApiResource::from_gvk(&kind);
        let all = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let applications = match all.list(&ListParams::default()).await {
            Ok(applications) => applications,
            Err(error) => {
                let absent =
                    matches!(&error, kube::Error::Api(status) if matches!(status.code, 403 | 404));
                if !absent {
                    tracing::warn!(error = %Chain(&error), "cannot list the applications of Argo CD");
                }
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                told.no_argo = Some(Instant::now());
                return;
            }
        };
        for application in applications {
            if !application_tracks(&application.data, url, branch) {
                continue;
            }
            let (namespace, name) = (
                application.namespace().unwrap_or_default(),
                application.name_any(),
            );
            let api =
                Api::<DynamicObject>::namespaced_with(self.client.clone(), &namespace, &resource);
            if let Err(error) = api
                .patch_metadata(&name, &params(), &annotation(ARGO_REFRESH, "normal"))
                .await
            {
                tracing::warn!(name, namespace, error = %Chain(&error), "cannot ask for a refresh of the Application");
            }
        }
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn annotation(key: &str, value: &str) -> Patch<Value> {
    Patch::Merge(json!({ "metadata": { "annotations": { key: value } } }))
}

/// Whether Flux follows `branch` of the remote at `url` through this object.
fn tracks(repository: &GitRepository, url: &str, branch: &str) -> bool {
    let reference = repository.spec.reference.as_ref();
    let followed = Reference::of(reference.map(crate::automation::checkout_ref).as_ref());
    followed == Reference::Branch(branch.to_owned())
        && !repository.spec.suspend
        && same_repository(&repository.spec.url, url)
}

/// Whether an `Application` of Argo CD follows `branch` of the remote at `url`; one that names no revision follows the
/// remote's default branch, which may be this one.
fn application_tracks(application: &Value, url: &str, branch: &str) -> bool {
    let spec = application.get("spec");
    let sources = spec
        .and_then(|spec| spec.get("sources"))
        .and_then(Value::as_array);
    let source = spec.and_then(|spec| spec.get("source"));
    let mut all = sources.into_iter().flatten().chain(source);
    all.any(|source| {
        let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default();
        let revision = text("targetRevision");
        let follows = matches!(revision, "" | "HEAD")
            || revision.strip_prefix("refs/heads/").unwrap_or(revision) == branch;
        follows && same_repository(text("repoURL"), url)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://git.example.org/team/app.git";

    fn repository(url: &str, reference: Value) -> GitRepository {
        serde_json::from_value(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": { "name": "app" },
            "spec": { "url": url, "interval": "1h", "ref": reference },
        }))
        .unwrap()
    }

    #[test]
    fn only_sources_that_follow_the_branch_are_told() {
        let follows = |reference| tracks(&repository(URL, reference), URL, "main");
        assert!(follows(json!({ "branch": "main" })));
        assert!(follows(json!({ "name": "refs/heads/main" })));
        assert!(!follows(json!({ "branch": "updates" })));
        assert!(!follows(json!({ "branch": "main", "tag": "v1" })));
        assert!(!follows(Value::Null), "that is master");
        let elsewhere = repository(
            "https://git.example.org/team/web",
            json!({ "branch": "main" }),
        );
        assert!(!tracks(&elsewhere, URL, "main"));
        let over_ssh = repository(
            "ssh://git@git.example.org/team/app",
            json!({ "branch": "main" }),
        );
        assert!(tracks(&over_ssh, URL, "main"));
    }

    #[test]
    fn applications_follow_by_one_source_or_several() {
        let one = |revision: &str| json!({ "spec": { "source": { "repoURL": URL, "targetRevision": revision } } });
        for revision in ["main", "refs/heads/main", "HEAD", ""] {
            assert!(
                application_tracks(&one(revision), URL, "main"),
                "{revision}"
            );
        }
        assert!(!application_tracks(&one("v1.2"), URL, "main"));
        let several = json!({ "spec": { "sources": [
            { "repoURL": "https://charts.example.org", "targetRevision": "1.0", "chart": "app" },
            { "repoURL": "git@git.example.org:team/app.git", "targetRevision": "main" },
        ] } });
        assert!(application_tracks(&several, URL, "main"));
        assert!(!application_tracks(&json!({}), URL, "main"));
    }
}
