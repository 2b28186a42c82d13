//! What the user set that controllers read.

use std::path::PathBuf;
use std::time::Duration;

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

/// Settings of the controllers; the defaults are Flux's where Flux has the setting.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many scans, policies and pushes run at once, each.
    pub concurrent: usize,
    /// Delay before the first retry of an object; doubles with each.
    pub min_retry_delay: Duration,
    /// The longest delay before a retry.
    pub max_retry_delay: Duration,
    /// Delay before a policy looks again for tags that were not there.
    pub requeue_dependency: Duration,
    /// Whether references into other namespaces are refused.
    pub cross_namespace: CrossNamespace,
    /// The namespace that is watched; all when absent.
    pub watch_namespace: Option<String>,
    /// The namespace the program runs in, whose workloads are not marked; `None` if it is none of those that are watched
    /// for others.
    pub own_namespace: Option<String>,
    /// Which objects are looked at; all when absent.
    pub label_selector: Option<String>,
    /// What is switched on and off.
    pub gates: Gates,
    /// ServiceAccount of an object's namespace that is used where the object names none.
    pub default_service_account: Option<String>,
    /// Where the tag store and the Git mirrors are.
    pub storage_path: PathBuf,
    /// How long a writer waits for more automations before it fetches and pushes, since the last that came.
    pub quiet_period: Duration,
    /// The same, since the first that came.
    pub quiet_period_max: Duration,
}

impl Options {
    /// Returns the objects of a kind that are watched.
    pub fn watched<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.watch_namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }
}

/// Whether an object may refer to one of another namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrossNamespace {
    /// It may, where the other object's own rules let it.
    #[default]
    Allowed,
    /// It may not.
    Blocked,
}

/// Feature gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// `ObjectLevelWorkloadIdentity`: objects may name the ServiceAccount whose cloud identity is used.
    pub object_level_workload_identity: bool,
    /// `GitForcePushBranch`: a push branch that is not the checkout branch is forced, with a lease.
    pub git_force_push_branch: bool,
    /// `GitAllBranchReferences`: an existing push branch is continued.
    pub git_all_branch_references: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            object_level_workload_identity: false,
            git_force_push_branch: true,
            git_all_branch_references: true,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrent: 4,
            min_retry_delay: Duration::from_millis(750),
            max_retry_delay: Duration::from_secs(15 * 60),
            requeue_dependency: Duration::from_secs(30),
            cross_namespace: CrossNamespace::Allowed,
            watch_namespace: None,
            own_namespace: None,
            label_selector: None,
            gates: Gates::default(),
            default_service_account: None,
            storage_path: PathBuf::from("/data"),
            quiet_period: Duration::from_secs(2),
            quiet_period_max: Duration::from_secs(15),
        }
    }
}
