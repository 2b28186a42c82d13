//! What scripts rely on: field names, exit codes, and which stream says what.

use std::process::Stdio;

use harness::program::{output, run};
use serde_json::Value;

use crate::walking::{Folder, policy, stale};

fn folder() -> Folder {
    let folder = Folder::with_app();
    folder.write(
        "a.yaml",
        format!(
            "kind: Pod\napiVersion: v1\nmetadata: {{name: a, namespace: b}}\n{}",
            stale("flux-system:app")
        ),
    );
    folder.write("b.yaml", stale("flux-system:unknown"));
    folder
}

const QUESTION: [&str; 4] = ["tree", "-f", "objects.yaml", "--offline"];

/// The names of the fields, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().collect();
    keys.sort();
    keys.into_iter().map(String::as_str).collect()
}

#[test]
fn the_reports_of_run_and_diff_have_the_fields_of_the_contract() {
    let folder = folder();
    for verb in [&["run", "--dry-run"][..], &["diff"], &["run"]] {
        for format in ["json", "yaml"] {
            if verb == ["run"] {
                folder.write("a.yaml", folder.read("a.yaml").replace("2.0.0", "1.0.0"));
            }
            let args = [verb, &QUESTION, &["-o", format]].concat();
            let output = output(&mut folder.command(&args));
            assert_eq!(
                output.status.code(),
                Some(i32::from(verb == ["diff"])),
                "{args:?}"
            );
            let text = String::from_utf8(output.stdout).unwrap();
            let report: Value = match format {
                "json" => serde_json::from_str(&text).unwrap(),
                _ => serde_saphyr::from_str(&text).unwrap(),
            };
            assert_eq!(keys(&report), ["problems", "updates"]);
            let update = &report["updates"][0];
            assert_eq!(
                keys(update),
                ["automation", "branch", "changes", "commit", "message"]
            );
            assert_eq!(update["automation"], "flux-system/local");
            assert!(update["message"].is_string() && update["commit"].is_null());
            let change = &update["changes"][0];
            assert_eq!(
                keys(change),
                ["file", "line", "new", "object", "old", "setter"]
            );
            assert_eq!(
                (&change["file"], &change["line"]),
                (&"a.yaml".into(), &4.into())
            );
            assert_eq!(
                (&change["old"], &change["new"]),
                (
                    &"ghcr.io/org/app:1.0.0".into(),
                    &"ghcr.io/org/app:2.0.0".into()
                )
            );
            assert_eq!(change["setter"], "flux-system:app");
            assert_eq!(
                change["object"],
                serde_json::json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "namespace": "b"})
            );
            let problem = &report["problems"][0];
            assert_eq!(keys(problem), ["file", "line", "reason", "severity"]);
            assert_eq!(
                (&problem["file"], &problem["line"]),
                (&"b.yaml".into(), &1.into())
            );
        }
    }
}

#[test]
fn exit_codes_say_whether_something_changed_and_whether_it_could_be_told() {
    let folder = folder();
    let code = |args: &[&str]| output(&mut folder.command(args)).status.code().unwrap();
    let run = |more: &[&str]| code(&[&["run"], &QUESTION[..], more].concat());
    let diff = |more: &[&str]| code(&[&["diff"], &QUESTION[..], more].concat());
    assert_eq!(diff(&[]), 1);
    assert_eq!(run(&["--dry-run"]), 0);
    assert_eq!(run(&["--dry-run", "--exit-code"]), 1);
    assert_eq!(run(&["--exit-code"]), 1);
    assert_eq!(run(&["--exit-code"]), 0);
    assert_eq!(diff(&[]), 0);
    // What could not be told is neither yes nor no.
    let objects = policy("flux-system", "app", "ghcr.io/org/app", "2.0.0");
    folder.write("../objects.yaml", objects.replace("spec:", "spec: ["));
    assert_eq!((run(&[]), diff(&[])), (2, 2));
    folder.write("../objects.yaml", &objects);
    folder.write("../tags.txt", "1.0.0\n");
    let without = ["tree", "-f", "objects.yaml", "--tags-from=tags.txt"];
    assert_eq!(code(&[&["run"], &without[..]].concat()), 1);
    assert_eq!(code(&[&["diff"], &without[..]].concat()), 2);
}

#[test]
fn results_go_to_standard_output_and_everything_else_to_standard_error() {
    let folder = folder();
    let args = [&["run", "--dry-run"], &QUESTION[..]].concat();
    let said = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = folder.command(&[&args[..], more].concat());
        let output = output(command.envs(variables.iter().copied()));
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (out, err)
    };
    let (out, err) = said(&[], &[]);
    assert_eq!(out, "  a.yaml:4  ghcr.io/org/app:1.0.0 -> 2.0.0\n");
    assert!(
        err.contains('✔') && err.contains("b.yaml:1: no policy unknown") && !err.contains('►'),
        "{err}"
    );
    for (more, variables) in [
        (&[][..], &[("NO_COLOR", "1")][..]),
        (&[], &[("CLICOLOR_FORCE", "1")]),
        (&["--color=always"], &[]),
    ] {
        let (out, err) = said(more, variables);
        assert!(!(out + &err).contains('\u{1b}'), "{more:?} {variables:?}");
    }
    let (_, err) = said(&["-q"], &[]);
    assert_eq!(err.lines().count(), 1, "{err}");
    let (out, err) = said(&["--ascii"], &[]);
    assert!(out.is_ascii() && err.is_ascii(), "{out}{err}");
}

#[test]
fn a_reader_that_goes_away_ends_a_run_quietly() {
    let folder = Folder::with_app();
    folder.write(
        "a.yaml",
        stale("flux-system:app")
            .replacen("image", "- image", 1)
            .repeat(5000),
    );
    let mut command = folder.command(&[&["run"], &QUESTION[..], &["-q"]].concat());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    let again = run(&mut folder.command(&[&["diff"], &QUESTION[..]].concat()));
    assert_eq!(
        again, "",
        "the files were written although nobody read the report"
    );
}
