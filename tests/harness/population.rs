//! Many objects at once, as if a controller had looked after them for a long time.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Resource};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::reconciler::Reconciler;
use crate::serve::wait;

/// How many requests are under way at a time.
const AT_ONCE: usize = 32;

/// How often progress is looked at.
const PERIOD: Duration = Duration::from_millis(50);

/// Makes objects of one kind, gives each the status that stands in it, if one does, and returns their UIDs in order.
///
/// # Panics
///
/// If the API server refuses one of them.
pub fn populate<K: Resource<DynamicType = ()>>(
    plane: &ControlPlane,
    objects: Vec<Value>,
) -> Vec<String> {
    let client = plane.client();
    let kind = ApiResource::erase::<K>(&());
    wait(async move {
        let made = stream::iter(objects).map(|mut value| {
            let (client, kind) = (client.clone(), &kind);
            async move {
                value["apiVersion"] = kind.api_version.as_str().into();
                value["kind"] = kind.kind.as_str().into();
                let status = value["status"].take();
                let object: DynamicObject =
                    serde_json::from_value(value).expect("an object has metadata");
                let namespace = object.metadata.namespace.clone();
                let namespace = namespace.expect("the object says where it is to be");
                let name = object.metadata.name.clone();
                let name = name.expect("the object has a name");
                let api = Api::<DynamicObject>::namespaced_with(client, &namespace, kind);
                let created = api.create(&PostParams::default(), &object).await?;
                if !status.is_null() {
                    let patch = Patch::Merge(json!({ "status": status }));
                    api.patch_status(&name, &PatchParams::default(), &patch)
                        .await?;
                }
                Ok::<_, kube::Error>(created.metadata.uid.unwrap_or_default())
            }
        });
        made.buffered(AT_ONCE).try_collect().await
    })
    .expect("the API server takes our objects")
}

/// The condition Ready of an object that is well.
pub fn ready(message: &str, since: &str) -> Value {
    json!([{
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": message,
        "observedGeneration": 1, "lastTransitionTime": since,
    }])
}

/// Waits until a reconciler has looked at this many objects of a kind.
///
/// # Panics
///
/// If it does not within the time.
pub fn wait_until_seen(reconciler: &Reconciler, kind: &str, count: usize, patience: Duration) {
    let label = format!("kind=\"{kind}\"");
    let seen = || {
        let metrics = reconciler.metrics();
        let lines = metrics.lines();
        lines
            .filter(|line| line.starts_with("gotk_reconcile_duration_seconds_count{"))
            .filter(|line| line.contains(&label))
            .count()
    };
    wait_until(
        patience,
        || seen() >= count,
        || {
            format!(
                "{} of {count} objects of {kind} were seen\n{}",
                seen(),
                reconciler.logs().join("\n")
            )
        },
    );
}

/// Waits until something holds.
///
/// # Panics
///
/// If it does not within the time, with what `otherwise` says.
pub fn wait_until(
    patience: Duration,
    mut holds: impl FnMut() -> bool,
    otherwise: impl FnOnce() -> String,
) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "{}", otherwise());
        std::thread::sleep(PERIOD);
    }
}
