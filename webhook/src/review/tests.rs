use engine::admission::keys::{DRIFT, MODE};
use engine::catalog::{Catalog, Entry};
use engine::change::LatestRef;
use engine::drift::Readiness;
use engine::image::Repository;
use engine::policy::{Policy, PolicySpec};
use engine::tie::Candidate;
use serde_json::{Value, json};

use super::*;
use crate::wire::{self, API_VERSION, KIND};

fn catalog() -> Catalog {
    let rule = Policy::new(&PolicySpec {
        semver_range: Some("1.x"),
        ..PolicySpec::default()
    });
    Catalog::new([Entry {
        candidate: Candidate {
            namespace: "apps".to_owned(),
            name: "web".to_owned(),
            repository: Repository::parse("ghcr.io/acme/web").ok(),
            grants: Vec::new(),
        },
        rule: rule.ok().map(Arc::new),
        latest: Some(LatestRef {
            name: "ghcr.io/acme/web".to_owned(),
            tag: "1.9.0".to_owned(),
            digest: None,
        }),
        previous: None,
        readiness: Readiness::Ready,
    }])
}

/// A webhook that knows namespace `apps` of a mode.
struct World {
    setup: Setup,
    snapshot: Snapshot,
}

impl World {
    fn new(mode: &str) -> Self {
        let labels = [(MODE.to_owned(), mode.to_owned())].into();
        let wishes = Wishes::new(labels, &BTreeMap::new());
        Self {
            setup: Setup::default(),
            snapshot: Snapshot {
                catalog: catalog(),
                namespaces: [("apps".to_owned(), Arc::new(wishes))].into(),
                repositories: BTreeMap::new(),
            },
        }
    }

    fn ask(
        &self,
        request: &Value,
        answer: impl FnOnce(&Request<'_>, &Known<'_>) -> Answered,
    ) -> Answered {
        let review = json!({ "apiVersion": API_VERSION, "kind": KIND, "request": request });
        let body = serde_json::to_vec(&review).unwrap();
        let request = wire::read(&body).unwrap().request.unwrap();
        let known = Known {
            setup: &self.setup,
            snapshot: &self.snapshot,
            knowledge: Knowledge::Fresh,
        };
        answer(&request, &known)
    }

    fn mutate(&self, request: &Value) -> Answered {
        self.ask(request, mutate)
    }

    fn validate(&self, request: &Value) -> Answered {
        self.ask(request, |request, known| {
            validate(request, known, Guard::ByNamespace)
        })
    }
}

fn deployment(image: &str) -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": image }] } } },
    })
}

fn create(group: &str, resource: &str, object: &Value) -> Value {
    json!({
        "uid": "1", "operation": "CREATE", "namespace": "apps", "object": object,
        "resource": { "group": group, "version": "v1", "resource": resource },
        "userInfo": { "username": "jane" },
    })
}

fn update(before: &Value, now: &Value) -> Value {
    let mut request = create("apps", "deployments", now);
    request["operation"] = json!("UPDATE");
    request["oldObject"] = before.clone();
    request
}

fn patched(object: &Value, answered: &Answered) -> Value {
    let mut object = object.clone();
    if let Some(patch) = &answered.reply.patch {
        json_patch::patch(&mut object, patch).unwrap();
    }
    object
}

fn is_denied(answered: &Answered) -> bool {
    assert_eq!(
        answered.decision == Decision::Denied,
        answered.reply.denial.is_some()
    );
    answered.reply.denial.is_some()
}

#[test]
fn a_new_workload_is_marked() {
    let world = World::new("audit");
    let object = deployment("ghcr.io/acme/web:1.8.0");
    let answered = world.mutate(&create("apps", "deployments", &object));
    assert_eq!(answered.decision, Decision::Patched);
    let marked = patched(&object, &answered);
    assert_eq!(marked["metadata"]["labels"], json!({ DRIFT: "drift" }));
    assert_eq!(
        marked["metadata"]["annotations"],
        json!({ "resolved.imgauto.dev/web": "apps/web" })
    );
    assert_eq!(marked["spec"], object["spec"], "the template is left alone");
    let again = world.mutate(&create("apps", "deployments", &marked));
    assert_eq!(
        (again.decision, again.reply.patch),
        (Decision::Unchanged, None)
    );
    assert_eq!(
        world.mutate(&update(&marked, &marked)).decision,
        Decision::Unchanged
    );
    let stripped = world.mutate(&update(&marked, &object));
    assert_eq!(patched(&object, &stripped), marked);
}

#[test]
fn every_kind_is_guarded() {
    let world = World::new("enforce");
    let spec = json!({ "containers": [{ "name": "web", "image": "ghcr.io/acme/web:2.0.0" }] });
    let template = json!({ "spec": spec });
    let of = |spec: Value| json!({ "metadata": {}, "spec": spec });
    let templated = of(json!({ "template": template }));
    let cron_job = of(json!({ "jobTemplate": { "spec": { "template": template } } }));
    for (group, resource, object) in [
        ("", "pods", of(spec.clone())),
        (
            "",
            "podtemplates",
            json!({ "metadata": {}, "template": template }),
        ),
        ("", "replicationcontrollers", templated.clone()),
        ("apps", "daemonsets", templated.clone()),
        ("apps", "deployments", templated.clone()),
        ("apps", "replicasets", templated.clone()),
        ("apps", "statefulsets", templated.clone()),
        ("batch", "jobs", templated.clone()),
        ("batch", "cronjobs", cron_job),
    ] {
        let request = create(group, resource, &object);
        assert!(is_denied(&world.validate(&request)), "{resource}");
        assert_eq!(
            world.mutate(&request).decision,
            Decision::Patched,
            "{resource}"
        );
    }
    let other = create("argoproj.io", "rollouts", &templated);
    assert_eq!(world.validate(&other).decision, Decision::Skipped);
    let mut world = world;
    let paths = PodPaths::parse(["spec.template.spec"]).unwrap();
    let kind = ("argoproj.io".to_owned(), "rollouts".to_owned());
    world.setup.kinds.insert(kind, paths);
    assert!(is_denied(&world.validate(&other)));
}

