//! The command line: verbs, the flags all of them take, and how its mistakes are told.
//!
//! A verb is a file in `commands/` with a `struct Args` and a `fn run(args, session)`; it joins here
//! with one variant of [`Verb`] and one arm of [`Verb::run`].

mod connection;
mod invocation;
mod mistake;

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{
    ArgAction, Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use engine::duration::GoDuration;

use crate::commands::{
    check, completion, create, delete, diff, events, export, get, install, logs, reconcile, resume,
    run, status, suspend, tags, uninstall, verify, version, why,
};
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::session::{Markers, Session, wants_color};

pub(crate) use connection::{Compression, Connection, Verification};
pub(crate) use invocation::Invocation;
pub(crate) use mistake::Outcome;

/// Image updates through Git, from the shell.
///
/// Creates the resources, shows what is wanted, committed and running, and says why it differs.
/// `create --export`, `run`, `diff` and `tags` work on files and need no cluster. Lines written
/// for flux work unchanged: an `image` after the verb is accepted, and every flag keeps its name,
/// default and meaning.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-imgauto",
    bin_name = "kubectl imgauto",
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// The flags every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create or change a resource, or write its manifest
    Create(Box<create::Args>),
    /// Run the whole automation on a checkout: scan, choose, edit, and if asked for commit and push
    Run(run::Args),
    /// Show what a run would change, and write nothing
    Diff(diff::Args),
    /// List tags, which one wins, and why the others do not
    Tags(tags::Args),
    /// Show what is wanted, committed and running, for each container
    Status(status::Args),
    /// Tell whether what runs is what is wanted, as a gate
    Verify(verify::Args),
    /// Name the first broken link between what is wanted and what runs, and the command that mends it
    #[command(alias = "explain")]
    Why(why::Args),
    /// Print resources and how they are
    Get(get::Args),
    /// Print the events of resources
    Events(events::Args),
    /// Print what the controllers log about resources
    Logs(logs::Args),
    /// Have objects looked at now, and report what came of it
    Reconcile(reconcile::Args),
    /// Stop the work on objects
    Suspend(suspend::Args),
    /// Start the work on suspended objects again
    Resume(resume::Args),
    /// Take objects out of the cluster
    Delete(delete::Args),
    /// Print objects of the cluster as manifests
    Export(export::Args),
    /// Install imgauto in a cluster
    Install(install::Args),
    /// Remove imgauto from a cluster
    Uninstall(uninstall::Args),
    /// Check that everything is there that imgauto needs
    Check(check::Args),
    /// Print the version
    Version(version::Args),
    /// Print a completion script for a shell
    Completion(completion::Args),
}

impl Verb {
    /// Does it.
    pub(crate) fn run(self, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
        match self {
            Self::Create(args) => create::run(*args, session),
            Self::Run(args) => run::run(&args, session),
            Self::Diff(args) => diff::run(&args, session),
            Self::Tags(args) => tags::run(&args, session),
            Self::Status(args) => status::run(&args, session),
            Self::Verify(args) => verify::run(&args, session),
            Self::Why(args) => why::run(&args, session),
            Self::Get(args) => get::run(&args, session),
            Self::Events(args) => events::run(&args, session),
            Self::Logs(args) => logs::run(&args, session),
            Self::Reconcile(args) => reconcile::run(&args, session),
            Self::Suspend(args) => suspend::run(&args, session),
            Self::Resume(args) => resume::run(&args, session),
            Self::Delete(args) => delete::run(&args, session),
            Self::Export(args) => export::run(&args, session),
            Self::Install(args) => install::run(&args, session),
            Self::Uninstall(args) => uninstall::run(&args, session),
            Self::Check(args) => check::run(&args, session),
            Self::Version(args) => version::run(&args, session),
            Self::Completion(args) => completion::run(&args, session),
        }
    }
}

