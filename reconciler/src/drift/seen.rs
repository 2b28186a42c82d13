//! Workloads and pods as watches tell of them: no more is read of an object than marks are made of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use api::pod_spec::{PodPaths, PodSpec};
use engine::admission::keys;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// An object of a kind that has pods. What others manage of it is passed over unread.
#[derive(Clone, Debug)]
pub(super) struct Seen<K> {
    pub(super) meta: ObjectMeta,
    pub(super) specs: Vec<PodSpec<String>>,
    /// The status, if it is that of a pod.
    pub(super) status: PodStatus,
    kind: PhantomData<fn() -> K>,
}

/// As much of a pod's status as tells what runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub(super) phase: String,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    pub(super) container_statuses: Vec<ContainerStatus>,
    pub(super) ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// What a container runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(rename = "imageID")]
    pub(super) image_id: String,
}

impl<K: Resource<DynamicType = ()>> Resource for Seen<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

impl<'de, K: Resource<DynamicType = ()>> Deserialize<'de> for Seen<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let paths = PodPaths::built_in(&K::group(&()), &K::plural(&()))
            .ok_or_else(|| D::Error::custom("the kind has no pods"))?;
        deserializer.deserialize_map(Fields {
            paths,
            kind: PhantomData,
        })
    }
}

struct Fields<K> {
    paths: &'static PodPaths,
    kind: PhantomData<fn() -> K>,
}

impl<'de, K: Resource<DynamicType = ()>> Visitor<'de> for Fields<K> {
    type Value = Seen<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Seen<K>, A::Error> {
        let mut seen = Seen {
            meta: ObjectMeta::default(),
            specs: Vec::new(),
            status: PodStatus::default(),
            kind: PhantomData,
        };
        let is_pod = K::kind(&()) == "Pod";
        while let Some(field) = fields.next_key::<Cow<'_, str>>()? {
            if field == "metadata" {
                seen.meta = fields.next_value::<Meta>()?.into();
            } else if is_pod && field == "status" {
                seen.status = fields.next_value()?;
            } else if let Some(seed) = self.paths.of_field(&field, &mut seen.specs) {
                fields.next_value_seed(seed)?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(seen)
    }
}

/// Metadata without what is long and says nothing here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    deletion_timestamp: Option<Time>,
    labels: Option<Ours>,
    annotations: Option<Ours>,
    owner_references: Option<Vec<OwnerReference>>,
}

impl From<Meta> for ObjectMeta {
    fn from(meta: Meta) -> Self {
        Self {
            name: meta.name,
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            generation: meta.generation,
            deletion_timestamp: meta.deletion_timestamp,
            labels: meta.labels.map(|ours| ours.0),
            annotations: meta.annotations.map(|ours| ours.0),
            owner_references: meta.owner_references,
            ..Self::default()
        }
    }
}

/// The labels or annotations that are ours.
struct Ours(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Ours;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Ours, A::Error> {
                let mut ours = BTreeMap::new();
                while let Some(key) = pairs.next_key::<String>()? {
                    if keys::is_ours(&key) {
                        ours.insert(key, pairs.next_value()?);
                    } else {
                        pairs.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Ours(ours))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::batch::v1::CronJob;
    use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodTemplate};
    use serde_json::{Value, json};

    use super::*;

    fn images<K: Resource<DynamicType = ()>>(object: Value) -> Vec<String> {
        let seen: Seen<K> = serde_json::from_value(object).unwrap();
        let slots = seen.specs.iter().flat_map(PodSpec::slots);
        slots.map(|slot| slot.image.to_owned()).collect()
    }

    #[test]
    fn what_marks_are_made_of_is_read_and_nothing_else() {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "apps", "uid": "1", "resourceVersion": "7", "generation": 3,
                "labels": { "app": "web", "imgauto.dev/drift": "none" },
                "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}",
                                 "policy.imgauto.dev/web": "web" },
                "managedFields": [{ "manager": "kubectl", "fieldsV1": { "f:spec": {} } }],
            },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [{ "name": "web", "image": "a:1" }] } } },
            "status": { "phase": 1 },
        });
        let seen: Seen<Deployment> = serde_json::from_value(object).unwrap();
        let meta = &seen.meta;
        let ours = |key: &str, value: &str| Some([(key.to_owned(), value.to_owned())].into());
        assert_eq!(meta.labels, ours("imgauto.dev/drift", "none"));
        assert_eq!(meta.annotations, ours("policy.imgauto.dev/web", "web"));
        assert_eq!(meta.managed_fields, None);
        assert_eq!((meta.uid.as_deref(), meta.generation), (Some("1"), Some(3)));
        assert_eq!(seen.specs.len(), 1);
    }

    #[test]
    fn each_kind_has_its_images_elsewhere() {
        let spec = json!({ "containers": [{ "name": "web", "image": "a:1" }] });
        let template = json!({ "spec": spec });
        let meta = json!({ "name": "web" });
        let job = json!({ "spec": { "template": template } });
        let cron = json!({ "metadata": meta, "spec": { "jobTemplate": job } });
        assert_eq!(images::<CronJob>(cron), ["a:1"]);
        let template = json!({ "metadata": meta, "template": template });
        assert_eq!(images::<PodTemplate>(template), ["a:1"]);
        assert_eq!(
            images::<Pod>(json!({ "metadata": meta, "spec": spec })),
            ["a:1"]
        );
        let other = json!({ "metadata": meta });
        assert!(serde_json::from_value::<Seen<ConfigMap>>(other).is_err());
    }

    #[test]
    fn what_a_pod_runs_is_read() {
        let pod = json!({
            "metadata": { "name": "web" },
            "status": { "phase": "Running", "containerStatuses": [{ "name": "web", "ready": true, "imageID": "a@sha256:1" }] },
        });
        let seen: Seen<Pod> = serde_json::from_value(pod).unwrap();
        assert_eq!(seen.status.phase, "Running");
        assert_eq!(seen.status.container_statuses[0].image_id, "a@sha256:1");
    }
}
