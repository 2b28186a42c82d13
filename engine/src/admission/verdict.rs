//! Whether a workload is let in, and what is said about it.

use std::collections::HashMap;

use super::assess::{Access, Declared, Finding, Known, Seen};
use super::line::Line;
use super::{
    Knowledge, List, Mode, Owner, Part, Requirement, Response, Review, Rules, Slot, Workload, keys,
    wording,
};
use crate::catalog::Catalog;
use crate::drift::Outcome;
use crate::image::Reference;
use crate::tie::Tie;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the workload is let in.
    pub answer: Answer,
    /// What that goes by.
    pub basis: Basis,
    /// What whoever writes the workload is told: short lines without control characters, few of them.
    pub warnings: Vec<String>,
    /// What is written to the audit log, by keys that never change.
    pub audit: Vec<(&'static str, String)>,
}

/// Whether a workload is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Allowed,
    /// It is not, for what this line says.
    Denied(String),
}

/// What a verdict goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The request is none of our business.
    Exempt,
    /// The namespace wants nothing.
    Off,
    /// No image and no policy of one is another than before.
    Unchanged,
    /// A controller writes it from a template that was let in.
    Owned,
    /// Its images were looked at.
    Checked,
    /// It is against the rules, and somebody who may has overridden them.
    Overridden,
}

impl Basis {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exempt => "exempt",
            Self::Off => "off",
            Self::Unchanged => "unchanged",
            Self::Owned => "owned",
            Self::Checked => "checked",
            Self::Overridden => "overridden",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gravity {
    /// There is nothing to say.
    Fine,
    /// It may be wrong.
    Doubt,
    /// It is against the rules.
    Offence,
}

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// How it stands to its policy.
    Outcome,
    /// Its policy does not say that this namespace may use it.
    Access,
    /// Its policy follows from names alone, and this namespace wants it named.
    Inference,
    /// It is none of the images the namespace is debugged with.
    Debugging,
}

/// A finding that is worth telling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objection<'a> {
    pub(super) finding: Finding<'a>,
    pub(super) complaint: Complaint,
    pub(super) gravity: Gravity,
}

/// Decides whether a workload is let in.
///
/// Only images that the request brings in are looked at, so that what is there already can be scaled, labelled and
/// repaired. Being behind is no finding.
pub fn judge(
    review: &Review<'_>,
    catalog: &Catalog,
    knowledge: Knowledge,
    rules: &Rules,
) -> Verdict {
    if rules.exempts(review) {
        return allowed(Basis::Exempt);
    }
    if review.namespace.mode == Mode::Off {
        return allowed(Basis::Off);
    }
    let introduced = introduced(review);
    if introduced.is_empty() {
        return allowed(Basis::Unchanged);
    }
    if let Some(owner) = rules.trusts(review) {
        return trusted(owner);
    }
    let known = Known {
        catalog,
        namespace: review.namespace,
        knowledge,
    };
    let findings: Vec<Finding<'_>> = introduced
        .iter()
        .map(|seen| known.assess(&review.object, seen))
        .collect();
    let objections = findings
        .iter()
        .map(|finding| object(*finding, &known, rules))
        .filter(|objection| objection.gravity > Gravity::Fine);
    let mut objections: Vec<_> = objections.collect();
    // The gravest first; the sort keeps the order of the workload otherwise.
    objections.sort_by_key(|objection| std::cmp::Reverse(objection.gravity));
    conclude(review, &findings, &objections, rules)
}

