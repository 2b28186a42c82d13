//! Resources beyond what the guide creates.

use expect_test::expect;

use super::{POLICY, REPOSITORY, prints, refused, run, with};

#[test]
fn other_formats_hold_the_same_object() {
    prints(
        run(&with(POLICY, &["-o", "json"])),
        &expect![[r#"
            {
              "apiVersion": "image.toolkit.fluxcd.io/v1",
              "kind": "ImagePolicy",
              "metadata": {
                "name": "podinfo",
                "namespace": "flux-system"
              },
              "spec": {
                "imageRepositoryRef": {
                  "name": "podinfo"
                },
                "policy": {
                  "semver": {
                    "range": ">=5.0.0"
                  }
                }
              }
            }
        "#]],
    );
    prints(
        run(&with(POLICY, &["-o", "name"])),
        &expect!["imagepolicy.image.toolkit.fluxcd.io/podinfo\n"],
    );
}

#[test]
fn without_export_a_cluster_is_needed() {
    let plain = run(&REPOSITORY[..6]);
    assert_eq!((plain.code, plain.stdout.as_str()), (1, ""));
    expect![[r#"
        ✗ no kubeconfig names a cluster to talk to
            there is no home directory to look for one in
          next: kubectl config get-contexts lists what is there; --kubeconfig and --context choose
            or: the same command with --export prints the manifest, and needs no cluster
    "#]]
    .assert_eq(&plain.stderr);
    for more in ["--export=false", "--dry-run=none", "--dry-run=server"] {
        assert_eq!(run(&with(&REPOSITORY[..6], &[more])), plain, "{more}");
    }
}

#[test]
fn what_is_wrong_in_any_case_is_told_before_a_cluster_is_looked_for() {
    refused(
        &["create", "policy", "podinfo", "--select-semver=latest"],
        &expect![[r#"
            ✗ --select-semver is no range of versions: "latest" is no version, at position 1
                latest
                ^ write numbers, such as >=1.0.0, or an alphabetical policy for names
              next: kubectl imgauto create policy --help
        "#]],
    );
    // What may be missing, or may be there already, is told together with the cluster that cannot be found.
    let missing = run(&["create", "policy", "podinfo", "--select-semver=1.x"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    expect![[r#"
        ✗ the name of an ImageRepository in the namespace is required (--image-ref)
        ✗ no kubeconfig names a cluster to talk to
            there is no home directory to look for one in
          next: kubectl config get-contexts lists what is there; --kubeconfig and --context choose
            or: the same command with --export prints the manifest, and needs no cluster
    "#]]
    .assert_eq(&missing.stderr);
}

#[test]
fn everything_flux_has_no_flag_for_can_be_set_on_a_repository() {
    prints(
        run(&[
            "create",
            "repository",
            "app",
            "--image=registry.example.com/app",
            "--export",
            "--provider=aws",
            "--insecure",
            r"--exclude=^.*\.sig$",
            "--exclude=^pr-",
            "--access-from-namespace=team=web,env=prod",
            "--access-from-namespace=",
            "--service-account=scanner",
            "--proxy-secret-ref=proxy",
            "--secret-ref=pull",
            "--cert-secret-ref=ca",
            "--scan-timeout=90s",
            "--suspend",
            "--annotation=example.com/note=a=b, c",
        ]),
        &expect![[r#"
            ---
            apiVersion: image.toolkit.fluxcd.io/v1
            kind: ImageRepository
            metadata:
              annotations:
                example.com/note: a=b, c
              name: app
              namespace: flux-system
            spec:
              accessFrom:
                namespaceSelectors:
                - matchLabels:
                    env: prod
                    team: web
                - {}
              certSecretRef:
                name: ca
              exclusionList:
              - ^.*\.sig$
              - ^pr-
              image: registry.example.com/app
              insecure: true
              interval: 1m0s
              provider: aws
              proxySecretRef:
                name: proxy
              secretRef:
                name: pull
              serviceAccountName: scanner
              suspend: true
              timeout: 1m30s
        "#]],
    );
}

#[test]
fn everything_flux_has_no_flag_for_can_be_set_on_an_automation() {
    prints(
        run(&[
            "create",
            "update",
            "apps",
            "--export",
            "--git-repo-ref=apps",
            "--git-repo-namespace=sources",
            "--checkout-tag=v1",
            "--push-branch=updates",
            "--push-refspec=refs/heads/updates:refs/heads/auto",
            "--push-option=merge_request.create=",
            "--author-name=bot",
            "--author-email=bot@example.com",
            "--commit-template={{ .Values.cluster }}",
            "--template-value=cluster=prod=eu",
            "--policy-selector=app=web,tier!=db",
            "--signing-key-secret=key",
            "--signing-key-type=ssh",
            "--source-kind=GitRepository",
        ]),
        &expect![[r#"
            ---
            apiVersion: image.toolkit.fluxcd.io/v1
            kind: ImageUpdateAutomation
            metadata:
              name: apps
              namespace: flux-system
            spec:
              git:
                checkout:
                  ref:
                    tag: v1
                commit:
                  author:
                    email: bot@example.com
                    name: bot
                  messageTemplate: '{{ .Values.cluster }}'
                  messageTemplateValues:
                    cluster: prod=eu
                  signingKey:
                    secretRef:
                      name: key
                    type: ssh
                push:
                  branch: updates
                  options:
                    merge_request.create: ""
                  refspec: refs/heads/updates:refs/heads/auto
              interval: 1m0s
              policySelector:
                matchExpressions:
                - key: tier
                  operator: NotIn
                  values:
                  - db
                matchLabels:
                  app: web
              sourceRef:
                kind: GitRepository
                name: apps
                namespace: sources
        "#]],
    );
}

#[test]
fn an_image_ref_may_name_a_namespace() {
    let spelled = run(&[
        "create",
        "policy",
        "web",
        "--image-ref=shared/web",
        "--select-alpha=asc",
        "--export",
    ]);
    let apart = run(&[
        "create",
        "policy",
        "web",
        "--image-ref=web",
        "--image-ref-namespace=shared",
        "--select-alpha=asc",
        "--export",
    ]);
    assert_eq!(spelled, apart);
    assert!(
        spelled
            .stdout
            .contains("    name: web\n    namespace: shared\n"),
        "{}",
        spelled.stdout
    );
    for bad in ["a/b/c", "/web", "shared/", "Shared/web"] {
        let image_ref = format!("--image-ref={bad}");
        let run = run(&[
            "create",
            "policy",
            "web",
            &image_ref,
            "--select-alpha=asc",
            "--export",
        ]);
        assert_eq!(run.code, 2, "{bad}");
        assert!(
            run.stderr
                .starts_with("✗ --image-ref is a NAME or a NAMESPACE/NAME"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_follows_the_name_is_passed_over_with_a_warning() {
    let run = run(&with(REPOSITORY, &["again"]));
    assert_eq!(run.stdout, super::run(REPOSITORY).stdout);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "⚠️ ignoring \"again\": one name is used, the first\n")
    );
}
