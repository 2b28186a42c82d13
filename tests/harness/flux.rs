//! The real flux CLI.

use std::path::Path;
use std::process::Command;

use crate::namespace::Namespace;
use crate::program::{clean, real};

/// Returns the real flux with a clean environment, for the cluster of a kubeconfig.
///
/// It can do all that needs no manifests of its own release, so not `install` and `bootstrap`.
pub fn flux(home: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(real("flux"));
    clean(&mut command, home);
    command.env("KUBECONFIG", kubeconfig);
    command
}

impl Namespace<'_> {
    /// The real flux, as an administrator who works here.
    pub fn flux(&self) -> Command {
        let mut command = flux(self.home(), self.kubeconfig());
        command.env("FLUX_SYSTEM_NAMESPACE", self.name());
        command
    }
}
