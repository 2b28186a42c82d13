//! The reviews a webhook is measured with: workloads as an API server sends them, managed fields and status included.

use serde_json::{Value, json};

use super::population::{fields_of, image_of, managed, metadata, namespace_of};

/// What is asked, as an HTTP/1.1 request.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What it is about.
    pub(super) name: String,
    /// The path of the hook that is asked.
    pub(super) path: &'static str,
    /// The request, head and body.
    pub(super) request: Vec<u8>,
    /// Where the body begins.
    body: usize,
}

/// A workload, and where it is written.
struct Workload {
    group: &'static str,
    kind: &'static str,
    resource: &'static str,
    object: Value,
}

/// The policy that looks after the first container of every workload.
const POLICY: usize = 7;

/// Deployments that are made and changed, in reviews of about this length or as short as they get: both hooks are asked
/// about both.
pub(super) fn deployments(length: usize) -> Vec<Question> {
    let create = grown(length, |env| {
        review("CREATE", &deployment("1.8.0", 2, env), None)
    });
    let update = grown(length, |env| {
        review(
            "UPDATE",
            &deployment("1.9.0", 1, env),
            Some(&deployment("1.8.0", 1, env)),
        )
    });
    let mut questions = Vec::new();
    for (name, review) in [("CREATE", create), ("UPDATE", update)] {
        for path in ["/mutate", "/validate/enforce"] {
            questions.push(Question::new(
                format!("{name} of a Deployment, {path}"),
                path,
                &review,
            ));
        }
    }
    questions
}

/// Everything that is asked in a day: small, medium and large Deployments, made and changed, pods, a CronJob, a pod of 60
/// containers, and somebody who debugs.
pub(super) fn all() -> Vec<Question> {
    let mut questions = Vec::new();
    for length in [0, 8_192, 51_200] {
        questions.extend(deployments(length));
    }
    let spec = pod_spec("1.8.0", 2, 12);
    let mut debugged = pod(&spec);
    debugged.object["spec"]["ephemeralContainers"] =
        json!([{ "name": "debugger", "image": "busybox:1.36", "targetContainerName": "app-7" }]);
    let workloads = [
        (review("CREATE", &pod(&spec), None), "pod"),
        (
            review("CREATE", &pod(&pod_spec("1.8.0", 60, 4)), None),
            "pod of 60 containers",
        ),
        (review("CREATE", &cron_job(&spec), None), "CronJob"),
        (
            review(
                "UPDATE",
                &deployment("1.8.0", 2, 12),
                Some(&deployment("1.8.0", 2, 12)),
            ),
            "nothing changes",
        ),
    ];
    for (review, name) in &workloads {
        for path in ["/mutate", "/validate/enforce"] {
            questions.push(Question::new(format!("{name}, {path}"), path, review));
        }
    }
    let mut debugging = review("UPDATE", &debugged, Some(&pod(&spec)));
    debugging["request"]["subResource"] = "ephemeralcontainers".into();
    questions.push(Question::new(
        "somebody debugs".to_owned(),
        "/validate/enforce",
        &debugging,
    ));
    questions
}

/// A Deployment of the same size as the medium ones, as somebody writes it.
pub(super) fn manifest() -> Value {
    let mut object = deployment("1.8.0", 2, 20).object;
    object["metadata"] = json!({ "name": "app-7", "labels": object["metadata"]["labels"] });
    object["status"].take();
    object
}

/// The repository of the first container's image.
pub(super) fn image() -> String {
    image_of(POLICY)
}

impl Question {
    /// The review.
    pub(super) fn body(&self) -> &[u8] {
        &self.request[self.body..]
    }

    fn new(name: String, path: &'static str, review: &Value) -> Self {
        let body = review.to_string();
        let head = format!(
            "POST {path}?timeout=3s HTTP/1.1\r\nHost: imgauto-webhook.imgauto-system.svc:443\r\n\
             User-Agent: kube-apiserver-admission\r\nContent-Length: {}\r\n\
             Accept: application/json, */*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body.as_bytes()].concat();
        Self {
            name,
            path,
            request,
            body: head.len(),
        }
    }
}

/// Adds environment variables until a review is as long as it should be.
fn grown(length: usize, review: impl Fn(usize) -> Value) -> Value {
    let fits = |variables: &usize| review(*variables).to_string().len() >= length;
    review((0..).find(fits).unwrap_or_default())
}

fn review(operation: &str, workload: &Workload, before: Option<&Workload>) -> Value {
    let Workload {
        group,
        kind,
        resource,
        object,
    } = workload;
    let kind = json!({ "group": group, "version": "v1", "kind": kind });
    let resource = json!({ "group": group, "version": "v1", "resource": resource });
    let options = format!(
        "{}Options",
        if before.is_some() { "Update" } else { "Create" }
    );
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "7d1f3c0e-2b1f-4d9a-8a53-6c0c0a1f7e55",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"],
            "operation": operation,
            "userInfo": {
                "username": "system:serviceaccount:flux-system:kustomize-controller",
                "uid": "0b7f9f4e-6d43-4b7a-9c59-6f5f3f0a3c21",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:flux-system", "system:authenticated"],
                "extra": { "authentication.kubernetes.io/pod-name": ["kustomize-controller-6bc5d5b96-5nq9w"] },
            },
            "object": object, "oldObject": before.map(|before| &before.object),
            "dryRun": false,
            "options": { "kind": options, "apiVersion": "meta.k8s.io/v1", "fieldManager": "kustomize-controller" },
        },
    })
}

