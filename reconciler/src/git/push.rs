//! Pushing commits, and understanding what the server made of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use git2::{Direction, Oid, PushOptions, RemoteCallbacks};

use super::error::clean;
use super::fetch::{Listing, Phase, connect, finish};
use super::remote::Remote;
use super::repository::{GitError, Repository};
use super::transport::{Call, with_remote};

/// How much of the server's messages is kept, in bytes.
const MAX_MESSAGES: usize = 16 * 1024;

/// One ref to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The commit it shall lead to.
    pub commit: Oid,
    /// Its full name on the remote.
    pub reference: String,
    /// What it must be before.
    pub expect: Expect,
}

/// What a ref must be on the remote for an update to go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Exactly this commit, and the new one must descend from it.
    ForwardFrom(Oid),
    /// Absent.
    New,
    /// Exactly this object, which is replaced.
    Lease(Oid),
}

impl Expect {
    fn id(self) -> Option<Oid> {
        match self {
            Self::ForwardFrom(id) | Self::Lease(id) => Some(id),
            Self::New => None,
        }
    }
}

/// What is sent beside the commits.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// Sent as `key=value` in the order of the keys, if the server takes push options.
    pub options: BTreeMap<String, String>,
    /// The full name of the branch checked out, which is never forced.
    pub checkout_branch: Option<String>,
}

/// What became of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It leads to the commit now.
    Pushed,
    /// It did already.
    UpToDate,
    /// It was not what was expected: somebody else was faster.
    Moved {
        /// What the server said, if it was the server that noticed.
        text: String,
    },
    /// The server does not want this.
    Refused {
        /// Its reason, in Flux's words.
        text: String,
    },
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// One outcome for each update, in their order.
    pub outcomes: Vec<Outcome>,
    /// What hooks and the server itself printed.
    pub messages: String,
    /// Whether options were given and the server does not take any.
    pub options_ignored: bool,
}

impl Repository {
    /// Pushes all updates over one connection.
    ///
    /// An update whose ref is not as expected is left out; the others go ahead.
    ///
    /// # Errors
    ///
    /// When the remote cannot be reached, or something is asked for that is never done. A refused ref is no error here.
    pub fn push(
        &self,
        remote: &Remote,
        updates: &[Update],
        push: &Push,
    ) -> Result<Pushed, GitError> {
        for update in updates {
            if matches!(update.expect, Expect::Lease(_))
                && push.checkout_branch.as_deref() == Some(update.reference.as_str())
            {
                return Err(GitError::ForcesCheckout(update.reference.clone()));
            }
        }
        let mut options = Vec::new();
        for (key, value) in &push.options {
            if [key, value].iter().any(|text| text.contains(['\n', '\0'])) {
                return Err(GitError::PushOption(key.clone()));
            }
            options.push(format!("{key}={value}"));
        }
        let done = with_remote(&self.inner, remote, |handle, call| {
            self.push_over(handle, call, updates, &options)
        });
        let pushed = finish(remote, Phase::Push, done)??;
        for (update, outcome) in updates.iter().zip(&pushed.outcomes) {
            if matches!(outcome, Outcome::Pushed | Outcome::UpToDate) {
                self.set_ref(&self.tracking_ref(&update.reference), update.commit)?;
            }
        }
        Ok(pushed)
    }

