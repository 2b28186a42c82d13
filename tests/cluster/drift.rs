//! The label `imgauto.dev/drift` tells the truth after a workload was admitted, too.

mod scene;

use std::time::{Duration, Instant};

use harness::population::{populate, wait_until};
use harness::program::{run, run_with_input};
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook, wait};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use scene::{DRIFT, IMAGE, PATIENCE, Scene, deployment, overwrite, tag};

#[test]
fn the_label_tells_the_truth_soon_without_the_webhook() {
    let scene = Scene::new(ControlPlane::shared());
    scene.apply(&deployment("web", &tag("1.9.0")));
    let _reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    scene.carries(Some("none"));
    scene.choose("1.10.0", None);
    scene.soon_carries("drift");
    scene.set_image(&tag("1.10.0"));
    scene.soon_carries("none");
    scene.set_image("busybox");
    scene.soon_carries("unmanaged");
    scene.wait_for_events(
        "web",
        &["ImageDrifted 1", "ImageUpToDate 1", "ImageUnmanaged 1"],
    );

    // Who leaves is not marked any more, and nothing stays behind.
    scene.label("imgauto.dev/mode=off");
    scene.carries(None);
    scene.label("imgauto.dev/mode=warn");
    scene.carries(Some("unmanaged"));
    let mut kubectl = scene.namespace.kubectl();
    kubectl.args(["label", "namespace", scene.namespace.name()]);
    run(kubectl.arg("imgauto.dev/mode-"));
    scene.carries(None);
}

