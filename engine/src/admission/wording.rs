//! What is said about findings: in a refusal, in warnings, in the audit log.
//!
//! The API server drops a warning that holds a control character, and shortens long ones when there are many.
//! Every text here is one line, and none grows with what was sent. What is wrong and what would help stand in one
//! sentence, the same everywhere, short enough for a warning.

use super::assess::Finding;
use super::line::{Line, cut};
use super::verdict::{Complaint, Objection};
use super::{Owner, UnknownMode, keys};
use crate::drift::Outcome;
use crate::tie::Tie;

/// The longest a warning may be, in characters.
pub const MAX_WARNING: usize = 120;
/// The most warnings a request may cause.
pub const MAX_WARNINGS: usize = 5;

/// The most findings a refusal tells of.
const MAX_OFFENCES: usize = 3;
/// The longest that one of them may be, in characters.
const MAX_OFFENCE: usize = 400;
/// The most images the audit log tells of.
const MAX_AUDITED: usize = 20;
/// The longest a name or an image may be where it is repeated, in characters.
const MAX_QUOTED: usize = 160;
/// The longest reason that is repeated, in characters.
const MAX_REASON: usize = 256;
/// The most policies that are named of those that fit equally well.
const MAX_FITTING: usize = 3;

/// The line of a refusal.
pub(super) fn denial(offences: &[&Objection<'_>]) -> String {
    listed(offences.iter().copied())
}

/// What is wrong, for the audit log.
pub(super) fn audit(objections: &[Objection<'_>]) -> String {
    listed(objections.iter())
}

fn listed<'a>(objections: impl ExactSizeIterator<Item = &'a Objection<'a>>) -> String {
    let count = objections.len();
    let told = objections.take(MAX_OFFENCES);
    let mut told: Vec<String> = told
        .map(|objection| sentence(objection).within(MAX_OFFENCE))
        .collect();
    told.extend(more(count, MAX_OFFENCES));
    told.join(" | ")
}

/// What is wrong with an image and what would help: `container web (foreign): …; use …`.
pub(super) fn sentence(objection: &Objection<'_>) -> Line {
    let Objection {
        finding, complaint, ..
    } = objection;
    let slot = &finding.seen.slot;
    let word = match complaint {
        Complaint::Outcome => finding.outcome.as_str(),
        Complaint::Access => "not granted",
        Complaint::Inference => "not named",
        Complaint::Debugging => "not listed",
    };
    let line = Line::new(&format!("{} {{}} ({word}): ", slot.list), &[slot.name]);
    match complaint {
        Complaint::Outcome => outcome(finding, line),
        Complaint::Access => line.and(
            "policy {} is not for this namespace; set spec.accessFrom of its ImageRepository",
            &[&policy(finding)],
        ),
        Complaint::Inference => line
            .and("this namespace wants each policy named; set ", &[])
            .key(&keys::stated(slot))
            .and(" to {}", &[&policy(finding)]),
        Complaint::Debugging => line
            .and("to allow {}, add it to ", &[slot.image])
            .key(keys::DEBUG_REPOSITORIES)
            .and(" of the namespace", &[]),
    }
}

fn outcome(finding: &Finding<'_>, line: Line) -> Line {
    let (image, policy) = (finding.seen.slot.image, &*policy(finding));
    let (stated, declared) = (keys::stated(&finding.seen.slot), declaration(finding));
    match finding.outcome {
        Outcome::Current => line.and("{} is what policy {} chose", &[image, policy]),
        Outcome::Behind => line.and("policy {} has chosen another tag", &[policy]),
        Outcome::Foreign => line.and(
            "tag {} is outside {} of policy {}; use {} or change the policy",
            &[tag(finding), &rule(finding), policy, choice(finding)],
        ),
        Outcome::Mismatch => line
            .and(
                "policy {} is not for {}; correct the image or ",
                &[policy, image],
            )
            .key(&declared),
        Outcome::MissingPolicy => line
            .and("there is no policy {}; create it or correct ", &[policy])
            .key(&declared),
        Outcome::NotReady => line.and(
            "policy {} has no choice to go by; its status says why",
            &[policy],
        ),
        Outcome::Unverified => line.and(
            "policy {} knows no digest {}; its choice is {}",
            &[policy, digest(finding), choice(finding)],
        ),
        Outcome::Unparsable => {
            let reason = finding.seen.image.as_ref().err().map(ToString::to_string);
            line.and("{}; correct the image", &[&reason.unwrap_or_default()])
        }
        Outcome::Ambiguous => line
            .and("policies {} fit; name one of them in ", &[policy])
            .key(&stated),
        Outcome::Unmanaged => line
            .and("no policy is for {}; create one, or name it in ", &[image])
            .key(&stated),
        Outcome::OptedOut => line
            .and("this namespace requires a policy; remove ", &[])
            .key(&declared),
    }
}

/// The tag that the policy chose.
fn choice<'a>(finding: &Finding<'a>) -> &'a str {
    let latest = finding.choice.and_then(|choice| choice.latest);
    latest.map_or("another", |latest| &latest.tag)
}

