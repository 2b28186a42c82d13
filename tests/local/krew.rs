//! The real krew installs, upgrades and removes the plugin as released, without any network but loopback.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use harness::Krew;
use harness::krew::{Index, Release};
use harness::program::{output, run};
use tempfile::TempDir;

/// Made once: there is much to pack.
static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    let dist = Path::new(env!("CARGO_BIN_EXE_dist"));
    // Nothing drops what is made once, so it lies where cargo keeps what tests leave.
    Release::make(dist, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("dist"))
});

const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    let index = Index::of(&RELEASE);
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
    let newer = index.release_newer();
    krew(&home, &["upgrade", "imgauto"]);
    let target = std::fs::read_link(link(&home)).unwrap();
    assert!(
        target.ends_with(format!("imgauto/v{newer}/kubectl-imgauto")),
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
    let (central, own) = (Index::of(&RELEASE), Index::of(&RELEASE));
    let home = Krew::with_index(&central.address());
    krew(&home, &["update"]);
    krew(&home, &["index", "add", "imgauto", &own.address()]);
    krew(&home, &["install", "imgauto/imgauto"]);
    assert!(plugin_version(&home).contains(&format!("v{VERSION}")));
    assert!(krew(&home, &["list"]).contains("imgauto/imgauto"));
    krew(&home, &["uninstall", "imgauto"]);
    assert!(!link(&home).is_symlink());
}
