//! `imgauto-reconciler`: image updates through Git, in a cluster.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use reconciler::chain::Chain;
use reconciler::cluster::Shared;
use reconciler::policy;
use reconciler::process::{self, Work, logs};
use reconciler::scan::{self, Repositories};
use tracing::{error, info};

use args::{Args, Environment};

fn main() -> ExitCode {
    // The first thing in the process: whoever opens a connection later finds this provider. It
    // fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Args::parse();
    logs::start(args.log_level(), args.log_encoding());
    let settings = match args.settings(Environment::of_process()) {
        Ok((settings, idle)) => {
            for idle in idle {
                info!(
                    name = idle.name,
                    reason = idle.reason,
                    "accepted without effect"
                );
            }
            settings
        }
        Err(error) => return failure(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    let ended = runtime.block_on(process::run(settings, work));
    // Threads that still wait for a server are left behind: the kernel ends them.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

/// Runs the controllers until they are told to end.
async fn work(shared: Arc<Shared>, work: Work) {
    let [repositories_synced, policies_synced, automations_synced] = work.synced;
    automations_synced.done();
    let stop = &work.ending.stop;
    let (repositories, feed) = Repositories::new(&shared);
    let scans = scan::run(
        Arc::clone(&shared),
        Arc::clone(&repositories),
        feed,
        (repositories_synced, stop.clone()),
    );
    let policies = policy::run(shared, repositories, (policies_synced, stop.clone()));
    tokio::join!(scans, policies);
}

fn failure(error: &dyn std::error::Error) -> ExitCode {
    error!(error = %Chain(error), "cannot go on");
    ExitCode::FAILURE
}
