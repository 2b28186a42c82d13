//! Which requests lead to the webhook, by the conditions of `manifests/webhook`.

use std::time::{Duration, Instant};

use harness::program::{output, run, run_with_input};
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook};
use serde_json::{Value, json};

/// A namespace of a mode.
fn namespace<'a>(plane: &'a ControlPlane, mode: &str) -> Namespace<'a> {
    let namespace = plane.namespace("conditions");
    label(&namespace, &format!("imgauto.dev/mode={mode}"));
    namespace
}

fn label(namespace: &Namespace<'_>, label: &str) {
    let name = namespace.name();
    run(namespace
        .kubectl()
        .args(["label", "--overwrite", "namespace", name, label]));
}

/// How many reviews of a resource a hook has answered.
fn answered(webhook: &Webhook<'_>, hook: &str, resource: &str) -> u64 {
    let labels = format!(r#"hook="{hook}",kind="{resource}""#);
    let metrics = webhook.metrics();
    let lines = metrics.lines().filter(|line| {
        line.starts_with("imgauto_admission_requests_total{") && line.contains(&labels)
    });
    let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    counts.sum()
}

/// The same for the marking hook and the guarding one.
fn asked(webhook: &Webhook<'_>, resource: &str) -> [u64; 2] {
    ["mutate", "validate"].map(|hook| answered(webhook, hook, resource))
}

/// A change of an object, and the hooks that are asked about it: the marking one, the guarding one.
struct Change {
    what: &'static str,
    patch: Value,
    asked: [bool; 2],
}

const BOTH: [bool; 2] = [true, true];
const NONE: [bool; 2] = [false, false];

fn change(what: &'static str, asked: [bool; 2], patch: Value) -> Change {
    Change { what, patch, asked }
}

/// The changes of what all kinds have.
fn of_metadata() -> Vec<Change> {
    let annotations = |texts: Value| json!({ "metadata": { "annotations": texts } });
    let labels = |texts: Value| json!({ "metadata": { "labels": texts } });
    let ours = "policy.imgauto.dev/web";
    let marked = "imgauto.dev/drift";
    vec![
        change("nothing", NONE, json!({})),
        change("a label of others", NONE, labels(json!({ "team": "a" }))),
        change(
            "an annotation of others",
            NONE,
            annotations(json!({ "note": "a" })),
        ),
        change(
            "our annotation comes",
            BOTH,
            annotations(json!({ ours: "none" })),
        ),
        change(
            "our annotation changes",
            BOTH,
            annotations(json!({ ours: "web" })),
        ),
        change(
            "our annotation goes",
            BOTH,
            annotations(json!({ ours: null })),
        ),
        change(
            "our label is forged",
            [true, false],
            labels(json!({ marked: "none" })),
        ),
    ]
}

/// The changes of a pod's spec, which stands below some fields.
fn of_spec(path: &[&str]) -> Vec<Change> {
    let at = |spec: Value| {
        path.iter()
            .rev()
            .fold(spec, |inner, field| json!({ *field: inner }))
    };
    let (one, other) = ("ghcr.io/acme/web:1.0.0", "ghcr.io/acme/web:1.1.0");
    let volume = |reference: &str| {
        json!({ "volumes": [{ "name": "files", "image": { "reference": reference } },
                            { "name": "scratch", "emptyDir": {} }] })
    };
    vec![
        change(
            "an image",
            BOTH,
            at(json!({ "containers": [{ "name": "web", "image": other }] })),
        ),
        change(
            "a variable",
            NONE,
            at(
                json!({ "containers": [{ "name": "web", "image": other, "env": [{ "name": "A", "value": "b" }] }] }),
            ),
        ),
        change(
            "a container comes",
            BOTH,
            at(
                json!({ "containers": [{ "name": "web", "image": other }, { "name": "log", "image": one }] }),
            ),
        ),
        change(
            "an init container comes",
            BOTH,
            at(json!({ "initContainers": [{ "name": "init", "image": one }] })),
        ),
        change(
            "an init image",
            BOTH,
            at(json!({ "initContainers": [{ "name": "init", "image": other }] })),
        ),
        change("an image volume comes", BOTH, at(volume(one))),
        change("an image volume", BOTH, at(volume(other))),
        change(
            "another volume",
            NONE,
            at(
                json!({ "volumes": [{ "name": "files", "image": { "reference": other } },
                                   { "name": "scratch", "emptyDir": { "medium": "Memory" } }] }),
            ),
        ),
    ]
}

/// Does one change after the other to an object of the namespace, and compares who was asked.
fn follow(webhook: &Webhook<'_>, namespace: &Namespace<'_>, resource: &str, changes: &[Change]) {
    for change in changes {
        let before = asked(webhook, resource);
        let mut patch = namespace.kubectl();
        patch.args(["patch", resource, "web", "--type=merge", "--patch"]);
        run(patch.arg(change.patch.to_string()));
        let after = asked(webhook, resource);
        let asked = [0, 1].map(|hook| after[hook] - before[hook]);
        assert_eq!(
            asked,
            change.asked.map(u64::from),
            "{resource}: {}",
            change.what
        );
    }
}

/// Makes an object, of which both hooks have to be asked.
fn create(webhook: &Webhook<'_>, namespace: &Namespace<'_>, resource: &str, object: &Value) {
    let before = asked(webhook, resource);
    run_with_input(
        namespace.kubectl().args(["create", "--filename=-"]),
        &object.to_string(),
    );
    let after = asked(webhook, resource);
    assert_eq!(
        [0, 1].map(|hook| after[hook] - before[hook]),
        [1, 1],
        "{resource} is made"
    );
}

/// Waits until the API server has taken up the configurations, and trusts the webhook.
fn wait_until_asked(webhook: &Webhook<'_>, namespace: &Namespace<'_>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let probe = workload("apps/v1", "Deployment", &json!({ "replicas": 0 }));
    let file = namespace.home().join("probe.json");
    std::fs::write(&file, probe.to_string()).unwrap();
    while asked(webhook, "deployments").contains(&0) {
        assert!(Instant::now() < deadline, "the webhook is not asked");
        // Where rules are enforced, it is refused until the webhook is trusted.
        let mut create = namespace.kubectl();
        output(
            create
                .args(["create", "--dry-run=server", "--filename"])
                .arg(&file),
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "ghcr.io/acme/web:1.0.0" }] } })
}

