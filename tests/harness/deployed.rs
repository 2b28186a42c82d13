//! A large cluster at rest: many workloads that run, each with a policy that looks after it.

use api::ImageInventory;
use api::automation::ImageUpdateAutomation;
use api::git_repository::GitRepository;
use api::policy::ImagePolicy;
use api::repository::ImageRepository;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::population::{populate, ready};
use crate::serve::wait;

/// Since when everything is as it is.
const SINCE: &str = "2026-01-01T00:00:00Z";

/// What tells the revisions of a Deployment apart.
const HASH: &str = "7c5ddbdf54";

/// The namespace of policies and automations.
const NAMESPACE: &str = "flux-system";

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Deployments.
    pub workloads: usize,
    /// Pods of each of them.
    pub replicas: usize,
    /// Namespaces that share the Deployments.
    pub namespaces: usize,
    /// Policies that share the images of the Deployments, each with a repository of its own.
    pub policies: usize,
    /// Automations that share the policies, each with an inventory.
    pub automations: usize,
}

/// Makes a cluster of that size, with everything in the state in which controllers would leave it.
///
/// # Panics
///
/// If the API server refuses something.
pub fn deploy(plane: &ControlPlane, size: Size) {
    plane.install_manifests();
    let mut namespaces = vec![NAMESPACE.to_owned()];
    namespaces.extend((0..size.namespaces).map(|number| format!("team-{number}")));
    make_namespaces(plane, &namespaces);
    let accounts = namespaces
        .iter()
        .map(|namespace| json!({ "metadata": { "name": "default", "namespace": namespace } }));
    populate::<ServiceAccount>(plane, accounts.collect());
    let deployments = (0..size.workloads).map(|number| size.deployment(number));
    let owners = populate::<Deployment>(plane, deployments.collect());
    let sets = (0..).zip(&owners);
    let sets = sets.map(|(number, owner)| size.replica_set(number, owner));
    let owners = populate::<ReplicaSet>(plane, sets.collect());
    let pods = (0..).zip(&owners).flat_map(|(number, owner)| {
        (0..size.replicas).map(move |replica| size.pod(number, replica, owner))
    });
    populate::<Pod>(plane, pods.collect());
    populate::<ImageRepository>(plane, (0..size.policies).map(repository).collect());
    populate::<ImagePolicy>(plane, (0..size.policies).map(policy).collect());
    populate::<GitRepository>(plane, vec![source()]);
    populate::<ImageUpdateAutomation>(plane, (0..size.automations).map(automation).collect());
    let inventories = (0..size.automations).map(|number| size.inventory(number));
    populate::<ImageInventory>(plane, inventories.collect());
}

fn make_namespaces(plane: &ControlPlane, names: &[String]) {
    let api: Api<Namespace> = Api::all(plane.client());
    let objects: Vec<Namespace> = names
        .iter()
        .map(|name| {
            let object = json!({ "metadata": { "name": name } });
            serde_json::from_value(object).expect("this is a namespace")
        })
        .collect();
    wait(async move {
        for object in objects {
            match api.create(&PostParams::default(), &object).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                made => drop(made.expect("an administrator may make namespaces")),
            }
        }
    });
}

impl Size {
    fn place(self, number: usize) -> (String, String) {
        (
            format!("team-{}", number % self.namespaces),
            format!("app-{number}"),
        )
    }

