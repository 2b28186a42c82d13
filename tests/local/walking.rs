//! Which files a run reads and writes, whatever lies in the folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::program::{imgauto, output, run};
use serde_json::Value;
use tempfile::TempDir;

const NEW: &str = "ghcr.io/org/app:2.0.0";

/// A folder that is no checkout, and a policy for it beside it.
pub(crate) struct Folder {
    root: TempDir,
}

/// A policy with a result.
pub(crate) fn policy(namespace: &str, name: &str, image: &str, tag: &str) -> String {
    format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: {name}, namespace: {namespace}, labels: {{name: {name}}}}}
spec: {{imageRepositoryRef: {{name: {name}}}, policy: {{semver: {{range: '*'}}}}}}
status: {{latestRef: {{name: {image}, tag: '{tag}'}}}}
"
    )
}

/// An automation with a `spec.update` and whatever else.
pub(crate) fn automation(name: &str, path: &str, more: &str) -> String {
    format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 1m
  sourceRef: {{kind: GitRepository, name: fleet}}
  update: {{path: '{path}', strategy: Setters}}
{more}"
    )
}

pub(crate) fn stale(setter: &str) -> String {
    format!("image: ghcr.io/org/app:1.0.0 # {{\"$imagepolicy\": \"{setter}\"}}\n")
}

impl Folder {
    pub(crate) fn new(objects: &str) -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("tree")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        fs::write(root.path().join("objects.yaml"), objects).unwrap();
        Self { root }
    }

    pub(crate) fn with_app() -> Self {
        Self::new(&policy("flux-system", "app", "ghcr.io/org/app", "2.0.0"))
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.path().join("tree").join(path)
    }

    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = imgauto(&self.root.path().join("home"));
        command.current_dir(self.root.path()).args(args);
        command
    }

    /// Runs offline with the objects beside the folder, must end with `code`; returns the report and what was told.
    pub(crate) fn run(&self, code: i32, args: &[&str]) -> (Value, String) {
        let all = [
            "run",
            "tree",
            "-f",
            "objects.yaml",
            "--offline",
            "-o",
            "json",
        ];
        let output = output(&mut self.command(&[&all[..], args].concat()));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (report, told)
    }

    fn is_updated(&self, path: impl AsRef<Path>) -> bool {
        fs::read_to_string(self.path(path)).unwrap().contains(NEW)
    }
}

pub(crate) fn problems(report: &Value) -> Vec<String> {
    let problems = report["problems"].as_array().unwrap();
    let line = |problem: &Value| {
        let file = problem["file"].as_str().unwrap_or("-");
        format!(
            "{file}:{}: {}",
            problem["line"],
            problem["reason"].as_str().unwrap()
        )
    };
    problems.iter().map(line).collect()
}

#[test]
fn row_092_and_093_and_099_and_100_names_that_are_read_and_names_that_are_not() {
    let folder = Folder::with_app();
    let read = [
        "f.yml",
        "Kustomization",
        ".f.yaml",
        ".github/w.yaml",
        "node_modules/a.yaml",
        "a..b.yaml",
        "..c.yaml",
        "a b.yaml",
        "-o.yaml",
        "é.yaml",
        "a\nb.yaml",
        "a\u{1b}[31m.yaml",
    ];
    let not = ["f.YAML", "f.json", "kustomization", "f.yaml.tpl", "f.yaml~"];
    for name in read.iter().chain(&not) {
        folder.write(name, stale("flux-system:app"));
    }
    let (report, told) = folder.run(0, &[]);
    for name in read {
        assert!(folder.is_updated(name), "{name}");
    }
    for name in not {
        assert!(!folder.is_updated(name), "{name}");
    }
    assert_eq!(problems(&report), [""; 0]);
    assert!(!told.contains('\u{1b}'), "{told:?}");
    let again = output(&mut folder.command(&["run", "tree", "-f", "objects.yaml", "--offline"]));
    assert!(again.stdout.is_empty());
}

#[test]
fn row_094_ignore_files_do_not_count() {
    let folder = Folder::with_app();
    for ignore in [".gitignore", ".sourceignore", ".krmignore"] {
        folder.write(ignore, "a/\n");
    }
    folder.write("a/b.yaml", stale("flux-system:app"));
    folder.run(0, &[]);
    assert!(folder.is_updated("a/b.yaml"));
}