/// A workload with a selector and a template; no controller makes pods of it.
fn workload(version: &str, kind: &str, more: &Value) -> Value {
    let mut spec = json!({ "template": template() });
    spec["selector"] = match version {
        "v1" => json!({ "app": "web" }),
        _ => json!({ "matchLabels": { "app": "web" } }),
    };
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "web" }, "spec": spec })
}

#[test]
fn only_changes_of_images_and_of_our_keys_lead_to_the_webhook() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "conditions", &[]);
    let namespace = namespace(plane, "warn");
    label(&namespace, &format!("{LABEL}=conditions"));
    wait_until_asked(&webhook, &namespace);
    let none = json!({ "replicas": 0 });
    let template_spec: &[&str] = &["spec", "template", "spec"];
    for (resource, object) in [
        ("deployments", workload("apps/v1", "Deployment", &none)),
        ("statefulsets", workload("apps/v1", "StatefulSet", &none)),
        ("replicasets", workload("apps/v1", "ReplicaSet", &none)),
        (
            "replicationcontrollers",
            workload("v1", "ReplicationController", &none),
        ),
    ] {
        create(&webhook, &namespace, resource, &object);
        follow(&webhook, &namespace, resource, &of_spec(template_spec));
        follow(&webhook, &namespace, resource, &of_metadata());
        let scale = json!({ "spec": { "replicas": 1 } });
        follow(
            &webhook,
            &namespace,
            resource,
            &[change("its size", NONE, scale)],
        );
        let mut scale = namespace.kubectl();
        let before = asked(&webhook, resource);
        run(scale.args(["scale", "--replicas=0", &format!("{resource}/web")]));
        assert_eq!(
            asked(&webhook, resource),
            before,
            "{resource}: by way of scale"
        );
    }
    let mut daemons = workload("apps/v1", "DaemonSet", &json!({}));
    daemons["spec"]["template"]["spec"]["nodeSelector"] = json!({ "no": "where" });
    let templates = json!({ "apiVersion": "v1", "kind": "PodTemplate", "metadata": { "name": "web" }, "template": template() });
    let job = json!({ "template": template(), "suspend": true });
    let mut job_template = job.clone();
    job_template["template"]["spec"]["restartPolicy"] = json!("Never");
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "web" },
        "spec": { "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": { "spec": job_template } },
    });
    for (resource, object, path) in [
        ("daemonsets", &daemons, template_spec),
        ("podtemplates", &templates, &["template", "spec"]),
        (
            "cronjobs",
            &cron,
            &["spec", "jobTemplate", "spec", "template", "spec"],
        ),
    ] {
        create(&webhook, &namespace, resource, object);
        follow(&webhook, &namespace, resource, &of_spec(path));
        follow(&webhook, &namespace, resource, &of_metadata());
    }
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "web" }, "spec": job_template });
    create(&webhook, &namespace, "jobs", &job);
    follow(&webhook, &namespace, "jobs", &of_metadata());
}

