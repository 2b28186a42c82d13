//! Flux's image controllers give way, and what leads back is told.

use std::cell::RefCell;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{Expression, Selector};
use serde_json::json;

use super::apply::Way;
use super::plan::Plan;
use crate::cluster::{Attempt, Cluster, FIELD_MANAGER, refused};
use crate::error::CliError;
use crate::installation::{self, Controller, REPLICAS_BEFORE};
use crate::manifests;
use crate::session::Session;

/// How often it is looked whether pods are gone.
const PERIOD: Duration = Duration::from_millis(250);

/// Scales controllers down and waits until their pods are gone: two writers must not meet.
pub(super) async fn scale_down(
    controllers: &[Controller],
    way: Way,
    session: &mut Session<'_>,
    cluster: &Cluster,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    session.note("scaling down Flux's image controllers");
    for controller in controllers {
        let (namespace, name) = (controller.namespace(), controller.name());
        let before = controller.replicas();
        if way != Way::OnlyLook {
            let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), &namespace);
            let patch = json!({
                "metadata": {"annotations": {REPLICAS_BEFORE: before.to_string()}},
                "spec": {"replicas": 0},
            });
            let parameters = PatchParams {
                dry_run: way == Way::OnlyTry,
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patched = api.patch(&name, &parameters, &Patch::Merge(patch)).await;
            patched.map_err(|error| {
                let attempt = Attempt {
                    verb: "patch",
                    what: &format!("Deployment {namespace}/{name}"),
                    api_version: "apps/v1",
                };
                refused(&error, attempt)
            })?;
        }
        let trial = if way == Way::ForGood {
            ""
        } else {
            " (dry run)"
        };
        session.done(&format!(
            "Deployment {name} in {namespace} scaled from {before} to 0{trial}"
        ));
    }
    if way == Way::ForGood {
        session.waiting("waiting for their pods to end");
        for controller in controllers {
            *stage.borrow_mut() = format!("the pods of {} to end", controller.name());
            gone(controller, cluster).await?;
        }
    }
    Ok(())
}

/// Waits until a controller has no pod.
async fn gone(controller: &Controller, cluster: &Cluster) -> Result<(), CliError> {
    let namespace = controller.namespace();
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &namespace);
    let Some(selector) = selector(controller) else {
        return Ok(());
    };
    let parameters = ListParams::default().labels_from(&selector);
    loop {
        let list = pods.list_metadata(&parameters).await.map_err(|error| {
            let attempt = Attempt {
                verb: "list",
                what: "Pod",
                api_version: "v1",
            };
            refused(&error, attempt)
        })?;
        if list.items.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The selector of a controller's pods.
fn selector(controller: &Controller) -> Option<Selector> {
    let spec = controller.deployment.spec.as_ref()?;
    let LabelSelector { match_labels, .. } = &spec.selector;
    let labels = match_labels.clone().filter(|labels| !labels.is_empty())?;
    let equal = labels
        .into_iter()
        .map(|(key, value)| Expression::Equal(key, value));
    Some(equal.collect())
}

/// What leads back to Flux's controllers; nothing if none was scaled down.
pub(super) fn way_back(plan: &Plan) -> Vec<String> {
    let now = plan.adopted.iter().map(|it| (it, it.replicas()));
    let before = plan
        .adopted_before
        .iter()
        .map(|(it, replicas)| (it, *replicas));
    let up = installation::scale(now.chain(before));
    if up.is_empty() {
        return Vec::new();
    }
    let down = format!(
        "kubectl -n {} scale deployment {} --replicas=0",
        plan.settings.namespace,
        manifests::RECONCILER
    );
    let commands = std::iter::once(down).chain(up);
    let first = "to go back to Flux's controllers:".to_owned();
    std::iter::once(first)
        .chain(commands.map(|command| format!("  {command}")))
        .collect()
}
