//! The programs that tests run: the built plugin, and the real kubectl and registry.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::checkout;

/// Returns the built plugin as a command with a clean environment.
///
/// `IMGAUTO_BIN` names a binary to take instead; without it, the plugin is built once for each test
/// program, in the profile of the tests and into the target folder that cargo uses.
pub fn imgauto(home: &Path) -> Command {
    let mut command = Command::new(plugin());
    clean(&mut command, home);
    command
}

/// Returns the real kubectl as a command with a clean environment; it holds kustomize.
///
/// The plugin is not on its `PATH`, see [`kubectl_imgauto`].
pub fn kubectl(home: &Path) -> Command {
    let mut command = Command::new(control_plane().join("kubectl"));
    clean(&mut command, home);
    command
}

/// Returns `kubectl imgauto`: the real kubectl that finds the plugin on its `PATH`.
pub fn kubectl_imgauto(home: &Path) -> Command {
    let mut command = kubectl(home);
    command.env("PATH", path_with_programs(home)).arg("imgauto");
    command
}

/// Returns a shell that runs a line, in which `kubectl` and `kubectl imgauto` are the built ones.
pub fn shell(home: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    clean(&mut command, home);
    command
        .env("PATH", path_with_programs(home))
        .args(["-c", line]);
    command
}

/// Gives a command nothing of the tester's environment but `PATH`, and `home` as its home.
pub fn clean(command: &mut Command, home: &Path) {
    command.env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    command.envs(crate::git::ENVIRONMENT).stdin(Stdio::null());
}

/// Runs a command to its end and returns its standard output.
///
/// # Panics
///
/// If it does not exist (the message names `make setup`) or does not end with 0 (the message holds its output).
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{errors}",
        output.status
    );
    text
}

/// Runs a command to its end, whatever that is.
///
/// # Panics
///
/// If the program does not exist; the message names `make setup`.
pub fn output(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| {
        panic!(
            "cannot run {:?}: {error}; `make setup` installs it",
            command.get_program()
        )
    })
}

/// Returns the folder of the Go programs, which are built if they are not there yet.
pub(crate) fn control_plane() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut build = Command::new(checkout().join("tests/control-plane/build"));
        PathBuf::from(run(build.stderr(Stdio::inherit())).trim_end())
    });
    &FOLDER
}

/// A server process. It ends when this is dropped, and when the test is killed.
///
/// The programs started this way read their standard input and end with it: the write end of that pipe is held here,
/// and the kernel closes it whatever happens to the test.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sink.lock().expect("no holder panics").push(line);
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    /// Waits until `find` finds what it looks for in a line of the log.
    pub(crate) fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let ended = self.child.try_wait().expect("the child is ours");
            if let Some(found) = self.log().iter().find_map(|line| find(line)) {
                return found;
            }
            let late = std::time::Instant::now() > deadline;
            assert!(
                ended.is_none() && !late,
                "no server ({ended:?}):\n{}",
                self.log().join("\n")
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("no holder panics").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}

/// Puts kubectl and the plugin into the home, as a user would, and returns a `PATH` that begins there.
///
/// The folder cargo builds into will not do: kubectl warns of everything in it that begins with its name.
fn path_with_programs(home: &Path) -> OsString {
    let folder = home.join(".local/bin");
    std::fs::create_dir_all(&folder).expect("a home is writable");
    let kubectl = control_plane().join("kubectl");
    for (name, program) in [("kubectl", &*kubectl), ("kubectl-imgauto", plugin())] {
        let link = folder.join(name);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(program, link).expect("a home is writable");
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).expect("the folders hold no colon")
}

fn plugin() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("IMGAUTO_BIN") {
        Some(path) => PathBuf::from(path),
        None => build_plugin(),
    });
    &BINARY
}

fn build_plugin() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(checkout()).args(["build", "--locked"]);
    // With the whole workspace selected, the dependencies have the features they have in the tests,
    // and none is compiled twice.
    build.args(["--workspace", "--bin=kubectl-imgauto"]);
    build.arg("--message-format=json-render-diagnostics");
    // What cargo tells a test of its package would pass for a changed environment of ring's build
    // script, and ring and all above it would be compiled again.
    let package =
        |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(package)) {
        build.env_remove(name);
    }
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let messages = run(build.stderr(Stdio::inherit()));
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables =
        messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables
        .next_back()
        .expect("cargo names the program it built")
}
