//! What a command works with: the global flags, the environment and the two output streams.

use std::borrow::Cow;
use std::io::Write;

use crate::cli::{ColorChoice, Globals};
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::namespace::{self, Choice, Decided};

/// One run of the program.
pub(crate) struct Session<'a> {
    /// The flags every command takes.
    pub(crate) globals: &'a Globals,
    /// Variables and terminals.
    pub(crate) environment: &'a Environment,
    /// Takes the result, and nothing else.
    pub(crate) stdout: &'a mut dyn Write,
    /// Takes everything people read besides the result.
    pub(crate) stderr: &'a mut dyn Write,
}

impl Session<'_> {
    /// Writes `text` to standard output.
    ///
    /// A reader that has gone away ends the program quietly.
    pub(crate) fn print(&mut self, text: &str) -> Result<ExitStatus, CliError> {
        self.stream(text).map(|_| ExitStatus::Done)
    }

    /// Writes a part of a result that goes on, such as a change that was watched for.
    pub(crate) fn stream(&mut self, text: &str) -> Result<Reader, CliError> {
        let written = self
            .stdout
            .write_all(text.as_bytes())
            .and_then(|()| self.stdout.flush());
        match written {
            Ok(()) => Ok(Reader::Listens),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(CliError::failure(format!(
                "cannot write to standard output: {error}"
            ))),
        }
    }

    /// Tells the user on standard error what is worth knowing although nothing failed.
    pub(crate) fn warn(&mut self, text: &str) {
        let marker = Markers::of(self.globals).warning();
        self.tell(&format!("{marker} {text}\n"));
    }

    /// Shows on a terminal what is being done; logs and pipes get results only.
    pub(crate) fn progress(&mut self, text: &str) {
        if self.environment.stderr_is_terminal {
            self.note(text);
        }
    }

    /// Tells the user on standard error what was decided without being said, unless asked to be quiet.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.globals.quiet {
            let marker = Markers::of(self.globals).doing();
            self.tell(&format!("{marker} {text}\n"));
        }
    }

    /// Tells the user on standard error what is done, unless asked to be quiet.
    pub(crate) fn done(&mut self, text: &str) {
        if !self.globals.quiet {
            let marker = Markers::of(self.globals).done();
            self.tell(&format!("{marker} {text}\n"));
        }
    }

    /// Tells the user on standard error what is waited for, unless asked to be quiet.
    pub(crate) fn waiting(&mut self, text: &str) {
        if !self.globals.quiet {
            let marker = Markers::of(self.globals).waiting();
            self.tell(&format!("{marker} {text}\n"));
        }
    }

    /// Tells the user on standard error what is being made, unless asked to be quiet.
    pub(crate) fn generating(&mut self, text: &str) {
        if !self.globals.quiet {
            let marker = Markers::of(self.globals).generating();
            self.tell(&format!("{marker} {text}\n"));
        }
    }

    /// Tells the user on standard error what failed, while the command goes on.
    pub(crate) fn fail(&mut self, text: &str) {
        let marker = Markers::of(self.globals).failed();
        self.tell(&format!("{marker} {text}\n"));
    }

    fn tell(&mut self, text: &str) {
        let text = &self.globals.invocation.told(text);
        // Nobody is left to be told when standard error is gone.
        let _ = self.stderr.write_all(printable(text).as_bytes());
    }

    /// Returns the namespace to look in, without a word about who decided it.
    pub(crate) fn namespace_to_look_in(&mut self) -> Result<String, CliError> {
        Ok(self.chosen_namespace()?.name)
    }

    fn chosen_namespace(&mut self) -> Result<Choice, CliError> {
        let choice = namespace::choose(self.globals, self.environment)?;
        for warning in &choice.warnings {
            self.warn(warning);
        }
        Ok(choice)
    }

    /// Returns the namespace to work in, and tells the user when the kubeconfig decided it.
    pub(crate) fn namespace(&mut self) -> Result<String, CliError> {
        let choice = self.chosen_namespace()?;
        if let Decided::ByContext { context } = &choice.decided {
            self.note(&format!(
                "namespace {}, from context {context} of the kubeconfig",
                choice.name
            ));
        }
        Ok(choice.name)
    }
}

/// Whether anybody still reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody does.
    Listens,
    /// Nobody does, and nothing more has to be said.
    Gone,
}

/// Replaces what would steer a terminal: names of files and words of servers are other people's.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if text.contains(steers) {
        text.replace(steers, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// The marks in front of messages, those of Flux or plain ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markers {
    /// The marks Flux prints.
    Flux,
    /// Letters and punctuation.
    Ascii,
}

impl Markers {
    /// Returns the marks the user asked for.
    pub(crate) fn of(globals: &Globals) -> Self {
        if globals.ascii {
            Self::Ascii
        } else {
            Self::Flux
        }
    }

    /// In front of what is being done.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::Flux => "►",
            Self::Ascii => ">",
        }
    }

    /// In front of what is being made.
    pub(crate) fn generating(self) -> &'static str {
        match self {
            Self::Flux => "✚",
            Self::Ascii => "*",
        }
    }

    /// In front of what is waited for.
    pub(crate) fn waiting(self) -> &'static str {
        match self {
            Self::Flux => "◎",
            Self::Ascii => "o",
        }
    }

    /// In front of what is done.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Flux => "✔",
            Self::Ascii => "+",
        }
    }

    /// In front of what failed.
    pub(crate) fn failed(self) -> &'static str {
        match self {
            Self::Flux => "✗",
            Self::Ascii => "x",
        }
    }

    /// In front of what should be looked at.
    pub(crate) fn warning(self) -> &'static str {
        match self {
            Self::Flux => "⚠️",
            Self::Ascii => "!",
        }
    }
}

/// Returns true if a stream gets colour: the flag decides, then the environment, then the terminal.
pub(crate) fn wants_color(choice: ColorChoice, environment: &Environment, terminal: bool) -> bool {
    let set = |name| environment.variable(name);
    let forced = |name| set(name).is_some_and(|value| value != "0");
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR").is_some() => false,
        ColorChoice::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
        ColorChoice::Auto => terminal && set("TERM").is_none_or(|term| term != "dumb"),
    }
}
