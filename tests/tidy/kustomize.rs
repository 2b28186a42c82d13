//! What `manifests/` installs, as kustomize builds it: everything refers to what is there, and nobody may do too much.

use std::collections::BTreeSet;
use std::path::PathBuf;

use harness::checkout;
use harness::program::{kubectl, run};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nothing;

/// The ways to install imgauto, and where each puts it.
const INSTALLATIONS: [(&str, &str); 3] = [
    ("manifests", "imgauto-system"),
    ("manifests/base", "imgauto-system"),
    ("manifests/flux", "flux-system"),
];

/// The webhook, which comes beside an installation, and where each way puts it.
const WEBHOOKS: [(&str, &str); 2] = [
    ("manifests/webhook", "imgauto-system"),
    ("manifests/webhook-flux", "flux-system"),
];

/// Kinds that lie in no namespace.
const CLUSTER_KINDS: [&str; 8] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// All folders that people apply.
fn folders() -> impl Iterator<Item = (&'static str, &'static str)> {
    INSTALLATIONS.into_iter().chain(WEBHOOKS)
}

/// The objects that a folder builds.
fn build(folder: &str) -> Vec<Value> {
    let home = TempDir::new().expect("the temporary folder is writable");
    let text = run(kubectl(home.path())
        .arg("kustomize")
        .arg(checkout().join(folder)));
    let documents = serde_saphyr::from_multiple(&text);
    documents.unwrap_or_else(|error| panic!("{folder}: {error}"))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn name(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str();
    name.expect("every object has a name").to_owned()
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

#[test]
fn every_kustomization_builds() {
    let mut folders = vec![checkout().join("manifests")];
    let mut built = 0;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the checkout is readable");
        let paths = entries.map(|entry| entry.expect("the checkout is readable").path());
        folders.extend(paths.filter(|path| path.is_dir()));
        let file: PathBuf = folder.join("kustomization.yaml");
        assert!(file.exists(), "{} is missing", file.display());
        let relative = folder
            .strip_prefix(checkout())
            .expect("the walk starts there");
        assert!(!build(&relative.display().to_string()).is_empty());
        built += 1;
    }
    assert!(built > INSTALLATIONS.len());
}

#[test]
fn kinds_are_defined_once() {
    for (folder, _) in INSTALLATIONS {
        let mut expected = api::crds::crds().to_vec();
        match folder {
            "manifests" => expected.push(api::crds::git_repository_crd()),
            // Flux brings its kinds; two owners of one definition would undo each other.
            "manifests/flux" => expected.retain(|crd| crd.spec.group == "imgauto.dev"),
            _ => {}
        }
        let expected: BTreeSet<_> = expected
            .into_iter()
            .map(|crd| crd.metadata.name.expect("every definition has a name"))
            .collect();
        let built = build(folder);
        let defined: BTreeSet<_> = of_kind(&built, "CustomResourceDefinition")
            .map(name)
            .collect();
        assert_eq!(defined, expected, "{folder}");
    }
}

#[test]
fn all_lies_in_one_namespace() {
    for (folder, namespace) in folders() {
        let objects = build(folder);
        for object in &objects {
            let kind = object["kind"].as_str().expect("every object has a kind");
            let lies_in = object["metadata"]["namespace"].as_str();
            let expected = (!CLUSTER_KINDS.contains(&kind)).then_some(namespace);
            assert_eq!(lies_in, expected, "{folder}: {kind} {}", name(object));
        }
        let made: Vec<_> = of_kind(&objects, "Namespace").map(name).collect();
        let comes_along = namespace == "flux-system" || WEBHOOKS.contains(&(folder, namespace));
        assert_eq!(
            made.is_empty(),
            comes_along,
            "{folder}: the namespace is another's"
        );
    }
}

#[test]
fn another_namespace_is_another_everywhere() {
    for (folder, namespace) in folders().filter(|(_, namespace)| *namespace == "flux-system") {
        let text = json!(build(folder)).to_string();
        assert!(text.contains(namespace), "{folder}");
        assert!(!text.contains("imgauto-system"), "{folder}");
    }
}

#[test]
fn bindings_lead_to_roles_and_accounts_that_are_there() {
    for (folder, namespace) in folders() {
        let objects = build(folder);
        let accounts: Vec<_> = of_kind(&objects, "ServiceAccount").map(name).collect();
        assert!(!accounts.is_empty());
        for (kind, role_kind) in [
            ("RoleBinding", "Role"),
            ("ClusterRoleBinding", "ClusterRole"),
        ] {
            for binding in of_kind(&objects, kind) {
                let role = &binding["roleRef"];
                let there =
                    of_kind(&objects, role_kind).any(|role_| json!(name(role_)) == role["name"]);
                assert!(there && role["kind"] == role_kind, "{folder}: {role}");
                let subjects = binding["subjects"].as_array().expect("a binding binds");
                for subject in subjects {
                    let known = accounts.iter().any(|account| subject["name"] == **account);
                    assert!(
                        known && subject["namespace"] == namespace,
                        "{folder}: {subject}"
                    );
                }
            }
        }
        for deployment in of_kind(&objects, "Deployment") {
            let account = &deployment["spec"]["template"]["spec"]["serviceAccountName"];
            assert!(
                accounts.iter().any(|name| account == name),
                "{folder}: {account}"
            );
        }
    }
}

#[test]
fn nobody_may_do_everything() {
    for (folder, _) in folders() {
        let objects = build(folder);
        let roles = of_kind(&objects, "Role").chain(of_kind(&objects, "ClusterRole"));
        nothing(roles.flat_map(excesses).collect());
    }
}

#[test]
fn a_right_too_many_is_found() {
    let role = |rule: Value| json!({ "metadata": { "name": "a" }, "rules": [rule] });
    let fine = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] });
    assert!(excesses(&role(fine)).is_empty());
    let all = json!({ "apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"] });
    assert_eq!(excesses(&role(all)), ["a has a wildcard in apiGroups"]);
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"] });
    assert_eq!(excesses(&role(secrets)), ["a may list secrets"]);

    // One Secret may be tended, where it lies; which one is made cannot be said.
    let own = |verbs: Value, names: Value| {
        let rule = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs, "resourceNames": names });
        json!({ "kind": "Role", "metadata": { "name": "a", "namespace": "b" }, "rules": [rule] })
    };
    assert!(excesses(&own(json!(["update"]), json!(["c"]))).is_empty());
    assert!(excesses(&own(json!(["create"]), Value::Null)).is_empty());
    let any = own(json!(["update"]), Value::Null);
    assert_eq!(excesses(&any), ["a may update secrets"]);
    let mut everywhere = own(json!(["update", "create"]), json!(["c"]));
    everywhere["kind"] = json!("ClusterRole");
    let found = ["a may update secrets", "a may create secrets"];
    assert_eq!(excesses(&everywhere), found);
}

