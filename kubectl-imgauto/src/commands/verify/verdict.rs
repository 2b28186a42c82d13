//! Whether a container is what it is expected to be.

use api::WorkloadKind;
use engine::delivery::State;

use super::expected::{Expected, Likeness};
use crate::commands::status::cells::{self, Digests};
use crate::observe::{Ending, Progress, Row, Running};

/// What has to be true besides the image in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Demands {
    /// The rollout is complete, and the pods run the image.
    pub(super) rollout: Demand,
    /// It is what is committed.
    pub(super) git: Demand,
    /// The pods run it by its digest.
    pub(super) digest: Demand,
}

/// Whether something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// It has to be true.
    Needed,
    /// It does not matter.
    Ignored,
}

/// The answer for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is what is expected.
    Equal,
    /// It is not, and this is what it is instead.
    Different {
        /// In words, without the name of the container.
        text: String,
        /// Whether time alone may change it.
        hope: Hope,
    },
    /// It cannot be told, and this is why.
    Unknown {
        /// In words, without the name of the container.
        text: String,
        /// Whether time alone may change it.
        hope: Hope,
    },
}

/// Whether it makes sense to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// It does.
    Open,
    /// It does not: somebody has to do something.
    Lost,
}

impl Verdict {
    fn different(text: String) -> Self {
        Self::Different {
            text,
            hope: Hope::Open,
        }
    }

    /// Time does not change that it is unknown.
    pub(super) fn undecidable(text: impl Into<String>) -> Self {
        Self::Unknown {
            text: text.into(),
            hope: Hope::Lost,
        }
    }

    /// It may become known.
    pub(super) fn unknown(text: impl Into<String>) -> Self {
        Self::Unknown {
            text: text.into(),
            hope: Hope::Open,
        }
    }

    /// Whether waiting may still change it.
    pub(super) fn hope(&self) -> Hope {
        match self {
            Self::Equal => Hope::Open,
            Self::Different { hope, .. } | Self::Unknown { hope, .. } => *hope,
        }
    }
}

/// Judges a container: its spec, then Git, the rollout, and the digests, as far as they are asked for.
pub(super) fn judge(row: &Row, expected: &Expected, demands: Demands) -> Verdict {
    spec(row, expected, demands)
        .or_else(|| git(row, expected, demands))
        .or_else(|| rollout(row, expected, demands))
        .or_else(|| digest(row, expected, demands))
        .unwrap_or(Verdict::Equal)
}

fn spec(row: &Row, expected: &Expected, demands: Demands) -> Option<Verdict> {
    match expected.compare(&row.image) {
        Likeness::Same => None,
        Likeness::Other => Some(Verdict::different(mismatch(row, expected, demands))),
        Likeness::Incomparable => Some(Verdict::undecidable(format!(
            "{} and {} cannot be compared",
            row.image,
            expected.version()
        ))),
    }
}

/// `running 5.0.0, wanted 5.0.3`, or what the spec has if that is all that differs; the image of another repository is
/// named in full.
fn mismatch(row: &Row, expected: &Expected, demands: Demands) -> String {
    if let Some(repository) = &expected.repository
        && !expected.has_repository_of(&row.image)
    {
        return format!(
            "running {}, wanted {repository}:{}",
            row.image,
            expected.version()
        );
    }
    if demands.rollout == Demand::Needed && runs_another(row, expected) {
        let running = cells::versions(&row.running, Digests::Short).join(" > ");
        format!("running {running}, wanted {}", expected.version())
    } else {
        let spec = cells::spec_version(&row.image);
        format!("set to {spec}, wanted {}", expected.version())
    }
}

fn git(row: &Row, expected: &Expected, demands: Demands) -> Option<Verdict> {
    if demands.git == Demand::Ignored {
        return None;
    }
    let Some(git) = &row.git else {
        return Some(Verdict::unknown("what is committed is not known"));
    };
    match expected.compare_version(git.tag.as_deref(), git.digest.as_deref()) {
        Likeness::Same => None,
        Likeness::Other => Some(Verdict::different(format!(
            "committed {}, wanted {}",
            cells::committed(git, Digests::Short),
            expected.version()
        ))),
        Likeness::Incomparable => Some(Verdict::undecidable(
            "what is committed has no tag to compare",
        )),
    }
}

