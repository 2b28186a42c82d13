//! The plugin as it is released, and the indexes of plugins that lead to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{plugin, run};
use crate::{FileServer, Forge, Repository};

/// What `make dist` makes, of the plugin that the tests built.
pub struct Release {
    /// The manifest, `imgauto.yaml`.
    pub manifest: PathBuf,
    /// The archive it names.
    pub archive: PathBuf,
}

impl Release {
    /// Has the program `dist` make it in a folder; that takes seconds.
    pub fn make(dist: &Path, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("the folder is writable");
        let program = folder.join("kubectl-imgauto");
        // Most of a debug build is for debuggers.
        run(Command::new("strip").arg("-o").arg(&program).arg(plugin()));
        let mut dist = Command::new(dist);
        let files = run(dist.arg("--fast").arg(folder).arg(program));
        let files: Vec<_> = files.lines().map(PathBuf::from).collect();
        let [archive, manifest] = files.as_slice() else {
            panic!("there is an archive and a manifest: {files:?}");
        };
        Self {
            archive: archive.clone(),
            manifest: manifest.clone(),
        }
    }
}

/// An index of plugins in Git, and the web server its manifests point to.
pub struct Index<'a> {
    release: &'a Release,
    server: FileServer,
    repository: Repository,
    _forge: Forge,
}

/// The version of the plugin.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A version that is newer than any other.
const NEWER: &str = "99.0.0";

impl<'a> Index<'a> {
    /// One that lists the plugin.
    pub fn of(release: &'a Release) -> Self {
        let name = release.archive.file_name().expect("an archive has a name");
        let name = name.to_string_lossy();
        let archive = std::fs::read(&release.archive).expect("it was made");
        let newer = name.replace(VERSION, NEWER);
        let files = BTreeMap::from([
            (format!("/releases/v{VERSION}/{name}"), archive.clone()),
            (format!("/releases/v{NEWER}/{newer}"), archive),
        ]);
        let forge = Forge::new();
        let index = Self {
            release,
            server: FileServer::start(files),
            repository: forge.create("krew-index"),
            _forge: forge,
        };
        index.list(VERSION);
        index
    }

    /// Lists a newer version of the plugin, and returns it.
    pub fn release_newer(&self) -> &'static str {
        self.list(NEWER);
        NEWER
    }

    fn list(&self, version: &str) {
        let manifest = std::fs::read_to_string(&self.release.manifest).expect("it was made");
        let here = format!("uri: {}", self.server.url());
        let manifest = manifest
            .replace(VERSION, version)
            .replace("uri: https://imgauto.dev", &here);
        let files = [("plugins/imgauto.yaml", manifest)];
        self.repository.commit("main", version, &files);
    }

    /// Its address, for git.
    pub fn address(&self) -> String {
        format!("file://{}", self.repository.path().display())
    }
}
