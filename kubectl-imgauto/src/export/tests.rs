//! The emitter against documents that go-yaml wrote.

use serde::Deserialize;

use super::*;

const CASES: &str = include_str!("../../tests/data/yaml-cases.jsonl");

/// A value and what the YAML library that flux uses made of it.
#[derive(Deserialize)]
struct Case {
    value: Value,
    yaml: Option<String>,
    error: Option<String>,
}

fn cases() -> Vec<Case> {
    CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn documents_are_those_of_go_yaml() {
    let mut checked = 0;
    for case in cases() {
        let Some(yaml) = case.yaml else { continue };
        let document = document(&case.value).unwrap();
        assert_eq!(document, format!("---\n{yaml}\n"), "{}", case.value);
        checked += 1;
    }
    assert!(checked > 400, "{checked}");
}

#[test]
fn what_go_yaml_cannot_carry_is_refused_in_its_words() {
    let mut checked = 0;
    for case in cases() {
        let Some(want) = case.error else { continue };
        let ExportError::Text { source, .. } = document(&case.value).unwrap_err() else {
            panic!("not a refusal of a text: {}", case.value);
        };
        let sentence = want.rsplit(": ").next().unwrap();
        assert!(source.to_string().contains(sentence), "{want}: {source}");
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "\\PC*|([ -~\\n]{0,120})|([a-z ]{60,200})") {
            let value = serde_json::json!({ "spec": { "text": &text, "value": true } });
            if let Ok(document) = document(&value) {
                let read: Value = serde_saphyr::from_str(&document).unwrap();
                prop_assert_eq!(&read["spec"]["text"], &Value::String(text));
            }
        }

        #[test]
        fn no_text_makes_it_panic(entries: BTreeMap<String, String>) {
            let _ = document(&entries);
        }
    }
}
