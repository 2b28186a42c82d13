use super::*;
use crate::policy::PolicySpec;
use crate::tie::{Candidate, Index, Origin};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// What an image is to the policy `semver ^1.8` of `ghcr.io/acme/web`.
struct Case {
    latest: Option<LatestRef>,
    previous: Option<LatestRef>,
    readiness: Readiness,
}

fn reference(tag: &str, digest: Option<&str>) -> LatestRef {
    LatestRef {
        name: "ghcr.io/acme/web".to_owned(),
        tag: tag.to_owned(),
        digest: digest.map(str::to_owned),
    }
}

impl Case {
    fn latest(tag: &str, digest: Option<&str>) -> Self {
        Self {
            latest: Some(reference(tag, digest)),
            previous: None,
            readiness: Readiness::Ready,
        }
    }

    fn outcome(&self, image: &str) -> Outcome {
        let spec = PolicySpec {
            semver_range: Some("^1.8"),
            ..PolicySpec::default()
        };
        let rule = Policy::new(&spec).unwrap();
        let repository = Repository::parse("ghcr.io/acme/web").unwrap();
        let choice = Choice {
            repository: Some(&repository),
            rule: Some(&rule),
            latest: self.latest.as_ref(),
            previous: self.previous.as_ref(),
            readiness: self.readiness,
        };
        let candidate = Candidate {
            namespace: "apps".to_owned(),
            name: "web".to_owned(),
            repository: Some(repository.clone()),
            grants: Vec::new(),
        };
        let tie = Tie::To(&candidate, Origin::Annotation);
        outcome(&tie, Reference::parse(image).ok().as_ref(), Some(&choice))
    }
}

#[test]
fn tags_are_current_behind_or_foreign() {
    let case = Case::latest("1.9.0", None);
    for (image, expected) in [
        ("ghcr.io/acme/web:1.9.0", Outcome::Current),
        ("GHCR.io:443/acme/web:1.9.0", Outcome::Current),
        ("ghcr.io/acme/web:1.8.4", Outcome::Behind),
        ("ghcr.io/acme/web:1.9.1", Outcome::Behind),
        ("ghcr.io/acme/web:1.7.0", Outcome::Foreign),
        ("ghcr.io/acme/web:2.0.0", Outcome::Foreign),
        ("ghcr.io/acme/web:1.9.0-rc.1", Outcome::Foreign),
        ("ghcr.io/acme/web", Outcome::Foreign),
        ("ghcr.io/acme/api:1.9.0", Outcome::Mismatch),
        ("mirror.local/acme/web:1.9.0", Outcome::Mismatch),
        ("ghcr.io/Acme/web:1.9.0", Outcome::Unparsable),
        ("", Outcome::Unparsable),
    ] {
        assert_eq!(case.outcome(image), expected, "{image}");
    }
}

#[test]
fn a_digest_decides_where_it_is_known_whose_it_is() {
    let known = Case {
        previous: Some(reference("1.8.4", Some(OTHER))),
        ..Case::latest("1.9.0", Some(DIGEST))
    };
    let unknown = Case::latest("1.9.0", None);
    let at = |tag: &str, digest: &str| format!("ghcr.io/acme/web{tag}@{digest}");
    for (image, with_digest, without) in [
        (at(":1.9.0", DIGEST), Outcome::Current, Outcome::Unverified),
        (at(":1.9.0", OTHER), Outcome::Behind, Outcome::Unverified),
        (at("", DIGEST), Outcome::Current, Outcome::Unverified),
        (at("", OTHER), Outcome::Behind, Outcome::Unverified),
        (at(":1.8.4", OTHER), Outcome::Behind, Outcome::Unverified),
        (
            at(":1.8.4", DIGEST),
            Outcome::Unverified,
            Outcome::Unverified,
        ),
        (
            at(":1.8.3", OTHER),
            Outcome::Unverified,
            Outcome::Unverified,
        ),
        (at(":2.0.0", DIGEST), Outcome::Foreign, Outcome::Foreign),
    ] {
        assert_eq!(known.outcome(&image), with_digest, "{image}");
        assert_eq!(unknown.outcome(&image), without, "{image}");
    }
    assert_eq!(known.outcome("ghcr.io/acme/web:1.9.0"), Outcome::Current);
}

