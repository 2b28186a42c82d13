//! References from one object to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalObjectReference {
    /// Name of the referent.
    pub name: String,
}

impl LocalObjectReference {
    /// Returns a reference to `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// The name of an object, and its namespace if that is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespacedObjectReference {
    /// Name of the referent.
    pub name: String,
    /// Namespace of the referent. Defaults to that of the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl NamespacedObjectReference {
    /// Returns the namespace that is meant in an object of namespace `own`.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        given_or(self.namespace.as_deref(), own)
    }
}

/// Returns a namespace that is given, else the object's own. An empty text gives none, as everywhere in Kubernetes.
pub(crate) fn given_or<'a>(given: Option<&'a str>, own: &'a str) -> &'a str {
    given.filter(|name| !name.is_empty()).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_namespace_stays_in_its_own() {
        let reference = |namespace: Option<&str>| NamespacedObjectReference {
            name: "app".to_owned(),
            namespace: namespace.map(str::to_owned),
        };
        assert_eq!(reference(None).namespace_or("own"), "own");
        assert_eq!(reference(Some("")).namespace_or("own"), "own");
        assert_eq!(reference(Some("other")).namespace_or("own"), "other");
    }
}
