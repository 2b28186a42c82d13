//! Command lines that flux 2.9.5 was run on, and what it said.

use serde::Deserialize;

use super::run;

const CASES: &str = include_str!("../../tests/data/flux-create-cases.jsonl");

#[derive(Deserialize)]
struct Case {
    args: Vec<String>,
    exit: i32,
    stdout: String,
    stderr: String,
    refuse: Option<String>,
}

fn cases() -> impl Iterator<Item = (usize, Case)> {
    let rows = CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    rows.enumerate().map(|(index, case)| (index + 1, case))
}

/// `--image-ref=namespace/name` names another namespace here, where flux takes it for a name.
fn names_a_namespace(case: &Case) -> bool {
    case.refuse.as_deref() == Some("here: namespace/name")
}

#[test]
fn what_flux_prints_is_printed_to_the_byte() {
    let mut checked = 0;
    for (row, case) in cases().filter(|(_, case)| case.exit == 0 && case.refuse.is_none()) {
        let args: Vec<&str> = case.args.iter().map(String::as_str).collect();
        let run = run(&args);
        assert_eq!(
            run.stdout, case.stdout,
            "row {row}: {args:?}: {}",
            run.stderr
        );
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (0, ""),
            "row {row}: {args:?}"
        );
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn what_flux_refuses_is_refused_in_its_words_with_exit_2() {
    let mut checked = 0;
    for (row, case) in cases().filter(|(_, case)| case.exit != 0) {
        let args: Vec<&str> = case.args.iter().map(String::as_str).collect();
        let run = run(&args);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (2, ""),
            "row {row}: {args:?}"
        );
        let sentence = case.stderr.trim_end();
        let told = run.stderr.lines().any(|line| line.starts_with(sentence));
        assert!(
            told,
            "row {row}: {args:?}: {sentence} is not in {}",
            run.stderr
        );
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn what_a_controller_would_refuse_is_refused_with_a_reason() {
    let mut checked = 0;
    for (row, case) in cases().filter(|(_, case)| case.refuse.is_some()) {
        if names_a_namespace(&case) {
            continue;
        }
        let args: Vec<&str> = case.args.iter().map(String::as_str).collect();
        let run = run(&args);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (2, ""),
            "row {row}: {args:?}"
        );
        assert!(
            run.stderr.starts_with("✗ "),
            "row {row}: {args:?}: {}",
            run.stderr
        );
        checked += 1;
    }
    assert!(checked > 10, "{checked}");
}
