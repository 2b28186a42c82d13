//! `create` of the plugin on a cluster, alone and in turn with the real flux CLI and with Flux's controllers.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use harness::ControlPlane;
use harness::program::run_with_input;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::{Value, json};

use crate::stage::{Answer, FOLDER, Stage};

/// Who changed an object, and how, and which fields of the spec are theirs.
fn owners(meta: &ObjectMeta) -> Vec<(String, String, Value)> {
    let of_spec = |entry: &ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref()?.0.get("f:spec")?.clone();
        let manager = entry.manager.clone().unwrap_or_default();
        let operation = entry.operation.clone().unwrap_or_default();
        Some((manager, operation, fields))
    };
    let entries = meta.managed_fields.iter().flatten();
    let mut owners: Vec<_> = entries.filter_map(of_spec).collect();
    owners.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    owners
}

fn names(owners: &[(String, String, Value)]) -> Vec<[&str; 2]> {
    owners
        .iter()
        .map(|(manager, operation, _)| [manager.as_str(), operation.as_str()])
        .collect()
}

fn policy(stage: &Stage<'_>) -> ImagePolicy {
    stage
        .namespace
        .settles("podinfo", |policy: &ImagePolicy| Some(policy.clone()))
}

fn repository(stage: &Stage<'_>) -> ImageRepository {
    let get = |repository: &ImageRepository| Some(repository.clone());
    stage.namespace.settles("podinfo", get)
}

fn update(stage: &Stage<'_>) -> ImageUpdateAutomation {
    let get = |update: &ImageUpdateAutomation| Some(update.clone());
    stage.namespace.settles("flux-system", get)
}

/// What is said of an object that was applied; `change` is `created`, `updated`, or nothing.
fn said(kind: &str, change: &str) -> Answer {
    let change = match change {
        "" => String::new(),
        change => format!("✔ {kind} {change}\n"),
    };
    Answer::said(&format!(
        "✚ generating {kind}
► applying {kind}
{change}◎ waiting for {kind} reconciliation
✔ {kind} reconciliation completed
"
    ))
}

/// Applies the source, which the guide takes for there.
fn apply_source(stage: &Stage<'_>) {
    let source = format!("{FOLDER}/flux-system-source.yaml");
    stage
        .namespace
        .apply(&stage.repository.read("main", &source));
}

fn create(stage: &Stage<'_>, words: &[String], more: &[&str]) -> Answer {
    let words = words.iter().map(String::as_str).chain(more.iter().copied());
    let words: Vec<_> = std::iter::once("create").chain(words).collect();
    stage.imgauto(&words)
}

#[test]
fn the_guide_is_created_with_the_lines_of_flux_and_then_is_as_flux_makes_it() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-create");
    apply_source(&stage);
    let [_, words @ ..] = stage.creations();
    let kinds = ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"];
    for (words, kind) in words.iter().zip(kinds) {
        assert_eq!(create(&stage, words, &[]), said(kind, "created"));
        assert_eq!(create(&stage, words, &[]), said(kind, ""));
    }
    for meta in [
        repository(&stage).metadata,
        policy(&stage).metadata,
        update(&stage).metadata,
    ] {
        assert_eq!(names(&owners(&meta)), [["kubectl-imgauto", "Apply"]]);
    }
    // Flux finds what it would have made, so that its exports agree with its manifests but for defaults.
    let created = stage
        .repository
        .read("main", &format!("{FOLDER}/flux-system-automation.yaml"));
    let exported = stage.flux(&["export", "image", "update", "flux-system"]);
    assert_eq!(exported, Answer::printed(&created));
}

#[test]
fn what_flux_created_stays_its_own_until_a_value_differs() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-after-flux");
    stage.create_all();
    let [_, words @ ..] = stage.creations();
    let kinds = ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"];
    for (words, kind) in words.iter().zip(kinds) {
        assert_eq!(create(&stage, words, &[]), said(kind, ""));
    }
    for meta in [
        repository(&stage).metadata,
        policy(&stage).metadata,
        update(&stage).metadata,
    ] {
        assert_eq!(names(&owners(&meta)), [["flux", "Update"]]);
    }

    let range = ["create", "policy", "podinfo", "--select-semver=4.x"];
    assert_eq!(stage.imgauto(&range), said("ImagePolicy", "updated"));
    let changed = policy(&stage);
    assert_eq!(changed.spec.policy.semver.unwrap().range, "4.x");
    let ours = json!({"f:policy": {"f:semver": {"f:range": {}}}});
    let [_, by_us] = &owners(&changed.metadata)[..] else {
        panic!("flux and we own fields: {:?}", changed.metadata);
    };
    assert_eq!(
        *by_us,
        ("kubectl-imgauto".to_owned(), "Apply".to_owned(), ours)
    );

    // Flux takes back what it is told, and we again.
    let words: Vec<_> = words[1].iter().map(String::as_str).collect();
    let flux = stage.flux(&[&["create"], words.as_slice()].concat());
    assert_eq!(flux, said("ImagePolicy", "updated"));
    assert_eq!(
        names(&owners(&policy(&stage).metadata)),
        [["flux", "Update"]]
    );
    assert_eq!(stage.imgauto(&range), said("ImagePolicy", "updated"));
    assert_eq!(policy(&stage).spec.policy.semver.unwrap().range, "4.x");
}

