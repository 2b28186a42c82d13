use serde_json::json;

use super::*;

fn controller(name: &str, labels: &serde_json::Value, replicas: i32) -> Option<Controller> {
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "flux-system", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {},
            "template": {"spec": {"containers": [
                {"name": "a", "image": "r.example.com/imgauto:0.1.0", "args": ["--a", "--b=1", "--b=2", "-c=x"]},
            ]}},
        },
    }))
    .unwrap();
    Some(Controller {
        role: Role::of(&deployment)?,
        deployment,
    })
}

#[test]
fn controllers_are_known_by_name_or_label() {
    let role = |name, labels| controller(name, &labels, 1).map(|found| found.role);
    assert_eq!(
        role("imgauto-reconciler", json!({})),
        Some(Role::Reconciler)
    );
    assert_eq!(
        role("image-reflector-controller", json!({})),
        Some(Role::Reflector)
    );
    let component = json!({"app.kubernetes.io/component": "image-automation-controller"});
    assert_eq!(role("mine", component), Some(Role::Automation));
    let app = json!({"app": "image-reflector-controller"});
    assert_eq!(role("mine", app), Some(Role::Reflector));
    assert_eq!(role("mine", json!({"app": "mine"})), None);
    assert_eq!(role("image-reflector-controller-2", json!({})), None);
}

#[test]
fn a_controller_without_pods_is_no_rival() {
    let of = |name, replicas| controller(name, &json!({}), replicas).unwrap();
    let controllers = Controllers {
        found: vec![
            of("image-reflector-controller", 0),
            of("image-automation-controller", 1),
            of("imgauto-reconciler", 1),
            of("notification-controller", 1),
        ],
        only_in: None,
    };
    let rivals: Vec<_> = controllers.rivals().map(Controller::name).collect();
    assert_eq!(rivals, ["image-automation-controller"]);
    assert_eq!(controllers.reconcilers().count(), 1);
    assert_eq!(controllers.gap(), None);
}

#[test]
fn an_adoption_is_remembered_while_it_lasts() {
    let mut found = controller("image-reflector-controller", &json!({}), 0).unwrap();
    assert_eq!(found.replicas_before(), None);
    found
        .deployment
        .annotations_mut()
        .insert(REPLICAS_BEFORE.to_owned(), "2".to_owned());
    assert_eq!(found.replicas_before(), Some(2));
    found.deployment.spec.as_mut().unwrap().replicas = Some(1);
    assert_eq!(found.replicas_before(), None);
}

#[test]
fn flags_are_read_as_the_program_reads_them() {
    let found = controller("imgauto-reconciler", &json!({}), 1).unwrap();
    assert_eq!(found.flag("a"), Some("true"));
    assert_eq!(found.flag("b"), Some("2"));
    assert_eq!(found.flag("c"), Some("x"));
    assert_eq!(found.flag("d"), None);
}

#[test]
fn the_version_of_an_image_is_its_tag() {
    let rows = [
        ("imgauto:0.1.0", "v0.1.0"),
        ("r.example.com:5000/imgauto:v0.2.0", "v0.2.0"),
        ("r.example.com:5000/imgauto", "latest"),
        ("imgauto:main", "main"),
        ("imgauto:0.1.0@sha256:ab", "v0.1.0"),
        ("imgauto@sha256:ab", "sha256:ab"),
    ];
    for (image, version) in rows {
        assert_eq!(version_of(image), version, "{image}");
    }
}

#[test]
fn old_servers_are_told_from_new_ones() {
    let rows = [
        ("v1.30.0", true),
        ("v1.29.14-gke.100", false),
        ("v1.37.2+k3s1", true),
        ("v2.0.0", true),
        ("1.30", true),
        ("who knows", false),
    ];
    for (text, supported) in rows {
        assert_eq!(Kubernetes::parse(text).is_supported(), supported, "{text}");
    }
}
