//! What is recorded of a step.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::objects::ObjectName;
use super::replaced::Replacements;
use super::settled::condition;

/// The condition types a record holds, in their order.
const CONDITIONS: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// Records objects as seen from `home`.
pub(crate) fn objects<'a>(
    objects: impl Iterator<Item = (&'a ObjectName, &'a Value)>,
    home: &str,
    replacements: &mut Replacements,
) -> Map<String, Value> {
    // Numbers are given in the order of the names as the record shows them.
    let named: BTreeMap<_, _> = objects
        .map(|(name, object)| (replacements.text(&name.from(home)), object))
        .collect();
    let recorded = named
        .into_iter()
        .map(|(name, object)| (name, self::object(object, replacements)));
    recorded.collect()
}

fn object(object: &Value, replacements: &mut Replacements) -> Value {
    let mut status = object["status"].clone();
    if let Some(fields) = status.as_object_mut() {
        fields.remove("conditions");
    }
    let status = match replacements.value(&status) {
        Value::Null => json!({}),
        status => status,
    };
    let conditions = CONDITIONS.iter().filter_map(|kind| {
        let mut condition = condition(object, kind)?.clone();
        condition.as_object_mut()?.remove("lastTransitionTime");
        Some(replacements.value(&condition))
    });
    let conditions: Vec<_> = conditions.collect();
    json!({
        "generation": object["metadata"]["generation"],
        "status": status,
        "conditions": conditions,
    })
}

/// Events as a record holds them: what an object said last is remembered from step to step.
#[derive(Debug, Default)]
pub(crate) struct Events {
    last: BTreeMap<String, Value>,
}

impl Events {
    /// Records a step's events, in the order they came, as seen from `home`.
    pub(crate) fn record(
        &mut self,
        events: &[Value],
        home: &str,
        replacements: &mut Replacements,
    ) -> Vec<Value> {
        let mut recorded: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in events {
            let involved = json!({
                "kind": event["involvedObject"]["kind"],
                "metadata": event["involvedObject"],
            });
            let object = replacements.text(&ObjectName::of(&involved, "").from(home));
            let event = json!({
                "object": object,
                "type": event["type"],
                "reason": event["reason"],
                "message": replacements.value(&event["message"]),
            });
            let step = recorded.entry(object.clone()).or_default();
            let warned = event["type"] == "Warning" && self.last.get(&object) == Some(&event);
            if !warned && step.last() != Some(&event) {
                step.push(event.clone());
            }
            self.last.insert(object, event);
        }
        recorded.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, kind: &str, message: &str) -> Value {
        json!({
            "involvedObject": {"kind": "ImagePolicy", "namespace": "here", "name": name},
            "type": kind, "reason": "Because", "message": message, "count": 1,
        })
    }

    fn told(recorded: &[Value]) -> Vec<String> {
        let told = recorded.iter().map(|event| {
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            format!("{} {}", text("object"), text("message"))
        });
        told.collect()
    }

    #[test]
    fn equal_neighbours_are_one_event_and_warnings_are_not_repeated() {
        let (mut events, mut replacements) = (Events::default(), Replacements::default());
        let mut step = |step: &[Value]| told(&events.record(step, "here", &mut replacements));
        let first = [
            event("b", "Warning", "broken"),
            event("a", "Normal", "fine"),
            event("b", "Warning", "broken"),
            event("a", "Normal", "fine"),
            event("a", "Normal", "better"),
            event("a", "Normal", "fine"),
        ];
        assert_eq!(
            step(&first),
            [
                "ImagePolicy/a fine",
                "ImagePolicy/a better",
                "ImagePolicy/a fine",
                "ImagePolicy/b broken"
            ]
        );
        let second = [
            event("b", "Warning", "broken"),
            event("a", "Normal", "fine"),
        ];
        assert_eq!(step(&second), ["ImagePolicy/a fine"]);
        let third = [
            event("b", "Normal", "mended"),
            event("b", "Warning", "broken"),
        ];
        assert_eq!(
            step(&third),
            ["ImagePolicy/b mended", "ImagePolicy/b broken"]
        );
    }

    #[test]
    fn a_record_holds_no_times_and_no_other_conditions() {
        let policy = json!({
            "metadata": {"generation": 3},
            "status": {
                "observedGeneration": 3,
                "conditions": [
                    {"type": "Odd", "status": "True"},
                    {"type": "Stalled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                    {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                ],
            },
        });
        let name = |namespace: &str| ObjectName::parse(&format!("ImagePolicy/{namespace}/a"), "");
        let (here, there) = (name("here"), name("there"));
        let bare = json!({"metadata": {"generation": 1}});
        let both = [(&there, &bare), (&here, &policy)];
        let recorded = objects(both.into_iter(), "here", &mut Replacements::default());
        assert_eq!(
            Value::Object(recorded),
            json!({
                "ImagePolicy/a": {
                    "generation": 3,
                    "status": {"observedGeneration": 3},
                    "conditions": [
                        {"type": "Ready", "status": "False"},
                        {"type": "Stalled", "status": "True"},
                    ],
                },
                "ImagePolicy/there/a": {"generation": 1, "status": {}, "conditions": []},
            })
        );
    }
}
