//! What a user can do after a run that failed as a whole.

use reconciler::git::{CheckoutError, GitError, SigningError, TransportError};
use reconciler::local::{AccessError, CommitError, RunError};
use reconciler::source::SourceError;
use reconciler::update::UpdateError;

/// Returns the next steps, the likeliest first; none where the error itself says it.
pub(super) fn after(error: &RunError) -> Vec<String> {
    match error {
        RunError::Source(source)
        | RunError::Update {
            source: UpdateError::Source(source),
            ..
        } => files(source),
        RunError::Message { .. } => steps(&[
            "correct the template",
            "kubectl imgauto run PATH --dry-run --commit-template='…' -o json tries another one",
        ]),
        RunError::Commit(error) => commits(error),
    }
}

fn files(error: &SourceError) -> Vec<String> {
    steps(match error {
        SourceError::Missing { .. } | SourceError::Linked { .. } => &[
            "correct spec.update.path; it is relative to the root of the checkout, which is the PATH of the command",
        ],
        SourceError::ChangedMeanwhile { .. } => {
            &["run it again; files that were not written yet are as they were"]
        }
        SourceError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            &["give the user who runs this access to the file and its folder"]
        }
        SourceError::Io { .. } | SourceError::Git { .. } => &[],
    })
}

fn commits(error: &CommitError) -> Vec<String> {
    match error {
        CommitError::Checkout(error) => checkout(error),
        CommitError::NotTheRoot { root, .. } => vec![format!(
            "kubectl imgauto run {root}, with update paths relative to it"
        )],
        CommitError::Plan { .. } => steps(&["set spec.git.push.branch, or name one with --branch"]),
        CommitError::Refspec { .. } => {
            steps(&["correct it, such as refs/heads/updates:refs/for/main"])
        }
        CommitError::Signing { source, .. } => signing(source),
        CommitError::Git(error) => git(error),
        CommitError::Remote(error) => git(error),
        CommitError::Access(AccessError::Settings(_)) => steps(&[LOGIN_SSH]),
        CommitError::Access(AccessError::Transport(error)) => transport(error),
    }
}

fn signing(error: &SigningError) -> Vec<String> {
    let first = match error {
        SigningError::NoSecret { .. } => "-f names the files with the Secret",
        _ => "correct the Secret",
    };
    steps(&[
        first,
        "without --commit and --push the files are edited in place; git commit -S signs them",
        "--no-sign commits without a signature",
    ])
}

fn checkout(error: &CheckoutError) -> Vec<String> {
    steps(match error {
        CheckoutError::NotACheckout(_) => &[
            "git clone the repository and name its root",
            "leave out --commit and --push; the files are then edited in place",
        ],
        CheckoutError::NoCommit => &["git add and git commit the files first"],
        CheckoutError::Detached => &["git switch BRANCH", "name a branch with --branch"],
        CheckoutError::NoUpstream(_) => &[
            "git remote add origin URL",
            "--commit without --push needs no remote",
        ],
        CheckoutError::Dirty(_) => &["git commit or git stash them, and run it again"],
        CheckoutError::IndexLocked(_) => &[
            "wait until it ends; if no Git program runs, a killed one left the file, and it can be removed",
        ],
        CheckoutError::BranchMoved(_) => &["run it again"],
        CheckoutError::Git(error) => return git(error),
        CheckoutError::NotAFile(_) | CheckoutError::BehindLink(_) | CheckoutError::Io { .. } => &[],
    })
}

const LOGIN_HTTP: &str = "credentials come from the Secret of the GitRepository in the files, the remote's URL, or git's credential helpers; try git ls-remote";
const LOGIN_SSH: &str = "keys come from the Secret of the GitRepository in the files, the SSH agent, or ~/.ssh, where known_hosts must list the host; try ssh -T";

fn git(error: &GitError) -> Vec<String> {
    match error {
        GitError::Remote { source, .. } | GitError::PushFailed(source) => transport(source),
        GitError::MissingRef { .. } => steps(&[
            "push the branch first, or correct spec.git.checkout.ref or the ref of the GitRepository",
        ]),
        GitError::EmptyRepository { .. } => steps(&["git push a first commit"]),
        GitError::Sign(_) => steps(&[
            "put a key that may sign into the Secret",
            "--no-sign commits without a signature",
        ]),
        _ => Vec::new(),
    }
}

fn transport(error: &TransportError) -> Vec<String> {
    steps(match error {
        TransportError::AuthenticationRequired(_) | TransportError::AuthorizationFailed(_) => {
            &[LOGIN_HTTP]
        }
        TransportError::HostUnknown { .. } | TransportError::KeyRefused { .. } => &[LOGIN_SSH],
        TransportError::HostChanged { .. } => &[
            "ask the host's owner whether its key was replaced, and only then correct known_hosts",
        ],
        TransportError::RepositoryNotFound(_)
        | TransportError::NotGit { .. }
        | TransportError::Connect { .. }
        | TransportError::Http(_) => &["git remote -v shows the URL; try git ls-remote"],
        TransportError::Timeout(_) => &["--timeout allows more time"],
        _ => &[],
    })
}

fn steps(steps: &[&str]) -> Vec<String> {
    steps.iter().map(|step| (*step).to_owned()).collect()
}
