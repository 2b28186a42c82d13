//! `run` and `diff` without a registry: results from `status.latestRef` or from files.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use harness::program::{kubectl, run};

use crate::fleet::{DEPLOYMENT, Fleet, deployment};

const IMAGE: &str = "ghcr.io/stefanprodan/podinfo";

const POLICY: &str = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: podinfo, namespace: flux-system}
spec:
  imageRepositoryRef: {name: podinfo}
  policy: {semver: {range: '>=5.0.0'}}
status:
  latestRef: {name: ghcr.io/stefanprodan/podinfo, tag: 5.0.3}
";

#[test]
fn policies_with_a_status_are_all_it_takes() {
    let fleet = Fleet::new(IMAGE, &[]);
    let checkout = fleet.checkout();
    checkout.write("../resources.yaml", POLICY);
    let (stdout, _) = checkout.ends_with(0, &["run", ".", "-f", "../resources.yaml", "--offline"]);
    assert_eq!(
        stdout,
        format!("  {DEPLOYMENT}:13  {IMAGE}:5.0.0 -> 5.0.3\n")
    );
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.3"));
    assert_eq!(checkout.status(), format!(" M {DEPLOYMENT}"));
}

#[test]
fn the_guides_kustomization_gets_name_and_tag_and_builds() {
    let fleet = Fleet::new(IMAGE, &[]);
    let checkout = fleet.checkout();
    let kustomization = |name: &str, tag: &str| {
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- deployment.yaml
images:
- name: podinfod
  newName: {name} # {{\"$imagepolicy\": \"flux-system:podinfo\"}}  
  newTag: {tag} # {{\"$imagepolicy\": \"flux-system:podinfo\"}}  
"
        )
    };
    checkout.write(
        "apps/kustomization.yaml",
        &kustomization("ghcr.io/old/podinfo", "latest"),
    );
    checkout.write("apps/deployment.yaml", &deployment("podinfod", "1"));
    checkout.write("../resources.yaml", POLICY);
    checkout.ends_with(0, &["run", "apps", "-f", "../resources.yaml", "--offline"]);
    assert_eq!(
        checkout.read("apps/kustomization.yaml"),
        kustomization(IMAGE, "5.0.3")
    );
    let built = run(kubectl(fleet.home.path())
        .arg("kustomize")
        .arg(checkout.path().join("apps")));
    assert!(built.contains(&format!("image: {IMAGE}:5.0.3")), "{built}");
}

#[test]
fn a_dry_run_and_a_diff_report_and_write_nothing() {
    let fleet = Fleet::new(IMAGE, &[("tags.txt", "5.0.0\n5.0.3\nlatest\n")]);
    let checkout = fleet.checkout();
    let report = checkout.report(0, &["run", ".", "--tags-from", "tags.txt", "--dry-run"]);
    let update = &report["updates"][0];
    assert_eq!(
        update["message"],
        format!("{IMAGE}:5.0.0 -> {IMAGE}:5.0.3\n")
    );
    assert_eq!(update["commit"], serde_json::Value::Null);
    let object = &update["changes"][0]["object"];
    assert_eq!(
        (&object["kind"], &object["name"]),
        (&"Deployment".into(), &"podinfo".into())
    );
    checkout.ends_with(
        1,
        &[
            "run",
            ".",
            "--tags-from",
            "tags.txt",
            "--dry-run",
            "--exit-code",
        ],
    );
    let (diff, _) = checkout.ends_with(1, &["diff", ".", "--tags-from", "tags.txt"]);
    assert_eq!(checkout.status(), "");
    checkout.write("change.diff", &diff);
    harness::git(checkout.path(), &["apply", "change.diff"]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.3"));
    let (diff, _) = checkout.ends_with(0, &["diff", ".", "--tags-from", "tags.txt"]);
    assert_eq!(diff, "");
}

#[test]
fn what_cannot_be_used_is_reported_with_its_place() {
    let files = [
        (
            "clusters/my-cluster/unknown.yaml",
            "image: x:1 # {\"$imagepolicy\": \"flux-system:podinf\"}\n",
        ),
        (
            "clusters/my-cluster/text.yaml",
            "image: x:1 # {\"$imagepolicy\": \"flux-system:podinfo\"} do not edit\n",
        ),
        (
            "clusters/my-cluster/broken.yaml",
            "a: [\nimage: x:1 # {\"$imagepolicy\": \"flux-system:podinfo\"}\n",
        ),
    ];
    let fleet = Fleet::new(IMAGE, &files);
    let checkout = fleet.checkout();
    checkout.write("tags.txt", "5.0.3");
    symlink(
        "/etc/passwd",
        checkout.path().join("clusters/my-cluster/link.yaml"),
    )
    .unwrap();
    let report = checkout.report(0, &["run", ".", "--tags-from", "tags.txt"]);
    let problems = report["problems"].as_array().unwrap();
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            files[2].0,
            "clusters/my-cluster/link.yaml",
            files[1].0,
            files[0].0
        ],
        "{problems:#?}"
    );
    assert!(
        problems[3]["reason"].as_str().unwrap().contains("podinfo"),
        "{problems:#?}"
    );
    for (path, content) in files {
        assert_eq!(checkout.read(path), content);
    }
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.3"));
}

#[test]
fn the_mode_of_a_file_is_kept_and_a_link_inside_the_tree_stays_a_link() {
    let fleet = Fleet::new(IMAGE, &[]);
    let checkout = fleet.checkout();
    checkout.write("tags.txt", "5.0.3");
    let path = checkout.path().join(DEPLOYMENT);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let link = checkout.path().join("clusters/my-cluster/link.yaml");
    symlink("podinfo-deployment.yaml", &link).unwrap();
    let report = checkout.report(0, &["run", ".", "--tags-from", "tags.txt"]);
    assert_eq!(report["updates"][0]["changes"].as_array().unwrap().len(), 1);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o755
    );
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.3"));
}
