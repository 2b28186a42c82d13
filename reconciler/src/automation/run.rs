//! One run of one automation: is there anything to do, then do it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::automation::{ImageUpdateAutomation, ImageUpdateAutomationStatus};
use api::condition::{self, CommonStatus as _, Outcome};
use api::policy::ImageRef;
use api::reason::Reason;
use engine::template::Template;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use kube::core::Selector;

use super::decide::{NO_CHANGE, Need, UP_TO_DATE, flux_skips, in_sync, need, pushed};
use super::policies::{Followed, parse_selector};
use super::schedule::until_next;
use super::source::{Source, prepare, signing_key};
use super::wording::{Named, Trouble, trouble};
use super::{Context, inventory, now};
use crate::cluster::{Announce, Requeue};
use crate::git::SigningKey;
use crate::resources::ObjectKey;
use crate::update::{Message, Order, Scope};
use crate::writers::{Done, Failure, Submission, Task, Tips};

/// A run that begins.
pub(super) struct Run<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) object: &'a ImageUpdateAutomation,
    pub(super) status: &'a ImageUpdateAutomationStatus,
    /// Whether the object was changed since it last ended ready or stalled.
    pub(super) is_new: bool,
    /// Whether the source was changed since the last run.
    pub(super) by_source: bool,
    /// Since when the run has been due.
    pub(super) due: Instant,
}

/// How a run ended.
pub(super) struct Ended {
    result: Result<Found, Trouble>,
    /// When it is due by itself again; never if it is only run when something happens.
    next: Option<Instant>,
    by_source: bool,
}

/// What a run that went well found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Nothing changed since the last run; Flux has this word for it.
    Nothing(&'static str),
    /// Files were looked at.
    Looked(Looked),
}

/// What a look at the files led to.
#[derive(Debug, PartialEq)]
pub(super) struct Looked {
    observed: BTreeMap<String, ImageRef>,
    revision: Option<String>,
    by_policies: bool,
    push: Option<Pushed>,
}

/// A push.
#[derive(Debug, PartialEq)]
struct Pushed {
    commit: String,
    at: Time,
    told: String,
}

/// What a look at the objects and refs led to.
enum Looking {
    /// Nothing changed, in Flux's word for it.
    Nothing(&'static str),
    /// There is work, and it was handed over.
    Submitted(Box<Submitted>),
}

/// Why a run goes no further.
enum Halt {
    Trouble(Trouble),
    /// The process ends.
    Stopped,
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// How far a run has come.
pub(super) enum Step {
    /// It is over.
    Ended(Ended),
    /// Its work waits with that of others.
    Submitted(Box<Submitted>),
    /// It was stopped because the process ends.
    Stopped,
}

/// Work that was handed over.
pub(super) struct Submitted {
    pub(super) submission: Submission,
    source: Source,
    seen: Arc<OnceLock<Followed>>,
    by_policies: bool,
}

impl Run<'_> {
    /// Finds out whether there is anything to do, and hands it over.
    pub(super) async fn begin(&self) -> Step {
        let source = match self.source().await {
            Ok(source) => source,
            Err(trouble) => return self.step(Err(Halt::Trouble(trouble)), None),
        };
        let remote = source.writer.address();
        match self.look(source).await {
            Ok(Looking::Submitted(submitted)) => Step::Submitted(submitted),
            Ok(Looking::Nothing(word)) => self.step(Ok(Found::Nothing(word)), Some(&remote)),
            Err(halt) => self.step(Err(halt), Some(&remote)),
        }
    }

    /// Waits for what was handed over.
    pub(super) async fn finish(&self, submitted: Submitted) -> Step {
        let source = &submitted.source;
        let remote = source.writer.address();
        let done = match submitted.submission.done().await {
            Ok(done) => done,
            Err(failure) => return self.step(Err(halt(&failure, source)), Some(&remote)),
        };
        let uid = self.object.uid().unwrap_or_default();
        self.context.known.set_tips(&uid, Some(done.tips));
        let followed = submitted.seen.get().cloned().unwrap_or_default();
        self.follow_up(source, &followed, &done).await;
        let looked = self.looked(source, followed, done, submitted.by_policies);
        self.step(Ok(Found::Looked(looked)), Some(&remote))
    }