#[test]
fn a_policy_that_cannot_be_relied_on_condemns_nothing() {
    let unready = Case {
        readiness: Readiness::NotReady,
        ..Case::latest("1.9.0", None)
    };
    let unchosen = Case {
        latest: None,
        ..Case::latest("", None)
    };
    for case in [unready, unchosen] {
        for tag in ["1.9.0", "1.8.0", "9.9.9"] {
            let image = format!("ghcr.io/acme/web:{tag}");
            assert_eq!(case.outcome(&image), Outcome::NotReady);
        }
        assert_eq!(case.outcome("ghcr.io/acme/api:1"), Outcome::Mismatch);
    }
}

#[test]
fn a_policy_whose_rule_or_repository_is_not_known_is_not_ready() {
    let image = Reference::parse("ghcr.io/acme/web:1").unwrap();
    let repository = Repository::parse("ghcr.io/acme/web").unwrap();
    let latest = reference("1", None);
    let choice = Choice {
        repository: Some(&repository),
        rule: None,
        latest: Some(&latest),
        previous: None,
        readiness: Readiness::Ready,
    };
    assert_eq!(choice.outcome(&image), Outcome::NotReady);
    let nowhere = Choice {
        repository: None,
        ..choice
    };
    assert_eq!(nowhere.outcome(&image), Outcome::NotReady);
}

#[test]
fn without_a_policy_the_tie_says_it_all() {
    let image = Reference::parse("ghcr.io/acme/web:1").unwrap();
    let candidates = ["one", "two"].map(|name| Candidate {
        namespace: "apps".to_owned(),
        name: name.to_owned(),
        repository: Repository::parse("ghcr.io/acme/web").ok(),
        grants: Vec::new(),
    });
    let index = Index::new(candidates);
    let container = crate::tie::Container {
        namespace: "apps",
        namespace_labels: &std::collections::BTreeMap::new(),
        marker: None,
        stated: None,
        default: None,
        image: Some(&image),
        last_resort: crate::tie::LastResort::Unmanaged,
    };
    let ambiguous = index.tie(&container);
    let missing = Tie::Missing("apps", "gone", Origin::Annotation);
    for (tie, readable, unreadable) in [
        (ambiguous, Outcome::Ambiguous, Outcome::Unparsable),
        (missing, Outcome::MissingPolicy, Outcome::Unparsable),
        (Tie::Unmanaged, Outcome::Unmanaged, Outcome::Unparsable),
        (Tie::OptedOut, Outcome::OptedOut, Outcome::OptedOut),
    ] {
        assert_eq!(outcome(&tie, Some(&image), None), readable);
        assert_eq!(outcome(&tie, None, None), unreadable);
    }
}

#[test]
fn the_label_is_the_worst_over_containers() {
    for (outcomes, label) in [
        (&[][..], "none"),
        (&[Outcome::Current], "none"),
        (&[Outcome::Current, Outcome::Behind], "drift"),
        (&[Outcome::Foreign, Outcome::Unverified], "unknown"),
        (&[Outcome::NotReady, Outcome::OptedOut], "unmanaged"),
        (&[Outcome::Ambiguous, Outcome::MissingPolicy], "unmanaged"),
        (&[Outcome::Unparsable, Outcome::Unmanaged], "mismatch"),
        (&[Outcome::Mismatch, Outcome::Current], "mismatch"),
    ] {
        let worst = Label::worst(outcomes.iter().copied());
        assert_eq!(worst.as_str(), label, "{outcomes:?}");
    }
    for label in Label::ALL {
        let reached = Outcome::ALL.iter().any(|outcome| outcome.label() == label);
        assert!(reached, "{label}");
    }
}
