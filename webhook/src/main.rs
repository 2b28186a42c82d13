//! `imgauto-webhook`: the admission server, in a cluster.

mod args;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;
use tracing::error;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use webhook::chain::Chain;
use webhook::process;

use args::{Args, LogEncoding};

/// The crates of this program, whose messages are chosen with secrets in mind. Of others only warnings are heard.
const OURS: [&str; 2] = ["webhook", "imgauto_webhook"];

/// The most threads that answer. One gives more answers than an API server has questions, and each holds memory of its
/// own, of which a node with many processors would make much.
const THREADS: usize = 4;

fn main() -> ExitCode {
    // The first thing in the process: whoever opens a connection later finds this provider. It
    // fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Args::parse();
    start_logs(&args);
    process::tell_of_panics();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    let ended = runtime.block_on(process::run(args.settings()));
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

fn runtime() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(THREADS, usize::from);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(processors.min(THREADS)).enable_all();
    runtime.build()
}

fn start_logs(args: &Args) {
    let ours = OURS.map(|target| (target, args.log_level()));
    let libraries = args
        .log_level()
        .min(tracing::level_filters::LevelFilter::WARN);
    let filter = Targets::new().with_default(libraries).with_targets(ours);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    match args.log_encoding() {
        LogEncoding::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false);
            tracing_subscriber::registry()
                .with(lines)
                .with(filter)
                .init();
        }
        LogEncoding::Console => tracing_subscriber::registry()
            .with(lines)
            .with(filter)
            .init(),
    }
}

fn failure(error: &dyn std::error::Error) -> ExitCode {
    error!(error = %Chain(error), "cannot go on");
    ExitCode::FAILURE
}
