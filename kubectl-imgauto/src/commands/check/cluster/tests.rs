use serde_json::json;

use super::*;
use crate::commands::check::report::{Report, Verdict};
use crate::error::CliError;
use crate::installation::{Controller, Kubernetes, Role};
use crate::manifests::{self, Settings};
use crate::session::Markers;

/// A cluster with all definitions as imgauto installs them.
fn seen() -> Seen {
    let objects = manifests::objects(&Settings::default()).into_iter();
    let definitions = objects
        .filter(manifests::Object::is_definition)
        .map(|object| {
            let mut there: CustomResourceDefinition =
                serde_json::from_value(object.value.clone()).unwrap();
            there.status = Some(established(&["v1"]));
            Definition {
                object,
                there: There::Defined(Box::new(there)),
            }
        });
    Seen {
        kubernetes: Ok(Kubernetes {
            text: "v1.34.1".to_owned(),
            number: (1, 34),
        }),
        rights: Vec::new(),
        definitions: definitions.collect(),
        controllers: Ok(Controllers::default()),
        reconcilers: Vec::new(),
        automations: None,
        webhook: None,
    }
}

fn established<T: serde::de::DeserializeOwned>(stored: &[&str]) -> T {
    let condition = json!({"type": "Established", "status": "True"});
    serde_json::from_value(json!({"conditions": [condition], "storedVersions": stored})).unwrap()
}

fn there(seen: &mut Seen, index: usize) -> &mut CustomResourceDefinition {
    match &mut seen.definitions[index].there {
        There::Defined(there) => there,
        other => panic!("it is {other:?}"),
    }
}

fn controller(role: Role, replicas: i32) -> Controller {
    let deployment = json!({
        "metadata": {"name": role.name(), "namespace": "flux-system"},
        "spec": {"replicas": replicas, "selector": {}, "template": {}},
    });
    Controller {
        role,
        deployment: serde_json::from_value(deployment).unwrap(),
    }
}

fn said(seen: &Seen, stage: Stage) -> String {
    Report::new(findings(seen, stage)).table(Markers::Flux)
}

