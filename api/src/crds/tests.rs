//! The definitions against Flux's, and the files of `manifests/` against the definitions.

use std::path::{Path, PathBuf};

use expect_test::expect_file;

use super::*;

/// What `controller-gen` makes of image-reflector-controller/api and image-automation-controller/api 1.2.5 and of
/// source-controller/api 1.9.6, by name, without descriptions and without its own version.
const FLUX: &str = include_str!("../../tests/data/flux-crds.json");

fn flux(name: &str) -> Value {
    let all: Value = serde_json::from_str(FLUX).unwrap();
    all[name].clone()
}

/// A definition as JSON without the descriptions.
fn facts(crd: &CustomResourceDefinition) -> Value {
    let mut crd = serde_json::to_value(crd).unwrap();
    forget_descriptions(&mut crd, Names::Keywords);
    crd
}

/// What the keys of a JSON object are.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Keywords,
    Fields,
}

fn forget_descriptions(value: &mut Value, names: Names) {
    match value {
        Value::Object(fields) => {
            if names == Names::Keywords {
                fields.remove("description");
            }
            for (key, value) in fields {
                let fields = names == Names::Keywords && key == "properties";
                let names = if fields {
                    Names::Fields
                } else {
                    Names::Keywords
                };
                forget_descriptions(value, names);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| forget_descriptions(item, Names::Keywords)),
        _ => {}
    }
}

/// The places where two values differ.
fn differences(at: &str, ours: &Value, flux: &Value, found: &mut Vec<String>) {
    match (ours, flux) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                differences(&format!("{at}.{key}"), &ours[key], &flux[key], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (ours, flux)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}[{index}]"), ours, flux, found);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if ours == flux => {}
        _ => found.push(format!("{at}: {ours} here, {flux} in Flux")),
    }
}

#[test]
fn flux_s_kinds_are_defined_as_flux_defines_them() {
    let [repository, policy, automation, _] = crds();
    for crd in [repository, policy, automation, git_repository_crd()] {
        let name = crd.metadata.name.clone().unwrap();
        let mut found = Vec::new();
        differences(&name, &facts(&crd), &flux(&name), &mut found);
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}

#[test]
fn a_difference_is_found() {
    let [mut policy, ..] = crds();
    policy.spec.versions[0].storage = false;
    let name = policy.metadata.name.clone().unwrap();
    let mut found = Vec::new();
    differences("crd", &facts(&policy), &flux(&name), &mut found);
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Every schema of a definition, with its path.
fn schemas<'a>(
    at: String,
    schema: &'a JSONSchemaProps,
    found: &mut Vec<(String, &'a JSONSchemaProps)>,
) {
    for (name, property) in schema.properties.iter().flatten() {
        schemas(format!("{at}.{name}"), property, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        schemas(format!("{at}[]"), items, found);
    }
    found.push((at, schema));
}

#[test]
fn every_field_is_explained_in_our_words() {
    let kinds = crds().into_iter().chain([git_repository_crd()]);
    for mut crd in kinds {
        let kind = crd.spec.names.kind.clone();
        let mut found = Vec::new();
        schemas(kind, root(&mut crd).unwrap(), &mut found);
        for (at, schema) in found {
            let item = at.ends_with("[]") || at.ends_with(".metadata");
            let description = schema.description.as_deref().unwrap_or_default();
            assert!(item || !description.is_empty(), "{at} is not explained");
            for rust in ["[`", "::", "Auto-generated"] {
                assert!(!description.contains(rust), "{at}: {description}");
            }
        }
    }
}

#[test]
fn the_manifests_hold_the_definitions() {
    for crd in crds() {
        let name = crd.metadata.name.clone().unwrap();
        expect_file![manifests("crds").join(format!("{name}.yaml"))].assert_eq(&yaml(&crd));
    }
    let file = "gitrepositories.source.toolkit.fluxcd.io.yaml";
    expect_file![manifests("git-repository").join(file)].assert_eq(&yaml(&git_repository_crd()));
}

#[test]
fn the_manifests_read_back() {
    for document in crds_yaml().split("---\n").skip(1) {
        let read: CustomResourceDefinition = serde_saphyr::from_str(document).unwrap();
        assert!(crds().contains(&read), "{document}");
    }
}

fn manifests(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../manifests")
        .join(folder)
}
