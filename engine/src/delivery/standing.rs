//! How what is committed, applied and running compares with what is wanted.

use super::facts::{Facts, RunningFacts, Seen};
use crate::change::LatestRef;
use crate::image::Reference;

/// Whether two images are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// They are, as far as both say.
    Same,
    /// They are not.
    Other,
    /// It cannot be told.
    Unknown,
}

/// A tag and a digest, of which one may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version<'a> {
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Version<'a> {
    pub(super) fn wanted(latest: &'a LatestRef) -> Self {
        Self {
            tag: Some(&latest.tag),
            digest: latest.digest.as_deref(),
        }
    }

    pub(super) fn committed(facts: &'a Facts<'_>) -> Option<Self> {
        facts.committed.as_ref().map(|committed| Self {
            tag: committed.tag.as_deref(),
            digest: committed.digest.as_deref(),
        })
    }

    pub(super) fn of(reference: &'a Reference) -> Self {
        Self {
            tag: reference.tag(),
            digest: reference.digest(),
        }
    }

    pub(super) fn running(running: &'a RunningFacts) -> Self {
        Self {
            tag: running.tag.as_deref(),
            digest: running.digest.as_deref(),
        }
    }

    /// Compares what is written: tags must agree, and digests where both are written.
    pub(super) fn compare(self, other: Self) -> Match {
        let digests = both(self.digest, other.digest);
        match both(self.tag, other.tag) {
            Match::Same if digests == Match::Other => Match::Other,
            Match::Unknown => digests,
            tags => tags,
        }
    }

    /// Compares with what runs: digests decide where both are known, since a runtime may show another tag of the same image.
    pub(super) fn compare_running(self, running: Self) -> Match {
        match both(self.digest, running.digest) {
            Match::Unknown => both(self.tag, running.tag),
            digests => digests,
        }
    }

    /// The tag, or else the start of the digest.
    pub(super) fn short(self) -> String {
        match (self.tag, self.digest) {
            (Some(tag), _) => tag.to_owned(),
            (None, Some(digest)) => short_digest(digest),
            (None, None) => "an image without a tag".to_owned(),
        }
    }
}

/// The start of a digest, with its algorithm.
pub(super) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => format!("{algorithm}:{}", hex.get(..7).unwrap_or(hex)),
        None => digest.to_owned(),
    }
}

fn both(one: Option<&str>, other: Option<&str>) -> Match {
    match (one, other) {
        (Some(one), Some(other)) if one == other => Match::Same,
        (Some(_), Some(_)) => Match::Other,
        _ => Match::Unknown,
    }
}

/// How everything compares with what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// What is committed.
    pub(super) committed: Match,
    /// What the workload's spec says.
    pub(super) spec: Match,
    /// What runs; `Same` also if nothing does.
    pub(super) running: Match,
    /// What the spec says, compared with what is committed.
    pub(super) applied: Match,
    /// What runs, compared with what the spec says; `Same` also if nothing does.
    pub(super) started: Match,
}

impl Standing {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let latest = facts
            .policy
            .present()
            .and_then(|policy| policy.latest.as_ref());
        let wanted = latest.map(Version::wanted).unwrap_or_default();
        let committed = Version::committed(facts).unwrap_or_default();
        let workload = facts.workload.as_ref();
        let reference = workload.and_then(|workload| Reference::parse(&workload.image).ok());
        let spec = reference.as_ref().map(Version::of);
        let compare_spec = |with: Version<'_>| match (workload, spec) {
            (None, _) => Match::Unknown,
            // What cannot be read is not what anybody wants.
            (Some(_), None) => Match::Other,
            (Some(_), Some(spec)) => with.compare(spec),
        };
        let compare_running = |with: Version<'_>| {
            let Some(Seen::Present(running)) = workload.map(|workload| &workload.running) else {
                return match workload.map(|workload| &workload.running) {
                    Some(Seen::Absent) => Match::Same,
                    _ => Match::Unknown,
                };
            };
            let matches = running
                .iter()
                .map(|running| with.compare_running(Version::running(running)));
            matches.fold(Match::Same, worse)
        };
        Self {
            committed: wanted.compare(committed),
            spec: compare_spec(wanted),
            running: compare_running(wanted),
            applied: compare_spec(committed),
            started: compare_running(spec.unwrap_or_default()),
        }
    }
}

fn worse(one: Match, other: Match) -> Match {
    match (one, other) {
        (Match::Other, _) | (_, Match::Other) => Match::Other,
        (Match::Unknown, _) | (_, Match::Unknown) => Match::Unknown,
        (Match::Same, Match::Same) => Match::Same,
    }
}
