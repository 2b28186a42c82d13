//! Wrong input: one clear error with place and next step, and the right exit code.

use crate::fleet::{DEPLOYMENT, Fleet, deployment, resources};

const IMAGE: &str = "ghcr.io/stefanprodan/podinfo";
const OBJECTS: &str = "clusters/my-cluster/podinfo-automation.yaml";

/// Runs with one text of the objects replaced; returns what stands on standard error.
fn run_with(from: &str, to: &str, code: i32, args: &[&str]) -> String {
    let fleet = Fleet::new(IMAGE, &[("tags.txt", "5.0.0\n5.0.3\n")]);
    let checkout = fleet.checkout();
    let objects = resources(IMAGE);
    assert!(objects.contains(from), "{from}");
    checkout.write(OBJECTS, &objects.replace(from, to));
    let (stdout, errors) = checkout.ends_with(
        code,
        &[&["run", ".", "--tags-from=tags.txt"], args].concat(),
    );
    assert_eq!(stdout, "", "{errors}");
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.0"));
    errors
}

#[test]
fn a_wrong_field_of_an_object_is_named_with_file_and_line() {
    for (from, to, words) in [
        (
            "range: '>=5.0.0'",
            "range: '>=5.0.0<6'",
            "spec.policy.semver.range",
        ),
        (
            "semver:\n      range: '>=5.0.0'",
            "numerical: {}\n  filterTags:\n    pattern: '(?!x)'",
            "spec.filterTags.pattern",
        ),
        (
            "semver:\n      range: '>=5.0.0'",
            "numerical: {order: up}",
            "spec.policy.numerical.order",
        ),
        ("image: ghcr.io", "image: https://ghcr.io", "spec.image"),
        (
            "    name: podinfo\n  policy",
            "    name: podinf\n  policy",
            "ImageRepository flux-system/podinf",
        ),
    ] {
        let errors = run_with(from, to, 1, &[]);
        assert!(errors.contains(words), "{to}: {errors}");
        assert!(errors.contains(&format!("✗ {OBJECTS}:")), "{to}: {errors}");
    }
}

#[test]
fn a_wrong_template_is_refused_before_anything_is_written() {
    let errors = run_with(
        "{{range .Changed.Changes}}",
        "{{range .Changed.Changes",
        2,
        &[],
    );
    assert!(
        errors.contains("messageTemplate") && errors.contains("commit message:1"),
        "{errors}"
    );
    let errors = run_with("{{print .OldValue}}", "{{print .Nope}}", 1, &[]);
    assert!(
        errors.contains("commit message:1:") && errors.contains("Nope"),
        "{errors}"
    );
}

#[test]
fn a_missing_update_path_is_named() {
    let errors = run_with(
        "path: ./clusters/my-cluster",
        "path: ./clusters/nowhere",
        1,
        &[],
    );
    assert!(errors.contains("./clusters/nowhere"), "{errors}");
}

#[test]
fn wrong_arguments_end_with_two() {
    let fleet = Fleet::new(IMAGE, &[]);
    let checkout = fleet.checkout();
    checkout.write(
        "broken.yaml",
        "kind: ImagePolicy\na: [image.toolkit.fluxcd.io/v1\n",
    );
    for (args, words) in [
        (vec!["run", "nowhere"], "nowhere"),
        (vec!["run", ".", "-f", "nowhere.yaml"], "nowhere.yaml"),
        (vec!["run", ".", "-f", "broken.yaml"], "broken.yaml:"),
        (
            vec!["run", ".", "--offline", "--tags-from=x"],
            "--tags-from",
        ),
        (vec!["run", ".", "--update", "nobody"], "nobody"),
        (vec!["run", ".", "--comit"], "--commit"),
        (
            vec!["run", ".", "--commit", "--branch=a..b"],
            "'a..b' is not",
        ),
        (vec!["run", ".", "--commit", "--branch="], "'' is not"),
        (
            vec!["run", ".", "--branch=refs/heads/a"],
            "without refs/heads/",
        ),
        (vec!["run", ".", "--tags-from=nowhere"], "nowhere"),
        (
            vec!["tags", "ghcr.io/org/app", "--tags-from=nowhere"],
            "nowhere",
        ),
        (vec!["tags", "ghcr.io/org/app:1.0"], "1.0"),
        (
            vec!["tags", "ghcr.io/org/app", "--select-semver=>=1<2"],
            "no range of versions: a comma or blank is missing, at position 4",
        ),
        (
            vec!["tags", "ghcr.io/org/app", "--select-alpha=up"],
            "ASC, DESC",
        ),
        (vec!["tags", "policy/nobody"], "nobody"),
    ] {
        let (stdout, errors) = checkout.ends_with(2, &args);
        assert_eq!(stdout, "", "{args:?}");
        assert!(errors.contains(words), "{args:?}: {errors}");
        assert!(errors.contains("next: "), "{args:?}: {errors}");
    }
}

#[test]
fn a_push_that_cannot_log_in_or_find_its_branch_says_so() {
    use harness::GitServer;
    use harness::git_server::{GitAuth, GitServerOptions};
    let fleet = Fleet::new(IMAGE, &[("tags.txt", "5.0.3\n")]);
    let auth = GitAuth::Basic {
        username: "ada".into(),
        password: "s3cret".into(),
    };
    let server = GitServer::start(
        &fleet.forge,
        GitServerOptions {
            auth,
            ..Default::default()
        },
    );
    let checkout = fleet.checkout();
    let url = server.url("fleet").replace("http://", "http://ada:wr0ng@");
    harness::git(checkout.path(), &["remote", "set-url", "origin", &url]);
    let (_, errors) = checkout.ends_with(1, &["run", ".", "--tags-from=tags.txt", "--push"]);
    assert!(errors.contains("authentication required"), "{errors}");
    assert!(!errors.contains("wr0ng"), "{errors}");
    let url = server.url("fleet").replace("http://", "http://ada:s3cret@");
    harness::git(checkout.path(), &["remote", "set-url", "origin", &url]);
    let objects = resources(IMAGE).replace("branch: main", "branch: trunk");
    checkout.write(OBJECTS, &objects);
    let (_, errors) = checkout.ends_with(1, &["run", ".", "--tags-from=tags.txt", "--push"]);
    assert!(errors.contains("refs/heads/trunk"), "{errors}");
    assert!(!errors.contains("s3cret"), "{errors}");
}
