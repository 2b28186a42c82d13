//! Whether an automation looks after the marked line, and can.

use super::Finding;
use super::marker::{out_of_reach, relevant};
use super::wording::{ago, is_true, line, mentions, refusal};
use crate::delivery::facts::{
    AutomationFacts, Care, Condition, ConditionStatus, Facts, Seen, Selects, StrayFault,
};
use crate::delivery::{Reason, State};
use crate::path::clamp;

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let all = match &facts.automations {
        Seen::Hidden(why) => return Finding::unknown(why),
        Seen::Absent => &[][..],
        Seen::Present(all) => all,
    };
    if let Some(finding) = unreached(facts) {
        return finding;
    }
    let guardians = guardians(facts);
    let Some(first) = guardians.first() else {
        return unselected(facts, all);
    };
    let running = guardians
        .iter()
        .find(|automation| trouble(automation).is_none());
    match running {
        Some(automation) => at_work(automation),
        None => trouble(first).unwrap_or_else(|| at_work(first)),
    }
}

/// The automations that write for the policy: those whose inventory has the marker, else all that take the policy in.
pub(super) fn guardians<'a>(facts: &Facts<'a>) -> Vec<&'a AutomationFacts> {
    let Seen::Present(all) = facts.automations else {
        return Vec::new();
    };
    let named: Vec<_> = facts
        .markers
        .present()
        .map(|markers| relevant(facts, markers).filter_map(|marker| marker.automation.as_ref()))
        .into_iter()
        .flatten()
        .collect();
    let takes = |automation: &&AutomationFacts| automation.selects == Selects::Takes;
    let writes = |automation: &&AutomationFacts| named.contains(&&automation.name);
    let writers: Vec<_> = all.iter().filter(takes).filter(writes).collect();
    match writers.is_empty() {
        true => all.iter().filter(takes).collect(),
        false => writers,
    }
}

/// Whether an automation goes on by itself.
pub(super) fn can_run(automation: &AutomationFacts) -> bool {
    trouble(automation).is_none()
}

/// A line that is marked where no automation gets.
fn unreached(facts: &Facts<'_>) -> Option<Finding> {
    let markers = facts.markers.present()?;
    if relevant(facts, markers).next().is_some() {
        return None;
    }
    let stray = out_of_reach(markers)?;
    let name = stray.automation.as_ref().or_else(|| {
        let guardians = guardians(facts);
        guardians.first().map(|automation| &automation.name)
    });
    let who = match name {
        Some(name) => format!("ImageUpdateAutomation {name}"),
        None => "the ImageUpdateAutomation".to_owned(),
    };
    Some(match &stray.fault {
        StrayFault::OutsidePath(path) => {
            let text = format!("{who} only updates {}", written(path));
            Finding::broken(Reason::PathExcluded, State::Blocked, text)
        }
        _ => {
            let text = format!("{who} leaves the policy out by its policySelector");
            Finding::broken(Reason::SelectorExcludes, State::Blocked, text)
        }
    })
}

fn unselected(facts: &Facts<'_>, all: &[AutomationFacts]) -> Finding {
    let text = match (all, &facts.care) {
        ([], Care::Policy(policy)) => {
            format!(
                "there is no ImageUpdateAutomation in namespace {}",
                policy.namespace
            )
        }
        ([only], _) => format!(
            "ImageUpdateAutomation {} leaves the policy out by its policySelector",
            only.name
        ),
        (all, _) => format!(
            "{} ImageUpdateAutomations leave the policy out by their policySelectors",
            all.len()
        ),
    };
    Finding::broken(Reason::SelectorExcludes, State::Blocked, text)
}

/// Why an automation does not go on; what is wrong with a push is the next link's affair.
fn trouble(automation: &AutomationFacts) -> Option<Finding> {
    let name = format!("ImageUpdateAutomation {}", automation.name);
    if automation.is_suspended {
        let text = format!("{name} is suspended");
        return Some(Finding::broken(
            Reason::AutomationSuspended,
            State::Suspended,
            text,
        ));
    }
    let stalled = automation
        .stalled
        .as_ref()
        .filter(|stalled| stalled.status == ConditionStatus::True && !stalled.is_outdated);
    let refused = stalled.or_else(|| refusal(automation.ready.as_ref()))?;
    if stalled.is_none() && is_about_push(refused) {
        return None;
    }
    let (reason, text) = if is_about_template(refused) {
        (
            Reason::TemplateInvalid,
            format!("{name}: {}", line(&refused.message)),
        )
    } else if refused.message.contains("walking path for files: lstat") {
        let path = written(&automation.path);
        (
            Reason::PathExcluded,
            format!("{name} only updates {path}, which is not in the repository"),
        )
    } else {
        (
            Reason::AutomationStalled,
            format!("{name}: {}", line(&refused.message)),
        )
    };
    Some(Finding::broken(reason, State::Blocked, text))
}

fn at_work(automation: &AutomationFacts) -> Finding {
    let name = format!("ImageUpdateAutomation {}", automation.name);
    match (&automation.ready, automation.last_run) {
        (None, None) => Finding::under_way(format!("{name} has not run yet")),
        (Some(ready), _) if ready.is_outdated => {
            Finding::under_way(format!("{name} has not looked at its new spec yet"))
        }
        (ready, last_run) => {
            let ran = last_run.map_or_else(String::new, |age| format!(", ran {}", ago(age)));
            let path = match clamp(&automation.path).as_str() {
                "" => "all files".to_owned(),
                _ => written(&automation.path),
            };
            let text = format!("{name} updates {path}{ran}");
            let is_running =
                ready.is_some() && !is_true(ready.as_ref()) && refusal(ready.as_ref()).is_none();
            match is_running {
                true => Finding::under_way(text),
                false => Finding::holds(text),
            }
        }
    }
}

fn is_about_template(condition: &Condition) -> bool {
    const TEMPLATE: &[&str] = &[
        "unable to create commit message template from spec",
        "failed to run template from spec",
        "template uses removed",
    ];
    condition.reason == "RemovedTemplateField" || mentions(&condition.message, TEMPLATE)
}

/// Whether a failed run got as far as pushing.
pub(super) fn is_about_push(condition: &Condition) -> bool {
    const PUSH: &[&str] = &[
        "failed to update source:",
        "failed to push to remote",
        "command error on ",
    ];
    !is_about_template(condition) && mentions(&condition.message, PUSH)
}

/// A path as people write it: `./clusters` for `clusters/`, `./` for the root.
fn written(path: &str) -> String {
    format!("./{}", clamp(path))
}
