//! How long a policy takes to choose among 10,000 tags, against its budget.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::policy::{Policy, PolicyError, PolicySpec, SelectError};

const TAGS: usize = 10_000;
const ROUNDS: usize = 200;
/// In milliseconds.
const BUDGET: f64 = 2.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    line(["what", "median", "min … max", "budget", "ratio"]);
    line(["---", "---:", "---:", "---:", "---:"]);
    for case in cases()? {
        let mut times = (0..ROUNDS)
            .map(|_| time(&case))
            .collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        let [least, median, most] =
            [0, ROUNDS / 2, ROUNDS - 1].map(|at| 1e3 * times[at].as_secs_f64());
        line([
            &format!("choose among 10,000 tags: {}", case.name),
            &format!("{median:.2} ms"),
            &format!("{least:.2} … {most:.2}"),
            &format!("≤ {BUDGET} ms"),
            &format!("{:.2}", median / BUDGET),
        ]);
    }
    Ok(())
}

fn line([what, median, spread, budget, ratio]: [&str; 5]) {
    println!("| {what:<76} | {median:>9} | {spread:>15} | {budget:>9} | {ratio:>5} |");
}

struct Case {
    name: &'static str,
    policy: Policy,
    tags: Vec<String>,
}

fn cases() -> Result<Vec<Case>, PolicyError> {
    let case = |name, tags: fn() -> Vec<String>, spec: PolicySpec<'_>| {
        Ok(Case {
            name,
            policy: Policy::new(&spec)?,
            tags: tags(),
        })
    };
    let range = |range| PolicySpec {
        semver_range: Some(range),
        ..PolicySpec::default()
    };
    let filtered = |spec, pattern, extract| PolicySpec {
        filter_pattern: Some(pattern),
        filter_extract: Some(extract),
        ..spec
    };
    let numbers = PolicySpec {
        numerical_order: Some("asc"),
        ..PolicySpec::default()
    };
    let names = PolicySpec {
        alphabetical_order: Some("asc"),
        ..PolicySpec::default()
    };
    let build = "^main-[a-f0-9]+-(?P<ts>[0-9]+)$";
    vec![
        case("semver", versions, range(">=1.0.0 <9")),
        case("semver with pre-releases", versions, range(">=1.0.0-0")),
        case(
            "regex and numerical",
            builds,
            filtered(numbers, build, "$ts"),
        ),
        case(
            "regex and semver",
            versions,
            filtered(range(">=1.0.0"), r"^v?(\d+\.\d+\.\d+)$", "$1"),
        ),
        case("alphabetical", builds, names),
    ]
    .into_iter()
    .collect()
}

/// Releases, some with `v`, pre-releases, and commits.
fn versions() -> Vec<String> {
    let tag = |n: usize| {
        let (major, minor, patch) = (n / 1000, n / 100 % 10, n % 100);
        match n % 5 {
            0 => format!("v{major}.{minor}.{patch}"),
            1 => format!("{major}.{minor}.{patch}-rc.{}", n % 7),
            2 => format!("sha-{:07x}", n * 7919),
            _ => format!("{major}.{minor}.{patch}"),
        }
    };
    (0..TAGS).map(tag).collect()
}

/// Builds of two branches, with commit and time.
fn builds() -> Vec<String> {
    let tag = |n: usize| {
        let branch = if n.is_multiple_of(5) { "dev" } else { "main" };
        format!("{branch}-{:07x}-{}", n * 7919, 1_606_234_201 + n * 37)
    };
    (0..TAGS).map(tag).collect()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn time(case: &Case) -> Result<Duration, SelectError> {
    let start = Instant::now();
    black_box(case.policy.select(black_box(&case.tags), None)?);
    Ok(start.elapsed())
}
