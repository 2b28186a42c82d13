//! Manifests as people write them: what is changed, and whose object and container it is.

use super::*;

const DEPLOYMENT: &str = "\
# yaml-language-server: $schema=x
apiVersion: apps/v1
kind: Deployment
metadata:
    name: web
    namespace: shop
spec:
    template:
        spec:
            containers:
                - image: ghcr.io/org/app:1.0.0   M
                  name: app
                  args: [ --a,   --b ]

                - name: sidecar
                  image: 'nginx:1.25' M(bare)
";

const CRON_JOB: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - {name: app, image: \"x:1\"} # note
          - name: other
            image: x:1\t#{\"$imagepolicy\":\"ns:p\"}
";

const HELM_RELEASE: &str = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: podinfo
  namespace: podinfo
spec:
  values:
    image:
      repository: ghcr.io/org/old # {\"$imagepolicy\": \"ns:p:name\"}
      tag: 1.0 # {\"$imagepolicy\": \"ns:num:tag\"}
    args:
      - |
        image: x
";

const KUSTOMIZATION: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
images:
- name: app
  newName: ghcr.io/org/old M
  newTag: 5.0.0 M(d)
  digest: sha256:old M(d)
- name: bare
  newTag: 1.25.0 M(bare):tag
";

fn changes(plan: &FilePlan) -> Vec<(usize, String, String, String)> {
    let line = |change: &Change| {
        (
            change.line,
            object(&change.object),
            change.old.clone(),
            change.new.clone(),
        )
    };
    plan.changes.iter().map(line).collect()
}

fn object(id: &ObjectId) -> String {
    format!(
        "{}/{}/{}/{}",
        id.api_version, id.kind, id.namespace, id.name
    )
}

use crate::change::{Change, ObjectId};

#[test]
fn deployment() {
    let before = marked(DEPLOYMENT);
    let (after, scan, plan) = run("apps/web.yaml", &before);
    let expected = before
        .replace("ghcr.io/org/app:1.0.0", NEW)
        .replace("'nginx:1.25'", "'nginx:1.27'");
    assert_eq!(after, expected);
    let web = "apps/v1/Deployment/shop/web";
    assert_eq!(
        changes(&plan),
        [
            (11, web.into(), "ghcr.io/org/app:1.0.0".into(), NEW.into()),
            (16, web.into(), "nginx:1.25".into(), "nginx:1.27".into()),
        ]
    );
    assert!(
        plan.changes
            .iter()
            .all(|change| change.file == "apps/web.yaml")
    );
    let containers: Vec<_> = scan
        .sites
        .iter()
        .map(|site| site.container.as_deref())
        .collect();
    assert_eq!(containers, [Some("app"), Some("sidecar")]);
    let columns: Vec<_> = scan.sites.iter().map(|site| site.column).collect();
    assert_eq!(columns, [26, 26]);
    assert_eq!(plan.resolved[1].value, "nginx:1.27");
}

#[test]
fn cron_job_with_tabs_and_flow_mappings() {
    let before = marked(CRON_JOB);
    let (after, scan, plan) = run("f.yaml", &before);
    assert_eq!(
        after,
        before.replace("image: x:1\t", &format!("image: {NEW}\t"))
    );
    assert_eq!(object(&plan.changes[0].object), "batch/v1/CronJob//job");
    assert_eq!(scan.sites[0].container.as_deref(), Some("other"));
}

#[test]
fn helm_release_values() {
    let (after, scan, plan) = run("f.yaml", HELM_RELEASE);
    assert_eq!(
        after,
        HELM_RELEASE
            .replace("org/old", "org/app")
            .replace("tag: 1.0", "tag: \"1.10\"")
    );
    assert_eq!(plan.changes[1].setter, "ns:num:tag");
    assert_eq!(scan.sites[0].container, None);
}

#[test]
fn kustomization_images_take_a_marker_without_suffix() {
    let before = marked(KUSTOMIZATION);
    let expected = before
        .replace("org/old", "org/app")
        .replace("5.0.0", "2.0.0")
        .replace("sha256:old", "sha256:aa")
        .replace("1.25.0", "\"1.27\"");
    let (after, scan, plan) = run("any.yaml", &before);
    assert_eq!(after, expected);
    let fields: Vec<_> = plan
        .resolved
        .iter()
        .map(|resolved| resolved.field)
        .collect();
    assert_eq!(fields, [Field::Name, Field::Tag, Field::Digest, Field::Tag]);
    assert_eq!(scan.sites[1].container.as_deref(), Some("app"));

    let component = before.replace("kind: Kustomization", "kind: Component");
    assert!(run("f.yaml", &component).0.contains("newTag: 2.0.0 "));
}

#[test]
fn kustomizations_are_known_by_file_name_too() {
    let before = marked("images:\n- name: app\n  newTag: 5.0.0 M\n");
    for path in [
        "kustomization.yaml",
        "a/kustomization.yml",
        "a/b/Kustomization",
    ] {
        assert_eq!(
            run(path, &before).0,
            before.replace("5.0.0", "2.0.0"),
            "{path}"
        );
    }
    assert_eq!(run("f.yaml", &before).0, before.replace("5.0.0", NEW));
}

#[test]
fn the_exception_ends_at_images_of_kustomizations() {
    let cases = [
        "kind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1\nimages:\n- newTag: x M\n",
        "apiVersion: v1\nkind: Secret\nimages:\n- newTag: x M\n",
        "kind: Kustomization\nreplicas:\n- newTag: x M\n",
        "kind: Kustomization\nimages:\n- name: x M\n",
        "kind: Kustomization\nimages:\n  newTag: x M\n",
        "kind: Kustomization\nspec:\n  images:\n  - newTag: x M\n",
    ];
    for case in cases {
        let before = marked(case);
        assert_eq!(
            run("kustomization.yaml", &before).0,
            before.replace("x #", &format!("{NEW} #")),
            "{case}"
        );
    }
}

#[test]
fn rows_088_to_091_lists_are_edited_in_place() {
    let item = "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, namespace: n}\n  spec:\n    image: x:1 M\n";
    for (head, tail, id) in [
        ("apiVersion: v1\nkind: List\nitems:\n", "", "v1/Pod/n/a"),
        (
            "apiVersion: v1\nkind: List\nitems:\n",
            "---\na: b\n",
            "v1/Pod/n/a",
        ),
        ("apiVersion: v1\nkind: PodList\nitems:\n", "", "v1/Pod/n/a"),
        (
            "apiVersion: v1\nkind: Other\nmetadata:\n  name: o\nitems:\n",
            "",
            "v1/Other//o",
        ),
        ("", "", "v1/Pod/n/a"),
    ] {
        let before = marked(&format!("{head}{item}{tail}"));
        let (after, _, plan) = run("f.yaml", &before);
        assert_eq!(after, before.replace("x:1", NEW));
        assert_eq!(object(&plan.changes[0].object), id, "{head}");
    }
    let untyped =
        marked("apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n  image: x M\n");
    assert_eq!(
        object(&run("f.yaml", &untyped).2.changes[0].object),
        "v1/PodList//"
    );
}

#[test]
fn rows_109_and_110_every_change_is_told_in_the_order_of_the_file() {
    let before = marked("a: x M\nb: x M\n---\nkind: Pod\nmetadata: {name: p}\nc: y M\n");
    let (_, _, plan) = run("f.yaml", &before);
    let none = "///".to_owned();
    assert_eq!(
        changes(&plan),
        [
            (1, none.clone(), "x".into(), NEW.into()),
            (2, none, "x".into(), NEW.into()),
            (6, "/Pod//p".into(), "y".into(), NEW.into()),
        ]
    );
}

#[test]
fn row_111_the_object_has_its_new_name() {
    let before =
        marked("kind: Pod\nimage: x M\nmetadata:\n  name: old M(bare):name\n  namespace: n\n");
    let (after, scan, plan) = run("f.yaml", &before);
    assert!(after.contains("name: nginx #"));
    assert!(
        plan.changes
            .iter()
            .all(|change| object(&change.object) == "/Pod/n/nginx"),
        "{plan:?}"
    );
    assert_eq!(object(&scan.objects[scan.sites[0].object]), "/Pod/n/old");
}

#[test]
fn row_101_a_path_is_passed_through() {
    let (_, _, plan) = run("a.yaml", &marked("a: x M\n"));
    assert_eq!(plan.changes[0].file, "a.yaml");
}

#[test]
fn old_values_are_read_without_quotes() {
    let (_, scan, plan) = run(
        "f.yaml",
        &marked("a: 'it''s' M\nb: | M\n  x\nc:\n\n  y M\n"),
    );
    let old: Vec<_> = plan
        .changes
        .iter()
        .map(|change| (change.line, change.old.as_str()))
        .collect();
    assert_eq!(old, [(1, "it's"), (2, "x\n"), (6, "y")]);
    assert_eq!(scan.sites[0].style, Style::Single);
}
