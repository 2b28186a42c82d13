//! The guide's three commands, in every spelling.

use expect_test::expect;

use super::{POLICY, REPOSITORY, UPDATE, prints, run, run_with, scratch, with};

/// The three commands of the guide, whatever the kubeconfig is.
fn guide(variables: &[(&str, &str)]) {
    prints(
        run_with(REPOSITORY, variables),
        &expect![[r#"
            ---
            apiVersion: image.toolkit.fluxcd.io/v1
            kind: ImageRepository
            metadata:
              name: podinfo
              namespace: flux-system
            spec:
              image: ghcr.io/stefanprodan/podinfo
              interval: 5m0s
        "#]],
    );
    prints(
        run_with(POLICY, variables),
        &expect![[r#"
            ---
            apiVersion: image.toolkit.fluxcd.io/v1
            kind: ImagePolicy
            metadata:
              name: podinfo
              namespace: flux-system
            spec:
              imageRepositoryRef:
                name: podinfo
              policy:
                semver:
                  range: '>=5.0.0'
        "#]],
    );
    prints(
        run_with(UPDATE, variables),
        &expect![[r#"
            ---
            apiVersion: image.toolkit.fluxcd.io/v1
            kind: ImageUpdateAutomation
            metadata:
              name: flux-system
              namespace: flux-system
            spec:
              git:
                checkout:
                  ref:
                    branch: main
                commit:
                  author:
                    email: fluxcdbot@users.noreply.github.com
                    name: fluxcdbot
                  messageTemplate: '{{range .Changed.Changes}}{{print .OldValue}} -> {{println
                    .NewValue}}{{end}}'
                push:
                  branch: main
              interval: 30m0s
              sourceRef:
                kind: GitRepository
                name: flux-system
              update:
                path: ./clusters/my-cluster
                strategy: Setters
        "#]],
    );
}

#[test]
fn the_guide_prints_what_flux_prints() {
    guide(&[]);
}

#[test]
fn the_guide_needs_no_kubeconfig() {
    guide(&[("KUBECONFIG", "/nowhere/at/all")]);
    guide(&[("KUBECONFIG", "/")]);
    guide(&[("HOME", "/nowhere")]);
}

#[test]
fn an_unreadable_kubeconfig_is_passed_over() {
    let file = scratch("{ not: [a kubeconfig");
    guide(&[("KUBECONFIG", file.path().to_str().unwrap())]);
}

#[test]
fn the_native_spelling_is_the_same_command() {
    for args in [REPOSITORY, POLICY, UPDATE] {
        let native: Vec<&str> = args
            .iter()
            .filter(|arg| **arg != "image")
            .copied()
            .collect();
        assert_eq!(run(&native), run(args));
        let plural: Vec<&str> = args
            .iter()
            .map(|arg| if *arg == "image" { "images" } else { arg })
            .collect();
        assert_eq!(run(&plural), run(args));
    }
}

#[test]
fn nouns_have_the_names_kubectl_knows() {
    let rows: [(&[&str], &[&str]); 3] = [
        (
            REPOSITORY,
            &[
                "repositories",
                "repo",
                "imgrepo",
                "imagerepo",
                "imagerepository",
            ],
        ),
        (POLICY, &["policies", "imgpol", "imagepol", "imagepolicy"]),
        (
            UPDATE,
            &[
                "updates",
                "automation",
                "iua",
                "imgupd",
                "imageupdateautomation",
            ],
        ),
    ];
    for (args, aliases) in rows {
        for alias in aliases {
            let spelled = with(&["create", alias], &args[3..]);
            assert_eq!(run(&spelled), run(args), "{alias}");
        }
    }
}

#[test]
fn flags_may_stand_before_the_noun_and_take_their_value_from_the_next_word() {
    let args = [
        "-n",
        "flux-system",
        "create",
        "--export",
        "--interval",
        "5m",
        "image",
        "repository",
        "--image",
        "ghcr.io/stefanprodan/podinfo",
        "podinfo",
    ];
    assert_eq!(run(&args), run(REPOSITORY));
}

#[test]
fn labels_add_up_wherever_they_stand() {
    let spread = [
        "create",
        "--label=a=1,b=1",
        "image",
        "--label=c=1",
        "repository",
        "--label",
        "b=2",
        "podinfo",
        "--image=x/y",
        "--export",
        "--label=d=1",
    ];
    let together = [
        "create",
        "repository",
        "podinfo",
        "--image=x/y",
        "--export",
        "--label=a=1,b=2,c=1,d=1",
    ];
    assert_eq!(run(&spread), run(&together));
    assert_eq!(run(&spread).code, 0);
}

#[test]
fn the_last_of_a_repeated_flag_counts() {
    let args = with(REPOSITORY, &["--interval=1h", "--interval=5m"]);
    assert_eq!(run(&args), run(REPOSITORY));
}

#[test]
fn dry_run_client_is_export() {
    for dry_run in [
        &["--dry-run=client", "-o", "yaml"][..],
        &["--dry-run", "-oyaml"],
        &["--dry-run=client"],
    ] {
        let args = with(&REPOSITORY[..6], dry_run);
        assert_eq!(run(&args), run(REPOSITORY), "{dry_run:?}");
    }
}
