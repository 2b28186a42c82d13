//! When a step is over.

use serde_json::Value;

use super::format::{Gone, Until};

/// Whether a controller has nothing to do with an object before something else happens.
pub(crate) fn settled(object: &Value) -> bool {
    if object["spec"]["suspend"] == true {
        return true;
    }
    let generation = &object["metadata"]["generation"];
    let current = |condition: &Value| &condition["observedGeneration"] == generation;
    if condition(object, "Stalled")
        .is_some_and(|stalled| stalled["status"] == "True" && current(stalled))
    {
        return true;
    }
    let decided = condition(object, "Ready")
        .is_some_and(|ready| ready["status"] != "Unknown" && current(ready));
    let progressing = condition(object, "Reconciling")
        .is_some_and(|reconciling| reconciling["reason"] == "Progressing");
    let requested = &object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
    let handled = &object["status"]["lastHandledReconcileAt"];
    decided && !progressing && (requested.is_null() || requested == handled)
}

/// Whether what a step waits for holds for an object, which may not be there.
pub(crate) fn holds(until: &Until, object: Option<&Value>) -> bool {
    let (wanted, object) = match (until, object) {
        (Until::Word(Gone::Gone), object) => return object.is_none(),
        (Until::Holds(_), None) => return false,
        (Until::Holds(wanted), Some(object)) => (wanted, object),
    };
    wanted
        .iter()
        .all(|(key, wanted)| match (key.as_str(), wanted) {
            ("reason" | "message", Value::String(part)) => {
                let ready = condition(object, "Ready").map(|ready| &ready[key]);
                ready
                    .and_then(Value::as_str)
                    .is_some_and(|text| text.contains(part))
            }
            (kind, Value::Bool(wanted)) => {
                let status = if *wanted { "True" } else { "False" };
                condition(object, kind).is_some_and(|condition| condition["status"] == status)
            }
            (field, Value::String(part)) => object["status"]
                .get(field)
                .is_some_and(|value| value.to_string().contains(part)),
            (field, other) => panic!("no rule for {field}: {other}"),
        })
}

/// A condition of an object by its type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(conditions: Value) -> Value {
        json!({
            "metadata": {"generation": 2},
            "spec": {},
            "status": {"conditions": conditions, "observedPolicies": {"app": {"tag": "1.2.0"}}},
        })
    }

    fn ready(status: &str, generation: u8) -> Value {
        json!({
            "type": "Ready", "status": status, "observedGeneration": generation,
            "reason": "Succeeded", "message": "repository up-to-date",
        })
    }

    fn reconciling(reason: &str) -> Value {
        json!({"type": "Reconciling", "status": "True", "observedGeneration": 2, "reason": reason})
    }

    #[test]
    fn ready_counts_for_its_own_generation() {
        assert!(settled(&object(json!([ready("True", 2)]))));
        assert!(settled(&object(json!([ready("False", 2)]))));
        assert!(!settled(&object(json!([ready("Unknown", 2)]))));
        assert!(!settled(&object(json!([ready("True", 1)]))));
        assert!(!settled(&object(json!([]))));
    }

    #[test]
    fn what_is_tried_again_is_settled_and_what_runs_is_not() {
        let retrying = json!([ready("False", 2), reconciling("ProgressingWithRetry")]);
        assert!(settled(&object(retrying)));
        assert!(!settled(&object(json!([
            ready("False", 2),
            reconciling("Progressing")
        ]))));
    }

    #[test]
    fn stalled_or_suspended_is_settled() {
        let stalled = |generation: u8| json!({"type": "Stalled", "status": "True", "observedGeneration": generation});
        assert!(settled(&object(json!([stalled(2)]))));
        assert!(!settled(&object(json!([stalled(1)]))));
        let mut suspended = object(json!([]));
        suspended["spec"]["suspend"] = true.into();
        assert!(settled(&suspended));
    }

    #[test]
    fn a_request_must_be_handled() {
        let mut requested = object(json!([ready("True", 2)]));
        requested["metadata"]["annotations"] = json!({"reconcile.fluxcd.io/requestedAt": "two"});
        assert!(!settled(&requested));
        requested["status"]["lastHandledReconcileAt"] = "one".into();
        assert!(!settled(&requested));
        requested["status"]["lastHandledReconcileAt"] = "two".into();
        assert!(settled(&requested));
    }

    #[test]
    fn a_step_waits_for_conditions_texts_and_absence() {
        let until = |wanted: Value| serde_json::from_value::<Until>(wanted).unwrap();
        let is = object(json!([ready("True", 2)]));
        let fits = |wanted: Value| holds(&until(wanted), Some(&is));
        assert!(fits(
            json!({"Ready": true, "reason": "Succ", "message": "up-to-date"})
        ));
        assert!(fits(json!({"observedPolicies": "1.2.0"})));
        assert!(!fits(json!({"Ready": false})));
        assert!(!fits(json!({"Stalled": true})));
        assert!(!fits(json!({"Ready": true, "message": "pushed"})));
        assert!(!fits(json!({"observedPolicies": "1.3.0"})));
        assert!(!fits(json!({"lastPushCommit": "a"})));
        assert!(!fits(json!("gone")));
        assert!(holds(&until(json!("gone")), None));
        assert!(!holds(&until(json!({"Ready": true})), None));
    }
}
