//! Digest reflection: when a digest has to be fetched, and how the observed references move on.

use serde::{Deserialize, Serialize};

use crate::change::LatestRef;

/// `ImagePolicy.spec.digestReflectionPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestReflection {
    /// No digest is kept; one that is there is removed.
    #[default]
    Never,
    /// A digest is fetched for a tag that has none yet, and kept.
    IfNotPresent,
    /// The digest is fetched anew in every reconcile.
    Always,
}

/// Where the digest of a selected tag comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestPlan {
    /// The reference has no digest.
    Absent,
    /// The digest that is known stays.
    Keep(String),
    /// The registry has to be asked.
    Fetch,
}

impl DigestReflection {
    /// Decides for the selected `name:tag`; `latest` is `status.latestRef` so far.
    pub fn plan(self, latest: Option<&LatestRef>, name: &str, tag: &str) -> DigestPlan {
        let known = latest
            .filter(|latest| latest.name == name && latest.tag == tag)
            .and_then(|latest| latest.digest.as_deref())
            .filter(|digest| !digest.is_empty());
        match (self, known) {
            (Self::Never, _) => DigestPlan::Absent,
            (Self::IfNotPresent, Some(digest)) => DigestPlan::Keep(digest.to_owned()),
            (Self::IfNotPresent, None) | (Self::Always, _) => DigestPlan::Fetch,
        }
    }
}

/// The two references in the status of an `ImagePolicy`. They survive every failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedRefs {
    /// `latestRef`.
    pub latest: Option<LatestRef>,
    /// `observedPreviousRef`.
    pub previous: Option<LatestRef>,
}

impl ObservedRefs {
    /// Moves on to a newly resolved reference; the same one changes nothing.
    ///
    /// A change of the digest alone is a change, also its removal.
    #[must_use]
    pub fn advance(self, resolved: LatestRef) -> Self {
        if self.latest.as_ref() == Some(&resolved) {
            return self;
        }
        Self {
            latest: Some(resolved),
            previous: self.latest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DigestPlan, DigestReflection, ObservedRefs};
    use crate::change::LatestRef;

    fn reference(tag: &str, digest: Option<&str>) -> LatestRef {
        LatestRef {
            name: "ghcr.io/org/app".to_owned(),
            tag: tag.to_owned(),
            digest: digest.map(str::to_owned),
        }
    }

    /// One reconcile that selects `tag`, whose digest in the registry is `remote`.
    fn reconcile(
        observed: ObservedRefs,
        policy: DigestReflection,
        tag: &str,
        remote: &str,
    ) -> ObservedRefs {
        let digest = match policy.plan(observed.latest.as_ref(), "ghcr.io/org/app", tag) {
            DigestPlan::Absent => None,
            DigestPlan::Keep(digest) => Some(digest),
            DigestPlan::Fetch => Some(remote.to_owned()),
        };
        observed.advance(reference(tag, digest.as_deref()))
    }

    fn resolved(tag: &str, digest: Option<&str>) -> ObservedRefs {
        ObservedRefs {
            latest: Some(reference(tag, digest)),
            previous: None,
        }
    }

    #[test]
    fn row_122_if_not_present_keeps_the_digest_of_a_tag_pushed_again() {
        let before = resolved("1.0", Some("sha256:old"));
        let after = reconcile(
            before.clone(),
            DigestReflection::IfNotPresent,
            "1.0",
            "sha256:new",
        );
        assert_eq!(after, before);
    }

    #[test]
    fn row_123_if_not_present_fetches_for_a_new_tag() {
        let before = resolved("1.0", Some("sha256:old"));
        let after = reconcile(
            before.clone(),
            DigestReflection::IfNotPresent,
            "1.1",
            "sha256:new",
        );
        assert_eq!(after.latest, Some(reference("1.1", Some("sha256:new"))));
        assert_eq!(after.previous, before.latest);
    }

    #[test]
    fn row_124_always_follows_a_tag_pushed_again() {
        let before = resolved("1.0", Some("sha256:old"));
        let after = reconcile(
            before.clone(),
            DigestReflection::Always,
            "1.0",
            "sha256:new",
        );
        assert_eq!(after.latest, Some(reference("1.0", Some("sha256:new"))));
        assert_eq!(after.previous, before.latest);
    }

    #[test]
    fn row_125_never_removes_a_digest() {
        let before = resolved("1.0", Some("sha256:old"));
        let after = reconcile(before.clone(), DigestReflection::Never, "1.0", "sha256:old");
        assert_eq!(after.latest, Some(reference("1.0", None)));
        assert_eq!(after.previous, before.latest);
    }

    #[test]
    fn row_126_from_always_to_if_not_present_changes_nothing() {
        let before = ObservedRefs {
            latest: Some(reference("1.0", Some("sha256:new"))),
            previous: Some(reference("1.0", Some("sha256:old"))),
        };
        let after = reconcile(
            before.clone(),
            DigestReflection::IfNotPresent,
            "1.0",
            "sha256:newer",
        );
        assert_eq!(after, before);
    }

    #[test]
    fn row_127_from_never_to_if_not_present_adds_a_digest() {
        let before = resolved("1.0", None);
        let after = reconcile(
            before.clone(),
            DigestReflection::IfNotPresent,
            "1.0",
            "sha256:new",
        );
        assert_eq!(after.latest, Some(reference("1.0", Some("sha256:new"))));
        assert_eq!(after.previous, before.latest);
    }

    #[test]
    fn a_digest_is_not_carried_over_to_another_name_and_an_empty_one_is_none() {
        let latest = reference("1.0", Some("sha256:old"));
        let policy = DigestReflection::IfNotPresent;
        assert_eq!(
            policy.plan(Some(&latest), "mirror/app", "1.0"),
            DigestPlan::Fetch
        );
        assert_eq!(
            policy.plan(None, "ghcr.io/org/app", "1.0"),
            DigestPlan::Fetch
        );
        let empty = reference("1.0", Some(""));
        assert_eq!(
            policy.plan(Some(&empty), "ghcr.io/org/app", "1.0"),
            DigestPlan::Fetch
        );
    }

    #[test]
    fn the_first_resolution_has_no_previous_one() {
        let first = ObservedRefs::default().advance(reference("1.0", None));
        assert_eq!(first, resolved("1.0", None));
    }
}
