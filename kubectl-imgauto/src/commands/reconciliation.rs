//! Asking for a reconcile, and waiting for the end of one.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use api::GitRepository;
use api::reason::Reason;
use engine::duration::GoDuration;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::objects::Objects;
use crate::cli::Globals;
use crate::error::CliError;
use crate::image_kind::{self, ImageKind, Progress};

/// The first pause between two looks at an object; each is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The end of all waiting of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// When it is.
    until: Instant,
    /// How long that was when the command began.
    pub(crate) length: GoDuration,
}

impl Limit {
    /// The one the user set, counted from now.
    pub(crate) fn of(globals: &Globals) -> Self {
        let length = Duration::try_from(globals.timeout).unwrap_or_default();
        Self {
            until: Instant::now() + length,
            length: globals.timeout,
        }
    }

    /// What is left of it.
    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Does some work that the API server has to answer before it.
    pub(crate) async fn bound<T>(
        self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let done = tokio::time::timeout(self.left(), work).await;
        done.unwrap_or_else(|_| Err(self.late()))
    }

    /// What is said when an answer of the API server does not come before it.
    fn late(self) -> CliError {
        CliError::timed_out(format!(
            "no answer from the API server within {}",
            self.length
        ))
        .next("kubectl cluster-info shows whether the cluster can be reached")
    }
}

/// What a look at an object tells of its reconcile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    /// The last request that was answered.
    pub(crate) answered: Option<&'a str>,
    /// How the last reconcile ended.
    pub(crate) progress: Progress<'a>,
    /// Whether nobody works on it.
    pub(crate) suspended: bool,
}

/// A kind whose objects are reconciled by somebody, and tell of it.
pub(crate) trait Reconciled:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned
{
    /// What the object tells.
    fn reading(&self) -> Reading<'_>;
}

impl<K: ImageKind> Reconciled for K {
    fn reading(&self) -> Reading<'_> {
        Reading {
            answered: self.answered_request(),
            progress: self.progress(),
            suspended: self.is_suspended(),
        }
    }
}

impl Reconciled for GitRepository {
    fn reading(&self) -> Reading<'_> {
        let status = self.status.as_ref();
        let conditions = status.map_or(&[][..], |status| &status.conditions);
        let observed = status.and_then(|status| status.observed_generation);
        Reading {
            answered: status.and_then(|status| status.last_handled_reconcile_at.as_deref()),
            progress: image_kind::progress(&self.metadata, observed, conditions),
            suspended: self.spec.suspend,
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited<'a> {
    /// That the object as it now is becomes ready; what it depends on may take its time.
    Ready,
    /// That a request is answered, whatever the answer.
    Answer {
        /// The last request that was answered before.
        before: Option<&'a str>,
    },
}

/// Why a reconcile that was waited for did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It came to an end that flux takes for one, and this is what the object says.
    Ended(String),
    /// It failed and is tried again, and this is what the object says. Flux waits on.
    Failing(String),
    /// It did not end in time.
    Late {
        /// What the object says of the last attempt that failed, if one did.
        last: Option<String>,
    },
    /// The object could not be looked at.
    Unseen(CliError),
}

impl Failure {
    /// What is said of the reconcile of an object of `kind`: where flux says something, that.
    pub(crate) fn into_error(self, kind: &str, limit: Limit) -> CliError {
        match self {
            Self::Ended(message) => CliError::failure(message),
            Self::Failing(message) => {
                CliError::failure(format!("{kind} reconciliation failed: '{message}'"))
            }
            Self::Late { last } => {
                let message = format!("{kind} reconciliation did not end within {}", limit.length);
                CliError::timed_out(message)
                    .at(last)
                    .next("kubectl imgauto check shows whether a reconciler runs")
            }
            Self::Unseen(error) => error,
        }
    }
}

/// What to do after a look at an object.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is over, and well.
    Done,
    /// It is over, and not well.
    Ended(String),
    /// It goes on failing.
    Failing(String),
    /// It has to be looked at again; perhaps it says why.
    Again(Option<String>),
}

