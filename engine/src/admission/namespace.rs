//! What a namespace asks for.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::keys::{DEBUG_REPOSITORIES, MODE, REQUIRE_ANNOTATION, REQUIRE_POLICY};
use crate::image::Repository;

/// How strict a namespace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Its workloads are no business of ours.
    #[default]
    Off,
    /// Findings are written to the audit log.
    Audit,
    /// Findings are also told to whoever writes the workload.
    Warn,
    /// What the rules forbid is refused.
    Enforce,
}

impl Mode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// A text that is no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of off, audit, warn and enforce")]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let all = [Self::Off, Self::Audit, Self::Warn, Self::Enforce];
        let found = all.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

/// What every image is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing: an image without a policy is nobody's business.
    #[default]
    Nothing,
    /// A policy.
    Policy,
    /// A policy that an annotation of the workload names.
    Annotation,
}

/// What the labels and annotations of a namespace ask for, read once.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// All of its labels, which policies are granted by.
    pub labels: BTreeMap<String, String>,
    /// How strict it is.
    pub mode: Mode,
    /// The label that should say how strict it is, and does not.
    pub mistake: Option<UnknownMode>,
    /// What every image is to have.
    pub requirement: Requirement,
    /// Where ephemeral containers may come from; `None` if it does not say.
    pub debugging: Option<Vec<Repository>>,
}

impl Wishes {
    /// Reads labels and annotations.
    ///
    /// A namespace whose mode cannot be read is warned: it wanted something. An entry of a list that is no repository
    /// allows nothing.
    pub fn new(labels: BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Self {
        let (mode, mistake) = match labels.get(MODE).map(|text| text.parse()) {
            None => (Mode::Off, None),
            Some(Ok(mode)) => (mode, None),
            Some(Err(mistake)) => (Mode::Warn, Some(mistake)),
        };
        let is_set = |key: &str| labels.get(key).is_some_and(|value| value == "true");
        let requirement = match (is_set(REQUIRE_ANNOTATION), is_set(REQUIRE_POLICY)) {
            (true, _) => Requirement::Annotation,
            (false, true) => Requirement::Policy,
            (false, false) => Requirement::Nothing,
        };
        let debugging = annotations.get(DEBUG_REPOSITORIES).map(|list| {
            let entries = list.split(',').map(str::trim);
            entries
                .filter_map(|entry| Repository::parse(entry).ok())
                .collect()
        });
        Self {
            labels,
            mode,
            mistake,
            requirement,
            debugging,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Wishes {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        Wishes::new(owned(labels), &owned(annotations))
    }

    #[test]
    fn a_namespace_without_labels_asks_for_nothing() {
        let none = wishes(&[], &[]);
        assert_eq!(
            (none.mode, none.requirement),
            (Mode::Off, Requirement::Nothing)
        );
        assert!(none.debugging.is_none() && none.mistake.is_none());
    }

    #[test]
    fn labels_are_read() {
        let strict = wishes(&[(MODE, "enforce"), (REQUIRE_POLICY, "true")], &[]);
        assert_eq!(strict.mode, Mode::Enforce);
        assert_eq!(strict.requirement, Requirement::Policy);
        let stricter = wishes(
            &[(REQUIRE_ANNOTATION, "true"), (REQUIRE_POLICY, "true")],
            &[],
        );
        assert_eq!(stricter.requirement, Requirement::Annotation);
        for key in [REQUIRE_POLICY, REQUIRE_ANNOTATION] {
            assert_eq!(
                wishes(&[(key, "no")], &[]).requirement,
                Requirement::Nothing
            );
        }
    }

    #[test]
    fn a_mode_that_cannot_be_read_is_a_warning_and_not_nothing() {
        let mistaken = wishes(&[(MODE, "Enforce")], &[]);
        assert_eq!(mistaken.mode, Mode::Warn);
        assert_eq!(
            mistaken.mistake.unwrap().to_string(),
            "\"Enforce\" is none of off, audit, warn and enforce"
        );
    }

    #[test]
    fn a_list_of_repositories_is_read_and_what_is_none_allows_nothing() {
        let list = wishes(
            &[],
            &[(DEBUG_REPOSITORIES, "busybox, ghcr.io/acme/debug ,A:b,")],
        );
        let names: Vec<_> = list.debugging.unwrap();
        let names: Vec<_> = names.iter().map(Repository::canonical).collect();
        assert_eq!(
            names,
            ["index.docker.io/library/busybox", "ghcr.io/acme/debug"]
        );
        assert_eq!(
            wishes(&[], &[(DEBUG_REPOSITORIES, "")]).debugging,
            Some(vec![])
        );
    }
}
