//! How long a policy takes to choose among 10,000 tags, against its budget.

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::policy::{Policy, PolicySpec, SelectError};

const TAGS: usize = 10_000;
const ROUNDS: usize = 200;
const BUDGET: Duration = Duration::from_millis(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let versions: Vec<String> = (0..TAGS)
        .map(|n| match n % 5 {
            0 => format!("v{}.{}.{}", n / 1000, n / 100 % 10, n % 100),
            1 => format!("{}.{}.{}-rc.{}", n / 1000, n / 100 % 10, n % 100, n % 7),
            2 => format!("sha-{:07x}", n * 7919),
            _ => format!("{}.{}.{}", n / 1000, n / 100 % 10, n % 100),
        })
        .collect();
    let builds: Vec<String> = (0..TAGS)
        .map(|n| match n % 5 {
            0 => format!("dev-{:07x}-{}", n * 7919, 1_606_234_201 + n * 37),
            _ => format!("main-{:07x}-{}", n * 7919, 1_606_234_201 + n * 37),
        })
        .collect();
    let nothing = PolicySpec::default();
    let cases = [
        (
            "semver",
            &versions,
            PolicySpec {
                semver_range: Some(">=1.0.0 <9"),
                ..nothing
            },
        ),
        (
            "semver with pre-releases",
            &versions,
            PolicySpec {
                semver_range: Some(">=1.0.0-0"),
                ..nothing
            },
        ),
        (
            "regex and numerical",
            &builds,
            PolicySpec {
                numerical_order: Some("asc"),
                filter_pattern: Some("^main-[a-f0-9]+-(?P<ts>[0-9]+)$"),
                filter_extract: Some("$ts"),
                ..nothing
            },
        ),
        (
            "regex and semver",
            &versions,
            PolicySpec {
                semver_range: Some(">=1.0.0"),
                filter_pattern: Some(r"^v?(\d+\.\d+\.\d+)$"),
                filter_extract: Some("$1"),
                ..nothing
            },
        ),
        (
            "alphabetical",
            &builds,
            PolicySpec {
                alphabetical_order: Some("asc"),
                ..nothing
            },
        ),
    ];
    println!("choose among {TAGS} tags, {ROUNDS} rounds, budget {BUDGET:?}");
    for (name, tags, spec) in cases {
        let policy = Policy::new(&spec)?;
        let mut times = (0..ROUNDS)
            .map(|_| time(&policy, tags))
            .collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        let median = times[ROUNDS / 2];
        let share = 100.0 * median.as_secs_f64() / BUDGET.as_secs_f64();
        println!(
            "  {name:<26} median {median:>9.1?}  worst {:>9.1?}  {share:>5.1} % of the budget",
            times[ROUNDS - 1]
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn time(policy: &Policy, tags: &[String]) -> Result<Duration, SelectError> {
    let start = Instant::now();
    black_box(policy.select(black_box(tags), None)?);
    Ok(start.elapsed())
}
