//! Whether what is committed is what the workload says.

use std::time::Duration;

use super::wording::{and_ago, line, refusal, short_revision};
use super::{Finding, rollout};
use crate::delivery::facts::{Admission, ApplierFacts, Facts, Seen, Setter, WorkloadFacts};
use crate::delivery::standing::{Match, Standing, Version};
use crate::delivery::{CheckVerdict, Reason, State};
use crate::image::Reference;

/// How long what applies manifests may take until it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let Some(workload) = &facts.workload else {
        return Finding::unknown("no workload was looked at");
    };
    let applier = facts.applier.present().copied();
    let standing = Standing::of(facts);
    let is_known = facts.committed.is_some() && standing.applied != Match::Unknown;
    let compared = match is_known {
        true => standing.applied,
        false => standing.spec,
    };
    match compared {
        Match::Same => in_place(facts, workload, applier),
        Match::Unknown => Finding::unknown(format!(
            "it cannot be told whether {} is what is wanted",
            workload.image
        )),
        Match::Other => other(facts, workload, applier),
    }
}

/// The workload says what Git says.
fn in_place(
    facts: &Facts<'_>,
    workload: &WorkloadFacts,
    applier: Option<&ApplierFacts>,
) -> Finding {
    if let Some(finding) = applier.and_then(suspended) {
        return finding;
    }
    // A rollout that does not come up is worse than a workload nobody looked at.
    let is_coming_up = !matches!(rollout::look(facts).verdict, CheckVerdict::Broken(_));
    if let Admission::Unmarked(mode) = &workload.admission
        && is_coming_up
    {
        let text = format!(
            "the namespace asks for {mode}, and the workload was admitted without the webhook"
        );
        return Finding::broken(Reason::AdmissionSkipped, State::Unknown, text);
    }
    Finding::holds(match (applier, &facts.applier) {
        (Some(applier), _) => match &applier.revision {
            Some(revision) => format!("{} at {}", applier.name, short_revision(revision)),
            None => applier.name.clone(),
        },
        (None, Seen::Hidden(why)) => format!("the workload has {}; {why}", version(workload)),
        (None, _) => format!("the workload has {}", version(workload)),
    })
}

/// The workload says something else: who did it, or why it is not changed yet.
fn other(facts: &Facts<'_>, workload: &WorkloadFacts, applier: Option<&ApplierFacts>) -> Finding {
    let has = version(workload);
    let Some(committed) = Version::committed(facts) else {
        return not_known(facts, workload, &has);
    };
    let committed = committed.short();
    if let Some(setter) = &workload.setter
        && let Some(reason) = strange(setter, applier)
    {
        let text = format!(
            "the workload has {has}, Git has {committed}; image set by \"{}\"{}",
            setter.manager,
            and_ago(setter.age).trim_start_matches(',')
        );
        return Finding::broken(reason, State::Drifted, text);
    }
    if let Some(applier) = applier {
        if let Some(finding) = suspended(applier).or_else(|| failed(applier)) {
            return finding;
        }
        if let (Some(revision), Some(commit)) = (&applier.revision, commit_of(facts))
            && revision.ends_with(commit)
        {
            let text = format!(
                "{} applied {}, which has {committed}, and the workload has {has}",
                applier.name,
                short_revision(revision)
            );
            return Finding::unknown(text);
        }
    }
    outdated(facts, applier, &committed, &has)
}

fn not_known(facts: &Facts<'_>, workload: &WorkloadFacts, has: &str) -> Finding {
    let latest = facts
        .policy
        .present()
        .and_then(|policy| policy.latest.as_ref());
    let wanted = latest.map_or("another one", |latest| &latest.tag);
    let setter = workload.setter.as_ref().map_or_else(String::new, |setter| {
        format!(
            "; image set by \"{}\"{}",
            setter.manager,
            and_ago(setter.age).trim_start_matches(',')
        )
    });
    Finding::unknown(format!(
        "the workload has {has}, {wanted} is wanted, and it is not known what is committed{setter}"
    ))
}

