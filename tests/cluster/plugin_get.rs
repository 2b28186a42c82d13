//! `kubectl imgauto get`, beside the real flux and the real kubectl.

mod templates;
mod terminal;

use std::time::{Duration, Instant};

use harness::program::{run, shell};
use harness::{ControlPlane, Namespace};
use serde_json::{Value, json};

use crate::running::Running;
use crate::stage::Answer;

/// A label that all objects of a test have, and no others.
const LABEL: &str = "example.com/test";

/// A namespace with objects of all kinds, in several states.
struct Objects<'a> {
    namespace: Namespace<'a>,
    label: String,
}

impl Objects<'_> {
    fn new(prefix: &str) -> Self {
        let plane = ControlPlane::shared();
        plane.install_manifests();
        let namespace = plane.namespace(prefix);
        let label = format!("{LABEL}={}", namespace.name());
        let objects = Self { namespace, label };
        objects.make(
            "ImageRepository",
            "web",
            &json!({"image": "ghcr.io/acme/web", "interval": "5m"}),
        );
        objects.make(
            "ImageRepository",
            "suspended",
            &json!({"image": "ghcr.io/acme/other", "interval": "5m", "suspend": true}),
        );
        objects.status(
            "imagerepository/web",
            &json!({
                "lastScanResult": {
                    "tagCount": 13,
                    "scanTime": "2026-08-22T08:00:00Z",
                    "latestTags": ["5.0.3", "5.0.2"],
                },
                "conditions": [
                    condition("Reconciling", "False", "no"),
                    condition("Ready", "True", "successful scan: found 13 tags with checksum 2894109832"),
                ],
            }),
        );
        let rule = json!({"semver": {"range": ">=5.0.0 <6 & \"more\""}});
        let policy = json!({"imageRepositoryRef": {"name": "web"}, "policy": rule});
        objects.make("ImagePolicy", "web", &policy);
        objects.make("ImagePolicy", "new", &policy);
        objects.status(
            "imagepolicy/web",
            &json!({
                "latestRef": {"name": "ghcr.io/acme/web", "tag": "5.0.3"},
                "conditions": [
                    condition("Ready", "True", "Latest image tag for ghcr.io/acme/web resolved to 5.0.3"),
                ],
            }),
        );
        let author = json!({"commit": {"author": {"email": "bot@example.com"}}});
        let source = json!({"kind": "GitRepository", "name": "fleet"});
        objects.make(
            "ImageUpdateAutomation",
            "all",
            &json!({"interval": "30m", "sourceRef": source, "git": author}),
        );
        objects.status(
            "imageupdateautomation/all",
            &json!({
                "lastAutomationRunTime": "2026-01-22T08:01:00Z",
                "conditions": [
                    condition("Stalled", "True", "x"),
                    condition("Ready", "False", "failed to push\nremote: <denied> ünïcode 世界\n"),
                ],
            }),
        );
        objects
    }

    fn make(&self, kind: &str, name: &str, spec: &Value) {
        let object = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": kind,
            "metadata": {
                "name": name,
                "labels": {LABEL: self.namespace.name(), "name": name},
                "annotations": {"example.com/a.b": "dotted"},
            },
            "spec": spec,
        });
        self.namespace.apply(&object.to_string());
    }

    fn status(&self, object: &str, status: &Value) {
        let patch = json!({"status": status}).to_string();
        let mut kubectl = self.namespace.kubectl();
        kubectl.args([
            "patch",
            object,
            "--subresource=status",
            "--type=merge",
            "--patch",
        ]);
        run(kubectl.arg(patch));
    }

    fn flux(&self, words: &[&str]) -> Answer {
        Answer::of(self.namespace.flux().args(words))
    }

    fn imgauto(&self, words: &[&str]) -> Answer {
        Answer::of(self.namespace.imgauto().args(words))
    }

    fn kubectl(&self, words: &[&str]) -> Answer {
        Answer::of(self.namespace.kubectl().args(words))
    }
}

fn condition(name: &str, status: &str, message: &str) -> Value {
    json!({
        "type": name,
        "status": status,
        "message": message,
        "reason": "Test",
        "lastTransitionTime": "2026-08-22T08:00:00Z",
    })
}

