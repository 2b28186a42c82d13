//! Which events are shown, and their table as flux has it.

use jiff::Timestamp;
use serde_json::Value;

use super::age::age;
use super::subject::{self, Subject};
use crate::commands::get::text;
use crate::error::CliError;
use crate::table::Table;

/// The types of events there are.
const TYPES: [&str; 2] = ["Normal", "Warning"];

/// Which events are shown, and what of them.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Whether their namespaces are shown.
    pub(super) namespaces: Namespaces,
    /// The types; none stands for all.
    types: Vec<String>,
    /// The kinds that were asked for, beside those of Flux.
    kinds: Vec<String>,
}

/// Whether the namespaces of events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespaces {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

impl Shown {
    /// Reads the types and the kinds.
    pub(super) fn read(types: &[String], subject: Option<&Subject>) -> Result<Self, CliError> {
        let is_known = |text: &String| TYPES.iter().any(|known| known.eq_ignore_ascii_case(text));
        if let Some(unknown) = types.iter().find(|text| !is_known(text)) {
            return Err(CliError::usage(format!(
                "type '{unknown}' not supported. Supported types are Normal, Warning"
            )));
        }
        Ok(Self {
            namespaces: Namespaces::Hidden,
            types: types.to_vec(),
            kinds: subject.map_or_else(Vec::new, |subject| subject.kinds.clone()),
        })
    }

    /// Whether an event is shown.
    pub(super) fn takes(&self, event: &Value) -> bool {
        let kind = text(event, "/involvedObject/kind");
        let own = text(event, "/type");
        (subject::is_of_flux(kind) || self.kinds.iter().any(|asked| asked == kind))
            && (self.types.is_empty()
                || self
                    .types
                    .iter()
                    .any(|asked| asked.eq_ignore_ascii_case(own)))
    }
}

/// The table of some events, seen at `now`.
pub(super) fn table(events: &[Value], namespaces: Namespaces, now: Timestamp) -> Table {
    let namespace: &[&str] = match namespaces {
        Namespaces::Shown => &["NAMESPACE"],
        Namespaces::Hidden => &[],
    };
    let own: &[&str] = &["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
    let mut table = Table::new(&[namespace, own].concat());
    let rows = events.iter().map(|event| {
        let field = |pointer| text(event, pointer).to_owned();
        let object = format!(
            "{}/{}",
            text(event, "/involvedObject/kind"),
            text(event, "/involvedObject/name")
        );
        let namespace = match namespaces {
            Namespaces::Shown => Some(field("/metadata/namespace")),
            Namespaces::Hidden => None,
        };
        let own = [
            last_seen(event, now),
            field("/type"),
            field("/reason"),
            object,
            field("/message"),
        ];
        namespace.into_iter().chain(own).collect()
    });
    table.rows = rows.collect();
    table
}

/// When an event was seen last, and if it was seen more than once, how often and since when.
fn last_seen(event: &Value, now: Timestamp) -> String {
    let ago = |time| age(time, now);
    let first = when(event, "/eventTime").or_else(|| when(event, "/firstTimestamp"));
    let number = |pointer| event.pointer(pointer).and_then(Value::as_i64);
    if event.get("series").is_some_and(Value::is_object) {
        let count = number("/series/count").unwrap_or(0);
        let last = ago(when(event, "/series/lastObservedTime"));
        return format!("{last} (x{count} over {})", ago(first));
    }
    match number("/count") {
        Some(count @ 2..) => {
            format!(
                "{} (x{count} over {})",
                ago(when(event, "/lastTimestamp")),
                ago(first)
            )
        }
        _ => ago(first),
    }
}

/// When an event was seen last, to sort by.
pub(super) fn time(event: &Value) -> Option<Timestamp> {
    when(event, "/series/lastObservedTime")
        .or_else(|| when(event, "/lastTimestamp"))
        .or_else(|| when(event, "/eventTime"))
}

fn when(event: &Value, pointer: &str) -> Option<Timestamp> {
    text(event, pointer).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(more: &Value) -> Value {
        let mut event = json!({
            "metadata": {"namespace": "apps"},
            "type": "Normal",
            "reason": "Succeeded",
            "message": "pushed commit\n\none change",
            "involvedObject": {"kind": "ImageUpdateAutomation", "name": "u"},
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:30Z",
        });
        let fields = more.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(fields);
        event
    }

    #[test]
    fn the_table_is_that_of_flux() {
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        let table = table(&[event(&json!({}))], Namespaces::Shown, now);
        let text = table.as_flux(crate::table::Headings::Shown);
        let want = [
            "NAMESPACE\tLAST SEEN\tTYPE  \tREASON   \tOBJECT                 \tMESSAGE       ",
            "apps     \t60s      \tNormal\tSucceeded\tImageUpdateAutomation/u\tpushed commit\t",
            "         \t         \t      \t         \t                       \t             \t",
            "         \t         \t      \t         \t                       \tone change   \t",
            "",
        ];
        assert_eq!(text, want.join("\n"));
    }

    #[test]
    fn what_happened_often_says_so() {
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        let seen = |more| last_seen(&event(&more), now);
        assert_eq!(seen(json!({"count": 1})), "60s");
        assert_eq!(seen(json!({"count": 3})), "30s (x3 over 60s)");
        let series = json!({"count": 4, "lastObservedTime": "2026-01-01T00:00:50.000000Z"});
        assert_eq!(
            seen(json!({"series": series, "eventTime": "2026-01-01T00:00:20.000000Z"})),
            "10s (x4 over 40s)"
        );
        let nothing = json!({"firstTimestamp": null, "lastTimestamp": null});
        assert_eq!(seen(nothing.clone()), "<unknown>");
        assert_eq!(time(&event(&nothing)), None);
    }

    #[test]
    fn kinds_of_flux_are_shown_and_those_asked_for() {
        let mut pod = event(&json!({}));
        pod["involvedObject"]["kind"] = json!("Pod");
        let all = Shown::read(&[], None).unwrap();
        assert!(all.takes(&event(&json!({}))));
        assert!(!all.takes(&pod));
        let subject = Subject::parse("pod/x").unwrap();
        assert!(Shown::read(&[], Some(&subject)).unwrap().takes(&pod));
        let warnings = Shown::read(&["warning".to_owned()], None).unwrap();
        assert!(!warnings.takes(&event(&json!({}))));
        assert!(warnings.takes(&event(&json!({"type": "Warning"}))));
        assert!(Shown::read(&["Odd".to_owned()], None).is_err());
    }
}