#[test]
fn row_095_to_098_links() {
    let folder = Folder::with_app();
    folder.write("real/a.yaml", stale("flux-system:app"));
    folder.write("../outside.yaml", stale("flux-system:app"));
    symlink("real/a.yaml", folder.path("link.yaml")).unwrap();
    symlink("real", folder.path("linked")).unwrap();
    symlink("nowhere", folder.path("dangling.yaml")).unwrap();
    symlink("../outside.yaml", folder.path("out.yaml")).unwrap();
    symlink("loop.yaml", folder.path("loop.yaml")).unwrap();
    symlink("..", folder.path("real/up")).unwrap();
    let (report, _) = folder.run(0, &[]);
    assert!(folder.is_updated("real/a.yaml"));
    assert!(!folder.is_updated("../outside.yaml"));
    let changes = report["updates"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    let problems = problems(&report);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("out.yaml:null: is a symbolic link out"));
    assert!(
        fs::symlink_metadata(folder.path("link.yaml"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn what_is_no_file_is_passed_over_and_nothing_hangs() {
    let folder = Folder::with_app();
    folder.write("a.yaml", stale("flux-system:app"));
    fs::create_dir(folder.path("folder.yaml")).unwrap();
    run(Command::new("mkfifo").arg(folder.path("pipe.yaml")));
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket.yaml")).unwrap();
    let (report, _) = folder.run(0, &["--timeout=20s"]);
    assert!(folder.is_updated("a.yaml"));
    assert_eq!(problems(&report), [""; 0]);
    // Objects are looked for in the same folder, with the same care.
    folder.write(
        "objects.yaml",
        policy("flux-system", "app", "ghcr.io/org/app", "3.0.0"),
    );
    run(&mut folder.command(&["run", "tree", "--offline"]));
    assert!(folder.read("a.yaml").contains("app:3.0.0"));
}

#[test]
fn names_and_contents_that_are_not_utf_8_are_reported_and_kept() {
    let folder = Folder::with_app();
    folder.write("a.yaml", stale("flux-system:app"));
    let odd = OsStr::from_bytes(b"odd\xff.yaml");
    folder.write(odd, stale("flux-system:app"));
    let latin = [b"# caf\xe9\n", stale("flux-system:app").as_bytes()].concat();
    folder.write("latin.yaml", &latin);
    folder.write("image.png.yaml", b"\x89PNG\0\xff\xfe");
    let (report, _) = folder.run(0, &[]);
    assert!(folder.is_updated("a.yaml"));
    assert!(!folder.is_updated(odd));
    assert_eq!(fs::read(folder.path("latin.yaml")).unwrap(), latin);
    let problems = problems(&report);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("latin.yaml:"), "{problems:?}");
    assert!(
        problems[1].starts_with("odd\u{fffd}.yaml:null: has a name"),
        "{problems:?}"
    );
}

#[test]
fn row_101_to_103_update_paths() {
    let objects = |path: &str| {
        policy("flux-system", "app", "ghcr.io/org/app", "2.0.0") + &automation("one", path, "")
    };
    for (path, updated) in [
        ("apps/a.yaml", "a"),
        ("./apps", "ab"),
        ("/apps/", "ab"),
        ("apps/../apps/./b.yaml", "b"),
        ("", "ab"),
        (".", "ab"),
        ("../..", "ab"),
    ] {
        let folder = Folder::new(&objects(path));
        folder.write("apps/a.yaml", stale("flux-system:app"));
        folder.write("apps/b.yaml", stale("flux-system:app"));
        folder.run(0, &[]);
        for name in ["a", "b"] {
            let is = folder.is_updated(format!("apps/{name}.yaml"));
            assert_eq!(is, updated.contains(name), "{path}: {name}");
        }
    }
    for (path, words) in [
        ("missing", "update path 'missing' does not exist"),
        ("../../etc", "update path '../../etc' does not exist"),
        ("apps/a.yaml/b", "does not exist"),
        ("link", "leads through link, a symbolic link"),
    ] {
        let folder = Folder::new(&objects(path));
        folder.write("apps/a.yaml", stale("flux-system:app"));
        symlink("apps", folder.path("link")).unwrap();
        let (report, told) = folder.run(1, &[]);
        assert_eq!(report, Value::Null);
        assert!(told.contains(words), "{path}: {told}");
        assert!(told.contains("next: correct spec.update.path"), "{told}");
        assert_eq!(told.matches('✗').count(), 1, "{told}");
        assert!(!folder.is_updated("apps/a.yaml"));
    }
}

#[test]
fn a_submodule_and_a_clone_within_the_tree_belong_to_others() {
    let folder = Folder::with_app();
    folder.write("a.yaml", stale("flux-system:app"));
    folder.write("module/.git", "gitdir: ../.git/modules/module\n");
    folder.write("module/a.yaml", stale("flux-system:app"));
    folder.run(0, &[]);
    assert!(folder.is_updated("a.yaml"));
    assert!(!folder.is_updated("module/a.yaml"));
}

#[test]
fn runs_side_by_side_leave_whole_files_and_nothing_else() {
    let folder = Folder::with_app();
    let content = stale("flux-system:app").repeat(200);
    for number in 0..40 {
        folder.write(format!("{}/{number}.yaml", number % 3), &content);
    }
    let start = || {
        let mut command = folder.command(&["run", "tree", "-f", "objects.yaml", "--offline", "-q"]);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..4).map(|_| start()).collect();
    for mut child in running {
        // A run that is overtaken says so, and ends with 1.
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
    }
    folder.run(0, &[]);
    let wanted = content.replace("ghcr.io/org/app:1.0.0", NEW);
    for number in 0..40 {
        assert_eq!(folder.read(format!("{}/{number}.yaml", number % 3)), wanted);
    }
    let left = run(Command::new("find")
        .arg(folder.path(""))
        .args(["-type", "f"]));
    assert_eq!(left.lines().count(), 40, "{left}");
}

#[test]
fn a_file_that_cannot_be_replaced_is_named_and_those_after_it_stay_old() {
    let folder = Folder::with_app();
    for name in ["a/1.yaml", "b/2.yaml", "c/3.yaml"] {
        folder.write(name, stale("flux-system:app"));
    }
    // Even root cannot write where a folder is in the way.
    fs::create_dir(folder.path("b/.imgauto.prepared")).unwrap();
    let (_, told) = folder.run(1, &[]);
    assert!(told.contains("cannot write b/2.yaml"), "{told}");
    let updated = ["a/1.yaml", "b/2.yaml", "c/3.yaml"].map(|name| folder.is_updated(name));
    assert_eq!(updated, [true, false, false]);
    fs::remove_dir(folder.path("b/.imgauto.prepared")).unwrap();
    folder.run(0, &[]);
    assert!(folder.is_updated("c/3.yaml"));
}
