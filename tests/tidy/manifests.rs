//! What the manifests promise: a pure engine, one TLS provider, lints everywhere.

use crate::{cargo, nothing, packages, read};

/// All that the engine may stand on: parsers and data, nothing that acts.
const ENGINE: [&str; 13] = [
    "base64",
    "granit-parser",
    "memchr",
    "num-bigint",
    "regex",
    "regex-automata",
    "regex-syntax",
    "semver",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "thiserror",
];

/// What must not be in the tree: a second TLS provider, or one from the system.
const BANNED: [&str; 5] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "native-tls",
    "openssl",
    "openssl-sys",
];

#[test]
fn the_engine_uses_what_cannot_act() {
    let packages = packages();
    let engine = packages
        .iter()
        .find(|package| package["name"] == "engine")
        .expect("there is an engine");
    let dependencies = engine["dependencies"]
        .as_array()
        .expect("a package lists them")
        .iter();
    let used = dependencies.filter(|dependency| dependency["kind"].is_null());
    let names: Vec<_> = used
        .map(|used| used["name"].as_str().expect("all have names"))
        .collect();
    nothing(outside(&ENGINE, &names));
}

#[test]
fn a_crate_that_acts_is_found() {
    assert!(outside(&ENGINE, &["regex"]).is_empty());
    assert_eq!(
        outside(&ENGINE, &["regex", "tokio"]),
        ["the engine may not use tokio"]
    );
}

#[test]
fn the_engines_clippy_file_repeats_the_keys_of_the_root() {
    nothing(unrepeated(
        &read("clippy.toml"),
        &read("engine/clippy.toml"),
    ));
}

#[test]
fn a_key_that_is_not_repeated_is_found() {
    let (root, engine) = ("# why\na = 1\nb = true\n", "b = true\na = 2\n");
    assert_eq!(
        unrepeated(root, engine),
        ["engine/clippy.toml lacks `a = 1`"]
    );
}

#[test]
fn the_tree_has_one_tls_provider() {
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--edges=normal,build,dev",
        "--prefix=none",
        "--format={p}",
    ]);
    assert!(
        tree.lines().any(|line| line.starts_with("ring v")),
        "the walk finds ring"
    );
    nothing(banned(&tree));
}

#[test]
fn a_second_tls_provider_is_found() {
    assert!(banned("rustls v0.23.1\nring v0.17.0 (*)\n").is_empty());
    assert_eq!(
        banned("rustls v0.23.1\naws-lc-rs v1.2.3\n"),
        ["aws-lc-rs is in the tree"]
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let manifests = packages().into_iter().map(|package| {
        let path = package["manifest_path"]
            .as_str()
            .expect("all have one")
            .to_owned();
        let text = std::fs::read_to_string(&path).expect("cargo has read it too");
        (path, text)
    });
    nothing(unlinted(&manifests.collect::<Vec<_>>()));
}

#[test]
fn a_crate_without_lints_is_found() {
    let manifest = |text: &str| ("a/Cargo.toml".to_owned(), text.to_owned());
    assert!(unlinted(&[manifest("[lints]\nworkspace = true\n")]).is_empty());
    let complaint = "a/Cargo.toml does not take the workspace's lints";
    assert_eq!(unlinted(&[manifest("[lib]\n")]), [complaint]);
}

fn outside(allowed: &[&str], used: &[&str]) -> Vec<String> {
    let outside = used.iter().filter(|name| !allowed.contains(name));
    outside
        .map(|name| format!("the engine may not use {name}"))
        .collect()
}

/// The settings of one clippy file that another, which replaces it, does not make.
fn unrepeated(root: &str, engine: &str) -> Vec<String> {
    let settings = root
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lost = settings.filter(|setting| !engine.lines().any(|line| line == *setting));
    lost.map(|setting| format!("engine/clippy.toml lacks `{setting}`"))
        .collect()
}

fn banned(tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let found = names.filter(|name| BANNED.contains(name));
    found.map(|name| format!("{name} is in the tree")).collect()
}

fn unlinted(manifests: &[(String, String)]) -> Vec<String> {
    let bad = manifests
        .iter()
        .filter(|(_, text)| !text.contains("[lints]\nworkspace = true"));
    bad.map(|(path, _)| format!("{path} does not take the workspace's lints"))
        .collect()
}
