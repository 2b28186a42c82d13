//! Label selectors as kubectl writes them: `app=web,tier in (a,b),!old`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::kubernetes_names as names;

/// Why a selector cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectorError {
    /// A requirement is none of the known forms.
    #[error(
        "cannot read `{requirement}` at character {position}: a requirement is KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY or !KEY"
    )]
    Form {
        /// The requirement.
        requirement: String,
        /// Where it starts, in characters from 1.
        position: usize,
    },
    /// A key is no label key.
    #[error("`{key}` is no label key: {problem}")]
    Key {
        /// The key.
        key: String,
        /// The API server's sentence.
        problem: String,
    },
    /// A value is no label value.
    #[error("`{value}` is no label value: {problem}")]
    Value {
        /// The value.
        value: String,
        /// The API server's sentence.
        problem: String,
    },
}

/// Reads a selector; all its requirements have to hold.
pub(super) fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
    let mut labels = BTreeMap::new();
    let mut expressions = Vec::new();
    for (start, requirement) in requirements(text) {
        let form = || SelectorError::Form {
            requirement: requirement.trim().to_owned(),
            position: text[..start].chars().count() + 1,
        };
        let parsed = read(requirement.trim()).ok_or_else(form)?;
        check(&parsed)?;
        match (parsed.operator, &parsed.values[..]) {
            ("In", [value]) if !labels.contains_key(&parsed.key) => {
                labels.insert(parsed.key, value.clone());
            }
            _ => expressions.push(LabelSelectorRequirement {
                key: parsed.key,
                operator: parsed.operator.to_owned(),
                values: (!parsed.values.is_empty()).then_some(parsed.values),
            }),
        }
    }
    Ok(LabelSelector {
        match_labels: (!labels.is_empty()).then_some(labels),
        match_expressions: (!expressions.is_empty()).then_some(expressions),
    })
}

struct Requirement {
    key: String,
    operator: &'static str,
    values: Vec<String>,
}

/// Splits at the commas outside of parentheses.
fn requirements(text: &str) -> Vec<(usize, &str)> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push((start, &text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((start, &text[start..]));
    parts
}

fn read(text: &str) -> Option<Requirement> {
    let requirement = |key: &str, operator, values| Requirement {
        key: key.trim().to_owned(),
        operator,
        values,
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((key, value)) = text.split_once("!=") {
        return Some(requirement(key, "NotIn", one(value)));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(requirement(key, "In", one(value)));
    }
    if let Some(key) = text.strip_prefix('!') {
        return Some(requirement(key, "DoesNotExist", Vec::new()));
    }
    if let Some(list) = text.strip_suffix(')') {
        let (head, list) = list.split_once('(')?;
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        let operator = match operator {
            "in" => "In",
            "notin" => "NotIn",
            _ => return None,
        };
        let values = list.split(',').map(|value| value.trim().to_owned());
        return Some(requirement(key, operator, values.collect()));
    }
    (!text.is_empty()).then(|| requirement(text, "Exists", Vec::new()))
}

fn check(requirement: &Requirement) -> Result<(), SelectorError> {
    if let Some(problem) = names::label_key_problems(&requirement.key)
        .into_iter()
        .next()
    {
        return Err(SelectorError::Key {
            key: requirement.key.clone(),
            problem,
        });
    }
    for value in &requirement.values {
        if let Some(problem) = names::label_value_problems(value).into_iter().next() {
            return Err(SelectorError::Value {
                value: value.clone(),
                problem,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_selector(text: &str, want: Expect) {
        let got = match parse(text) {
            Ok(selector) => serde_json::to_string(&selector).unwrap(),
            Err(error) => error.to_string(),
        };
        want.assert_eq(&got);
    }

    #[test]
    fn equality_becomes_match_labels() {
        check_selector(
            "app=web,tier==a",
            expect![[r#"{"matchLabels":{"app":"web","tier":"a"}}"#]],
        );
    }

    #[test]
    fn everything_else_becomes_an_expression() {
        check_selector(
            "a!=b, c in (x, y),d notin (z),e,!f",
            expect![[
                r#"{"matchExpressions":[{"key":"a","operator":"NotIn","values":["b"]},{"key":"c","operator":"In","values":["x","y"]},{"key":"d","operator":"NotIn","values":["z"]},{"key":"e","operator":"Exists"},{"key":"f","operator":"DoesNotExist"}]}"#
            ]],
        );
    }

    #[test]
    fn a_key_that_is_named_twice_keeps_both_requirements() {
        check_selector(
            "a=b,a=c",
            expect![[
                r#"{"matchExpressions":[{"key":"a","operator":"In","values":["c"]}],"matchLabels":{"a":"b"}}"#
            ]],
        );
    }

    #[test]
    fn an_empty_requirement_is_told_with_its_place() {
        check_selector(
            "a=b,",
            expect![
                "cannot read `` at character 5: a requirement is KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY or !KEY"
            ],
        );
    }

    #[test]
    fn bad_keys_and_values_are_refused() {
        assert!(matches!(parse("a b=c"), Err(SelectorError::Key { .. })));
        assert!(matches!(parse("a=b c"), Err(SelectorError::Value { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_selector_makes_it_panic(text in "[a\u{e9},!=() innot]{0,20}") {
            let _ = parse(&text);
        }
    }
}
