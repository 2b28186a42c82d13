//! Who set an image: a question for the managers of fields, which lists leave out because it concerns few.

use api::WorkloadKind;
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use kube::api::DynamicObject;
use kube::core::{Request, Resource as _};
use serde::Deserialize;
use serde_json::Value;

use super::list::Kind;
use super::workload::{SeenImage, SeenWorkload};
use super::{Role, Workload};

/// How many workloads are asked for at a time.
const AT_ONCE: usize = 8;

/// How many workloads are asked for at all: who has more that drifted has another question.
const MOST: usize = 200;

/// Who wrote to a workload, and what.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Managed {
    metadata: ManagedMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManagedMeta {
    managed_fields: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Entry {
    manager: String,
    time: Option<Time>,
    fields_v1: Value,
}

/// Who set an image, and when they last wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetBy {
    pub(super) manager: String,
    pub(super) at: Option<Timestamp>,
}

/// Asks who wrote to some workloads; the answers are in their order. Who is not told is not known.
pub(super) async fn managers(client: &Client, workloads: &[&SeenWorkload]) -> Vec<Vec<Entry>> {
    let asked = workloads.iter().take(MOST);
    let answers = stream::iter(asked).map(|seen| async move {
        let Workload {
            namespace,
            kind,
            name,
        } = &seen.workload;
        let kind = Kind::new(kind.api_version(), kind.kind(), kind.plural());
        let path = DynamicObject::url_path(&kind.resource, Some(namespace));
        let request = Request::new(path).get(name, &kube::api::GetParams::default());
        let object = match request {
            Ok(request) => client.request::<Managed>(request).await.ok(),
            Err(_) => None,
        };
        object.unwrap_or_default().metadata.managed_fields
    });
    answers.buffered(AT_ONCE).collect().await
}

/// Finds who set an image last.
pub(super) fn set_by(entries: &[Entry], kind: WorkloadKind, image: &SeenImage) -> Option<SetBy> {
    let field = field_of(kind, image);
    let owners = entries.iter().filter(|entry| {
        let found = field
            .iter()
            .try_fold(&entry.fields_v1, |value, key| value.get(key));
        found.is_some()
    });
    let last = owners.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    Some(SetBy {
        manager: last.manager.clone(),
        at: last.time.as_ref().map(|time| time.0),
    })
}

/// The way to an image in the tree of managed fields.
fn field_of(kind: WorkloadKind, image: &SeenImage) -> Vec<String> {
    let to_pods: &[&str] = match kind {
        WorkloadKind::Pod => &["f:spec"],
        WorkloadKind::CronJob => &["f:spec", "f:jobTemplate", "f:spec", "f:template", "f:spec"],
        _ => &["f:spec", "f:template", "f:spec"],
    };
    let (list, field): (&str, &[&str]) = match image.role {
        Role::Main => ("f:containers", &["f:image"]),
        Role::Init | Role::Sidecar => ("f:initContainers", &["f:image"]),
        Role::Volume => ("f:volumes", &["f:image", "f:reference"]),
    };
    let item = format!("k:{}", serde_json::json!({ "name": image.name }));
    let path = [to_pods, &[list, &item], field].concat();
    path.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_to_write_an_image_set_it() {
        let image = |name: &str| json!({ "f:containers": { format!("k:{{\"name\":\"{name}\"}}"): { "f:image": {} } } });
        let entry = |manager: &str, time: &str, pods: Value| {
            json!({
                "manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1",
                "fieldsV1": { "f:spec": { "f:template": { "f:spec": pods } } },
            })
        };
        let entries: Vec<Entry> = serde_json::from_value(json!([
            entry("kustomize-controller", "2026-01-01T00:00:00Z", image("web")),
            entry("kubectl-set", "2026-01-02T00:00:00Z", image("web")),
            entry("kubectl-edit", "2026-01-03T00:00:00Z", image("other")),
        ]))
        .unwrap();
        let web = SeenImage {
            name: "web".into(),
            role: Role::Main,
            image: "web:1".into(),
        };
        let found = set_by(&entries, WorkloadKind::Deployment, &web).unwrap();
        assert_eq!(found.manager, "kubectl-set");
        assert_eq!(found.at, Some("2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(set_by(&entries, WorkloadKind::CronJob, &web), None);
    }
}