/// What a role should not allow.
fn excesses(role: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for key in ["apiGroups", "resources", "verbs", "nonResourceURLs"] {
            if texts(&rule[key]).iter().any(|text| text.contains('*')) {
                found.push(format!("{} has a wildcard in {key}", name(role)));
            }
        }
        if texts(&rule["resources"]).contains(&"secrets") {
            let is_fine = |verb: &str| match verb {
                "get" => true,
                "create" => role["kind"] == "Role",
                "update" => role["kind"] == "Role" && !texts(&rule["resourceNames"]).is_empty(),
                _ => false,
            };
            let more = texts(&rule["verbs"])
                .into_iter()
                .filter(|verb| !is_fine(verb));
            found.extend(more.map(|verb| format!("{} may {verb} secrets", name(role))));
        }
        for verb in ["bind", "escalate", "impersonate"] {
            if texts(&rule["verbs"]).contains(&verb) {
                found.push(format!("{} may {verb}", name(role)));
            }
        }
    }
    found
}

#[test]
fn pods_keep_to_the_restricted_standard() {
    for (folder, _) in folders() {
        let objects = build(folder);
        let mut pods = 0;
        for deployment in of_kind(&objects, "Deployment") {
            let pod = &deployment["spec"]["template"]["spec"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{folder}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{folder}"
            );
            for container in pod["containers"].as_array().expect("a pod has containers") {
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true, "{folder}");
                assert_eq!(context["allowPrivilegeEscalation"], false, "{folder}");
                assert_eq!(
                    context["capabilities"],
                    json!({ "drop": ["ALL"] }),
                    "{folder}"
                );
                assert!(
                    container["resources"]["limits"]["memory"].is_string(),
                    "{folder}"
                );
                assert!(
                    container["livenessProbe"].is_object()
                        && container["readinessProbe"].is_object()
                );
            }
            pods += 1;
        }
        assert_eq!(pods, 1, "{folder}");
    }
}

#[test]
fn events_go_to_flux_where_flux_is() {
    for (folder, namespace) in INSTALLATIONS {
        let objects = build(folder);
        let deployment = of_kind(&objects, "Deployment")
            .next()
            .expect("there is one");
        let args = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
        let told = args
            .iter()
            .any(|arg| arg.starts_with("--events-addr=http://notification-controller."));
        assert_eq!(told, namespace == "flux-system", "{folder}: {args:?}");
        assert!(
            args.contains(&"--enable-leader-election"),
            "{folder}: {args:?}"
        );
    }
}
