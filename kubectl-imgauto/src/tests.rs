//! The whole program, run in this process.

mod compatibility;
mod completion;
mod guide;
mod mistakes;
mod namespace;
mod output;
mod resources;
mod sentences;

use std::ffi::OsString;

use expect_test::Expect;

use super::run_from;
use crate::environment::Environment;

/// The first command of the guide.
const REPOSITORY: &[&str] = &[
    "create",
    "image",
    "repository",
    "podinfo",
    "--image=ghcr.io/stefanprodan/podinfo",
    "--interval=5m",
    "--export",
];
/// The second command of the guide.
const POLICY: &[&str] = &[
    "create",
    "image",
    "policy",
    "podinfo",
    "--image-ref=podinfo",
    "--select-semver=>=5.0.0",
    "--export",
];
/// The third command of the guide.
const UPDATE: &[&str] = &[
    "create",
    "image",
    "update",
    "flux-system",
    "--interval=30m",
    "--git-repo-ref=flux-system",
    "--git-repo-path=./clusters/my-cluster",
    "--checkout-branch=main",
    "--push-branch=main",
    "--author-name=fluxcdbot",
    "--author-email=fluxcdbot@users.noreply.github.com",
    "--commit-template={{range .Changed.Changes}}{{print .OldValue}} -> {{println .NewValue}}{{end}}",
    "--export",
];

/// What one run left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    code: u8,
    stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program on `args` in an empty environment.
fn run(args: &[&str]) -> Run {
    run_with(args, &[])
}

/// Runs the program on `args` with `variables`.
pub(crate) fn run_with(args: &[&str], variables: &[(&str, &str)]) -> Run {
    let environment = Environment {
        variables: variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        ..Environment::default()
    };
    run_in(args, &environment)
}

/// Runs the program on `args` in `environment`.
fn run_in(args: &[&str], environment: &Environment) -> Run {
    let mut stdout = Vec::new();
    let mut stderr = Vec::new();
    let args = std::iter::once("kubectl-imgauto").chain(args.iter().copied());
    let args = args.map(OsString::from).collect();
    let status = run_from(args, environment, &mut stdout, &mut stderr);
    Run {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Returns `args` and `more`.
fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(more).copied().collect()
}

/// Checks what a run that succeeds without a word prints.
fn prints(run: Run, want: &Expect) {
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    want.assert_eq(&run.stdout);
}

/// Writes a file that goes with the returned value.
fn scratch(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// Checks what is said of a command line that is refused.
fn refused(args: &[&str], want: &Expect) {
    let run = run(args);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
    want.assert_eq(&run.stderr);
}

/// Checks command lines that are refused, each with a line that has to be among what is said.
fn told(rows: &[(&[&str], &str)]) {
    for (args, line) in rows {
        let run = run(args);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (2, ""),
            "{args:?}: {}",
            run.stderr
        );
        let found = run.stderr.lines().any(|said| said == *line);
        assert!(found, "{args:?}: {line} is not in {}", run.stderr);
    }
}
