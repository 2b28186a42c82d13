//! Whether what the automation wrote is pushed, and where to.

use super::Finding;
use super::automation::{guardians, is_about_push};
use super::wording::{and_ago, line, refusal, short_commit};
use crate::delivery::facts::{AutomationFacts, Facts, Known};
use crate::delivery::standing::{Match, Standing, Version, short_digest};
use crate::delivery::{Reason, State};

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let guardians = guardians(facts);
    let automation = guardians.first().copied();
    if let Some(finding) = automation.and_then(rejected) {
        return finding;
    }
    let Some(latest) = facts
        .policy
        .present()
        .and_then(|policy| policy.latest.as_ref())
    else {
        return Finding::unknown("it is not known what is to be committed");
    };
    let wanted = &latest.tag;
    let Some(committed) = &facts.committed else {
        return Finding::unknown("it is not known what is committed");
    };
    let standing = Standing::of(facts);
    let written = Version {
        tag: committed.tag.as_deref(),
        digest: committed.digest.as_deref(),
    }
    .short();
    let place = place(committed.branch.as_deref(), committed.commit.as_deref());
    match standing.committed {
        Match::Unknown => Finding::unknown(format!("{written} is committed{place}")),
        Match::Other => Finding::under_way(match (&latest.digest, &committed.digest) {
            (Some(new), Some(old)) if *wanted == written => format!(
                "{wanted} with {} is not committed yet, {} is",
                short_digest(new),
                short_digest(old)
            ),
            _ => format!("{wanted} is not committed yet, {written} is"),
        }),
        Match::Same => {
            let age = automation
                .and_then(|automation| automation.last_push.as_ref())
                .filter(|push| committed.commit.as_ref() == Some(&push.commit))
                .and_then(|push| push.age);
            let text = match committed.known {
                Known::Read => format!("{written} is committed{place}{}", and_ago(age)),
                Known::Inferred => format!("{written} is committed{place}, says the automation"),
            };
            match automation.and_then(|automation| unmerged(automation, standing)) {
                Some(text) => Finding::broken(Reason::PushBranchNotMerged, State::Blocked, text),
                None => Finding::holds(text),
            }
        }
    }
}

fn rejected(automation: &AutomationFacts) -> Option<Finding> {
    let refused = refusal(automation.ready.as_ref()).filter(|refused| is_about_push(refused))?;
    let text = format!(
        "ImageUpdateAutomation {}: {}",
        automation.name,
        line(&refused.message)
    );
    Some(Finding::broken(Reason::PushRejected, State::Blocked, text))
}

/// What is to be said of an update that waits on a branch of its own; one that is applied has been merged.
fn unmerged(automation: &AutomationFacts, standing: Standing) -> Option<String> {
    let push = automation.push_branch.as_ref()?;
    if automation.checkout_branch.as_ref() == Some(push) || standing.spec != Match::Other {
        return None;
    }
    let into = automation
        .checkout_branch
        .as_ref()
        .map_or_else(String::new, |branch| format!(" into {branch}"));
    Some(format!(
        "ImageUpdateAutomation {} pushed to {push}, which is not merged{into} yet",
        automation.name
    ))
}

fn place(branch: Option<&str>, commit: Option<&str>) -> String {
    let commit = commit.map(short_commit);
    match (branch, commit) {
        (Some(branch), Some(commit)) => format!(" at {branch}@{commit}"),
        (Some(branch), None) => format!(" on {branch}"),
        (None, Some(commit)) => format!(" at {commit}"),
        (None, None) => String::new(),
    }
}
