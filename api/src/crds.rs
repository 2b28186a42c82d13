//! The definitions of the kinds, as the API server takes them.
//!
//! Those of Flux's kinds equal Flux's own in everything but descriptions, so that either may be installed over
//! the other.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::{GitRepository, ImageInventory, ImagePolicy, ImageRepository, ImageUpdateAutomation};

/// Returns the definitions of the kinds imgauto serves: Flux's image kinds and its own.
pub fn crds() -> [CustomResourceDefinition; 4] {
    [
        of_flux::<ImageRepository>(),
        of_flux::<ImagePolicy>(),
        of_flux::<ImageUpdateAutomation>(),
        definition::<ImageInventory>(),
    ]
}

/// Returns the definition of `GitRepository`, which is Flux's to install where Flux is.
pub fn git_repository_crd() -> CustomResourceDefinition {
    of_flux::<GitRepository>()
}

/// Writes a definition as a YAML document.
pub fn yaml(crd: &CustomResourceDefinition) -> String {
    // A folded text would have to be read with care; a literal one is as it is.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(crd, options)
        .expect("a definition has nothing but texts for keys")
}

/// Writes the definitions of [`crds`] as one stream of YAML documents.
pub fn crds_yaml() -> String {
    crds()
        .iter()
        .map(|crd| format!("---\n{}", yaml(crd)))
        .collect()
}

/// The definition of a kind of Flux, whose status says that no generation has been observed yet.
fn of_flux<K: CustomResourceExt>() -> CustomResourceDefinition {
    let mut crd = definition::<K>();
    if let Some(status) =
        root(&mut crd).and_then(|root| root.properties.as_mut()?.get_mut("status"))
    {
        status.default = Some(JSON(json!({ "observedGeneration": -1 })));
    }
    crd
}

/// The definition of a kind, in the form Kubernetes' own generator gives it.
fn definition<K: CustomResourceExt>() -> CustomResourceDefinition {
    let mut crd = K::crd();
    let names = &mut crd.spec.names;
    names.list_kind = Some(format!("{}List", names.kind));
    if let Some(root) = root(&mut crd) {
        settle(root);
        root.title = None;
        // An object without spec is complained about by the rules of the spec's fields, not by the root.
        root.required
            .iter_mut()
            .for_each(|required| required.retain(|field| field != "spec"));
        root.required.take_if(|required| required.is_empty());
        root.properties.get_or_insert_default().extend(identity());
    }
    crd
}

/// The schema of a definition's one version.
fn root(crd: &mut CustomResourceDefinition) -> Option<&mut JSONSchemaProps> {
    let version = crd.spec.versions.first_mut()?;
    version.schema.as_mut()?.open_api_v3_schema.as_mut()
}

/// The fields all objects have.
fn identity() -> BTreeMap<String, JSONSchemaProps> {
    let field = |type_: &str, description: Option<&str>| JSONSchemaProps {
        type_: Some(type_.to_owned()),
        description: description.map(str::to_owned),
        ..JSONSchemaProps::default()
    };
    let fields = [
        (
            "apiVersion",
            field("string", Some("Group and version of the kind.")),
        ),
        ("kind", field("string", Some("The kind."))),
        ("metadata", field("object", None)),
    ];
    fields
        .map(|(name, schema)| (name.to_owned(), schema))
        .into()
}

/// Takes out of a schema what Rust's types say and Go's do not.
///
/// A field that may be left out is not one that may be null: the API server drops a null and fills in the default. And
/// the zero value that stands for a field left out is no default to be stored.
fn settle(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default.take_if(|JSON(value)| is_zero(value));
    let properties = schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut());
    let items = schema.items.iter_mut().filter_map(|items| match items {
        JSONSchemaPropsOrArray::Schema(schema) => Some(&mut **schema),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    });
    let values = schema
        .additional_properties
        .iter_mut()
        .filter_map(|values| match values {
            JSONSchemaPropsOrBool::Schema(schema) => Some(&mut **schema),
            JSONSchemaPropsOrBool::Bool(_) => None,
        });
    properties.chain(items).chain(values).for_each(settle);
}

/// Whether Go leaves a value out where it may.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
