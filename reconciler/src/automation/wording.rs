//! What a failed run says: in the words of Flux where it has some, since people and alerts match on them.

use api::reason::Reason;
use engine::path::clamp;
use engine::template::TemplateError;

use crate::chain::Chain;
use crate::git::{GitError, TransportError, WriteError};
use crate::source::SourceError;
use crate::update::{OrderError, UpdateError};
use crate::writers::Failure;

/// Why an automation is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may pass.
    Passing(Reason, String),
    /// Nothing helps but a change of an object.
    Lasting(Reason, String),
}

impl Trouble {
    pub(super) fn manager(error: impl std::fmt::Display) -> Self {
        let text = format!("failed configuring source manager: {error}");
        Self::Passing(Reason::SourceManagerFailed, text)
    }

    pub(super) fn checkout(error: impl std::fmt::Display) -> Self {
        let text = format!("failed to checkout source: {error}");
        Self::Passing(Reason::GitOperationFailed, text)
    }

    fn source(error: impl std::fmt::Display) -> Self {
        let text = format!("failed to update source: {error}");
        Self::Passing(Reason::GitOperationFailed, text)
    }
}

/// How the ref to check out was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By the user: a branch, a tag, a range or a commit.
    ByUser,
    /// By the user, with its full name.
    InFull,
    /// Nobody did.
    ByDefault,
}

/// Says why a task was not done. Nothing is said of one that was stopped: it was not the automation's fault.
pub(super) fn trouble(failure: &Failure, named: Named) -> Option<Trouble> {
    if is_stopped(failure) {
        return None;
    }
    Some(match failure {
        Failure::Order(error) => order(error),
        Failure::Git(error) => git(error, named),
        Failure::Write(error) => match &**error {
            WriteError::Git(error) => git(error, named),
            WriteError::Build(never) => match *never {},
            WriteError::Refspec(error) => {
                Trouble::source(format_args!("failed to push to remote: {error}"))
            }
            // What hooks print besides is in the log.
            WriteError::Refused { text, .. } => {
                Trouble::source(format_args!("failed to push to remote: {text}"))
            }
            busy @ WriteError::Busy { .. } => Trouble::source(busy),
        },
        Failure::Refspec { source, .. } => {
            Trouble::source(format_args!("failed to push to remote: {source}"))
        }
        Failure::ExtraRefused { text, .. } => {
            Trouble::source(format_args!("failed to push to remote: {text}"))
        }
        Failure::Extra { source, .. } => Trouble::source(Chain(&**source)),
        Failure::Stopped => return None,
    })
}

/// Whether the failure is that the process ends.
fn is_stopped(failure: &Failure) -> bool {
    let error = match failure {
        Failure::Stopped => return true,
        Failure::Git(error) | Failure::Extra { source: error, .. } => error,
        Failure::Write(error) => match &**error {
            WriteError::Git(error) => error,
            _ => return false,
        },
        _ => return false,
    };
    matches!(error.transport(), Some(TransportError::Cancelled))
}

fn order(error: &OrderError) -> Trouble {
    match error {
        OrderError::Update(UpdateError::Source(SourceError::Missing { path })) => {
            let path = clamp(path);
            let text = format!(
                "failed to apply policies: walking path for files: lstat {path}: no such file or directory"
            );
            Trouble::Passing(Reason::UpdateFailed, text)
        }
        OrderError::Update(error) => {
            Trouble::Passing(Reason::UpdateFailed, Chain(error).to_string())
        }
        OrderError::Message(error) => match error {
            TemplateError::RemovedField { .. } => {
                Trouble::Lasting(Reason::RemovedTemplateField, error.to_string())
            }
            TemplateError::Parse { text, .. } => Trouble::source(format_args!(
                "unable to create commit message template from spec: {text}"
            )),
            TemplateError::Execute { text, .. } => {
                Trouble::source(format_args!("failed to run template from spec: {text}"))
            }
        },
        OrderError::Git(error) => Trouble::source(Chain(error)),
    }
}

