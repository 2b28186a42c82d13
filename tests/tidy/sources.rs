//! What source files may hold, and that each of them is used.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{nothing, packages, sources};
use harness::checkout;

/// The longest a Rust file may be, in lines, tests included.
const LIMIT: usize = 500;

/// Words that stand for work left undone. The first letters are apart so that this file does not hold them.
const UNDONE: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
];

/// The one file that may turn off the ban on unsafe code, where libgit2 is set up.
const UNSAFE: &str = "reconciler/src/git/transport.rs";

/// Names that say nothing about what is inside.
const VAGUE: [&str; 6] = [
    "common.rs",
    "helpers.rs",
    "imp.rs",
    "manager.rs",
    "mod.rs",
    "utils.rs",
];

#[test]
fn files_are_short_finished_and_well_named() {
    let files = sources();
    let complaints = files.iter().flat_map(|(path, text)| complaints(path, text));
    nothing(complaints.collect());
}

#[test]
fn a_bad_file_is_found() {
    assert!(complaints("engine/src/image.rs", "//! Why.\nfn methodology() {}\n").is_empty());
    assert_eq!(
        complaints("a.rs", &"\n".repeat(501)),
        ["a.rs has 501 lines, the limit is 500"]
    );
    for word in UNDONE {
        assert_eq!(
            complaints("a.rs", &format!("fn a() {{\n    {word}\n}}")),
            [format!("a.rs:2 holds `{word}`")]
        );
    }
    assert_eq!(
        complaints("a/utils.rs", ""),
        ["a/utils.rs: the name says nothing"]
    );
    let bans = concat!("#![expect(uns", "afe_code, reason = \"a\")]");
    assert_eq!(
        complaints("a.rs", bans),
        [format!("a.rs allows unsafe code, which is for {UNSAFE}")]
    );
    assert!(complaints(UNSAFE, bans).is_empty());
}

#[test]
fn every_rust_file_is_compiled() {
    let packages = packages();
    let targets = packages.iter().flat_map(|package| {
        package["targets"]
            .as_array()
            .expect("a package has targets")
    });
    let roots = targets.map(|target| {
        let path = Path::new(target["src_path"].as_str().expect("a target has a source"));
        path.strip_prefix(checkout())
            .expect("the targets lie in the checkout")
            .display()
            .to_string()
    });
    let mut roots: BTreeSet<_> = roots.collect();
    let files = sources();
    let fuzz = files
        .iter()
        .find(|(path, _)| path == "fuzz/Cargo.toml")
        .expect("there are fuzz targets");
    let paths = fuzz
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    roots.extend(paths.map(|path| format!("fuzz/{path}")));
    nothing(undeclared(&roots, &files));
}

#[test]
fn a_file_that_nothing_declares_is_found() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = [
        file("a/src/lib.rs", "//! A.\n\npub mod image;\nmod range;\n"),
        file("a/src/image.rs", "#[cfg(test)]\nmod tests;\n"),
        file("a/src/image/tests.rs", ""),
        file("a/src/range.rs", "// mod lost;\n"),
        file("a/src/range/lost.rs", ""),
        file("a/src/stray.rs", ""),
    ];
    let complaints = undeclared(&BTreeSet::from(["a/src/lib.rs".to_owned()]), &files);
    assert_eq!(
        complaints,
        [
            "a/src/range/lost.rs is not compiled",
            "a/src/stray.rs is not compiled"
        ]
    );
}

fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let rust = path.ends_with(".rs");
    let lines = text.lines().count();
    if rust && lines > LIMIT {
        complaints.push(format!("{path} has {lines} lines, the limit is {LIMIT}"));
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if VAGUE.contains(&name) {
        complaints.push(format!("{path}: the name says nothing"));
    }
    if rust && path != UNSAFE && text.contains(concat!("uns", "afe_code")) {
        complaints.push(format!("{path} allows unsafe code, which is for {UNSAFE}"));
    }
    for (index, line) in text.lines().enumerate() {
        let held = UNDONE.iter().filter(|word| holds(line, word));
        complaints.extend(held.map(|word| format!("{path}:{} holds `{word}`", index + 1)));
    }
    complaints
}

/// Whether a line holds a word that is not a part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let inside = word.ends_with(char::is_alphabetic) && after.starts_with(letter);
        !before.ends_with(letter) && !inside
    })
}

/// The Rust files that are neither a target nor named by the module above them.
fn undeclared(roots: &BTreeSet<String>, files: &[(String, String)]) -> Vec<String> {
    let rust = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") && !roots.contains(path));
    let stray = rust.filter(|(path, _)| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let declaration = format!("mod {};", name.trim_end_matches(".rs"));
        let beside = |parent: &str| {
            roots.contains(parent) && parent.rsplit_once('/').is_some_and(|(f, _)| f == folder)
        };
        let parents = files
            .iter()
            .filter(|(parent, _)| *parent == format!("{folder}.rs") || beside(parent));
        !parents.flat_map(|(_, text)| text.lines()).any(|line| {
            let line = line.trim_start();
            line == declaration
                || line
                    .strip_prefix("pub")
                    .is_some_and(|rest| rest.ends_with(&declaration))
        })
    });
    stray
        .map(|(path, _)| format!("{path} is not compiled"))
        .collect()
}
