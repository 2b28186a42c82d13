//! As much of a workload as marks and verdicts are made of.

use std::fmt;

use api::pod_spec::{PodPaths, PodSpec};
use engine::admission::{Owner, Slot, Texts, Workload};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Text;

/// The annotation by which a kubelet says that a pod mirrors a static one.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A workload of any kind.
#[derive(Debug, Default)]
pub struct Object<'a> {
    metadata: Metadata<'a>,
    specs: Vec<PodSpec<Text<'a>>>,
}

/// Reads a workload of a kind that keeps the specs of its pods at these paths.
///
/// # Errors
///
/// When its metadata or the specs are not what they must be.
pub fn read_object<'a>(
    raw: &'a RawValue,
    paths: &PodPaths,
) -> Result<Object<'a>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    deserializer.deserialize_map(Fields(paths))
}

impl<'a> Object<'a> {
    /// The images.
    pub fn slots(&self) -> Vec<Slot<'_>> {
        self.specs.iter().flat_map(PodSpec::slots).collect()
    }

    /// The workload as decisions see it; `slots` are its own.
    pub fn workload<'b>(&'b self, slots: &'b [Slot<'b>]) -> Workload<'b>
    where
        'a: 'b,
    {
        let Metadata {
            labels,
            annotations,
            owner_references,
        } = &self.metadata;
        static NONE: Texts<'static> = Texts::new();
        let texts = |map: &'b Option<TextMap<'a>>| map.as_ref().map_or(&NONE, |map| &map.texts);
        let owners = owner_references.iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        Workload {
            labels: texts(labels),
            annotations: texts(annotations),
            slots,
            owner: controllers.next().map(OwnerReference::owner),
            is_mirror: annotations.as_ref().is_some_and(|map| map.is_mirror),
        }
    }

    /// Whether the object has a map of labels, be it an empty one.
    pub fn has_labels(&self) -> bool {
        self.metadata.labels.is_some()
    }

    /// Whether the object has a map of annotations, be it an empty one.
    pub fn has_annotations(&self) -> bool {
        self.metadata.annotations.is_some()
    }
}

/// Collects what is read from the fields of an object.
struct Fields<'p>(&'p PodPaths);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Object<'de>, A::Error> {
        let (mut metadata, mut specs) = (None, Vec::new());
        while let Some(field) = fields.next_key::<Text<'_>>()? {
            if field.as_ref() == "metadata" {
                metadata = Some(fields.next_value()?);
            } else if let Some(seed) = self.0.of_field(field.as_ref(), &mut specs) {
                fields.next_value_seed(seed)?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        // Marks are put below it, so it has to be there.
        let metadata = metadata.ok_or_else(|| serde::de::Error::missing_field("metadata"))?;
        Ok(Object { metadata, specs })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    labels: Option<TextMap<'a>>,
    #[serde(borrow, default)]
    annotations: Option<TextMap<'a>>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<OwnerReference<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerReference<'a> {
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(default)]
    controller: Option<bool>,
}

impl OwnerReference<'_> {
    fn owner(&self) -> Owner<'_> {
        let version = super::text(self.api_version.as_ref());
        Owner {
            group: version.split_once('/').map_or("", |(group, _)| group),
            kind: super::text(self.kind.as_ref()),
            name: super::text(self.name.as_ref()),
        }
    }
}

/// Labels or annotations.
#[derive(Debug, Default)]
struct TextMap<'a> {
    texts: Texts<'a>,
    is_mirror: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for TextMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = TextMap<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<TextMap<'de>, A::Error> {
                let mut map = TextMap::default();
                while let Some((key, value)) = pairs.next_entry::<Text<'de>, Text<'de>>()? {
                    map.is_mirror |= key.as_ref() == MIRROR;
                    map.texts.insert(key, value);
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
