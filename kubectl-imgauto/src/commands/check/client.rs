//! This program and what is around it: what kubectl runs, and what gets in between.

use std::path::{Path, PathBuf};

use super::report::{Category, Finding};
use crate::environment::Environment;

/// The file kubectl runs for `kubectl imgauto`.
const PROGRAM: &str = "kubectl-imgauto";
/// The file kubectl asks for completions.
const COMPLETION: &str = "kubectl_complete-imgauto";

/// A program on PATH.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    /// Its name, without an extension.
    name: String,
    /// Where it was found.
    path: PathBuf,
    /// The file it leads to.
    file: PathBuf,
}

/// Looks at this program and at PATH.
pub(super) fn findings(environment: &Environment) -> Vec<Finding> {
    let path = environment.variable("PATH").unwrap_or_default();
    let folders = std::env::split_paths(path);
    judge(
        &folders
            .flat_map(|folder| programs(&folder))
            .collect::<Vec<_>>(),
    )
}

/// The programs of a folder that kubectl may run for us; none if it cannot be read.
fn programs(folder: &Path) -> Vec<Program> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_name()?.to_str()?;
            let name = name.strip_suffix(".exe").unwrap_or(name).to_owned();
            let ours = name == PROGRAM || name == COMPLETION || stray(&name).is_some();
            if !ours || !is_executable(&path) {
                return None;
            }
            let file = path.canonicalize().unwrap_or_else(|_| path.clone());
            Some(Program { name, path, file })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The command a program takes the place of, such as `get`.
fn stray(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PROGRAM)?.strip_prefix('-')?;
    (!rest.is_empty()).then(|| rest.replace('-', " ").replace('_', "-"))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = path.metadata();
    metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Judges what is on PATH, in its order.
fn judge(programs: &[Program]) -> Vec<Finding> {
    let version = format!("{PROGRAM} v{}", env!("CARGO_PKG_VERSION"));
    let mut findings = vec![Finding::good(Category::Client, version)];
    findings.push(on_path(programs));
    for program in programs {
        if let Some(command) = stray(&program.name) {
            let text = format!(
                "{} takes the place of `kubectl imgauto {command}`",
                program.name
            );
            findings.push(
                Finding::warning(Category::Client, text)
                    .at(program.path.display().to_string())
                    .hint(format!("rm {}", program.path.display())),
            );
        }
    }
    findings.push(
        if programs.iter().any(|program| program.name == COMPLETION) {
            Finding::good(
                Category::Client,
                "kubectl completes the commands of imgauto",
            )
        } else {
            let text =
                format!("kubectl does not complete the commands of imgauto: no {COMPLETION}");
            Finding::warning(Category::Client, text)
                .hint("kubectl imgauto completion kubectl --install")
        },
    );
    findings
}

/// Which program kubectl runs, and which it does not although they have the same name.
fn on_path(programs: &[Program]) -> Finding {
    let mut named = programs.iter().filter(|program| program.name == PROGRAM);
    let Some(first) = named.next() else {
        let text = format!("kubectl does not find {PROGRAM}: it is not on PATH");
        return Finding::warning(Category::Client, text).hint("kubectl plugin list");
    };
    let hidden: Vec<_> = named.filter(|program| program.file != first.file).collect();
    let text = format!("kubectl runs {}", first.path.display());
    if hidden.is_empty() {
        return Finding::good(Category::Client, text);
    }
    let text = format!("several programs are called {PROGRAM}; {text}");
    let mut finding = Finding::warning(Category::Client, text);
    for program in hidden {
        let path = program.path.display();
        finding = finding
            .at(format!("hidden: {path}"))
            .hint(format!("rm {path}"));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::report::Report;
    use crate::session::Markers;

    fn program(path: &str, file: &str) -> Program {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        Program {
            name: name.to_owned(),
            path: path.into(),
            file: file.into(),
        }
    }

    fn said(programs: &[Program]) -> String {
        Report::new(judge(programs)).table(Markers::Flux)
    }

    #[test]
    fn a_program_is_told_from_those_it_hides() {
        let programs = [
            program("/a/kubectl-imgauto", "/store/new"),
            program("/a/kubectl_complete-imgauto", "/store/new"),
            program("/b/kubectl-imgauto", "/store/old"),
            program("/c/kubectl-imgauto", "/store/new"),
        ];
        expect_test::expect![[r"
            client
            ------
            √ kubectl-imgauto v0.1.0
            ‼ several programs are called kubectl-imgauto; kubectl runs /a/kubectl-imgauto
                hidden: /b/kubectl-imgauto
                next: rm /b/kubectl-imgauto
            √ kubectl completes the commands of imgauto
        "]]
        .assert_eq(&said(&programs));
        let same = said(&[programs[0].clone(), programs[3].clone()]);
        assert!(
            same.contains("√ kubectl runs /a/kubectl-imgauto\n"),
            "{same}"
        );
    }

    #[test]
    fn what_takes_the_place_of_a_command_is_found() {
        let text = said(&[program("/a/kubectl-imgauto-get-all", "/a/x")]);
        let line = "‼ kubectl-imgauto-get-all takes the place of `kubectl imgauto get all`\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("‼ kubectl does not find kubectl-imgauto"),
            "{text}"
        );
        assert_eq!(stray("kubectl-imgauto-"), None);
        assert_eq!(stray("kubectl-imgautomatic"), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_what_can_run_counts() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("kubectl-imgauto", 0o755),
            ("kubectl-imgauto-get", 0o644),
            ("other", 0o755),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let found: Vec<_> = programs(folder.path())
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(found, ["kubectl-imgauto"]);
        assert!(programs(&folder.path().join("gone")).is_empty());
    }
}
