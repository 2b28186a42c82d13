//! Which policies an automation follows, and what they want.

use std::collections::BTreeMap;

use api::policy::ImageRef;
use engine::change::LatestRef;
use engine::image::Reference;
use engine::marker::{Manner, Policy, Wanted};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};

/// A policy as far as automations look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PolicySeen {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) latest: Option<ImageRef>,
}

/// The policies of an automation's namespace, as it sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// What is recorded in the status: what each policy it follows has chosen.
    pub(super) observed: BTreeMap<String, ImageRef>,
    /// What markers may be set to.
    pub(super) wanted: Wanted,
}

/// Reads a selector; a missing one selects everything.
///
/// The error is the text of Kubernetes' own library.
pub(super) fn parse_selector(selector: Option<&LabelSelector>) -> Result<Selector, String> {
    let Some(selector) = selector else {
        return Ok(Selector::default());
    };
    for expression in selector.match_expressions.iter().flatten() {
        let values = expression.values.as_deref().unwrap_or_default();
        match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                let shown = match &expression.values {
                    None => "null",
                    Some(_) => "[]",
                };
                return Err(format!(
                    "values: Invalid value: {shown}: for 'in', 'notin' operators, values set can't be empty"
                ));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let shown = serde_json::to_string(values).unwrap_or_default();
                return Err(format!(
                    "values: Invalid value: {shown}: values set must be empty for exists and does not exist"
                ));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                return Err(format!("{other:?} is not a valid label selector operator"));
            }
        }
    }
    Selector::try_from(selector.clone()).map_err(|error| error.to_string())
}

/// Returns what an automation of `namespace` sees of the policies there.
pub(super) fn followed<'a>(
    namespace: &str,
    selector: &Selector,
    policies: impl Iterator<Item = (&'a str, &'a PolicySeen)>,
) -> Followed {
    let mut followed = Followed::default();
    followed.wanted.namespace = namespace.to_owned();
    followed.wanted.manner = Manner::Flux;
    for (name, policy) in policies {
        let selected = selector.matches(&policy.labels);
        if let (true, Some(latest)) = (selected, &policy.latest) {
            followed.observed.insert(name.to_owned(), latest.clone());
        }
        let seen = match (selected, &policy.latest) {
            (false, _) => Policy::NotSelected,
            (true, None) => Policy::Pending,
            (true, Some(latest)) => usable(latest),
        };
        followed.wanted.policies.insert(name.to_owned(), seen);
    }
    followed
}

/// One image that is none stops its own policy and no other.
fn usable(latest: &ImageRef) -> Policy {
    let latest = LatestRef {
        name: latest.name.clone(),
        tag: latest.tag.clone(),
        digest: latest.digest.clone(),
    };
    match Reference::parse(&latest.to_string()) {
        Ok(_) => Policy::Latest(latest),
        Err(error) => Policy::Invalid(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

    use super::*;

    fn image(name: &str, tag: &str) -> ImageRef {
        ImageRef {
            name: name.into(),
            tag: tag.into(),
            digest: None,
        }
    }

    fn expression(operator: &str, values: Option<&[&str]>) -> LabelSelector {
        LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "team".into(),
                operator: operator.into(),
                values: values.map(|all| all.iter().map(|one| (*one).to_owned()).collect()),
            }]),
            match_labels: None,
        }
    }

    #[test]
    fn broken_selectors_are_told_in_the_words_of_kubernetes() {
        let error = |selector| parse_selector(Some(&selector)).unwrap_err();
        assert_eq!(
            error(expression("Near", Some(&["a"]))),
            "\"Near\" is not a valid label selector operator"
        );
        assert_eq!(
            error(expression("In", None)),
            "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
        );
        assert_eq!(
            error(expression("Exists", Some(&["a"]))),
            "values: Invalid value: [\"a\"]: values set must be empty for exists and does not exist"
        );
    }

    #[test]
    fn a_policy_that_chose_no_image_or_nonsense_stops_nobody_else() {
        let labels = |team: &str| BTreeMap::from([("team".to_owned(), team.to_owned())]);
        let seen = |team: &str, latest| PolicySeen {
            labels: labels(team),
            latest,
        };
        let policies = [
            ("app", seen("a", Some(image("app", "1.0")))),
            ("bad", seen("a", Some(image("UPPER/Case", "1.0")))),
            ("new", seen("a", None)),
            ("web", seen("b", Some(image("web", "2.0")))),
        ];
        let selector = parse_selector(Some(&expression("In", Some(&["a"])))).unwrap();
        let all = policies.iter().map(|(name, seen)| (*name, seen));
        let followed = followed("ns", &selector, all);
        let names: Vec<&str> = followed.observed.keys().map(String::as_str).collect();
        assert_eq!(names, ["app", "bad"]);
        let wanted = &followed.wanted.policies;
        assert!(matches!(&wanted["app"], Policy::Latest(latest) if latest.tag == "1.0"));
        assert!(matches!(&wanted["bad"], Policy::Invalid(_)));
        assert_eq!(wanted["new"], Policy::Pending);
        assert_eq!(wanted["web"], Policy::NotSelected);
    }
}
