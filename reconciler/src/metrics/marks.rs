//! What is counted of the marks of workloads. No name of a workload or namespace is among the labels.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How the patch of a workload's mark ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkResult {
    /// The mark is written.
    Written,
    /// The mark is taken away.
    Cleared,
    /// There was no such workload any more.
    Gone,
    /// The API server did not do it.
    Failed,
}

impl MarkResult {
    fn label(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Cleared => "cleared",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// What is counted of the marks of workloads.
#[derive(Debug, Default)]
pub struct Marks {
    workloads: Family<StateLabels, Gauge>,
    patches: Family<ResultLabels, Counter>,
    suspended: Gauge,
}

impl Marks {
    /// There are so many workloads in this state, one of those of the label `imgauto.dev/drift`.
    pub fn workloads(&self, state: &'static str, count: usize) {
        let gauge = self.workloads.get_or_create(&StateLabels { state });
        gauge.set(level(count));
    }

    /// A patch of a workload's mark ended.
    pub fn patched(&self, result: MarkResult) {
        let result = result.label();
        let labels = ResultLabels { result };
        self.patches.get_or_create(&labels).inc();
    }

    /// The marks of so many workloads are left alone, since somebody changes them back.
    pub fn suspended(&self, count: usize) {
        self.suspended.set(level(count));
    }

    pub(super) fn register(&self, own: &mut Registry) {
        let help = "Workloads of the namespaces that ask for marks, by how their images stand";
        own.register("drift_workloads", help, self.workloads.clone());
        let help = "Patches of the marks of workloads, by how they ended";
        own.register("mark_patches", help, self.patches.clone());
        let help = "Workloads whose marks are left alone since somebody changes them back";
        own.register("marking_suspended", help, self.suspended.clone());
    }
}

fn level(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
