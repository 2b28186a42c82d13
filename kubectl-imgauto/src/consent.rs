//! Consent of the user before something is lost.

use std::io::Write as _;

use tokio::sync::oneshot;

use crate::error::CliError;
use crate::session::Session;

/// Whether the user has agreed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// With a flag.
    Given,
    /// Not yet: somebody has to be asked.
    Asked,
}

/// Returns once the user agrees to what `question` says, such as `delete this image policy`.
///
/// Where nobody can be asked, the consent has to be on the command line, as in `command`.
pub(crate) async fn obtain(
    consent: Consent,
    question: &str,
    command: &str,
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    if consent == Consent::Given {
        return Ok(());
    }
    if !session.environment.stdin_is_terminal {
        let message = format!("cannot ask whether to {question}: standard input is no terminal");
        return Err(CliError::usage(message).next(command));
    }
    // Nobody is left to be asked when standard error is gone; then nothing is typed either.
    let _ = write!(session.stderr, "Are you sure you want to {question} [y/N] ");
    let _ = session.stderr.flush();
    let answer = typed_line().await.unwrap_or_default();
    if is_yes(&answer) {
        Ok(())
    } else {
        Err(CliError::failure("aborting"))
    }
}

/// Waits for a line of standard input; `None` if there is none.
///
/// The thread is left to itself when the program is stopped: a read from a terminal cannot be cancelled.
async fn typed_line() -> Option<String> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        if std::io::stdin().read_line(&mut text).is_ok() {
            // Nobody listens any more if the program was stopped meanwhile.
            let _ = sender.send(text);
        }
    });
    line.await.ok()
}

/// Whether an answer is a yes; everything else is a no.
fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y\n", "Y\n", " yes \n"].into_iter().all(is_yes));
        assert!(
            !["", "\n", "n\n", "yep\n", "yesterday\n"]
                .into_iter()
                .any(is_yes)
        );
    }
}