/// The flags every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Globals {
    /// Namespace to work in
    ///
    /// Without it: $IMGAUTO_NAMESPACE, then $FLUX_SYSTEM_NAMESPACE, then the one the kubeconfig sets
    /// for the context, then flux-system.
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Use no colour, like --color=never
    #[arg(long, global = true)]
    no_color: bool,
    /// Use no character beyond ASCII in messages
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Say nothing about progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Time an operation may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "5m0s", value_parser = flag_value::duration)]
    pub(crate) timeout: GoDuration,
    /// The flags that say which cluster is meant.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How the program was called.
    #[arg(skip)]
    pub(crate) invocation: Invocation,
}

impl Globals {
    /// When to use colour, as the flags have it.
    pub(crate) fn color_choice(&self) -> ColorChoice {
        if self.no_color {
            ColorChoice::Never
        } else {
            self.color
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Returns the command line's grammar, with flags that read their values as flux's do.
pub(crate) fn grammar() -> clap::Command {
    read_flags_as_flux(Cli::command().args_override_self(true))
}

/// Lets a flag take whatever follows it as its value, and a switch take `=true` and `=false`.
fn read_flags_as_flux(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|flag| match flag.get_action() {
        ArgAction::SetTrue => flag
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_parser(ValueParser::new(flag_value::switch))
            .value_name("BOOL")
            .default_missing_value("true")
            .default_value("false")
            .hide_default_value(true),
        ArgAction::Set | ArgAction::Append if !flag.is_positional() => {
            flag.allow_hyphen_values(true)
        }
        _ => flag,
    });
    command.mut_subcommands(read_flags_as_flux)
}

/// Reads the arguments; the first of them is the program's own name.
///
/// Help, which is no error, comes back as [`Outcome::Help`].
pub(crate) fn parse(args: Vec<OsString>, environment: &Environment) -> Result<Cli, Outcome> {
    let color = early_color(&args);
    let reached = Reached::in_args(&args);
    let invocation = Invocation::of(&args);
    let matches = grammar().try_get_matches_from(args);
    matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map(|mut cli| {
            cli.globals.invocation = invocation;
            cli
        })
        .map_err(|error| {
            let wants_color = |terminal| wants_color(color, environment, terminal);
            mistake::outcome(&error, &reached, wants_color, environment)
        })
}

/// Reads flags that every command takes, of a command line that is not whole yet; nothing if one of them is wrong.
pub(crate) fn globals(flags: impl Iterator<Item = String>) -> Option<Globals> {
    let command = clap::Command::new("globals")
        .no_binary_name(true)
        .args_override_self(true);
    let command = read_flags_as_flux(Globals::augment_args(command));
    let matches = command.try_get_matches_from(flags).ok()?;
    Globals::from_arg_matches(&matches).ok()
}

/// The command that arguments lead to, as far as they can be understood.
struct Reached {
    /// The command, such as `kubectl imgauto create`.
    command: String,
    /// The words that may follow.
    next: Vec<String>,
}

impl Reached {
    fn in_args(args: &[OsString]) -> Self {
        let grammar = grammar();
        let mut reached = String::from("kubectl imgauto");
        let mut command = &grammar;
        for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
            if let Some(found) = command.find_subcommand(arg) {
                reached = format!("{reached} {}", found.get_name());
                command = found;
            }
        }
        let shown = command.get_subcommands().filter(|next| !next.is_hide_set());
        Self {
            command: reached,
            next: shown.map(|next| next.get_name().to_owned()).collect(),
        }
    }
}

/// Finds the colour flags in arguments that are not understood yet.
fn early_color(args: &[OsString]) -> ColorChoice {
    let find = |flags: &[&str]| args.iter().any(|arg| flags.iter().any(|flag| arg == flag));
    if find(&["--no-color", "--color=never"]) {
        ColorChoice::Never
    } else if find(&["--color=always"]) {
        ColorChoice::Always
    } else {
        ColorChoice::Auto
    }
}

/// Finds the marks to use in arguments that are not understood yet.
pub(crate) fn early_markers(args: &[OsString]) -> Markers {
    if args
        .iter()
        .any(|arg| arg == "--ascii" || arg == "--ascii=true")
    {
        Markers::Ascii
    } else {
        Markers::Flux
    }
}
