//! One line of a controller's log: how it is read, and how it is printed.

use serde_json::{Map, Value};

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// When, as it is written.
    pub(super) time: String,
    level: String,
    message: String,
    error: String,
    kind: String,
    namespace: String,
    name: String,
}

/// Which lines are printed.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// The level; `None` stands for all.
    pub(super) level: Option<String>,
    /// The kinds; none stands for all.
    pub(super) kinds: Vec<String>,
    /// The name; `None` stands for all.
    pub(super) name: Option<String>,
    /// Where the objects are.
    pub(super) scope: Scope,
}

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Anywhere, or nowhere.
    Cluster,
    /// In one namespace.
    Namespace(String),
}

impl Entry {
    /// Reads a line in either of the forms our controllers and Flux's have: a JSON object, or time, level, message and the
    /// rest as JSON with tabs between. Other lines, such as those of a crash, are none.
    pub(super) fn parse(line: &str) -> Option<Self> {
        if line.starts_with('{') {
            let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
            return Some(Self::of(&fields));
        }
        let mut parts = line.splitn(4, '\t');
        let (time, level, message) = (parts.next()?, parts.next()?, parts.next()?);
        let fields = serde_json::from_str(parts.next().unwrap_or("{}")).ok()?;
        Some(Self {
            time: time.to_owned(),
            level: level.to_ascii_lowercase(),
            message: message.to_owned(),
            ..Self::of(&fields)
        })
    }

    fn of(fields: &Map<String, Value>) -> Self {
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        // Controllers of old called it otherwise.
        let kind = Some(text("reconciler kind")).filter(|kind| !kind.is_empty());
        Self {
            time: text("ts"),
            level: text("level"),
            message: text("msg"),
            error: text("error"),
            kind: kind.unwrap_or_else(|| text("controllerKind")),
            namespace: text("namespace"),
            name: text("name"),
        }
    }

    /// The line as flux prints it, its end included. Without an error there is a blank at the end.
    pub(super) fn line(&self) -> String {
        let Self {
            time,
            level,
            message,
            error,
            kind,
            namespace,
            name,
        } = self;
        let object = match name.as_str() {
            "" => String::new(),
            name => format!("/{name}.{namespace}"),
        };
        format!("{time} {level} {kind}{object} - {message} {error}\n")
    }
}

impl Filter {
    /// Whether a line is printed.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let level = self.level.as_ref();
        let name = self.name.as_ref();
        let is_kind = |kind: &String| kind.eq_ignore_ascii_case(&entry.kind);
        let is_there = match &self.scope {
            Scope::Cluster => true,
            Scope::Namespace(namespace) => namespace.eq_ignore_ascii_case(&entry.namespace),
        };
        is_there
            && level.is_none_or(|level| *level == entry.level)
            && name.is_none_or(|name| name.eq_ignore_ascii_case(&entry.name))
            && (self.kinds.is_empty() || self.kinds.iter().any(is_kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As our reconciler writes it.
    const OURS: &str = r#"{"level":"info","ts":"2026-08-22T10:00:00.123Z","msg":"Latest image tag for ghcr.io/x resolved to 1.0","controller":"imagepolicy","controllerGroup":"image.toolkit.fluxcd.io","controllerKind":"ImagePolicy","ImagePolicy":{"name":"podinfo","namespace":"apps"},"namespace":"apps","name":"podinfo","reconcileID":"c0ffee"}"#;
    /// The same on a line for people.
    const CONSOLE: &str = "2026-08-22T10:00:00.123Z\tERROR\tReconciler error\t{\"controllerKind\":\"ImagePolicy\",\"namespace\":\"apps\",\"name\":\"podinfo\",\"error\":\"no tags\"}";
    /// As a controller says it of itself.
    const BARE: &str = r#"{"level":"info","ts":"2026-08-22T10:00:01.000Z","msg":"starting"}"#;

    fn all() -> Filter {
        Filter {
            level: None,
            kinds: Vec::new(),
            name: None,
            scope: Scope::Cluster,
        }
    }

    #[test]
    fn lines_are_printed_as_by_flux() {
        let line = |text: &str| Entry::parse(text).unwrap().line();
        assert_eq!(
            line(OURS),
            "2026-08-22T10:00:00.123Z info ImagePolicy/podinfo.apps - Latest image tag for ghcr.io/x resolved to 1.0 \n"
        );
        assert_eq!(
            line(CONSOLE),
            "2026-08-22T10:00:00.123Z error ImagePolicy/podinfo.apps - Reconciler error no tags\n"
        );
        assert_eq!(line(BARE), "2026-08-22T10:00:01.000Z info  - starting \n");
        assert_eq!(
            line(
                r#"{"level":"info","ts":"t","msg":"m","reconciler kind":"Kustomization","name":"a","namespace":"b"}"#
            ),
            "t info Kustomization/a.b - m \n"
        );
    }

    #[test]
    fn what_is_no_line_of_a_log_is_passed_over() {
        for text in [
            "",
            "goroutine 1 [running]:",
            "{not json",
            "a\tb",
            "a\tb\tc\t{",
        ] {
            assert_eq!(Entry::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lines_are_chosen_by_level_kind_name_and_namespace() {
        let entries = [OURS, CONSOLE, BARE].map(|line| Entry::parse(line).unwrap());
        let taken = |filter: Filter| entries.each_ref().map(|entry| filter.takes(entry));
        assert_eq!(taken(all()), [true; 3]);
        let level = Some("error".to_owned());
        assert_eq!(taken(Filter { level, ..all() }), [false, true, false]);
        let kinds = vec!["imagepolicy".to_owned()];
        assert_eq!(taken(Filter { kinds, ..all() }), [true, true, false]);
        let name = Some("other".to_owned());
        assert_eq!(taken(Filter { name, ..all() }), [false; 3]);
        let scope = Scope::Namespace("Apps".to_owned());
        assert_eq!(taken(Filter { scope, ..all() }), [true, true, false]);
    }
}
