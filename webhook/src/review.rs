//! Reviews are answered here, from what was sent and what is known, without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::pod_spec::PodPaths;
use engine::admission::{
    Answer, Basis, Knowledge, Marking, Mode, Namespace, Part, Readable, Requester, Review, Rules,
    Verdict, Wishes, judge, mark, unreadable,
};
use serde_json::error::Category;

use crate::patch;
use crate::policies::Snapshot;
use crate::wire::{Denial, Object, Operation, Reply, Request, read_object};

#[cfg(test)]
mod tests;

/// The part of a pod that `kubectl debug` writes.
const EPHEMERAL_CONTAINERS: &str = "ephemeralcontainers";

/// How the webhook is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// What is the same for all namespaces.
    pub rules: Rules,
    /// Kinds of others that run containers: where they keep the specs of their pods, by group and resource.
    pub kinds: BTreeMap<(String, String), PodPaths>,
}

/// All that a review is answered from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// How the webhook is set up.
    pub setup: &'a Setup,
    /// Policies and namespaces.
    pub snapshot: &'a Snapshot,
    /// How far their absence can be believed.
    pub knowledge: Knowledge,
}

/// What the API server says of a namespace by the way it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    ByNamespace,
    /// It enforces: the API server has looked at its label, which may be news here.
    Enforced,
}

/// An answer, and what it is counted as.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// What it is counted as.
    pub decision: Decision,
}

/// What an answer is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The object is none of our business.
    Skipped,
    /// Nothing is to be done or said.
    Unchanged,
    /// Marks are written.
    Patched,
    /// It is let in.
    Allowed,
    /// It is let in with a warning.
    Warned,
    /// It is refused.
    Denied,
    /// It is let in against the rules.
    Overridden,
    /// It cannot be read.
    Unreadable,
}

impl Decision {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Patched => "patched",
            Self::Allowed => "allowed",
            Self::Warned => "warned",
            Self::Denied => "denied",
            Self::Overridden => "overridden",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Answers the mutating webhook: says which marks a workload gets. Never refuses anything.
pub fn mutate(request: &Request<'_>, known: &Known<'_>) -> Answered {
    let Some((paths, Part::Whole)) = workload(request, known.setup) else {
        return nothing(Decision::Skipped);
    };
    let (object, before) = match read(request, paths) {
        Ok(read) => read,
        Err(unread) => {
            tracing::debug!(error = unread.reason, "workload cannot be read");
            return nothing(Decision::Unreadable);
        }
    };
    let marking = ask(
        request,
        known,
        Part::Whole,
        Guard::ByNamespace,
        (&object, before.as_ref()),
        |review| {
            mark(
                review,
                &known.snapshot.catalog,
                known.knowledge,
                &known.setup.rules,
            )
        },
    );
    match marking {
        Marking::Done => nothing(Decision::Unchanged),
        Marking::Edits(edits) => Answered {
            reply: Reply {
                patch: Some(patch::build(&edits, &object)),
                ..Reply::default()
            },
            decision: Decision::Patched,
        },
        Marking::TooLarge => Answered {
            reply: Reply {
                warnings: vec![
                    "imgauto leaves its marks out: annotations would become too large".to_owned(),
                ],
                ..Reply::default()
            },
            decision: Decision::Warned,
        },
    }
}

/// Answers the validating webhook: says whether a workload is let in.
pub fn validate(request: &Request<'_>, known: &Known<'_>, guard: Guard) -> Answered {
    let Some((paths, part)) = workload(request, known.setup) else {
        return nothing(Decision::Skipped);
    };
    let verdict = match read(request, paths) {
        Ok((object, before)) => {
            let objects = (&object, before.as_ref());
            ask(request, known, part, guard, objects, |review| {
                judge(
                    review,
                    &known.snapshot.catalog,
                    known.knowledge,
                    &known.setup.rules,
                )
            })
        }
        Err(unread) => {
            let wishes = known.snapshot.namespaces.get(request.namespace());
            let mode = mode(wishes, guard);
            let exempt = &known.setup.rules.exempt_namespaces;
            match exempt.contains(request.namespace()) {
                true => return nothing(Decision::Skipped),
                false => unreadable(mode, &unread.reason, unread.before),
            }
        }
    };
    answered(verdict)
}

fn answered(verdict: Verdict) -> Answered {
    let decision = match (&verdict.answer, verdict.basis) {
        (Answer::Denied(_), _) => Decision::Denied,
        (_, Basis::Exempt | Basis::Off) => Decision::Skipped,
        (_, Basis::Unchanged) => Decision::Unchanged,
        (_, Basis::Overridden) => Decision::Overridden,
        _ if !verdict.warnings.is_empty() => Decision::Warned,
        _ => Decision::Allowed,
    };
    let denial = match verdict.answer {
        Answer::Allowed => None,
        Answer::Denied(message) => Some(Denial {
            code: 403,
            reason: "Forbidden",
            message,
        }),
    };
    Answered {
        reply: Reply {
            denial,
            patch: None,
            warnings: verdict.warnings,
            audit: verdict.audit,
        },
        decision,
    }
}

fn nothing(decision: Decision) -> Answered {
    Answered {
        reply: Reply::default(),
        decision,
    }
}

/// Where a kind keeps the specs of its pods, and which part of it is written; `None` if no image can be.
fn workload<'a>(request: &Request<'_>, setup: &'a Setup) -> Option<(&'a PodPaths, Part)> {
    let written = matches!(request.operation, Operation::Create | Operation::Update);
    if !written || request.namespace().is_empty() {
        return None;
    }
    let (group, resource) = (request.resource.group(), request.resource.resource());
    let part = match (request.sub_resource(), group, resource) {
        ("", _, _) => Part::Whole,
        (EPHEMERAL_CONTAINERS, "", "pods") => Part::EphemeralContainers,
        _ => return None,
    };
    let paths = PodPaths::built_in(group, resource)
        .or_else(|| setup.kinds.get(&(group.to_owned(), resource.to_owned())))?;
    Some((paths, part))
}

