//! Tells what is wrong with a command line, in the words flux has for it.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use reconciler::chain::Chain;

use super::Reached;
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::flag_value::quoted;

/// What came of reading a command line that names nothing to do.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Help or the version was asked for.
    Help(String),
    /// The command line stops where a verb or a noun has to follow.
    Incomplete(String),
    /// The command line is wrong.
    Mistake(CliError),
}

impl Outcome {
    /// Returns how the program ends.
    pub(crate) fn status(&self) -> ExitStatus {
        match self {
            Self::Help(_) => ExitStatus::Done,
            Self::Incomplete(_) => ExitStatus::Usage,
            Self::Mistake(error) => error.status(),
        }
    }
}

/// Turns the parser's error into what the user sees.
///
/// `reached` is the command it is about, and `wants_color` says whether a stream gets colour, given whether it is a terminal.
pub(super) fn outcome(
    error: &clap::Error,
    reached: &Reached,
    wants_color: impl Fn(bool) -> bool,
    environment: &Environment,
) -> Outcome {
    let text = |terminal| {
        let styled = error.render();
        if wants_color(terminal) {
            styled.ansi().to_string()
        } else {
            styled.to_string()
        }
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Outcome::Help(text(environment.stdout_is_terminal))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Outcome::Incomplete(text(environment.stderr_is_terminal))
        }
        _ => Outcome::Mistake(mistake(error, reached)),
    }
}

fn mistake(error: &clap::Error, reached: &Reached) -> CliError {
    let mut mistake = CliError::usage(message(error, reached));
    for kind in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ] {
        let suggestions = context(error, kind);
        if !suggestions.is_empty() {
            mistake = mistake.at([format!("did you mean {}?", suggestions.join(" or "))]);
        }
    }
    mistake.next(format!("{} --help", reached.command))
}

fn message(error: &clap::Error, reached: &Reached) -> String {
    let argument = context(error, ContextKind::InvalidArg).join(" ");
    let flag = argument.split([' ', '=', '[']).next().unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue).join(" ");
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(flag),
        ErrorKind::InvalidSubcommand => {
            let word = context(error, ContextKind::InvalidSubcommand).join(" ");
            format!(
                "unknown command {} for {}",
                quoted(&word),
                quoted(&reached.command)
            )
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("flag needs an argument: {flag}"),
        ErrorKind::NoEquals => format!("flag needs an argument: {flag}"),
        ErrorKind::InvalidValue => {
            let possible = context(error, ContextKind::ValidValue).join(", ");
            format!(
                "invalid argument {}{}: must be one of {possible}",
                quoted(&value),
                of_flag(flag)
            )
        }
        ErrorKind::ValueValidation => {
            let cause = error.source().map(|cause| Chain(cause).to_string());
            let cause = cause.unwrap_or_else(|| "invalid value".to_owned());
            format!(
                "invalid argument {}{}: {cause}",
                quoted(&value),
                of_flag(flag)
            )
        }
        ErrorKind::MissingSubcommand => {
            let next = reached.next.join(", ");
            format!("{} has to be followed by one of {next}", reached.command)
        }
        ErrorKind::MissingRequiredArgument => format!("{argument} is required"),
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_owned(),
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    }
}

fn unknown(flag: &str) -> String {
    let mut shorthand = flag.strip_prefix('-').unwrap_or_default().chars();
    match shorthand.next() {
        None => format!("unexpected argument {}", quoted(flag)),
        Some('-') => format!("unknown flag: {flag}"),
        Some(letter) => format!("unknown shorthand flag: '{letter}' in {flag}"),
    }
}

/// Names the flag a value belongs to, with its shorthand, as flux does.
fn of_flag(flag: &str) -> String {
    if !flag.starts_with('-') {
        return String::new();
    }
    let shorthand = super::grammar()
        .get_arguments()
        .find(|known| known.get_long() == flag.strip_prefix("--"))
        .and_then(clap::Arg::get_short);
    let name = shorthand.map_or_else(|| flag.to_owned(), |letter| format!("-{letter}, {flag}"));
    format!(" for {} flag", quoted(&name))
}

fn context(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