#[test]
fn what_is_not_named_stays_as_it_is() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-patch");
    stage.create_all();
    let before = update(&stage);
    let path = [
        "create",
        "update",
        "flux-system",
        "--git-repo-path=./clusters",
    ];
    assert_eq!(
        stage.imgauto(&path),
        said("ImageUpdateAutomation", "updated")
    );
    let mut expected = before.spec.clone();
    expected.update.as_mut().unwrap().path = Some("./clusters".to_owned());
    assert_eq!(update(&stage).spec, expected);

    // Again and again, by turns of those who own it.
    let label = [
        "create",
        "update",
        "flux-system",
        "--label=team=a",
        "--interval=20m",
    ];
    assert_eq!(
        stage.imgauto(&label),
        said("ImageUpdateAutomation", "updated")
    );
    let option = ["create", "update", "flux-system", "--push-option=ci.skip="];
    assert_eq!(
        stage.imgauto(&option),
        said("ImageUpdateAutomation", "updated")
    );
    let after = update(&stage);
    assert_eq!(after.metadata.labels.unwrap()["team"], "a");
    assert_eq!(after.spec.interval.as_str(), "20m0s");
    assert_eq!(after.spec.update, expected.update);
    assert_eq!(after.spec.git.unwrap().push.unwrap().options["ci.skip"], "");
}

#[test]
fn a_rule_takes_the_place_of_the_one_there_was_whoever_made_that() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-rule");
    stage.create_all();
    let numeric = [
        "create",
        "policy",
        "podinfo",
        "--select-numeric=asc",
        "--filter-regex=^5\\.(?P<minor>\\d+)\\.\\d+$",
        "--filter-extract=$minor",
    ];
    assert_eq!(stage.imgauto(&numeric), said("ImagePolicy", "updated"));
    let changed = policy(&stage).spec;
    assert!(changed.policy.semver.is_none() && changed.policy.numerical.is_some());
    let alphabetical = ["create", "policy", "podinfo", "--select-alpha=desc"];
    assert_eq!(stage.imgauto(&alphabetical), said("ImagePolicy", "updated"));
    let changed = policy(&stage).spec;
    assert!(changed.policy.numerical.is_none() && changed.policy.alphabetical.is_some());
    assert_eq!(changed.filter_tags.unwrap().extract, "$minor");

    // What is named has to fit what is there.
    let interval = stage.imgauto(&["create", "policy", "podinfo", "--interval=5m"]);
    assert_eq!(interval.code, 2);
    assert!(
        interval
            .stderr
            .starts_with("✗ the --interval flag can only be used")
    );
    let extract = stage.imgauto(&["create", "policy", "podinfo", "--filter-extract=$major"]);
    assert_eq!(extract.code, 2);
    assert!(
        extract
            .stderr
            .starts_with("✗ capture group $major used in --filter-extract")
    );
    let new = stage.imgauto(&["create", "policy", "other", "--select-semver=1.x"]);
    assert_eq!(new.code, 2);
    let missing = "✗ the name of an ImageRepository in the namespace is required (--image-ref)\n";
    assert!(new.stderr.starts_with(missing), "{}", new.stderr);
}

#[test]
fn a_field_that_a_controller_applies_is_taken_over_only_when_that_is_wanted() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-conflict");
    let namespace = stage.namespace.name();
    applied_by_flux(&stage);

    let range = [
        "create",
        "policy",
        "podinfo",
        "--select-semver=4.x",
        "--wait=false",
    ];
    let refused = stage.imgauto(&range);
    let expected = format!(
        "✗ cannot apply ImagePolicy {namespace}/podinfo: others apply what would change
    spec.policy.semver.range belongs to \"kustomize-controller\"
    Kustomization {namespace}/apps applies it, and would undo the change
  next: commit what the same command prints with --force-conflicts --dry-run=server -o yaml
    or: the same command with --force-conflicts takes the fields over
"
    );
    assert_eq!((refused.code, refused.stderr), (1, expected));
    assert_eq!(policy(&stage).spec.policy.semver.unwrap().range, "5.x");

    let force = [&range[..], &["--force-conflicts"]].concat();
    let printed = stage.imgauto(&[&force[..], &["--dry-run=server", "-o", "yaml"]].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(
        printed.stdout.contains("      range: 4.x\n"),
        "{}",
        printed.stdout
    );
    assert_eq!(policy(&stage).spec.policy.semver.unwrap().range, "5.x");

    let taken = stage.imgauto(&force);
    let expected = format!(
        "✚ generating ImagePolicy
⚠️ image policy podinfo is applied by Kustomization {namespace}/apps, which will undo this change: commit what the same command with --dry-run=server -o yaml prints instead
► applying ImagePolicy
✔ ImagePolicy updated
"
    );
    assert_eq!(taken, Answer::said(&expected));
    assert_eq!(policy(&stage).spec.policy.semver.unwrap().range, "4.x");
}

