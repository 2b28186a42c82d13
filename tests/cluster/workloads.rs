//! Deployments, and what runs of them.

use harness::program::run;
use harness::{Namespace, wait};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::ListParams;

/// The manifest of a Deployment with two replicas of one container.
///
/// `image` is the rest of a line: a comment may follow it.
pub(crate) fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
      - name: {name}
        image: {image}
"
    )
}

/// Waits until a Deployment is rolled out.
pub(crate) fn rolls_out(namespace: &Namespace<'_>, name: &str) {
    let mut status = namespace.kubectl();
    status.args(["rollout", "status", "--timeout=60s"]);
    run(status.arg(format!("deployment/{name}")));
}

/// The containers of all pods of a Deployment that are not being deleted.
pub(crate) fn containers(namespace: &Namespace<'_>, name: &str) -> Vec<ContainerStatus> {
    let pods: Api<Pod> = namespace.api();
    let selected = ListParams::default().labels(&format!("app={name}"));
    let pods = wait(async move { pods.list(&selected).await }).unwrap();
    let living = pods
        .items
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let statuses = living.filter_map(|pod| pod.status?.container_statuses);
    statuses.flatten().collect()
}
