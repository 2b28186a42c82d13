//! What all tests here stand on: the cluster does what clusters do.

use harness::control_plane::Write;
use harness::program::{output, run};
use harness::reconciler::ReconcilerOptions;
use harness::{ControlPlane, Reconciler, wait};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::workloads::{containers, deployment, rolls_out};

/// A container that starts, one that is pinned, and one that runs to its end.
const IMAGE: &str = "registry.example.com/app:1.0.0";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_deployment_rolls_out_and_reports_the_image_it_runs() {
    let namespace = ControlPlane::shared().namespace("rollout");
    namespace.apply(&deployment("app", IMAGE));
    rolls_out(&namespace, "app");
    let pinned = format!("registry.example.com/app:1.1.0@{DIGEST}");
    run(namespace
        .kubectl()
        .args(["set", "image", "deployment/app"])
        .arg(format!("app={pinned}")));
    rolls_out(&namespace, "app");
    let running = containers(&namespace, "app");
    let images: Vec<_> = running.iter().map(|status| &status.image).collect();
    assert_eq!(images, [&pinned, &pinned]);
    for status in running {
        assert!(status.ready);
        assert_eq!(
            status.image_id,
            format!("registry.example.com/app@{DIGEST}")
        );
    }
}

#[test]
fn an_image_that_cannot_be_pulled_stops_the_rollout_until_it_is_undone() {
    let namespace = ControlPlane::shared().namespace("broken");
    namespace.apply(&deployment("app", IMAGE));
    rolls_out(&namespace, "app");
    let mut set = namespace.kubectl();
    run(set.args([
        "set",
        "image",
        "deployment/app",
        "app=registry.example.com/app:broken",
    ]));
    namespace.settles("app", |deployment: &Deployment| {
        let status = deployment.status.as_ref()?;
        (status.updated_replicas? > 0 && status.unavailable_replicas? > 0).then_some(())
    });
    let mut status = namespace.kubectl();
    status.args(["rollout", "status", "deployment/app", "--timeout=1s"]);
    assert_eq!(output(&mut status).status.code(), Some(1));
    let waiting = containers(&namespace, "app")
        .into_iter()
        .find_map(|status| status.state?.waiting);
    assert_eq!(waiting.unwrap().reason.as_deref(), Some("ImagePullBackOff"));

    run(namespace
        .kubectl()
        .args(["rollout", "undo", "deployment/app"]));
    rolls_out(&namespace, "app");
    assert!(
        containers(&namespace, "app")
            .iter()
            .all(|status| status.image == IMAGE)
    );
}

#[test]
fn a_job_completes() {
    let namespace = ControlPlane::shared().namespace("job");
    let container = json!({"name": "job", "image": IMAGE});
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    let metadata = json!({"name": "job"});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}});
    namespace.apply(&job.to_string());
    let succeeded = namespace.settles("job", |job: &Job| {
        let status = job.status.as_ref()?;
        status.completion_time.as_ref().and(status.succeeded)
    });
    assert_eq!(succeeded, 1);
}

#[test]
fn a_container_whose_image_changes_in_place_starts_again() {
    let namespace = ControlPlane::shared().namespace("in-place");
    let containers = json!([{"name": "app", "image": IMAGE}, {"name": "sidecar", "image": IMAGE}]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {"containers": containers}});
    // Bare pods are refused until the namespace has its ServiceAccount.
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    namespace.apply(&pod.to_string());
    namespace.settles("pod", |pod: &Pod| ready(pod).then_some(()));
    let mut set = namespace.kubectl();
    run(set.args([
        "set",
        "image",
        "pod/pod",
        "app=registry.example.com/app:2.0.0",
    ]));
    let restarts = namespace.settles("pod", |pod: &Pod| {
        let running = pod.status.as_ref()?.container_statuses.clone()?;
        let changed = running
            .iter()
            .any(|status| status.image.ends_with(":2.0.0"));
        changed.then(|| {
            running
                .iter()
                .map(|status| status.restart_count)
                .collect::<Vec<_>>()
        })
    });
    assert_eq!(restarts, [1, 0]);
}

