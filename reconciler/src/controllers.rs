//! All controllers together, and what they share with each other.

use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::chain::Chain;
use crate::cloud::{CacheLimits, CloudLogins, Environment, ServiceAccounts};
use crate::cluster::{Options, Shared};
use crate::process::Work;
use crate::scan::Repositories;
use crate::writers::{self, Writers};
use crate::{automation, drift, policy, scan};

/// Runs the controllers until they are told to end.
///
/// Returns early, after a line in the log, when they cannot be set up.
pub async fn run(shared: Arc<Shared>, work: Work, limits: CacheLimits) {
    let Some((writers, logins)) = set_up(&shared, limits) else {
        return;
    };
    let [scans, policies, automations] = work.synced;
    let stop = &work.ending.stop;
    let (repositories, feed) = Repositories::new(&shared, logins.clone());
    tokio::join!(
        scan::run(
            Arc::clone(&shared),
            Arc::clone(&repositories),
            feed,
            (scans, stop.clone()),
        ),
        policy::run(Arc::clone(&shared), repositories, (policies, stop.clone())),
        drift::run(Arc::clone(&shared), stop.clone()),
        automation::run(shared, writers, logins, automations, work.ending.clone()),
    );
}

fn set_up(shared: &Shared, limits: CacheLimits) -> Option<(Writers, CloudLogins)> {
    let Options {
        gates,
        quiet_period,
        quiet_period_max,
        concurrent,
        ..
    } = *shared.options;
    let accounts = gates
        .object_level_workload_identity
        .then(|| ServiceAccounts::new(shared.client.clone()));
    let environment = Environment::of_process();
    let logins = CloudLogins::new(environment, accounts, limits, shared.metrics.clone())
        .inspect_err(|error| error!(error = %Chain(error), "cloud logins cannot be set up"))
        .ok()?;
    let options = writers::Options {
        quiet: quiet_period,
        longest: quiet_period_max,
        concurrent,
        ..writers::Options::default()
    };
    let storage = &shared.options.storage_path;
    let make = |storage| {
        let (runtime, metrics) = (Handle::current(), shared.metrics.clone());
        Writers::new(storage, options, runtime, metrics)
    };
    let writers = make(Some(storage.as_path())).or_else(|error| {
        let path = storage.display();
        warn!(%path, error = %Chain(&error), "Git mirrors are kept in a temporary directory instead");
        make(None)
    });
    let writers = writers
        .inspect_err(|error| error!(error = %Chain(error), "there is no place for Git mirrors"))
        .ok()?;
    Some((writers, logins))
}