fn rollout(row: &Row, expected: &Expected, demands: Demands) -> Option<Verdict> {
    if demands.rollout == Demand::Ignored {
        return None;
    }
    if row.workload.kind == WorkloadKind::CronJob {
        // Its next run has the image; what an earlier one had says nothing.
        return None;
    }
    let progress = row.rollout.as_ref()?;
    match progress.end {
        Ending::Complete => {
            // A runtime may name another tag of the same image: what the state calls synced is believed.
            let is_believed = matches!(row.judgement.state, State::Synced | State::Pinned);
            let is_wrong = !is_believed && runs_another(row, expected);
            is_wrong.then(|| Verdict::different(mismatch(row, expected, demands)))
        }
        Ending::Refused => runs_another(row, expected).then(|| Verdict::Different {
            text: format!(
                "{}; pods are updated only when they are deleted (OnDelete)",
                mismatch(row, expected, demands)
            ),
            hope: Hope::Lost,
        }),
        Ending::UnderWay => Some(Verdict::different(under_way(row, progress))),
        Ending::Failed => Some(Verdict::Different {
            text: format!(
                "the rollout does not get on, {} of {} are ready",
                cells::fresh(progress),
                progress.desired
            ),
            hope: Hope::Lost,
        }),
    }
}

/// Whether some of the pods run another version than expected.
fn runs_another(row: &Row, expected: &Expected) -> bool {
    let is_other = |running: &Running| {
        let (tag, digest) = (running.tag.as_deref(), running.digest.as_deref());
        expected.compare_version(tag, digest) == Likeness::Other
    };
    row.running.iter().any(is_other)
}

/// The step a rollout is at, in kubectl's order; the judgement knows more than the numbers.
fn under_way(row: &Row, progress: &Progress) -> String {
    let judgement = &row.judgement;
    if judgement.state == State::RollingOut && !judgement.message.is_empty() {
        return judgement.message.clone();
    }
    let Progress {
        desired,
        updated,
        available,
        ..
    } = progress;
    if updated < desired {
        format!("rolling out, {updated} of {desired} updated")
    } else if available < desired {
        format!("rolling out, {available} of {desired} available")
    } else {
        "rolling out, old pods are ending".to_owned()
    }
}

fn digest(row: &Row, expected: &Expected, demands: Demands) -> Option<Verdict> {
    if demands.digest == Demand::Ignored {
        return None;
    }
    let Some(wanted) = expected.digest.as_deref() else {
        return Some(Verdict::undecidable(
            "the expected digest is not known: the policy reflects none (digestReflectionPolicy)",
        ));
    };
    if row.running.is_empty() {
        return Some(Verdict::unknown(
            "nothing runs whose digest could be compared",
        ));
    }
    let short = |digest| cells::short_digest(digest, Digests::Short);
    row.running
        .iter()
        .find_map(|running| match running.digest.as_deref() {
            Some(digest) if digest == wanted => None,
            Some(digest) => Some(Verdict::different(format!(
                "running {}, wanted {}",
                short(digest),
                short(wanted)
            ))),
            None => Some(Verdict::unknown("a pod does not tell the digest it runs")),
        })
}

/// Why it is not there yet, as far as the state tells.
pub(super) fn hint(row: &Row) -> Option<String> {
    let judgement = &row.judgement;
    match judgement.state {
        State::Committed => {
            let revision = row.git.as_ref().and_then(cells::revision);
            let revision = revision.map(|text| format!(" {text}")).unwrap_or_default();
            Some(format!("committed{revision}, not applied yet"))
        }
        State::UpdateAvailable => Some("not committed yet".to_owned()),
        State::Synced | State::Pinned | State::RollingOut | State::Unmanaged => None,
        State::Degraded | State::Drifted | State::Suspended | State::Blocked | State::Unknown => {
            Some(judgement.message.clone()).filter(|message| !message.is_empty())
        }
    }
}