    fn step(&self, result: Result<Found, Halt>, remote: Option<&str>) -> Step {
        let result = match result {
            Ok(found) => Ok(found),
            Err(Halt::Trouble(trouble)) => {
                let uid = self.object.uid().unwrap_or_default();
                self.context.known.set_tips(&uid, None);
                Err(trouble)
            }
            Err(Halt::Stopped) => return Step::Stopped,
        };
        Step::Ended(Ended {
            result,
            next: remote.and_then(|remote| self.next(remote)),
            by_source: self.by_source,
        })
    }

    /// Returns when the next run is due by itself.
    fn next(&self, remote: &str) -> Option<Instant> {
        let interval = Duration::try_from(self.object.spec.interval.value()).ok()?;
        // Both clocks at once: all automations of the remote have to come to the same moment.
        let (here, now) = (Instant::now(), SystemTime::now());
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let wait = (!interval.is_zero()).then(|| until_next(now, interval, remote))?;
        here.checked_add(wait)
    }

    fn selector(&self) -> Result<Selector, Trouble> {
        let selector = self.object.spec.policy_selector.as_ref();
        parse_selector(selector).map_err(|error| {
            let text = format!("failed to parse policy selector: {error}");
            Trouble::Lasting(Reason::InvalidPolicySelector, text)
        })
    }

    async fn source(&self) -> Result<Source, Trouble> {
        self.selector()?;
        prepare(self.context, self.object).await
    }

    async fn look(&self, source: Source) -> Result<Looking, Halt> {
        let context = self.context;
        let selector = self.selector()?;
        let namespace = self.object.namespace().unwrap_or_default();
        let uid = self.object.uid().unwrap_or_default();
        let followed = context.world.followed(&namespace, &selector);
        let was_ready = condition::is_ready(self.status.conditions());
        let need = need(self.status, &followed.observed, self.is_new, was_ready);
        let by_policies = match need {
            Need::Full { by_policies } => by_policies,
            Need::Compare => {
                let listed = source.writer.list(self.due, source.timeout).await;
                let listing = listed.map_err(|failure| halt(&failure, &source))?;
                let known = context.known.tips(&uid);
                if in_sync(&source.plan, &listing, known, self.status) {
                    let tips = Tips::of(&source.plan, &listing);
                    context.known.set_tips(&uid, Some(tips));
                    return Ok(Looking::Nothing(self.word(&source)));
                }
                false
            }
        };
        let key = signing_key(context, self.object).await?;
        let (task, seen) = self.task(&source, selector, key);
        Ok(Looking::Submitted(Box::new(Submitted {
            submission: source.writer.submit(task),
            source,
            seen,
            by_policies,
        })))
    }

    /// Returns what Flux says of a run that finds nothing new.
    fn word(&self, source: &Source) -> &'static str {
        let named = source.named == Named::InFull;
        match flux_skips(&source.plan, named, self.refspec().is_some()) {
            true => NO_CHANGE,
            false => UP_TO_DATE,
        }
    }

    fn refspec(&self) -> Option<&str> {
        let push = self.object.spec.git.as_ref()?.push.as_ref()?;
        push.refspec
            .as_deref()
            .filter(|refspec| !refspec.is_empty())
    }

    /// Returns what makes the task, with the policies as they are when that is called, and where it leaves those.
    fn task(
        &self,
        source: &Source,
        selector: Selector,
        signer: Option<Arc<SigningKey>>,
    ) -> (
        impl FnOnce() -> Task + Send + use<>,
        Arc<OnceLock<Followed>>,
    ) {
        let seen = Arc::new(OnceLock::new());
        let (context, leave) = (Arc::clone(self.context), Arc::clone(&seen));
        let (object, plan) = (self.object.clone(), source.plan.clone());
        let (timeout, last_push) = (source.timeout, self.status.last_push_commit.clone());
        let task = move || {
            let namespace = object.namespace().unwrap_or_default();
            let followed = context.world.followed(&namespace, &selector);
            let order = order(&object, &followed, signer);
            // Nobody else leaves anything there.
            let _ = leave.set(followed);
            let push = object.spec.git.as_ref().and_then(|git| git.push.clone());
            let push = push.unwrap_or_default();
            Task {
                id: object.uid().unwrap_or_default(),
                order,
                plan,
                options: push.options,
                refspec: push.refspec,
                timeout,
                last_push,
            }
        };
        (task, seen)
    }

