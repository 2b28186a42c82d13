//! Which objects a run takes, and what several automations do to one folder.

use std::fs;

use serde_json::Value;

use crate::walking::{Folder, automation, policy, problems, stale};

fn old_and_new(report: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for update in report["updates"].as_array().unwrap() {
        for change in update["changes"].as_array().unwrap() {
            let place = format!("{}:{}", change["file"].as_str().unwrap(), change["line"]);
            all.push((place, change["new"].as_str().unwrap().to_owned()));
        }
    }
    all
}

fn new(place: &str, image: &str) -> (String, String) {
    (place.to_owned(), image.to_owned())
}

#[test]
fn row_104_to_107_policies_without_a_usable_result_are_skipped_and_reported() {
    let objects = [
        policy("flux-system", "app", "ghcr.io/org/app", "2.0.0"),
        policy("flux-system", "upper", "UPPER/Case", "1"),
        policy("flux-system", "empty", "ghcr.io/org/app", ""),
        policy("flux-system", "none", "x", "y")
            .split("status:")
            .next()
            .unwrap()
            .to_owned(),
    ];
    let folder = Folder::new(&objects.concat());
    let setters = ["app", "upper", "empty", "none", "unknown"];
    let lines =
        setters.map(|name| stale(&format!("flux-system:{name}")).replacen("image", name, 1));
    folder.write("a.yaml", lines.concat());
    let (report, told) = folder.run(0, &[]);
    assert_eq!(
        old_and_new(&report),
        [new("a.yaml:1", "ghcr.io/org/app:2.0.0")]
    );
    assert_eq!(
        folder.read("a.yaml"),
        lines.concat().replacen("1.0.0", "2.0.0", 1)
    );
    let problems = problems(&report);
    for words in [
        "objects.yaml:8: ImagePolicy flux-system/upper: status.latestRef: encountered invalid image ref \"UPPER/Case:1\"",
        "objects.yaml:14: ImagePolicy flux-system/empty: status.latestRef: encountered invalid image ref",
        "objects.yaml:20: ImagePolicy flux-system/none: spec: has no status.latestRef",
        "a.yaml:2: policy upper has an invalid latest image",
        "a.yaml:3: policy empty has an invalid latest image",
        "a.yaml:4: policy none has no latest image yet",
        "a.yaml:5: no policy unknown in namespace flux-system",
    ] {
        assert!(
            problems.iter().any(|line| line.starts_with(words)),
            "{words}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 7, "{problems:#?}");
    assert!(!told.contains('✗'), "{told}");

    let folder = Folder::new("apiVersion: v1\nkind: ConfigMap\n");
    folder.write("a.yaml", stale("flux-system:app"));
    let (_, told) = folder.run(2, &[]);
    assert!(
        told.contains("no ImagePolicy and no ImageUpdateAutomation"),
        "{told}"
    );
    assert!(told.contains("next:"), "{told}");
}

#[test]
fn without_an_automation_every_namespace_with_policies_is_updated_everywhere() {
    let objects = policy("one", "app", "ghcr.io/org/app", "2.0.0")
        + &policy("two", "app", "ghcr.io/org/app", "3.0.0");
    let folder = Folder::new(&objects);
    folder.write(
        "a.yaml",
        stale("one:app") + &stale("two:app").replacen("image", "other", 1),
    );
    folder.write("b.yaml", stale("three:app"));
    let (report, _) = folder.run(0, &[]);
    assert_eq!(
        old_and_new(&report),
        [
            new("a.yaml:1", "ghcr.io/org/app:2.0.0"),
            new("a.yaml:2", "ghcr.io/org/app:3.0.0")
        ]
    );
    let problems = problems(&report);
    assert!(
        problems.iter().all(|line| line.starts_with("b.yaml:1: ")),
        "{problems:?}"
    );
    assert!(!problems.is_empty());
}

#[test]
fn objects_come_from_files_folders_and_lists_and_those_without_a_namespace_get_the_default() {
    let bare = policy("x", "app", "ghcr.io/org/app", "2.0.0").replace("namespace: x, ", "");
    for (args, namespace) in [(vec![], "flux-system"), (vec!["-n", "team"], "team")] {
        let folder = Folder::new(&bare);
        folder.write("a.yaml", stale(&format!("{namespace}:app")));
        let (report, _) = folder.run(0, &args);
        assert_eq!(old_and_new(&report).len(), 1, "{namespace}");
        assert_eq!(problems(&report), [""; 0]);
    }
    // The same file twice, once by its folder, is one set of objects.
    let folder = Folder::new(&bare);
    folder.write("a.yaml", stale("flux-system:app"));
    let (report, _) = folder.run(0, &["-f", "./objects.yaml", "-f", "."]);
    assert_eq!(problems(&report), [""; 0]);
    // Inside the folder that is updated, as a List.
    let item = bare
        .trim_start_matches("---\n")
        .trim_end()
        .replace('\n', "\n    ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n  - {item}\n");
    let folder = Folder::new("");
    folder.write("flux/list.yaml", list);
    folder.write("a.yaml", stale("flux-system:app"));
    let command = &mut folder.command(&["run", "tree", "-f", "tree/flux", "--offline"]);
    harness::program::run(command);
    assert!(folder.read("a.yaml").contains("app:2.0.0"));
}

#[test]
fn two_definitions_of_one_object_are_told_apart_by_their_places() {
    let folder = Folder::new(
        &(policy("flux-system", "app", "ghcr.io/org/app", "2.0.0")
            + &policy("flux-system", "app", "ghcr.io/org/app", "3.0.0")),
    );
    folder.write("a.yaml", stale("flux-system:app"));
    let (report, _) = folder.run(0, &[]);
    assert!(folder.read("a.yaml").contains("app:2.0.0"));
    let problems = problems(&report);
    assert!(
        problems[0].starts_with(
            "objects.yaml:8: ImagePolicy flux-system/app is defined at objects.yaml:2"
        ),
        "{problems:?}"
    );
}

#[test]
fn a_suspended_automation_waits_until_it_is_asked_for_by_name() {
    let objects = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0")
        + &automation("runs", "on", "")
        + &automation("waits", "off", "  suspend: true\n");
    let folder = Folder::new(&objects);
    folder.write("on/a.yaml", stale("flux-system:app"));
    folder.write("off/a.yaml", stale("flux-system:app"));
    let (report, told) = folder.run(0, &[]);
    assert_eq!(
        old_and_new(&report),
        [new("on/a.yaml:1", "ghcr.io/org/app:2.0.0")]
    );
    assert!(told.contains("flux-system/waits is suspended"), "{told}");
    let (report, _) = folder.run(0, &["--update", "waits"]);
    assert_eq!(
        old_and_new(&report),
        [new("off/a.yaml:1", "ghcr.io/org/app:2.0.0")]
    );
    assert_eq!(report["updates"].as_array().unwrap().len(), 1);
    let (_, told) = folder.run(2, &["--update", "wait"]);
    assert!(
        told.contains("flux-system/runs, flux-system/waits"),
        "{told}"
    );
}

#[test]
fn policy_selectors_choose_by_labels_and_expressions() {
    for (selector, updated) in [
        ("{matchLabels: {name: app}}", vec!["a.yaml:1"]),
        (
            "{matchExpressions: [{key: name, operator: In, values: [web, db]}]}",
            vec!["a.yaml:2"],
        ),
        (
            "{matchExpressions: [{key: name, operator: NotIn, values: [app]}]}",
            vec!["a.yaml:2"],
        ),
        (
            "{matchExpressions: [{key: name, operator: Exists}]}",
            vec!["a.yaml:1", "a.yaml:2"],
        ),
        (
            "{matchExpressions: [{key: name, operator: DoesNotExist}]}",
            vec![],
        ),
        ("{}", vec!["a.yaml:1", "a.yaml:2"]),
    ] {
        let objects = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0")
            + &policy("flux-system", "web", "ghcr.io/org/web", "2.0.0")
            + &automation("one", ".", &format!("  policySelector: {selector}\n"));
        let folder = Folder::new(&objects);
        let lines =
            stale("flux-system:app") + &stale("flux-system:web").replacen("image", "other", 1);
        folder.write("a.yaml", lines);
        let (report, _) = folder.run(0, &[]);
        let places: Vec<_> = old_and_new(&report)
            .into_iter()
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places, updated, "{selector}");
        let left_out = problems(&report);
        assert_eq!(
            left_out.len(),
            2 - updated.len(),
            "{selector}: {left_out:?}"
        );
        assert!(
            left_out.iter().all(|line| line.contains("not selected")),
            "{left_out:?}"
        );
    }
    let folder = Folder::new(
        &(policy("flux-system", "app", "ghcr.io/org/app", "2.0.0")
            + &automation(
                "one",
                ".",
                "  policySelector: {matchExpressions: [{key: name, operator: Near}]}\n",
            )),
    );
    let (_, told) = folder.run(2, &[]);
    assert!(
        told.contains("flux-system/one") && told.contains("policy selector"),
        "{told}"
    );
}

#[test]
fn two_automations_share_a_file_and_a_diff_shows_it_once() {
    let selector = |name: &str| format!("  policySelector: {{matchLabels: {{name: {name}}}}}\n");
    let objects = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0")
        + &policy("flux-system", "web", "ghcr.io/org/web", "2.0.0")
        + &automation("one", ".", &selector("app"))
        + &automation("two", ".", &selector("web"));
    let folder = Folder::new(&objects);
    let lines = stale("flux-system:app") + &stale("flux-system:web").replacen("image", "other", 1);
    folder.write("a b.yaml", &lines);
    let diff = harness::program::output(&mut folder.command(&[
        "diff",
        "tree",
        "-f",
        "objects.yaml",
        "--offline",
    ]));
    assert_eq!(diff.status.code(), Some(1));
    let diff = String::from_utf8(diff.stdout).unwrap();
    assert_eq!(diff.matches("+++ ").count(), 1, "{diff}");
    let (report, _) = folder.run(0, &[]);
    let updates = report["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 2);
    assert!(
        updates
            .iter()
            .all(|update| update["changes"].as_array().unwrap().len() == 1)
    );
    assert_eq!(problems(&report), [""; 0]);
    let updated = folder.read("a b.yaml");
    // The diff leads to the same bytes.
    folder.write("a b.yaml", &lines);
    fs::write(folder.path("../x.diff"), diff).unwrap();
    harness::git(&folder.path(""), &["apply", "../x.diff"]);
    assert_eq!(folder.read("a b.yaml"), updated);
}

/// A policy in namespace `team` that chooses from a repository in `flux-system`.
fn across(access: &str, more: &str) -> (i32, String) {
    let objects = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app, namespace: flux-system}}
spec: {{image: ghcr.io/org/app, interval: 1m{access}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app, namespace: team}}
spec:
  imageRepositoryRef: {{name: app, namespace: flux-system}}
  policy: {{semver: {{range: '*'}}}}
{more}"
    );
    let folder = Folder::new(&objects);
    folder.write("a.yaml", stale("team:app"));
    fs::write(folder.path("../tags.txt"), "1.0.0\n2.0.0\n").unwrap();
    let args = [
        "run",
        "tree",
        "-f",
        "objects.yaml",
        "--tags-from",
        "tags.txt",
    ];
    let output = harness::program::output(&mut folder.command(&args));
    let updated = folder.read("a.yaml").contains("app:2.0.0");
    let code = output.status.code().unwrap();
    assert_eq!(updated, code == 0);
    (code, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_repository_of_another_namespace_is_used_only_where_access_from_lets_it() {
    let namespace = "---
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {tenant: a}}
";
    let selectors = |labels: &str| format!(", accessFrom: {{namespaceSelectors: [{labels}]}}");
    for (access, more, words) in [
        (String::new(), "", "missing ACL labels on 'accessFrom'"),
        (
            selectors(""),
            namespace,
            "ACL labels mismatch on namespace 'team'",
        ),
        (
            selectors("{matchLabels: {tenant: b}}"),
            namespace,
            "ACL labels mismatch",
        ),
        (
            selectors("{matchLabels: {tenant: a}}"),
            "",
            "no Namespace of this name is in the files",
        ),
        (
            selectors("{matchLabels: {tenant: a, x: z}}"),
            namespace,
            "ACL labels mismatch",
        ),
    ] {
        let (code, told) = across(&access, more);
        assert_eq!(code, 1, "{access}: {told}");
        assert!(told.contains(words), "{access}: {told}");
        assert!(
            told.contains("ImagePolicy team/app: spec.imageRepositoryRef"),
            "{told}"
        );
    }
    for (access, more) in [
        (selectors("{}"), ""),
        (
            selectors("{matchLabels: {kubernetes.io/metadata.name: team}}"),
            "",
        ),
        (
            selectors("{matchLabels: {tenant: b}}, {matchLabels: {tenant: a}}"),
            namespace,
        ),
    ] {
        let (code, told) = across(&access, more);
        assert_eq!(code, 0, "{access}: {told}");
    }
}

#[test]
fn secrets_nobody_can_read_are_not_in_the_way() {
    let encrypted = "---
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: flux-system}
data: {.dockerconfigjson: 'ENC[AES256_GCM,data:xyz=,type:str]'}
sops: {version: 3.9.0}
";
    let templated = "---
apiVersion: v1
kind: Secret
metadata: {name: other, namespace: flux-system}
data: {token: '${TOKEN}'}
";
    let app = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0");
    let folder = Folder::new(&(app + encrypted + templated));
    folder.write("a.yaml", stale("flux-system:app"));
    let (report, _) = folder.run(0, &[]);
    let problems = problems(&report);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("objects.yaml:14: Secret cannot be read"),
        "{problems:?}"
    );
}

#[test]
fn objects_may_come_from_standard_input_and_the_folder_may_be_a_link() {
    let folder = Folder::new("");
    folder.write("a.yaml", stale("flux-system:app"));
    let app = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0");
    fs::write(folder.path("../piped.yaml"), app).unwrap();
    std::os::unix::fs::symlink("tree", folder.path("../link")).unwrap();
    let mut command = folder.command(&["run", "link", "-f", "-", "--offline"]);
    let piped = fs::File::open(folder.path("../piped.yaml")).unwrap();
    harness::program::run(command.stdin(piped));
    assert!(folder.read("a.yaml").contains("app:2.0.0"));
    let linked = fs::symlink_metadata(folder.path("../link")).unwrap();
    assert!(linked.is_symlink());
}
