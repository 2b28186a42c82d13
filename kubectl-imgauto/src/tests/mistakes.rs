//! Command lines that are refused: everything at once, with the place and the next step.

use expect_test::expect;

use super::{POLICY, REPOSITORY, UPDATE, refused, run, told, with};

#[test]
fn all_that_is_missing_is_told_at_once() {
    refused(
        &["create", "update", "--export"],
        &expect![[r#"
            ✗ name is required
            ✗ a reference to a GitRepository is required (--git-repo-ref)
            ✗ the Git repository branch is required (--checkout-branch)
            ✗ the author name is required (--author-name)
            ✗ the author email is required (--author-email)
              next: kubectl imgauto create update --help
        "#]],
    );
    refused(
        &["create", "image", "policy", "--export"],
        &expect![[r#"
            ✗ name is required
            ✗ the name of an ImageRepository in the namespace is required (--image-ref)
            ✗ a policy must be provided with either --select-semver or --select-alpha, or with --select-numeric
              next: kubectl imgauto create policy --help
        "#]],
    );
}

#[test]
fn two_selectors_are_refused_whichever_they_are() {
    let pairs = [
        (
            ["--select-semver=1.x", "--select-alpha=asc"],
            "semver and alpha",
        ),
        (
            ["--select-semver=1.x", "--select-numeric=asc"],
            "semver and numeric",
        ),
        (
            ["--select-alpha=asc", "--select-numeric=desc"],
            "alpha and numeric",
        ),
    ];
    for (pair, got) in pairs {
        let run = run(&with(
            &["create", "policy", "p1", "--image-ref=x", "--export"],
            &pair,
        ));
        let sentence = format!(
            "✗ only one of --select-semver, --select-alpha or --select-numeric can be specified (got {got})\n"
        );
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{got}");
        assert!(run.stderr.starts_with(&sentence), "{}", run.stderr);
    }
}

#[test]
fn what_the_api_server_would_refuse_is_refused_first() {
    told(&[
        (
            &with(REPOSITORY, &["--interval=100us"]),
            "✗ --interval=100µs is refused by the API server: it has to be made of h, m, s and ms",
        ),
        (
            &with(REPOSITORY, &["--interval=-5m"]),
            "✗ --interval=-5m0s is refused by the API server: it has to be made of h, m, s and ms",
        ),
        (
            &with(REPOSITORY, &["--scan-timeout=90m"]),
            "✗ --scan-timeout=1h30m0s is refused by the API server: it has to be made of m, s and ms, so it stays below one hour",
        ),
        (
            &with(POLICY, &["--reflect-digest=Always"]),
            "✗ --reflect-digest=Always needs an --interval: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        ),
        (
            &with(REPOSITORY, &["--provider=ibm"]),
            "✗ invalid argument \"ibm\" for \"--provider\" flag: must be one of generic, aws, azure, gcp",
        ),
    ]);
    let many: Vec<String> = (0..26).map(|n| format!("--exclude={n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let line = "✗ --exclude is given 26 times, an ImageRepository may have 25";
    told(&[(&with(REPOSITORY, &many), line)]);
}

#[test]
fn what_a_controller_would_refuse_is_refused_with_its_place() {
    refused(
        &with(POLICY, &["--select-semver=>=1.0 || latest"]),
        &expect![[r#"
            ✗ --select-semver is no range of versions: "latest" is no version, at position 10
                >=1.0 || latest
                         ^ write numbers, such as >=1.0.0, or an alphabetical policy for names
              next: kubectl imgauto create policy --help
        "#]],
    );
    refused(
        &with(POLICY, &["--filter-regex=^main-(?!rc)(?P<n>\\d+)$"]),
        &expect![[r#"
            ✗ --filter-regex is an invalid regex pattern: look-ahead is not supported, at position 7
                ^main-(?!rc)(?P<n>\d+)$
                      ^^^ list what to keep instead
              next: kubectl imgauto create policy --help
        "#]],
    );
    refused(
        &with(REPOSITORY, &["--image=https://ghcr.io/a/b"]),
        &expect![[r#"
            ✗ unable to parse image value: image 'https://ghcr.io/a/b' should not include URL scheme; remove 'https://'
              next: kubectl imgauto create repository --help
        "#]],
    );
    refused(
        &with(REPOSITORY, &["--exclude=(a"]),
        &expect![[r#"
        ✗ --exclude is an invalid regex pattern: missing closing ), at position 1
            (a
            ^
          next: kubectl imgauto create repository --help
    "#]],
    );
}

#[test]
fn a_template_that_makes_no_message_is_refused_with_its_place() {
    refused(
        &with(UPDATE, &["--commit-template={{ .Updated.Images }}"]),
        &expect![[r#"
            ✗ --commit-template cannot be used: template uses removed '.Updated' field. Please use '.Changed' instead. See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template
                {{ .Updated.Images }}
                           ^
              next: kubectl imgauto create update --help
        "#]],
    );
    refused(
        &with(UPDATE, &["--commit-template=line\n{{ if }}"]),
        &expect![[r#"
            ✗ --commit-template cannot be used: template: commit message:2: missing value for if
                {{ if }}
              next: kubectl imgauto create update --help
        "#]],
    );
    refused(
        &with(
            UPDATE,
            &["--commit-template={{ .AutomationObject }}: {{ .Nope }}"],
        ),
        &expect![[r#"
            ✗ --commit-template cannot be used: template: commit message:1:28: executing "commit message" at <.Nope>: can't evaluate field Nope in type source.TemplateData
                {{ .AutomationObject }}: {{ .Nope }}
                                            ^
              next: kubectl imgauto create update --help
        "#]],
    );
    refused(
        &with(UPDATE, &["--commit-template={{ genPrivateKey \"rsa\" }}"]),
        &expect![[r#"
            ✗ --commit-template cannot be used: template: commit message:1: function "genPrivateKey" is not available in imgauto: it makes keys and certificates; create secrets elsewhere
                {{ genPrivateKey "rsa" }}
              next: kubectl imgauto create update --help
        "#]],
    );
}

#[test]
fn a_template_that_fails_for_some_changes_only_is_accepted() {
    let second =
        "--commit-template={{ (index .Changed.Changes 1).NewValue }} {{ .Values.cluster }}";
    let run = run(&with(UPDATE, &[second, "--template-value=cluster=prod"]));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn a_tag_in_the_image_is_answered_with_what_to_write() {
    refused(
        &with(
            REPOSITORY,
            &[
                "--image=ghcr.io/a/b:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ],
        ),
        &expect![[r#"
            ✗ unable to parse image value: repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: a/b:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
                without tag and digest: --image=ghcr.io/a/b
              next: kubectl imgauto create repository --help
        "#]],
    );
}

#[test]
fn a_detached_checkout_needs_a_branch_to_push_to() {
    let update = |checkout: &'static str, more: &[&'static str]| {
        let base = [
            "create",
            "update",
            "u1",
            "--export",
            "--git-repo-ref=g",
            "--author-name=n",
            "--author-email=e",
        ];
        run(&with(&with(&base, &[checkout]), more))
    };
    for checkout in [
        "--checkout-tag=v1",
        "--checkout-semver=1.x",
        "--checkout-commit=abc",
    ] {
        let flag = checkout.split('=').next().unwrap();
        let refused = update(checkout, &[]);
        assert!(
            refused
                .stderr
                .starts_with(&format!("✗ {flag} needs --push-branch\n")),
            "{}",
            refused.stderr
        );
        assert_eq!(update(checkout, &["--push-branch=p"]).code, 0, "{checkout}");
    }
    let both = update(
        "--checkout-tag=v1",
        &["--checkout-commit=abc", "--push-branch=p"],
    );
    assert!(
        both.stderr
            .starts_with("✗ only one of --checkout-tag, --checkout-commit can be specified"),
        "{}",
        both.stderr
    );
    let range = update("--checkout-semver=x.y", &["--push-branch=p"]);
    assert!(
        range
            .stderr
            .starts_with("✗ --checkout-semver is no range of versions"),
        "{}",
        range.stderr
    );
}

#[test]
fn labels_selectors_and_values_are_checked() {
    told(&[
        (
            &with(UPDATE, &["--push-option=ci"]),
            "✗ invalid --push-option 'ci', must be key=value",
        ),
        (
            &with(UPDATE, &["--template-value==x"]),
            "✗ invalid --template-value '=x', must be key=value",
        ),
        (
            &with(UPDATE, &["--source-kind=Bucket"]),
            "✗ --source-kind must be one of: GitRepository",
        ),
        (
            &with(REPOSITORY, &["--annotation=a"]),
            "✗ invalid annotation format 'a', must be key=value",
        ),
        (
            &with(REPOSITORY, &["--access-from-namespace=team"]),
            "✗ invalid --access-from-namespace 'team', must be key=value",
        ),
    ]);
    let selector = run(&with(UPDATE, &["--policy-selector=a in b"]));
    assert!(
        selector.stderr.starts_with("✗ --policy-selector: "),
        "{}",
        selector.stderr
    );
}

#[test]
fn control_characters_are_refused_as_flux_s_yaml_library_refuses_them() {
    refused(
        &with(UPDATE, &["--commit-template=a\u{7f}b"]),
        &expect![[r#"
            ✗ yaml: control characters are not allowed: U+007F at character 2
                in spec.git.commit.messageTemplate
              next: kubectl imgauto create update --help
        "#]],
    );
}

#[test]
fn unknown_words_are_answered_with_the_nearest_one() {
    refused(
        &["create", "image", "polcy", "x", "--export"],
        &expect![[r#"
        ✗ unknown command "polcy" for "kubectl imgauto create image"
            did you mean policies or policy?
          next: kubectl imgauto create image --help
    "#]],
    );
    refused(
        &["crate", "policy"],
        &expect![[r#"
        ✗ unknown command "crate" for "kubectl imgauto"
            did you mean create?
          next: kubectl imgauto --help
    "#]],
    );
    refused(
        &with(POLICY, &["--select-semvr=1.x"]),
        &expect![[r#"
        ✗ unknown flag: --select-semvr
            did you mean --select-semver?
          next: kubectl imgauto create image policy --help
    "#]],
    );
    refused(
        &["create", "repository", "x", "--color=foo"],
        &expect![[r#"
        ✗ invalid argument "foo" for "--color" flag: must be one of auto, always, never
          next: kubectl imgauto create repository --help
    "#]],
    );
    refused(
        &["completion", "bsh"],
        &expect![[r#"
        ✗ invalid argument "bsh": must be one of bash, zsh, fish, powershell, kubectl
            did you mean bash?
          next: kubectl imgauto completion --help
    "#]],
    );
}

#[test]
fn a_command_that_stops_short_is_told_what_follows() {
    refused(
        &["create", "--export"],
        &expect![[r#"
            ✗ kubectl imgauto create has to be followed by one of repository, policy, update
              next: kubectl imgauto create --help
        "#]],
    );
    let verbs = run(&["-n", "x"]);
    assert_eq!((verbs.code, verbs.stdout.as_str()), (2, ""));
    assert!(
        verbs
            .stderr
            .starts_with("✗ kubectl imgauto has to be followed by one of create, run, diff, tags"),
        "{}",
        verbs.stderr
    );
    refused(
        &["completion", "-q"],
        &expect![[r#"
        ✗ <SHELL> is required
          next: kubectl imgauto completion --help
    "#]],
    );
}

#[test]
fn help_that_was_not_asked_for_is_no_success() {
    for args in [&[][..], &["create"], &["create", "image"], &["completion"]] {
        let run = run(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
    for args in [
        &["--help"][..],
        &["create", "-h"],
        &["create", "image", "policy", "--help"],
        &["help", "create"],
    ] {
        let run = run(args);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
        assert!(
            run.stdout.contains("Usage: kubectl imgauto"),
            "{args:?}: {}",
            run.stdout
        );
    }
}
