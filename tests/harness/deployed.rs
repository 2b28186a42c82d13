//! A large cluster at rest: many workloads that run, each with a policy that looks after it.

use std::time::Duration;

use api::ImageInventory;
use api::automation::ImageUpdateAutomation;
use api::git_repository::GitRepository;
use api::policy::ImagePolicy;
use api::repository::ImageRepository;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::population::{populate, ready, wait_until};
use crate::serve::wait;

/// How long the controllers may take to start all pods.
const PATIENCE: Duration = Duration::from_secs(900);

/// Since when everything is as it is.
const SINCE: &str = "2026-01-01T00:00:00Z";

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

/// Makes a cluster of that size and waits until all pods of all Deployments are available, which takes minutes if they
/// are thousands.
///
/// # Panics
///
/// If the API server refuses something, or pods do not start.
pub fn deploy(plane: &ControlPlane, size: Size) {
    plane.install_manifests();
    make_room(plane, size.workloads * size.replicas);
    let mut namespaces = vec![NAMESPACE.to_owned()];
    namespaces.extend((0..size.namespaces).map(|number| format!("team-{number}")));
    make_namespaces(plane, &namespaces);
    populate::<Deployment>(
        plane,
        (0..size.workloads)
            .map(|number| size.deployment(number))
            .collect(),
    );
    populate::<ImageRepository>(plane, (0..size.policies).map(repository).collect());
    populate::<ImagePolicy>(plane, (0..size.policies).map(policy).collect());
    populate::<GitRepository>(plane, vec![source()]);
    populate::<ImageUpdateAutomation>(plane, (0..size.automations).map(automation).collect());
    let inventories = (0..size.automations).map(|number| size.inventory(number));
    populate::<ImageInventory>(plane, inventories.collect());
    wait_until(
        PATIENCE,
        || unavailable(plane, size) == 0,
        || format!("{} Deployments are not available", unavailable(plane, size)),
    );
}

/// The one node takes as many pods as there are to be.
fn make_room(plane: &ControlPlane, pods: usize) {
    let nodes: Api<Node> = Api::all(plane.client());
    let pods = json!({ "pods": (pods + 100).to_string() });
    let patch = Patch::Merge(json!({ "status": { "capacity": pods, "allocatable": pods } }));
    let patched = wait(async move {
        nodes
            .patch_status("node", &PatchParams::default(), &patch)
            .await
    });
    patched.expect("the node takes a capacity");
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

/// How many Deployments are not available, seen page by page.
fn unavailable(plane: &ControlPlane, size: Size) -> usize {
    let api: Api<Deployment> = Api::all(plane.client());
    let replicas = i32::try_from(size.replicas).expect("few replicas");
    wait(async move {
        let mut available = 0;
        let mut page = ListParams::default().limit(1000);
        loop {
            let list = api.list(&page).await.expect("Deployments can be listed");
            let statuses = list
                .items
                .iter()
                .filter_map(|object| object.status.as_ref());
            available += statuses
                .filter(|status| status.available_replicas == Some(replicas))
                .count();
            match list.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page.continue_token = Some(next),
                None => return size.workloads - available,
            }
        }
    })
}

impl Size {
    fn place(self, number: usize) -> (String, String) {
        (
            format!("team-{}", number % self.namespaces),
            format!("app-{number}"),
        )
    }

    /// A Deployment as people have them: with ports, probes, resources, variables and volumes.
    fn deployment(self, number: usize) -> Value {
        let (namespace, name) = self.place(number);
        let labels = json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "kustomize" });
        let variables: Vec<Value> = (0..12)
            .map(|at| json!({ "name": format!("SETTING_{at}"), "value": format!("https://service-{at}.{namespace}.svc.cluster.local/api") }))
            .collect();
        let probe = json!({ "httpGet": { "path": "/healthz", "port": "http" }, "periodSeconds": 10, "timeoutSeconds": 2 });
        json!({
            "metadata": { "name": name, "namespace": namespace, "labels": labels },
            "spec": {
                "replicas": self.replicas,
                "selector": { "matchLabels": { "app.kubernetes.io/name": name } },
                "template": {
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
                },
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