/// Decides about a workload that cannot be read; `before` is whether what is there can be.
///
/// What nobody can read cannot be checked, so it is refused where rules are enforced, unless it was so before.
pub fn unreadable(mode: Mode, reason: &str, before: Readable) -> Verdict {
    let line = wording::unreadable(reason);
    let finding = wording::alone(&line);
    match (mode, before) {
        (Mode::Off, _) => allowed(Basis::Off),
        (Mode::Enforce, Readable::Yes) => Verdict {
            answer: Answer::Denied(finding.clone()),
            basis: Basis::Checked,
            warnings: Vec::new(),
            audit: vec![("decision", "denied".to_owned()), ("findings", finding)],
        },
        _ => Verdict {
            answer: Answer::Allowed,
            basis: Basis::Checked,
            warnings: match mode {
                Mode::Audit => Vec::new(),
                _ => wording::warnings(std::iter::once(line)),
            },
            audit: vec![("decision", "allowed".to_owned()), ("findings", finding)],
        },
    }
}

/// Whether what was there before a request can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// It can, or nothing was there.
    Yes,
    /// It cannot.
    No,
}

fn conclude(
    review: &Review<'_>,
    findings: &[Finding<'_>],
    objections: &[Objection<'_>],
    rules: &Rules,
) -> Verdict {
    let mode = review.namespace.mode;
    let offences: Vec<_> = objections
        .iter()
        .filter(|objection| objection.gravity == Gravity::Offence)
        .collect();
    let reason = review.object.annotations.get(keys::OVERRIDE);
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let refused = mode == Mode::Enforce && !offences.is_empty();
    let overridden = reason.filter(|_| refused && rules.may_override(&review.requester));
    let mut audit = Vec::new();
    let decision = match (refused, overridden) {
        (_, Some(_)) => "overridden",
        (true, None) => "denied",
        (false, None) => "allowed",
    };
    audit.push(("decision", decision.to_owned()));
    audit.push(("images", wording::outcomes(findings)));
    if !objections.is_empty() {
        audit.push(("findings", wording::audit(objections)));
    }
    if let Some(reason) = overridden {
        audit.push(("override", wording::reason(reason)));
    }
    let (answer, told) = match (refused, overridden) {
        (true, None) => {
            let doubts = objections.len() - offences.len();
            (
                Answer::Denied(wording::denial(&offences)),
                &objections[objections.len() - doubts..],
            )
        }
        _ => (Answer::Allowed, objections),
    };
    let mut lines: Vec<Line> = Vec::new();
    lines.extend(overridden.map(wording::overridden));
    if refused && overridden.is_none() && reason.is_some() {
        lines.push(wording::not_overridden(review.requester.user));
    }
    if let Some(mistake) = review
        .namespace
        .wishes
        .and_then(|wishes| wishes.mistake.as_ref())
    {
        lines.push(wording::mode(mistake));
    }
    lines.extend(told.iter().map(wording::sentence));
    Verdict {
        answer,
        basis: overridden.map_or(Basis::Checked, |_| Basis::Overridden),
        warnings: match mode {
            Mode::Off | Mode::Audit => Vec::new(),
            Mode::Warn | Mode::Enforce => wording::warnings(lines.into_iter()),
        },
        audit,
    }
}

fn allowed(basis: Basis) -> Verdict {
    Verdict {
        answer: Answer::Allowed,
        basis,
        warnings: Vec::new(),
        audit: Vec::new(),
    }
}

fn trusted(owner: Owner<'_>) -> Verdict {
    Verdict {
        audit: vec![
            ("decision", "owned".to_owned()),
            ("owner", wording::owner(owner)),
        ],
        ..allowed(Basis::Owned)
    }
}

/// What there is to say of one image.
fn object<'a>(finding: Finding<'a>, known: &Known<'_>, rules: &Rules) -> Objection<'a> {
    let (complaint, gravity) = match finding.seen.slot.list {
        List::EphemeralContainers => debugging(finding, known),
        List::Containers | List::InitContainers | List::Volumes => lasting(finding, known, rules),
    };
    Objection {
        finding,
        complaint,
        gravity,
    }
}

fn lasting(finding: Finding<'_>, known: &Known<'_>, rules: &Rules) -> (Complaint, Gravity) {
    let requirement = requirement(known);
    let required = match requirement {
        Requirement::Nothing => Gravity::Fine,
        // It may be there, and not be known of.
        Requirement::Policy | Requirement::Annotation if !known.is_complete() => Gravity::Doubt,
        Requirement::Policy | Requirement::Annotation => Gravity::Offence,
    };
    let gravity = match finding.outcome {
        Outcome::Current | Outcome::Behind => Gravity::Fine,
        Outcome::Foreign | Outcome::Mismatch | Outcome::Unparsable => Gravity::Offence,
        Outcome::MissingPolicy => match rules.missing_policy {
            Response::Refuse if known.is_complete() => Gravity::Offence,
            Response::Refuse | Response::Tolerate => Gravity::Doubt,
        },
        Outcome::NotReady | Outcome::Unverified => Gravity::Doubt,
        Outcome::Ambiguous | Outcome::Unmanaged => required,
        Outcome::OptedOut => match rules.opted_out {
            Response::Refuse => required,
            Response::Tolerate => Gravity::Fine,
        },
    };
    if gravity < required && finding.access == Access::Refused {
        return (Complaint::Access, required);
    }
    let inferred = matches!(finding.tie, Tie::To(_, origin) if !origin.is_stated());
    if requirement == Requirement::Annotation && inferred && gravity < Gravity::Offence {
        return (Complaint::Inference, Gravity::Offence);
    }
    (Complaint::Outcome, gravity)
}

/// Whoever looks into a pod brings tools that no policy covers.
fn debugging(finding: Finding<'_>, known: &Known<'_>) -> (Complaint, Gravity) {
    let chosen = matches!(finding.outcome, Outcome::Current | Outcome::Behind)
        && finding.access == Access::Granted;
    if chosen {
        return (Complaint::Outcome, Gravity::Fine);
    }
    let allowed = known
        .namespace
        .wishes
        .and_then(|wishes| wishes.debugging.as_ref());
    let Some(allowed) = allowed else {
        return (Complaint::Debugging, Gravity::Doubt);
    };
    let image = finding.seen.image.as_ref().ok();
    let listed = image.is_some_and(|image| {
        allowed
            .iter()
            .any(|repository| image.same_repository(repository))
    });
    let gravity = match listed {
        true => Gravity::Fine,
        false => Gravity::Offence,
    };
    (Complaint::Debugging, gravity)
}

fn requirement(known: &Known<'_>) -> Requirement {
    let wishes = known.namespace.wishes;
    wishes.map_or_else(Requirement::default, |wishes| wishes.requirement)
}

/// The images that the request brings in: those that are new, are another image, or get another policy.
fn introduced<'a>(review: &Review<'a>) -> Vec<Seen<'a>> {
    let written = review
        .object
        .slots
        .iter()
        .filter(|slot| review.part == Part::Whole || slot.list == List::EphemeralContainers);
    let Some(before) = review.before else {
        return written.map(|slot| Seen::new(*slot)).collect();
    };
    let mut known: HashMap<(List, &str), Vec<&str>> = HashMap::new();
    for slot in before.slots {
        let images = known.entry((slot.list, slot.name)).or_default();
        images.push(slot.image);
    }
    let is_new = |slot: &&Slot<'a>| {
        let images = known.get(&(slot.list, slot.name));
        let same = match images.map(Vec::as_slice) {
            None => false,
            Some([image]) => same_image(image, slot.image),
            Some(images) => images.contains(&slot.image),
        };
        !same || declares_anew(&before, &review.object, slot)
    };
    written
        .filter(is_new)
        .map(|slot| Seen::new(*slot))
        .collect()
}

fn declares_anew(before: &Workload<'_>, now: &Workload<'_>, slot: &Slot<'_>) -> bool {
    Declared::of(before, slot) != Declared::of(now, slot)
}

/// Whether two texts name one image: `nginx` is `docker.io/library/nginx:latest`.
fn same_image(one: &str, other: &str) -> bool {
    one == other
        || matches!(
            (Reference::parse(one), Reference::parse(other)),
            (Ok(one), Ok(other)) if one == other
        )
}
