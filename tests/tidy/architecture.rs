//! The pages that guide a reader tell the truth.

use std::collections::{BTreeMap, BTreeSet};

use crate::{nothing, packages, read};
use harness::checkout;

/// The longest a page may be, in lines.
const PAGES: [(&str, usize); 2] = [("ARCHITECTURE.md", 150), ("CONTRIBUTING.md", 60)];

#[test]
fn the_paths_of_the_pages_exist() {
    for (page, _) in PAGES {
        nothing(missing(page, &read(page), |path| {
            checkout().join(path).exists()
        }));
    }
}

#[test]
fn a_stale_path_is_found() {
    let page = "the `engine/` and `engine/src/gone.rs`, `GONE.md`, `cargo test`, `a: b/c`";
    let found = missing("PAGE.md", page, |path| path == "engine/");
    assert_eq!(
        found,
        [
            "PAGE.md names `engine/src/gone.rs`",
            "PAGE.md names `GONE.md`"
        ]
    );
}

#[test]
fn the_pages_are_short() {
    for (page, limit) in PAGES {
        let lines = read(page).lines().count();
        assert!(
            lines <= limit,
            "{page} has {lines} lines, the limit is {limit}"
        );
    }
}

#[test]
fn crates_use_what_the_picture_allows() {
    let packages = packages();
    let name =
        |value: &serde_json::Value| value["name"].as_str().expect("all have names").to_owned();
    let members: BTreeSet<_> = packages.iter().map(&name).collect();
    let uses = packages.iter().map(|package| {
        let dependencies = package["dependencies"]
            .as_array()
            .expect("a package lists them");
        let used = dependencies
            .iter()
            .map(&name)
            .filter(|used| members.contains(used));
        (name(package), used.collect::<Vec<_>>())
    });
    nothing(forbidden(
        &arrows(&read("ARCHITECTURE.md"), &members),
        &uses.collect(),
    ));
}

#[test]
fn an_arrow_backwards_is_found() {
    let members = ["engine", "api", "plugin", "tests"]
        .map(str::to_owned)
        .into();
    let picture =
        "plugin ──▶ api ──▶ engine    tests ──▶ the built programs, api\n   engine ──x──▶ words";
    let allowed = arrows(picture, &members);
    assert_eq!(
        allowed["plugin"],
        ["api", "engine"].map(str::to_owned).into()
    );
    assert_eq!(allowed["tests"], ["api"].map(str::to_owned).into());
    let uses = |name: &str, used: &[&str]| {
        (
            name.to_owned(),
            used.iter().map(|&used| used.to_owned()).collect(),
        )
    };
    let good = BTreeMap::from([uses("plugin", &["engine", "api"]), uses("engine", &[])]);
    assert!(forbidden(&allowed, &good).is_empty());
    let bad = BTreeMap::from([uses("engine", &["api"]), uses("tests", &["engine"])]);
    let complaints = ["engine may not use api", "tests may not use engine"];
    assert_eq!(forbidden(&allowed, &bad), complaints);
}

/// The paths in backquotes that do not exist.
fn missing(page: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let plain = |token: &str| {
        token
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
    };
    let file = |token: &str| {
        [".md", ".rs", ".toml"]
            .iter()
            .any(|end| token.ends_with(end))
    };
    let paths = quoted.filter(|token| plain(token) && (token.contains('/') || file(token)));
    let stale = paths.filter(|path| !exists(path));
    stale.map(|path| format!("{page} names `{path}`")).collect()
}

/// What each crate may use: all that stands to the right of it in a chain of arrows.
fn arrows(page: &str, members: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut allowed = BTreeMap::<_, BTreeSet<_>>::new();
    for chain in page.lines().flat_map(|line| line.split("   ")) {
        let steps: Vec<Vec<_>> = chain
            .split('▶')
            .map(|step| {
                step.split(',')
                    .map(|name| name.trim_matches([' ', '─']).to_owned())
                    .collect()
            })
            .collect();
        for (index, step) in steps.iter().enumerate() {
            for name in step.iter().filter(|name| members.contains(*name)) {
                let right = steps[index + 1..].iter().flatten();
                let right = right.filter(|name| members.contains(*name)).cloned();
                allowed.entry(name.clone()).or_default().extend(right);
            }
        }
    }
    allowed
}

fn forbidden(
    allowed: &BTreeMap<String, BTreeSet<String>>,
    uses: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let pairs = uses
        .iter()
        .flat_map(|(name, used)| used.iter().map(move |used| (name, used)));
    let bad = pairs.filter(|(name, used)| {
        !allowed
            .get(*name)
            .is_some_and(|right| right.contains(*used))
    });
    bad.map(|(name, used)| format!("{name} may not use {used}"))
        .collect()
}
