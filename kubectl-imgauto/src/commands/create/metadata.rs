//! The name, the namespace, labels and annotations of a new object.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{Common, Names, merge};
use crate::commands::field_owners::Path;
use crate::error::CliError;
use crate::kubernetes_names as names;

/// All annotations of an object together may have this many bytes.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// Returns the object's name, or adds to `errors` what is wrong with it.
pub(super) fn name(names: &Names, errors: &mut Vec<CliError>) -> String {
    let Some(name) = &names.name else {
        errors.push(CliError::usage("name is required"));
        return String::new();
    };
    if !names::is_object_name(name) {
        errors.push(CliError::usage(format!(
            "name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain alphanumeric characters or '-'"
        )));
    }
    name.clone()
}

/// Returns the metadata of an object called `name`, without a namespace, or adds to `errors` what is wrong with it.
pub(super) fn metadata(name: String, common: &Common, errors: &mut Vec<CliError>) -> ObjectMeta {
    let labels = labels(common, errors);
    let annotations = annotations(common, errors);
    ObjectMeta {
        name: Some(name),
        labels: (!labels.is_empty()).then_some(labels),
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..ObjectMeta::default()
    }
}

/// Returns the part of an object that the command line names, in which `defaults` are fields it did not name.
pub(super) fn named(built: &Value, common: &Common, defaults: &[&[&str]]) -> Value {
    let mut named = json!({
        "metadata": {
            "labels": built["metadata"]["labels"],
            "annotations": built["metadata"]["annotations"],
        },
        "spec": built["spec"],
    });
    for path in defaults {
        merge::remove(&mut named, &path_of(path));
    }
    let mut named = merge::filled(&named);
    if let Some(suspend) = common.suspend {
        merge::put(&mut named, &path_of(&["spec", "suspend"]), json!(suspend));
    }
    named
}

/// A path from its keys.
pub(super) fn path_of(keys: &[&str]) -> Path {
    keys.iter().map(|&key| key.to_owned()).collect()
}

fn labels(common: &Common, errors: &mut Vec<CliError>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for label in common.marks.label.iter().flat_map(|list| &list.0) {
        let pair: Vec<&str> = label.split('=').collect();
        let [key, value] = pair[..] else {
            errors.push(CliError::usage(format!(
                "invalid label format '{label}', must be key=value"
            )));
            continue;
        };
        let mut complain = |what: &str, text: &str, problems: &[String]| {
            let sentence = format!("invalid label{what} '{text}': [{}]", problems.join(" "));
            errors.push(CliError::usage(sentence));
        };
        let key_problems = names::label_key_problems(key);
        let value_problems = names::label_value_problems(value);
        if !key_problems.is_empty() {
            complain("", key, &key_problems);
        } else if !value_problems.is_empty() {
            complain(" value", value, &value_problems);
        }
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels
}

fn annotations(common: &Common, errors: &mut Vec<CliError>) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    for annotation in &common.marks.annotation {
        let Some((key, value)) = annotation.split_once('=') else {
            errors.push(CliError::usage(format!(
                "invalid annotation format '{annotation}', must be key=value"
            )));
            continue;
        };
        // The API server reads keys of annotations without regard to case.
        let problems = names::label_key_problems(&key.to_lowercase());
        if !problems.is_empty() {
            let sentence = format!("invalid annotation '{key}': [{}]", problems.join(" "));
            errors.push(CliError::usage(sentence));
        }
        annotations.insert(key.to_owned(), value.to_owned());
    }
    let size: usize = annotations.iter().map(|(k, v)| k.len() + v.len()).sum();
    if size > ANNOTATIONS_LIMIT {
        errors.push(CliError::usage(format!(
            "annotations have {size} bytes, an object may have {ANNOTATIONS_LIMIT}"
        )));
    }
    annotations
}

/// Splits the `key=value` of a flag that sets one entry of a map.
pub(super) fn entries(
    flag: &str,
    pairs: &[String],
    errors: &mut Vec<CliError>,
) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    for pair in pairs {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                entries.insert(key.to_owned(), value.to_owned());
            }
            _ => errors.push(CliError::usage(format!(
                "invalid {flag} '{pair}', must be key=value"
            ))),
        }
    }
    entries
}
