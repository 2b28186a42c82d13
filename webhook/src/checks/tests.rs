use std::collections::BTreeMap;
use std::sync::Arc;

use engine::admission::Wishes;
use serde_json::{Value, json};

use super::*;
use crate::api_server::{Phase, take};
use crate::wire::{self, API_VERSION, KIND};

fn ask(resource: &str, before: Option<&Value>, spec: &Value) -> Answered {
    let object =
        |spec: &Value| json!({ "metadata": { "name": "a", "namespace": "apps" }, "spec": spec });
    let review = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "request": {
            "uid": "1", "operation": if before.is_some() { "UPDATE" } else { "CREATE" }, "namespace": "apps",
            "resource": { "group": "image.toolkit.fluxcd.io", "version": "v1", "resource": resource },
            "object": object(spec), "oldObject": before.map(object), "dryRun": true,
        },
    });
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let snapshot = Snapshot {
        namespaces: [(
            "apps".to_owned(),
            Arc::new(Wishes::new(labels(&[("team", "a")]), &BTreeMap::new())),
        )]
        .into(),
        repositories: [
            (key("apps", "web"), Arc::new(Vec::new())),
            (
                key("other", "open"),
                Arc::new(vec![labels(&[("team", "a")])]),
            ),
            (
                key("other", "closed"),
                Arc::new(vec![labels(&[("team", "b")])]),
            ),
        ]
        .into(),
        ..Snapshot::default()
    };
    let body = serde_json::to_vec(&review).unwrap();
    let answered = check(&wire::read(&body).unwrap().request.unwrap(), &snapshot);
    let written = wire::write("1", &answered.reply);
    take(Phase::Validating, &review, &written);
    answered
}

/// What a refusal says, or the warnings; nothing if there is nothing to say.
fn told(resource: &str, spec: &Value) -> Vec<String> {
    let reply = ask(resource, None, spec).reply;
    match reply.denial {
        Some(denial) => {
            assert_eq!((denial.code, denial.reason), (422, "Invalid"));
            vec![denial.message]
        }
        None => reply
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}"))
            .collect(),
    }
}

fn policy(choice: &Value, filter: Option<(&str, &str)>) -> Value {
    let mut spec = json!({ "imageRepositoryRef": { "name": "web" }, "policy": choice });
    if let Some((pattern, extract)) = filter {
        spec["filterTags"] = json!({ "pattern": pattern, "extract": extract });
    }
    spec
}

#[test]
fn a_policy_that_works_is_let_in() {
    let semver = json!({ "semver": { "range": ">=1.0.0 <2.0.0" } });
    assert!(told("imagepolicies", &policy(&semver, None)).is_empty());
    let numerical = json!({ "numerical": { "order": "asc" } });
    let filter = ("^main-(?P<ts>[0-9]+)$", "$ts");
    assert!(told("imagepolicies", &policy(&numerical, Some(filter))).is_empty());
}

#[test]
fn a_policy_that_cannot_work_is_refused_with_the_place() {
    let (range, numerical) = (
        json!({ "semver": { "range": "1.x && <2" } }),
        json!({ "numerical": {} }),
    );
    let rows = [
        (
            policy(&range, None),
            "spec.policy.semver.range: \"1.x && <2\" is no range of versions: ",
            ", at position 5; write a comma or a blank for and",
        ),
        (
            policy(&json!({}), None),
            "spec.policy: one of semver",
            "must be set",
        ),
        (
            policy(&numerical, Some(("^(?<ts>[0-9]+", "$ts"))),
            "spec.filterTags.pattern: \"^(?<ts>[0-9]+\" is no regular expression: ",
            ", at position 2",
        ),
        (
            policy(&numerical, Some(("^(?P<ts>[0-9]+)$", "v$tz"))),
            "spec.filterTags.extract: \"v$tz\" names the group \"tz\"",
            "at position 2",
        ),
        (
            policy(&numerical, Some(("^(?P<ts>[0-9]+)$", "$ts-$"))),
            "spec.filterTags.extract: \"$ts-$\" has a dollar sign",
            "at position 5",
        ),
        (
            policy(&range, Some(("(", ""))),
            "spec.policy.semver.range: ",
            "spec.filterTags.pattern: \"(\" is no regular expression: missing closing ), at position 1",
        ),
    ];
    for (spec, start, end) in rows {
        let told = told("imagepolicies", &spec);
        assert!(told.len() == 1 && told[0].starts_with(start), "{told:?}");
        assert!(told[0].contains(end), "{told:?}");
    }
}

