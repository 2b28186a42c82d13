//! Where the kinds that run containers keep the specs of their pods.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::PodSpec;

/// The kinds of Kubernetes itself, by group and resource.
const BUILT_IN: [(&str, &str, &str); 9] = [
    ("", "pods", "spec"),
    ("", "podtemplates", "template.spec"),
    ("", "replicationcontrollers", "spec.template.spec"),
    ("apps", "daemonsets", "spec.template.spec"),
    ("apps", "deployments", "spec.template.spec"),
    ("apps", "replicasets", "spec.template.spec"),
    ("apps", "statefulsets", "spec.template.spec"),
    ("batch", "cronjobs", "spec.jobTemplate.spec.template.spec"),
    ("batch", "jobs", "spec.template.spec"),
];

static BUILT_IN_PATHS: LazyLock<[PodPaths; BUILT_IN.len()]> = LazyLock::new(|| {
    BUILT_IN.map(|(_, _, path)| PodPaths::parse([path]).expect("a test reads all of them"))
});

/// What stands behind a field that holds a list, each item of which is meant.
const EACH: &str = "[*]";

/// The fields of a kind that hold specs of pods.
///
/// One walk over an object finds all of them, whatever else stands in it, and copies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodPaths {
    root: Node,
}

/// What an object may hold below some path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    /// Whether the spec of a pod stands here.
    is_spec: bool,
    /// What each item of a list holds, if a list stands here.
    each: Option<Box<Self>>,
    fields: BTreeMap<String, Self>,
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodPathError {
    /// A field has no name, or the brackets are wrong.
    Malformed(String),
    /// The path leads into a pod's spec that another one names, or to a list that is none there.
    Conflict(String),
}

impl fmt::Display for PodPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(path) => write!(
                f,
                "{path:?} is no path such as spec.template.spec or spec.jobs[*].template.spec"
            ),
            Self::Conflict(path) => write!(f, "{path:?} does not go with the other paths"),
        }
    }
}

impl std::error::Error for PodPathError {}

impl PodPaths {
    /// The paths of a kind of Kubernetes itself, by its group and resource, such as `apps` and `deployments`.
    pub fn built_in(group: &str, resource: &str) -> Option<&'static Self> {
        let mut known = BUILT_IN.iter();
        let at = known.position(|(in_group, name, _)| *in_group == group && *name == resource)?;
        BUILT_IN_PATHS.get(at)
    }

    /// Reads paths such as `spec.template.spec` and `spec.replicatedJobs[*].template.spec.template.spec`.
    ///
    /// # Errors
    ///
    /// When a text is no path, or two of them exclude each other.
    pub fn parse<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, PodPathError> {
        let mut root = Node::default();
        for path in paths {
            root.add(path)?;
        }
        Ok(Self { root })
    }

    /// Whether specs of pods may stand below a field of the object itself.
    pub fn begins_with(&self, field: &str) -> bool {
        self.root.fields.contains_key(field)
    }

    /// Reads the specs of pods out of an object.
    pub fn of_object<'a, S>(&'a self, found: &'a mut Vec<PodSpec<S>>) -> PodSpecs<'a, S> {
        PodSpecs {
            node: &self.root,
            found,
        }
    }

    /// Reads the specs of pods out of the value of a field of the object itself.
    pub fn of_field<'a, S>(
        &'a self,
        field: &str,
        found: &'a mut Vec<PodSpec<S>>,
    ) -> Option<PodSpecs<'a, S>> {
        let node = self.root.fields.get(field)?;
        Some(PodSpecs { node, found })
    }
}

impl Node {
    fn add(&mut self, path: &str) -> Result<(), PodPathError> {
        let malformed = || PodPathError::Malformed(path.to_owned());
        let mut node = &mut *self;
        for step in path.split('.') {
            let name = step.trim_end_matches(EACH);
            if name.is_empty() || name.contains(['[', ']', ' ']) {
                return Err(malformed());
            }
            node = node.fields.entry(name.to_owned()).or_default();
            for _ in 0..(step.len() - name.len()) / EACH.len() {
                node = node.each.get_or_insert_default();
            }
        }
        node.is_spec = true;
        match self.is_consistent() {
            true => Ok(()),
            false => Err(PodPathError::Conflict(path.to_owned())),
        }
    }

    /// Whether every place is one thing: a spec, a list or an object.
    fn is_consistent(&self) -> bool {
        let has_fields = !self.fields.is_empty();
        let roles = [self.is_spec, self.each.is_some(), has_fields];
        roles.into_iter().filter(|role| *role).count() == 1
            && self.each.as_ref().is_none_or(|each| each.is_consistent())
            && self.fields.values().all(Self::is_consistent)
    }
}

/// Takes the specs of pods out of a value; what else stands there is passed over.
pub struct PodSpecs<'a, S> {
    node: &'a Node,
    found: &'a mut Vec<PodSpec<S>>,
}

