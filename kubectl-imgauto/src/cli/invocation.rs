//! How the program was called, and what it is therefore called in what it says.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The name that help, errors and hints are written with.
const WRITTEN: &str = "kubectl imgauto";

/// What kubectl puts in front of the name of a program that completes a plugin's command lines.
const COMPLETES: &str = "kubectl_complete-";

/// How the program was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    program: PathBuf,
    name: String,
}

impl Default for Invocation {
    fn default() -> Self {
        Self::by(Path::new("kubectl-imgauto"))
    }
}

impl Invocation {
    /// Reads it from the arguments, the first of which is the program as it was called.
    pub(crate) fn of(args: &[OsString]) -> Self {
        let program = args.first().map(Path::new);
        program
            .filter(|program| program.file_name().is_some())
            .map_or_else(Self::default, Self::by)
    }

    fn by(program: &Path) -> Self {
        let file = file_name(program);
        Self {
            name: spoken(&file),
            program: program.to_owned(),
        }
    }

    /// The program as it was called: a path, or a name that was looked for on the `PATH`.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// What users type for it, such as `kubectl imgauto`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether kubectl called it to complete a command line of the plugin.
    pub(crate) fn completes(&self) -> bool {
        file_name(&self.program).starts_with(COMPLETES)
    }

    /// The file name under which kubectl looks for what completes this plugin; nothing if it is none of kubectl's.
    pub(crate) fn completer(&self) -> Option<String> {
        let file = self.program.file_name()?.to_str()?;
        let plugin = file.strip_prefix("kubectl-")?;
        Some(format!("{COMPLETES}{plugin}"))
    }

    /// Puts what users type into a text that was written for `kubectl imgauto`.
    pub(crate) fn told<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.name == WRITTEN {
            text.into()
        } else {
            text.replace(WRITTEN, &self.name).into()
        }
    }
}

/// The file name without what Windows adds to programs.
fn file_name(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".exe").unwrap_or(&name);
    plain.to_owned()
}

/// Turns the file name into what is typed: a dash parts words, and an underscore stands for a dash in one.
fn spoken(file: &str) -> String {
    let plugin = file.replacen(COMPLETES, "kubectl-", 1);
    if plugin.starts_with("kubectl-") || plugin.starts_with("flux-") {
        plugin.replace('-', " ").replace('_', "-")
    } else {
        plugin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_users_type() {
        let rows = [
            ("/root/.krew/bin/kubectl-imgauto", "kubectl imgauto"),
            ("kubectl-imgauto.exe", "kubectl imgauto"),
            ("kubectl_complete-imgauto", "kubectl imgauto"),
            ("/bin/kubectl-image_updates", "kubectl image-updates"),
            ("/home/ada/.fluxcd/plugins/flux-imgauto", "flux imgauto"),
            ("./imgauto", "imgauto"),
            ("", "kubectl imgauto"),
        ];
        for (program, want) in rows {
            let invocation = Invocation::of(&[program.into()]);
            assert_eq!(invocation.name(), want, "{program}");
        }
        assert_eq!(Invocation::of(&[]), Invocation::default());
    }

    #[test]
    fn kubectl_looks_for_one_name_beside_the_plugin() {
        let completer = |program: &str| Invocation::of(&[program.into()]).completer();
        assert_eq!(
            completer("/bin/kubectl-imgauto").as_deref(),
            Some("kubectl_complete-imgauto")
        );
        assert_eq!(completer("flux-imgauto"), None);
        assert_eq!(completer("imgauto"), None);
        assert!(Invocation::of(&["/bin/kubectl_complete-imgauto".into()]).completes());
        assert!(!Invocation::default().completes());
    }
}
