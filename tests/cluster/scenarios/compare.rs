//! Compares a record with the one that is expected, and says what differs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

/// How many equal lines are shown around a difference.
const AROUND: usize = 3;

/// Merges a declared difference into a scenario and its expected record.
///
/// `ours` is `{"reason": …, "until": {TITLE: what to wait for}, "steps": {TITLE: merge patch of the record's step}}`.
///
/// # Errors
///
/// If it names no step, or changes nothing.
pub(crate) fn declare(
    scenario: &mut Value,
    record: &mut Value,
    ours: &Value,
) -> Result<(), String> {
    let until = ours["until"].as_object().into_iter().flatten();
    let until = until.map(|(title, until)| (title, json!({"until": until})));
    for (title, patch) in until {
        change(scenario, title, &patch)?;
    }
    let steps = ours["steps"].as_object().into_iter().flatten();
    for (title, patch) in steps {
        change(record, title, patch)?;
    }
    Ok(())
}

/// Takes out of both records the events that need not be there, which may each be missing once.
///
/// `ours` names them as `{"perhaps": {TITLE: [event]}}`.
///
/// # Errors
///
/// If it names no step, or an event that is not expected there.
pub(crate) fn leave_out_optional(
    expected: &mut Value,
    got: &mut Value,
    ours: &Value,
) -> Result<(), String> {
    for (title, events) in ours["perhaps"].as_object().into_iter().flatten() {
        for event in events.as_array().ok_or("events are a list")? {
            if !leave_out(step(expected, title)?, event) {
                return Err(format!("{title:?} does not expect {event}"));
            }
            leave_out(step(got, title)?, event);
        }
    }
    Ok(())
}

/// Takes the last such event out of a step, and says whether there was one.
fn leave_out(step: &mut Value, event: &Value) -> bool {
    let Some(events) = step["events"].as_array_mut() else {
        return false;
    };
    let last = events.iter().rposition(|told| told == event);
    last.map(|index| events.remove(index)).is_some()
}

/// Merges a patch into the step with a title.
fn change(document: &mut Value, title: &str, patch: &Value) -> Result<(), String> {
    let step = step(document, title)?;
    let before = step.clone();
    merge(step, patch);
    if *step == before {
        return Err(format!("the patch for {title:?} changes nothing"));
    }
    Ok(())
}

/// The step with a title.
fn step<'a>(document: &'a mut Value, title: &str) -> Result<&'a mut Value, String> {
    let steps = document["steps"].as_array_mut().expect("there are steps");
    let mut known = steps.iter_mut().filter(|step| step["do"] == *title);
    known.next().ok_or(format!("no step is called {title:?}"))
}

/// JSON merge patch, RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, value) in fields {
        if value.is_null() {
            let fields = target.as_object_mut().expect("it is made one above");
            fields.remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// The steps that differ, each with what is missing (`-`) and what is new (`+`).
pub(crate) fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let steps = |record: &Value| record["steps"].as_array().cloned().unwrap_or_default();
    let (expected, got) = (steps(expected), steps(got));
    let mut differences = Vec::new();
    for index in 0..expected.len().max(got.len()) {
        let (expected, got) = (
            expected.get(index).unwrap_or(&Value::Null),
            got.get(index).unwrap_or(&Value::Null),
        );
        if expected != got {
            let title = got["do"].as_str().unwrap_or("missing");
            differences.push(format!(
                "step {}: {title}\n{}",
                index + 1,
                diff(expected, got)
            ));
        }
    }
    differences
}

fn diff(expected: &Value, got: &Value) -> String {
    let text = |value: &Value| serde_json::to_string_pretty(&sorted(value)).expect("this is JSON");
    let (expected, got) = (text(expected), text(got));
    let diff = TextDiff::from_lines(&expected, &got);
    let mut shown = String::new();
    for group in diff.grouped_ops(AROUND) {
        shown.push_str("    ...\n");
        for change in group.iter().flat_map(|change| diff.iter_changes(change)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value().trim_end();
            writeln!(shown, "  {sign} {line}").expect("a string takes everything");
        }
    }
    shown
}

/// The same with the fields of all objects in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_its_step_and_lines() {
        let record =
            |message: &str| json!({"steps": [{"do": "a"}, {"do": "b", "message": message}]});
        assert!(differences(&record("x"), &record("x")).is_empty());
        let found = differences(&record("x"), &record("y"));
        assert_eq!(
            found,
            [
                "step 2: b\n    ...\n    {\n      \"do\": \"b\",\n  -   \"message\": \"x\"\n  +   \"message\": \"y\"\n    }\n"
            ]
        );
        let missing = differences(&record("x"), &json!({"steps": [{"do": "a"}]}));
        assert_eq!(missing.len(), 1);
    }

    #[test]
    fn a_declared_difference_patches_its_step_and_must_matter() {
        let mut scenario = json!({"steps": [{"do": "a", "until": {"x": {"Ready": true}}}]});
        let mut record = json!({"steps": [{"do": "a", "events": [1], "git": {"app": 1}}]});
        let patch = json!({"events": null, "git": {"web": 2}});
        let until = json!({"x": {"Ready": false}});
        let ours = json!({"until": {"a": until}, "steps": {"a": patch}});
        declare(&mut scenario, &mut record, &ours).unwrap();
        assert_eq!(scenario, json!({"steps": [{"do": "a", "until": until}]}));
        assert_eq!(
            record,
            json!({"steps": [{"do": "a", "git": {"app": 1, "web": 2}}]})
        );
        let mut declare = |steps: Value| {
            let ours = json!({"steps": steps});
            declare(&mut scenario, &mut record, &ours).unwrap_err()
        };
        assert_eq!(
            declare(json!({"a": {"git": {"app": 1}}})),
            "the patch for \"a\" changes nothing"
        );
        assert_eq!(declare(json!({"b": {}})), "no step is called \"b\"");
    }

    #[test]
    fn an_event_that_need_not_be_there_may_be_missing_once() {
        let record = |events: &[&str]| json!({"steps": [{"do": "a", "events": events}]});
        let ours = json!({"perhaps": {"a": ["y"]}});
        let left_out = |got: &[&str]| {
            let (mut expected, mut got) = (record(&["x", "y"]), record(got));
            leave_out_optional(&mut expected, &mut got, &ours).unwrap();
            (expected == record(&["x"]), got == record(&["x"]))
        };
        assert_eq!(left_out(&["x", "y"]), (true, true));
        assert_eq!(left_out(&["x"]), (true, true));
        assert_eq!(left_out(&["x", "y", "y"]), (true, false));
        assert_eq!(left_out(&["y"]), (true, false));
        let mut without = record(&["x"]);
        let error = leave_out_optional(&mut without, &mut record(&[]), &ours).unwrap_err();
        assert_eq!(error, "\"a\" does not expect \"y\"");
    }
}
