use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use serde_json::json;

use super::*;
use crate::installation::{Controllers, Kubernetes, REPLICAS_BEFORE};
use crate::session::Markers;

fn facts(controllers: Vec<Controller>) -> Facts {
    Facts {
        kubernetes: Kubernetes {
            text: "v1.34.1".to_owned(),
            number: (1, 34),
        },
        controllers: Controllers {
            found: controllers,
            only_in: None,
        },
        definitions: BTreeMap::new(),
        namespaces: Vec::new(),
    }
}

fn wishes() -> Wishes {
    Wishes {
        components: [Component::Reconciler].into(),
        namespace: None,
        registry: None,
        pull_secrets: Vec::new(),
        args: Vec::new(),
        webhook_args: Vec::new(),
        toleration_keys: Vec::new(),
        competition: Competition::Refused,
        takes_over: false,
    }
}

fn controller(namespace: &str, role: Role, replicas: i32) -> Controller {
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": role.name(), "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {
            "containers": [{"name": "a", "image": "r.example.com/tools/imgauto:0.0.9"}],
            "imagePullSecrets": [{"name": "pull"}],
        }}},
    }))
    .unwrap();
    Controller { role, deployment }
}

/// A definition as somebody installed it.
fn definition(name: &str, manager: &str) -> CustomResourceDefinition {
    let object = manifests::objects(&Settings::default())
        .into_iter()
        .find(|object| object.name() == name);
    let mut value = object.unwrap().value;
    value["metadata"] = json!({"name": name, "managedFields": [{"manager": manager}]});
    serde_json::from_value(value).unwrap()
}

fn applied(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    let applied = steps.filter_map(|step| match step {
        Step::Apply(object) => Some(object.name().to_owned()),
        Step::Leave { .. } => None,
    });
    applied.collect()
}

fn refusal(wishes: &Wishes, facts: &Facts) -> String {
    plan(wishes, facts).unwrap_err().render(Markers::Flux)
}

#[test]
fn an_empty_cluster_gets_all() {
    let plan = plan(&wishes(), &facts(Vec::new())).unwrap();
    let all = manifests::objects(&Settings::default());
    assert_eq!(applied(&plan).len(), all.len());
    assert_eq!(plan.settings, Settings::default());
    assert!(plan.warnings.is_empty());
}

#[test]
fn flux_is_refused_with_the_commands_that_help() {
    let flux = vec![
        controller("flux-system", Role::Reflector, 1),
        controller("flux-system", Role::Automation, 2),
    ];
    let wishes = Wishes {
        namespace: Some("here".to_owned()),
        ..wishes()
    };
    assert_eq!(
        refusal(&wishes, &facts(flux)),
        "✗ Flux's image controllers run on the same objects, and two writers would undo each other's work
    image-reflector-controller runs in flux-system (replicas: 1)
    image-automation-controller runs in flux-system (replicas: 2)
  next: kubectl imgauto install --adopt -n here
    or: kubectl -n flux-system scale deployment image-reflector-controller image-automation-controller --replicas=0
"
    );
}

#[test]
fn flux_gives_way_when_it_is_adopted() {
    let mut managed = controller("flux", Role::Reflector, 1);
    let label = (
        "kustomize.toolkit.fluxcd.io/name".to_owned(),
        "flux".to_owned(),
    );
    managed.deployment.labels_mut().extend([label]);
    let flux = vec![
        managed,
        controller("flux", Role::Automation, 2),
        controller("flux", Role::Notification, 1),
    ];
    let wishes = Wishes {
        competition: Competition::ScaledDown,
        ..wishes()
    };
    let plan = plan(&wishes, &facts(flux)).unwrap();
    assert_eq!(plan.adopted.len(), 2);
    assert_eq!(plan.settings.namespace, "flux");
    assert_eq!(plan.settings.args, [manifests::events_to("flux")]);
    assert_eq!(
        plan.warnings,
        [
            "image-reflector-controller is applied by kustomize-controller, which will scale it up again: \
          set its replicas to 0 there as well"
        ]
    );
    assert_eq!(
        super::super::adopt::way_back(&plan),
        [
            "to go back to Flux's controllers:",
            "  kubectl -n flux scale deployment imgauto-reconciler --replicas=0",
            "  kubectl -n flux scale deployment image-reflector-controller --replicas=1",
            "  kubectl -n flux scale deployment image-automation-controller --replicas=2",
        ]
    );
}

#[test]
fn controllers_that_were_scaled_down_are_remembered() {
    let mut adopted = controller("flux-system", Role::Reflector, 0);
    let annotation = (REPLICAS_BEFORE.to_owned(), "1".to_owned());
    adopted.deployment.annotations_mut().extend([annotation]);
    let plan = plan(&wishes(), &facts(vec![adopted])).unwrap();
    assert!(plan.adopted.is_empty());
    assert_eq!(plan.adopted_before.len(), 1);
    assert_eq!(super::super::adopt::way_back(&plan).len(), 3);
}

#[test]
fn an_installation_that_is_there_keeps_what_nobody_asked_to_change() {
    let there = vec![controller("tools", Role::Reconciler, 2)];
    let plan = plan(&wishes(), &facts(there.clone())).unwrap();
    assert_eq!(plan.settings.namespace, "tools");
    assert_eq!(
        plan.settings.registry.as_deref(),
        Some("r.example.com/tools")
    );
    assert_eq!(plan.settings.pull_secrets, ["pull"]);
    assert_eq!(plan.settings.replicas, 2);
    let elsewhere = Wishes {
        namespace: Some("elsewhere".to_owned()),
        ..wishes()
    };
    assert_eq!(
        refusal(&elsewhere, &facts(there)),
        "✗ imgauto is installed in tools already
  next: kubectl imgauto install -n tools
    or: kubectl imgauto uninstall -n tools
"
    );
}

