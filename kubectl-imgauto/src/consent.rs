//! Consent of the user before something is lost.

use tokio::sync::oneshot;

use crate::error::CliError;
use crate::session::Session;

/// Whether the user has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// By a flag.
    Given,
    /// The user is asked.
    Asked,
}

impl Consent {
    /// Refuses to ask where there is no terminal; `verb` is what asks, and `next` the command that needs not ask.
    pub(crate) fn checked(
        self,
        verb: &str,
        next: &str,
        session: &Session<'_>,
    ) -> Result<Self, CliError> {
        if self == Self::Given || session.environment.stdin_is_terminal {
            return Ok(self);
        }
        let message = format!("{verb} asks before it deletes, and there is no terminal to ask on");
        Err(CliError::usage(message).next(next))
    }
}

/// Asks on the terminal whether the user is sure to `deed`, such as `delete this image policy`; anything but a yes is a
/// no.
pub(crate) async fn ask(session: &mut Session<'_>, deed: &str) -> Result<(), CliError> {
    let question = format!("? Are you sure you want to {deed}? [y/N] ");
    // Nobody is left to be asked when standard error is gone, and then nothing is read either.
    let shown = session.stderr.write_all(question.as_bytes());
    let shown = shown.and_then(|()| session.stderr.flush());
    let (sender, receiver) = oneshot::channel();
    // Not a task: the runtime would wait for a line that may never come when the user presses Ctrl-C.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        // Nobody takes the answer when the user has stopped the program.
        let _ = sender.send(read.map(|_| line));
    });
    match (shown, receiver.await) {
        (Ok(()), Ok(Ok(line))) if is_yes(&line) => Ok(()),
        _ => Err(CliError::failure("aborting")),
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for line in ["y\n", "Y\r\n", " yes \n", "YES"] {
            assert!(is_yes(line), "{line:?}");
        }
        for line in ["", "\n", "n\n", "no\n", "yy\n", "yes please\n"] {
            assert!(!is_yes(line), "{line:?}");
        }
    }
}
