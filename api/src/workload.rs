//! The kinds that run containers, and what people call them.

use std::fmt;

/// A kind that runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// `batch/v1` CronJob.
    CronJob,
    /// `batch/v1` Job.
    Job,
    /// `v1` Pod.
    Pod,
}

impl WorkloadKind {
    /// All of them, in the order reports have them.
    pub const ALL: [Self; 7] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::CronJob,
        Self::Job,
        Self::Pod,
    ];

    /// The kind as objects name it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::CronJob => "CronJob",
            Self::Job => "Job",
            Self::Pod => "Pod",
        }
    }

    /// Group and version as objects name them.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet => "apps/v1",
            Self::CronJob | Self::Job => "batch/v1",
            Self::Pod => "v1",
        }
    }

    /// The group alone, empty for the core group.
    pub fn group(self) -> &'static str {
        self.api_version()
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The name of the resource: the plural in lower case.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::ReplicaSet => "replicasets",
            Self::CronJob => "cronjobs",
            Self::Job => "jobs",
            Self::Pod => "pods",
        }
    }

    /// The singular in lower case, as `kubectl get deployment/web` has it.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::ReplicaSet => "replicaset",
            Self::CronJob => "cronjob",
            Self::Job => "job",
            Self::Pod => "pod",
        }
    }

    /// The shortest word kubectl takes for it, as narrow tables have it.
    pub fn short(self) -> &'static str {
        match self {
            Self::Deployment => "deploy",
            Self::StatefulSet => "sts",
            Self::DaemonSet => "ds",
            Self::ReplicaSet => "rs",
            Self::CronJob => "cronjob",
            Self::Job => "job",
            Self::Pod => "pod",
        }
    }

    /// Reads a word as kubectl does: singular, plural or short name, in any case, with or without the group.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let (word, group) = match word.split_once('.') {
            Some((word, group)) => (word, Some(group)),
            None => (word.as_str(), None),
        };
        let found = Self::ALL.into_iter().find(|kind| {
            let extra = match kind {
                Self::CronJob => "cj",
                Self::Pod => "po",
                _ => kind.short(),
            };
            [kind.singular(), kind.plural(), kind.short(), extra].contains(&word)
        })?;
        group
            .is_none_or(|group| group == found.group())
            .then_some(found)
    }

    /// Finds the kind an object names; the version does not matter.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL
            .into_iter()
            .find(|known| known.kind() == kind && known.group() == group)
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_kubectl_are_understood() {
        for kind in WorkloadKind::ALL {
            let words = [kind.singular(), kind.plural(), kind.short(), kind.kind()];
            for word in words {
                assert_eq!(WorkloadKind::parse(word), Some(kind), "{word}");
            }
            let full = [kind.plural(), kind.group()].join(".");
            let full = full.trim_end_matches('.');
            assert_eq!(WorkloadKind::parse(full), Some(kind), "{full}");
        }
        assert_eq!(WorkloadKind::parse("cj"), Some(WorkloadKind::CronJob));
        assert_eq!(WorkloadKind::parse("po"), Some(WorkloadKind::Pod));
        for word in ["", "deployments.extensions", "service", "deploymen"] {
            assert_eq!(WorkloadKind::parse(word), None, "{word}");
        }
    }

    #[test]
    fn objects_are_known_by_group_and_kind() {
        assert_eq!(
            WorkloadKind::of("apps/v1beta2", "Deployment"),
            Some(WorkloadKind::Deployment)
        );
        assert_eq!(WorkloadKind::of("v1", "Pod"), Some(WorkloadKind::Pod));
        assert_eq!(
            WorkloadKind::of("serving.knative.dev/v1", "Deployment"),
            None
        );
    }
}