#[test]
fn a_webhook_that_is_there_is_looked_after_without_being_named() {
    let there = vec![
        controller("tools", Role::Reconciler, 1),
        controller("tools", Role::Webhook, 3),
    ];
    let plan = plan(&wishes(), &facts(there)).unwrap();
    assert_eq!(plan.settings.components, Settings::whole("").components);
    assert_eq!(
        (plan.settings.replicas, plan.settings.webhook_replicas),
        (1, 3)
    );
}

#[test]
fn the_webhook_goes_beside_the_controllers_of_flux() {
    let flux = vec![
        controller("flux-system", Role::Reflector, 1),
        controller("flux-system", Role::Automation, 1),
    ];
    let wishes = Wishes {
        components: [Component::Webhook].into(),
        ..wishes()
    };
    let plan = plan(&wishes, &facts(flux)).unwrap();
    assert!(plan.adopted.is_empty());
    let applied = applied(&plan);
    assert!(applied.iter().any(|name| name == manifests::WEBHOOK));
    assert!(!applied.iter().any(|name| name == manifests::RECONCILER));
}

#[test]
fn an_installation_of_another_tool_is_left_to_it_unless_it_is_forced() {
    let mut there = controller("tools", Role::Reconciler, 1);
    let entry = json!([{"manager": "helm", "operation": "Update"}]);
    there.deployment.metadata.managed_fields = serde_json::from_value(entry).unwrap();
    let facts = facts(vec![there]);
    let text = refusal(&wishes(), &facts);
    assert!(text.contains("is applied by helm"), "{text}");
    let forced = Wishes {
        takes_over: true,
        ..wishes()
    };
    assert!(plan(&forced, &facts).is_ok());
}

#[test]
fn definitions_of_others_are_left_to_them() {
    let mut facts = facts(Vec::new());
    let policies = "imagepolicies.image.toolkit.fluxcd.io";
    for name in [policies, GIT_REPOSITORIES] {
        let there = definition(name, "kustomize-controller");
        facts.definitions.insert(name.to_owned(), there);
    }
    let plan = plan(&wishes(), &facts).unwrap();
    let left: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Leave { object, owner } => {
                Some(format!("{} {}: {owner}", object.kind(), object.name()))
            }
            Step::Apply(_) => None,
        })
        .collect();
    assert_eq!(
        left,
        [
            "CustomResourceDefinition imagepolicies.image.toolkit.fluxcd.io: kustomize-controller",
            "CustomResourceDefinition gitrepositories.source.toolkit.fluxcd.io: kustomize-controller",
            "ClusterRole imgauto-git-repository-view: kustomize-controller",
            "ClusterRole imgauto-git-repository-edit: kustomize-controller",
        ]
    );
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn a_definition_that_will_not_do_is_told() {
    let name = "imagepolicies.image.toolkit.fluxcd.io";
    let mut old = definition(name, "flux");
    old.spec.versions[0].name = "v1beta2".to_owned();
    let mut facts = facts(Vec::new());
    facts.definitions.insert(name.to_owned(), old);
    let text = refusal(&wishes(), &facts);
    assert!(
        text.starts_with(
            "✗ imagepolicies.image.toolkit.fluxcd.io of flux does not serve v1\n    it serves v1beta2\n"
        ),
        "{text}"
    );

    let mut poor = definition(name, "flux");
    let schema = poor.spec.versions[0].schema.as_mut().unwrap();
    let root = schema.open_api_v3_schema.as_mut().unwrap();
    let spec = root.properties.as_mut().unwrap().get_mut("spec").unwrap();
    spec.properties.as_mut().unwrap().remove("suspend");
    facts.definitions.insert(name.to_owned(), poor);
    let plan = plan(&wishes(), &facts).unwrap();
    assert_eq!(
        plan.warnings,
        [
            "imagepolicies.image.toolkit.fluxcd.io of flux lacks .spec.suspend: what is written there is lost"
        ]
    );
}

#[test]
fn a_namespace_that_was_there_is_not_taken() {
    let mut facts = facts(Vec::new());
    let there = |labels| {
        let value = json!({"metadata": {"name": manifests::NAMESPACE, "labels": labels}});
        vec![serde_json::from_value::<Namespace>(value).unwrap()]
    };
    facts.namespaces = there(json!({}));
    let names = applied(&plan(&wishes(), &facts).unwrap());
    assert!(!names.contains(&manifests::NAMESPACE.to_owned()));
    facts.namespaces = there(json!({manifests::PART_OF: manifests::IMGAUTO}));
    let names = applied(&plan(&wishes(), &facts).unwrap());
    assert!(names.contains(&manifests::NAMESPACE.to_owned()));
}

#[test]
fn an_old_cluster_is_refused() {
    let mut facts = facts(Vec::new());
    facts.kubernetes = Kubernetes {
        text: "v1.29.3".to_owned(),
        number: (1, 29),
    };
    assert_eq!(
        refusal(&wishes(), &facts),
        "✗ this cluster runs Kubernetes v1.29.3; imgauto needs 1.30 or newer\n"
    );
}
