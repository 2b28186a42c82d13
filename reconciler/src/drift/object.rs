//! What is kept of workloads, of their pods, and of what stands between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::pod_spec::PodSpec;
use engine::admission::{List, Owner, Rules, Slot, Texts, Workload, keys};
use engine::drift::running_digest;
use kube::Resource;
use kube::ResourceExt as _;

use super::kind::Kind;
use super::seen::{ContainerStatus, Seen};
use crate::resources::ObjectKey;

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) object: ObjectKey,
}

/// What is kept of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) uid: Arc<str>,
    /// UID of what controls it.
    pub(super) owner: Option<Arc<str>>,
    /// What marks are made of, if it is marked.
    pub(super) marked: Option<Arc<Marked>>,
    /// What it runs, if it is a pod that lives.
    pub(super) running: Vec<Running>,
}

/// A workload that is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// Grows with each write.
    pub(super) version: u64,
    /// Grows with each change of the spec.
    pub(super) generation: i64,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) images: Vec<Image>,
}

/// An image, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) list: List,
    pub(super) name: String,
    pub(super) image: String,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) written: Image,
    /// The digest of the image that runs.
    pub(super) digest: String,
}

impl Image {
    fn of(slot: Slot<'_>) -> Self {
        Self {
            list: slot.list,
            name: slot.name.to_owned(),
            image: slot.image.to_owned(),
        }
    }

    pub(super) fn slot(&self) -> Slot<'_> {
        Slot {
            list: self.list,
            name: &self.name,
            image: &self.image,
        }
    }
}

impl Kept {
    /// Keeps what is needed of an object; `rules` are those by which the webhook marks.
    pub(super) fn of<K: Resource<DynamicType = ()>>(object: &Seen<K>, rules: &Rules) -> Self {
        let meta = object.meta();
        let owners = meta.owner_references.iter().flatten();
        let controller = owners.clone().find(|owner| owner.controller == Some(true));
        let owner = controller.map(|owner| Owner {
            group: owner
                .api_version
                .split_once('/')
                .map_or("", |(group, _)| group),
            kind: &owner.kind,
            name: &owner.name,
        });
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let leaves = meta.deletion_timestamp.is_some();
        let is_marked = rules.marks(namespace, owner) && !leaves;
        let ended = matches!(object.status.phase.as_str(), "Succeeded" | "Failed");
        Self {
            uid: object.uid().unwrap_or_default().into(),
            owner: controller.map(|owner| owner.uid.as_str().into()),
            marked: is_marked.then(|| Arc::new(Marked::of(object))),
            running: match ended || leaves {
                true => Vec::new(),
                false => running(object),
            },
        }
    }
}

impl Marked {
    fn of<K: Resource<DynamicType = ()>>(object: &Seen<K>) -> Self {
        let meta = object.meta();
        let version = meta.resource_version.as_deref();
        let images = object.specs.iter().flat_map(PodSpec::slots);
        Self {
            version: version
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
            images: images.map(Image::of).collect(),
        }
    }

    /// The label that it carries.
    pub(super) fn label(&self) -> Option<&str> {
        self.labels.get(keys::DRIFT).map(String::as_str)
    }

    /// Asks something about it as the engine sees it.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&Workload<'_>) -> T) -> T {
        fn texts(all: &BTreeMap<String, String>) -> Texts<'_> {
            let pairs = all.iter();
            pairs
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect()
        }
        let slots: Vec<_> = self.images.iter().map(Image::slot).collect();
        ask(&Workload {
            labels: &texts(&self.labels),
            annotations: &texts(&self.annotations),
            slots: &slots,
            owner: None,
            is_mirror: false,
        })
    }
}

/// The containers of a pod whose images are known by digest.
fn running<K>(object: &Seen<K>) -> Vec<Running> {
    let status = &object.status;
    let slots = object.specs.iter().flat_map(PodSpec::slots);
    let told = slots.filter_map(|slot| {
        let statuses = match slot.list {
            List::InitContainers => &status.init_container_statuses,
            List::Containers => &status.container_statuses,
            List::EphemeralContainers => &status.ephemeral_container_statuses,
            List::Volumes => return None,
        };
        let is_its = |status: &&ContainerStatus| status.name == slot.name;
        let digest = running_digest(&statuses.iter().find(is_its)?.image_id)?;
        Some(Running {
            digest: digest.to_owned(),
            written: Image::of(slot),
        })
    });
    told.collect()
}
