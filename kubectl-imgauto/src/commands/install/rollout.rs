//! What an installation waits for: the kinds to be served, and programs to be ready.

use std::cell::RefCell;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};

use crate::cluster::{Attempt, refused};
use crate::error::CliError;
use crate::installation::{Controller, Role, definition};

/// How often it is looked.
const PERIOD: Duration = Duration::from_millis(250);

/// Why a pod waits that does not go away by waiting.
const HOPELESS: [&str; 5] = [
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CrashLoopBackOff",
];

/// What an API server answers that does not serve a kind yet.
const BEGINNING: [u16; 3] = [404, 429, 503];

/// Waits until definitions are accepted.
pub(super) async fn established(
    client: &Client,
    names: &[String],
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    for name in names {
        *stage.borrow_mut() = format!("{name} to be established");
        loop {
            let found = definition::find(client, name).await?;
            if found.as_ref().is_some_and(definition::is_established) {
                break;
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
    Ok(())
}

/// Waits until objects of the kinds can be listed: an API server whose storage begins refuses for a while.
pub(super) async fn served(
    client: &Client,
    names: &[&str],
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    for name in names {
        stage.replace(format!("objects of {name} to be served"));
        loop {
            let found = definition::find(client, name).await?;
            let Some(resource) = found.as_ref().and_then(definition::resource) else {
                break;
            };
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            match api.list_metadata(&ListParams::default().limit(1)).await {
                Err(kube::Error::Api(status)) if BEGINNING.contains(&status.code) => {}
                // Whoever may install need not be allowed to look at the objects.
                Ok(_) | Err(_) => break,
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
    Ok(())
}

/// Waits until a program is ready, or cannot become so.
pub(super) async fn wait(
    client: &Client,
    namespace: &str,
    role: Role,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    let name = role.name();
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    loop {
        let found = api.get(name).await.map_err(|error| {
            let attempt = Attempt {
                verb: "get",
                what: &format!("Deployment {namespace}/{name}"),
                api_version: "apps/v1",
            };
            refused(&error, attempt)
        })?;
        let controller = Controller {
            role,
            deployment: found,
        };
        if controller.is_rolled_out() {
            return Ok(());
        }
        let status = controller.deployment.status.clone().unwrap_or_default();
        *stage.borrow_mut() = format!(
            "Deployment {namespace}/{name}: {} of {} available",
            status.available_replicas.unwrap_or_default(),
            controller.replicas()
        );
        if let Some(trouble) = trouble(client, &controller).await? {
            let error = CliError::failure(format!("{name} does not start: {trouble}"));
            return Err(error
                .next(format!(
                    "kubectl -n {namespace} describe pod -l app.kubernetes.io/name={name}"
                ))
                .next("--registry and --image-pull-secret say where your copy of the image lies"));
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Why the pods of a controller do not start, in the words of the node; of those that run its image.
pub(crate) async fn trouble(
    client: &Client,
    controller: &Controller,
) -> Result<Option<String>, CliError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &controller.namespace());
    let label = format!("app.kubernetes.io/name={}", controller.role.name());
    let list = pods.list(&ListParams::default().labels(&label)).await;
    let list = list.map_err(|error| {
        let attempt = Attempt {
            verb: "list",
            what: "Pod",
            api_version: "v1",
        };
        refused(&error, attempt)
    })?;
    let mut found = list
        .items
        .iter()
        .filter_map(|pod| hopeless(pod, controller.image()));
    Ok(found.next())
}

/// Why a container with this image does not start, if waiting will not help.
fn hopeless(pod: &Pod, image: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let mut current = spec
        .containers
        .iter()
        .map(|container| container.image.as_deref());
    if !current.any(|it| it == Some(image)) {
        return None;
    }
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let mut waiting = statuses
        .iter()
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref());
    waiting.find_map(|waiting| {
        let reason = waiting.reason.as_deref()?;
        let hopeless = HOPELESS.contains(&reason);
        hopeless.then(|| match &waiting.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_pods_of_the_image_that_is_wanted_tell_of_trouble() {
        let waiting = json!({"reason": "ImagePullBackOff", "message": "Back-off"});
        let pod: Pod = serde_json::from_value(json!({
            "spec": {"containers": [{"name": "a", "image": "imgauto:1"}]},
            "status": {"containerStatuses": [{
                "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": waiting},
            }]},
        }))
        .unwrap();
        assert_eq!(
            hopeless(&pod, "imgauto:1").as_deref(),
            Some("ImagePullBackOff: Back-off")
        );
        assert_eq!(hopeless(&pod, "imgauto:2"), None);
    }

    #[test]
    fn what_passes_is_waited_for() {
        let pod: Pod = serde_json::from_value(json!({
            "spec": {"containers": [{"name": "a", "image": "imgauto:1"}]},
            "status": {"containerStatuses": [{
                "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": "ContainerCreating"}},
            }]},
        }))
        .unwrap();
        assert_eq!(hopeless(&pod, "imgauto:1"), None);
    }
}
