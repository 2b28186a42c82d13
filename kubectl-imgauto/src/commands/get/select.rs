//! Which of the objects are shown.

use serde_json::Value;

use super::Args;
use super::rows::{conditions, is_suspended, text};
use crate::error::CliError;

/// What an object has to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    conditions: Vec<Wanted>,
    /// Suspended or not, if it matters.
    suspended: Option<bool>,
}

/// A condition and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    condition: String,
    status: String,
    sense: Sense,
}

/// Whether a condition has to be in a state, or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    Is,
    IsNot,
}

impl Selection {
    /// Reads the flags.
    pub(super) fn read(args: &Args) -> Result<Self, CliError> {
        let selector = args
            .status_selector
            .as_deref()
            .filter(|text| !text.is_empty());
        let selector = selector.map(Wanted::parse).transpose()?;
        let ready = args.ready.map(|ready| Wanted {
            condition: api::keys::READY.to_owned(),
            status: "True".to_owned(),
            sense: if ready { Sense::Is } else { Sense::IsNot },
        });
        Ok(Self {
            conditions: selector.into_iter().chain(ready).collect(),
            suspended: args.suspended,
        })
    }

    /// Whether an object is shown.
    pub(super) fn takes(&self, object: &Value) -> bool {
        let suspended = self.suspended;
        suspended.is_none_or(|suspended| suspended == is_suspended(object))
            && self.conditions.iter().all(|wanted| wanted.holds(object))
    }
}

impl Wanted {
    /// Reads `type=status` or `type!=status`.
    fn parse(text: &str) -> Result<Self, CliError> {
        let (pair, sense) = match text.split_once("!=") {
            Some(pair) => (Some(pair), Sense::IsNot),
            None => (text.split_once('='), Sense::Is),
        };
        let (condition, status) = pair.ok_or_else(|| {
            CliError::usage(format!(
                "expected status selector in type=status or type!=status format, but found: {text}"
            ))
            .next("--status-selector ready=false")
        })?;
        Ok(Self {
            condition: condition.to_owned(),
            status: status.to_owned(),
            sense,
        })
    }

    /// Of several conditions of a type the last one counts, and none is in no state.
    fn holds(&self, object: &Value) -> bool {
        let has =
            |condition: &&Value| text(condition, "/type").eq_ignore_ascii_case(&self.condition);
        let found = conditions(object).rev().find(has);
        let is =
            found.is_some_and(|found| text(found, "/status").eq_ignore_ascii_case(&self.status));
        is == (self.sense == Sense::Is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(ready: Option<&str>) -> Value {
        let conditions: Vec<_> = ready
            .map(|status| json!({"type": "Ready", "status": status}))
            .into_iter()
            .collect();
        json!({"spec": {"suspend": ready.is_none()}, "status": {"conditions": conditions}})
    }

    #[test]
    fn conditions_are_selected_as_by_flux() {
        let objects = [object(Some("True")), object(Some("False")), object(None)];
        let rows = [
            ("Ready=True", [true, false, false]),
            ("ready=false", [false, true, false]),
            ("ready!=TRUE", [false, true, true]),
            ("stalled=true", [false; 3]),
            ("stalled!=true", [true; 3]),
        ];
        for (text, want) in rows {
            let wanted = Wanted::parse(text).unwrap();
            let taken = objects.each_ref().map(|object| wanted.holds(object));
            assert_eq!(taken, want, "{text}");
        }
        let error = Wanted::parse("ready").unwrap_err();
        assert_eq!(error.status(), crate::error::ExitStatus::Usage);
    }

    #[test]
    fn all_that_is_asked_for_has_to_hold() {
        let selection = Selection {
            conditions: vec![Wanted::parse("ready!=true").unwrap()],
            suspended: Some(false),
        };
        assert!(selection.takes(&object(Some("False"))));
        assert!(!selection.takes(&object(Some("True"))));
        assert!(!selection.takes(&object(None)));
        assert!(Selection::default().takes(&object(None)));
    }
}
