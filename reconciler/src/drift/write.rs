//! Writes marks: the one label, and nothing else of an object.

use std::time::Duration;

use engine::admission::keys::DRIFT;
use kube::api::{DynamicObject, Patch as Body, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::desk::{Ended, Job, Patch, Written};
use super::watches::{Missing, Source};
use crate::chain::Chain;

/// Who writes marks.
const MANAGER: &str = "imgauto-drift";

/// How long a patch may take, with what the client repeats by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes a patch and says how that ended.
pub(super) async fn write(client: Client, refusals: &Missing, patch: &Patch) -> Ended {
    let key = &patch.key;
    let (namespace, name) = (&key.object.namespace, &key.object.name);
    let (kind, resource) = (key.kind, key.kind.resource());
    let api = Api::<DynamicObject>::namespaced_with(client, namespace, &resource);
    // The UID keeps the mark from a namesake that took the workload's place, and from making one.
    let metadata = |labels| json!({ "name": name, "uid": &*patch.uid, "labels": labels });
    let written = match &patch.job {
        Job::Mark(label) => {
            let body = json!({
                "apiVersion": kind.api_version(), "kind": kind.as_str(),
                "metadata": metadata(json!({ DRIFT: label.as_str() })),
            });
            let params = PatchParams::apply(MANAGER).force();
            timeout(
                PATIENCE,
                api.patch_metadata(name, &params, &Body::Apply(body)),
            )
            .await
        }
        // Also a mark of the webhook, which belongs to no manager that could give it up.
        Job::Clear { .. } => {
            let body = json!({ "metadata": metadata(json!({ DRIFT: null })) });
            let params = PatchParams {
                field_manager: Some(MANAGER.to_owned()),
                ..PatchParams::default()
            };
            timeout(
                PATIENCE,
                api.patch_metadata(name, &params, &Body::Merge(body)),
            )
            .await
        }
    };
    let error = match written {
        Ok(Ok(object)) => {
            let version = object.resource_version().and_then(|text| text.parse().ok());
            let generation = object.metadata.generation.unwrap_or_default();
            let carried = object.labels().get(DRIFT).map(String::as_str);
            match &patch.job {
                Job::Clear { .. } => return Ended::Cleared,
                Job::Mark(label) if carried == Some(label.as_str()) => {
                    debug!(%kind, namespace, name, label = label.as_str(), "mark is written");
                    return Ended::Written(Written {
                        label: *label,
                        version: version.unwrap_or_default(),
                        generation,
                    });
                }
                // A webhook that takes us for somebody else restores what was there.
                Job::Mark(_) => {
                    "it is changed back on the way: is --marker of the webhook this user?"
                        .to_owned()
                }
            }
        }
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
            return Ended::Gone;
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            // One line is enough for all workloads of a kind.
            if refusals.is_news(Source::Workloads(kind)) {
                let (error, resource) = (&status.message, &resource.plural);
                warn!(resource, error, rights = "patch", "marks cannot be written");
            }
            return Ended::Failed;
        }
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    warn!(%kind, namespace, name, error, "mark cannot be written");
    Ended::Failed
}
