//! `completion`: a script that completes commands and flags in a shell.

use clap::ValueEnum;
use clap_complete::Shell as ScriptFor;

use crate::cli;
use crate::error::{CliError, ExitStatus};
use crate::session::Session;

/// Flags of `completion`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  source <(kubectl-imgauto completion bash)\n  kubectl-imgauto completion zsh > \"${fpath[1]}/_kubectl-imgauto\"\n  kubectl-imgauto completion fish > ~/.config/fish/completions/kubectl-imgauto.fish"
)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// The shells scripts are written for.
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
}

/// Prints the script.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let shell = match args.shell {
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
