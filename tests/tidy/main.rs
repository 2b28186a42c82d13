//! The rules of the house that a machine can check. Each rule is a function from text to complaints, tried on bad
//! text as well as on the checkout.

mod admission;
mod architecture;
mod docs;
mod kustomize;
mod manifests;
mod sources;

use std::path::Path;
use std::process::Command;

use harness::checkout;
use harness::program::run;
use serde_json::Value;

/// The text files of the checkout that people write, by path from its root; data and fixtures are left out.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(checkout(), &mut files);
    files.sort();
    let names = |file: &(String, String)| file.0 == "tests/tidy/main.rs";
    assert!(files.iter().any(names), "the walk finds this file");
    files
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    let entries = std::fs::read_dir(folder).expect("the checkout is readable");
    for path in entries.map(|entry| entry.expect("the checkout is readable").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let program = matches!(&*name, "Makefile" | "build" | "run" | "go.mod");
        if path.is_symlink()
            || matches!(
                &*name,
                ".git" | "target" | "data" | "fixtures" | "corpus" | "artifacts"
            )
        {
            continue;
        } else if path.is_dir() {
            collect(&path, files);
        } else if program || matches!(&*extension, "rs" | "go" | "toml" | "md") {
            let relative = path
                .strip_prefix(checkout())
                .expect("the walk starts there");
            let text = std::fs::read_to_string(&path).expect("what people write is UTF-8");
            files.push((relative.display().to_string(), text));
        }
    }
}

/// The text of a file of the checkout.
fn read(path: &str) -> String {
    std::fs::read_to_string(checkout().join(path))
        .unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// Runs cargo in the checkout, without a network.
fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .current_dir(checkout())
        .args(args)
        .args(["--locked", "--offline"]))
}

/// The packages of the workspace, as `cargo metadata` describes them.
fn packages() -> Vec<Value> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"]))
            .expect("cargo writes JSON");
    metadata["packages"]
        .as_array()
        .expect("a workspace has packages")
        .clone()
}

/// Fails with every complaint, one on a line.
fn nothing(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
