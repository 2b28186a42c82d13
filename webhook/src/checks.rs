//! Whether an object of ours can work: what is wrong with it, in which field, and where in the text.
//!
//! What the API server cannot see for itself is looked at: ranges, patterns, templates, references. An object that is
//! wrong already may be written again with the same mistake, so that it can be labelled, suspended and deleted.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use engine::pattern::{Pattern, PatternError};
use engine::range::{Range, RangeError};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::policies::Snapshot;
use crate::review::{Answered, Decision};
use crate::wire::{Denial, Operation, Reply, Request};

mod automation;
mod policy;
mod repository;
#[cfg(test)]
mod tests;

/// The most problems a refusal tells of.
const MAX_PROBLEMS: usize = 5;
/// The longest a text may be where it is repeated, in characters.
const MAX_QUOTED: usize = 120;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    /// The path of the field.
    field: String,
    /// What is wrong with it, and where.
    what: String,
}

/// What is found in an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Findings {
    /// What can never work.
    problems: Vec<Problem>,
    /// What does not work now, and may later.
    doubts: Vec<Problem>,
}

impl Findings {
    fn problem(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem {
            field: field.into(),
            what: what.into(),
        });
    }

    fn doubt(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.doubts.push(Problem {
            field: field.into(),
            what: what.into(),
        });
    }

    /// Looks at a range of versions.
    fn range(&mut self, field: &str, range: &str) {
        if let Err(error) = Range::parse(range) {
            self.problem(field, range_fault(range, &error));
        }
    }

    /// Looks at a regular expression.
    fn pattern(&mut self, field: &str, pattern: &str) -> Option<Pattern> {
        let read = Pattern::new(pattern);
        read.map_err(|error| self.problem(field, pattern_fault(pattern, &error)))
            .ok()
    }
}

fn range_fault(range: &str, error: &RangeError) -> String {
    let hint = error.hint().map(|hint| format!("; {hint}"));
    format!(
        "{} is no range of versions: {}, at position {}{}",
        quoted(range),
        error.fault(),
        error.column(),
        hint.unwrap_or_default()
    )
}

fn pattern_fault(pattern: &str, error: &PatternError) -> String {
    let hint = error.hint().map(|hint| format!("; {hint}"));
    format!(
        "{} is no regular expression: {}, at position {}{}",
        quoted(pattern),
        error.reason(),
        error.column(pattern),
        hint.unwrap_or_default()
    )
}

/// Answers the webhook for our own kinds.
pub fn check(request: &Request<'_>, snapshot: &Snapshot) -> Answered {
    let written = matches!(request.operation, Operation::Create | Operation::Update);
    let group = request.resource.group();
    if !written || !request.sub_resource().is_empty() || group != api::keys::IMAGE_GROUP {
        return skipped();
    }
    let namespace = request.namespace();
    match request.resource.resource() {
        "imagepolicies" => of::<ImagePolicy>(request, |object| {
            policy::check(&object.spec, namespace, snapshot)
        }),
        "imagerepositories" => {
            of::<ImageRepository>(request, |object| repository::check(&object.spec))
        }
        "imageupdateautomations" => {
            of::<ImageUpdateAutomation>(request, |object| automation::check(&object.spec))
        }
        _ => skipped(),
    }
}

fn of<K: DeserializeOwned>(request: &Request<'_>, check: impl Fn(&K) -> Findings) -> Answered {
    let read = |raw: &RawValue| serde_json::from_str::<K>(raw.get());
    let Some(object) = request.object else {
        return skipped();
    };
    let now = match read(object) {
        Ok(object) => check(&object),
        // The schema refuses what is of another type, and says so better.
        Err(_) => return skipped(),
    };
    let before = request.old_object.and_then(|raw| read(raw).ok());
    answer(
        now,
        &before.map(|before| check(&before)).unwrap_or_default(),
    )
}

/// Refuses what the request brings in; what was wrong before is warned of.
fn answer(now: Findings, before: &Findings) -> Answered {
    let (old, new): (Vec<_>, Vec<_>) = now
        .problems
        .into_iter()
        .partition(|problem| before.problems.contains(problem));
    if new.is_empty() {
        let told = old.iter().chain(
            now.doubts
                .iter()
                .filter(|doubt| !before.doubts.contains(doubt)),
        );
        let warnings: Vec<_> = told.map(line).map(|line| cut(&line, MAX_QUOTED)).collect();
        let decision = match warnings.is_empty() {
            true => Decision::Allowed,
            false => Decision::Warned,
        };
        let warnings = warnings.into_iter().take(MAX_PROBLEMS).collect();
        return Answered {
            reply: Reply {
                warnings,
                ..Reply::default()
            },
            decision,
        };
    }
    let mut lines: Vec<String> = new.iter().take(MAX_PROBLEMS).map(line).collect();
    if new.len() > MAX_PROBLEMS {
        lines.push(format!("and {} more", new.len() - MAX_PROBLEMS));
    }
    Answered {
        reply: Reply {
            denial: Some(Denial {
                code: 422,
                reason: "Invalid",
                message: lines.join(" | "),
            }),
            ..Reply::default()
        },
        decision: Decision::Denied,
    }
}

fn skipped() -> Answered {
    Answered {
        reply: Reply::default(),
        decision: Decision::Skipped,
    }
}

fn line(problem: &Problem) -> String {
    format!("{}: {}", problem.field, problem.what)
}

/// A text in quotes, on one line.
fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, MAX_QUOTED))
}

fn cut(text: &str, limit: usize) -> String {
    let plain = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let shown: String = plain.clone().take(limit).collect();
    match plain.count() > limit {
        true => shown.chars().take(limit - 1).chain(['…']).collect(),
        false => shown,
    }
}
