use proptest::prelude::*;
use serde_json::Value;

use super::{Policy, PolicyError, PolicyField, PolicySpec, SelectError, TagVerdict, Verdict};

mod rows;
mod verdicts;

pub(super) fn semver(range: &str) -> Policy {
    build(PolicySpec {
        semver_range: Some(range),
        ..PolicySpec::default()
    })
}

pub(super) fn alphabetical(order: &str) -> Policy {
    build(PolicySpec {
        alphabetical_order: Some(order),
        ..PolicySpec::default()
    })
}

pub(super) fn numerical(order: &str) -> Policy {
    build(PolicySpec {
        numerical_order: Some(order),
        ..PolicySpec::default()
    })
}

fn build(spec: PolicySpec<'_>) -> Policy {
    Policy::new(&spec).unwrap()
}

impl Policy {
    pub(super) fn filtered(self, pattern: &str, extract: &str) -> Self {
        let filter = super::Filter::new(pattern, extract).unwrap();
        Self { filter, ..self }
    }

    /// The selected tag, or the text of the error.
    pub(super) fn pick(&self, tags: &[&str]) -> String {
        match self.select(tags, None) {
            Ok(selected) => selected.tag,
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn every_case_of_the_data_set_holds() {
    let cases = include_str!("../../tests/data/tag-select-cases.jsonl");
    let mut seen = 0;
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let order = |kind: &str| {
            let rule = case["policy"].get(kind)?;
            Some(
                rule.get("order")
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            )
        };
        let spec = PolicySpec {
            semver_range: case["policy"]["semver"]["range"].as_str(),
            alphabetical_order: order("alphabetical"),
            numerical_order: order("numerical"),
            filter_pattern: case["filterTags"]["pattern"].as_str(),
            filter_extract: case["filterTags"]["extract"].as_str(),
        };
        let tags: Vec<&str> = case["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag.as_str().unwrap())
            .collect();
        let selected = Policy::new(&spec)
            .ok()
            .and_then(|policy| policy.select(&tags, None).ok());
        assert_eq!(
            selected.as_ref().map(|selected| selected.tag.as_str()),
            case["want"].as_str(),
            "{line}"
        );
        assert_eq!(
            selected.is_none(),
            case["error"].as_bool().unwrap(),
            "{line}"
        );
        seen += 1;
    }
    assert!(seen > 60, "{seen} cases");
}

#[test]
fn the_current_choice_wins_a_tie_and_nothing_else() {
    let select =
        |policy: &Policy, tags: &[&str], current| policy.select(tags, Some(current)).unwrap().tag;
    let versions = semver(">=1.0.0");
    assert_eq!(select(&versions, &["1.2.3", "v1.2.3"], "1.2.3"), "1.2.3");
    assert_eq!(
        select(&versions, &["1.2.3", "v1.2.3", "1.2.4"], "1.2.3"),
        "1.2.4"
    );
    assert_eq!(
        select(&versions, &["1.2.3", "v1.2.3"], "1.02.3"),
        "v1.2.3",
        "no longer listed"
    );
    let builds = numerical("").filtered(r"^main-([a-f0-9]+)-(?P<ts>\d+)$", "$ts");
    assert_eq!(
        select(&builds, &["main-aaa-100", "main-bbb-100"], "main-bbb-100"),
        "main-bbb-100"
    );
    assert_eq!(select(&numerical(""), &["1.0", "1"], "1.0"), "1.0");
    assert_eq!(select(&numerical(""), &["NaN", "5"], "NaN"), "5");
}

#[test]
fn a_value_that_is_no_number_is_named_whatever_the_order_of_tags() {
    let error = numerical("")
        .select(&["edge", "1", "latest", "2"], None)
        .unwrap_err();
    assert_eq!(
        error,
        SelectError::NotANumber {
            value: "latest".to_owned()
        }
    );
}

#[test]
fn nan_is_worse_than_every_number_in_both_orders() {
    assert_eq!(numerical("asc").pick(&["inf", "NaN", "5"]), "inf");
    assert_eq!(numerical("desc").pick(&["NaN", "nan", "5"]), "5");
    assert_eq!(numerical("desc").pick(&["NaN", "nan"]), "NaN");
}

#[test]
fn errors_name_the_field_and_begin_as_flux_does() {
    let error = |spec: PolicySpec<'_>| {
        let error = Policy::new(&spec).unwrap_err();
        (error.field().path(), error.to_string())
    };
    let spec = PolicySpec::default();
    assert_eq!(
        error(spec),
        (
            "spec.policy",
            "given ImagePolicyChoice object is invalid".to_owned()
        )
    );
    assert_eq!(
        error(PolicySpec {
            semver_range: Some("1.0.0p"),
            numerical_order: Some("up"),
            ..spec
        }),
        (
            "spec.policy.semver.range",
            "improper constraint: \"1.0.0p\": \"1.0.0p\" is no version, at position 6".to_owned()
        )
    );
    let order = |order: &str| {
        format!("invalid order argument provided: '{order}', must be one of: ASC, DESC")
    };
    assert_eq!(
        error(PolicySpec {
            alphabetical_order: Some("newest"),
            ..spec
        }),
        ("spec.policy.alphabetical.order", order("NEWEST"))
    );
    assert_eq!(
        error(PolicySpec {
            numerical_order: Some("up"),
            ..spec
        }),
        ("spec.policy.numerical.order", order("UP"))
    );
}

#[test]
fn a_rule_prints_as_people_name_it() {
    assert_eq!(semver(" >=5.0.0").rule.to_string(), "semver  >=5.0.0");
    assert_eq!(alphabetical("").rule.to_string(), "alphabetical asc");
    assert_eq!(numerical("DESC").rule.to_string(), "numerical desc");
}

#[test]
fn row_080_patterns_go_refuses_are_refused() {
    for pattern in ["^(?!dev)", r"(a)\1", "[=", "^test-(.*"] {
        let spec = PolicySpec {
            alphabetical_order: Some(""),
            filter_pattern: Some(pattern),
            ..PolicySpec::default()
        };
        let error = Policy::new(&spec).unwrap_err();
        assert_eq!(error.field(), PolicyField::FilterPattern);
        assert_eq!(
            error.to_string(),
            format!("invalid regular expression pattern '{pattern}'")
        );
        assert!(matches!(error, PolicyError::Pattern { .. }));
    }
}

/// Policies of every kind, some with a filter that makes values collide.
fn any_policy() -> impl Strategy<Value = Policy> {
    let rules = prop::sample::select(vec![
        semver(">=0.0.0-0"),
        semver("1.x"),
        alphabetical("asc"),
        alphabetical("desc"),
        numerical("asc"),
        numerical("desc"),
    ]);
    let filters = prop::sample::select(vec![
        ("", ""),
        ("[0-9]", ""),
        (r"(\d+)", "$1"),
        (r"v?(\d+\.\d+\.\d+)", "$1"),
        (r"\d", "1.0.0"),
    ]);
    (rules, filters).prop_map(|(policy, (pattern, extract))| policy.filtered(pattern, extract))
}

fn any_tag() -> impl Strategy<Value = String> {
    prop_oneof![
        "v?[0-2]\\.[0-2]\\.0?[0-2](-rc\\.[0-2])?",
        "0?[0-9](\\.0)?",
        "(NaN|inf|1e1|0x1p1|latest|1.2|a)",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn selection_ignores_the_order_of_tags_and_selects_a_listed_one(
        policy in any_policy(),
        (tags, shuffled) in prop::collection::vec(any_tag(), 0..12).prop_flat_map(|tags| (Just(tags.clone()), Just(tags).prop_shuffle())),
        held in any::<prop::sample::Index>(),
    ) {
        let current = (!tags.is_empty()).then(|| held.get(&tags).as_str());
        for current in [None, current] {
            let selected = policy.select(&tags, current);
            prop_assert_eq!(&selected, &policy.select(&shuffled, current));
            if let Ok(selected) = &selected {
                prop_assert!(tags.contains(&selected.tag));
                // What is selected once stays.
                prop_assert_eq!(&policy.select(&tags, Some(&selected.tag)).unwrap(), selected);
            }
        }
    }

    #[test]
    fn a_policy_admits_the_tags_it_would_select_alone(policy in any_policy(), tag in any_tag()) {
        let verdicts = policy.verdicts(&[tag.as_str()], None);
        prop_assert_eq!(policy.admits(&tag), verdicts.selected.as_deref() == Some(tag.as_str()));
    }

    #[test]
    fn verdicts_agree_with_the_selection_and_hold_every_tag_once(
        policy in any_policy(),
        tags in prop::collection::vec(any_tag(), 0..12),
        held in any::<prop::sample::Index>(),
    ) {
        let current = (!tags.is_empty()).then(|| held.get(&tags).as_str());
        let verdicts = policy.verdicts(&tags, current);
        match policy.select(&tags, current) {
            Ok(selected) => {
                prop_assert_eq!(verdicts.selected.as_deref(), Some(selected.tag.as_str()));
                prop_assert_eq!(verdicts.error, None);
                let first = verdicts.tags.first().unwrap();
                prop_assert_eq!((&first.tag, first.verdict), (&selected.tag, Verdict::Selected));
            }
            Err(error) => {
                prop_assert_eq!(verdicts.error, Some(error));
                prop_assert_eq!(verdicts.selected, None);
            }
        }
        let ranks: Vec<u8> = verdicts.tags.iter().map(|tag| tag.verdict as u8).collect();
        prop_assert!(ranks.is_sorted());
        let mut listed = tags;
        listed.sort();
        listed.dedup();
        let mut judged: Vec<String> = verdicts.tags.into_iter().map(|TagVerdict { tag, .. }| tag).collect();
        judged.sort();
        prop_assert_eq!(judged, listed);
    }
}