#[test]
fn tables_errors_and_exit_codes_are_those_of_flux() {
    let objects = Objects::new("get-flux");
    let nowhere = format!("--namespace={}-nowhere", objects.namespace.name());
    let label = format!("--label-selector={}", objects.label);
    let rows: [(&[&str], i32); 22] = [
        (&["get", "image", "repository"], 0),
        (&["get", "image", "policy"], 0),
        (&["get", "image", "update"], 0),
        (&["get", "images", "all"], 0),
        (&["get", "images", "all", "--all-namespaces", &label], 0),
        (&["get", "image", "policy", "-A", "-l", &objects.label], 0),
        (&["get", "image", "policy", "web"], 0),
        (&["get", "image", "policy", "web", "-l", "name=web"], 0),
        (&["get", "image", "policy", "web", "-l", "name=new"], 1),
        (&["get", "image", "policy", "nothing"], 1),
        (&["get", "image", "policy", "none-of-this-name", "-A"], 1),
        (&["get", "image", "update", &nowhere], 1),
        (
            &[
                "get",
                "image",
                "update",
                "-A",
                "-l",
                "example.com/no=object",
            ],
            1,
        ),
        (&["get", "images", "all", &nowhere], 0),
        (&["get", "image", "repository", "--no-header"], 0),
        (&["get", "images", "all", "--no-header"], 0),
        (
            &["get", "image", "policy", "--status-selector=ready=true"],
            0,
        ),
        (
            &["get", "image", "policy", "--status-selector=Ready!=True"],
            0,
        ),
        (
            &["get", "image", "policy", "--status-selector=ready=odd"],
            0,
        ),
        (
            &["get", "images", "all", "--status-selector=ready=false"],
            0,
        ),
        (
            &["get", "image", "update", "--status-selector=stalled=true"],
            0,
        ),
        (&["get", "image", "update", "--status-selector="], 0),
    ];
    for (words, code) in rows {
        let flux = objects.flux(words);
        assert_eq!(objects.imgauto(words), flux, "{words:?}");
        assert_eq!(flux.code, code, "{words:?}: {}", flux.stderr);
    }
}

#[test]
fn times_are_those_of_the_local_zone() {
    let objects = Objects::new("get-zone");
    for (zone, time) in [
        ("", "2026-08-22T08:00:00Z"),
        ("Europe/Berlin", "2026-08-22T10:00:00+02:00"),
        ("America/St_Johns", "2026-08-22T05:30:00-02:30"),
        ("Europe/London", "2026-08-22T09:00:00+01:00"),
    ] {
        let words = ["get", "images", "all"];
        let flux = Answer::of(objects.namespace.flux().env("TZ", zone).args(words));
        let ours = Answer::of(objects.namespace.imgauto().env("TZ", zone).args(words));
        assert_eq!(ours, flux, "{zone}");
        assert!(ours.stdout.contains(time), "{zone}: {}", ours.stdout);
    }
}

#[test]
fn documents_are_those_of_kubectl() {
    let objects = Objects::new("get-kubectl");
    let all = "imagerepositories,imagepolicies,imageupdateautomations";
    let nowhere = format!("--namespace={}-nowhere", objects.namespace.name());
    let rows: [(&[&str], &[&str]); 9] = [
        (&["imagepolicies"], &["policy"]),
        (&["imagepolicy", "web"], &["policy", "web"]),
        (&["imagepolicy/web"], &["policy/web"]),
        (&["imagepolicy", "web", "new"], &["policy", "web", "new"]),
        (&[all], &["all"]),
        (
            &["imagepolicies", "-A", "-l", &objects.label],
            &["policies", "-A", "-l", &objects.label],
        ),
        (&["imagepolicies", &nowhere], &["policies", &nowhere]),
        (
            &["imagepolicies", "--sort-by=.metadata.generation"],
            &["policies", "--sort-by=.metadata.generation"],
        ),
        (
            &[
                "imagerepositories",
                "--sort-by={.status.lastScanResult.tagCount}",
            ],
            &[
                "repositories",
                "--sort-by={.status.lastScanResult.tagCount}",
            ],
        ),
    ];
    for output in ["--output=json", "--output=yaml", "--output=name"] {
        for (theirs, ours) in rows {
            let kubectl = objects.kubectl(&[&["get", output], theirs].concat());
            let imgauto = objects.imgauto(&[&["get", output], ours].concat());
            assert_eq!(imgauto, kubectl, "{output} {ours:?}");
            assert_eq!(imgauto.code, 0, "{output} {ours:?}: {}", imgauto.stderr);
        }
    }
}