#[test]
fn a_replacement_overwrites_as_flux_does_and_says_what_is_lost() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-replace");
    stage.create_all();
    let more = [
        "create",
        "repository",
        "podinfo",
        "--exclude=^dev-",
        "--label=team=a",
        "--annotation=note=kept",
        "--scan-timeout=30s",
    ];
    assert_eq!(stage.imgauto(&more), said("ImageRepository", "updated"));
    let image = format!("--image={}", stage.image());
    let replace = ["create", "repository", "podinfo", &image, "--replace"];
    let expected = "✚ generating ImageRepository
► applying ImageRepository
⚠️ --replace gave up label team, spec.exclusionList, spec.interval, spec.timeout
✔ ImageRepository updated
◎ waiting for ImageRepository reconciliation
✔ ImageRepository reconciliation completed
";
    assert_eq!(stage.imgauto(&replace), Answer::said(expected));
    let ours = repository(&stage);
    assert_eq!(ours.metadata.annotations.as_ref().unwrap()["note"], "kept");
    let flux = ["create", "image", "repository", "podinfo", &image];
    assert_eq!(stage.flux(&flux).code, 0);
    let theirs = repository(&stage);
    assert_eq!(ours.spec, theirs.spec);
    assert_eq!(ours.metadata.labels, theirs.metadata.labels);
    let missing = stage.imgauto(&["create", "repository", "podinfo", "--replace"]);
    assert_eq!(missing.code, 2);
}

#[test]
fn a_dry_run_changes_nothing_and_what_is_applied_can_be_printed() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-dry-run");
    let image = format!("--image={}", stage.image());
    let create = ["create", "repository", "podinfo", &image];
    let dry = stage.imgauto(&[&create[..], &["--dry-run=server"]].concat());
    let expected = "✚ generating ImageRepository
► applying ImageRepository (server dry run)
✔ ImageRepository created (server dry run)
";
    assert_eq!(dry, Answer::said(expected));
    assert_eq!(stage.imgauto(&["export", "repository", "podinfo"]).code, 1);

    let made = stage.imgauto(&[&create[..], &["-o", "yaml", "--quiet"]].concat());
    assert_eq!((made.code, made.stderr.as_str()), (0, ""));
    let exported = stage.imgauto(&["export", "repository", "podinfo"]);
    assert_eq!(made.stdout, exported.stdout);
    let named = stage.imgauto(&[&create[..], &["-o", "name", "--quiet"]].concat());
    let expected = "imagerepository.image.toolkit.fluxcd.io/podinfo\n";
    assert_eq!(named, Answer::printed(expected));

    let suspended = stage.imgauto(&["create", "repository", "podinfo", "--suspend"]);
    let namespace = stage.namespace.name();
    let expected = format!(
        "✚ generating ImageRepository
► applying ImageRepository
✔ ImageRepository updated
► ImageRepository is suspended, and nothing to wait for: kubectl imgauto resume repository podinfo -n {namespace}
"
    );
    assert_eq!(suspended, Answer::said(&expected));
    let resumed = stage.imgauto(&["create", "repository", "podinfo", "--suspend=false"]);
    assert_eq!(resumed, said("ImageRepository", "updated"));
}

#[test]
fn what_does_not_become_ready_is_a_failure() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-unready");
    let image = format!("--image={}", stage.image());
    let create = [
        "create",
        "repository",
        "podinfo",
        &image,
        "--secret-ref=absent",
    ];
    let failed = stage.imgauto(&create);
    assert_eq!(failed.code, 1);
    let end = failed.stderr.lines().last().unwrap();
    assert!(
        end.starts_with("✗ ImageRepository reconciliation failed: '") && end.contains("absent"),
        "{end}"
    );
    // A policy may wait for its repository, but not for ever.
    let create = [
        "create",
        "policy",
        "podinfo",
        "--image-ref=podinfo",
        "--select-semver=5.x",
    ];
    let late = stage.imgauto(&[&create[..], &["--timeout=2s"]].concat());
    assert_eq!(late.code, 124, "{}", late.stderr);
    let sentence = "✗ ImagePolicy reconciliation did not end within 2s\n";
    assert!(late.stderr.contains(sentence), "{}", late.stderr);
}

/// Plays Flux: applies the policy `podinfo` by the name, and with the labels, of its kustomize-controller.
pub(crate) fn applied_by_flux(stage: &Stage<'_>) {
    let namespace = stage.namespace.name();
    let manifest = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: podinfo
  labels: {{kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: {namespace}}}
spec: {{imageRepositoryRef: {{name: podinfo}}, policy: {{semver: {{range: 5.x}}}}}}
"
    );
    let mut apply = stage.namespace.kubectl();
    apply.args([
        "apply",
        "--server-side",
        "--field-manager=kustomize-controller",
    ]);
    run_with_input(apply.arg("--filename=-"), &manifest);
}
