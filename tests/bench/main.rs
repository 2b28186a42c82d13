//! The budgets of the product, measured on realistic sizes: `make bench`, written down in docs/benchmarks.md.
//!
//! Every figure is the median of several rounds, with the fastest and slowest beside it. Nothing here fails because a
//! machine is slow.

mod edit;
mod git;
mod plugin;

use std::time::{Duration, Instant};

use engine::change::LatestRef;
use engine::marker::{Policy, Wanted};

fn main() {
    // `cargo test --benches` and the like only want to know that this starts.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    edit::measure();
    git::measure();
    plugin::measure();
}

/// Runs `round` several times and prints its median time and what that is of `budget`.
fn report(
    name: &str,
    rounds: usize,
    budget: Option<Duration>,
    mut round: impl FnMut() -> Duration,
) -> Duration {
    let mut times: Vec<Duration> = (0..rounds).map(|_| round()).collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    let share = budget.map_or(String::new(), |budget| {
        format!(
            "  {:4.0} % of {budget:?}",
            100.0 * median.as_secs_f64() / budget.as_secs_f64()
        )
    });
    show(&format!(
        "{name:<66} {:>9.2?}  ({:.2?} … {:.2?}){share}",
        median,
        times[0],
        times[times.len() - 1]
    ));
    median
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn show(line: &str) {
    println!("{line}");
}

/// One policy of `flux-system`, which wants `ghcr.io/org/app` at `tag`.
fn wanted(policy: &str, tag: &str) -> Wanted {
    let latest = LatestRef {
        name: "ghcr.io/org/app".into(),
        tag: tag.into(),
        digest: None,
    };
    Wanted {
        namespace: "flux-system".into(),
        policies: [(policy.into(), Policy::Latest(latest))].into(),
    }
}
