//! Whether a line of Git is marked with the policy.

use super::Finding;
use super::automation::{can_run, guardians};
use crate::delivery::facts::{Care, Facts, Marker, MarkerFacts, Seen, Site, Stray, StrayFault};
use crate::delivery::{Name, Reason, State};

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let Care::Policy(policy) = &facts.care else {
        return Finding::unknown("no policy is known");
    };
    if matches!(facts.policy, Seen::Absent) {
        return unknown_policy(facts, policy);
    }
    let markers = match &facts.markers {
        Seen::Hidden(why) => return Finding::unknown(why),
        Seen::Absent => return Finding::unknown("no ImageInventory tells which line is marked"),
        Seen::Present(markers) => markers,
    };
    if let Some(marker) = relevant(facts, markers).next() {
        return Finding::holds(names(&marker.file, Some(marker.line), policy));
    }
    match markers.strays.iter().min_by_key(|stray| rank(stray)) {
        Some(stray) => astray(stray, policy),
        None => missing(facts, markers, policy),
    }
}

/// The markers that work and may stand behind the container, those on it first.
pub(super) fn relevant<'a>(
    facts: &Facts<'_>,
    markers: &'a MarkerFacts,
) -> impl Iterator<Item = &'a Marker> {
    let is_alone = facts.workload.is_none();
    let on = |site: fn(&Site) -> bool| markers.live.iter().filter(move |one| site(&one.site));
    let here = on(|site| matches!(site, Site::ThisContainer));
    let values = on(|site| matches!(site, Site::Values));
    let others = on(|site| matches!(site, Site::OtherContainer(_)));
    here.chain(values).chain(others.filter(move |_| is_alone))
}

/// The first marker of a file that no automation updates, or of a policy that the automation leaves out:
/// the line is right, and the next link is not.
pub(super) fn out_of_reach(markers: &MarkerFacts) -> Option<&Stray> {
    let strays = markers.strays.iter().filter(|stray| {
        matches!(
            stray.fault,
            StrayFault::OutsidePath(_) | StrayFault::NotSelected
        )
    });
    strays.min_by_key(|stray| rank(stray))
}

/// How near a marker is to one that works, the nearest first.
fn rank(stray: &Stray) -> u8 {
    match stray.fault {
        StrayFault::OutsidePath(_) => 0,
        StrayFault::NotSelected => 1,
        StrayFault::OtherNamespace { .. } => 2,
        StrayFault::UnknownPolicy { .. } => 3,
        StrayFault::Unusable(_) => 4,
    }
}

fn astray(stray: &Stray, policy: &Name) -> Finding {
    let place = place(&stray.file, stray.line);
    let (reason, text) = match &stray.fault {
        StrayFault::OutsidePath(_) | StrayFault::NotSelected => {
            return Finding::holds(names(&stray.file, stray.line, policy));
        }
        StrayFault::OtherNamespace { automation } => (
            Reason::MarkerWrongNamespace,
            format!(
                "{place} names {}, and the automation is in {automation}, where only policies of that namespace count",
                stray.setter
            ),
        ),
        StrayFault::UnknownPolicy { similar } => (
            Reason::MarkerUnknownPolicy,
            format!(
                "{place} names {}, which is not there{}",
                stray.setter,
                did_you_mean(similar.as_deref())
            ),
        ),
        StrayFault::Unusable(what) => (Reason::MarkerMissing, format!("{place}: {what}")),
    };
    Finding::broken(reason, State::Blocked, text)
}

fn unknown_policy(facts: &Facts<'_>, policy: &Name) -> Finding {
    let strays = facts.markers.present().map(|markers| &markers.strays);
    let unknown = strays.into_iter().flatten().find_map(|stray| {
        let StrayFault::UnknownPolicy { .. } = &stray.fault else {
            return None;
        };
        Some(astray(stray, policy))
    });
    unknown.unwrap_or_else(|| {
        let text = format!("there is no ImagePolicy {policy}");
        Finding::broken(Reason::MarkerUnknownPolicy, State::Blocked, text)
    })
}

/// No line is marked, as far as was seen; an automation that is at a standstill may not have seen the newest lines.
fn missing(facts: &Facts<'_>, markers: &MarkerFacts, policy: &Name) -> Finding {
    let setter = setter(policy);
    if let Some(gap) = markers.gaps.first() {
        let text = format!("no line was seen that names {setter}; there may be more: {gap}");
        return Finding::unknown(text);
    }
    let is_from_inventory = markers
        .live
        .iter()
        .all(|marker| marker.automation.is_some());
    let guardians = guardians(facts);
    if is_from_inventory && !guardians.is_empty() && !guardians.iter().copied().any(can_run) {
        let text = format!("no line named {setter} when the automation last looked");
        return Finding::unknown(text);
    }
    let elsewhere = markers.live.iter().find_map(|marker| match &marker.site {
        Site::OtherContainer(whose) => Some((marker, whose)),
        Site::ThisContainer | Site::Values => None,
    });
    let text = match elsewhere {
        Some((marker, whose)) => format!(
            "no line names {setter} for this container; {}:{} does for {whose}",
            marker.file, marker.line
        ),
        None => format!("no line names {setter}"),
    };
    Finding::broken(Reason::MarkerMissing, State::Blocked, text)
}

fn names(file: &str, line: Option<i64>, policy: &Name) -> String {
    format!("{} names {}", place(file, line), setter(policy))
}

fn setter(policy: &Name) -> String {
    format!("{}:{}", policy.namespace, policy.name)
}

fn place(file: &str, line: Option<i64>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!(": did you mean {name}?"))
}
