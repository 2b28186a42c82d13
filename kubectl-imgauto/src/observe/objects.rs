//! Objects of any kind, as many of them as the user may see.

use std::collections::BTreeMap;

use engine::delivery::Seen;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt as _};
use reconciler::resources::ObjectKey;
use serde::de::DeserializeOwned;

use super::list::{Kind, Listed, Query, list};
use super::wire::Meta;
use crate::error::CliError;

/// The objects of a kind.
#[derive(Debug)]
pub(super) struct Objects<T> {
    pub(super) found: BTreeMap<ObjectKey, T>,
    /// Why some may be missing here, if some may.
    pub(super) hidden: Option<String>,
    /// Whether the cluster has no such kind.
    pub(super) is_unknown: bool,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self {
            found: BTreeMap::new(),
            hidden: None,
            is_unknown: false,
        }
    }
}

impl<T> Objects<T> {
    /// Makes something else of each.
    pub(super) fn map<U>(self, mut make: impl FnMut(&ObjectKey, T) -> U) -> Objects<U> {
        let found = self.found.into_iter().map(|(key, object)| {
            let made = make(&key, object);
            (key, made)
        });
        Objects {
            found: found.collect(),
            hidden: self.hidden,
            is_unknown: self.is_unknown,
        }
    }

    /// Looks for one.
    pub(super) fn seen(&self, key: &ObjectKey) -> Seen<&T> {
        match (self.found.get(key), &self.hidden) {
            (Some(found), _) => Seen::Present(found),
            (None, Some(sentence)) => Seen::Hidden(sentence.clone()),
            (None, None) => Seen::Absent,
        }
    }
}

/// An object of which only some fields are read.
pub(super) trait Lean: DeserializeOwned + Send + 'static {
    /// Its metadata.
    fn meta(&self) -> &Meta;
}

/// Where objects are looked for that may lie in any namespace.
pub(super) struct Reach<'a> {
    pub(super) client: &'a Client,
    /// Where to look if the user may not look everywhere.
    pub(super) namespaces: Vec<String>,
}

impl Reach<'_> {
    /// Lists the objects of a kind of ours or Flux's; one that cannot be read is told in `hidden` and hides no other.
    pub(super) async fn typed<K>(&self) -> Result<Objects<K>, CliError>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug + Send + 'static,
    {
        let kind = Kind::new(&K::api_version(&()), &K::kind(&()), &K::plural(&()));
        let mut broken = None;
        let keep = |object: DeserializeGuard<K>| match object.0 {
            Ok(mut object) => {
                object.meta_mut().managed_fields = None;
                let key = ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any());
                Some((key, object))
            }
            Err(error) => {
                let meta = &error.metadata;
                let (kind, name) = (K::kind(&()), meta.name.as_deref().unwrap_or_default());
                let namespace = meta.namespace.as_deref().unwrap_or_default();
                let error = error.error;
                broken = Some(format!("cannot read {kind} {namespace}/{name}: {error}"));
                None
            }
        };
        let mut objects = self.list(&kind, keep).await?;
        objects.hidden = objects.hidden.or(broken);
        Ok(objects)
    }

    /// Lists the objects of a kind of which only some fields are read.
    pub(super) async fn lean<W: Lean>(&self, kind: &Kind) -> Result<Objects<W>, CliError> {
        let keep = |object: W| {
            let meta = object.meta();
            Some((ObjectKey::new(&meta.namespace, &meta.name), object))
        };
        self.list(kind, keep).await
    }

    async fn list<W: DeserializeOwned + Send + 'static, T>(
        &self,
        kind: &Kind,
        mut keep: impl FnMut(W) -> Option<(ObjectKey, T)>,
    ) -> Result<Objects<T>, CliError> {
        let everywhere = Query::default();
        let sentence = match list(self.client, kind, &everywhere, &mut keep).await? {
            Listed::Found(found) => {
                return Ok(Objects {
                    found: found.into_iter().collect(),
                    ..Objects::default()
                });
            }
            Listed::Absent => {
                return Ok(Objects {
                    is_unknown: true,
                    ..Objects::default()
                });
            }
            Listed::Forbidden(sentence) => sentence,
        };
        let mut objects = Objects {
            hidden: Some(sentence),
            ..Objects::default()
        };
        for namespace in &self.namespaces {
            let query = Query {
                namespace: Some(namespace.clone()),
                ..Query::default()
            };
            if let Listed::Found(found) = list(self.client, kind, &query, &mut keep).await? {
                objects.found.extend(found);
            }
        }
        Ok(objects)
    }
}