fn git(error: &GitError, named: Named) -> Trouble {
    match error {
        GitError::MissingRef { address, .. } if named == Named::ByDefault => Trouble::checkout(
            format_args!("unable to clone '{address}': reference not found"),
        ),
        GitError::MissingRef { reference, .. } if named == Named::InFull => Trouble::checkout(
            format_args!("unable to resolve ref '{reference}' to a specific commit"),
        ),
        GitError::PushFailed(_)
        | GitError::ForcesCheckout(_)
        | GitError::PushOption(_)
        | GitError::Unpack(_)
        | GitError::BrokenChain(_) => Trouble::source(Chain(error)),
        GitError::Libgit2 { attempt, .. } if attempt.starts_with("push") => {
            Trouble::source(Chain(error))
        }
        other => Trouble::checkout(Chain(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::branch::Refspec;
    use engine::template::Template;

    use super::*;

    fn said(failure: &Failure) -> (Reason, String) {
        match trouble(failure, Named::ByUser) {
            Some(Trouble::Passing(reason, text) | Trouble::Lasting(reason, text)) => (reason, text),
            None => panic!("nothing is said"),
        }
    }

    fn clone_failed(source: TransportError) -> Failure {
        Failure::Git(Arc::new(GitError::Remote {
            address: "https://git/a.git".into(),
            source: Box::new(source),
        }))
    }

    #[test]
    fn git_errors_read_as_those_of_flux() {
        let none = || String::new();
        for (failure, text) in [
            (
                clone_failed(TransportError::AuthenticationRequired(none())),
                "failed to checkout source: unable to clone 'https://git/a.git': authentication required: ",
            ),
            (
                clone_failed(TransportError::RepositoryNotFound(none())),
                "failed to checkout source: unable to clone 'https://git/a.git': repository not found: ",
            ),
            (
                Failure::Git(Arc::new(GitError::MissingRef {
                    address: "https://git/a.git".into(),
                    reference: "refs/heads/x".into(),
                })),
                "failed to checkout source: unable to clone 'https://git/a.git': couldn't find remote ref \"refs/heads/x\"",
            ),
            (
                Failure::Write(Arc::new(WriteError::Refused {
                    text: "command error on refs/heads/main: pre-receive hook declined".into(),
                    messages: "frozen".into(),
                })),
                "failed to update source: failed to push to remote: command error on refs/heads/main: pre-receive hook declined",
            ),
            (
                Failure::Refspec {
                    branch: "main".into(),
                    source: Refspec::parse("nonsense").unwrap_err(),
                },
                "failed to update source: failed to push to remote: malformed refspec, separators are wrong",
            ),
        ] {
            assert_eq!(
                said(&failure),
                (Reason::GitOperationFailed, text.to_owned())
            );
        }
    }

    #[test]
    fn a_missing_ref_is_told_by_how_it_was_named() {
        let failure = Failure::Git(Arc::new(GitError::MissingRef {
            address: "https://git/a.git".into(),
            reference: "refs/heads/master".into(),
        }));
        for (named, text) in [
            (
                Named::ByUser,
                "unable to clone 'https://git/a.git': couldn't find remote ref \"refs/heads/master\"",
            ),
            (
                Named::ByDefault,
                "unable to clone 'https://git/a.git': reference not found",
            ),
            (
                Named::InFull,
                "unable to resolve ref 'refs/heads/master' to a specific commit",
            ),
        ] {
            assert_eq!(trouble(&failure, named), Some(Trouble::checkout(text)));
        }
    }

    #[test]
    fn a_missing_path_is_told_without_the_place_of_a_clone() {
        let missing = SourceError::Missing {
            path: "../../etc".into(),
        };
        let failure = Failure::Order(Arc::new(OrderError::Update(missing.into())));
        let text = "failed to apply policies: walking path for files: lstat etc: no such file or directory";
        assert_eq!(said(&failure), (Reason::UpdateFailed, text.to_owned()));
    }

    #[test]
    fn templates_that_use_what_is_gone_stall() {
        let parse = Template::parse("{{ .A").unwrap_err();
        let failure = Failure::Order(Arc::new(OrderError::Message(parse)));
        let (reason, text) = said(&failure);
        assert_eq!(reason, Reason::GitOperationFailed);
        assert!(
            text.starts_with(
                "failed to update source: unable to create commit message template from spec: template: commit message:1"
            ),
            "{text}"
        );
        let gone = TemplateError::RemovedField {
            field: engine::template::RemovedField::Updated,
            line: 1,
            column: 3,
        };
        let failure = Failure::Order(Arc::new(OrderError::Message(gone)));
        let trouble = trouble(&failure, Named::ByUser).unwrap();
        assert!(matches!(
            trouble,
            Trouble::Lasting(Reason::RemovedTemplateField, text)
                if text.starts_with("template uses removed '.Updated' field.")
        ));
    }

    #[test]
    fn what_was_stopped_is_nobodys_fault() {
        assert_eq!(trouble(&Failure::Stopped, Named::ByUser), None);
        let cancelled = clone_failed(TransportError::Cancelled);
        assert_eq!(trouble(&cancelled, Named::ByUser), None);
    }
}