#[test]
fn pods_lead_to_the_webhook_too_and_those_who_look_into_them() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "pods", &[]);
    let namespace = namespace(plane, "enforce");
    label(&namespace, &format!("{LABEL}=pods"));
    wait_until_asked(&webhook, &namespace);
    let mut pod = template();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("web");
    create(&webhook, &namespace, "pods", &pod);
    follow(&webhook, &namespace, "pods", &of_metadata());
    let image =
        json!({ "spec": { "containers": [{ "name": "web", "image": "ghcr.io/acme/web:1.1.0" }] } });
    let mut patch = namespace.kubectl();
    let before = asked(&webhook, "pods");
    run(patch.args(["patch", "pod", "web", "--patch", &image.to_string()]));
    assert_eq!(
        asked(&webhook, "pods"),
        before.map(|count| count + 1),
        "an image"
    );

    let before = asked(&webhook, "pods");
    let status = json!({ "status": { "message": "so" } }).to_string();
    let patch = [
        "patch",
        "pod",
        "web",
        "--subresource=status",
        "--type=merge",
        "--patch",
    ];
    run(namespace.kubectl().args(patch).arg(status));
    assert_eq!(asked(&webhook, "pods"), before, "a status");
    let debug = [
        "debug",
        "web",
        "--image=busybox:1.36",
        "--attach=false",
        "--quiet",
    ];
    run(namespace.kubectl().args(debug));
    assert_eq!(
        asked(&webhook, "pods"),
        [before[0], before[1] + 1],
        "an ephemeral container"
    );
}

#[test]
fn conditions_are_cheap_even_for_what_is_as_large_as_it_gets() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "large", &[]);
    let namespace = namespace(plane, "enforce");
    label(&namespace, &format!("{LABEL}=large"));
    wait_until_asked(&webhook, &namespace);
    let mut object = workload("apps/v1", "Deployment", &json!({ "replicas": 0 }));
    let name = |number: usize| format!("{number:0>62}");
    let containers: Vec<_> = (0..200)
        .map(|number| json!({ "name": name(number), "image": format!("ghcr.io/acme/{}:1", name(number)) }))
        .collect();
    object["spec"]["template"]["spec"]["containers"] = json!(containers);
    let annotations: serde_json::Map<_, _> = (0..1500)
        .map(|number| {
            (
                format!("{}.example.com/{}", "a".repeat(60), name(number)),
                json!("b"),
            )
        })
        .collect();
    object["metadata"]["annotations"] = json!(annotations);
    create(&webhook, &namespace, "deployments", &object);
    // A condition that costs too much would refuse this.
    let changes = [change(
        "a label of others",
        NONE,
        json!({ "metadata": { "labels": { "team": "a" } } }),
    )];
    follow(&webhook, &namespace, "deployments", &changes);
}

#[test]
fn what_imgauto_marks_itself_is_not_marked_again_and_still_guarded() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "own", &[]);
    let namespace = namespace(plane, "warn");
    label(&namespace, &format!("{LABEL}=own"));
    wait_until_asked(&webhook, &namespace);
    let object = workload("apps/v1", "Deployment", &json!({ "replicas": 0 }));
    create(&webhook, &namespace, "deployments", &object);
    let kubectl = |line: &str| run(namespace.kubectl().args(line.split_whitespace()));
    kubectl("create role marks --verb=get,patch --resource=deployments.apps");
    let account = "imgauto-system:imgauto-reconciler";
    kubectl(&format!(
        "create rolebinding marks --role=marks --serviceaccount={account}"
    ));
    let patch = |patch: Value| {
        let before = asked(&webhook, "deployments");
        let user = format!("--as=system:serviceaccount:{account}");
        kubectl(&format!("patch deployment web {user} --patch={patch}"));
        let after = asked(&webhook, "deployments");
        [0, 1].map(|hook| after[hook] - before[hook])
    };
    let mark = json!({ "metadata": { "labels": { "imgauto.dev/drift": "drift" } } });
    assert_eq!(patch(mark), [0, 0]);
    let image = json!([{ "name": "web", "image": "ghcr.io/acme/web:1.1.0" }]);
    let image = json!({ "spec": { "template": { "spec": { "containers": image } } } });
    assert_eq!(patch(image), [0, 1]);
}

#[test]
fn objects_of_imgauto_lead_to_the_webhook_when_their_spec_changes() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "specs", &[]);
    let namespace = namespace(plane, "off");
    label(&namespace, &format!("{LABEL}=specs"));
    let checked = || answered(&webhook, "validate-policies", "imagerepositories");
    let repository = |interval: &str| {
        json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository", "metadata": { "name": "web" },
            "spec": { "image": "ghcr.io/acme/web", "interval": interval },
        })
        .to_string()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut minutes = 0;
    while checked() == 0 {
        assert!(Instant::now() < deadline, "the webhook is not asked");
        minutes += 1;
        namespace.apply(&repository(&format!("{minutes}m")));
    }
    let before = checked();
    let kubectl = |line: &str| run(namespace.kubectl().args(line.split_whitespace()));
    kubectl("annotate imagerepository web reconcile.fluxcd.io/requestedAt=now");
    kubectl(
        r#"patch imagerepository web --subresource=status --type=merge --patch={"status":{"observedGeneration":1}}"#,
    );
    assert_eq!(checked(), before);
    namespace.apply(&repository("90m"));
    assert_eq!(checked(), before + 1);
}