/// The annotation that says which policy is meant.
fn declaration(finding: &Finding<'_>) -> String {
    match (finding.declared.stated, finding.declared.default) {
        (None, Some(_)) => keys::POLICY.to_owned(),
        _ => keys::stated(&finding.seen.slot),
    }
}

/// The policy that is meant, or those that may be.
fn policy(finding: &Finding<'_>) -> String {
    match finding.tie {
        Tie::To(policy, _) => format!("{}/{}", policy.namespace, policy.name),
        Tie::Missing(namespace, name, _) => format!("{namespace}/{name}"),
        Tie::Ambiguous(several) => {
            let names = several.iter().take(MAX_FITTING);
            let names = names.map(|policy| format!("{}/{}", policy.namespace, policy.name));
            let mut names: Vec<_> = names.collect();
            names.extend(more(several.iter().count(), MAX_FITTING));
            names.join(", ")
        }
        Tie::OptedOut | Tie::Unmanaged => String::new(),
    }
}

fn tag<'a>(finding: &Finding<'a>) -> &'a str {
    let image = finding.seen.image.as_ref().ok();
    image.and_then(|image| image.tag()).unwrap_or_default()
}

fn digest<'a>(finding: &Finding<'a>) -> &'a str {
    let image = finding.seen.image.as_ref().ok();
    image.and_then(|image| image.digest()).unwrap_or_default()
}

/// Which tags the policy can choose.
fn rule(finding: &Finding<'_>) -> String {
    let Some(rule) = finding.choice.and_then(|choice| choice.rule) else {
        return "the rule".to_owned();
    };
    let filter = rule.filter.as_ref();
    let filter = filter.map(|filter| format!(" of tags like {}", filter.pattern.source()));
    format!("{}{}", rule.rule, filter.unwrap_or_default())
}

/// The outcome of each image, for the audit log.
pub(super) fn outcomes(findings: &[Finding<'_>]) -> String {
    let told = findings.iter().take(MAX_AUDITED).map(|finding| {
        let slot = &finding.seen.slot;
        let name = cut(slot.name, MAX_QUOTED);
        format!("{} {name}={}", slot.list, finding.outcome)
    });
    let mut told: Vec<String> = told.collect();
    told.extend(more(findings.len(), MAX_AUDITED));
    told.join(", ")
}

/// The warnings made of some lines: few, short, and saying how many are left out.
pub(super) fn warnings(lines: impl Iterator<Item = Line>) -> Vec<String> {
    let lines: Vec<Line> = lines.collect();
    let shown = match lines.len() {
        count if count > MAX_WARNINGS => MAX_WARNINGS - 1,
        count => count,
    };
    let mut warnings: Vec<String> = lines[..shown]
        .iter()
        .map(|line| line.within(MAX_WARNING))
        .collect();
    warnings.extend(more(lines.len(), shown));
    warnings
}

fn more(count: usize, shown: usize) -> Option<String> {
    (count > shown).then(|| format!("and {} more", count - shown))
}

/// What is said of a workload that cannot be read.
pub(super) fn unreadable(reason: &str) -> Line {
    Line::new("the images of this object cannot be read: {}", &[reason])
}

/// A line that stands alone in a refusal or in the audit log.
pub(super) fn alone(line: &Line) -> String {
    line.within(MAX_OFFENCE)
}

/// What is said of a namespace whose mode cannot be read.
pub(super) fn mode(mistake: &UnknownMode) -> Line {
    let line = Line::new("label ", &[]).key(keys::MODE);
    line.and(" of the namespace: {}", &[&mistake.to_string()])
}

/// What is said of an override that counted.
pub(super) fn overridden(reason: &str) -> Line {
    let line = Line::new("let in by ", &[]).key(keys::OVERRIDE);
    line.and(": {}", &[reason])
}

/// What is said of an override that did not count.
pub(super) fn not_overridden(user: &str) -> Line {
    let line = Line::default().key(keys::OVERRIDE);
    line.and(" does not count: {} is in no group for it", &[user])
}

/// The reason of an override.
pub(super) fn reason(reason: &str) -> String {
    cut(reason, MAX_REASON)
}

/// Kind and name of an owner.
pub(super) fn owner(owner: Owner<'_>) -> String {
    cut(&format!("{}/{}", owner.kind, owner.name), MAX_QUOTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_are_counted() {
        let lines = |count: usize| (0..count).map(|n| Line::new("line {}", &[&n.to_string()]));
        assert_eq!(warnings(lines(5)).len(), 5);
        let many = warnings(lines(9));
        assert_eq!(many.len(), MAX_WARNINGS);
        assert_eq!(many.last().unwrap(), "and 5 more");
        assert!(warnings(lines(0)).is_empty());
    }
}
