//! `imgauto-reconciler`: image updates through Git, in a cluster.

mod args;

use std::process::ExitCode;

use clap::Parser as _;
use reconciler::chain::Chain;
use reconciler::controllers;
use reconciler::process::{self, logs};
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
                    flag = idle.name,
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
    let tokens = settings.token_cache;
    let work = move |shared, work| controllers::run(shared, work, tokens);
    let ended = runtime.block_on(process::run(settings, work));
    // Threads that still wait for a server are left behind: the kernel ends them.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

fn failure(error: &dyn std::error::Error) -> ExitCode {
    error!(error = %Chain(error), "cannot go on");
    ExitCode::FAILURE
}
