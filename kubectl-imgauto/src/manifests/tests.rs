use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests")
}

/// The files that a kustomization applies, by path below `manifests/`.
fn applied(folder: &Path, found: &mut BTreeSet<String>) {
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&text).unwrap();
    for resource in kustomization["resources"].as_array().unwrap() {
        let path = folder
            .join(resource.as_str().unwrap())
            .canonicalize()
            .unwrap();
        if path.is_dir() {
            applied(&path, found);
        } else {
            let root = super::tests::folder().canonicalize().unwrap();
            found.insert(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

#[test]
fn every_file_that_kustomize_applies_is_built_in() {
    let mut wanted = BTreeSet::new();
    for way in ["", "base", "flux", "webhook", "webhook-flux"] {
        applied(&folder().join(way), &mut wanted);
    }
    let built_in: BTreeSet<_> = FILES
        .iter()
        .map(|File(path, _)| (*path).to_owned())
        .collect();
    assert_eq!(built_in, wanted);
    for File(path, text) in FILES {
        assert_eq!(
            text,
            std::fs::read_to_string(folder().join(path)).unwrap(),
            "{path}"
        );
    }
}

#[test]
fn what_others_stand_on_comes_first() {
    let objects = objects(&Settings::whole(NAMESPACE));
    let parts: Vec<_> = objects.iter().map(|object| object.part).collect();
    assert!(parts.is_sorted());
    assert_eq!(objects[0].kind(), "Namespace");
    // Nobody is called who does not run.
    assert_eq!(objects.last().unwrap().name(), GUARD);
}

#[test]
fn each_program_comes_with_what_it_needs() {
    let kinds = |components: &[Component]| {
        let settings = Settings {
            components: components.iter().copied().collect(),
            ..Settings::default()
        };
        let objects = objects(&settings);
        let of = |kind: &str| {
            objects
                .iter()
                .filter(|object| object.kind() == kind)
                .count()
        };
        (
            of("Deployment"),
            of("CustomResourceDefinition"),
            of("ValidatingWebhookConfiguration"),
        )
    };
    assert_eq!(kinds(&[Component::Reconciler]), (1, 5, 0));
    assert_eq!(kinds(&[Component::Webhook]), (1, 4, 1));
    assert_eq!(
        kinds(&[Component::Reconciler, Component::Webhook]),
        (2, 5, 1)
    );
}

#[test]
fn the_secret_of_the_authority_is_the_one_the_webhook_may_tend() {
    let objects = objects(&Settings::whole("here"));
    let role = objects
        .iter()
        .find(|object| object.kind() == "Role" && object.part == Part::Webhook);
    let secret = authority("here");
    assert_eq!(
        role.unwrap().value["rules"][0]["resourceNames"],
        json!([secret.name()])
    );
    assert_eq!(secret.namespace(), Some("here"));
}

#[test]
fn all_lies_in_the_namespace_that_was_asked_for() {
    for object in objects(&Settings::whole("elsewhere")) {
        let expected = (!CLUSTER_KINDS.contains(&object.kind())).then_some("elsewhere");
        assert_eq!(object.namespace(), expected, "{}", object.name());
        let text = object.value.to_string();
        assert!(!text.contains(NAMESPACE), "{text}");
    }
}

#[test]
fn the_pod_is_made_as_it_was_asked_for() {
    let settings = Settings {
        registry: Some("registry.example.com/tools/".to_owned()),
        pull_secrets: vec!["a".to_owned(), "b".to_owned()],
        args: vec!["--log-level=debug".to_owned()],
        toleration_keys: vec!["dedicated".to_owned()],
        ..Settings::default()
    };
    let objects = objects(&settings);
    let pod = &objects.last().unwrap().value["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        container["image"],
        format!("registry.example.com/tools/imgauto:{TAG}")
    );
    assert_eq!(
        container["args"].as_array().unwrap().last().unwrap(),
        "--log-level=debug"
    );
    assert_eq!(
        pod["imagePullSecrets"],
        json!([{"name": "a"}, {"name": "b"}])
    );
    assert_eq!(
        pod["tolerations"],
        json!([{"key": "dedicated", "operator": "Exists"}])
    );
}

#[test]
fn the_registry_of_an_image_is_found_again() {
    for registry in ["r.example.com", "r.example.com:5000/a/b"] {
        assert_eq!(registry_of(&image(Some(registry))), Some(registry));
    }
    assert_eq!(registry_of(&image(None)), None);
    assert_eq!(
        registry_of("r.example.com/imgauto@sha256:0"),
        Some("r.example.com")
    );
    assert_eq!(registry_of("r.example.com/mine:1"), None);
}

#[test]
fn whole_numbers_have_no_fraction() {
    let mut value = json!({"a": [0.0, 2.5, 3], "b": {"c": -1.0}, "d": "0.0"});
    write_whole_numbers(&mut value);
    assert_eq!(value, json!({"a": [0, 2.5, 3], "b": {"c": -1}, "d": "0.0"}));
}