#[test]
fn what_a_policy_names_may_still_come() {
    let mut spec = policy(&json!({ "numerical": {} }), None);
    for (namespace, name, expected) in [
        (
            "apps",
            "gone",
            Some("warning: spec.imageRepositoryRef: there is no ImageRepository \"apps/gone\""),
        ),
        ("", "web", None),
        ("other", "open", None),
        (
            "other",
            "closed",
            Some(
                "warning: spec.imageRepositoryRef: spec.accessFrom of the ImageRepository \"other/closed\" does not let this namespace use it",
            ),
        ),
    ] {
        spec["imageRepositoryRef"] = json!({ "namespace": namespace, "name": name });
        let told = told("imagepolicies", &spec);
        assert_eq!(
            told.first().map(String::as_str),
            expected.map(|text| cut(text, 129)).as_deref(),
            "{told:?}"
        );
    }
}

#[test]
fn repositories_are_checked() {
    let spec = |image: &str, list: &[&str]| json!({ "image": image, "interval": "1m", "exclusionList": list });
    assert!(
        told(
            "imagerepositories",
            &spec("ghcr.io/acme/web", &["^.*\\.sig$"])
        )
        .is_empty()
    );
    for (image, list, expected) in [
        (
            "https://ghcr.io/acme/web",
            &[][..],
            "spec.image: image 'https://ghcr.io/acme/web' should not include URL scheme; remove 'https://'",
        ),
        (
            "ghcr.io/acme/web:1",
            &[],
            "spec.image: image 'ghcr.io/acme/web:1' should not include a tag; remove ':1'",
        ),
        (
            "ghcr.io/Acme/web",
            &[],
            "spec.image: could not parse reference: ghcr.io/Acme/web: 'A' cannot be part of",
        ),
        (
            "ghcr.io/acme/web",
            &["a", "a("],
            "spec.exclusionList[1]: \"a(\" is no regular expression: missing closing ), at position 2",
        ),
    ] {
        let told = told("imagerepositories", &spec(image, list));
        assert!(told[0].starts_with(expected), "{told:?}");
    }
}

#[test]
fn automations_are_checked() {
    let spec = |field: &str, value: &Value| {
        let mut spec = json!({
            "interval": "1m",
            "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
            "git": { "commit": { "author": { "email": "a@b" } }, "checkout": { "ref": {} }, "push": {} },
        });
        *spec.pointer_mut(field).unwrap() = value.clone();
        spec
    };
    let email = json!({ "email": "a@b" });
    assert!(
        told(
            "imageupdateautomations",
            &spec("/git/commit/author", &email)
        )
        .is_empty()
    );
    let template = json!({ "author": email, "messageTemplate": "a\n{{ .Changed" });
    let selector = json!({ "matchExpressions": [{ "key": "a", "operator": "Near" }] });
    for (field, value, expected) in [
        (
            "/git/commit",
            template,
            "spec.git.commit.messageTemplate: template: commit message:2:",
        ),
        (
            "/git/checkout/ref",
            json!({ "semver": "1.2.3.4" }),
            "spec.git.checkout.ref.semver: \"1.2.3.4\" is no range",
        ),
        (
            "/git/push",
            json!({ "branch": "a b" }),
            "spec.git.push.branch: \"a b\" is no name of a branch",
        ),
        (
            "/git/push",
            json!({ "refspec": "a" }),
            "spec.git.push.refspec: \"a\": malformed refspec",
        ),
        (
            "/sourceRef",
            json!({ "kind": "Bucket", "name": "a" }),
            "spec.sourceRef.kind: \"Bucket\" is not GitRepository",
        ),
        (
            "/sourceRef",
            json!({ "kind": "GitRepository", "name": "" }),
            "spec.sourceRef.name: names no GitRepository",
        ),
        ("/git", Value::Null, "warning: spec.git: is not set"),
    ] {
        let told = told("imageupdateautomations", &spec(field, &value));
        assert!(told[0].starts_with(expected), "{told:?}");
    }
    let mut selecting = spec("/git/commit/author", &email);
    selecting["policySelector"] = selector;
    let told = told("imageupdateautomations", &selecting);
    assert_eq!(
        told,
        [
            "spec.policySelector.matchExpressions[0]: \"Near\" is none of In, NotIn, Exists and DoesNotExist"
        ]
    );
}

#[test]
fn an_old_mistake_is_warned_of_and_a_new_one_refused() {
    let range = |range: &str| policy(&json!({ "semver": { "range": range } }), None);
    let mut suspended = range("latest");
    suspended["suspend"] = json!(true);
    let same = ask("imagepolicies", Some(&range("latest")), &suspended);
    assert_eq!(
        (same.decision, same.reply.warnings.len()),
        (Decision::Warned, 1)
    );
    let other = ask("imagepolicies", Some(&range("latest")), &range("newest"));
    assert_eq!(other.decision, Decision::Denied);
    let repaired = ask("imagepolicies", Some(&range("latest")), &range("1.x"));
    assert_eq!(repaired.decision, Decision::Allowed);
}

#[test]
fn what_is_not_ours_is_let_in() {
    assert_eq!(
        ask("receivers", None, &json!({})).decision,
        Decision::Skipped
    );
    // The schema says more about this than we could.
    assert_eq!(
        ask("imagepolicies", None, &json!([])).decision,
        Decision::Skipped
    );
}
