//! The programs that tests run: the built plugin and reconciler, and real ones such as kubectl and the registry.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
    let mut command = Command::new(real("kubectl"));
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

/// Runs a command to its end on an input and returns its standard output.
///
/// # Panics
///
/// As [`run`].
pub fn run_with_input(command: &mut Command, input: &str) -> String {
    // A file takes any input at once, where a pipe would have to be written and read at the same time.
    let mut file = tempfile::tempfile().expect("the temporary folder is writable");
    file.write_all(input.as_bytes())
        .and_then(|()| file.rewind())
        .expect("the temporary folder is writable");
    run(command.stdin(file))
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

/// Returns the path of a real program, which is built if it is not there yet.
pub(crate) fn real(program: &'static str) -> PathBuf {
    static FOUND: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    // Held while it builds: whoever comes second waits. If a build fails, the map lacks that program and is as good as before.
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let path = found.entry(program).or_insert_with(|| {
        let mut build = Command::new(checkout().join("tests/control-plane/build"));
        let folder = run(build.arg(program).stderr(Stdio::inherit()));
        Path::new(folder.trim_end()).join(program)
    });
    path.clone()
}

/// A server process. It ends when this is dropped, and when the test is killed if it is one that ends with its input.
///
/// The write end of the pipe that is its standard input is held here, and the kernel closes it whatever happens to the
/// test. What does not read its input needs a [`Leash`].
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (reader, writer) = std::io::pipe().expect("there are free descriptors");
        let second = writer.try_clone().expect("there are free descriptors");
        command.stdin(Stdio::piped()).stdout(writer).stderr(second);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        // The command would keep the pipe open after the server's end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let lines = BufReader::new(reader).lines();
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
        self.find(find)
            .unwrap_or_else(|why| panic!("{why}\n{}", self.log().join("\n")))
    }

    /// As [`Self::wait_for`], but says why there is no such line if the server ends or takes a minute.
    pub(crate) fn find<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ended = self.ended();
            let log = self.log.lock().expect("no holder panics");
            if let Some(found) = log.iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            drop(log);
            if let Some(status) = ended {
                return Err(format!("the server ended: {status}"));
            }
            if Instant::now() > deadline {
                return Err("the server does not say what it should".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How the server ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server with SIGKILL, of which it learns nothing, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
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

/// Ends a process with SIGKILL when the test is killed; the process is left alone when this is dropped.
pub(crate) struct Leash {
    shell: Child,
}

impl Leash {
    pub(crate) fn new(process: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"read -r _; kill -9 "$0""#, &process.to_string()]);
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        Self {
            shell: shell.spawn().expect("there is a shell"),
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.shell.kill().ok();
        self.shell.wait().ok();
    }
}

/// Puts kubectl and the plugin into the home, as a user would, and returns a `PATH` that begins there.
///
/// The folder cargo builds into will not do: kubectl warns of everything in it that begins with its name.
fn path_with_programs(home: &Path) -> OsString {
    let folder = home.join(".local/bin");
    std::fs::create_dir_all(&folder).expect("a home is writable");
    let kubectl = real("kubectl");
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

/// Returns the path of the built plugin; `IMGAUTO_BIN` names another.
pub fn plugin() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| built("kubectl-imgauto", "IMGAUTO_BIN"));
    &BINARY
}

/// Returns the path of the built reconciler; `IMGAUTO_RECONCILER_BIN` names another.
pub fn reconciler() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| built("imgauto-reconciler", "IMGAUTO_RECONCILER_BIN"));
    &BINARY
}

/// Returns the path of the built webhook; `IMGAUTO_WEBHOOK_BIN` names another.
pub fn webhook() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| built("imgauto-webhook", "IMGAUTO_WEBHOOK_BIN"));
    &BINARY
}

/// Returns the program that a variable names, or else builds it.
fn built(binary: &str, variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => build(binary),
    }
}

fn build(binary: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(checkout()).args(["build", "--locked"]);
    // With the whole workspace selected, the dependencies have the features they have in the tests,
    // and none is compiled twice.
    build.args(["--workspace", "--bin", binary]);
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
    let built = output(build.stderr(Stdio::inherit()));
    assert!(built.status.success(), "cargo cannot build {binary}");
    let messages = String::from_utf8_lossy(&built.stdout);
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables =
        messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables
        .next_back()
        .expect("cargo names the program it built")
}
