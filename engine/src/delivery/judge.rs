//! The judgement: link by link along the way, and the state that follows from it.

use super::facts::{Care, Facts};
use super::standing::{Match, Standing};
use super::{Check, CheckVerdict, Judgement, Link, Name, Reason, State};

mod apply;
mod automation;
mod marker;
mod push;
mod rollout;
mod scan;
mod selection;
#[cfg(test)]
mod tests;
mod wording;

/// Judges where a container stands, why, and which link of its way is the first that does not hold.
///
/// The first broken link decides. What could not be looked at breaks nothing. Where a policy is judged by itself,
/// without a workload, the last two links are [`CheckVerdict::Unknown`].
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let care = match &facts.care {
        Care::Policy(_) => return judge_managed(facts),
        Care::Ambiguous(names) => {
            let message = format!(
                "{} policies fit, and none is named: {}",
                names.len(),
                list(names)
            );
            (State::Unknown, message)
        }
        Care::OptedOut => {
            let message = "the workload wants no policy for it".to_owned();
            (State::Unmanaged, message)
        }
        Care::Nobody => (State::Unmanaged, "no policy looks after it".to_owned()),
    };
    judge_alone(facts, care)
}

/// What was found of one link.
#[derive(Debug)]
struct Finding {
    verdict: CheckVerdict,
    text: String,
    /// The state that follows; of a link that holds it is not looked at.
    state: State,
    /// Why something is under way.
    reason: Option<Reason>,
}

impl Finding {
    fn holds(text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Holds, State::Synced, text)
    }

    fn under_way(text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::UnderWay, State::Unknown, text)
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Unknown, State::Unknown, text)
    }

    fn broken(reason: Reason, state: State, text: impl Into<String>) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(CheckVerdict::Broken(reason), state, text)
        }
    }

    fn because(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    fn new(verdict: CheckVerdict, state: State, text: impl Into<String>) -> Self {
        Self {
            verdict,
            text: text.into(),
            state,
            reason: None,
        }
    }

    fn check(&self, link: Link) -> Check {
        Check {
            link,
            verdict: self.verdict,
            text: self.text.clone(),
        }
    }
}

fn look(facts: &Facts<'_>, link: Link) -> Finding {
    match link {
        Link::Scan => scan::look(facts),
        Link::Selection => selection::look(facts),
        Link::Marker => marker::look(facts),
        Link::Automation => automation::look(facts),
        Link::Push => push::look(facts),
        Link::Apply => apply::look(facts),
        Link::Rollout => rollout::look(facts),
    }
}

fn judge_managed(facts: &Facts<'_>) -> Judgement {
    let mut findings = Vec::with_capacity(Link::ALL.len());
    let mut checks = Vec::with_capacity(Link::ALL.len());
    let mut broken = None;
    for link in Link::ALL {
        if broken.is_some() {
            checks.push(Check {
                link,
                verdict: CheckVerdict::NotReached,
                text: "not reached".to_owned(),
            });
            continue;
        }
        let finding = look(facts, link);
        checks.push(finding.check(link));
        match finding.reason {
            Some(reason) if finding.verdict == CheckVerdict::Broken(reason) => {
                broken = Some((finding.state, reason, finding.text));
            }
            _ => findings.push(finding),
        }
    }
    let (state, reason, message) = match broken {
        Some((state, reason, text)) => (state, Some(reason), text),
        None => settle(facts, &findings),
    };
    Judgement {
        state,
        reason,
        message,
        checks,
    }
}

/// Judges a container that no policy is known for: whether it comes up is all there is to tell.
fn judge_alone(facts: &Facts<'_>, (state, message): (State, String)) -> Judgement {
    let check = |link| match link {
        Link::Rollout => rollout::look(facts).check(link),
        _ => Finding::unknown(message.clone()).check(link),
    };
    let checks: Vec<Check> = Link::ALL.into_iter().map(check).collect();
    let broken = checks.iter().find_map(|check| match check.verdict {
        CheckVerdict::Broken(reason) => Some((reason, check.text.clone())),
        _ => None,
    });
    let (reason, message) = match broken {
        Some((reason, text)) => (Some(reason), text),
        None => (None, message),
    };
    Judgement {
        state,
        reason,
        message,
        checks,
    }
}

/// The state of a container whose way is not broken anywhere.
fn settle(facts: &Facts<'_>, findings: &[Finding]) -> (State, Option<Reason>, String) {
    let standing = Standing::of(facts);
    let told = |link: Link| &findings[link as usize];
    let holds = |link: Link| told(link).verdict == CheckVerdict::Holds;
    let Some(latest) = facts
        .policy
        .present()
        .and_then(|policy| policy.latest.as_ref())
    else {
        return (State::Unknown, None, first_open(findings));
    };
    let told_of = |link: Link| told(link).text.clone();
    if standing.committed == Match::Other {
        return (State::UpdateAvailable, None, told_of(Link::Push));
    }
    if facts.workload.is_none() {
        return match standing.committed {
            Match::Same => (State::Committed, None, told_of(Link::Push)),
            _ => (State::Unknown, None, first_open(findings)),
        };
    }
    if standing.spec != Match::Same {
        let automation = told(Link::Automation).verdict;
        return match (standing.committed, told(Link::Apply).verdict) {
            (Match::Same, CheckVerdict::UnderWay) => (
                State::Committed,
                told(Link::Apply).reason,
                told_of(Link::Apply),
            ),
            (Match::Unknown, _) if automation != CheckVerdict::Unknown => {
                let text = format!("{} is wanted and not applied", latest.tag);
                (State::UpdateAvailable, None, text)
            }
            _ => (State::Unknown, None, told_of(Link::Apply)),
        };
    }
    match told(Link::Rollout).verdict {
        CheckVerdict::UnderWay => (State::RollingOut, None, told_of(Link::Rollout)),
        CheckVerdict::Holds if standing.running == Match::Same && holds(Link::Apply) => {
            let exact = facts.policy.present().and_then(|policy| {
                let rule = policy.rule.as_ref().ok()?;
                rule.exact()
            });
            match exact {
                Some(version) => (State::Pinned, None, format!("pinned to {version}")),
                None => (State::Synced, None, String::new()),
            }
        }
        CheckVerdict::Holds => (State::Unknown, None, told_of(Link::Apply)),
        _ => (State::Unknown, None, told_of(Link::Rollout)),
    }
}

/// What the first link says that does not simply hold.
fn first_open(findings: &[Finding]) -> String {
    let open = findings
        .iter()
        .find(|finding| finding.verdict != CheckVerdict::Holds);
    open.map(|finding| finding.text.clone()).unwrap_or_default()
}

fn list(names: &[Name]) -> String {
    let names: Vec<String> = names.iter().map(Name::to_string).collect();
    names.join(", ")
}