#[test]
fn what_was_found_is_printed_and_what_was_not_is_told() {
    let objects = Objects::new("get-some");
    let namespace = objects.namespace.name();
    let alone = objects.imgauto(&["get", "policy", "web", "--no-headers"]);
    let some = objects.imgauto(&["get", "policy", "nothing", "web", "nobody", "--no-headers"]);
    let missing = |kind: &str, name: &str| {
        format!("✗ {kind} object '{name}' not found in \"{namespace}\" namespace\n")
    };
    assert_eq!(
        some,
        Answer {
            code: 1,
            stdout: alone.stdout,
            stderr: missing("ImagePolicy", "nothing") + &missing("ImagePolicy", "nobody"),
        }
    );
    // A name is looked for among all kinds, of which one is enough.
    let all = objects.imgauto(&["get", "all", "all"]);
    assert_eq!((all.code, &*all.stderr), (0, ""));
    assert!(
        all.stdout.contains("\nimageupdateautomation/all\t"),
        "{}",
        all.stdout
    );
    let none = objects.imgauto(&["get", "all", "nothing"]);
    assert_eq!((none.code, none.stderr), (1, missing("image", "nothing")));
    let json = objects.imgauto(&["get", "policy", "nothing", "-o", "json"]);
    assert_eq!((json.code, &*json.stdout), (1, ""));
}

#[test]
fn objects_are_chosen_by_their_state() {
    let objects = Objects::new("get-state");
    let names = |words: &[&str]| {
        let answer = objects.imgauto(&[&["get", "-o", "name"], words].concat());
        assert_eq!((answer.code, &*answer.stderr), (0, ""), "{words:?}");
        let names = answer
            .stdout
            .lines()
            .map(|line| line.rsplit_once('/').unwrap().1);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&["all", "--ready"]), ["web", "web"]);
    assert_eq!(
        names(&["all", "--ready=false"]),
        ["suspended", "new", "all"]
    );
    assert_eq!(names(&["all", "--suspended"]), ["suspended"]);
    assert_eq!(names(&["repository", "--suspended=false"]), ["web"]);
    assert_eq!(
        names(&["policy/new", "update/all", "--ready=false"]),
        ["new", "all"]
    );
}