/// A workload that cannot be read.
struct Unread {
    reason: String,
    before: Readable,
}

/// Reads what is to be written and what is there.
fn read<'a>(
    request: &Request<'a>,
    paths: &PodPaths,
) -> Result<(Object<'a>, Option<Object<'a>>), Unread> {
    let before = request.old_object.map(|raw| read_object(raw, paths));
    let readable = match &before {
        Some(Err(_)) => Readable::No,
        _ => Readable::Yes,
    };
    let unread = |reason: String| Unread {
        reason,
        before: readable,
    };
    let object = request
        .object
        .ok_or_else(|| unread("there is no object".to_owned()))?;
    let object = read_object(object, paths).map_err(|error| unread(place(&error)))?;
    // What could not be read before and can be now is looked at as if it were new.
    Ok((object, before.and_then(Result::ok)))
}

/// Where an object cannot be read. What the error quotes is the object's, and this goes into logs.
fn place(error: &serde_json::Error) -> String {
    let wrong = match error.classify() {
        Category::Data => "something is not what it has to be",
        Category::Io | Category::Syntax | Category::Eof => "it is no JSON",
    };
    format!("{wrong} at line {} column {}", error.line(), error.column())
}

/// Asks for a decision about a request.
fn ask<T>(
    request: &Request<'_>,
    known: &Known<'_>,
    part: Part,
    guard: Guard,
    (object, before): (&Object<'_>, Option<&Object<'_>>),
    decide: impl FnOnce(&Review<'_>) -> T,
) -> T {
    let wishes = known.snapshot.namespaces.get(request.namespace());
    let (slots, groups) = (object.slots(), request.user_info.groups());
    let slots_before = before.map(Object::slots).unwrap_or_default();
    decide(&Review {
        namespace: Namespace {
            name: request.namespace(),
            wishes: wishes.map(Arc::as_ref),
            mode: mode(wishes, guard),
        },
        requester: Requester {
            user: request.user_info.username(),
            groups: &groups,
        },
        object: object.workload(&slots),
        before: before.map(|before| before.workload(&slots_before)),
        part,
    })
}

/// How strict a namespace is. One that is not known yet is warned: the API server would not ask without a reason.
fn mode(wishes: Option<&Arc<Wishes>>, guard: Guard) -> Mode {
    match (guard, wishes) {
        (Guard::Enforced, _) => Mode::Enforce,
        (_, Some(wishes)) => wishes.mode,
        (_, None) => Mode::Warn,
    }
}