/// The commit is not there yet; that takes a while, and not for ever.
fn outdated(
    facts: &Facts<'_>,
    applier: Option<&ApplierFacts>,
    committed: &str,
    has: &str,
) -> Finding {
    let at = applier
        .and_then(|applier| Some((applier, applier.revision.as_ref()?)))
        .map_or_else(String::new, |(applier, revision)| {
            format!(", {} is at {}", applier.name, short_revision(revision))
        });
    let age = super::automation::guardians(facts)
        .into_iter()
        .filter_map(|automation| automation.last_push.as_ref())
        .find(|push| commit_of(facts) == Some(&push.commit))
        .and_then(|push| push.age);
    let text = format!(
        "{committed} is committed and not applied yet{at}, the workload has {has}{}",
        age.map_or_else(String::new, |age| format!(
            "; pushed {}",
            super::wording::ago(age)
        ))
    );
    if age.is_some_and(|age| age > PATIENCE) {
        return Finding::broken(Reason::SourceOutdated, State::Committed, text);
    }
    Finding::under_way(text).because(Reason::SourceOutdated)
}

fn suspended(applier: &ApplierFacts) -> Option<Finding> {
    let source = applier.source.present();
    let name = match source {
        _ if applier.is_suspended => &applier.name,
        Some(source) if source.is_suspended => &source.name,
        _ => return None,
    };
    let text = format!("{name} is suspended");
    Some(Finding::broken(
        Reason::ApplySuspended,
        State::Suspended,
        text,
    ))
}

/// What applies cannot: the source first, which the rest depends on.
fn failed(applier: &ApplierFacts) -> Option<Finding> {
    let source = applier.source.present();
    let refused = source.and_then(|source| Some((source, refusal(source.ready.as_ref())?)));
    if let Some((source, refused)) = refused {
        let text = format!("{}: {}", source.name, line(&refused.message));
        return Some(Finding::broken(
            Reason::SourceOutdated,
            State::Blocked,
            text,
        ));
    }
    let refused = refusal(applier.ready.as_ref())?;
    let text = format!("{}: {}", applier.name, line(&refused.message));
    Some(Finding::broken(Reason::ApplyFailed, State::Blocked, text))
}

/// Why somebody who set an image is not who should have; `None` if it may be what applies the manifests.
fn strange(setter: &Setter, applier: Option<&ApplierFacts>) -> Option<Reason> {
    let manager = setter.manager.as_str();
    if applier.is_some_and(|applier| applier.managers.iter().any(|own| own == manager)) {
        return None;
    }
    // kubectl names its verb; who types one is no program.
    const BY_HAND: &[&str] = &[
        "kubectl-set",
        "kubectl-edit",
        "kubectl-patch",
        "kubectl-replace",
        "kubectl-rollout",
        "kubectl-create",
        "kubectl-run",
        "k9s",
        "Lens",
        "OpenLens",
        "dashboard",
        "kubernetes-dashboard",
    ];
    // These may well be how manifests are applied where nothing else is known to.
    const APPLY: &[&str] = &["kubectl", "kubectl-client-side-apply"];
    if BY_HAND.contains(&manager) {
        return Some(Reason::ManualChange);
    }
    match applier {
        None => None,
        Some(_) if APPLY.contains(&manager) => Some(Reason::ManualChange),
        Some(applier) if applier.managers.is_empty() => None,
        Some(_) => Some(Reason::OtherManager),
    }
}

fn commit_of<'a>(facts: &'a Facts<'_>) -> Option<&'a str> {
    facts.committed.as_ref()?.commit.as_deref()
}

fn version(workload: &WorkloadFacts) -> String {
    match Reference::parse(&workload.image) {
        Ok(reference) => Version::of(&reference).short(),
        Err(_) => format!("\"{}\"", line(&workload.image)),
    }
}