    fn labels(self, number: usize) -> Value {
        let (_, name) = self.place(number);
        json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "kustomize" })
    }

    /// The labels of what belongs to one revision of a Deployment.
    fn labels_of_revision(self, number: usize) -> Value {
        let mut labels = self.labels(number);
        labels["pod-template-hash"] = HASH.into();
        labels
    }

    /// A Deployment as people have them: with ports, probes, resources, variables and volumes.
    fn deployment(self, number: usize) -> Value {
        let (namespace, name) = self.place(number);
        let labels = self.labels(number);
        let mut status = self.counts();
        status["updatedReplicas"] = self.replicas.into();
        status["conditions"] = json!([
            condition(
                "Available",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability."
            ),
            condition(
                "Progressing",
                "NewReplicaSetAvailable",
                &format!("ReplicaSet \"{name}-{HASH}\" has successfully progressed.")
            ),
        ]);
        json!({
            "metadata": { "name": name, "namespace": namespace, "labels": labels, "annotations": { "deployment.kubernetes.io/revision": "1" } },
            "spec": {
                "replicas": self.replicas,
                "selector": { "matchLabels": { "app.kubernetes.io/name": name } },
                "template": self.template(number, &labels),
            },
            "status": status,
        })
    }

    /// The one ReplicaSet of a Deployment.
    fn replica_set(self, number: usize, owner: &str) -> Value {
        let (namespace, name) = self.place(number);
        let labels = self.labels_of_revision(number);
        let mut status = self.counts();
        status["fullyLabeledReplicas"] = self.replicas.into();
        json!({
            "metadata": {
                "name": format!("{name}-{HASH}"), "namespace": namespace, "labels": labels, "annotations": { "deployment.kubernetes.io/revision": "1" },
                "ownerReferences": [owned("Deployment", &name, owner)],
            },
            "spec": {
                "replicas": self.replicas,
                "selector": { "matchLabels": { "app.kubernetes.io/name": name, "pod-template-hash": HASH } },
                "template": self.template(number, &labels),
            },
            "status": status,
        })
    }

    /// A pod of a ReplicaSet.
    fn pod(self, number: usize, replica: usize, owner: &str) -> Value {
        let (namespace, name) = self.place(number);
        let set = format!("{name}-{HASH}");
        let image = image(number % self.policies);
        let mut pod = self.template(number, &self.labels_of_revision(number));
        pod["metadata"]["name"] = format!("{set}-{replica:05}").into();
        pod["metadata"]["namespace"] = namespace.into();
        pod["metadata"]["ownerReferences"] = json!([owned("ReplicaSet", &set, owner)]);
        pod["spec"]["nodeName"] = "node".into();
        let conditions = ["Initialized", "ContainersReady", "Ready", "PodScheduled"];
        let conditions = conditions
            .map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": SINCE }));
        pod["status"] = json!({
            "phase": "Running", "conditions": conditions, "startTime": SINCE,
            "hostIP": "10.0.0.1", "podIP": "10.128.0.1", "podIPs": [{ "ip": "10.128.0.1" }],
            "containerStatuses": [{
                "name": "app", "image": image, "imageID": format!("{image}@sha256:{}", "5e1f".repeat(16)),
                "containerID": format!("containerd://{}", "c0de".repeat(16)), "restartCount": 0,
                "ready": true, "started": true, "state": { "running": { "startedAt": SINCE } },
            }],
        });
        pod
    }

    fn counts(self) -> Value {
        json!({
            "observedGeneration": 1, "replicas": self.replicas,
            "readyReplicas": self.replicas, "availableReplicas": self.replicas,
        })
    }

    fn template(self, number: usize, labels: &Value) -> Value {
        let (namespace, _) = self.place(number);
        let variables: Vec<Value> = (0..12)
            .map(|at| json!({ "name": format!("SETTING_{at}"), "value": format!("https://service-{at}.{namespace}.svc.cluster.local/api") }))
            .collect();
        let probe = json!({ "httpGet": { "path": "/healthz", "port": "http" }, "periodSeconds": 10, "timeoutSeconds": 2 });
        json!({
            "metadata": { "labels": labels, "annotations": { "prometheus.io/scrape": "true", "prometheus.io/port": "9797" } },
            "spec": {
                "containers": [{
                    "name": "app",
                    "image": image(number % self.policies),
                    "ports": [{ "name": "http", "containerPort": 9898 }, { "name": "metrics", "containerPort": 9797 }],
                    "env": variables,
                    "livenessProbe": probe,
                    "readinessProbe": probe,
                    "resources": { "requests": { "cpu": "1m", "memory": "1Mi" }, "limits": { "memory": "64Mi" } },
                    "volumeMounts": [{ "name": "data", "mountPath": "/data" }, { "name": "config", "mountPath": "/config" }],
                }],
                "securityContext": { "runAsNonRoot": true, "runAsUser": 1000, "fsGroup": 1000 },
                "volumes": [{ "name": "data", "emptyDir": {} }, { "name": "config", "configMap": { "name": "config", "optional": true } }],
            },
        })
    }

    /// The inventory of an automation: a line for each Deployment whose policy is among its own.
    fn inventory(self, automation: usize) -> Value {
        let own = (0..self.workloads)
            .filter(|number| (number % self.policies) % self.automations == automation);
        let entries: Vec<Value> = own
            .map(|number| {
                let (namespace, name) = self.place(number);
                let policy = number % self.policies;
                json!({
                    "file": format!("clusters/production/{namespace}/{name}.yaml"), "line": 24,
                    "apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name,
                    "container": "app", "policy": format!("image-{policy}"), "field": "reference",
                    "value": image(policy), "commit": "3f9c2ab0".repeat(5),
                })
            })
            .collect();
        json!({
            "metadata": named("automation", automation),
            "source": { "automation": format!("automation-{automation}"), "url": "https://git.example.com/fleet", "branch": "main", "revision": revision() },
            "entryCount": entries.len(),
            "entries": entries,
            "problems": [],
            "problemCount": 0,
        })
    }
}

