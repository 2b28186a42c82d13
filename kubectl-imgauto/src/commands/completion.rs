//! `completion`: what completes commands, flags and names in a shell, directly or through kubectl.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap_complete::Shell as ScriptFor;

use crate::cli;
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::session::Session;

/// Flags of `completion`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto completion kubectl --install
  source <(kubectl-imgauto completion bash)
  kubectl-imgauto completion zsh > \"${fpath[1]}/_kubectl-imgauto\"
  kubectl-imgauto completion fish > ~/.config/fish/completions/kubectl-imgauto.fish

kubectl completes the plugin with a program called kubectl_complete-imgauto on the PATH. --install makes it, as a
link to this program beside it; the script does the same from wherever it is put.")]
pub(crate) struct Args {
    /// The shell, or kubectl, which completes the plugin in all shells that it completes itself in
    shell: Shell,
    /// Install it for kubectl instead of printing it
    #[arg(long)]
    install: bool,
}

/// What is completed in.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// kubectl's own completion, in any shell
    Kubectl,
}

/// Prints the script, or makes the link.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let shell = match args.shell {
        Shell::Kubectl if args.install => return install(session),
        _ if args.install => return Err(for_kubectl_only()),
        Shell::Kubectl => {
            let name = session.globals.invocation.name();
            let script = format!("#!/bin/sh\nexec {name} __complete \"$@\"\n");
            return session.print(&script);
        }
        Shell::Bash => ScriptFor::Bash,
        Shell::Zsh => ScriptFor::Zsh,
        Shell::Fish => ScriptFor::Fish,
        Shell::Powershell => ScriptFor::PowerShell,
    };
    let mut script = Vec::new();
    let mut grammar = cli::grammar();
    clap_complete::generate(shell, &mut grammar, "kubectl-imgauto", &mut script);
    session.print(&String::from_utf8_lossy(&script))
}

fn for_kubectl_only() -> CliError {
    CliError::usage("--install works for kubectl only: a shell is told in its own files")
        .next("kubectl imgauto completion --help shows where the script goes")
}

/// Makes the link beside the plugin, where kubectl finds both.
///
/// It points to the name by which the plugin was called: in krew's folder that is itself a link, which an upgrade sets anew.
fn install(session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let invocation = &session.globals.invocation;
    let Some(completer) = invocation.completer() else {
        let name = invocation.name();
        let error = format!("kubectl does not look for plugins called {name}");
        return Err(CliError::failure(error)
            .next("call the program kubectl-imgauto, and kubectl finds it as imgauto"));
    };
    let plugin = found(invocation.program(), session.environment)?;
    let link = plugin.with_file_name(completer);
    let target = PathBuf::from(plugin.file_name().unwrap_or_default());
    let name = link.display().to_string();
    match std::fs::read_link(&link) {
        Ok(old) if old == target => {
            session.done(&format!("{name} is there already"));
            return Ok(ExitStatus::Done);
        }
        Ok(_) => std::fs::remove_file(&link).map_err(|error| unwritable(&name, &error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => {
            let error = CliError::failure(format!("{name} is there, and no link"));
            return Err(error.next(format!("rm {name}")));
        }
    }
    make_link(&target, &link).map_err(|error| unwritable(&name, &error))?;
    session.done(&format!("kubectl completes the plugin through {name}"));
    Ok(ExitStatus::Done)
}

fn unwritable(link: &str, error: &std::io::Error) -> CliError {
    CliError::failure(format!("cannot write {link}: {error}"))
        .next("kubectl imgauto completion kubectl prints a script that does the same in another folder of the PATH")
}

/// The path of the program: what the shell or kubectl called, looked for on the `PATH` if it is only a name.
fn found(program: &Path, environment: &Environment) -> Result<PathBuf, CliError> {
    if program.components().count() > 1 {
        let whole = std::path::absolute(program);
        return whole.map_err(|error| {
            CliError::failure(format!("cannot find {}: {error}", program.display()))
        });
    }
    let path = environment.variable("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(path).map(|folder| folder.join(program));
    places.find(|place| place.is_file()).ok_or_else(|| {
        CliError::failure(format!("{} is on no folder of the PATH", program.display()))
            .next("call it with its path")
    })
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn make_link(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}
