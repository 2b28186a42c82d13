//! What is looked at.

use std::path::PathBuf;

use api::WorkloadKind;
use reconciler::resources::ObjectKey;

use super::Workload;
use crate::noun::{Noun, Target};

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The namespace of the workloads; `None` stands for all.
    pub(crate) namespace: Option<String>,
    /// The workloads; all if none is named.
    pub(crate) workloads: Vec<Choice>,
    /// A selector of the workloads' labels.
    pub(crate) selector: Option<String>,
    /// The policies that are looked at by themselves.
    pub(crate) policies: Vec<ObjectKey>,
    /// The automations that are looked at by themselves, with the policies they take in.
    pub(crate) updates: Vec<ObjectKey>,
    /// Whether workloads are looked at.
    pub(crate) breadth: Breadth,
    /// A checkout of the repository, which says what is committed.
    pub(crate) source: Option<PathBuf>,
    /// What becomes of images that no policy looks after.
    pub(crate) unmanaged: Unmanaged,
}

/// Whether workloads are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// They are.
    #[default]
    Workloads,
    /// Only policies and automations are, and what stands behind them.
    Policies,
}

/// Some workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Their kind; `None` stands for any.
    pub(crate) kind: Option<WorkloadKind>,
    /// The name; `None` stands for any.
    pub(crate) name: Option<String>,
}

/// What becomes of images that no policy looks after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unmanaged {
    /// They are left out.
    #[default]
    Hidden,
    /// They have rows of their own.
    Shown,
}

impl Scope {
    /// Looks at the workloads that targets name; other targets name none.
    pub(crate) fn with_targets(mut self, targets: &[Target]) -> Self {
        let choices = targets.iter().filter_map(|target| match target.noun {
            Noun::Workload(kind) => Some(Choice {
                kind,
                name: target.name.clone(),
            }),
            Noun::Repository | Noun::Policy | Noun::Update | Noun::All => None,
        });
        self.workloads.extend(choices);
        self
    }

    /// Whether workloads of a kind are looked at.
    pub(super) fn wants_kind(&self, kind: WorkloadKind) -> bool {
        let wants = |choice: &Choice| choice.kind.is_none_or(|wanted| wanted == kind);
        self.workloads.is_empty() || self.workloads.iter().any(wants)
    }

    /// Whether a workload is looked at, as far as kind and name say.
    pub(super) fn wants(&self, workload: &Workload) -> bool {
        let wants = |choice: &Choice| {
            choice.kind.is_none_or(|kind| kind == workload.kind)
                && choice
                    .name
                    .as_ref()
                    .is_none_or(|name| *name == workload.name)
        };
        self.workloads.is_empty() || self.workloads.iter().any(wants)
    }

    /// The one name that all workloads of a kind have, if it is one.
    pub(super) fn only_name(&self, kind: WorkloadKind) -> Option<&str> {
        let of_kind = |choice: &&Choice| choice.kind.is_none_or(|wanted| wanted == kind);
        let mut choices = self.workloads.iter().filter(of_kind);
        let first = choices.next()?.name.as_deref()?;
        let same = |choice: &Choice| choice.name.as_deref() == Some(first);
        choices.all(same).then_some(first)
    }
}