#[test]
fn the_label_tells_the_truth_soon_with_the_webhook() {
    let plane = ControlPlane::shared();
    let scene = Scene::new(plane);
    let _webhook = Webhook::start(plane, "drift", &[]);
    let reconciler = scene.reconciler();
    scene.label(&format!("{LABEL}=drift"));
    scene.label("imgauto.dev/mode=enforce");
    let object = deployment("web", &tag("1.8.0"));
    scene.apply(&object);
    scene.carries(Some("drift"));
    scene.set_image(&tag("1.9.0"));
    scene.soon_carries("none");
    scene.choose("1.10.0", None);
    scene.soon_carries("drift");

    // Who overwrites all of it, as Terraform does, takes neither the label nor the truth away.
    run_with_input(
        scene.namespace.kubectl().args(["replace", "--filename=-"]),
        &deployment("web", &tag("1.10.0")).to_string(),
    );
    scene.soon_carries("none");
    run_with_input(
        scene.namespace.kubectl().args(["replace", "--filename=-"]),
        &deployment("web", &tag("1.10.0")).to_string(),
    );
    scene.soon_carries("none");
    scene.choose("1.11.0", None);
    scene.soon_carries("drift");
    assert!(
        !scene
            .events("web")
            .iter()
            .any(|event| event.starts_with("Marking"))
    );
    assert!(
        reconciler
            .metrics()
            .contains(r#"imgauto_drift_workloads{state="drift"} 1"#)
    );
}

#[test]
fn a_marker_in_git_counts_and_status_agrees() {
    let scene = Scene::new(ControlPlane::shared());
    let mut object = deployment("web", "ghcr.io/acme/other:1.0.0");
    object["metadata"]["namespace"] = scene.namespace.name().into();
    scene.apply(&object);
    let entry = json!({
        "file": "apps/web.yaml", "line": 12, "apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
        "container": "web", "policy": "web", "field": "reference", "value": "ghcr.io/acme/other:1.0.0",
    });
    let _reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    scene.carries(Some("unmanaged"));
    scene.apply(&json!({
        "apiVersion": "imgauto.dev/v1alpha1", "kind": "ImageInventory", "metadata": { "name": "fleet" },
        "source": { "automation": "fleet", "url": "https://git.example.com/fleet", "revision": "main@sha1:1" },
        "entries": [entry], "problems": [], "entryCount": 1, "problemCount": 0,
    }));
    scene.soon_carries("mismatch");
    let shown = run(scene
        .namespace
        .imgauto()
        .args(["status", "deployment/web", "-o", "json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["items"][0]["drift"], "mismatch", "{shown}");
    scene.set_image(&tag("1.9.0"));
    scene.soon_carries("none");
}

/// A workload of each kind, with an image that the policy has left behind, and the kind for a name.
fn one_of_each_kind() -> [Value; 9] {
    let spec = json!({ "restartPolicy": "Never", "containers": [{ "name": "web", "image": tag("1.8.0") }] });
    let labelled =
        |spec: &Value| json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec });
    let mut always = spec.clone();
    always["restartPolicy"] = "Always".into();
    let selected = json!({ "replicas": 1, "selector": { "matchLabels": { "app": "web" } }, "template": labelled(&always) });
    let job = json!({ "template": labelled(&spec) });
    let object = |api_version: &str, kind: &str, rest: Value| {
        let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": kind.to_ascii_lowercase() } });
        object
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        object
    };
    let mut daemon_set = selected.clone();
    daemon_set.as_object_mut().unwrap().remove("replicas");
    let mut stateful_set = selected.clone();
    stateful_set["serviceName"] = "web".into();
    let mut controller = selected.clone();
    controller["selector"] = json!({ "app": "web" });
    [
        object("apps/v1", "Deployment", json!({ "spec": selected })),
        object("apps/v1", "StatefulSet", json!({ "spec": stateful_set })),
        object("apps/v1", "DaemonSet", json!({ "spec": daemon_set })),
        object("apps/v1", "ReplicaSet", json!({ "spec": selected })),
        object("v1", "ReplicationController", json!({ "spec": controller })),
        object(
            "batch/v1",
            "CronJob",
            json!({ "spec": { "schedule": "0 0 1 1 *", "jobTemplate": { "spec": job } } }),
        ),
        object("batch/v1", "Job", json!({ "spec": job })),
        object("v1", "PodTemplate", json!({ "template": labelled(&spec) })),
        object("v1", "Pod", json!({ "spec": spec })),
    ]
}

#[test]
fn each_kind_is_marked_and_what_is_made_from_a_template_is_not() {
    let scene = Scene::new(ControlPlane::shared());
    for object in one_of_each_kind() {
        scene.apply(&object);
    }
    let _reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    let marked = |label: &str| {
        let kinds = "deploy,sts,ds,rs,rc,cronjob,job,podtemplate,pod";
        let mut kubectl = scene.namespace.kubectl();
        let selector = format!("--selector={DRIFT}={label}");
        let names = run(kubectl.args(["get", kinds, "--output=name", &selector]));
        let mut names: Vec<_> = names.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let expected = [
        "cronjob.batch/cronjob",
        "daemonset.apps/daemonset",
        "deployment.apps/deployment",
        "job.batch/job",
        "pod/pod",
        "podtemplate/podtemplate",
        "replicaset.apps/replicaset",
        "replicationcontroller/replicationcontroller",
        "statefulset.apps/statefulset",
    ];
    wait_until(
        PATIENCE,
        || marked("drift") == expected,
        || format!("{:?}", marked("drift")),
    );
    scene.choose("1.8.0", None);
    wait_until(
        PATIENCE,
        || marked("none") == expected,
        || format!("{:?}", marked("none")),
    );
}

#[test]
fn what_runs_by_the_name_of_an_image_is_held_against_its_digest() {
    let scene = Scene::new(ControlPlane::shared());
    let digest = format!("sha256:{}", "1".repeat(64));
    let mut object = deployment("web", &format!("{IMAGE}:1.9.0@{digest}"));
    object["spec"]["replicas"] = 1.into();
    scene.apply(&object);
    scene.choose("1.9.0", Some(&digest));
    let _reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    scene.carries(Some("none"));
    crate::workloads::rolls_out(&scene.namespace, "web");
    scene.carries(Some("none"));
    run_other_image(
        &scene.namespace,
        &format!("{IMAGE}@sha256:{}", "2".repeat(64)),
    );
    scene.soon_carries("mismatch");
    scene.wait_for_events("web", &["ImageMismatch 1"]);
    run_other_image(&scene.namespace, &format!("{IMAGE}@{digest}"));
    scene.soon_carries("none");
}

/// The one pod says that it runs this image.
fn run_other_image(namespace: &Namespace<'_>, image_id: &str) {
    let api: Api<Pod> = namespace.api();
    let image_id = image_id.to_owned();
    wait(async move {
        let pod = api.list(&ListParams::default()).await?.items.remove(0);
        let mut statuses = pod.status.clone().unwrap().container_statuses.unwrap();
        statuses[0].image_id = image_id;
        let patch = Patch::Merge(json!({ "status": { "containerStatuses": statuses } }));
        api.patch_status(&pod.name_any(), &PatchParams::default(), &patch)
            .await
    })
    .unwrap();
}

#[test]
fn who_takes_the_label_away_again_and_again_is_let_be() {
    let scene = Scene::new(ControlPlane::shared());
    scene.apply(&deployment("web", &tag("1.8.0")));
    let reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    for _ in 0..3 {
        scene.carries(Some("drift"));
        overwrite(&scene.namespace, None);
    }
    wait_until(
        PATIENCE,
        || reconciler.metrics().contains("imgauto_marking_suspended 1"),
        || reconciler.metrics(),
    );
    scene.wait_for_events("web", &["MarkingSuspended 1"]);
    // What comes later is seen, and leaves it as it is.
    overwrite(&scene.namespace, Some("none"));
    scene.apply(&deployment("other", &tag("1.8.0")));
    scene
        .namespace
        .settles::<Deployment, ()>("other", |object| {
            object.labels().contains_key(DRIFT).then_some(())
        });
    scene.carries(Some("none"));
    // A new spec is a new chance.
    scene.set_image(&tag("1.7.0"));
    scene.carries(Some("drift"));
    scene.wait_for_events("web", &["MarkingSuspended 1"]);
}

#[test]
fn many_workloads_are_marked_at_a_steady_rate_and_at_rest_nothing_is_written() {
    const COUNT: usize = 200;
    let plane = ControlPlane::private();
    let scene = Scene::new(&plane);
    let mut reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    let objects = (0..COUNT).map(|number| {
        let mut object = deployment(&format!("web-{number}"), &tag("1.9.0"));
        object["metadata"]["namespace"] = scene.namespace.name().into();
        object["metadata"]["labels"] = json!({ DRIFT: "none" });
        object
    });
    populate::<Deployment>(&plane, objects.collect());
    scene.apply(&deployment("web", &tag("1.8.0")));
    scene.carries(Some("drift"));
    assert_eq!(scene.written().len(), 1, "the others are right");

    let begun = Instant::now();
    scene.choose("1.10.0", None);
    let count = || {
        let api: Api<Deployment> = scene.namespace.api();
        let selected = ListParams::default().labels(&format!("{DRIFT}=drift"));
        wait(async move { api.list_metadata(&selected).await })
            .unwrap()
            .items
            .len()
    };
    wait_until(
        PATIENCE,
        || count() == COUNT + 1,
        || format!("{} are marked", count()),
    );
    let took = begun.elapsed();
    // 50 at once, and 20 each second.
    assert!(took >= Duration::from_millis(7400), "{took:?}");
    let written = scene.written();
    assert_eq!(written.len(), 1 + COUNT);
    for write in &written {
        let what = (
            &*write.verb,
            &*write.resource,
            &*write.subresource,
            write.code,
        );
        assert_eq!(what, ("patch", "deployments", "", 200));
    }

    // Another one begins where the first ended: it writes nothing, and says nothing twice.
    let events = ["ImageDrifted 1"];
    scene.wait_for_events("web-7", &events);
    reconciler.terminate();
    reconciler.start_again();
    wait_until(
        PATIENCE,
        || {
            reconciler
                .metrics()
                .contains(r#"imgauto_drift_workloads{state="drift"} 201"#)
        },
        || reconciler.metrics(),
    );
    scene.apply(&deployment("late", &tag("1.8.0")));
    scene.namespace.settles::<Deployment, ()>("late", |object| {
        object.labels().contains_key(DRIFT).then_some(())
    });
    assert_eq!(scene.written().len(), 1 + COUNT + 1);
    assert_eq!(scene.events("web-7"), events);
}

#[test]
fn nothing_is_watched_before_a_namespace_asks_for_it() {
    let plane = ControlPlane::private();
    let scene = Scene::new(&plane);
    scene.apply(&deployment("web", &tag("1.9.0")));
    let lists = || {
        let mut kubectl = scene.namespace.kubectl();
        let metrics = run(kubectl.args(["get", "--raw=/metrics"]));
        let lines = metrics.lines().filter(|line| {
            line.starts_with("apiserver_request_total{")
                && line.contains(r#"resource="podtemplates""#)
                && line.contains(r#"verb="LIST""#)
                // The cluster's own controllers list all namespaces at once.
                && line.contains(r#"scope="namespace""#)
        });
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    let reconciler = scene.reconciler();
    let asked = || {
        let log = reconciler.logs();
        log.iter()
            .any(|line| line.contains("namespaces ask for marks"))
    };
    // A policy's move is seen by those who are concerned, and concerns nobody here.
    scene.choose("1.10.0", None);
    assert_eq!((lists(), asked()), (0, false));
    scene.label("imgauto.dev/mode=audit");
    scene.carries(Some("drift"));
    assert!(asked() && lists() > 0);
}

#[test]
fn without_rights_it_is_said_once_and_nobody_else_is_disturbed() {
    let plane = ControlPlane::private();
    let scene = Scene::new(&plane);
    // Without the rule for Jobs and CronJobs.
    let rule = json!([{ "op": "remove", "path": "/rules/2" }]).to_string();
    let mut revoke = scene.namespace.kubectl();
    revoke.args([
        "patch",
        "clusterrole",
        "imgauto-drift",
        "--type=json",
        "--patch",
    ]);
    run(revoke.arg(rule));
    scene.apply(&deployment("web", &tag("1.9.0")));
    let reconciler = scene.reconciler();
    scene.label("imgauto.dev/mode=audit");
    scene.carries(Some("none"));
    scene.choose("1.10.0", None);
    scene.carries(Some("drift"));
    let log = reconciler.logs();
    for resource in ["jobs", "cronjobs"] {
        let field = format!(r#""resource":"{resource}""#);
        let told = log
            .iter()
            .filter(|line| line.contains("rights are missing") && line.contains(&field));
        assert_eq!(told.count(), 1, "{resource}:\n{}", log.join("\n"));
    }
}