/// Decides what to do after a look at an object.
fn step(reading: Reading<'_>, awaited: Awaited<'_>) -> Step {
    if let Awaited::Answer { before } = awaited
        && reading.answered == before
    {
        return Step::Again(None);
    }
    if reading.suspended {
        return Step::Ended("resource is suspended".to_owned());
    }
    match (reading.progress, awaited) {
        (Progress::Done, _) => Step::Done,
        (Progress::Failed(message), _) => Step::Ended(message.to_owned()),
        (Progress::Retrying { reason, message }, Awaited::Ready)
            if reason == Reason::DependencyNotReady.as_str() =>
        {
            Step::Again(Some(message.to_owned()))
        }
        (Progress::Retrying { message, .. }, _) => Step::Failing(message.to_owned()),
        (Progress::UnderWay, _) => Step::Again(None),
    }
}

/// Waits for the end of a reconcile, and returns the object as it then is.
///
/// Looks again and again rather than watching: the right to get the object is all that is needed, as with flux.
pub(crate) async fn wait<K: Reconciled>(
    objects: &Objects<K>,
    name: &str,
    awaited: Awaited<'_>,
    limit: Limit,
) -> Result<K, Failure> {
    let mut last = None;
    let looks = async {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let object = objects.get(name).await.map_err(Failure::Unseen)?;
            match step(object.reading(), awaited) {
                Step::Done => return Ok(object),
                Step::Ended(message) => return Err(Failure::Ended(message)),
                Step::Failing(message) => return Err(Failure::Failing(message)),
                Step::Again(message) => last = message.or(last.take()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    let waited = tokio::time::timeout(limit.left(), looks).await;
    waited.unwrap_or_else(|_| Err(Failure::Late { last }))
}

/// Returns the change of an object that asks for a reconcile of it.
pub(crate) fn request() -> Value {
    let now = Timestamp::now().to_string();
    json!({"metadata": {"annotations": {api::keys::RECONCILE_REQUESTED_AT: now}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(progress: Progress<'static>) -> Reading<'static> {
        Reading {
            answered: Some("b"),
            progress,
            suspended: false,
        }
    }

    const RETRYING: Progress<'_> = Progress::Retrying {
        reason: "ReadOperationFailed",
        message: "no route",
    };
    const DEPENDENT: Progress<'_> = Progress::Retrying {
        reason: "DependencyNotReady",
        message: "no tags",
    };

    #[test]
    fn nothing_counts_before_the_request_is_answered() {
        let before = Awaited::Answer { before: Some("b") };
        for progress in [Progress::Done, Progress::Failed("x"), RETRYING] {
            assert_eq!(step(reading(progress), before), Step::Again(None));
        }
        let answered = Awaited::Answer { before: Some("a") };
        assert_eq!(step(reading(Progress::Done), answered), Step::Done);
        let first = Awaited::Answer { before: None };
        assert_eq!(step(reading(Progress::UnderWay), first), Step::Again(None));
    }

    #[test]
    fn an_answer_that_something_is_missing_is_an_answer() {
        let answered = Awaited::Answer { before: None };
        let failing = |message: &str| Step::Failing(message.to_owned());
        assert_eq!(step(reading(DEPENDENT), answered), failing("no tags"));
        assert_eq!(step(reading(RETRYING), answered), failing("no route"));
        assert_eq!(step(reading(RETRYING), Awaited::Ready), failing("no route"));
        let again = Step::Again(Some("no tags".to_owned()));
        assert_eq!(step(reading(DEPENDENT), Awaited::Ready), again);
    }

    #[test]
    fn a_suspended_object_is_not_waited_for() {
        let suspended = Reading {
            suspended: true,
            ..reading(Progress::Done)
        };
        let ended = Step::Ended("resource is suspended".to_owned());
        assert_eq!(step(suspended, Awaited::Ready), ended);
    }
}
