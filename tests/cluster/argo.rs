//! Argo CD's applications hear of a push, where the cluster has them.

use std::thread;
use std::time::{Duration, Instant};

use api::GitRepository;
use harness::program::run;
use harness::{ControlPlane, wait};
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};

use crate::stage::Stage;

/// The annotation by which Argo CD is asked to look at Git again.
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// How long the news may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The definition of the kind.
const DEFINITION: &str = "customresourcedefinition/applications.argoproj.io";

/// As much of it as the API server needs.
const APPLICATIONS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: applications.argoproj.io
spec:
  group: argoproj.io
  names: {kind: Application, plural: applications, singular: application, listKind: ApplicationList}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

#[test]
fn applications_that_track_the_branch_are_refreshed_and_no_others() {
    let stage = Stage::new(ControlPlane::shared(), "argo");
    stage.create_all();
    stage.namespace.apply(APPLICATIONS);
    let mut kubectl = stage.namespace.kubectl();
    kubectl.args(["wait", "--for=condition=established", "--timeout=30s"]);
    run(kubectl.arg(DEFINITION));
    let url = stage
        .namespace
        .settles("flux-system", |source: &GitRepository| {
            Some(source.spec.url.clone())
        });
    for (name, branch) in [("tracks", "main"), ("elsewhere", "staging")] {
        stage.namespace.apply(&format!(
            "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}}}
spec: {{source: {{repoURL: '{url}', targetRevision: {branch}, path: .}}}}
"
        ));
    }
    let before = stage.repository.tip("main").unwrap();
    stage.registry.push_tag("podinfo", "5.0.1");
    stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    stage.commit_after(&before);

    let deadline = Instant::now() + PATIENCE;
    while refresh(&stage, "tracks").as_deref() != Some("normal") {
        assert!(Instant::now() < deadline, "the application was not told");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(refresh(&stage, "elsewhere"), None);
}

/// The annotation of an application.
fn refresh(stage: &Stage<'_>, name: &'static str) -> Option<String> {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
    let namespace = stage.namespace.name();
    let client = stage.namespace.plane().client();
    let resource = ApiResource::from_gvk(&kind);
    let applications = Api::<DynamicObject>::namespaced_with(client, namespace, &resource);
    let application = wait(async move { applications.get(name).await }).unwrap();
    application.annotations().get(REFRESH).cloned()
}