#[test]
fn parts_without_images_are_let_in() {
    let world = World::new("enforce");
    let mut request = create("apps", "deployments", &deployment("ghcr.io/acme/web:2.0.0"));
    for part in ["scale", "status", "ephemeralcontainers"] {
        request["subResource"] = json!(part);
        assert_eq!(
            world.validate(&request).decision,
            Decision::Skipped,
            "{part}"
        );
        assert_eq!(world.mutate(&request).decision, Decision::Skipped, "{part}");
    }
    request["subResource"] = json!("");
    for operation in ["DELETE", "CONNECT"] {
        request["operation"] = json!(operation);
        assert_eq!(world.mutate(&request).reply, Reply::default());
        assert_eq!(world.validate(&request).reply, Reply::default());
    }
}

#[test]
fn looking_into_a_pod_is_judged_and_not_marked() {
    let world = World::new("warn");
    let pod = json!({ "metadata": {}, "spec": { "containers": [{ "name": "web", "image": "ghcr.io/acme/web:2.0.0" }] } });
    let mut debugged = pod.clone();
    debugged["spec"]["ephemeralContainers"] = json!([{ "name": "debugger", "image": "busybox" }]);
    let mut request = create("", "pods", &debugged);
    request["operation"] = json!("UPDATE");
    request["oldObject"] = pod;
    request["subResource"] = json!("ephemeralcontainers");
    assert_eq!(world.mutate(&request).decision, Decision::Skipped);
    let answered = world.validate(&request);
    assert_eq!(answered.decision, Decision::Warned);
    assert!(answered.reply.warnings[0].starts_with("ephemeral container debugger (not listed): "));
}

#[test]
fn the_mode_of_the_namespace_decides() {
    let request = create("apps", "deployments", &deployment("ghcr.io/acme/web:2.0.0"));
    for (mode, decision) in [
        ("off", Decision::Skipped),
        ("audit", Decision::Allowed),
        ("warn", Decision::Warned),
        ("enforce", Decision::Denied),
    ] {
        let answered = World::new(mode).validate(&request);
        assert_eq!(answered.decision, decision, "{mode}");
        assert!(answered.reply.patch.is_none());
    }
    let denial = World::new("enforce")
        .validate(&request)
        .reply
        .denial
        .unwrap();
    assert_eq!((denial.code, denial.reason), (403, "Forbidden"));
}

#[test]
fn the_api_server_knows_a_mode_before_the_watch_does() {
    let request = create("apps", "deployments", &deployment("ghcr.io/acme/web:2.0.0"));
    let enforced = |world: &World, request: &Value| {
        world.ask(request, |request, known| {
            validate(request, known, Guard::Enforced)
        })
    };
    let mut world = World::new("audit");
    assert!(is_denied(&enforced(&world, &request)));
    world.snapshot.namespaces.clear();
    // Its policies are known whether or not the namespace is.
    assert!(is_denied(&enforced(&world, &request)));
    assert_eq!(world.validate(&request).decision, Decision::Warned);
    let unmanaged = create("apps", "deployments", &deployment("busybox"));
    assert_eq!(enforced(&world, &unmanaged).decision, Decision::Allowed);
    assert_eq!(world.mutate(&unmanaged).decision, Decision::Patched);
}

#[test]
fn what_cannot_be_read_is_never_patched_and_refused_only_where_rules_are_enforced() {
    let odd = json!({ "metadata": {}, "spec": { "template": { "spec": { "containers": {} } } } });
    let request = create("apps", "deployments", &odd);
    let world = World::new("enforce");
    assert_eq!(world.mutate(&request).reply, Reply::default());
    assert!(is_denied(&world.validate(&request)));
    assert!(!is_denied(&World::new("warn").validate(&request)));
    assert!(
        !is_denied(&world.validate(&update(&odd, &odd))),
        "it was so before"
    );
    let fine = deployment("ghcr.io/acme/web:1.0.0");
    assert!(is_denied(&world.validate(&update(&fine, &odd))));
    assert!(!is_denied(&world.validate(&update(&odd, &fine))));
    let mut system = request;
    system["namespace"] = json!("kube-system");
    assert_eq!(world.validate(&system).decision, Decision::Skipped);
}

#[test]
fn a_workload_that_is_full_is_left_alone_with_a_warning() {
    let mut object = deployment("ghcr.io/acme/web:1.9.0");
    object["metadata"]["annotations"] = json!({ "mine": "x".repeat(256 * 1024 - 10) });
    let answered = World::new("audit").mutate(&create("apps", "deployments", &object));
    assert_eq!(
        (answered.decision, &answered.reply.patch),
        (Decision::Warned, &None)
    );
    assert_eq!(answered.reply.warnings.len(), 1);
}
