//! From flags and environment to what the process runs with.

use std::time::Duration;

use reconciler::cloud::CacheLimits;
use reconciler::cluster::{CrossNamespace, Options};
use reconciler::process::Settings;
use reconciler::process::connect::Access;
use reconciler::process::leader::Election;
use thiserror::Error;

use super::gates::{self, UnknownGate};
use super::{Args, Idle, Work};

/// The longest time a cloud token is kept, whatever the flag says.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// What is read of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `RUNTIME_NAMESPACE`: the namespace the program runs in.
    pub(crate) runtime_namespace: Option<String>,
    /// Whether `KUBECONFIG` names files.
    pub(crate) has_kubeconfig: bool,
}

impl Environment {
    /// The environment of this process. Variables that are empty count as absent.
    pub(crate) fn of_process() -> Self {
        let runtime_namespace = std::env::var("RUNTIME_NAMESPACE").ok();
        Self {
            runtime_namespace: runtime_namespace.filter(|namespace| !namespace.is_empty()),
            has_kubeconfig: std::env::var_os("KUBECONFIG").is_some_and(|files| !files.is_empty()),
        }
    }
}

/// Flags that are fine one by one and not together.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum SettingsError {
    /// A feature gate nobody knows.
    #[error(transparent)]
    Gate(#[from] UnknownGate),
    /// A default ServiceAccount without the feature that uses it.
    #[error("--default-service-account needs --feature-gates=ObjectLevelWorkloadIdentity=true")]
    DefaultServiceAccount,
    /// One namespace is to be watched, and nothing says which.
    #[error("--watch-all-namespaces=false needs the environment variable RUNTIME_NAMESPACE")]
    WatchNamespace,
    /// Somebody else could take the lease while its holder still works.
    #[error(
        "--leader-election-lease-duration must be greater than --leader-election-renew-deadline"
    )]
    LeaseDuration,
    /// A leader would give up after its first failure.
    #[error(
        "--leader-election-renew-deadline must be greater than 1.2 times --leader-election-retry-period"
    )]
    RenewDeadline,
    /// A pause of no time between tries would load the API server.
    #[error("--leader-election-retry-period must be greater than zero")]
    RetryPeriod,
    /// The first retry would come later than the last.
    #[error("--min-retry-delay must not be greater than --max-retry-delay")]
    RetryDelay,
    /// Automations would wait longer than the longest wait.
    #[error("--quiet-period must not be greater than --quiet-period-max")]
    QuietPeriod,
}

impl Args {
    /// Puts the flags together.
    ///
    /// Also returns what was given and has no effect, so that it can be logged.
    pub(crate) fn settings(
        self,
        environment: Environment,
    ) -> Result<(Settings, Vec<Idle>), SettingsError> {
        let (gates, idle) = gates::gates(&self.cluster.feature_gates)?;
        let idle = [idle, self.tolerated.given()].concat();
        let account = some(self.cluster.default_service_account);
        if account.is_some() && !gates.object_level_workload_identity {
            return Err(SettingsError::DefaultServiceAccount);
        }
        let watch_namespace = match self.cluster.watch_all_namespaces {
            true => None,
            false => Some(environment.runtime_namespace.clone()),
        };
        let watch_namespace = match watch_namespace {
            Some(None) => return Err(SettingsError::WatchNamespace),
            namespace => namespace.flatten(),
        };
        // Who watches one namespace runs there because of its workloads.
        let own_namespace = match &watch_namespace {
            None => environment.runtime_namespace.clone(),
            Some(_) => None,
        };
        self.work.check()?;
        let election = self.election.check()?;
        let cross_namespace = match self.cluster.no_cross_namespace_refs {
            true => CrossNamespace::Blocked,
            false => CrossNamespace::Allowed,
        };
        let access = match self.cluster.kubeconfig {
            Some(file) => Access::File(file),
            None if environment.has_kubeconfig => Access::Environment,
            None => Access::InCluster,
        };
        let work = self.work;
        let settings = Settings {
            metrics_addr: self.addresses.metrics_addr,
            health_addr: self.addresses.health_addr,
            events_addr: self.addresses.events_addr.0,
            access,
            runtime_namespace: environment.runtime_namespace,
            election,
            graceful_shutdown_timeout: work.graceful_shutdown_timeout,
            token_cache: CacheLimits {
                size: work.token_cache_max_size,
                duration: work.token_cache_max_duration.min(TOKEN_LIFE),
            },
            options: Options {
                concurrent: usize::from(work.concurrent),
                min_retry_delay: work.min_retry_delay,
                max_retry_delay: work.max_retry_delay,
                requeue_dependency: work.requeue_dependency,
                cross_namespace,
                own_namespace,
                watch_namespace,
                label_selector: some(self.cluster.watch_label_selector),
                gates,
                default_service_account: account,
                storage_path: work.storage_path,
                quiet_period: work.quiet_period,
                quiet_period_max: work.quiet_period_max,
            },
        };
        Ok((settings, idle))
    }
}

impl Work {
    fn check(&self) -> Result<(), SettingsError> {
        if self.min_retry_delay > self.max_retry_delay {
            return Err(SettingsError::RetryDelay);
        }
        if self.quiet_period > self.quiet_period_max {
            return Err(SettingsError::QuietPeriod);
        }
        Ok(())
    }
}

impl super::Election {
    /// The election that is asked for, if one is: client-go's conditions hold.
    fn check(&self) -> Result<Option<Election>, SettingsError> {
        if !self.enable_leader_election {
            return Ok(None);
        }
        let election = Election {
            lease_duration: self.leader_election_lease_duration,
            renew_deadline: self.leader_election_renew_deadline,
            retry_period: self.leader_election_retry_period,
            release_on_cancel: self.leader_election_release_on_cancel,
        };
        if election.lease_duration <= election.renew_deadline {
            return Err(SettingsError::LeaseDuration);
        }
        if election.renew_deadline <= election.retry_period.mul_f64(1.2) {
            return Err(SettingsError::RenewDeadline);
        }
        if election.retry_period.is_zero() {
            return Err(SettingsError::RetryPeriod);
        }
        Ok(Some(election))
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
