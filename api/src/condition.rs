//! The conditions Ready, Reconciling and Stalled, and what is written to them and told of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::automation::ImageUpdateAutomationStatus;
use crate::keys::{READY, RECONCILING, STALLED};
use crate::policy::ImagePolicyStatus;
use crate::reason::Reason;
use crate::repository::ImageRepositoryStatus;

#[cfg(test)]
mod tests;

/// The longest message the API server takes, in bytes.
const MAX_MESSAGE: usize = 32_768;

/// The fields the statuses of all three kinds have in common.
pub trait CommonStatus {
    /// The conditions.
    fn conditions(&self) -> &Vec<Condition>;
    /// The conditions, to be changed.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The last generation that ended ready or stalled.
    fn observed_generation(&self) -> Option<i64>;
    /// Sets the last generation that ended ready or stalled.
    fn set_observed_generation(&mut self, generation: i64);
    /// The last request for a reconcile that was answered.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// Sets the last request for a reconcile that was answered.
    fn set_last_handled_reconcile_at(&mut self, request: String);
}

macro_rules! common_status {
    ($($status:ty),+) => {$(
        impl CommonStatus for $status {
            fn conditions(&self) -> &Vec<Condition> {
                &self.conditions
            }

            fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                &mut self.conditions
            }

            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }

            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = Some(generation);
            }

            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }

            fn set_last_handled_reconcile_at(&mut self, request: String) {
                self.last_handled_reconcile_at = Some(request);
            }
        }
    )+};
}

common_status!(
    ImageRepositoryStatus,
    ImagePolicyStatus,
    ImageUpdateAutomationStatus
);

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went well.
    Ready {
        /// What was reached.
        message: String,
    },
    /// Something failed that may pass; it is tried again.
    Failed {
        /// Why.
        reason: Reason,
        /// The error.
        message: String,
        /// What was being done, as the condition Reconciling says it.
        progress: String,
    },
    /// Nothing helps but a change of the object.
    Stalled {
        /// Why.
        reason: Reason,
        /// The error.
        message: String,
    },
}

impl Outcome {
    /// Returns the reason that Ready gives.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Ready { .. } => Reason::Succeeded,
            Self::Failed { reason, .. } | Self::Stalled { reason, .. } => *reason,
        }
    }

    /// Returns the message that Ready gives.
    pub fn message(&self) -> &str {
        match self {
            Self::Ready { message }
            | Self::Failed { message, .. }
            | Self::Stalled { message, .. } => message,
        }
    }
}

/// What an event says of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It became ready, or ready with another result.
    Normal,
    /// It failed, or fails in another way than before.
    Warning,
    /// It is as it was.
    Unchanged,
}

/// Returns the conditions after `outcome`.
///
/// Conditions of other types are kept. A condition that says the same as before keeps its time.
pub fn concluded(
    before: &[Condition],
    outcome: &Outcome,
    generation: i64,
    now: &Time,
) -> Vec<Condition> {
    let ready = match outcome {
        Outcome::Ready { .. } => "True",
        Outcome::Failed { .. } | Outcome::Stalled { .. } => "False",
    };
    let mut wanted = vec![(READY, ready, outcome.reason(), outcome.message())];
    match outcome {
        Outcome::Ready { .. } => {}
        Outcome::Failed { progress, .. } => {
            wanted.push((RECONCILING, "True", Reason::ProgressingWithRetry, progress));
        }
        Outcome::Stalled { reason, message } => wanted.push((STALLED, "True", *reason, message)),
    }
    replaced(before, &wanted, generation, now)
}

/// Returns the conditions while a reconcile is under way.
///
/// Ready keeps a value it has; one that is missing becomes unknown.
pub fn progressing(
    before: &[Condition],
    message: &str,
    generation: i64,
    now: &Time,
) -> Vec<Condition> {
    let mut wanted = vec![(RECONCILING, "True", Reason::Progressing, message)];
    let known = find(before, READY).filter(|ready| ready.status != "Unknown");
    if known.is_none() {
        wanted.push((READY, "Unknown", Reason::Progressing, message));
    }
    let mut conditions = replaced(before, &wanted, generation, now);
    if let Some(known) = known {
        conditions.insert(0, known.clone());
    }
    conditions
}

/// Returns what an event is to say of the way from `before` to `outcome`.
pub fn notice(before: &[Condition], outcome: &Outcome) -> Notice {
    let same = |status: &str| {
        find(before, READY).is_some_and(|ready| {
            ready.status == status
                && ready.reason == outcome.reason().as_str()
                && ready.message == shortened(outcome.message())
        })
    };
    match outcome {
        Outcome::Ready { .. } if is_ready(before) && same("True") => Notice::Unchanged,
        Outcome::Ready { .. } => Notice::Normal,
        Outcome::Failed { .. } | Outcome::Stalled { .. } if same("False") => Notice::Unchanged,
        Outcome::Failed { .. } | Outcome::Stalled { .. } => Notice::Warning,
    }
}

/// Whether an object is ready: Ready is true, and neither Reconciling nor Stalled is.
pub fn is_ready(conditions: &[Condition]) -> bool {
    is_true(conditions, READY) && !is_true(conditions, RECONCILING) && !is_true(conditions, STALLED)
}

/// Whether a condition is there and true.
pub fn is_true(conditions: &[Condition], condition: &str) -> bool {
    find(conditions, condition).is_some_and(|condition| condition.status == "True")
}

/// Returns the condition of a type.
pub fn find<'a>(conditions: &'a [Condition], condition: &str) -> Option<&'a Condition> {
    conditions.iter().find(|known| known.type_ == condition)
}

/// Replaces our three conditions by the wanted ones, in the order they are wanted in.
fn replaced(
    before: &[Condition],
    wanted: &[(&str, &str, Reason, &str)],
    generation: i64,
    now: &Time,
) -> Vec<Condition> {
    let ours = wanted.iter().map(|(condition, status, reason, message)| {
        let mut new = Condition {
            type_: (*condition).to_owned(),
            status: (*status).to_owned(),
            reason: reason.as_str().to_owned(),
            message: shortened(message),
            observed_generation: Some(generation),
            last_transition_time: now.clone(),
        };
        if let Some(old) = find(before, condition)
            && (&old.status, &old.reason, &old.message) == (&new.status, &new.reason, &new.message)
        {
            new.last_transition_time = old.last_transition_time.clone();
        }
        new
    });
    let others = before
        .iter()
        .filter(|old| ![READY, RECONCILING, STALLED].contains(&old.type_.as_str()));
    ours.chain(others.cloned()).collect()
}

/// Cuts a message at the length the API server takes.
fn shortened(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let mut end = MAX_MESSAGE - "...".len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &message[..end])
}
