//! What is read of objects: of the long answers of an API server only the fields that are needed, and nothing else is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One page of a list, whose objects are not read yet.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

impl Page<'_> {
    /// Reads the objects.
    pub(super) fn items<T: DeserializeOwned>(&self) -> Result<Vec<T>, serde_json::Error> {
        // Go writes a list of nothing as `null`.
        let items = self.items.map(|items| serde_json::from_str(items.get()));
        Ok(items.transpose()?.unwrap_or_default())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMeta {
    /// Leads to the next page; empty on the last one.
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
}

/// The metadata of an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) creation_timestamp: Option<Time>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    pub(super) labels: Kept,
    pub(super) annotations: Kept,
    pub(super) owner_references: Vec<Owner>,
}

impl Meta {
    /// What controls the object, if anything does.
    pub(super) fn controller(&mut self) -> Option<Owner> {
        let at = self
            .owner_references
            .iter()
            .position(|owner| owner.controller)?;
        Some(self.owner_references.swap_remove(at))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(default)]
    pub(super) controller: bool,
}

/// The labels or annotations that mean something here; whole manifests stand in some of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(pub(super) BTreeMap<String, String>);

impl Kept {
    const PREFIXES: [&str; 5] = [
        "kustomize.toolkit.fluxcd.io/",
        "helm.toolkit.fluxcd.io/",
        "argocd.argoproj.io/",
        "deployment.kubernetes.io/revision",
        "controller-revision-hash",
    ];

    fn wants(key: &str) -> bool {
        let own = key
            .split_once('/')
            .is_some_and(|(domain, _)| is_own(domain));
        own || key == INSTANCE || Self::PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// The label by which Argo CD, unless told otherwise, knows what is its own.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

/// Whether a key is one of ours.
fn is_own(domain: &str) -> bool {
    domain == api::keys::IMGAUTO_GROUP
        || domain
            .strip_suffix(api::keys::IMGAUTO_GROUP)
            .is_some_and(|rest| rest.ends_with('.'))
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeptVisitor)
    }
}

struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts by name")
    }

    fn visit_unit<E>(self) -> Result<Kept, E> {
        Ok(Kept::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
        let mut kept = Kept::default();
        while let Some(Key(key)) = map.next_key()? {
            if Kept::wants(&key) {
                kept.0.insert(key.into_owned(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

/// A name that is not copied where it stands as it is meant.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// An object of which only the metadata is read.
#[derive(Debug, Deserialize)]
pub(super) struct Bare {
    #[serde(default)]
    pub(super) metadata: Meta,
}

/// Anything that has a template of pods.
#[derive(Debug, Deserialize)]
pub(super) struct Templated {
    #[serde(default)]
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: TemplatedSpec,
    #[serde(default)]
    pub(super) status: TemplatedStatus,
}

/// The fields of all kinds with a template together; each kind has some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TemplatedSpec {
    pub(super) replicas: Option<i32>,
    pub(super) suspend: Option<bool>,
    pub(super) completions: Option<i32>,
    pub(super) parallelism: Option<i32>,
    pub(super) template: Template,
    pub(super) job_template: Option<JobTemplate>,
    pub(super) update_strategy: UpdateStrategy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UpdateStrategy {
    #[serde(rename = "type")]
    pub(super) name: Option<String>,
    pub(super) rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RollingUpdate {
    pub(super) partition: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobTemplate {
    pub(super) spec: JobSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobSpec {
    pub(super) template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    pub(super) spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Vec<Container>,
    pub(super) volumes: Vec<Volume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) image: Option<ImageVolume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ImageVolume {
    pub(super) reference: String,
}

/// The numbers of all kinds with a template together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TemplatedStatus {
    pub(super) observed_generation: i64,
    pub(super) replicas: i32,
    pub(super) updated_replicas: i32,
    pub(super) ready_replicas: i32,
    pub(super) available_replicas: i32,
    pub(super) current_revision: String,
    pub(super) update_revision: String,
    pub(super) desired_number_scheduled: i32,
    pub(super) updated_number_scheduled: i32,
    pub(super) number_available: i32,
    pub(super) active: Active,
    pub(super) ready: i32,
    pub(super) succeeded: i32,
    pub(super) conditions: Vec<Condition>,
}

/// How many there are: a Job says the number of its pods, a CronJob names its Jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Active(pub(super) i32);

impl<'de> Deserialize<'de> for Active {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;
        impl<'de> Visitor<'de> for Counted {
            type Value = Active;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a list to be counted")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Active, E> {
                Ok(Active(i32::try_from(number).unwrap_or(i32::MAX)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Active, E> {
                Ok(Active(i32::try_from(number).unwrap_or(i32::MAX)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Active, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Active(count))
            }
        }
        deserializer.deserialize_any(Counted)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) name: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) observed_generation: Option<i64>,
}

/// Finds a condition.
pub(super) fn condition<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.name == name)
}

/// A pod.
#[derive(Debug, Deserialize)]
pub(super) struct PodObject {
    #[serde(default)]
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: PodSpec,
    #[serde(default)]
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub(super) phase: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) container_statuses: Vec<ContainerStatus>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(rename = "imageID")]
    pub(super) image_id: String,
    pub(super) ready: bool,
    pub(super) state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<IgnoredAny>,
    pub(super) terminated: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: String,
    pub(super) message: String,
}

#[cfg(test)]
mod tests;
