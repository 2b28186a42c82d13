//! `tags`: the verdicts of the plugin are those of the engine, from flags and from objects.

use std::fs;
use std::process::Output;

use harness::program::{imgauto, output};
use serde_json::{Value, json};
use tempfile::TempDir;

const CASES: &str = include_str!("../../engine/tests/data/tag-select-cases.jsonl");

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder }
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(path), content).unwrap();
    }

    fn run(&self, args: &[String]) -> Output {
        let mut command = imgauto(self.folder.path());
        output(
            command
                .current_dir(self.folder.path())
                .arg("tags")
                .args(args),
        )
    }

    fn tags(&self, args: &[&str]) -> Output {
        self.run(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }
}

/// What an ended run says was selected; `None` if the policy was refused.
fn selected(name: &str, output: &Output) -> Option<Value> {
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let tags = report["tags"].as_array().unwrap();
            let chosen: Vec<_> = tags
                .iter()
                .filter(|tag| tag["verdict"] == "selected")
                .collect();
            assert!(chosen.len() <= 1, "{name}: {chosen:?}");
            let tag = chosen.first().map_or(&Value::Null, |tag| &tag["tag"]);
            assert_eq!(tag, &report["selected"], "{name}");
            let reasons = tags.iter().all(|tag| {
                tag["reason"]
                    .as_str()
                    .is_some_and(|reason| !reason.is_empty())
            });
            assert!(reasons, "{name}: {tags:?}");
            Some(report["selected"].clone())
        }
        Some(2) => {
            assert!(output.stdout.is_empty(), "{name}");
            assert!(
                told.starts_with('✗') && told.contains("next:"),
                "{name}: {told}"
            );
            None
        }
        code => panic!("{name}: {code:?}: {told}"),
    }
}

#[test]
fn flags_and_objects_select_what_flux_selects() {
    let desk = Desk::new();
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        desk.write("tags.json", case["tags"].to_string());
        let repository = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
            "metadata": {"name": "app"}, "spec": {"image": "ghcr.io/org/app", "interval": "1m",
            "exclusionList": ["^$"]},
        });
        let mut spec = json!({"imageRepositoryRef": {"name": "app"}, "policy": case["policy"]});
        if !case["filterTags"].is_null() {
            spec["filterTags"] = case["filterTags"].clone();
        }
        let policy = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
            "metadata": {"name": "app"}, "spec": spec,
        });
        desk.write("objects.yaml", format!("{repository}\n---\n{policy}\n"));
        let common = ["--tags-from=tags.json", "--all", "-o", "json"];
        let by_object = [&["policy/app", "-f", "objects.yaml"][..], &common].concat();
        let found = selected(name, &desk.tags(&by_object));
        check(name, &case, found);
        if let Some(flags) = flags(&case) {
            let mut args = vec!["ghcr.io/org/app".to_owned(), "--exclude=^$".to_owned()];
            args.extend(flags);
            args.extend(common.map(str::to_owned));
            check(name, &case, selected(name, &desk.run(&args)));
        }
    }
}

fn check(name: &str, case: &Value, found: Option<Value>) {
    match (&case["want"], found) {
        // An error is a policy that is refused, or one that selects nothing.
        (Value::Null, found) => assert!(
            matches!(found, None | Some(Value::Null)),
            "{name}: {found:?}"
        ),
        (want, found) => assert_eq!(Some(want), found.as_ref(), "{name}"),
    }
}

/// The flags that say the same as the object; none where flags cannot say it.
fn flags(case: &Value) -> Option<Vec<String>> {
    let policy = case["policy"].as_object()?;
    let mut flags = Vec::new();
    for (rule, value) in policy {
        let (flag, text) = match rule.as_str() {
            "semver" => ("--select-semver", value["range"].as_str()?),
            "alphabetical" => ("--select-alpha", value["order"].as_str().unwrap_or("asc")),
            _ => ("--select-numeric", value["order"].as_str().unwrap_or("asc")),
        };
        flags.push(format!("{flag}={text}"));
    }
    if flags.len() != 1 {
        return None;
    }
    let filter = &case["filterTags"];
    if let Some(pattern) = filter["pattern"].as_str() {
        flags.push(format!("--filter-regex={pattern}"));
    }
    if let Some(extract) = filter["extract"].as_str() {
        flags.push(format!("--filter-extract={extract}"));
    }
    Some(flags)
}

#[test]
fn a_policy_that_is_itself_invalid_ends_with_two_and_its_place() {
    let desk = Desk::new();
    desk.write("tags.txt", "1.0.0\n");
    for (policy, words) in [
        ("policy: {}", "ImagePolicyChoice object is invalid"),
        ("policy: {numerical: {order: up}}", "policy.numerical.order"),
        (
            "policy: {alphabetical: {order: UP}}",
            "policy.alphabetical.order",
        ),
        ("policy: {semver: {range: '>=1<2'}}", "improper constraint"),
        (
            "policy: {semver: {range: '*'}}\n  filterTags: {pattern: '(?!x)'}",
            "filterTags.pattern",
        ),
        (
            "policy: {semver: {range: '*'}}\n  digestReflectionPolicy: Sometimes",
            "Sometimes",
        ),
        ("policy: {semver: [1]}", "policy.semver"),
        ("policies: {}", "policy"),
    ] {
        desk.write(
            "objects.yaml",
            format!(
                "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app}}
spec: {{image: ghcr.io/org/app, interval: 1m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app}}
spec:
  imageRepositoryRef: {{name: app}}
  {policy}
"
            ),
        );
        let output = desk.tags(&["policy/app", "-f", "objects.yaml", "--tags-from=tags.txt"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{policy}: {told}");
        assert!(output.stdout.is_empty(), "{policy}");
        assert!(told.contains(words), "{policy}: {told}");
        assert!(told.contains("objects.yaml:6"), "{policy}: {told}");
        assert!(told.contains("next:"), "{policy}: {told}");
    }
}

#[test]
fn limits_cut_the_list_and_never_the_choice() {
    let desk = Desk::new();
    let tags: String = (0..50).map(|minor| format!("1.{minor}.0\n")).collect();
    desk.write("tags.txt", tags);
    let report = |args: &[&str]| -> Value {
        let all = ["ghcr.io/org/app", "--tags-from=tags.txt", "-o=json"];
        let output = desk.tags(&[&all[..], args].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for (args, count) in [
        (&["--limit=3"][..], 3),
        (&[], 20),
        (&["--all"], 50),
        (&["--limit=0"], 0),
    ] {
        let report = report(&[&["--select-semver=*"], args].concat());
        assert_eq!(report["tags"].as_array().unwrap().len(), count, "{args:?}");
        assert_eq!(
            (&report["selected"], &report["total"]),
            (&"1.49.0".into(), &50.into())
        );
        assert_eq!(report["omitted"], 50 - count, "{args:?}");
        if count > 0 {
            assert_eq!(report["tags"][0]["tag"], "1.49.0", "{args:?}");
        }
    }
    assert_eq!(report(&[])["selected"], Value::Null);
    let output = desk.tags(&[
        "ghcr.io/org/app",
        "--tags-from=tags.txt",
        "--select-semver=>=1.48",
        "--ascii",
    ]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.is_ascii(), "{table}");
    assert!(table.contains("30 more (--all)"), "{table}");
}
