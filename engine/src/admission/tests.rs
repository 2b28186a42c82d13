mod marks;
mod properties;
mod verdict;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::{DRIFT, MODE, REQUIRE_ANNOTATION, REQUIRE_POLICY};
use super::*;
use crate::catalog::{Catalog, Entry};
use crate::change::LatestRef;
use crate::drift::Readiness;
use crate::image::Repository;
use crate::policy::{Policy, PolicySpec};
use crate::tie::Candidate;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const USER: &str = "jane";
const DRIFT_CONTROLLER: &str = "system:serviceaccount:imgauto-system:imgauto-reconciler";
const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";
const OWNER: Owner<'_> = Owner {
    group: "apps",
    kind: "ReplicaSet",
    name: "web-1",
};

/// A policy `namespace/name` for `ghcr.io/acme/<repository>` that has chosen a tag from a range.
fn policy(name: &str, repository: &str, range: &str, latest: Option<&str>) -> Entry {
    let (namespace, name) = name.split_once('/').unwrap();
    let image = format!("ghcr.io/acme/{repository}");
    let rule = Policy::new(&PolicySpec {
        semver_range: Some(range),
        ..PolicySpec::default()
    });
    Entry {
        candidate: Candidate {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            repository: Repository::parse(&image).ok(),
            grants: Vec::new(),
        },
        rule: rule.ok().map(Arc::new),
        latest: latest.map(|tag| LatestRef {
            name: image,
            tag: tag.to_owned(),
            digest: None,
        }),
        previous: None,
        readiness: Readiness::Ready,
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// What is known, and how all is set up.
struct World {
    catalog: Catalog,
    wishes: Option<Wishes>,
    mode: Mode,
    rules: Rules,
    knowledge: Knowledge,
}

impl World {
    /// Namespace `apps` of a mode, with the policies `apps/web`, `apps/api` and `other/tool`.
    fn new(mode: Mode) -> Self {
        Self::with_labels(&[(MODE, mode.as_str())], &[])
    }

    fn requiring(mode: Mode) -> Self {
        Self::with_labels(&[(MODE, mode.as_str()), (REQUIRE_POLICY, "true")], &[])
    }

    fn with_labels(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Self {
        let wishes = Wishes::new(owned(labels), &owned(annotations));
        let mut rules = Rules {
            marker: Some(DRIFT_CONTROLLER.to_owned()),
            ..Rules::default()
        };
        rules.exempt_namespaces.insert("imgauto-system".to_owned());
        rules.overriders.insert("on-call".to_owned());
        Self {
            catalog: Catalog::new([
                policy("apps/web", "web", "1.x", Some("1.9.0")),
                policy("apps/api", "api", ">=2.0.0", Some("2.5.0")),
                policy("other/tool", "tool", "1.x", Some("1.0.0")),
                policy("apps/unborn", "unborn", "1.x", None),
            ]),
            mode: wishes.mode,
            wishes: Some(wishes),
            rules,
            knowledge: Knowledge::Fresh,
        }
    }

    fn mark(&self, request: &Request) -> Marking {
        request.with(self, |review| {
            mark(review, &self.catalog, self.knowledge, &self.rules)
        })
    }

    fn judge(&self, request: &Request) -> Verdict {
        request.with(self, |review| {
            judge(review, &self.catalog, self.knowledge, &self.rules)
        })
    }
}

/// A workload that lives as long as a test.
#[derive(Clone, Debug, Default, PartialEq)]
struct Object {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    slots: Vec<(List, String, String)>,
    owner: Option<Owner<'static>>,
    is_mirror: bool,
}

impl Object {
    /// A workload with these containers.
    fn of(containers: &[(&str, &str)]) -> Self {
        Self::default().and(List::Containers, containers)
    }

    fn and(mut self, list: List, slots: &[(&str, &str)]) -> Self {
        let slots = slots.iter();
        self.slots
            .extend(slots.map(|(name, image)| (list, (*name).to_owned(), (*image).to_owned())));
        self
    }

    fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    fn labelled(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    fn image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.slots[0].2);
        self
    }

    fn apply(mut self, marking: &Marking) -> Self {
        let Marking::Edits(edits) = marking else {
            return self;
        };
        for (edits, texts) in [
            (&edits.labels, &mut self.labels),
            (&edits.annotations, &mut self.annotations),
        ] {
            for edit in edits {
                match edit {
                    Edit::Set { key, value } => texts.insert(key.clone(), value.clone()),
                    Edit::Remove { key } => {
                        Some(texts.remove(key).expect("what is removed is there"))
                    }
                };
            }
        }
        self
    }

    fn drift(&self) -> Option<&str> {
        self.labels.get(DRIFT).map(String::as_str)
    }
}

/// A request that lives as long as a test.
#[derive(Clone, Debug)]
struct Request {
    namespace: &'static str,
    user: &'static str,
    groups: Vec<Cow<'static, str>>,
    object: Object,
    before: Option<Object>,
    part: Part,
}

impl Request {
    fn create(object: Object) -> Self {
        Self {
            namespace: "apps",
            user: USER,
            groups: vec!["system:authenticated".into()],
            object,
            before: None,
            part: Part::Whole,
        }
    }

    fn update(before: &Object, object: Object) -> Self {
        Self {
            before: Some(before.clone()),
            ..Self::create(object)
        }
    }

    fn by(mut self, user: &'static str, groups: &[&'static str]) -> Self {
        self.user = user;
        self.groups = groups.iter().map(|group| Cow::Borrowed(*group)).collect();
        self
    }

    fn with<T>(&self, world: &World, ask: impl FnOnce(&Review<'_>) -> T) -> T {
        fn texts(map: &BTreeMap<String, String>) -> Texts<'_> {
            map.iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect()
        }
        type Borrowed<'a> = (Texts<'a>, Texts<'a>, Vec<Slot<'a>>);
        fn borrowed(object: &Object) -> Borrowed<'_> {
            let slots = object.slots.iter().map(|(list, name, image)| Slot {
                list: *list,
                name,
                image,
            });
            (
                texts(&object.labels),
                texts(&object.annotations),
                slots.collect(),
            )
        }
        fn workload<'a>(object: &'a Object, parts: &'a Borrowed<'a>) -> Workload<'a> {
            Workload {
                labels: &parts.0,
                annotations: &parts.1,
                slots: &parts.2,
                owner: object.owner,
                is_mirror: object.is_mirror,
            }
        }
        let now = borrowed(&self.object);
        let before = self
            .before
            .as_ref()
            .map(|object| (object, borrowed(object)));
        ask(&Review {
            namespace: Namespace {
                name: self.namespace,
                wishes: world.wishes.as_ref(),
                mode: world.mode,
            },
            requester: Requester {
                user: self.user,
                groups: &self.groups,
            },
            object: workload(&self.object, &now),
            before: before
                .as_ref()
                .map(|(object, parts)| workload(object, parts)),
            part: self.part,
        })
    }
}
