//! Whole files of what Go answered.

use serde_json::Value;

use super::{error, pattern, value};
use crate::pattern::Extract;

fn rows(file: &str) -> impl Iterator<Item = Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

#[test]
fn every_recorded_value_is_the_same() {
    for row in rows(include_str!("../../../tests/data/pattern-cases.jsonl")) {
        let source = row["pattern"].as_str().unwrap();
        let Some(values) = row["values"].as_object() else {
            assert_eq!(error(source), row["error"].as_str().unwrap());
            continue;
        };
        let template = row["extract"].as_str().unwrap();
        let pattern = pattern(source);
        for (text, expected) in values {
            let at = format!("{source:?} {template:?} on {text:?}");
            let got = value(&pattern, template, text);
            assert_eq!(got.as_deref(), expected.as_str(), "{at}");
            assert_eq!(pattern.is_match(text), !expected.is_null(), "{at}");
        }
    }
}

#[test]
fn generated_patterns_mean_the_same() {
    for row in rows(include_str!("../../../tests/data/pattern-generated.jsonl")) {
        let source = row["pattern"].as_str().unwrap();
        let Some(cases) = row["cases"].as_array() else {
            assert_eq!(error(source), row["error"].as_str().unwrap());
            continue;
        };
        let pattern = pattern(source);
        let groups: Vec<&str> = pattern
            .group_names()
            .map(Option::unwrap_or_default)
            .collect();
        assert_eq!(groups, strings(&row["groups"]), "{source:?}");
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let template = case["template"].as_str().unwrap();
            let limit = usize::try_from(case["limit"].as_i64().unwrap()).ok();
            let at = format!("{source:?} on {text:?}, {template:?}, at most {limit:?}");
            let expanded = value(&pattern, template, text);
            assert_eq!(expanded.as_deref(), case["expanded"].as_str(), "{at}");
            assert_eq!(pattern.find_all(text, limit), strings(&case["all"]), "{at}");
            assert_eq!(pattern.split(text, limit), strings(&case["split"]), "{at}");
            let replaced = pattern.replace_all(text, &Extract::parse(template));
            assert_eq!(replaced, case["replaced"].as_str().unwrap(), "{at}");
        }
    }
}
