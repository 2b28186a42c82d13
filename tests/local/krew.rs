//! The real krew installs, upgrades and removes the plugin as released, without any network but loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use harness::program::{output, plugin, run};
use harness::{FileServer, Forge, Krew, Repository};
use tempfile::TempDir;

/// What `make dist` makes, of the plugin that the tests built.
struct Release {
    manifest: PathBuf,
    archive: PathBuf,
}

/// Made once: there is much to pack.
static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    // Nothing drops what is made once, so it lies where cargo keeps what tests leave.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dist");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("kubectl-imgauto");
    // Most of a debug build is for debuggers.
    run(Command::new("strip").arg("-o").arg(&program).arg(plugin()));
    let mut dist = Command::new(env!("CARGO_BIN_EXE_dist"));
    let files = run(dist.arg("--fast").arg(&folder).arg(program));
    let files: Vec<_> = files.lines().map(PathBuf::from).collect();
    let [archive, manifest] = files.as_slice() else {
        panic!("there is an archive and a manifest: {files:?}");
    };
    Release {
        archive: archive.clone(),
        manifest: manifest.clone(),
    }
});

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An index of plugins in Git, and the web server its manifests point to.
struct Index {
    server: FileServer,
    repository: Repository,
    _forge: Forge,
}

impl Index {
    /// One that lists the plugin.
    fn new() -> Self {
        let name = RELEASE.archive.file_name().unwrap().to_str().unwrap();
        let archive = std::fs::read(&RELEASE.archive).unwrap();
        let later = name.replace(VERSION, "99.0.0");
        let files = BTreeMap::from([
            (format!("/releases/v{VERSION}/{name}"), archive.clone()),
            (format!("/releases/v99.0.0/{later}"), archive),
        ]);
        let forge = Forge::new();
        let index = Self {
            server: FileServer::start(files),
            repository: forge.create("index"),
            _forge: forge,
        };
        index.list(VERSION);
        index
    }

    /// Lists a version of the plugin.
    fn list(&self, version: &str) {
        let manifest = std::fs::read_to_string(&RELEASE.manifest).unwrap();
        let manifest = manifest.replace(VERSION, version);
        let manifest = manifest.replace(
            "uri: https://imgauto.dev",
            &format!("uri: {}", self.server.url()),
        );
        let files = [("plugins/imgauto.yaml", manifest)];
        self.repository.commit("main", version, &files);
    }

    fn address(&self) -> String {
        format!("file://{}", self.repository.path().display())
    }
}

/// Runs krew and returns all it says.
fn krew(krew: &Krew, arguments: &[&str]) -> String {
    let mut command = krew.krew();
    let output = output(command.args(arguments));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn plugin_version(krew: &Krew) -> String {
    run(krew.kubectl().args(["imgauto", "version", "--client"]))
}

/// Expects that kubectl finds the plugin and has nothing to warn of.
fn is_listed(krew: &Krew) {
    let listed = run(krew.kubectl().args(["plugin", "list", "--name-only"]));
    let names: Vec<_> = listed
        .lines()
        .filter(|line| line.starts_with("kubectl-"))
        .collect();
    assert_eq!(names, ["kubectl-krew", "kubectl-imgauto"], "{listed}");
}

fn link(krew: &Krew) -> PathBuf {
    krew.root().join("bin/kubectl-imgauto")
}

fn completes(krew: &Krew) -> String {
    run(krew.kubectl().args(["__complete", "imgauto", "vers"]))
}

#[test]
fn an_archive_is_installed_without_index_and_network() {
    let home = Krew::new();
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let manifest = flag("manifest", &RELEASE.manifest);
    let archive = flag("archive", &RELEASE.archive);
    let said = krew(&home, &["install", &manifest, &archive]);
    assert!(said.contains("Installed plugin: imgauto"), "{said}");
    // The one extra step is told.
    assert!(
        said.contains("kubectl imgauto completion kubectl --install"),
        "{said}"
    );

    let store = home
        .root()
        .join("store/imgauto")
        .join(format!("v{VERSION}"));
    assert_eq!(
        std::fs::canonicalize(link(&home)).unwrap(),
        store.join("kubectl-imgauto").canonicalize().unwrap()
    );
    for page in ["LICENSE", "README.md"] {
        let extracted = std::fs::read(store.join(page)).unwrap();
        assert_eq!(
            extracted,
            std::fs::read(harness::checkout().join(page)).unwrap()
        );
    }
    assert!(plugin_version(&home).contains(&format!("v{VERSION}")));
    is_listed(&home);
}

#[test]
fn an_archive_with_another_checksum_is_not_installed() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().join("changed.tar.gz");
    let mut bytes = std::fs::read(&RELEASE.archive).unwrap();
    bytes.push(0);
    std::fs::write(&archive, bytes).unwrap();
    let home = Krew::new();
    let refused = output(
        home.krew()
            .arg("install")
            .arg("--manifest")
            .arg(&RELEASE.manifest)
            .arg("--archive")
            .arg(&archive),
    );
    assert!(!refused.status.success());
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("checksum does not match"),
        "{refused:?}"
    );
    assert!(!link(&home).exists());
}

#[test]
fn from_the_index_it_is_found_installed_upgraded_and_removed() {
    let index = Index::new();
    let home = Krew::with_index(&index.address());
    krew(&home, &["update"]);
    let found = krew(&home, &["search", "imgauto"]);
    assert!(
        found.contains("Update image tags in Git and see them roll out"),
        "{found}"
    );
    krew(&home, &["install", "imgauto"]);
    is_listed(&home);
    assert!(krew(&home, &["list"]).contains("imgauto"));

    let said = output(
        home.kubectl()
            .args(["imgauto", "completion", "kubectl", "--install"]),
    );
    assert!(said.status.success(), "{said:?}");
    assert_eq!(completes(&home), "version\tPrint the version\n:4\n");
    is_listed(&home);

    // The link for completion leads to krew's own link, which the upgrade sets anew.
    index.list("99.0.0");
    krew(&home, &["upgrade", "imgauto"]);
    let target = std::fs::read_link(link(&home)).unwrap();
    assert!(
        target.ends_with("imgauto/v99.0.0/kubectl-imgauto"),
        "{}",
        target.display()
    );
    assert_eq!(completes(&home), "version\tPrint the version\n:4\n");

    krew(&home, &["uninstall", "imgauto"]);
    assert!(!link(&home).is_symlink());
    let gone = output(home.kubectl().args(["imgauto", "version", "--client"]));
    assert_eq!(gone.status.code(), Some(1));
}

#[test]
fn from_an_index_of_its_own_it_is_installed_beside_the_central_one() {
    let (central, own) = (Index::new(), Index::new());
    let home = Krew::with_index(&central.address());
    krew(&home, &["update"]);
    krew(&home, &["index", "add", "imgauto", &own.address()]);
    krew(&home, &["install", "imgauto/imgauto"]);
    assert!(plugin_version(&home).contains(&format!("v{VERSION}")));
    assert!(krew(&home, &["list"]).contains("imgauto/imgauto"));
    krew(&home, &["uninstall", "imgauto"]);
    assert!(!link(&home).is_symlink());
}
