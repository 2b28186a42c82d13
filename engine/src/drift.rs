//! Wanted against running: what a policy thinks of the image of a container.

use std::fmt;

use crate::change::LatestRef;
use crate::image::{Reference, Repository};
use crate::policy::Policy;
use crate::tie::Tie;

#[cfg(test)]
mod tests;

/// How a container's image stands to its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It is the policy's latest: by tag, and by digest where both are known.
    Current,
    /// The policy could choose it, and has chosen another one.
    Behind,
    /// It lies in the right repository, and the policy would never choose it.
    Foreign,
    /// It lies in another repository than the policy's.
    Mismatch,
    /// The policy that is named is not there.
    MissingPolicy,
    /// The policy has not chosen yet, or what it chose cannot be relied on.
    NotReady,
    /// Its digest decides what is pulled, and nobody knows what tag that is.
    Unverified,
    /// It is no reference.
    Unparsable,
    /// Several policies fit.
    Ambiguous,
    /// No policy fits.
    Unmanaged,
    /// The workload wants no policy.
    OptedOut,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Current,
        Self::Behind,
        Self::Foreign,
        Self::Mismatch,
        Self::MissingPolicy,
        Self::NotReady,
        Self::Unverified,
        Self::Unparsable,
        Self::Ambiguous,
        Self::Unmanaged,
        Self::OptedOut,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Foreign => "foreign",
            Self::Mismatch => "mismatch",
            Self::MissingPolicy => "missing-policy",
            Self::NotReady => "not-ready",
            Self::Unverified => "unverified",
            Self::Unparsable => "unparsable",
            Self::Ambiguous => "ambiguous",
            Self::Unmanaged => "unmanaged",
            Self::OptedOut => "opted-out",
        }
    }

    /// What it comes to in the label of the workload.
    pub fn label(self) -> Label {
        match self {
            Self::Current => Label::None,
            Self::Behind | Self::Foreign => Label::Drift,
            Self::MissingPolicy | Self::NotReady | Self::Unverified => Label::Unknown,
            Self::Ambiguous | Self::Unmanaged | Self::OptedOut => Label::Unmanaged,
            Self::Mismatch | Self::Unparsable => Label::Mismatch,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of the label `imgauto.dev/drift`, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// Every image is what its policy wants.
    None,
    /// An image is another one than its policy wants.
    Drift,
    /// Of an image it cannot be told.
    Unknown,
    /// An image has no policy.
    Unmanaged,
    /// An image has a policy that is not for it.
    Mismatch,
}

impl Label {
    /// All of them, the best first.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Drift,
        Self::Unknown,
        Self::Unmanaged,
        Self::Mismatch,
    ];

    /// The value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drift => "drift",
            Self::Unknown => "unknown",
            Self::Unmanaged => "unmanaged",
            Self::Mismatch => "mismatch",
        }
    }

    /// The worst over the containers of a workload; `None` (the value) if there are no containers.
    pub fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let labels = outcomes.into_iter().map(Outcome::label);
        labels.max().unwrap_or(Self::None)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A policy, as far as its choice goes.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The repository it chooses from; `None` if that is not known or cannot be read.
    pub repository: Option<&'a Repository>,
    /// The rule and the filter; `None` if they cannot be used.
    pub rule: Option<&'a Policy>,
    /// What it chose.
    pub latest: Option<&'a LatestRef>,
    /// What it had chosen before.
    pub previous: Option<&'a LatestRef>,
    /// Whether what it chose can be relied on.
    pub readiness: Readiness,
}

/// Whether what a policy chose can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// The policy is not ready, or nothing has been heard of it for too long.
    NotReady,
}

/// Tells how an image stands to the policy it is tied to; `choice` is that policy's, where the tie leads to one.
///
/// `image` is `None` if it is no reference.
pub fn outcome(tie: &Tie<'_>, image: Option<&Reference>, choice: Option<&Choice<'_>>) -> Outcome {
    let Some(image) = image else {
        return match tie {
            Tie::OptedOut => Outcome::OptedOut,
            _ => Outcome::Unparsable,
        };
    };
    match tie {
        Tie::To(..) => choice.map_or(Outcome::MissingPolicy, |choice| choice.outcome(image)),
        Tie::Missing(..) => Outcome::MissingPolicy,
        Tie::Ambiguous(_) => Outcome::Ambiguous,
        Tie::OptedOut => Outcome::OptedOut,
        Tie::Unmanaged => Outcome::Unmanaged,
    }
}

/// The digest that an image must have where it runs; `choice` is that of the policy it is tied to, if there is one.
///
/// That is the one that is written down, else the one that the policy knows of its tag. `None` if nobody knows it.
pub fn wanted_digest<'a>(image: &'a Reference, choice: Option<&'a Choice<'a>>) -> Option<&'a str> {
    image.digest().or_else(|| {
        let choice = choice.filter(|choice| choice.covers(image))?;
        let latest = choice
            .latest
            .filter(|latest| image.tag() == Some(&latest.tag))?;
        latest.digest.as_deref()
    })
}

/// The digest in the `imageID` of a container's status: `docker.io/library/nginx@sha256:…`.
///
/// The bare `sha256:…` that some runtimes tell is the id of their own copy and no digest that a registry knows.
pub fn running_digest(image_id: &str) -> Option<&str> {
    let (_, digest) = image_id.rsplit_once('@')?;
    Some(digest).filter(|digest| digest.contains(':'))
}

impl Choice<'_> {
    fn covers(&self, image: &Reference) -> bool {
        let repository = self.repository;
        self.readiness == Readiness::Ready
            && repository.is_some_and(|repository| image.same_repository(repository))
    }

    fn outcome(&self, image: &Reference) -> Outcome {
        match self.repository {
            None => return Outcome::NotReady,
            Some(repository) if !image.same_repository(repository) => return Outcome::Mismatch,
            Some(_) => {}
        }
        let (Some(rule), Some(latest), Readiness::Ready) = (self.rule, self.latest, self.readiness)
        else {
            return Outcome::NotReady;
        };
        let is_digest_of = |reference: Option<&LatestRef>| {
            let known = reference.and_then(|reference| reference.digest.as_deref());
            known.is_some() && known == image.digest()
        };
        match (image.tag(), image.digest()) {
            (Some(tag), None) if tag == latest.tag => Outcome::Current,
            (Some(tag), Some(_)) if tag == latest.tag && latest.digest.is_some() => {
                match is_digest_of(Some(latest)) {
                    true => Outcome::Current,
                    false => Outcome::Behind,
                }
            }
            (Some(tag), _) if tag != latest.tag && !rule.admits(tag) => Outcome::Foreign,
            (Some(_), None) => Outcome::Behind,
            (None, _) if is_digest_of(Some(latest)) => Outcome::Current,
            (tag, _) => {
                let previous = self
                    .previous
                    .filter(|previous| tag.is_none_or(|tag| tag == previous.tag));
                match is_digest_of(previous) {
                    true => Outcome::Behind,
                    false => Outcome::Unverified,
                }
            }
        }
    }
}