fn image(policy: usize) -> String {
    format!("registry.example.com/shop/image-{policy}:1.4.{policy}")
}

fn condition(kind: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": SINCE, "lastUpdateTime": SINCE,
    })
}

fn owned(kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

fn named(kind: &str, number: usize) -> Value {
    json!({ "name": format!("{kind}-{number}"), "namespace": NAMESPACE })
}

fn revision() -> String {
    format!("main@sha1:{}", "3f9c2ab0".repeat(5))
}

fn repository(number: usize) -> Value {
    json!({
        "metadata": named("image", number),
        "spec": { "image": format!("registry.example.com/shop/image-{number}"), "interval": "5m" },
        "status": {
            "conditions": ready("successful scan: found 41 tags with checksum 2894109832", SINCE),
            "observedGeneration": 1,
            "lastScanResult": { "tagCount": 41, "scanTime": SINCE },
        },
    })
}

fn policy(number: usize) -> Value {
    let name = format!("registry.example.com/shop/image-{number}");
    json!({
        "metadata": named("image", number),
        "spec": { "imageRepositoryRef": { "name": format!("image-{number}") }, "policy": { "semver": { "range": "1.x" } } },
        "status": {
            "conditions": ready(&format!("Latest image tag for {name} resolved to 1.4.{number}"), SINCE),
            "observedGeneration": 1,
            "latestRef": { "name": name, "tag": format!("1.4.{number}") },
        },
    })
}

fn source() -> Value {
    json!({
        "metadata": { "name": "fleet", "namespace": NAMESPACE },
        "spec": { "url": "https://git.example.com/fleet", "interval": "1m", "ref": { "branch": "main" } },
        "status": {
            "conditions": ready(&format!("stored artifact for revision '{}'", revision()), SINCE),
            "observedGeneration": 1,
        },
    })
}

fn automation(number: usize) -> Value {
    let author = json!({ "name": "bot", "email": "bot@example.com" });
    json!({
        "metadata": named("automation", number),
        "spec": {
            "interval": "30m",
            "sourceRef": { "kind": "GitRepository", "name": "fleet" },
            "git": { "commit": { "author": author }, "push": { "branch": "main" } },
            "update": { "path": "./clusters/production", "strategy": "Setters" },
        },
        "status": {
            "conditions": ready("repository up-to-date", SINCE),
            "observedGeneration": 1,
            "lastAutomationRunTime": SINCE,
            "lastPushCommit": "3f9c2ab0".repeat(5),
            "lastPushTime": SINCE,
            "observedSourceRevision": revision(),
        },
    })
}
