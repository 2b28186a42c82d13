//! All policies with what they chose, as one value that can be asked about any image.
//!
//! Built from what a watch tells, then shared: asking takes no lock and copies nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::change::LatestRef;
use crate::drift::{Choice, Readiness};
use crate::policy::Policy;
use crate::tie::{Candidate, Index};

/// A policy: what ties are made of, and what it chose.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its names, its repository and who may use it.
    pub candidate: Candidate,
    /// The rule and the filter; `None` if they cannot be used.
    pub rule: Option<Arc<Policy>>,
    /// What it chose.
    pub latest: Option<LatestRef>,
    /// What it had chosen before.
    pub previous: Option<LatestRef>,
    /// Whether what it chose can be relied on.
    pub readiness: Readiness,
}

impl Entry {
    /// Whether the same follows from another one.
    ///
    /// Rules are the same if they are shared: whoever compiles one anew may have another one.
    pub fn is_like(&self, other: &Self) -> bool {
        let same_rule = match (&self.rule, &other.rule) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        };
        same_rule
            && self.candidate == other.candidate
            && self.latest == other.latest
            && self.previous == other.previous
            && self.readiness == other.readiness
    }
}

/// All policies.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    index: Index,
    choices: HashMap<String, HashMap<String, Chosen>>,
}

#[derive(Clone, Debug)]
struct Chosen {
    rule: Option<Arc<Policy>>,
    latest: Option<LatestRef>,
    previous: Option<LatestRef>,
    readiness: Readiness,
}

impl Catalog {
    /// Builds the catalog. The order of policies does not matter; of several with one name the last counts.
    pub fn new(policies: impl IntoIterator<Item = Entry>) -> Self {
        let mut choices: HashMap<String, HashMap<String, Chosen>> = HashMap::new();
        let candidates = policies.into_iter().map(|entry| {
            let Entry {
                candidate,
                rule,
                latest,
                previous,
                readiness,
            } = entry;
            let chosen = Chosen {
                rule,
                latest,
                previous,
                readiness,
            };
            let namespace = choices.entry(candidate.namespace.clone()).or_default();
            namespace.insert(candidate.name.clone(), chosen);
            candidate
        });
        let index = Index::new(candidates);
        Self { index, choices }
    }

    /// Which policy looks after which container.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What a policy of this catalog chose.
    pub fn choice<'a>(&'a self, policy: &'a Candidate) -> Option<Choice<'a>> {
        let chosen = self.choices.get(&policy.namespace)?.get(&policy.name)?;
        Some(Choice {
            repository: policy.repository.as_ref(),
            rule: chosen.rule.as_deref(),
            latest: chosen.latest.as_ref(),
            previous: chosen.previous.as_ref(),
            readiness: chosen.readiness,
        })
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.choices.values().map(HashMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Repository;

    fn entry(namespace: &str, name: &str, tag: &str) -> Entry {
        Entry {
            candidate: Candidate {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                repository: Repository::parse("ghcr.io/acme/web").ok(),
                grants: Vec::new(),
            },
            rule: None,
            latest: Some(LatestRef {
                name: "ghcr.io/acme/web".to_owned(),
                tag: tag.to_owned(),
                digest: None,
            }),
            previous: None,
            readiness: Readiness::Ready,
        }
    }

    #[test]
    fn a_policy_is_found_with_what_it_chose() {
        let catalog = Catalog::new([entry("a", "web", "1"), entry("b", "web", "2")]);
        let policy = catalog.index().policy("b", "web").unwrap();
        let choice = catalog.choice(policy).unwrap();
        assert_eq!(choice.latest.unwrap().tag, "2");
        assert_eq!(choice.repository, policy.repository.as_ref());
        assert_eq!(catalog.len(), 2);
    }

    #[test]
    fn an_entry_that_says_something_else_is_another() {
        let first = entry("a", "web", "1");
        assert!(first.is_like(&first.clone()));
        assert!(!first.is_like(&entry("a", "web", "2")));
        let rule = || {
            Policy::new(&crate::policy::PolicySpec {
                semver_range: Some("1.x"),
                ..Default::default()
            })
        };
        let with_rule = |rule: Arc<Policy>| Entry {
            rule: Some(rule),
            ..first.clone()
        };
        let shared = Arc::new(rule().unwrap());
        let one = with_rule(Arc::clone(&shared));
        assert!(one.is_like(&with_rule(shared)) && !one.is_like(&first));
        assert!(!one.is_like(&with_rule(Arc::new(rule().unwrap()))));
    }

    #[test]
    fn of_one_name_the_last_counts() {
        let catalog = Catalog::new([entry("a", "web", "1"), entry("a", "web", "2")]);
        let policy = catalog.index().policy("a", "web").unwrap();
        assert_eq!(catalog.choice(policy).unwrap().latest.unwrap().tag, "2");
        assert_eq!(catalog.len(), 1);
    }

    #[test]
    fn a_policy_of_another_catalog_is_not_known() {
        let other = entry("a", "api", "1").candidate;
        assert!(Catalog::default().choice(&other).is_none());
        assert!(Catalog::default().is_empty());
    }
}
