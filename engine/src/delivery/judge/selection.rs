//! Whether the policy chooses a tag.

use super::Finding;
use super::scan::is_about_repository;
use super::wording::{ago, is_true, line, refusal};
use crate::change::LatestRef;
use crate::delivery::facts::{Condition, Facts, PolicyFacts, Seen};
use crate::delivery::standing::short_digest;
use crate::delivery::{Reason, State};
use crate::image::Reference;
use crate::policy::{Policy, PolicyError};

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let policy = match &facts.policy {
        Seen::Hidden(why) => return Finding::unknown(why),
        // A marker or an annotation names it, which is the next link's affair.
        Seen::Absent => return Finding::unknown("there is no such ImagePolicy"),
        Seen::Present(policy) => policy,
    };
    let name = format!("ImagePolicy {}", policy.name);
    if policy.is_suspended {
        let chosen = policy.latest.as_ref().map_or_else(String::new, |latest| {
            format!(", it stays at {}", latest.tag)
        });
        let text = format!("{name} is suspended{chosen}");
        return Finding::broken(Reason::PolicySuspended, State::Suspended, text);
    }
    let rule = match &policy.rule {
        Ok(rule) => rule,
        Err(error) => {
            let text = format!("{name}: {}", fault(error));
            return Finding::broken(Reason::InvalidPattern, State::Blocked, text);
        }
    };
    if let Some(refused) = refusal(policy.ready.as_ref()) {
        return unchosen(facts, policy, rule, refused);
    }
    let Some(latest) = &policy.latest else {
        return Finding::under_way(format!("{name} has not chosen a tag yet"));
    };
    if let Some(text) = moved(facts, latest) {
        return Finding::broken(Reason::DigestMoved, State::Drifted, text);
    }
    let text = format!("{name}: {} ({})", latest.tag, rule.rule);
    match &policy.ready {
        Some(_) if !is_true(policy.ready.as_ref()) => Finding::under_way(text),
        _ => Finding::holds(text),
    }
}

fn fault(error: &PolicyError) -> String {
    let path = error.field().path();
    match error.place() {
        Some(place) => format!("{path}: {error}: {place}"),
        None => format!("{path}: {error}"),
    }
}

/// Says why a policy could not choose, by what its condition says.
fn unchosen(
    facts: &Facts<'_>,
    policy: &PolicyFacts,
    rule: &Policy,
    refused: &Condition,
) -> Finding {
    let name = format!("ImagePolicy {}", policy.name);
    let message = line(&refused.message);
    let scan = facts
        .repository
        .present()
        .and_then(|repository| repository.scan);
    let is_empty = scan.is_some_and(|scan| scan.tags == 0);
    if message.contains("no tags in database") {
        return match is_empty {
            true => no_match(&name, scan.map(|scan| scan.tags), &rule.rule.to_string()),
            false => Finding::under_way(format!("{name} waits for the first scan")),
        };
    }
    let tags = scan.map(|scan| scan.tags);
    if message.contains("version list argument cannot be empty") {
        let filter = rule.filter.as_ref().map(|filter| filter.pattern.source());
        let what = filter.map_or_else(|| rule.rule.to_string(), str::to_owned);
        return no_match(&name, tags, &what);
    }
    if message.contains("unable to determine latest version") {
        return no_match(&name, tags, &rule.rule.to_string());
    }
    if message.contains("failed to parse invalid numeric value") {
        let text = format!("{name}: {message}");
        return Finding::broken(Reason::ExtractFailed, State::Blocked, text);
    }
    if matches!(
        refused.reason.as_str(),
        "InvalidPolicy" | "IntervalNotConfigured"
    ) {
        let text = format!("{name}: {message}");
        return Finding::broken(Reason::InvalidPattern, State::Blocked, text);
    }
    // What is wrong with the repository is told there, if that could be seen.
    let text = match is_about_repository(refused) {
        true => message,
        false => format!("{name}: {message}"),
    };
    Finding::unknown(text)
}

fn no_match(name: &str, tags: Option<i64>, what: &str) -> Finding {
    let none = match tags {
        None => "no tag".to_owned(),
        Some(1) => "not the only tag".to_owned(),
        Some(tags) => format!("none of {tags} tags"),
    };
    let text = format!("{name}: {none} fits {what}");
    Finding::broken(Reason::NoTagMatches, State::Blocked, text)
}

/// Tells of a tag that was pushed again: neither Git nor the workload name a digest, so nothing would ever change.
fn moved(facts: &Facts<'_>, latest: &LatestRef) -> Option<String> {
    let digest = latest.digest.as_deref()?;
    let workload = facts.workload.as_ref()?;
    let spec = Reference::parse(&workload.image).ok()?;
    let is_pinned = spec.digest().is_some()
        || facts
            .committed
            .as_ref()
            .is_some_and(|committed| committed.digest.is_some());
    if is_pinned || spec.tag() != Some(&latest.tag) {
        return None;
    }
    let running = workload.running.present()?;
    let other = running
        .iter()
        .filter(|running| running.tag.as_deref() == Some(&latest.tag))
        .filter_map(|running| running.digest.as_deref())
        .find(|running| *running != digest)?;
    let since = facts.policy.present().and_then(|policy| policy.age);
    let since = since.map_or_else(String::new, |age| format!(" {}", ago(age)));
    Some(format!(
        "{} was pushed again{since}: the registry has {}, pods run {}",
        latest.tag,
        short_digest(digest),
        short_digest(other)
    ))
}
