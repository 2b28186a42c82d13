//! The images of a pod's spec. Nothing else knows in which fields images stand.

use engine::admission::{List, Slot};
use serde::Deserialize;

mod paths;

pub use paths::{PodPathError, PodPaths, PodSpecs};

/// As much of a pod's spec as tells its images.
///
/// `S` is what texts are held in: `String`, or something that borrows. Lists and texts that are `null` count as absent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", bound = "S: Deserialize<'de>")]
pub struct PodSpec<S> {
    init_containers: Option<Vec<Container<S>>>,
    containers: Option<Vec<Container<S>>>,
    ephemeral_containers: Option<Vec<Container<S>>>,
    volumes: Option<Vec<Volume<S>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
struct Container<S> {
    name: Option<S>,
    image: Option<S>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
struct Volume<S> {
    name: Option<S>,
    image: Option<ImageVolume<S>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
struct ImageVolume<S> {
    reference: Option<S>,
}

impl<S: AsRef<str>> PodSpec<S> {
    /// The images, in the order of [`List::ALL`] and then of the spec.
    ///
    /// A container without an image is told of, with an empty one; a volume only if it is an image.
    pub fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        List::ALL.into_iter().flat_map(|list| {
            let (containers, volumes) = match list {
                List::InitContainers => (self.init_containers.as_deref(), None),
                List::Containers => (self.containers.as_deref(), None),
                List::EphemeralContainers => (self.ephemeral_containers.as_deref(), None),
                List::Volumes => (None, self.volumes.as_deref()),
            };
            let containers = containers.unwrap_or_default().iter();
            let containers = containers.map(|one| (one.name.as_ref(), one.image.as_ref()));
            let volumes = volumes.unwrap_or_default().iter().filter_map(|one| {
                let image = one.image.as_ref()?;
                Some((one.name.as_ref(), image.reference.as_ref()))
            });
            containers.chain(volumes).map(move |(name, image)| Slot {
                list,
                name: name.map_or("", AsRef::as_ref),
                image: image.map_or("", AsRef::as_ref),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Each slot as `list name=image`.
    fn slots(spec: &Value) -> Vec<String> {
        let spec: PodSpec<String> = serde_json::from_value(spec.clone()).unwrap();
        let slots = spec.slots();
        slots
            .map(|slot| format!("{} {}={}", slot.list, slot.name, slot.image))
            .collect()
    }

    #[test]
    fn every_field_that_holds_an_image_is_seen() {
        let spec = json!({
            "volumes": [
                { "name": "files", "image": { "reference": "a:4", "pullPolicy": "Always" } },
                { "name": "scratch", "emptyDir": {} },
            ],
            "containers": [{ "name": "web", "image": "a:2", "env": [] }],
            "ephemeralContainers": [{ "name": "debugger", "image": "a:3" }],
            "initContainers": [
                { "name": "migrate", "image": "a:0" },
                { "name": "proxy", "image": "a:1", "restartPolicy": "Always" },
            ],
        });
        assert_eq!(
            slots(&spec),
            [
                "init container migrate=a:0",
                "init container proxy=a:1",
                "container web=a:2",
                "ephemeral container debugger=a:3",
                "volume files=a:4",
            ]
        );
    }

    #[test]
    fn what_is_null_is_absent() {
        let null = json!({ "containers": null, "volumes": null, "initContainers": null });
        assert!(slots(&null).is_empty() && slots(&json!({})).is_empty());
        let unnamed = json!({ "containers": [{ "image": null }, { "name": "a" }],
                              "volumes": [{ "image": {} }, { "name": "b", "image": null }] });
        assert_eq!(slots(&unnamed), ["container =", "container a=", "volume ="]);
    }

    #[test]
    fn what_is_no_list_of_containers_is_an_error() {
        for spec in [
            json!({ "containers": {} }),
            json!({ "containers": [null] }),
            json!({ "containers": [{ "image": 1 }] }),
            json!({ "volumes": [{ "image": "a" }] }),
            json!([]),
        ] {
            assert!(
                serde_json::from_value::<PodSpec<String>>(spec.clone()).is_err(),
                "{spec}"
            );
        }
    }
}