#[test]
fn a_cluster_as_it_should_be_has_a_line_for_each_thing() {
    expect_test::expect![[r"
        cluster
        -------
        √ Kubernetes v1.34.1 (needs >= 1.30)
        √ CRDs: imagerepositories, imagepolicies, imageupdateautomations, gitrepositories at v1
        √ CRDs: imageinventories at v1alpha1
    "]]
    .assert_eq(&said(&seen_without_inventory_storage(), Stage::After));
}

/// The inventory is stored in its only version.
fn seen_without_inventory_storage() -> Seen {
    let mut seen = seen();
    let inventory = seen
        .definitions
        .iter()
        .position(|it| it.object.name().starts_with("imageinventories"));
    there(&mut seen, inventory.unwrap()).status = Some(established(&["v1alpha1"]));
    seen
}

#[test]
fn kinds_that_are_missing_are_named_with_the_command_that_brings_them() {
    let mut seen = seen_without_inventory_storage();
    seen.definitions[0].there = There::Nothing;
    seen.definitions[1].there = There::Nothing;
    seen.definitions[2].there = There::Served;
    let text = said(&seen, Stage::After);
    let lines =
        "× CRDs are missing: imagerepositories, imagepolicies\n    next: kubectl imgauto install\n";
    assert!(text.contains(lines), "{text}");
    let before = said(&seen, Stage::Before);
    assert!(
        before.contains("√ no CRD of others is in the way"),
        "{before}"
    );
}

#[test]
fn a_definition_that_will_not_do_fails() {
    let mut seen = seen_without_inventory_storage();
    let old = there(&mut seen, 0);
    old.spec.versions[0].name = "v1beta2".to_owned();
    old.metadata.managed_fields =
        serde_json::from_value(json!([{"manager": "kustomize-controller"}])).unwrap();
    old.metadata.labels = None;
    for stage in [Stage::Before, Stage::After] {
        let text = said(&seen, stage);
        let lines = "× CRD imagerepositories.image.toolkit.fluxcd.io does not serve v1
    it serves v1beta2
    next: update it where kustomize-controller gets it from
";
        assert!(text.contains(lines), "{text}");
    }
    there(&mut seen, 1).status = None;
    let text = said(&seen, Stage::After);
    assert!(text.contains("is not served yet"), "{text}");
}

#[test]
fn objects_of_an_old_version_are_a_warning() {
    let mut seen = seen_without_inventory_storage();
    there(&mut seen, 0).status = Some(established(&["v1beta2", "v1"]));
    let found = findings(&seen, Stage::After);
    let warning = found.iter().find(|it| it.verdict == Verdict::Warning);
    assert_eq!(
        warning.unwrap().text,
        "CRD imagerepositories.image.toolkit.fluxcd.io: objects may still be stored as v1beta2"
    );
}

#[test]
fn definitions_of_others_stay_with_them() {
    let mut seen = seen_without_inventory_storage();
    let metadata = &mut there(&mut seen, 0).metadata;
    metadata.labels = None;
    metadata.managed_fields = serde_json::from_value(json!([{"manager": "flux"}])).unwrap();
    let text = said(&seen, Stage::Before);
    assert!(
        text.contains("√ CRDs that stay with their owners: imagerepositories\n"),
        "{text}"
    );
}

#[test]
fn inventories_are_not_missed_where_flux_does_the_work() {
    let mut seen = seen_without_inventory_storage();
    let mut definitions = seen.definitions.iter_mut();
    let inventory = definitions.find(|it| it.object.name().starts_with("imageinventories"));
    inventory.unwrap().there = There::Nothing;
    let missing = "CRDs are missing: imageinventories\n";
    assert!(said(&seen, Stage::After).contains(&format!("× {missing}")));
    seen.controllers = Ok(Controllers {
        found: vec![
            controller(Role::Reflector, 1),
            controller(Role::Automation, 1),
        ],
        only_in: None,
    });
    assert!(!said(&seen, Stage::After).contains(missing));
    let controllers = seen.controllers.as_mut().unwrap();
    controllers.found.push(controller(Role::Reconciler, 1));
    assert!(said(&seen, Stage::After).contains(&format!("× {missing}")));
}

#[test]
fn two_writers_fail() {
    let mut seen = seen_without_inventory_storage();
    let flux = controller(Role::Automation, 1);
    seen.controllers = Ok(Controllers {
        found: vec![flux.clone(), controller(Role::Reconciler, 1)],
        only_in: None,
    });
    let text = said(&seen, Stage::After);
    let lines = "× Flux image-automation-controller also runs (flux-system)
    two writers for the same objects
    next: kubectl imgauto install --adopt
";
    assert!(text.contains(lines), "{text}");

    seen.controllers = Ok(Controllers {
        found: vec![flux, controller(Role::Reconciler, 0)],
        only_in: None,
    });
    let text = said(&seen, Stage::After);
    assert!(!text.contains("two writers"), "{text}");
    let before = said(&seen, Stage::Before);
    assert!(
        before.contains("× Flux image-automation-controller runs (flux-system)"),
        "{before}"
    );
}

#[test]
fn an_old_cluster_fails_and_a_silent_one_is_unknown() {
    let mut seen = seen_without_inventory_storage();
    seen.kubernetes = Ok(Kubernetes {
        text: "v1.29.0".to_owned(),
        number: (1, 29),
    });
    assert_eq!(findings(&seen, Stage::After)[0].verdict, Verdict::Bad);
    seen.kubernetes = Err(CliError::failure("no answer"));
    let found = findings(&seen, Stage::After);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].verdict, Verdict::Unknown);
}

#[test]
fn what_may_not_be_seen_is_said() {
    let mut seen = seen_without_inventory_storage();
    seen.controllers = Ok(Controllers {
        found: Vec::new(),
        only_in: Some(vec!["a".to_owned(), "b".to_owned()]),
    });
    let error = CliError::failure("cannot get it: not allowed");
    seen.definitions[0].there = There::Hidden(error);
    let text = said(&seen, Stage::After);
    assert!(text.contains("‼ cannot get it: not allowed\n"), "{text}");
    assert!(
        text.contains("controllers were looked for in a and b only"),
        "{text}"
    );
}
