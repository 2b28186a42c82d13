//! The git program with a configuration of its own, and bare repositories for servers.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{clean, run};

/// What makes git the same on every machine: no configuration but this one, one person, one moment.
pub const ENVIRONMENT: [(&str, &str); 14] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "init.defaultBranch"),
    ("GIT_CONFIG_VALUE_0", "main"),
    ("GIT_CONFIG_KEY_1", "gc.auto"),
    ("GIT_CONFIG_VALUE_1", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_AUTHOR_NAME", "Ada"),
    ("GIT_AUTHOR_EMAIL", "ada@example.com"),
    ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "Ada"),
    ("GIT_COMMITTER_EMAIL", "ada@example.com"),
    ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
];

/// Runs git in a folder and returns what it printed, without the line end.
///
/// # Panics
///
/// If git fails; the message holds what it said.
pub fn git(folder: &Path, args: &[&str]) -> String {
    run(command(folder).args(args))
        .trim_end_matches('\n')
        .to_owned()
}

/// A folder of bare repositories, which any number of servers may serve.
pub struct Forge {
    root: TempDir,
}

/// One bare repository of a forge.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Forge {
    /// Makes an empty forge.
    pub fn new() -> Self {
        let root =
            TempDir::with_prefix("imgauto-forge-").expect("the temporary folder is writable");
        Self { root }
    }

    /// The folder of the repositories.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Makes an empty repository that takes pushes and push options, as forges do.
    pub fn create(&self, name: &str) -> Repository {
        let path = self.root().join(name);
        git(self.root(), &["init", "--quiet", "--bare", name]);
        for setting in [
            "http.receivepack",
            "receive.advertisePushOptions",
            "uploadpack.allowReachableSHA1InWant",
        ] {
            git(&path, &["config", setting, "true"]);
        }
        git(&path, &["config", "transfer.hideRefs", "refs/prepared"]);
        Repository { path }
    }
}

impl Default for Forge {
    fn default() -> Self {
        Self::new()
    }
}

impl Repository {
    /// The bare repository's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commits files (path and content) on top of a branch, which is made if it is not there; returns the commit's id.
    ///
    /// Files not named stay as they are. Takes tens of thousands of files at once.
    pub fn commit<P: AsRef<str>, C: AsRef<str>>(
        &self,
        branch: &str,
        message: &str,
        files: &[(P, C)],
    ) -> String {
        let id = self.prepare(branch, message, files);
        self.point(branch, &id);
        id
    }

    /// Makes the commit that [`Self::commit`] would make, but leaves the branch where it is.
    pub fn prepare<P: AsRef<str>, C: AsRef<str>>(
        &self,
        branch: &str,
        message: &str,
        files: &[(P, C)],
    ) -> String {
        let mut stream = Vec::new();
        write_commit(&mut stream, self.tip(branch).as_deref(), message, files);
        let mut import = command(&self.path);
        import
            .args(["fast-import", "--quiet", "--force"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = import
            .spawn()
            .expect("git runs: the repository was made by it");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // If git ends early, its status and words say more than the broken pipe.
        stdin.write_all(&stream).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("the child is ours");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        git(&self.path, &["rev-parse", "refs/prepared/next"])
    }

    /// Points a branch at a commit, wherever it pointed before.
    pub fn point(&self, branch: &str, id: &str) {
        git(
            &self.path,
            &["update-ref", &format!("refs/heads/{branch}"), id],
        );
    }

    /// The commit a branch points at, if there is such a branch.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let line = git(
            &self.path,
            &["for-each-ref", "--format=%(objectname)", &name],
        );
        Some(line).filter(|line| !line.is_empty())
    }

    /// The bytes of a file at a revision, as text.
    pub fn read(&self, revision: &str, path: &str) -> String {
        run(command(&self.path).args(["cat-file", "blob", &format!("{revision}:{path}")]))
    }

    /// The paths that differ between a commit and its first parent.
    pub fn changed(&self, revision: &str) -> Vec<String> {
        let listing = git(
            &self.path,
            &["diff", "--name-only", &format!("{revision}^"), revision],
        );
        listing.lines().map(str::to_owned).collect()
    }

    /// Installs a hook (`pre-receive`, `update`, …) from the text of a script.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.path.join("hooks").join(name);
        write_script(&path, script);
    }
}

/// Writes an executable file.
pub(crate) fn write_script(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, script).expect("the folder is writable");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("the file is ours");
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    clean(&mut command, folder);
    command.current_dir(folder);
    command
}

/// Appends a commit in the language of `git fast-import`.
fn write_commit<P: AsRef<str>, C: AsRef<str>>(
    stream: &mut Vec<u8>,
    parent: Option<&str>,
    message: &str,
    files: &[(P, C)],
) {
    let person = "Ada <ada@example.com> 1767225600 +0000";
    let mut line = |text: String| stream.extend_from_slice(text.as_bytes());
    line(format!(
        "commit refs/prepared/next\ncommitter {person}\ndata {}\n{message}\n",
        message.len()
    ));
    line(parent.map(|id| format!("from {id}\n")).unwrap_or_default());
    for (path, content) in files {
        let (path, content) = (path.as_ref(), content.as_ref());
        line(format!(
            "M 100644 inline {path}\ndata {}\n{content}\n",
            content.len()
        ));
    }
}
