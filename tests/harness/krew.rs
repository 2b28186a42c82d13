//! The real krew, which installs kubectl's plugins.

mod index;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{clean, real};

pub use index::{Index, Release};

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

    /// Puts the real flux beside kubectl.
    pub fn add_flux(&self) {
        std::os::unix::fs::symlink(real("flux"), programs(self.home()).join("flux"))
            .expect("a home is writable");
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
        let folders = [programs(self.home()), self.root().join("bin")];
        self.command("kubectl", &folders)
    }

    /// `kubectl krew`.
    pub fn krew(&self) -> Command {
        let mut command = self.beside_the_machine("kubectl");
        command.arg("krew");
        command
    }

    /// A shell that runs a script, in which `kubectl` is the one with the plugins that are installed here.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.beside_the_machine("sh");
        command.args(["-c", script]);
        command
    }

    /// A program with all that is on the machine's `PATH`, such as git.
    fn beside_the_machine(&self, program: &str) -> Command {
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![programs(self.home()), self.root().join("bin")];
        folders.extend(std::env::split_paths(&machine));
        self.command(program, &folders)
    }

    fn command(&self, program: &str, path: &[PathBuf]) -> Command {
        let ours = programs(self.home()).join(program);
        let mut command = if ours.exists() {
            Command::new(ours)
        } else {
            Command::new(program)
        };
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