#[test]
fn missing_kinds_and_rights_are_told_with_a_way_out() {
    let objects = Objects::new("get-rights");
    let rules = json!([{
        "apiGroups": ["image.toolkit.fluxcd.io"],
        "resources": ["imagerepositories"],
        "verbs": ["list"],
    }]);
    let eve = objects.namespace.account("eve", &rules);
    let ours = |words: &[&str]| {
        Answer::of(
            objects
                .namespace
                .imgauto()
                .env("KUBECONFIG", eve.path())
                .args(words),
        )
    };
    let namespace = format!("--namespace={}", objects.namespace.name());
    let policy = ours(&["get", "policy", &namespace]);
    assert_eq!((policy.code, &*policy.stdout), (1, ""));
    assert!(
        policy
            .stderr
            .starts_with("✗ cannot list ImagePolicy: not allowed\n"),
        "{}",
        policy.stderr
    );
    assert!(
        policy
            .stderr
            .contains(r#"cannot list resource "imagepolicies""#),
        "{}",
        policy.stderr
    );
    let all = ours(&["get", "all", &namespace]);
    let repositories = objects.imgauto(&["get", "all"]).stdout;
    let repositories = repositories.split_inclusive("\n\n").next().unwrap();
    assert_eq!((all.code, &*all.stdout), (1, repositories));
    assert!(
        all.stderr.contains("cannot list ImageUpdateAutomation"),
        "{}",
        all.stderr
    );
    let watch = ours(&["get", "policy", "--watch", &namespace]);
    assert_eq!((watch.code, watch.stderr), (1, policy.stderr));

    // Nobody listens there.
    let away = objects.imgauto(&["get", "policy", "--watch", "--server=http://127.0.0.1:1"]);
    assert_eq!((away.code, &*away.stdout), (1, ""));
    let said = "✗ cannot list ImagePolicy: no answer from the API server\n";
    assert!(away.stderr.starts_with(said), "{}", away.stderr);

    let bare = ControlPlane::private();
    let bare = bare.namespace("bare");
    for words in [["get", "policy"], ["get", "all"], ["get", "policies/x"]] {
        let answer = Answer::of(bare.imgauto().args(words));
        assert_eq!((answer.code, &*answer.stdout), (1, ""), "{words:?}");
        let told = answer.stderr.matches("this cluster has no kind").count();
        assert_eq!(told, 1, "{}", answer.stderr);
        assert!(
            answer
                .stderr
                .contains("\n  next: kubectl imgauto install\n"),
            "{}",
            answer.stderr
        );
    }
}

#[test]
fn mistakes_end_with_2() {
    let namespace = ControlPlane::shared().namespace("get-mistakes");
    let rows: [(&[&str], &str); 8] = [
        (&[], "what to get has to be named"),
        (&["polcy"], "did you mean policy?"),
        (
            &["all", "--watch"],
            "expected a single resource type, but found all",
        ),
        (
            &["policy", "--status-selector=ready"],
            "expected status selector in type=status or type!=status format, but found: ready",
        ),
        (&["policy", "-o", "jsn"], "did you mean json?"),
        (
            &["policy", "--sort-by=.a["],
            "the bracket is never closed, at position 3",
        ),
        (
            &["policy", "--suspended=maybe"],
            "parsing \"maybe\": invalid syntax",
        ),
        (
            &["policy", "--statusselector=x"],
            "unknown flag: --statusselector",
        ),
    ];
    for (words, said) in rows {
        let answer = Answer::of(namespace.imgauto().arg("get").args(words));
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{words:?}");
        assert!(answer.stderr.contains(said), "{words:?}: {}", answer.stderr);
    }
}

#[test]
fn changes_are_printed_as_by_flux() {
    let objects = Objects::new("get-watch");
    let watch = |mut command: std::process::Command| {
        Running::start(command.args(["get", "image", "policy", "--watch"]))
    };
    let mut flux = watch(objects.namespace.flux());
    let mut ours = watch(objects.namespace.imgauto());
    assert_eq!(ours.lines(3), flux.lines(3));
    let stalled = json!({"conditions": [condition("Ready", "False", "no tag matches")]});
    objects.status("imagepolicy/new", &stalled);
    let line = ours.line();
    assert!(line.ends_with("\tFalse\tno tag matches\t"), "{line}");
    assert_eq!(line, flux.line());
    run(objects
        .namespace
        .kubectl()
        .args(["delete", "imagepolicy/new"]));
    assert_eq!(ours.line(), line);
    let (code, rest, errors) = ours.interrupt();
    assert_eq!((code, rest, &*errors), (130, Vec::new(), ""));
}

#[test]
fn a_watch_ends_quietly_when_nobody_reads() {
    let objects = Objects::new("get-reader");
    let line = "{ kubectl imgauto get policy web --watch --output=json; echo $? >&2; } | head -n 1";
    let mut shell = shell(objects.namespace.home(), line);
    let mut watch = Running::start(shell.env("KUBECONFIG", objects.namespace.kubeconfig()));
    assert_eq!(watch.line(), "{");
    let deadline = Instant::now() + Duration::from_secs(60);
    // What is written before the reader is gone cannot tell that it is gone.
    for tag in 0.. {
        let latest = json!({"latestRef": {"name": "ghcr.io/acme/web", "tag": tag.to_string()}});
        objects.status("imagepolicy/web", &latest);
        if watch.ended().is_some() {
            break;
        }
        assert!(Instant::now() < deadline, "it goes on without a reader");
    }
    let (code, rest, errors) = watch.end();
    assert_eq!((code, rest, &*errors), (0, Vec::new(), "0\n"));
}
