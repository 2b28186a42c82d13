//! The real krew, which installs kubectl's plugins.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{clean, real};

/// A home in which kubectl and krew are installed, and no other plugin.
pub struct Krew {
    home: TempDir,
    index: Option<String>,
}

impl Krew {
    /// A new home; krew's own index is none.
    pub fn new() -> Self {
        let home = TempDir::new().expect("the temporary folder is writable");
        let folder = programs(home.path());
        std::fs::create_dir_all(&folder).expect("a home is writable");
        for program in ["kubectl", "kubectl-krew"] {
            std::os::unix::fs::symlink(real(program), folder.join(program))
                .expect("a home is writable");
        }
        Self { home, index: None }
    }

    /// A new home, where krew takes the Git repository at an address for the index of all plugins.
    pub fn with_index(address: &str) -> Self {
        Self {
            index: Some(address.to_owned()),
            ..Self::new()
        }
    }

    /// The home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where krew keeps what it installs.
    pub fn root(&self) -> PathBuf {
        self.home().join(".krew")
    }

    /// kubectl with the plugins that are installed here; nothing of the machine is on its `PATH`.
    pub fn kubectl(&self) -> Command {
        self.command(&[programs(self.home()), self.root().join("bin")])
    }

    /// `kubectl krew`.
    pub fn krew(&self) -> Command {
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![programs(self.home()), self.root().join("bin")];
        // It runs git.
        folders.extend(std::env::split_paths(&machine));
        let mut command = self.command(&folders);
        command.arg("krew");
        command
    }

    fn command(&self, path: &[PathBuf]) -> Command {
        let mut command = Command::new(programs(self.home()).join("kubectl"));
        clean(&mut command, self.home());
        let path: OsString = std::env::join_paths(path).expect("the folders hold no colon");
        command
            .env("PATH", path)
            .env("KREW_ROOT", self.root())
            .env("KREW_NO_UPGRADE_CHECK", "1");
        command.envs(
            self.index
                .iter()
                .map(|index| ("KREW_DEFAULT_INDEX_URI", index)),
        );
        command
    }
}

impl Default for Krew {
    fn default() -> Self {
        Self::new()
    }
}

/// Where users put programs of their own.
fn programs(home: &Path) -> PathBuf {
    home.join(".local/bin")
}