impl<'de, S: Deserialize<'de>> DeserializeSeed<'de> for PodSpecs<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.is_spec {
            let spec = Option::<PodSpec<S>>::deserialize(deserializer)?;
            self.found.extend(spec);
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Deserialize<'de>> Visitor<'de> for PodSpecs<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.node.each {
            Some(_) => "a list",
            None => "an object",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(node) = &self.node.each else {
            return Err(A::Error::custom("a list stands where an object should"));
        };
        loop {
            let item = PodSpecs {
                node,
                found: &mut *self.found,
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        if self.node.each.is_some() {
            return Err(A::Error::custom("an object stands where a list should"));
        }
        while let Some(node) = fields.next_key_seed(Below(self.node))? {
            match node {
                Some(node) => fields.next_value_seed(PodSpecs {
                    node,
                    found: &mut *self.found,
                })?,
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the name of a field, and finds what may stand below it.
struct Below<'a>(&'a Node);

impl<'de, 'a> DeserializeSeed<'de> for Below<'a> {
    type Value = Option<&'a Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Below<'a> {
    type Value = Option<&'a Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.get(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The images below some paths of an object.
    fn images(paths: &PodPaths, object: &Value) -> Result<Vec<String>, String> {
        let mut found: Vec<PodSpec<String>> = Vec::new();
        let seed = paths.of_object(&mut found);
        seed.deserialize(object)
            .map_err(|error| error.to_string())?;
        let slots = found.iter().flat_map(PodSpec::slots);
        Ok(slots.map(|slot| slot.image.to_owned()).collect())
    }

    fn spec(image: &str) -> Value {
        json!({ "containers": [{ "name": "a", "image": image }] })
    }

    #[test]
    fn each_kind_of_kubernetes_is_known() {
        for (group, resource, path) in BUILT_IN {
            let mut object = spec("a:1");
            for field in path.rsplit('.') {
                object = json!({ field: object, "other": [1, { "spec": {} }] });
            }
            let paths = PodPaths::built_in(group, resource).unwrap();
            assert_eq!(images(paths, &object).unwrap(), ["a:1"], "{resource}");
            assert!(paths.begins_with(path.split('.').next().unwrap()));
        }
        assert!(PodPaths::built_in("extensions", "deployments").is_none());
    }

    #[test]
    fn one_walk_finds_all_paths() {
        let paths = [
            "spec.jobs[*].template.spec",
            "spec.leader.spec",
            "spec.matrix[*][*].spec",
            "top",
        ];
        let paths = PodPaths::parse(paths).unwrap();
        let object = json!({
            "spec": {
                "jobs": [{ "template": { "spec": spec("a:1") } }, {}, null, { "template": { "spec": spec("a:2") } }],
                "leader": { "spec": spec("a:3") },
                "matrix": [[{ "spec": spec("a:4") }], []],
                "template": { "spec": spec("a:9") },
            },
            "top": spec("a:5"),
        });
        let found = images(&paths, &object).unwrap();
        assert_eq!(found, ["a:1", "a:2", "a:3", "a:4", "a:5"]);
    }

    #[test]
    fn what_is_not_there_is_no_error_and_what_is_something_else_is() {
        let paths = PodPaths::parse(["spec.jobs[*].spec", "spec.one.spec"]).unwrap();
        for object in [
            json!({}),
            json!({ "spec": null }),
            json!({ "spec": { "jobs": null, "one": {} } }),
        ] {
            assert_eq!(images(&paths, &object).unwrap(), [""; 0]);
        }
        for object in [
            json!([]),
            json!({ "spec": 1 }),
            json!({ "spec": { "jobs": {} } }),
            json!({ "spec": { "one": [] } }),
            json!({ "spec": { "one": { "spec": "a" } } }),
        ] {
            assert!(images(&paths, &object).is_err(), "{object}");
        }
    }

    #[test]
    fn paths_are_checked() {
        for path in ["", "a..b", "[*]", "a[0].b", "a[*", "a b", ".a"] {
            let error = PodPaths::parse([path]).unwrap_err();
            assert_eq!(error, PodPathError::Malformed(path.to_owned()), "{path}");
        }
        for paths in [["a.b", "a"], ["a", "a.b"], ["a[*].b", "a.b"]] {
            let error = PodPaths::parse(paths).unwrap_err();
            assert!(matches!(error, PodPathError::Conflict(_)), "{paths:?}");
        }
        assert!(PodPaths::parse(["a.b", "a.b"]).is_ok());
    }

    #[test]
    fn the_value_of_a_field_can_be_read_alone() {
        let paths = PodPaths::built_in("", "pods").unwrap();
        let mut found: Vec<PodSpec<String>> = Vec::new();
        assert!(paths.of_field("status", &mut found).is_none());
        let seed = paths.of_field("spec", &mut found).unwrap();
        seed.deserialize(&spec("a:1")).unwrap();
        assert_eq!(found.len(), 1);
    }
}
