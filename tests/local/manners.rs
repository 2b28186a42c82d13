//! How the plugin behaves in a shell, called by the real kubectl: exit codes, streams, colour.

use std::process::{Command, Stdio};

use harness::program::{kubectl_imgauto, output, shell};
use tempfile::TempDir;

/// What was printed, said, and returned.
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

fn answer(command: &mut Command) -> Answer {
    let output = output(command);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn home() -> TempDir {
    TempDir::new().unwrap()
}

/// A command line that prints more than a few words.
const EXPORT: &[&str] = &[
    "create",
    "policy",
    "podinfo",
    "--image-ref=podinfo",
    "--select-semver=>=5.0.0",
    "--export",
];

#[test]
fn mistakes_end_with_2_and_name_what_was_meant() {
    let home = home();
    let rows: &[(&[&str], &str, &str)] = &[
        (
            &["crate"],
            "unknown command \"crate\" for \"kubectl imgauto\"",
            "did you mean create?",
        ),
        (
            &["create", "polcy", "x"],
            "unknown command \"polcy\" for \"kubectl imgauto create\"",
            "did you mean policies or policy?",
        ),
        (
            &["get", "polcy"],
            "unknown resource \"polcy\" for \"kubectl imgauto get\"",
            "did you mean policy?",
        ),
        (
            &["create", "policy", "x", "--select-semvr=1.x"],
            "unknown flag: --select-semvr",
            "did you mean --select-semver?",
        ),
        (
            &["get", "policy", "--namespce=x"],
            "unknown flag: --namespce",
            "did you mean --namespace?",
        ),
        (
            &["version", "--color=alway"],
            "invalid argument \"alway\"",
            "did you mean always?",
        ),
    ];
    for (words, mistake, meant) in rows {
        let answer = answer(kubectl_imgauto(home.path()).args(*words));
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{words:?}");
        let lines: Vec<_> = answer.stderr.lines().collect();
        assert!(lines[0].starts_with(&format!("✗ {mistake}")), "{lines:#?}");
        assert_eq!(lines[1].trim(), *meant, "{lines:#?}");
        assert!(
            lines[2].starts_with("  next: kubectl imgauto "),
            "{lines:#?}"
        );
    }
}

#[test]
fn the_command_that_is_named_next_helps() {
    let home = home();
    for words in [
        &["crate"][..],
        &["get", "polcy"],
        &["create", "policy", "--export"],
    ] {
        let answer = answer(kubectl_imgauto(home.path()).args(words));
        assert_eq!(answer.code, 2, "{words:?}");
        let next = answer
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("  next: "));
        let next = next.unwrap().split(';').next().unwrap();
        let helped = self::answer(&mut shell(home.path(), next));
        assert_eq!((helped.code, helped.stderr.as_str()), (0, ""), "{next}");
        assert!(helped.stdout.contains("Usage: kubectl imgauto"), "{next}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let home = home();
    for words in [
        &["--help"][..],
        EXPORT,
        &["version"],
        &["completion", "bash"],
        &["__complete", ""],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = kubectl_imgauto(home.path());
        command.args(words).stdout(writer).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{words:?}");
    }
}

/// Runs a line on a terminal of its own and returns all that it shows.
fn on_terminal(home: &TempDir, variables: &[(&str, &str)], line: &str) -> String {
    let mut terminal = shell(
        home.path(),
        "exec script --quiet --command \"$LINE\" /dev/null",
    );
    terminal.env("LINE", line).env("TERM", "xterm-256color");
    let answer = answer(terminal.envs(variables.iter().copied()));
    assert!(!answer.stdout.is_empty(), "{line}: {}", answer.stderr);
    answer.stdout
}

#[test]
fn only_a_terminal_that_wants_colour_gets_it() {
    let home = home();
    for words in [
        &["--help"][..],
        &["create", "--help"],
        &["create"],
        EXPORT,
        &["crate"],
    ] {
        let piped = answer(
            kubectl_imgauto(home.path())
                .args(words)
                .env("TERM", "xterm-256color"),
        );
        let text = piped.stdout + &piped.stderr;
        assert!(
            !text.is_empty() && !text.contains('\u{1b}'),
            "{words:?}: {text:?}"
        );
    }
    for line in [
        "kubectl imgauto --help",
        "kubectl imgauto create --help",
        "kubectl imgauto create",
    ] {
        let shown = on_terminal(&home, &[], line);
        assert!(shown.contains("\u{1b}["), "{line}: {shown:?}");
        let quiet: [&[(&str, &str)]; 2] = [&[("NO_COLOR", "1")], &[("TERM", "dumb")]];
        for variables in quiet {
            let shown = on_terminal(&home, variables, line);
            assert!(
                shown.contains("Usage") && !shown.contains('\u{1b}'),
                "{line}, {variables:?}: {shown:?}"
            );
        }
    }
    let help = "kubectl imgauto --help";
    let shown = on_terminal(&home, &[], &format!("{help} --no-color"));
    assert!(
        shown.contains("Usage") && !shown.contains('\u{1b}'),
        "{shown:?}"
    );
    let forced = answer(&mut shell(home.path(), &format!("{help} --color=always")));
    assert!(forced.stdout.contains("\u{1b}["), "{}", forced.stdout);
}
