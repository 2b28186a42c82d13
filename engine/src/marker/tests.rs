mod documents;
mod faults;
mod properties;
mod rows;
mod samples;
mod scalars;

use super::*;
use crate::change::LatestRef;

/// The image every unadorned marker below asks for.
const NEW: &str = "ghcr.io/org/app:2.0.0";

/// Replaces `M` by a marker comment, `M:tag` and the like by one with a suffix, `M(x)` by one for
/// the policy x of namespace ns.
fn marked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('M') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = &after[1..];
        let (policy, after) = match after.strip_prefix('(') {
            Some(inner) => inner.split_once(')').unwrap(),
            None => ("p", after),
        };
        let suffix = [":name", ":tag", ":digest"]
            .into_iter()
            .find(|suffix| after.starts_with(suffix));
        let suffix = suffix.unwrap_or_default();
        out.push_str(&format!("# {{\"$imagepolicy\": \"ns:{policy}{suffix}\"}}"));
        rest = &after[suffix.len()..];
    }
    out.push_str(rest);
    out.replace("NEW", NEW)
}

fn latest(name: &str, tag: &str, digest: Option<&str>) -> Policy {
    Policy::Latest(LatestRef {
        name: name.into(),
        tag: tag.into(),
        digest: digest.map(Into::into),
    })
}

/// The policies of namespace ns.
fn wanted() -> Wanted {
    let app = |tag| latest("ghcr.io/org/app", tag, None);
    let policies = [
        ("p", app("2.0.0")),
        ("d", latest("ghcr.io/org/app", "2.0.0", Some("sha256:aa"))),
        ("num", app("1.10")),
        ("int", app("20240101")),
        ("exp", app("1e3")),
        ("oct", app("0755")),
        ("bool", app("true")),
        ("yes", app("yes")),
        ("null", app("null")),
        ("date", app("2024-01-01")),
        ("huge", app("12e4567")),
        ("bare", latest("nginx", "1.27", None)),
        ("port", latest("localhost:5000/org/app", "2.0.0", None)),
        ("pending", Policy::Pending),
        ("unselected", Policy::NotSelected),
        (
            "upper",
            Policy::Invalid("repository must be lower case".into()),
        ),
    ];
    Wanted {
        namespace: "ns".into(),
        policies: policies
            .into_iter()
            .map(|(name, policy)| (name.to_owned(), policy))
            .collect(),
        manner: Manner::Better,
    }
}

/// Scans, plans and applies.
fn run(path: &str, source: &str) -> (String, FileScan, FilePlan) {
    let scan = scan(source.as_bytes());
    let plan = plan(path, &scan, &wanted());
    let bytes =
        apply(source.as_bytes(), &plan.edits).unwrap_or_else(|error| panic!("{source:?}: {error}"));
    (String::from_utf8(bytes).unwrap(), scan, plan)
}

/// What is reported about a file: faults and unresolved markers, each with its line.
fn reports(scan: &FileScan, plan: &FilePlan) -> Vec<String> {
    let faults = scan
        .faults
        .iter()
        .map(|fault| format!("{}: {}", fault.line, fault.kind));
    let unresolved = plan
        .unresolved
        .iter()
        .map(|marker| format!("{}: {}", marker.line, marker.reason));
    faults.chain(unresolved).collect()
}

/// A case of a table: name, file before, file after (empty if unchanged), and the beginning of each
/// report.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// Checks cases, both for their bytes and for the reports they give; then that a second run has
/// nothing to do.
fn check(cases: &[Case]) {
    for (name, before, after, expected) in cases {
        let before = marked(before);
        let after = if after.is_empty() {
            before.clone()
        } else {
            marked(after)
        };
        let (result, scan, plan) = run("f.yaml", &before);
        assert_eq!(result, after, "{name}");
        let reports = reports(&scan, &plan);
        let matching = reports
            .iter()
            .zip(*expected)
            .all(|(report, start)| report.starts_with(start));
        assert!(
            matching && reports.len() == expected.len(),
            "{name}: {reports:#?}"
        );
        let (again, _, second) = run("f.yaml", &result);
        assert_eq!(
            (again, second.edits),
            (result, vec![]),
            "{name}, second run"
        );
    }
}

#[test]
fn row_092_and_093_file_names() {
    for path in [
        "f.yaml",
        "f.yml",
        "Kustomization",
        ".f.yaml",
        ".github/w.yaml",
        "node_modules/a.yaml",
        ".yaml",
    ] {
        assert!(is_manifest(path), "{path}");
    }
    for path in [
        "f.YAML",
        "f.json",
        "kustomization",
        "f.yaml.tpl",
        "main.tf",
        "Kustomization/f",
        "f.yaml/g",
    ] {
        assert!(!is_manifest(path), "{path}");
    }
}

#[test]
fn row_099_and_100_file_names_with_dots_and_blanks() {
    assert!(is_manifest("a..b.yaml") && is_manifest("a b.yaml"));
}

#[test]
fn screen_finds_the_key_in_any_case() {
    assert!(mentions_marker(br#"a: b # {"$imagepolicy": "ns:p"}"#));
    assert!(mentions_marker(b"$ImagePolicy") && mentions_marker(b"$$imagepolicy"));
    assert!(
        !mentions_marker(b"imagepolicy $image") && !mentions_marker(b"$") && !mentions_marker(b"")
    );
}
