//! Colour, marks, the version and completion scripts.

use expect_test::expect;

use super::{POLICY, REPOSITORY, UPDATE, prints, run, run_in};
use crate::environment::Environment;

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let terminal = |variables: &[(&str, &str)]| Environment {
        variables: variables
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
        stdin_is_terminal: true,
        stdout_is_terminal: true,
        columns: Some(80),
        stderr_is_terminal: true,
    };
    let escapes = |args: &[&str], environment: &Environment| {
        let run = run_in(args, environment);
        run.stdout.contains('\u{1b}') || run.stderr.contains('\u{1b}')
    };
    for args in [&["--help"][..], &["create"]] {
        assert!(escapes(args, &terminal(&[])), "{args:?}");
        assert!(!escapes(args, &terminal(&[("NO_COLOR", "1")])), "{args:?}");
        assert!(!escapes(args, &terminal(&[("TERM", "dumb")])), "{args:?}");
        assert!(!escapes(args, &Environment::default()), "{args:?}");
    }
    let help = |flag| ["--help", flag];
    assert!(escapes(&help("--color=always"), &Environment::default()));
    assert!(!escapes(
        &help("--no-color"),
        &terminal(&[("FORCE_COLOR", "1")])
    ));
    for args in [
        REPOSITORY,
        POLICY,
        UPDATE,
        &["create", "polcy"],
        &["version"],
    ] {
        assert!(!escapes(args, &Environment::default()), "{args:?}");
    }
}

#[test]
fn ascii_messages_have_no_other_character() {
    let run = run(&["create", "repository", "--ascii", "--export"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.is_ascii() && run.stderr.starts_with("x name is required\n"),
        "{}",
        run.stderr
    );
    let parse = super::run(&["--ascii", "create", "polcy"]);
    assert!(parse.stderr.is_ascii(), "{}", parse.stderr);
}

#[test]
fn the_version_is_printed_in_three_forms() {
    for flag in ["-v", "-V", "--version"] {
        prints(run(&[flag]), &expect!["kubectl-imgauto 0.1.0\n"]);
    }
    prints(run(&["version"]), &expect!["kubectl-imgauto: v0.1.0\n"]);
    prints(
        run(&["version", "--client", "-o", "yaml"]),
        &expect!["kubectl-imgauto: v0.1.0\n"],
    );
    prints(
        run(&["version", "--client", "-o", "json"]),
        &expect![[r#"
            {
              "kubectl-imgauto": "v0.1.0"
            }
        "#]],
    );
}

#[test]
fn completion_scripts_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let run = run(&["completion", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        assert!(
            run.stdout.contains("create") && run.stdout.contains("select-semver"),
            "{shell}"
        );
    }
}
