//! The budgets of the product, measured on realistic sizes: `make bench`, written down in docs/benchmarks.md.
//!
//! Every figure is the median of several rounds, with the fastest and slowest beside it. Nothing here fails because a
//! machine is slow. Words on the command line choose among `edit`, `plugin`, `git`, `cluster`, `status`, `webhook` and
//! `webhook-cluster`.

mod cluster;
mod edit;
mod fleet;
mod git;
mod plugin;
mod process;
mod push;
mod status;
mod table;
mod webhook;

use std::time::{Duration, Instant};

use engine::change::LatestRef;
use engine::marker::{Policy, Wanted};

use crate::fleet::Fleet;

fn main() {
    // `cargo test --benches` and the like only want to know that this starts.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    table::begin();
    if is_chosen("edit") {
        edit::measure();
    }
    if is_chosen("plugin") {
        plugin::measure();
    }
    if is_chosen("git") {
        let fleet = Fleet::new();
        git::measure(&fleet);
        push::measure(&fleet);
    }
    if is_chosen("cluster") {
        cluster::measure();
    }
    if is_chosen("status") {
        status::measure();
    }
    if is_chosen("webhook") {
        webhook::measure();
    }
    if is_chosen("webhook-cluster") {
        webhook::measure_in_cluster();
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// One policy of `flux-system`, which wants `image` at `tag`.
fn wanted(policy: &str, image: &str, tag: &str) -> Wanted {
    let latest = LatestRef {
        name: image.into(),
        tag: tag.into(),
        digest: None,
    };
    Wanted {
        namespace: "flux-system".into(),
        policies: [(policy.into(), Policy::Latest(latest))].into(),
        ..Wanted::default()
    }
}