    fn push_over(
        &self,
        handle: &mut git2::Remote<'_>,
        call: &Arc<Call>,
        updates: &[Update],
        options: &[String],
    ) -> Result<Result<Pushed, GitError>, git2::Error> {
        let mut connection = connect(handle, call, Direction::Push)?;
        let listing = Listing::read(call, &connection)?;
        let takes_options = call.server_can("push-options");
        let mut outcomes: Vec<Option<Outcome>> = updates
            .iter()
            .map(|update| self.settled(update, &listing))
            .collect();
        let refspecs: Vec<String> = updates
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_none())
            .map(|(update, _)| refspec(update))
            .collect();
        let answers = Answers::default();
        if !refspecs.is_empty() {
            let sent: Vec<&str> = match takes_options {
                true => options.iter().map(String::as_str).collect(),
                false => Vec::new(),
            };
            let mut push_options = PushOptions::new();
            push_options
                .remote_callbacks(answers.callbacks(call))
                // As many threads as there are cores.
                .packbuilder_parallelism(0)
                .remote_push_options(&sent);
            let done = connection.remote().push(&refspecs, Some(&mut push_options));
            drop(push_options);
            match done {
                Err(error) if error.message().contains("unpacking the sent packfile") => {
                    return Ok(Err(GitError::Unpack(answers.messages())));
                }
                other => other?,
            }
        }
        for (update, outcome) in updates.iter().zip(&mut outcomes) {
            outcome.get_or_insert_with(|| answers.outcome(update));
        }
        Ok(Ok(Pushed {
            outcomes: outcomes.into_iter().flatten().collect(),
            messages: answers.messages(),
            options_ignored: !takes_options && !options.is_empty(),
        }))
    }

    /// Decides what can be decided before anything is sent.
    fn settled(&self, update: &Update, listing: &Listing) -> Option<Outcome> {
        let current = listing.id(&update.reference);
        if current == Some(update.commit) {
            return Some(Outcome::UpToDate);
        }
        if current != update.expect.id() {
            return Some(Outcome::Moved {
                text: String::new(),
            });
        }
        let Expect::ForwardFrom(from) = update.expect else {
            return None;
        };
        let forward = self.inner.graph_descendant_of(update.commit, from);
        (!forward.unwrap_or(false)).then(|| Outcome::Refused {
            text: format!("non-fast-forward update: {}", update.reference),
        })
    }
}

fn refspec(update: &Update) -> String {
    let force = match update.expect {
        Expect::Lease(_) => "+",
        Expect::ForwardFrom(_) | Expect::New => "",
    };
    format!("{force}{}:{}", update.commit, update.reference)
}

/// What the server says during a push.
#[derive(Default)]
struct Answers {
    statuses: RefCell<BTreeMap<String, Option<String>>>,
    sideband: RefCell<Vec<u8>>,
}

impl Answers {
    fn callbacks<'a>(&'a self, call: &'a Call) -> RemoteCallbacks<'a> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.push_update_reference(|reference, status| {
            let status = status.map(str::to_owned);
            self.statuses
                .borrow_mut()
                .insert(reference.to_owned(), status);
            Ok(())
        });
        callbacks.sideband_progress(|bytes| {
            let mut kept = self.sideband.borrow_mut();
            let room = MAX_MESSAGES.saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            call.may_continue()
        });
        callbacks
    }

    fn messages(&self) -> String {
        clean(&String::from_utf8_lossy(&self.sideband.borrow()))
    }

    fn outcome(&self, update: &Update) -> Outcome {
        match self.statuses.borrow().get(&update.reference) {
            Some(None) => Outcome::Pushed,
            Some(Some(text)) if is_race(text, update.expect) => {
                Outcome::Moved { text: clean(text) }
            }
            Some(Some(text)) => Outcome::Refused {
                text: format!("command error on {}: {}", update.reference, clean(text)),
            },
            None => Outcome::Refused {
                text: format!(
                    "command error on {}: the server did not say what became of it",
                    update.reference
                ),
            },
        }
    }
}

/// Returns whether a status means that the ref moved between the server's listing and its update.
fn is_race(text: &str, expect: Expect) -> bool {
    const RACES: [&str; 7] = [
        "failed to update ref",
        "cannot lock ref",
        "failed to lock",
        "fetch first",
        "stale info",
        "incorrect old value",
        "reference already exists",
    ];
    let text = text.to_ascii_lowercase();
    let forward = !matches!(expect, Expect::Lease(_));
    RACES.iter().any(|race| text.contains(race)) || (forward && text.contains("non-fast-forward"))
}
