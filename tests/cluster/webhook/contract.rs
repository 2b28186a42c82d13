//! What the API server makes of our answers: a patch of ours fails no request, with whomever else it changes objects.

use harness::{ControlPlane, Injector, Namespace, Webhook};
use serde_json::{Value, json};

use super::ground::{
    BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, annotated, deployment, deployment_of, guarded, wait_for,
};
use super::sender::{Sender, drift};

#[test]
fn no_object_is_too_odd_for_marks() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "odd", &[]);
    let namespace = guarded(plane, "odd", "warn");
    let sender = Sender::new(&namespace);
    let marked = |object: &Value| {
        let created = sender.would_create(DEPLOYMENTS, object);
        assert!(created.warnings.is_empty(), "{created:#?}");
        created.taken()
    };
    for (labels, annotations) in [
        (Value::Null, Value::Null),
        (json!({}), json!({})),
        (json!({ "a": "b" }), json!({ "a/b": "\u{0}\n\"~1/" })),
    ] {
        let mut object = deployment(BEHIND);
        object["metadata"]["labels"] = labels;
        object["metadata"]["annotations"] = annotations;
        assert_eq!(drift(&marked(&object)), Some("drift"), "{object}");
    }
    let long = "a".repeat(63);
    let names = (0..60).map(|number| match number {
        0 => long.clone(),
        number => format!("c{number}"),
    });
    let containers: Vec<_> = names
        .map(|name| json!({ "name": name, "image": CURRENT }))
        .collect();
    let many = marked(&deployment_of(&json!({ "containers": containers })));
    let annotations = many["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(annotations.len(), 60);
    assert!(annotations.contains_key(&format!("resolved.imgauto.dev/{long}")));
    let nameless =
        json!({ "metadata": { "generateName": "web-" }, "spec": deployment(CURRENT)["spec"] });
    assert_eq!(drift(&marked(&nameless)), Some("none"));
}

#[test]
fn annotations_that_are_full_stay_as_they_are() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "full", &[]);
    let namespace = guarded(plane, "full", "enforce");
    let sender = Sender::new(&namespace);
    let limit = 256 * 1024;
    let resolved = "resolved.imgauto.dev/web".len() + namespace.name().len() + "/web".len();
    let filled = |room: usize| {
        let text = "x".repeat(limit - "mine".len() - room);
        annotated(deployment(CURRENT), &[("mine", &text)])
    };
    assert_eq!(
        drift(&sender.would_create(DEPLOYMENTS, &filled(resolved)).taken()),
        Some("none")
    );
    let left_out = sender.would_create(DEPLOYMENTS, &filled(resolved - 1));
    assert!(
        left_out.warnings[0].starts_with("imgauto leaves its marks out"),
        "{:?}",
        left_out.warnings
    );
    assert_eq!(drift(&left_out.taken()), None);
    let mut foreign = filled(0);
    foreign["spec"] = deployment(FOREIGN)["spec"].clone();
    sender.create(DEPLOYMENTS, &foreign).refused();
}

#[test]
fn of_keys_that_stand_twice_the_one_that_counts_is_judged() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "keys", &[]);
    let namespace = guarded(plane, "keys", "enforce");
    let sender = Sender::new(&namespace);
    let text = |first: &str, second: &str| {
        let twice = format!("{first}\",\"image\":\"{second}");
        deployment("IMAGE").to_string().replace("IMAGE", &twice)
    };
    sender
        .create_text(DEPLOYMENTS, &text(CURRENT, FOREIGN))
        .refused();
    let created = sender
        .create_text(DEPLOYMENTS, &text(FOREIGN, CURRENT))
        .taken();
    assert_eq!(
        created["spec"]["template"]["spec"]["containers"][0]["image"],
        CURRENT
    );
    let annotations = r#""annotations":{"policy.imgauto.dev/web":"none","policy.imgauto.dev/web":"web"},"name":"two""#;
    let twice = deployment(FOREIGN)
        .to_string()
        .replace("\"name\":\"web\"}", &format!("{annotations}}}"));
    assert!(twice.contains("two"), "{twice}");
    sender.create_text(DEPLOYMENTS, &twice).refused();
}

/// Waits until the injector is called too.
fn wait_until_injected(namespace: &Namespace<'_>) {
    wait_for(namespace, &deployment(CURRENT), |answer| {
        answer.code == 403 || answer.body["metadata"]["labels"]["injected"] == "true"
    });
}

#[test]
fn what_another_webhook_adds_later_is_judged() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "later", &[]);
    let namespace = guarded(plane, "later", "enforce");
    let sender = Sender::new(&namespace);
    let injector = Injector::start(plane, "zz-later", "later", FOREIGN);
    wait_until_injected(&namespace);
    let answer = sender.create(DEPLOYMENTS, &deployment(CURRENT));
    let said = answer.refused();
    assert!(said.starts_with("container sidecar (foreign): "), "{said}");
    drop(injector);
    wait_for(&namespace, &deployment(CURRENT), |answer| {
        answer.code == 201
    });
}

#[test]
fn marks_and_another_webhook_come_to_an_end_in_either_order() {
    let plane = ControlPlane::shared();
    for order in ["aa", "zz"] {
        let webhook = format!("both-{order}");
        let _webhook = Webhook::start(plane, &webhook, &[]);
        let namespace = guarded(plane, &webhook, "audit");
        let name = format!("{order}-injector");
        // A paused Deployment has nothing written to it by its controller.
        let mut object = deployment(CURRENT);
        object["spec"]["paused"] = json!(true);
        let _injector = Injector::start(plane, &name, &webhook, BEHIND);
        wait_until_injected(&namespace);
        let sender = Sender::new(&namespace);
        let place = format!("{DEPLOYMENTS}/web");
        let created = sender
            .apply(&place, "kustomize-controller", &object)
            .taken();
        assert_eq!(
            drift(&created),
            Some("drift"),
            "what was added later counts too"
        );
        let resolved = &created["metadata"]["annotations"]["resolved.imgauto.dev/sidecar"];
        assert_eq!(*resolved, format!("{}/web", namespace.name()));
        let again = sender
            .apply(&place, "kustomize-controller", &object)
            .taken();
        // Its controller writes a status meanwhile, so the version is another one.
        for field in ["generation", "labels", "annotations"] {
            let (now, before) = (&again["metadata"][field], &created["metadata"][field]);
            assert_eq!(now, before, "{order} {field}");
        }
        // Whoever writes the whole of it without the container and the marks gets both back.
        let replaced = sender.replace(&place, &object).taken();
        for field in ["labels", "annotations"] {
            assert_eq!(
                replaced["metadata"][field], created["metadata"][field],
                "{order}"
            );
        }
    }
}