    /// Does what a run leads to beside the object's status; none of it can fail the run.
    async fn follow_up(&self, source: &Source, followed: &Followed, done: &Done) {
        let context = self.context;
        if done.options_ignored {
            tracing::info!(
                name = self.object.name_any(),
                namespace = self.object.namespace(),
                "the server takes no push options; they were not sent"
            );
        }
        let url = source.writer.address();
        if done.commit.is_some()
            && let Some(tip) = done.tips.push
        {
            let repositories = context.world.repositories();
            let branch = &source.plan.push_branch;
            context.nudger.pushed(repositories, &url, branch, tip);
        }
        let branch = &source.plan.push_branch;
        inventory::tell(context, self.object, followed, done, &url, branch).await;
    }

    fn looked(&self, source: &Source, followed: Followed, done: Done, by_policies: bool) -> Looked {
        let push = done.commit.map(|commit| {
            let commit = commit.to_string();
            let branch = &source.plan.push_branch;
            Pushed {
                told: pushed(&commit, branch, self.refspec(), &done.message),
                commit,
                at: now(),
            }
        });
        Looked {
            observed: followed.observed,
            revision: done.revision,
            by_policies,
            push,
        }
    }
}

fn halt(failure: &Failure, source: &Source) -> Halt {
    trouble(failure, source.named).map_or(Halt::Stopped, Halt::Trouble)
}

fn order(
    object: &ImageUpdateAutomation,
    followed: &Followed,
    signer: Option<Arc<SigningKey>>,
) -> Order {
    let spec = &object.spec;
    let commit = spec.git.as_ref().map(|git| &git.commit);
    let template = commit.and_then(|commit| commit.message_template.as_deref());
    let update = spec.update.as_ref();
    Order {
        automation: ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any()),
        path: update
            .and_then(|update| update.path.clone())
            .unwrap_or_default(),
        wanted: followed.wanted.clone(),
        scope: Scope::Own,
        message: Message {
            template: Template::parse(template.unwrap_or_default()).map(Arc::new),
            values: commit
                .map(|commit| commit.message_template_values.clone())
                .unwrap_or_default(),
        },
        author: commit
            .map(|commit| (commit.author.name.clone(), commit.author.email.clone()))
            .unwrap_or_default(),
        signer,
    }
}

impl Ended {
    /// Returns what the conditions say; `progress` is what was being done.
    pub(super) fn outcome(&self, progress: String) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Ready {
                message: UP_TO_DATE.to_owned(),
            },
            Err(Trouble::Passing(reason, message)) => Outcome::Failed {
                reason: *reason,
                message: message.clone(),
                progress,
            },
            Err(Trouble::Lasting(reason, message)) => Outcome::Stalled {
                reason: *reason,
                message: message.clone(),
            },
        }
    }

    /// Returns the status with what the run found.
    pub(super) fn status(
        &self,
        before: &ImageUpdateAutomationStatus,
    ) -> ImageUpdateAutomationStatus {
        let mut status = before.clone();
        if let Ok(Found::Looked(looked)) = &self.result {
            status.observed_policies.clone_from(&looked.observed);
            status.observed_source_revision.clone_from(&looked.revision);
            if let Some(push) = &looked.push {
                status.last_push_commit = Some(push.commit.clone());
                status.last_push_time = Some(push.at.clone());
            }
        }
        status
    }

    /// Returns which event is due.
    pub(super) fn announce(&self) -> Announce {
        let trace = |text: &str, always: bool| match always {
            true => Announce::OrTraceAlways(text.to_owned()),
            false => Announce::OrTrace(text.to_owned()),
        };
        match &self.result {
            Err(_) => Announce::Outcome,
            Ok(Found::Nothing(word)) => trace(word, self.by_source),
            Ok(Found::Looked(looked)) => match &looked.push {
                Some(push) => Announce::News(push.told.clone()),
                None => trace(UP_TO_DATE, self.by_source || looked.by_policies),
            },
        }
    }

    /// Returns when the next run is due by itself, if this one went well.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next.filter(|_| self.result.is_ok())
    }

    /// Returns when to come back.
    pub(super) fn requeue(&self, now: Instant) -> Requeue {
        let until = |next: Instant| Requeue::After(next.saturating_duration_since(now));
        match &self.result {
            Ok(_) => self.next.map_or(Requeue::OnChange, until),
            Err(Trouble::Passing(..)) => Requeue::BACKOFF,
            Err(Trouble::Lasting(..)) => Requeue::OnChange,
        }
    }
}

#[cfg(test)]
mod tests;