#[test]
fn all_writes_of_a_user_are_counted_and_no_reads() {
    let plane = ControlPlane::private();
    let namespace = plane.namespace("audit");
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]);
    let credentials = namespace.account("writer", &rules);
    let user = format!("system:serviceaccount:{}:writer", namespace.name());
    let maps: Api<ConfigMap> = Api::namespaced(credentials.client(), namespace.name());
    let foreign: Api<ConfigMap> = Api::namespaced(credentials.client(), "default");
    wait(async move {
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap();
        maps.list(&ListParams::default()).await.unwrap();
        maps.get("a").await.unwrap();
        let patch = Patch::Merge(json!({"data": {"key": "value"}}));
        let dry = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        maps.patch("a", &dry, &patch).await.unwrap();
        maps.patch("a", &PatchParams::default(), &patch)
            .await
            .unwrap();
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        foreign
            .create(&PostParams::default(), &map)
            .await
            .unwrap_err();
    });
    let writes = plane.audit_writes(|write| write.user == user);
    let seen = writes.iter().map(
        |Write {
             verb,
             namespace,
             name,
             code,
             ..
         }| { (verb.as_str(), namespace.as_str(), name.as_str(), *code) },
    );
    let here = namespace.name();
    let expected = [
        ("create", here, "a", 201),
        ("patch", here, "a", 200),
        ("delete", here, "a", 200),
        ("create", "default", "", 403),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert!(writes.iter().all(|write| write.resource == "configmaps"));
}

#[test]
fn a_cluster_that_was_killed_comes_back_as_it_was() {
    let mut plane = ControlPlane::private();
    let name = {
        let namespace = plane.namespace("restart");
        namespace.apply(&deployment("app", IMAGE));
        rolls_out(&namespace, "app");
        namespace.name().to_owned()
    };
    plane.restart();
    let deployments: Api<Deployment> = Api::namespaced(plane.client(), &name);
    let before = wait(async move { deployments.get("app").await }).unwrap();
    assert_eq!(before.status.unwrap().ready_replicas, Some(2));
    let namespace = plane.namespace("restart");
    namespace.apply(&deployment("app", IMAGE));
    rolls_out(&namespace, "app");
}

#[test]
fn the_real_flux_works_with_the_cluster() {
    let namespace = ControlPlane::shared().namespace("flux");
    let version = run(namespace.flux().args(["version", "--client"]));
    assert_eq!(version, "flux: v2.9.5\n");
    let check = output(namespace.flux().args(["check", "--pre"]));
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(said.contains("✔ Kubernetes 1.37.2 >="), "{said}");
    assert!(check.status.success(), "{said}");
}

#[test]
fn the_manifests_make_kinds_that_flux_knows() {
    let plane = ControlPlane::shared();
    plane.install_manifests();
    let namespace = plane.namespace("kinds");
    for kind in ["repository", "policy", "update"] {
        let answer = output(namespace.flux().args(["get", "image", kind]));
        let said = String::from_utf8_lossy(&answer.stderr);
        let none = format!("objects found in \"{}\" namespace\n", namespace.name());
        assert!(
            said.starts_with("✗ no Image") && said.ends_with(&none),
            "{said}"
        );
    }
    let mut get = namespace.kubectl();
    let found = run(get.args([
        "get",
        "imgrepo,imgpol,imgauto,gitrepositories",
        "--output=name",
    ]));
    assert_eq!(found, "");
}

#[test]
fn the_reconciler_starts_with_its_account_and_ends_when_told() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("process");
    let options = ReconcilerOptions {
        namespace: Some(namespace.name()),
        ..ReconcilerOptions::default()
    };
    let mut reconciler = Reconciler::start(plane, options);
    assert!(reconciler.metrics().contains("# TYPE "));
    assert!(reconciler.terminate().success());
    reconciler.start_again();
    reconciler.kill();
    reconciler.start_again();
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
