//! What is said about findings: in a refusal, in warnings, in the audit log.
//!
//! The API server drops a warning that holds a control character, and shortens long ones when there are many.
//! Every text here is one line, and none grows with what was sent.

use super::assess::Finding;
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
/// The most images the audit log tells of.
const MAX_AUDITED: usize = 20;
/// The longest a name or an image may be where it is repeated, in characters.
const MAX_QUOTED: usize = 160;
/// The longest reason that is repeated, in characters.
const MAX_REASON: usize = 256;
/// The most policies that are named of those that fit equally well.
const MAX_FITTING: usize = 3;

/// The line of a refusal: what is wrong, and what would help.
pub(super) fn denial(offences: &[&Objection<'_>]) -> String {
    let told = offences.iter().take(MAX_OFFENCES).map(|offence| {
        let (what, how) = (sentence(offence), advice(offence));
        format!("{what}; {how}")
    });
    let mut lines: Vec<String> = told.collect();
    lines.extend(more(offences.len(), MAX_OFFENCES));
    lines.join(" | ")
}

/// What is wrong with an image, in a sentence without an end.
pub(super) fn sentence(objection: &Objection<'_>) -> String {
    let Objection {
        finding, complaint, ..
    } = objection;
    let slot = &finding.seen.slot;
    let image = printable(slot.image, MAX_QUOTED);
    let what = match complaint {
        Complaint::Access => format!(
            "policy {} does not let this namespace use it",
            policy(finding)
        ),
        Complaint::Debugging => {
            format!("{image} is nothing this namespace is to be debugged with")
        }
        Complaint::Outcome => outcome(finding, &image),
    };
    format!("{} {}: {what}", slot.list, printable(slot.name, MAX_QUOTED))
}

fn outcome(finding: &Finding<'_>, image: &str) -> String {
    let policy = policy(finding);
    match finding.outcome {
        Outcome::Current => format!("{image} is what policy {policy} chose"),
        Outcome::Behind => format!("policy {policy} has chosen another image than {image}"),
        Outcome::Foreign => {
            let tag = tag(finding);
            format!(
                "tag {tag} is none that policy {policy} can choose{}",
                rule(finding)
            )
        }
        Outcome::Mismatch => format!("{image} is not in the repository of policy {policy}"),
        Outcome::MissingPolicy => format!("policy {policy} is not there"),
        Outcome::NotReady => format!("policy {policy} has made no choice to go by"),
        Outcome::Unverified => {
            format!("policy {policy} does not know the digest of {image}")
        }
        Outcome::Unparsable => {
            let reason = finding.seen.image.as_ref().err().map(ToString::to_string);
            let reason = reason.unwrap_or_default();
            format!("no image reference: {}", printable(&reason, MAX_REASON))
        }
        Outcome::Ambiguous => format!("several policies fit {image}: {policy}"),
        Outcome::Unmanaged => format!("no policy looks after {image}"),
        Outcome::OptedOut => "it wants no policy, and this namespace requires one".to_owned(),
    }
}

/// What would help.
fn advice(objection: &Objection<'_>) -> String {
    let Objection {
        finding, complaint, ..
    } = objection;
    let annotation = printable(&keys::stated(&finding.seen.slot), MAX_QUOTED);
    match complaint {
        Complaint::Access => {
            "set spec.accessFrom of its ImageRepository, or name a policy of this namespace"
                .to_owned()
        }
        Complaint::Debugging => format!(
            "take an image from the repositories in {} of the namespace",
            keys::DEBUG_REPOSITORIES
        ),
        Complaint::Outcome => match finding.outcome {
            Outcome::Mismatch => format!("correct the image, or the policy in {annotation}"),
            Outcome::MissingPolicy => {
                format!("create it and try again, or correct {annotation}")
            }
            Outcome::Unparsable => "correct the image".to_owned(),
            Outcome::Ambiguous => format!("name one of them in {annotation}"),
            Outcome::Unmanaged => {
                format!("create an ImagePolicy for it, or name one in {annotation}")
            }
            Outcome::OptedOut => format!("remove {annotation}"),
            Outcome::Current
            | Outcome::Behind
            | Outcome::Foreign
            | Outcome::NotReady
            | Outcome::Unverified => latest(finding),
        },
    }
}

fn latest(finding: &Finding<'_>) -> String {
    let latest = finding.choice.and_then(|choice| choice.latest);
    match latest {
        Some(latest) => {
            let latest = printable(&latest.to_string(), MAX_QUOTED);
            format!("its choice is {latest}, and any tag it could choose is let in")
        }
        None => "any tag it could choose is let in".to_owned(),
    }
}

/// The policy that is meant, or those that may be.
fn policy(finding: &Finding<'_>) -> String {
    let name = match finding.tie {
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
    };
    printable(&name, MAX_QUOTED)
}

fn tag(finding: &Finding<'_>) -> String {
    let image = finding.seen.image.as_ref().ok();
    let tag = image.and_then(|image| image.tag());
    printable(tag.unwrap_or_default(), MAX_QUOTED)
}

/// The rule of the policy, in brackets.
fn rule(finding: &Finding<'_>) -> String {
    let Some(rule) = finding.choice.and_then(|choice| choice.rule) else {
        return String::new();
    };
    let filter = rule.filter.as_ref().map(|filter| {
        let pattern = printable(filter.pattern.source(), MAX_QUOTED);
        format!(" of tags like {pattern}")
    });
    let rule = printable(&rule.rule.to_string(), MAX_QUOTED);
    format!(" ({rule}{})", filter.unwrap_or_default())
}

/// The outcome of each image, for the audit log.
pub(super) fn outcomes(findings: &[Finding<'_>]) -> String {
    let told = findings.iter().take(MAX_AUDITED).map(|finding| {
        let slot = &finding.seen.slot;
        let name = printable(slot.name, MAX_QUOTED);
        format!("{} {name}={}", slot.list, finding.outcome)
    });
    let mut told: Vec<String> = told.collect();
    told.extend(more(findings.len(), MAX_AUDITED));
    told.join(", ")
}

/// What is wrong, for the audit log.
pub(super) fn audit(objections: &[Objection<'_>]) -> String {
    let told = objections.iter().take(MAX_OFFENCES).map(sentence);
    let mut told: Vec<String> = told.collect();
    told.extend(more(objections.len(), MAX_OFFENCES));
    told.join(" | ")
}

/// The warnings made of some lines: few, short, and saying how many are left out.
pub(super) fn warnings(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    let shown = match lines.len() {
        count if count > MAX_WARNINGS => MAX_WARNINGS - 1,
        count => count,
    };
    let mut warnings: Vec<String> = lines[..shown]
        .iter()
        .map(|line| printable(line, MAX_WARNING))
        .collect();
    warnings.extend(more(lines.len(), shown));
    warnings
}

fn more(count: usize, shown: usize) -> Option<String> {
    (count > shown).then(|| format!("and {} more", count - shown))
}

/// What is said of a workload that cannot be read.
pub(super) fn unreadable(reason: &str) -> String {
    let reason = printable(reason, MAX_REASON);
    format!("the images of this object cannot be read: {reason}")
}

/// What is said of a namespace whose mode cannot be read.
pub(super) fn mode(mistake: &UnknownMode) -> String {
    let mistake = printable(&mistake.to_string(), MAX_QUOTED);
    format!("label {} of the namespace: {mistake}", keys::MODE)
}

/// What is said of an override that counted.
pub(super) fn overridden(reason: &str) -> String {
    format!("let in by {}: {}", keys::OVERRIDE, self::reason(reason))
}

/// What is said of an override that did not count.
pub(super) fn not_overridden(user: &str) -> String {
    let user = printable(user, MAX_QUOTED);
    format!(
        "{} does not count: {user} is in no group for it",
        keys::OVERRIDE
    )
}

/// The reason of an override.
pub(super) fn reason(reason: &str) -> String {
    printable(reason, MAX_REASON)
}

/// Kind and name of an owner.
pub(super) fn owner(owner: Owner<'_>) -> String {
    let name = format!("{}/{}", owner.kind, owner.name);
    printable(&name, MAX_QUOTED)
}

/// A text on one line and of at most `limit` characters, the last of them `…` if there was more.
fn printable(text: &str, limit: usize) -> String {
    let plain = |letter: char| match letter {
        // These turn the direction of a line, or end it, and count as letters otherwise.
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let mut letters = text.chars().map(plain);
    let mut shown: String = letters.by_ref().take(limit).collect();
    if letters.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_a_bounded_length() {
        assert_eq!(printable("a\nb\tc\u{7f}", 10), "a b c ");
        assert_eq!(printable("\u{202e}a", 10), "\u{fffd}a");
        assert_eq!(printable("abcde", 5), "abcde");
        assert_eq!(printable("abcdef", 5), "abcd…");
        assert_eq!(printable("äöüäöü", 5), "äöüä…");
    }

    #[test]
    fn many_warnings_are_counted() {
        let lines = |count: usize| (0..count).map(|n| format!("line {n}"));
        assert_eq!(warnings(lines(5)).len(), 5);
        let many = warnings(lines(9));
        assert_eq!(many.len(), MAX_WARNINGS);
        assert_eq!(many.last().unwrap(), "and 5 more");
        assert!(warnings(lines(0)).is_empty());
    }
}