/// A Deployment of so many containers, each with so many environment variables; the first runs this tag.
fn deployment(tag: &str, containers: usize, variables: usize) -> Workload {
    let spec = json!({
        "replicas": 3, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        "selector": { "matchLabels": { "app": "app-7" } },
        "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
        "template": {
            "metadata": { "labels": { "app": "app-7" }, "annotations": { "prometheus.io/scrape": "true" } },
            "spec": pod_spec(tag, containers, variables),
        },
    });
    let status = json!({
        "observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [
            { "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
              "message": "Deployment has minimum availability.",
              "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z" },
            { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
              "message": "ReplicaSet \"app-7-6bc5d5b96\" has successfully progressed.",
              "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z" },
        ],
    });
    Workload {
        group: "apps",
        kind: "Deployment",
        resource: "deployments",
        object: object("apps/v1", "Deployment", &spec, &status),
    }
}

fn cron_job(pod: &Value) -> Workload {
    let spec = json!({
        "schedule": "*/5 * * * *", "concurrencyPolicy": "Forbid", "suspend": false,
        "jobTemplate": { "spec": { "backoffLimit": 2, "template": { "metadata": {}, "spec": pod } } },
    });
    Workload {
        group: "batch",
        kind: "CronJob",
        resource: "cronjobs",
        object: object("batch/v1", "CronJob", &spec, &json!({})),
    }
}

fn pod(spec: &Value) -> Workload {
    let status = json!({ "phase": "Pending", "qosClass": "Burstable" });
    Workload {
        group: "",
        kind: "Pod",
        resource: "pods",
        object: object("v1", "Pod", spec, &status),
    }
}

fn object(version: &str, kind: &str, spec: &Value, status: &Value) -> Value {
    let labels = json!({ "app": "app-7", "app.kubernetes.io/part-of": "shop", "kustomize.toolkit.fluxcd.io/name": "apps" });
    let annotations = json!({ "deployment.kubernetes.io/revision": "4" });
    let fields = json!({
        "labels": labels, "annotations": annotations,
        "managedFields": [
            managed("kustomize-controller", version, json!({
                "f:metadata": { "f:labels": fields_of(&labels) }, "f:spec": fields_of(spec),
            })),
            managed("kube-controller-manager", version, json!({
                "f:metadata": { "f:annotations": fields_of(&annotations) }, "f:status": fields_of(status),
            })),
        ],
    });
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": metadata("app-7", Some(&namespace_of(POLICY)), &fields),
        "spec": spec, "status": status,
    })
}

/// The first container runs an image of the policy's, the second that of another one, and the others what no policy knows.
fn pod_spec(tag: &str, containers: usize, variables: usize) -> Value {
    let images = (0..containers).map(|number| match number {
        0 => format!("{}:{tag}", image_of(POLICY)),
        1 => format!("{}:1.9.0", image_of(POLICY + 1)),
        _ => format!("registry.example.com/team/tool-{number}:v2.{number}.1"),
    });
    let containers = images.enumerate().map(|(number, image)| {
        let variables = (0..variables).map(|variable| {
            json!({ "name": format!("SETTING_{variable}"), "value": format!("value {variable} of container {number}") })
        });
        json!({
            "name": format!("app-{}", POLICY + number), "image": image, "imagePullPolicy": "IfNotPresent",
            "args": ["--listen=:8080", "--log-format=json", "--config=/etc/app/config.yaml"],
            "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
            "env": variables.collect::<Vec<_>>(),
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "256Mi" } },
            "livenessProbe": { "httpGet": { "path": "/healthz", "port": "http", "scheme": "HTTP" }, "periodSeconds": 10 },
            "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true },
            "volumeMounts": [{ "name": "config", "mountPath": "/etc/app" }],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    });
    json!({
        "containers": containers.collect::<Vec<_>>(),
        "volumes": [{ "name": "config", "configMap": { "name": "app-7", "defaultMode": 420 } }],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "app", "securityContext": { "runAsNonRoot": true }, "schedulerName": "default-scheduler",
    })
}
