//! The definitions of the kinds: which are there, whose they are, and whether they will do.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use super::owner::{Owner, owner};
use crate::cluster::{Attempt, refused};
use crate::error::CliError;

/// The version of a kind that names no other.
const USUAL_VERSION: &str = "v1";

/// How a definition of somebody else compares with the one imgauto would install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It says the same but for descriptions.
    Same,
    /// It serves the version that is needed, with differences.
    Differs {
        /// The fields it does not have, by path.
        missing: Vec<String>,
    },
    /// It does not serve the version that is needed.
    Unserved {
        /// The version.
        version: String,
        /// Those it serves.
        served: Vec<String>,
    },
}

/// Returns a definition of the cluster, if it is there.
pub(crate) async fn find(
    client: &Client,
    name: &str,
) -> Result<Option<CustomResourceDefinition>, CliError> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.get_opt(name).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("CustomResourceDefinition {name}"),
            api_version: "apiextensions.k8s.io/v1",
        };
        refused(&error, attempt)
    })
}

/// Returns who looks after a definition.
pub(crate) fn definition_owner(definition: &CustomResourceDefinition) -> Owner {
    owner(&definition.metadata)
}

/// The versions a definition serves.
pub(crate) fn served(definition: &CustomResourceDefinition) -> Vec<String> {
    let versions = definition.spec.versions.iter();
    let served = versions.filter(|version| version.served);
    served.map(|version| version.name.clone()).collect()
}

/// How the objects of a kind are asked for: in any version that is served.
pub(crate) fn resource(there: &CustomResourceDefinition) -> Option<ApiResource> {
    let version = served(there).into_iter().next()?;
    let group = there.spec.group.clone();
    Some(ApiResource {
        api_version: format!("{group}/{version}"),
        group,
        version,
        kind: there.spec.names.kind.clone(),
        plural: there.spec.names.plural.clone(),
    })
}

/// The versions in which objects may still be stored, besides those that are served for good.
pub(crate) fn outdated_storage(definition: &CustomResourceDefinition) -> Vec<String> {
    let wanted = storage(definition).map(|version| version.name.clone());
    let status = definition.status.as_ref();
    let stored = status.and_then(|status| status.stored_versions.clone());
    let stored = stored.unwrap_or_default().into_iter();
    stored
        .filter(|version| Some(version) != wanted.as_ref())
        .collect()
}

/// Whether the API server serves the kind already.
pub(crate) fn is_established(definition: &CustomResourceDefinition) -> bool {
    let status = definition.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// The version in which objects are stored.
fn storage(definition: &CustomResourceDefinition) -> Option<&CustomResourceDefinitionVersion> {
    let mut versions = definition.spec.versions.iter();
    versions.find(|version| version.storage)
}

/// Compares a definition of the cluster with the one imgauto would install.
pub(crate) fn compare(
    ours: &CustomResourceDefinition,
    theirs: &CustomResourceDefinition,
) -> Comparison {
    let needed = storage(ours).map_or(USUAL_VERSION, |version| &version.name);
    let version_of = |definition: &CustomResourceDefinition| {
        let mut versions = definition.spec.versions.clone().into_iter();
        versions.find(|version| version.name == needed && version.served)
    };
    let (Some(ours), Some(version)) = (version_of(ours), version_of(theirs)) else {
        return Comparison::Unserved {
            version: needed.to_owned(),
            served: served(theirs),
        };
    };
    let (ours, theirs) = (schema(&ours), schema(&version));
    if ours == theirs {
        return Comparison::Same;
    }
    let mut missing = Vec::new();
    lacking(&ours, &theirs, "", &mut missing);
    Comparison::Differs { missing }
}

/// The schema of a version, without descriptions.
fn schema(version: &CustomResourceDefinitionVersion) -> Value {
    let schema = version.schema.as_ref();
    let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_ref());
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    without_descriptions(&mut value);
    value
}

/// Takes descriptions out of a schema; a property of that name has a schema, not a text.
fn without_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, field| key != "description" || !field.is_string());
            fields.values_mut().for_each(without_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Collects the paths of the properties that one schema has and another has not.
fn lacking(ours: &Value, theirs: &Value, path: &str, missing: &mut Vec<String>) {
    for (name, field) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match theirs["properties"].get(name) {
            None => missing.push(path),
            Some(theirs) => lacking(field, theirs, &path, missing),
        }
    }
    if ours["items"].is_object() && theirs["items"].is_object() {
        lacking(
            &ours["items"],
            &theirs["items"],
            &format!("{path}[]"),
            missing,
        );
    }
}

/// The plural of a definition, such as `imagepolicies`.
pub(crate) fn plural(definition: &CustomResourceDefinition) -> String {
    definition
        .name_any()
        .split('.')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> CustomResourceDefinition {
        api::crds::crds()[1].clone()
    }

    #[test]
    fn descriptions_make_no_difference() {
        let facts = include_str!("../../../api/tests/data/flux-crds.json");
        let facts: Value = serde_json::from_str(facts).unwrap();
        let mut compared = 0;
        for ours in api::crds::crds()
            .iter()
            .chain([&api::crds::git_repository_crd()])
        {
            if let Some(theirs) = facts.get(ours.name_any()) {
                let theirs = serde_json::from_value(theirs.clone()).unwrap();
                assert_eq!(
                    compare(ours, &theirs),
                    Comparison::Same,
                    "{}",
                    ours.name_any()
                );
                compared += 1;
            }
        }
        assert_eq!(compared, 4);
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let mut theirs = ours();
        let schema = theirs.spec.versions[0].schema.as_mut().unwrap();
        let root = schema.open_api_v3_schema.as_mut().unwrap();
        let spec = root.properties.as_mut().unwrap().get_mut("spec").unwrap();
        spec.properties.as_mut().unwrap().remove("suspend");
        let missing = vec![".spec.suspend".to_owned()];
        assert_eq!(compare(&ours(), &theirs), Comparison::Differs { missing });
    }

    #[test]
    fn a_version_that_is_not_served_is_told() {
        let mut theirs = ours();
        theirs.spec.versions[0].name = "v1beta2".to_owned();
        let expected = Comparison::Unserved {
            version: "v1".to_owned(),
            served: vec!["v1beta2".to_owned()],
        };
        assert_eq!(compare(&ours(), &theirs), expected);
        theirs.spec.versions[0].served = false;
        let Comparison::Unserved { served, .. } = compare(&ours(), &theirs) else {
            panic!("nothing is served");
        };
        assert!(served.is_empty());
    }

    #[test]
    fn what_is_stored_in_an_old_version_is_found() {
        let mut definition = ours();
        let status = serde_json::json!({"storedVersions": ["v1beta2", "v1"]});
        definition.status = serde_json::from_value(status).unwrap();
        assert_eq!(outdated_storage(&definition), ["v1beta2"]);
        assert!(!is_established(&definition));
    }
}
